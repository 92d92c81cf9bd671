"""What is older than it may be goes, on the day and not before, and is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest_asyncio

from chassis.db import Database, read_frame
from chassis.settings import CommonSettings
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.privacy.retention import Kept, due
from services.ingest.domain.schemas.history import history_rows
from services.ingest.store import book
from services.ingest.store.history import History, history, scan
from services.ingest.store.retention import PerishableBook, PerishableHistory, PostgresRetention
from services.ingest.usecases import Accepted
from services.ingest.usecases.retaining import Removed, retain
from tests.ingest.builders import clean_rows, sale, shop
from tests.ingest.parts import empty_book

SOLD = datetime(2025, 3, 15, 4, 0, tzinfo=UTC)
KEPT = Kept(raw_days=7, consumer_days=365, contact_days=183)


@pytest_asyncio.fixture
async def db(common: CommonSettings, template: str) -> AsyncIterator[Database]:
    async with empty_book(common.postgres_url, template) as opened:
        yield opened


@pytest_asyncio.fixture
async def past(tmp_path: Path) -> AsyncIterator[History]:
    async with history(str(tmp_path / "history"), kept_days=7) as opened:
        yield opened


def accepted(kind: str, *rows: dict[str, object]) -> Accepted:
    result = clean_rows(kind, *rows)
    assert result.receipt.accepted == len(rows), result.receipt
    return Accepted(
        part_id=f"part-{kind}",
        kind=kind,
        schema_version=1,
        source="till",
        records=result.accepted,
        at=SOLD,
        duplicates=0,
        repaired=0,
        refused=0,
    )


async def _keep(db: Database, past: History, part: Accepted) -> None:
    if KINDS[part.kind].in_book:
        await book.keep(db, "test", [part])
    await past.append(KINDS[part.kind], history_rows(KINDS[part.kind], part.records, 1))


async def _retain(db: Database, past: History, at: datetime) -> list[Removed]:
    return await retain((PerishableBook(db), PerishableHistory(past)), PostgresRetention(db), KEPT, now=at)


async def _column(db: Database, statement: str) -> list[object]:
    async with db.transaction() as session:
        return (await read_frame(session, statement)).to_series().to_list()


async def test_a_sale_loses_its_consumer_after_a_year_and_stays(db: Database, past: History):
    linked = sale(consumer_phone="13700001111", consumer_id="c-1", consent_ref="cn-1")
    await _keep(db, past, accepted("pos_sale", linked))

    early = await _retain(db, past, SOLD + timedelta(days=365))
    removed = await _retain(db, past, SOLD + timedelta(days=366))
    again = await _retain(db, past, SOLD + timedelta(days=366))

    row = scan(past.address, "pos_sale").collect()
    assert early == []
    assert {(each.store, each.rows) for each in removed} == {("book", 1), ("history", 1)}
    assert again == []
    assert await _column(db, "SELECT coalesce(phone_token, consumer_key) FROM ingest.pos_sale") == [None]
    assert row.select("phone_token", "consumer_key", "consent_ref").row(0) == (None, None, "cn-1")
    assert await _column(db, "SELECT store FROM ingest.retention ORDER BY store") == ["book", "history"]


async def test_samples_of_sensors_go_after_a_week_by_whole_days(db: Database, past: History):
    days = [f"2025-03-{day:02}T08:00:00Z" for day in (13, 14, 15)]
    samples = [{"tag": "p.a.m.speed", "sampled_at": day, "value": 1.5} for day in days]
    await past.append(
        KINDS["scada_sample"],
        history_rows(KINDS["scada_sample"], clean_rows("scada_sample", *samples).accepted, 1),
    )

    removed = await _retain(db, past, datetime(2025, 3, 22, tzinfo=UTC))

    kept = scan(past.address, "scada_sample").collect().get_column("biz_date").to_list()
    assert [(each.removes, each.rows) for each in removed] == [("rows", 2)]
    assert kept == [date(2025, 3, 15)]


async def test_the_contact_of_a_shop_goes_half_a_year_after_its_licence(db: Database, past: History):
    open_shop = shop(contact_phone="13700002222", owner_name="王小明", license_valid_to="2028-12-31")
    await _keep(db, past, accepted("retailer", open_shop))

    during = await _retain(db, past, datetime(2029, 6, 1, tzinfo=UTC))
    after = await _retain(db, past, datetime(2029, 7, 10, tzinfo=UTC))

    assert during == []
    assert {each.store for each in after} == {"book", "history"}
    assert await _column(db, "SELECT contact_phone_masked FROM ingest.retailer") == [None]
    assert await _column(db, "SELECT name FROM ingest.retailer") == ["徽州路便利店"]


async def test_what_was_replaced_loses_its_consumer_too(db: Database, past: History):
    linked = {"consumer_phone": "13700003333", "consent_ref": "cn-1"}
    first = accepted("pos_sale", sale(**linked))
    await book.keep(db, "test", [first])
    second = accepted("pos_sale", sale(**linked, qty=3, amount="78.00"))
    later = second.records.with_columns(pl.col("ingested_at") + timedelta(hours=1))
    await book.keep(db, "test", [Accepted(**{**_fields(second), "part_id": "later", "records": later})])

    removed = await _retain(db, past, SOLD + timedelta(days=400))

    assert {(each.store, each.rows) for each in removed} == {("book", 1), ("superseded", 1)}
    assert await _column(db, "SELECT record ->> 'phone_token' FROM ingest.superseded") == [None]


def _fields(part: Accepted) -> dict[str, object]:
    return {name: getattr(part, name) for name in Accepted.__slots__}


def test_every_kind_with_a_consumer_has_an_end():
    kinds = {what.kind for what in due(KINDS.values(), KEPT, date(2026, 1, 1)) if "phone_token" in what.clears}

    assert kinds == {"pos_sale"}
