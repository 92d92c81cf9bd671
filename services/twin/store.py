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
from chassis.rql.aggregates import aggregate_expressions, group_expressions, group_text
from chassis.rql.search import Search, Summary, Wanted
from chassis.rql.sql import Statement
from marketwin.twin.v1 import events_pb2
from services.twin.domain import twins
from services.twin.domain.twins import Change, Json, Origin, Twin
from services.twin.domain.types import Types
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


class RelationRow(Base, table=True):
    """The relations of living twins, as searches follow them."""

    __tablename__ = "relation"

    id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    target: str = Field(primary_key=True)


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
RELATION = RelationRow.__table__  # type: ignore[attr-defined]  # as above
JOURNAL = JournalRow.__table__  # type: ignore[attr-defined]  # as above
SALE = SaleRow.__table__  # type: ignore[attr-defined]  # as above
SEARCHED = TWIN.alias("t0")
"""The twins that a search goes through, under the name that `Statement` gives them."""


class PostgresStore:
    """Twins in PostgreSQL."""

    def __init__(self, db: Database, relay: Relay, types: Types) -> None:
        self.types = types
        self._db = db
        self._relay = relay

    @asynccontextmanager
    async def write(self) -> AsyncIterator[PostgresUnit]:
        async with self._db.transaction() as session:
            unit = PostgresUnit(session, self.types)
            yield unit
        if unit.told:
            self._relay.wake()

    async def get(self, twin_id: str) -> Twin | None:
        async with self._db.transaction() as session:
            row = (await session.execute(sa.select(TWIN).where(TWIN.c.id == twin_id))).first()
        return _twin(row) if row is not None and row.revision else None

    async def search(self, search: Search) -> tuple[list[Twin], str]:
        """A page of twins, and the cursor of the next one; empty when this is the last."""
        statement = _statement()
        order, on_page = search.ordered(statement)
        condition = _condition(search.wanted, statement)
        places = [sa.text(f"{each.expression} AS k{place}") for place, each in enumerate(order)]
        sorting = [
            sa.text(f"k{place}{' DESC' if each.descends else ''}{' NULLS LAST' if each.may_be_null else ''}")
            for place, each in enumerate(order)
        ]
        query = (
            sa.select(SEARCHED, *places).where(*condition, sa.text(on_page)).order_by(*sorting).limit(search.limit + 1)
        )
        async with self._db.transaction() as session:
            rows = (await session.execute(query, statement.parameters)).all()
        if len(rows) <= search.limit:
            return [_twin(row) for row in rows], ""
        page = rows[: search.limit]
        return [_twin(row) for row in page], search.cursor_behind(page[-1][-len(order) :])

    async def summarise(self, summary: Summary, *, limit: int) -> list[str]:
        """Groups as JSON texts, by their key, at most `limit`."""
        statement = _statement()
        keys = group_expressions(summary.groupings, statement)
        values = aggregate_expressions(summary.aggregates, statement)
        condition = _condition(summary.wanted, statement)
        columns = [sa.text(f"{each} AS c{place}") for place, each in enumerate((*keys, *values))]
        places = [sa.text(f"c{place}") for place in range(len(keys))]
        inner = sa.select(*columns).select_from(SEARCHED).where(*condition).group_by(*places)
        texts = [sa.text(f"CAST(c{place} AS text)") for place in range(len(columns))]
        grouped = sa.select(*texts).select_from(inner.subquery()).order_by(*places).limit(limit)
        async with self._db.transaction() as session:
            rows = (await session.execute(grouped, statement.parameters)).all()
        return [group_text(summary.groupings, row[: len(keys)], summary.aggregates, row[len(keys) :]) for row in rows]

    async def changes(
        self, twin_id: str, *, from_revision: int, to_revision: int | None, limit: int | None
    ) -> list[Change]:
        query = sa.select(JOURNAL).where(JOURNAL.c.id == twin_id, JOURNAL.c.revision >= from_revision)
        if to_revision is not None:
            query = query.where(JOURNAL.c.revision <= to_revision)
        async with self._db.transaction() as session:
            rows = (await session.execute(query.order_by(JOURNAL.c.revision).limit(limit))).all()
        return [Change(row.revision, row.patch, _origin(row)) for row in rows]

    async def changes_until(self, twin_id: str, *, at: datetime | None, known_at: datetime | None) -> list[Change]:
        """The changes that were true at a time and known at another, in the order in which they became true."""
        query = sa.select(JOURNAL).where(JOURNAL.c.id == twin_id)
        if at is not None:
            query = query.where(JOURNAL.c.changed_at <= at)
        if known_at is not None:
            query = query.where(JOURNAL.c.known_at <= known_at)
        async with self._db.transaction() as session:
            rows = (await session.execute(query.order_by(JOURNAL.c.changed_at, JOURNAL.c.revision))).all()
        return [Change(row.revision, row.patch, _origin(row)) for row in rows]

    async def count(self) -> dict[str, int]:
        living = sa.and_(TWIN.c.revision > 0, ~TWIN.c.deleted)
        query = sa.select(TWIN.c.model, sa.func.count()).where(living).group_by(TWIN.c.model)
        async with self._db.transaction() as session:
            return {model: number for model, number in (await session.execute(query)).all()}


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
        return {row.id: _twin(row) for row in (await self._session.execute(query)).all()}

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
        await self._session.execute(sa.delete(RELATION).where(_is_one_of(RELATION.c.id, [each.id for each in touched])))
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


def _statement() -> Statement:
    return Statement(documents=TWIN.fullname, relations=RELATION.fullname)


def _condition(wanted: Wanted, statement: Statement) -> list[sa.ColumnElement[bool] | sa.TextClause]:
    condition: list[sa.ColumnElement[bool] | sa.TextClause] = [sa.text(statement.living())]
    if wanted.model:
        condition.append(SEARCHED.c.model == wanted.model)
    if wanted.ids:
        condition.append(_is_one_of(SEARCHED.c.id, wanted.ids))
    if wanted.filter is not None:
        condition.append(sa.text(statement.where(wanted.filter)))
    return condition


def _is_one_of(column: sa.ColumnElement[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.cast(list(values), sa.ARRAY(sa.Text)))


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
