"""The history holds every accepted record once, whatever is killed, merged or sent again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import pytest_asyncio

from chassis.bus import Bus
from chassis.testing import eventually
from services.ingest.consumers import HISTORY_DURABLE, STREAM
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas import history as shapes
from services.ingest.domain.schemas.fields import Field, FieldType, Kind
from services.ingest.domain.schemas.history import SEQUENCE, history_rows
from services.ingest.settings import IngestSettings
from services.ingest.store.history import History, files_of, history, scan
from services.ingest.store.history_upkeep import drop_past, merge
from tests.ingest.builders import clean_rows, sale
from tests.ingest.running import Stub, at, caught_up, load_master, push

ROOT = Path(__file__).parents[2]
POS = KINDS["pos_sale"]


@pytest_asyncio.fixture
async def past(tmp_path: Path) -> AsyncIterator[History]:
    async with history(str(tmp_path / "history"), kept_days=7) as opened:
        yield opened


def sales(count: int, *, sold_at: str = "2025-03-15T11:02:31Z", first: int = 1) -> pl.DataFrame:
    rows = [sale(order_no=f"P{number:05}", sold_at=sold_at) for number in range(first, first + count)]
    return clean_rows("pos_sale", *rows).accepted


def rows_of(past: History, kind: str = "pos_sale") -> pl.DataFrame:
    return scan(past.address, kind).collect()


async def test_rows_keep_every_field_and_the_place_in_the_log(past: History):
    records = sales(3)

    added = await past.append(POS, history_rows(POS, records, 41))

    kept = rows_of(past).select(records.columns).cast(dict(records.schema))
    assert added == 3
    assert kept.equals(records)
    assert rows_of(past).get_column(SEQUENCE).to_list() == [41] * 3


async def test_a_message_that_comes_again_adds_nothing(past: History):
    rows = history_rows(POS, sales(3), 7)

    added = [await past.append(POS, rows), await past.append(POS, rows)]

    assert added == [3, 0]
    assert rows_of(past).height == 3


async def test_an_earlier_message_that_comes_after_a_later_one_is_kept(past: History):
    later, earlier = history_rows(POS, sales(3), 9), history_rows(POS, sales(2, first=9), 8)

    added = [await past.append(POS, rows) for rows in (later, earlier, pl.concat([earlier, later]))]

    assert added == [3, 2, 0]


async def test_two_writers_at_once_add_a_message_once(past: History):
    await past.append(POS, history_rows(POS, sales(1), 1))
    async with history(past.address, kept_days=7) as other:
        await other.append(POS, history_rows(POS, sales(1), 1))
        rows = [history_rows(POS, sales(10), number) for number in range(2, 12)]

        added = await asyncio.gather(*[writer.append(POS, each) for each in rows for writer in (past, other)])

    assert sum(added) == 100
    assert rows_of(past).height == 101


async def test_merging_and_dropping_keep_every_row(past: History):
    for number in range(1, 21):
        month = "2025-03-10" if number % 2 else "2025-02-10"
        await past.append(POS, history_rows(POS, sales(2, sold_at=f"{month}T08:00:00Z"), number))
    before = rows_of(past).sort(SEQUENCE, "record_id")

    merged = await merge(past)
    await drop_past(past)

    again = await past.append(POS, history_rows(POS, sales(2), 20))
    assert merged == 20
    assert files_of(past.table("pos_sale")).height == 2
    assert rows_of(past).sort(SEQUENCE, "record_id").equals(before)
    assert again == 0


async def test_the_past_can_be_read_as_it_was(past: History):
    await past.append(POS, history_rows(POS, sales(2), 1))
    version = past.table("pos_sale").version()
    await past.append(POS, history_rows(POS, sales(3), 2))

    then = pl.scan_delta(past.root("pos_sale"), version=version).collect()

    assert then.height == 2


async def test_a_kind_that_gains_a_field_keeps_its_rows(past: History, monkeypatch: pytest.MonkeyPatch):
    await past.append(POS, history_rows(POS, sales(2), 1))
    wider: Kind = replace(POS, fields=(*POS.fields, Field(name="till_no", type=FieldType.CODE, doc="Till.")))
    records = sales(1).with_columns(pl.lit("T1").alias("till_no"))

    await past.append(wider, history_rows(wider, records, 2))
    await past.append(wider, history_rows(wider, sales(1), 3))

    assert rows_of(past).sort(SEQUENCE).get_column("till_no").to_list() == [None, None, "T1", None]


async def test_raw_series_are_parted_by_the_day(past: History):
    raw = replace(POS, in_book=False)

    await past.append(raw, history_rows(raw, sales(2), 1))

    assert rows_of(past).get_column(shapes.DAY).to_list() == ["2025-03-15"] * 2
    assert rows_of(past).get_column("biz_date").to_list() == [date(2025, 3, 15)] * 2


async def test_commits_quote_no_value_of_a_sender(past: History):
    await past.append(POS, history_rows(POS, sales(2), 1))

    written = _commits(past, "pos_sale")

    assert "biz_date" in written
    assert "P0000" not in written


def _commits(past: History, kind: str) -> str:
    return "".join(path.read_text() for path in Path(past.root(kind), "_delta_log").glob("*.json"))


async def test_what_the_door_accepts_is_in_the_history(ingest: Stub, log: Bus, settings: IngestSettings):
    await load_master(ingest)
    rows = [sale(order_no=f"H{number}", sold_at=at(hours=1)) for number in range(40)]
    await push(ingest, "pos_sale", rows)
    await push(ingest, "pos_sale", [{**rows[0], "qty": 3, "amount": "78.00", "unit_price": "26.00"}])
    await caught_up(log)

    async def all_there() -> bool:
        return await log.pending(STREAM, HISTORY_DURABLE) == 0

    await eventually(all_there, within_s=20)
    kept = scan(settings.history_address, "pos_sale").filter(pl.col("order_no").str.starts_with("H")).collect()
    assert kept.height == 41
    assert kept.filter(pl.col("order_no") == "H0").get_column("payload_hash").n_unique() == 2


async def _pushed(ingest: Stub, prefix: str, bodies: int, rows: int) -> None:
    for body in range(bodies):
        lines = [sale(order_no=f"{prefix}{body}-{row}", sold_at=at(hours=1)) for row in range(rows)]
        await push(ingest, "pos_sale", lines)


def _writer(nats_url: str, address: str, *, dies: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.ingest.history_writer", nats_url, address, "dies" if dies else "lives"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"})


async def test_a_process_killed_between_commit_and_acknowledgement_writes_nothing_twice(
    ingest: Stub, log: Bus, settings: IngestSettings, tmp_path: Path
):
    await load_master(ingest)
    await _pushed(ingest, "K", 6, 20)
    address = str(tmp_path / "killed")
    nats_url = settings.common.nats_url

    for _ in range(2):
        killed = _writer(nats_url, address, dies=True)
        assert await asyncio.to_thread(killed.wait, 60) == -signal.SIGKILL
    left = await log.pending(STREAM, "test-history")

    async def nothing_waits() -> bool:
        return await log.pending(STREAM, "test-history") == 0

    alive = _writer(nats_url, address, dies=False)
    try:
        await eventually(nothing_waits, within_s=60)
    finally:
        alive.kill()
        alive.wait()

    kept = scan(address, "pos_sale").filter(pl.col("order_no").str.starts_with("K")).collect()
    assert left > 0
    assert kept.height == 120
    assert kept.get_column("record_id").n_unique() == 120
