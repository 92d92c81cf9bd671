"""Tables, queries and outbox rows of the twin service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.db import Database, copy_frame, read_frame, stage_frame, upsert_frame
from chassis.outbox import Relay, inbox_table, is_new, outbox_table, tell
from marketwin.twin.v1 import events_pb2
from services.twin.domain import twins
from services.twin.domain.twins import Change, Json, Origin, Twin
from services.twin.wire import twin_message

SCHEMA = "twin"
EVENT_TWINS = 1000


class Base(SQLModel, registry=registry(metadata=sa.MetaData(schema=SCHEMA))):
    """Registry of this service's tables."""


def _time() -> Any:
    return Field(sa_type=sa.DateTime(timezone=True))


def _json() -> Any:
    return Field(sa_type=JSONB)


class TwinRow(Base, table=True):
    """The newest state of each twin; revision 0 marks a row that only holds the lock of a twin to be."""

    __tablename__ = "twin"

    id: str = Field(primary_key=True)
    model: str = Field(index=True)
    revision: int = Field(sa_type=sa.BigInteger)
    properties: Json = _json()
    desired: Json = _json()
    relations: list[dict[str, str]] = _json()
    times: dict[str, str] = _json()
    changed_at: datetime = _time()
    known_at: datetime = _time()
    source: str
    trace_id: str
    deleted: bool = False


class JournalRow(Base, table=True):
    """Every change of every twin as a merge patch."""

    __tablename__ = "journal"

    id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_type=sa.BigInteger)
    patch: Json = _json()
    changed_at: datetime = _time()
    known_at: datetime = _time()
    source: str
    trace_id: str


class SaleRow(Base, table=True):
    """The newest sale of each product in each region, by grain of the report."""

    __tablename__ = "sale"

    adcode: str = Field(primary_key=True)
    org_code: str = Field(primary_key=True)
    sku_code: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    biz_date: datetime = Field(sa_type=sa.Date)
    qty_base: int = Field(sa_type=sa.BigInteger)
    amount: float | None = Field(default=None, sa_type=sa.Numeric(14, 2))
    currency: str | None = None


INBOX = inbox_table(Base.metadata)
OUTBOX = outbox_table(Base.metadata)
TWIN = TwinRow.__table__  # type: ignore[attr-defined]  # set by SQLModel
JOURNAL = JournalRow.__table__  # type: ignore[attr-defined]  # as above
SALE = SaleRow.__table__  # type: ignore[attr-defined]  # as above


class PostgresStore:
    """Twins in PostgreSQL."""

    def __init__(self, db: Database, relay: Relay) -> None:
        self._db = db
        self._relay = relay

    @asynccontextmanager
    async def write(self) -> AsyncIterator[PostgresUnit]:
        async with self._db.transaction() as session:
            unit = PostgresUnit(session)
            yield unit
        if unit.told:
            self._relay.wake()

    async def get(self, twin_id: str) -> Twin | None:
        async with self._db.transaction() as session:
            row = (await session.execute(sa.select(TWIN).where(TWIN.c.id == twin_id))).first()
        return _twin(row) if row is not None and row.revision else None

    async def find(self, *, model: str, ids: Sequence[str], after: str, limit: int) -> list[Twin]:
        living = sa.and_(TWIN.c.revision > 0, ~TWIN.c.deleted, TWIN.c.id > after)
        query = sa.select(TWIN).where(living).order_by(TWIN.c.id).limit(limit)
        if model:
            query = query.where(TWIN.c.model == model)
        if ids:
            query = query.where(TWIN.c.id == sa.any_(sa.cast(list(ids), sa.ARRAY(sa.Text))))
        async with self._db.transaction() as session:
            return [_twin(row) for row in (await session.execute(query)).all()]

    async def changes(
        self, twin_id: str, *, from_revision: int, to_revision: int | None, limit: int | None
    ) -> list[Change]:
        query = sa.select(JOURNAL).where(JOURNAL.c.id == twin_id, JOURNAL.c.revision >= from_revision)
        if to_revision is not None:
            query = query.where(JOURNAL.c.revision <= to_revision)
        async with self._db.transaction() as session:
            rows = (await session.execute(query.order_by(JOURNAL.c.revision).limit(limit))).all()
        return [Change(row.revision, row.patch, _origin(row)) for row in rows]

    async def count(self) -> dict[str, int]:
        living = sa.and_(TWIN.c.revision > 0, ~TWIN.c.deleted)
        query = sa.select(TWIN.c.model, sa.func.count()).where(living).group_by(TWIN.c.model)
        async with self._db.transaction() as session:
            return {model: number for model, number in (await session.execute(query)).all()}


class PostgresUnit:
    """One transaction: locks, state, journal, inbox mark and events together."""

    def __init__(self, session: AsyncSession) -> None:
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
        return {row.id: _twin(row) for row in (await self._session.execute(query)).all()}

    async def save(self, changed: Sequence[tuple[Twin, Change]]) -> None:
        if not changed:
            return
        await upsert_frame(self._session, TWIN, _twin_frame([twin for twin, _ in changed]), key=["id"])
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


def _origin(row: sa.Row[Any]) -> Origin:
    return Origin(row.changed_at, row.known_at, row.source, row.trace_id)


def _twin(row: sa.Row[Any]) -> Twin:
    return Twin(
        id=row.id,
        model=row.model,
        revision=row.revision,
        properties=row.properties,
        desired=row.desired,
        relations=twins.relations_of(row.relations),
        origin=_origin(row),
        times=row.times,
        deleted=row.deleted,
    )
