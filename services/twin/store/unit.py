"""Writing twins: locks, state, journal, inbox mark and events in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import copy_frame, read_frame, stage_frame, upsert_frame
from chassis.outbox import is_new, tell
from marketwin.twin.v1 import events_pb2
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import Types
from services.twin.store.tables import INBOX, OUTBOX, RELATION, SALE, SCHEMA, TWIN, is_one_of, twin_of
from services.twin.wire import twin_message

EVENT_TWINS = 1000


class PostgresUnit:
    """One transaction: locks, state, journal, inbox mark and events together."""

    def __init__(self, session: AsyncSession, types: Types) -> None:
        self.types = types
        self._session = session
        self.told = False

    async def is_new(self, consumer: str, message_id: str) -> bool:
        return await is_new(self._session, INBOX, consumer, message_id)

    async def lock(self, ids: Sequence[str], origin: Origin) -> dict[str, Twin]:
        """The twins of the ids, locked until the end; one that is not there yet comes with revision 0."""
        place = pl.DataFrame({"id": sorted(ids)}).with_columns(
            model=pl.lit(""),
            revision=pl.lit(0),
            **dict.fromkeys(("properties", "desired", "times"), pl.lit("{}")),
            relations=pl.lit("[]"),
            changed_at=pl.lit(origin.changed_at),
            known_at=pl.lit(origin.known_at),
            source=pl.lit(origin.source),
            trace_id=pl.lit(origin.trace_id),
            deleted=pl.lit(False),
        )
        name = await stage_frame(self._session, TWIN, place, name="locked")
        columns = ", ".join(place.columns)
        # Rows of twins to come are inserted in id order, so that two writers meet in the same order.
        await self._session.execute(
            sa.text(
                f"INSERT INTO {TWIN.fullname} ({columns}) SELECT {columns} FROM {name} ORDER BY id "
                "ON CONFLICT DO NOTHING"
            )
        )
        query = (
            sa.select(TWIN)
            .where(TWIN.c.id == sa.any_(sa.cast(list(ids), sa.ARRAY(sa.Text))))
            .order_by(TWIN.c.id)
            .with_for_update()
        )
        return {row.id: twin_of(row) for row in (await self._session.execute(query)).all()}

    async def save(self, changed: Sequence[tuple[Twin, Change]]) -> None:
        if not changed:
            return
        await upsert_frame(self._session, TWIN, _twin_frame([twin for twin, _ in changed]), key=["id"])
        await self._keep_relations(changed)
        await copy_frame(self._session, "journal", _journal_frame(changed), schema=SCHEMA)
        by_model: dict[str, list[Twin]] = {}
        for twin, _ in changed:
            by_model.setdefault(twin.model, []).append(twin)
        for model, members in by_model.items():
            events = [
                events_pb2.TwinChanged(twins=[twin_message(twin) for twin in members[start : start + EVENT_TWINS]])
                for start in range(0, len(members), EVENT_TWINS)
            ]
            await tell(self._session, OUTBOX, events, key=model)
        self.told = True

    async def _keep_relations(self, changed: Sequence[tuple[Twin, Change]]) -> None:
        """The rows of relations, for twins whose relations changed."""
        touched = [twin for twin, change in changed if "relations" in change.patch]
        if not touched:
            return
        await self._session.execute(sa.delete(RELATION).where(is_one_of(RELATION.c.id, [each.id for each in touched])))
        edges = [(twin.id, each.name, each.target) for twin in touched if twin.exists for each in twin.relations]
        if edges:
            frame = pl.DataFrame(edges, schema=["id", "name", "target"], orient="row")
            await copy_frame(self._session, "relation", frame, schema=SCHEMA)

    async def newest_sales(self, sales: pl.DataFrame) -> pl.DataFrame:
        """Keeps the newest sale per product and region; returns the newest period's totals of each touched region."""
        located = sales.filter(pl.col("adcode").is_not_null())
        if located.is_empty():
            return located
        key = ["adcode", "org_code", "sku_code", "period"]
        newest = located.sort("biz_date").group_by(key, maintain_order=True).last()
        rows = newest.select(*key, "biz_date", "qty_base", "amount", "currency")
        await upsert_frame(self._session, SALE, rows, key=key, where="excluded.biz_date >= sale.biz_date")
        totals = await read_frame(
            self._session,
            f"""
            WITH newest AS (
                SELECT DISTINCT ON (adcode) adcode, period, biz_date FROM {SALE.fullname}
                WHERE adcode = ANY(:adcodes) ORDER BY adcode, biz_date DESC, period
            )
            SELECT adcode, period AS sales_period, biz_date::text AS sales_on, sum(qty_base)::bigint AS sales_qty_base,
                   sum(amount)::text AS sales_amount, min(currency) AS sales_currency
            FROM {SALE.fullname} JOIN newest USING (adcode, period, biz_date) GROUP BY 1, 2, 3
            """,
            {"adcodes": located["adcode"].unique().to_list()},
        )
        last = located.sort("occurred_at").group_by("adcode", maintain_order=True).last()
        return totals.join(last.select("adcode", "source", "trace_id", "occurred_at"), on="adcode")


def _twin_frame(changed: Sequence[Twin]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [twin.id for twin in changed],
            "model": [twin.model for twin in changed],
            "revision": [twin.revision for twin in changed],
            "properties": [_text(twin.properties) for twin in changed],
            "desired": [_text(twin.desired) for twin in changed],
            "relations": [_text([{"name": r.name, "target": r.target} for r in twin.relations]) for twin in changed],
            "times": [_text(twin.times) for twin in changed],
            **_origin_columns([twin.origin for twin in changed]),
            "deleted": [twin.deleted for twin in changed],
        }
    )


def _journal_frame(changed: Sequence[tuple[Twin, Change]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [twin.id for twin, _ in changed],
            "revision": [change.revision for _, change in changed],
            "patch": [_text(change.patch) for _, change in changed],
            **_origin_columns([change.origin for _, change in changed]),
        }
    )


def _origin_columns(origins: Sequence[Origin]) -> dict[str, list[Any]]:
    return {
        "changed_at": [origin.changed_at for origin in origins],
        "known_at": [origin.known_at for origin in origins],
        "source": [origin.source for origin in origins],
        "trace_id": [origin.trace_id for origin in origins],
    }


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
