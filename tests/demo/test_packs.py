import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from demo import packs
from demo.packs import Checkpoint, LoadFailed, Pack, Totals, load, open_pack, replay
from tests.demo.door import Door, open_door

HISTORY_ROWS, SKU_ROWS, LIVE_ROWS = 1050, 7, 60
FIRST_DAY = date(2011, 9, 5)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=door.url) as opened:
        yield opened


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "run" / "state.json"


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    folder = tmp_path / "pack"
    folder.mkdir()
    _write_data(folder)
    content = {
        "name": "small",
        "synthetic": True,
        "mappings": "mappings",
        "regions": "regions.csv",
        "shapes": "regions.geojson",
        "load": [
            {"file": "skus.csv", "source": "shop", "kind": "sku", "batch_rows": 4},
            {"file": "orders.parquet", "source": "shop", "kind": "commercial_order", "batch_rows": 100},
        ],
        "replay": {
            "seconds_per_day": 30,
            "files": [
                {"file": "live.parquet", "source": "shop", "kind": "commercial_order", "day": "day", "batch_rows": 8},
                {"file": "weeks.parquet", "source": "tills", "kind": "commercial_sale", "day": "week", "batch_rows": 8},
            ],
        },
    }
    (folder / "pack.yaml").write_text(json.dumps(content), encoding="utf-8")
    return open_pack(folder)


def _write_data(folder: Path) -> None:
    codes = [f"00{number}" for number in range(SKU_ROWS)]
    pl.DataFrame({"sku": codes, "name": ["茶, 绿", *["", "x"] * 3]}).write_csv(folder / "skus.csv")
    orders = pl.DataFrame({"order": range(HISTORY_ROWS), "amount": [0.1 * row for row in range(HISTORY_ROWS)]})
    orders.write_parquet(folder / "orders.parquet", row_group_size=130)
    days = [str(FIRST_DAY + timedelta(days=row // 10)) for row in range(LIVE_ROWS)]
    pl.DataFrame({"order": range(5000, 5000 + LIVE_ROWS), "day": days}).write_parquet(folder / "live.parquet")
    weeks = [str(date(2015, 11, 2) + timedelta(days=3 * (row // 5))) for row in range(10)]
    pl.DataFrame({"sale": range(10), "week": weeks}).write_parquet(folder / "weeks.parquet")


def _silent(_feed: str, _done: int, _total: int) -> None:
    """Takes progress and does nothing with it."""


async def _load_until(pack: Pack, client: httpx.AsyncClient, state: Path, rows: int) -> None:
    """Loads and is cut off, as by a kill, once `rows` orders have their receipt."""

    def cut(feed: str, done: int, _total: int) -> None:
        if feed.startswith("orders") and done >= rows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await load(pack, client, cut, state_path=state)


def _set_back(state: Path, feed: str, offset: int) -> None:
    content = json.loads(state.read_text())
    content["offsets"][feed] = offset
    state.write_text(json.dumps(content))


def _orders(door: Door) -> int:
    return sum(count for (kind, _, _), count in door.rows.items() if kind == "commercial_order")


async def test_a_pack_is_sent_whole_in_order_and_summed(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    totals = await load(pack, client, _silent, state_path=state)

    assert sum(door.rows.values()) == HISTORY_ROWS + SKU_ROWS
    assert set(door.rows.values()) == {1}
    assert [kind for kind, *_ in door.requests[:3]] == ["sku", "sku", "commercial_order"]
    assert max(rows for *_, rows in door.requests) == 100
    assert totals.sent == HISTORY_ROWS + SKU_ROWS
    assert totals.is_balanced
    assert totals.quarantined == sum(rows // 5 for *_, rows in door.requests)
    assert totals.repaired == len(door.requests)


async def test_codes_with_leading_zeros_commas_and_empty_fields_arrive_as_they_are(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    await load(pack, client, _silent, state_path=state)

    skus = {row for kind, source, row in door.rows if (kind, source) == ("sku", "shop")}
    assert {("000", "茶, 绿"), ("001", ""), ("002", "x")} <= skus


async def test_a_second_start_sends_nothing_and_gives_the_same_sums(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    first = await load(pack, client, _silent, state_path=state)
    requests = len(door.requests)

    second = await load(pack, client, _silent, state_path=state)

    assert second == first
    assert len(door.requests) == requests


async def test_a_start_after_a_cut_in_the_middle_goes_on_and_sends_nothing_twice(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    await _load_until(pack, client, state, 430)
    assert 430 <= _orders(door) < HISTORY_ROWS

    totals = await load(pack, client, _silent, state_path=state)

    assert set(door.rows.values()) == {1}
    assert _orders(door) == HISTORY_ROWS
    assert len({key for *_, key, _ in door.requests}) == len(door.requests)
    assert (totals.sent, totals.duplicates) == (HISTORY_ROWS + SKU_ROWS, 0)


async def test_a_batch_whose_receipt_was_not_written_down_is_sent_again_under_the_same_key(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    await _load_until(pack, client, state, 430)
    _set_back(state, "orders.parquet:commercial_order", 390)

    totals = await load(pack, client, _silent, state_path=state)

    keys = [key for *_, key, _ in door.requests]
    assert len(keys) > len(set(keys))
    assert set(door.rows.values()) == {1}
    assert totals.duplicates == 100
    assert totals.is_balanced


async def test_an_answer_that_was_lost_is_asked_for_again_and_counts_as_duplicates(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    door.lose_answers.extend([False, False, True])

    totals = await load(pack, client, _silent, state_path=state)

    assert set(door.rows.values()) == {1}
    assert totals.sent == HISTORY_ROWS + SKU_ROWS
    assert totals.duplicates == 100


@pytest.mark.parametrize("status", [429, 503])
async def test_the_loader_waits_as_long_as_it_is_asked_to(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path, status: int
) -> None:
    door.trouble.append((status, {"Retry-After": "1"}))

    totals = await load(pack, client, _silent, state_path=state)

    assert 1.0 <= door.times[1] - door.times[0] < 10.0
    assert totals.sent == HISTORY_ROWS + SKU_ROWS


async def test_each_of_several_refusals_is_waited_out(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    door.trouble.extend([(429, {"Retry-After": "0"}), (503, {}), (502, {}), (504, {"Retry-After": "0"})])

    totals = await load(pack, client, _silent, state_path=state)

    assert not door.trouble
    assert totals.sent == HISTORY_ROWS + SKU_ROWS
    assert set(door.rows.values()) == {1}


def test_a_retry_after_may_be_a_number_a_date_or_missing() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    long_ago = format_datetime(datetime(2011, 9, 5, tzinfo=UTC), usegmt=True)

    read = [
        packs._retry_after(httpx.Response(503, headers=headers))
        for headers in ({"Retry-After": "7"}, {"Retry-After": in_a_minute}, {"Retry-After": long_ago}, {})
    ]

    assert read[0] == 7.0
    assert read[1] is not None
    assert 55 < read[1] <= 60
    assert read[2:] == [0.0, None]


async def test_the_attempts_end_and_a_later_start_goes_on(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    door.trouble.extend([(503, {"Retry-After": "0"})] * packs.ATTEMPTS)

    with pytest.raises(LoadFailed, match="no receipt for row 0"):
        await load(pack, client, _silent, state_path=state)
    totals = await load(pack, client, _silent, state_path=state)

    assert totals.sent == HISTORY_ROWS + SKU_ROWS


async def test_a_refusal_that_waiting_does_not_mend_is_raised_at_once(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    door.trouble.append((400, {}))

    with pytest.raises(LoadFailed, match="400 in trouble"):
        await load(pack, client, _silent, state_path=state)

    assert len(door.times) == 1


async def test_a_receipt_that_does_not_add_up_stops_the_load(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = door.take_in

    def forgetful(kind: str, source: str, key: str, table: pl.DataFrame) -> dict[str, object]:
        return taken(kind, source, key, table) | {"quarantined": 0, "accepted": 1}

    monkeypatch.setattr(door, "take_in", forgetful)

    with pytest.raises(LoadFailed, match="does not add up"):
        await load(pack, client, _silent, state_path=state)


async def test_other_data_under_the_same_state_file_are_loaded_afresh(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    await load(pack, client, _silent, state_path=state)
    more = pl.concat(
        [pl.read_csv(pack.folder / "skus.csv", infer_schema=False), pl.DataFrame({"sku": ["9"], "name": ["new"]})]
    )
    more.write_csv(pack.folder / "skus.csv")

    changed = open_pack(pack.folder)
    totals = await load(changed, client, _silent, state_path=state)

    assert changed.digest != pack.digest
    assert totals.sent == HISTORY_ROWS + SKU_ROWS + 1
    assert Checkpoint.of(state, changed).loaded == totals


def test_another_speed_is_the_same_pack(pack: Pack) -> None:
    content = json.loads((pack.folder / "pack.yaml").read_text())
    content["replay"]["seconds_per_day"] = 5
    (pack.folder / "pack.yaml").write_text(json.dumps(content))

    faster = open_pack(pack.folder)

    assert faster.digest == pack.digest
    assert (pack.seconds_per_day, faster.seconds_per_day) == (30.0, 5.0)


async def test_progress_ends_at_the_size_of_each_file(pack: Pack, client: httpx.AsyncClient, state: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}

    await load(pack, client, lambda feed, done, total: seen.update({feed: (done, total)}), state_path=state)

    assert seen == {
        "skus.csv:sku": (SKU_ROWS, SKU_ROWS),
        "orders.parquet:commercial_order": (HISTORY_ROWS, HISTORY_ROWS),
    }


async def test_the_tail_is_played_day_by_day_with_both_sources_side_by_side(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    totals = await replay(pack, client, _silent, state_path=state, seconds_per_day=0.0)

    order, sale = "commercial_order", "commercial_sale"
    first_days = [(order, 8), (order, 2), (sale, 5), (order, 6), (order, 4), (order, 4), (order, 6)]
    last_days = [(order, 2), (order, 8), (sale, 3), (sale, 2), (order, 8), (order, 2), (order, 6), (order, 4)]
    assert [(kind, rows) for kind, _, _, rows in door.requests] == first_days + last_days
    assert totals.sent == LIVE_ROWS + 10
    assert set(door.rows.values()) == {1}


async def test_a_day_takes_the_time_that_it_is_given(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    await replay(pack, client, _silent, state_path=state, seconds_per_day=0.2)

    # Six days: the last batch comes in the second half of the sixth.
    assert 1.0 < door.times[-1] - door.times[0] < 10.0


async def test_a_replay_that_was_cancelled_goes_on_where_it_stopped(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    enough = asyncio.Event()

    def watch(_feed: str, done: int, _total: int) -> None:
        if done >= 25:
            enough.set()

    playing = asyncio.create_task(replay(pack, client, watch, state_path=state, seconds_per_day=0.05))
    async with asyncio.timeout(10):
        await enough.wait()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert sum(door.rows.values()) < LIVE_ROWS + 10

    totals = await replay(pack, client, _silent, state_path=state, seconds_per_day=0.0)

    assert set(door.rows.values()) == {1}
    assert sum(door.rows.values()) == LIVE_ROWS + 10
    assert totals.is_balanced


async def test_a_replay_outlasts_a_door_that_is_busy_longer_than_a_load_would_wait(
    pack: Pack, door: Door, client: httpx.AsyncClient, state: Path
) -> None:
    door.trouble.extend([(503, {"Retry-After": "0"})] * (packs.ATTEMPTS + 5))

    totals = await replay(pack, client, _silent, state_path=state, seconds_per_day=0.0)

    assert totals.sent == LIVE_ROWS + 10


async def test_a_door_that_opens_late_is_waited_for(pack: Pack, state: Path) -> None:
    async with open_door() as closed:
        closed_url = closed.url
    knocked = asyncio.Event()

    async def knock(_request: httpx.Request) -> None:
        knocked.set()

    async with httpx.AsyncClient(base_url=closed_url, event_hooks={"request": [knock]}) as client:
        loading = asyncio.create_task(load(pack, client, _silent, state_path=state))
        async with asyncio.timeout(20), open_door() as opened:
            await knocked.wait()
            client.base_url = httpx.URL(opened.url)
            totals = await loading

    assert not closed.requests
    assert totals.sent == HISTORY_ROWS + SKU_ROWS
    assert set(opened.rows.values()) == {1}


async def test_load_and_replay_share_one_state_without_mixing_their_sums(
    pack: Pack, client: httpx.AsyncClient, state: Path
) -> None:
    loaded = await load(pack, client, _silent, state_path=state)
    replayed = await replay(pack, client, _silent, state_path=state, seconds_per_day=0.0)

    checkpoint = Checkpoint.of(state, pack)

    assert (checkpoint.loaded, checkpoint.replayed) == (loaded, replayed)
    assert loaded + replayed == Totals(
        **{name: getattr(loaded, name) + getattr(replayed, name) for name in Totals.__dataclass_fields__}
    )
