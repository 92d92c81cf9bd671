"""Stocks of which several sources say different things, as a person finds them in the quarantine, fused (DQ-26)."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import sqlalchemy as sa

from chassis.db import Database
from chassis.errors import Invalid, Problem
from services.ingest.domain.keeping.fusion import FUSED, FusionRule, fuse
from services.ingest.store.reports import DAY, FLOAT, TEXT, Report, after, cursor_of
from services.ingest.store.tables import SCHEMA
from services.ingest.usecases.reporting import ReportPage, ReportWanted

# What the book held apart has base units; what the door set aside stands as it was sent, and may be no number at all.
_SIDES = {
    kind: f"""
SELECT '{kind}' AS kind, concat_ws('~', {", ".join(f"record ->> '{name}'" for name in keys)}) AS record_key,
       record ->> '{keys[0]}' AS place, record ->> 'sku_code' AS sku_code,
       coalesce(record ->> 'batch_no', '') AS batch_no, day.biz_date, source,
       day.biz_date::timestamptz AS occurred_at,
       CASE WHEN pg_input_is_valid(record ->> '{measure}', 'double precision')
            THEN (record ->> '{measure}')::double precision END AS value, id, quarantined_at
FROM {SCHEMA}.quarantine CROSS JOIN LATERAL (
  SELECT CASE WHEN pg_input_is_valid(record ->> 'biz_date', 'date') THEN (record ->> 'biz_date')::date END AS biz_date
) day
WHERE kind = '{kind}' AND state = 'open' AND reasons @> '[{{"rule": "DQ-05"}}]'
  AND biz_date BETWEEN :first AND :last"""
    for kind, (measure, keys) in FUSED.items()
}
REPORT = Report(
    columns={
        "kind": TEXT,
        "record_key": TEXT,
        "place": TEXT,
        "sku_code": TEXT,
        "batch_no": TEXT,
        "biz_date": DAY,
        "fused_base": FLOAT,
        "spread": FLOAT,
        "is_disputed": pl.Boolean(),
        "inputs": TEXT,
        "items": TEXT,
    },
    order=("kind", "record_key"),
    sql=f"""
SELECT said.* FROM ({" UNION ALL ".join(_SIDES.values())}) said
JOIN (
  SELECT kind, record_key FROM ({" UNION ALL ".join(_SIDES.values())}) every
  GROUP BY kind, record_key HAVING count(DISTINCT source) > 1
) several USING (kind, record_key)
ORDER BY quarantined_at
""",
)


async def contradictions(db: Database, wanted: ReportWanted, rule: FusionRule) -> ReportPage:
    """A page of such stocks; a person mends the items to the fused value, or to what is right."""
    told = await _fused(db, wanted, rule)
    for name, value in wanted.equal:
        if REPORT.columns.get(name) not in (TEXT, DAY):
            problem = Problem("/equal", "unknown_field", "filter by kind, record_key, place, sku_code or batch_no")
            raise Invalid("the report cannot be filtered by this", errors=[problem])
        told = told.filter(pl.col(name).cast(pl.String) == value)
    if wanted.cursor:
        kind, key = after(wanted.cursor, REPORT)
        told = told.filter((pl.col("kind") > kind) | ((pl.col("kind") == kind) & (pl.col("record_key") > key)))
    rows = [SimpleNamespace(**row) for row in told.head(wanted.limit + 1).select(REPORT.order).iter_rows(named=True)]
    return ReportPage(told.head(wanted.limit), cursor_of(REPORT, rows, wanted.limit))


async def _fused(db: Database, wanted: ReportWanted, rule: FusionRule) -> pl.DataFrame:
    async with db.transaction() as session:
        found = await session.execute(sa.text(REPORT.sql), {"first": wanted.first, "last": wanted.last})
        rows = found.mappings().all()
    if not rows:
        return pl.DataFrame(schema=REPORT.columns)
    said = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    about = said.group_by("kind", "record_key", maintain_order=True).agg(
        pl.first("place", "sku_code", "batch_no", "biz_date"), items=pl.col("id").str.join(" ")
    )
    parts = []
    for kind in about.get_column("kind").unique().to_list():
        fused = fuse(said.filter(pl.col("kind") == kind).drop_nulls("value"), rule)
        both = [
            frame.with_columns(is_disputed=pl.lit(value=is_disputed), kind=pl.lit(kind))
            for frame, is_disputed in ((fused.values, False), (fused.disputed, True))
        ]
        parts.append(pl.concat(both))
    told = about.join(pl.concat(parts), on=["kind", "record_key"]).rename({"value": "fused_base"})
    return told.select(pl.col(name).cast(dtype) for name, dtype in REPORT.columns.items()).sort(REPORT.order)
