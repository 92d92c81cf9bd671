"""Totals with a meaning of their own, each one statement: suppliers, stock by place and batch, late orders.

A report is SQL over the book with the columns of its answer, in the order by which it is paged.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from chassis.db import Database
from chassis.errors import Invalid, Problem
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.store.tables import SCHEMA
from services.ingest.usecases.reporting import ReportPage, ReportWanted

TEXT, WHOLE, FLOAT, DAY = pl.String(), pl.Int64(), pl.Float64(), pl.Date()
TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`sql` has :first, :last and :today; `order` names its columns that tell every row apart."""

    columns: dict[str, pl.DataType]
    order: tuple[str, ...]
    sql: str


SUPPLIERS = Report(
    columns={
        "supplier_code": TEXT,
        "material": TEXT,
        "name": TEXT,
        "lines": WHOLE,
        "received_lines": WHOLE,
        "open_lines": WHOLE,
        "lead_days_agreed": WHOLE,
        "lead_days_mean": FLOAT,
        "lead_days_p90": FLOAT,
        "promised_lines": WHOLE,
        "on_time_rate": FLOAT,
        "late_open_lines": WHOLE,
        "last_ordered_on": DAY,
    },
    order=("supplier_code", "material"),
    # On time: of the lines whose promise is due, those that had come by the promised day.
    sql=f"""
WITH line AS (
  SELECT supplier_code, material, ordered_on, promised_on,
         (received_at AT TIME ZONE '{TRADE_ZONE}')::date AS received_on
  FROM {SCHEMA}.purchase_order
  WHERE status <> 'cancelled' AND ordered_on BETWEEN :first AND :last
)
SELECT line.supplier_code, line.material, max(supplier.name) AS name, count(*) AS lines,
       count(received_on) AS received_lines, count(*) - count(received_on) AS open_lines,
       max(supplier.lead_days) AS lead_days_agreed,
       avg(received_on - ordered_on)::double precision AS lead_days_mean,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY received_on - ordered_on) AS lead_days_p90,
       count(*) FILTER (WHERE promised_on < :today OR promised_on >= received_on) AS promised_lines,
       count(*) FILTER (WHERE received_on <= promised_on)::double precision
         / nullif(count(*) FILTER (WHERE promised_on < :today OR promised_on >= received_on), 0) AS on_time_rate,
       count(*) FILTER (WHERE received_on IS NULL AND promised_on < :today) AS late_open_lines,
       max(ordered_on) AS last_ordered_on
FROM line LEFT JOIN {SCHEMA}.supplier USING (supplier_code, material)
GROUP BY line.supplier_code, line.material
""",
)

STOCK = Report(
    columns={
        "place_kind": TEXT,
        "place": TEXT,
        "sku_code": TEXT,
        "batch_no": TEXT,
        "biz_date": DAY,
        "stock_base": WHOLE,
        "reserved_base": WHOLE,
        "in_transit_base": WHOLE,
        "produced_on": DAY,
        "counted_on": DAY,
        "counted_base": WHOLE,
        "system_at_count_base": WHOLE,
        "difference_base": WHOLE,
        "adjusted_since_base": WHOLE,
    },
    order=("place_kind", "place", "sku_code", "batch_no"),
    # A count goes slot by slot: what was counted last in each slot on one day, added up, against the stock that the
    # system had at the end of that day or before it.
    sql=f"""
WITH stock AS (
  SELECT DISTINCT ON (wh_code, sku_code, batch_no) wh_code, sku_code, batch_no, biz_date, on_hand_base, reserved_base,
         produced_on
  FROM {SCHEMA}.finished_stock WHERE biz_date BETWEEN :first AND :last
  ORDER BY wh_code, sku_code, batch_no, biz_date DESC
), slot AS (
  SELECT DISTINCT ON (wh_code, sku_code, batch_no, biz_date, coalesce(to_slot, from_slot, ''))
         wh_code, sku_code, coalesce(batch_no, '') AS batch_no, biz_date, qty_base
  FROM {SCHEMA}.wms_move WHERE move = 'count' AND biz_date BETWEEN :first AND :last
  ORDER BY wh_code, sku_code, batch_no, biz_date, coalesce(to_slot, from_slot, ''), started_at DESC
), counted AS (
  SELECT DISTINCT ON (wh_code, sku_code, batch_no) wh_code, sku_code, batch_no, biz_date AS counted_on,
         sum(qty_base)::bigint AS counted_base
  FROM slot GROUP BY wh_code, sku_code, batch_no, biz_date
  ORDER BY wh_code, sku_code, batch_no, biz_date DESC
), compared AS (
  SELECT counted.*, system.on_hand_base AS system_base, adjusted.base AS adjusted_base
  FROM counted
  LEFT JOIN LATERAL (
    SELECT on_hand_base FROM {SCHEMA}.finished_stock s
    WHERE s.wh_code = counted.wh_code AND s.sku_code = counted.sku_code AND s.batch_no = counted.batch_no
      AND s.biz_date <= counted.counted_on ORDER BY s.biz_date DESC LIMIT 1
  ) system ON true
  LEFT JOIN LATERAL (
    SELECT sum(qty_base)::bigint AS base FROM {SCHEMA}.wms_move m
    WHERE m.move = 'adjust' AND m.wh_code = counted.wh_code AND m.sku_code = counted.sku_code
      AND m.batch_no = counted.batch_no AND m.biz_date >= counted.counted_on
  ) adjusted ON true
), company AS (
  SELECT DISTINCT ON (org_code, sku_code) org_code, sku_code, biz_date, stock_base, in_transit_base
  FROM {SCHEMA}.commercial_stock WHERE biz_date BETWEEN :first AND :last
  ORDER BY org_code, sku_code, biz_date DESC
)
SELECT 'warehouse' AS place_kind, coalesce(stock.wh_code, c.wh_code) AS place,
       coalesce(stock.sku_code, c.sku_code) AS sku_code, coalesce(stock.batch_no, c.batch_no) AS batch_no,
       stock.biz_date, stock.on_hand_base AS stock_base, stock.reserved_base, NULL::bigint AS in_transit_base,
       stock.produced_on, c.counted_on, c.counted_base, c.system_base AS system_at_count_base,
       c.counted_base - c.system_base AS difference_base, c.adjusted_base AS adjusted_since_base
FROM stock FULL JOIN compared c USING (wh_code, sku_code, batch_no)
UNION ALL
SELECT 'company', org_code, sku_code, '', biz_date, stock_base, NULL, in_transit_base,
       NULL, NULL, NULL, NULL, NULL, NULL
FROM company
""",
)

LATE_ORDERS = Report(
    columns={
        "promised_on": DAY,
        "kind": TEXT,
        "record_key": TEXT,
        "no": TEXT,
        "line_no": WHOLE,
        "party": TEXT,
        "sku_code": TEXT,
        "qty_base": WHOLE,
        "state": TEXT,
        "days_late": WHOLE,
        "source": TEXT,
    },
    order=("promised_on", "kind", "record_key"),
    # A retailer's order has no promise of its own: it is due one order cycle of the shop after it was made.
    sql=f"""
SELECT due.*, (:today - promised_on)::bigint AS days_late FROM (
  SELECT o.biz_date + coalesce(r.order_cycle_days, 7)::int AS promised_on, 'commercial_order' AS kind, o.record_key,
         o.order_no AS no, o.line_no, o.retailer_code AS party, o.sku_code, o.qty_order_base AS qty_base, o.state,
         o.source
  FROM {SCHEMA}.commercial_order o LEFT JOIN {SCHEMA}.retailer r USING (retailer_code)
  WHERE o.state IN ('new', 'confirmed', 'delivering') AND o.delivered_at IS NULL AND o.biz_date BETWEEN :first AND :last
  UNION ALL
  SELECT promised_on, 'oms_order', record_key, oms_no, line_no, buyer_org, sku_code, qty_base, status, source
  FROM {SCHEMA}.oms_order
  WHERE status NOT IN ('received', 'settled', 'cancelled') AND promised_on BETWEEN :first AND :last
  UNION ALL
  SELECT planned_on, 'transfer', record_key, transfer_no, line_no, to_org, sku_code, qty_base, status, source
  FROM {SCHEMA}.transfer
  WHERE status NOT IN ('received', 'cancelled') AND planned_on BETWEEN :first AND :last
) due WHERE promised_on < :today
""",
)

REPORTS = {"suppliers": SUPPLIERS, "stock": STOCK, "late_orders": LATE_ORDERS}


async def report(db: Database, wanted: ReportWanted) -> ReportPage:
    """A page of a report, in its own order."""
    return await page_of(db, REPORTS[wanted.name], wanted)


async def page_of(db: Database, report: Report, wanted: ReportWanted) -> ReportPage:
    """The rows after the cursor, by the columns that tell them apart."""
    conditions = ["true"]
    values: dict[str, object] = {"first": wanted.first, "last": wanted.last, "today": wanted.today}
    values = {name: value for name, value in values.items() if f":{name}" in report.sql}
    for place, (name, value) in enumerate(wanted.equal):
        if report.columns.get(name) not in (TEXT, DAY):
            message = f"filter by one of {', '.join(name for name, type_ in report.columns.items() if type_ == TEXT)}"
            raise Invalid("the report cannot be filtered by this", errors=[Problem("/equal", "unknown_field", message)])
        conditions.append(f"{name}::text = :equal{place}")
        values[f"equal{place}"] = value
    if wanted.cursor:
        place_after = after(wanted.cursor, report)
        names = ", ".join(report.order)
        conditions.append(f"({names}) > ({', '.join(f':after{place}' for place in range(len(place_after)))})")
        values |= {f"after{place}": value for place, value in enumerate(place_after)}
    sql = re.sub(r"(?<!:):(first|last|today)\b", r"CAST(:\1 AS date)", report.sql)
    statement = sa.text(
        f"SELECT {', '.join(report.columns)} FROM ({sql}) report WHERE {' AND '.join(conditions)} "
        f"ORDER BY {', '.join(report.order)} LIMIT :limit"
    )
    async with db.transaction() as session:
        rows = (await session.execute(statement, {**values, "limit": wanted.limit + 1})).all()
    return ReportPage(_frame(report, rows[: wanted.limit]), cursor_of(report, rows, wanted.limit))


def _frame(report: Report, rows: Sequence[Any]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(report.columns)
    series = zip(report.columns.items(), columns, strict=True)
    return pl.DataFrame([pl.Series(name, list(values), dtype=dtype) for (name, dtype), values in series])


def cursor_of(report: Report, rows: Sequence[Any], limit: int) -> str:
    """Where the next page begins; empty where these rows, one more than the limit at most, are the last."""
    if len(rows) <= limit:
        return ""
    last = rows[limit - 1]
    return base64.urlsafe_b64encode(
        json.dumps([getattr(last, name) for name in report.order], default=str).encode()
    ).decode()


def after(cursor: str, report: Report) -> list[Any]:
    """The place that a cursor names; raises Invalid where it names none."""
    try:
        given = json.loads(base64.urlsafe_b64decode(cursor))
        return [
            date.fromisoformat(value) if report.columns[name] == DAY else str(value)
            for name, value in zip(report.order, given, strict=True)
        ]
    except (ValueError, TypeError, binascii.Error):
        message = "use the cursor as the previous page gave it"
        raise Invalid("the cursor is not valid", errors=[Problem("", "cursor", message)]) from None
