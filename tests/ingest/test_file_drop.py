"""Files dropped into a folder: taken once, in parts, whatever is killed in between."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from chassis.bus import Bus
from chassis.errors import Invalid
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.decode import Limits, decode
from services.ingest.settings import IngestSettings
from services.ingest.sources.connection import SourceAway
from services.ingest.sources.connectors import file_drop
from services.ingest.sources.files import Part, PartSize, Place, Reading, parts_of
from services.ingest.usecases import Body
from tests.ingest.builders import order
from tests.ingest.connecting import Killed, ScriptedDoor, configured, connected, connection_of, until
from tests.ingest.running import at, balances, caught_up, load_master

NAMES = (
    "order_no",
    "line_no",
    "retailer_code",
    "sku_code",
    "qty_order_base",
    "price_wholesale",
    "amount",
    "ordered_at",
)


def orders(count: int, *, first: int = 0) -> pl.DataFrame:
    rows = [{name: order(ordered_at=at(hours=1))[name] for name in NAMES} for _ in range(count)]
    frame = pl.DataFrame(rows)
    return frame.with_columns(order_no=pl.Series([f"F{number:06d}" for number in range(first, first + count)]))


def drop(folder: Path, **changes: Any) -> str:
    options = {"settle_s": 0, "every_s": 0.05, **changes}
    lines = "".join(f"  {name}: {value}\n" for name, value in options.items())
    return (
        "connection: drop\ntype: file_drop\nsource: branch\nkind: commercial_order\n"
        f"options:\n  folder: {folder}\n{lines}"
    )


def records_of(parts: list[Part] | list[Body]) -> list[str]:
    """The first column of all parts, in order."""
    found = []
    for part in parts:
        decoded = decode(part.content, part.content_type, Limits())
        found += next(iter(decoded.columns.values())).to_list()
    return found


def workbook(frame: pl.DataFrame, *, sheet: str = "Sheet1") -> bytes:
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        page.write_row(0, 0, frame.columns)
        for number, row in enumerate(frame.iter_rows(), 1):
            page.write_row(number, 0, row)
    return sink.getvalue()


def put(folder: Path, name: str, content: bytes) -> Path:
    """As a careful sender does: written aside, then renamed."""
    aside = folder / f"{name}.part"
    aside.write_bytes(content)
    return aside.rename(folder / name)


SIZES = Reading(PartSize(bytes=2000, records=7), Limits())


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n" + "".join(f"{number},x\n" for number in range(40)),
        "a,b\r\n" + "".join(f"{number},x\r\n" for number in range(40)),
        "a,b\r" + "".join(f"{number},x\r" for number in range(40)),
        "a,b\n" + "".join(f"{number},x\n" for number in range(39)) + "39,x",
        "a,b\n" + "".join(f'{number},"line\nbreak, ""quoted"""\n' for number in range(40)),
        "\ufeffa,b\n" + "".join(f"{number},黄山\n" for number in range(40)),
    ],
    ids=["line feeds", "carriage returns too", "carriage returns only", "no end", "line ends in quotes", "mark"],
)
def test_a_csv_comes_in_parts_that_hold_every_record_once(tmp_path: Path, text: str):
    (tmp_path / "a.csv").write_bytes(text.encode())

    parts = list(parts_of(tmp_path / "a.csv", Place(), SIZES))

    assert records_of(parts) == [str(number) for number in range(40)]
    assert [part.first_line for part in parts] == [0, 7, 14, 21, 28, 35]
    assert parts[-1].after.byte == len(text.encode())


def test_a_quote_that_opens_nothing_does_not_swallow_the_rest(tmp_path: Path):
    lines = [f"{number},x\n" for number in range(400)]
    lines[3] = '3,5" pipe\n'
    (tmp_path / "a.csv").write_text("a,b\n" + "".join(lines))

    parts = list(parts_of(tmp_path / "a.csv", Place(), Reading(PartSize(bytes=500, records=50), Limits())))

    assert records_of(parts) == [str(number) for number in range(400)]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_parts_from_any_place_on_are_the_same_as_those_of_the_whole(tmp_path: Path, name: str):
    path = tmp_path / name
    frame = orders(60)
    if name.endswith("csv"):
        frame.write_csv(path)
    elif name.endswith("xlsx"):
        path.write_bytes(workbook(frame))
    else:
        frame.write_parquet(path, row_group_size=25)
    whole = list(parts_of(path, Place(), SIZES))

    for done in range(1, len(whole)):
        rest = list(parts_of(path, whole[done - 1].after, SIZES))

        assert [(part.key, part.first_line, part.content) for part in rest] == [
            (part.key, part.first_line, part.content) for part in whole[done:]
        ]
    assert records_of(whole) == frame["order_no"].to_list()
    assert len(whole) > 2


async def _run_until_killed(door: ScriptedDoor, text: str) -> None:
    with pytest.raises((Killed, TimeoutError, SourceAway)):
        async with asyncio.timeout(2):
            await file_drop.run(configured(text), door.intake)


async def _run_until(door: ScriptedDoor, text: str, path: Path) -> None:
    """Runs the connector until a file is there."""
    work = asyncio.create_task(file_drop.run(configured(text), door.intake))

    async def there() -> bool:
        if work.done():
            work.result()
        return os.path.exists(path)  # noqa: ASYNC240  # a test looks at its own folder

    try:
        await eventually(there)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
async def test_a_file_goes_on_where_it_was_killed_whenever_that_was(tmp_path: Path, name: str):
    frame = orders(1000)
    bodies = {"a.csv": frame.write_csv().encode(), "a.xlsx": workbook(frame)}
    sink = io.BytesIO()
    frame.write_parquet(sink, row_group_size=300)
    content = bodies.get(name, sink.getvalue())
    for steps in range(14):
        folder = tmp_path / str(steps)
        folder.mkdir()
        put(folder, name, content)
        text = drop(folder, part_records=200)
        door = ScriptedDoor(dies_after=steps)
        await _run_until_killed(door, text)
        before = len(door.taken)

        door.dies_after = None
        await _run_until(door, text, folder / "done" / name)

        assert sorted(records_of(door.distinct)) == frame["order_no"].to_list()
        assert len(door.taken) <= len(door.distinct) + file_drop.IN_FLIGHT
        assert before <= 14
        if steps > 11:
            break


async def test_parts_go_on_while_earlier_ones_wait_for_the_log_but_only_a_few(tmp_path: Path):
    frame = orders(1000)
    put(tmp_path, "a.csv", frame.write_csv().encode())
    acknowledged = asyncio.Event()

    class Door(ScriptedDoor):
        waiting = most = 0

        async def take_in(self, body: Body) -> Any:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            await acknowledged.wait()
            self.waiting -= 1
            return await super().take_in(body)

    async def full() -> bool:
        return door.waiting == file_drop.IN_FLIGHT

    async def put_away() -> bool:
        return (tmp_path / "done" / "a.csv").exists()

    door = Door()
    work = asyncio.create_task(file_drop.run(configured(drop(tmp_path, part_records=100)), door.intake))
    try:
        await eventually(full)
        noted_before = door.records
        acknowledged.set()
        await eventually(put_away)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    assert file_drop.IN_FLIGHT > 2
    assert (noted_before, door.most, door.records) == (0, file_drop.IN_FLIGHT, 1000)
    assert records_of(door.taken) == frame["order_no"].to_list()


async def test_a_file_is_taken_only_when_it_has_stopped_growing(tmp_path: Path):
    door = ScriptedDoor()
    growing = tmp_path / "a.csv"
    growing.write_text("order_no\n1\n")
    work = asyncio.create_task(file_drop.run(configured(drop(tmp_path, settle_s=0.4)), door.intake))
    for number in range(2, 10):
        await asyncio.sleep(0.1)
        with growing.open("a") as file:
            file.write(f"{number}\n")

    async def done() -> bool:
        return (tmp_path / "done" / "a.csv").exists()

    await eventually(done)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)

    assert records_of(door.taken) == [str(number) for number in range(1, 10)]
    assert len(door.taken) == 1


async def test_with_a_marker_a_file_waits_for_it_and_the_marker_goes_with_it(tmp_path: Path):
    door = ScriptedDoor()
    put(tmp_path, "a.csv", b"order_no\n1\n")
    put(tmp_path, "b.csv", b"order_no\n2\n")
    (tmp_path / "b.csv.done").touch()

    await _run_until(door, drop(tmp_path, ready="marker"), tmp_path / "done" / "b.csv")

    assert records_of(door.taken) == ["2"]
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "done"]


async def test_links_hidden_and_unfinished_files_are_left_alone(tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text("order_no\nsecret\n")
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "link.csv").symlink_to(secret)
    for name in (".hidden.csv", "a.csv.part", "a.csv.tmp", "~a.csv~"):
        (folder / name).write_text("order_no\n1\n")
    put(folder, "z.csv", b"order_no\n2\n")
    door = ScriptedDoor()

    await _run_until(door, drop(folder), folder / "done" / "z.csv")

    assert records_of(door.taken) == ["2"]
    assert (folder / "link.csv").is_symlink()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a.xlsx", b"no workbook at all", "no XLSX workbook"),
        ("a.parquet", b"PAR1 but not really PAR1", "no Parquet file"),
        ("a.docx", b"anything", "files end in .csv, .xlsx, .parquet"),
        ("a.csv", b"a" * 300_000, "the header line has no end"),
    ],
)
async def test_a_file_that_cannot_be_read_is_set_aside_with_the_reason_in_two_languages(
    tmp_path: Path, name: str, content: bytes, said: str
):
    door = ScriptedDoor()
    put(tmp_path, name, content)

    await _run_until(door, drop(tmp_path), tmp_path / "failed" / name)

    reason = (tmp_path / "failed" / f"{name}.reason.txt").read_text(encoding="utf-8")
    assert said in reason
    assert "原因：" in reason
    assert door.taken == []


async def test_a_file_that_fails_half_way_says_how_many_records_were_taken(tmp_path: Path):
    frame = orders(300)
    put(tmp_path, "a.csv", frame.write_csv().encode() + b"\xff\xfe\xff" + b"x" * 100)

    class Door(ScriptedDoor):
        async def take_in(self, body: Body) -> Any:
            if body.first_line >= 200:
                raise Invalid("byte 17 is neither UTF-8 nor gb18030", code="malformed")
            return await super().take_in(body)

    door = Door()
    await _run_until(door, drop(tmp_path, part_records=100), tmp_path / "failed" / "a.csv")

    reason = (tmp_path / "failed" / "a.csv.reason.txt").read_text(encoding="utf-8")
    assert "in the part that begins with record 200" in reason
    assert "200 records before it were taken in" in reason
    assert "此前已接收 200 条记录" in reason


async def test_a_folder_that_is_not_there_is_a_source_that_is_away(tmp_path: Path):
    with pytest.raises(SourceAway, match="create it"):
        await file_drop.run(configured(drop(tmp_path / "nowhere")), ScriptedDoor().intake)


async def test_files_in_every_form_enter_the_book_once_and_again_as_duplicates(
    settings: IngestSettings, log: Bus, tmp_path: Path
):
    folder = tmp_path / "drop"
    folder.mkdir()
    forms = {
        "gbk.csv": orders(1500).with_columns(备注=pl.lit("黄山")).write_csv().encode("gbk"),
        "book.xlsx": workbook(orders(600, first=10_000)),
        "table.parquet": _parquet(orders(700, first=20_000)),
    }

    async with connected(settings, tmp_path / "connections", drop=drop(folder, part_records=500)) as stub:
        await load_master(stub)
        for name, content in forms.items():
            put(folder, name, content)
        first = await until(stub, "drop", lambda found: found.records == 2800)
        balance = (await balances(stub, log))["branch", "commercial_order"]
        for name, content in forms.items():
            put(folder, f"again-{name}", content)
        await until(stub, "drop", lambda found: found.records == 5600)
        again = (await balances(stub, log))["branch", "commercial_order"]
        line = await stub.GetRecord(pb.GetRecordRequest(kind="commercial_order", key="F001234~1"))

    assert (first.state, first.last_error) == ("running", "")
    assert (balance.received, balance.stored, balance.duplicate) == (2800, 2800, 0)
    assert (again.received, again.stored, again.duplicate) == (5600, 2800, 2800)
    assert '"line": 1234' in line.record_json or '"line":1234' in line.record_json
    assert sorted(os.listdir(folder / "done")) == sorted([*forms, *(f"again-{name}" for name in forms)])


def _parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


async def test_the_places_of_bad_records_are_those_in_the_file(settings: IngestSettings, log: Bus, tmp_path: Path):
    folder = tmp_path / "drop"
    folder.mkdir()
    frame = orders(1200, first=50_000).with_columns(
        sku_code=pl.when(pl.int_range(pl.len()) == 777).then(pl.lit("NOSUCH")).otherwise(pl.lit("34010021"))
    )

    async with connected(settings, tmp_path / "connections", drop=drop(folder, part_records=500)) as stub:
        await load_master(stub)
        put(folder, "bad.csv", frame.write_csv().encode())
        await until(stub, "drop", lambda found: "done/bad.csv" in found.checkpoint)
        await caught_up(log)
        items = (await stub.ListQuarantine(pb.ListQuarantineRequest(source="branch"))).items
        shown = await connection_of(stub, "drop")

    assert [item.line for item in items] == [777]
    assert shown.checkpoint == "file=done/bad.csv, records=1200"


async def test_a_folder_that_is_looked_at_once_an_hour_is_looked_at_now_when_a_person_asks(
    settings: IngestSettings, tmp_path: Path, log: Bus
):
    folder = tmp_path / "asked"
    folder.mkdir()
    text = drop(folder, every_s=3600).replace("connection: drop", "connection: asked")
    async with connected(settings, tmp_path / "connections", asked=text) as stub:
        await load_master(stub)
        await caught_up(log)
        await until(stub, "asked", lambda seen: seen.state == "running")
        orders(3).write_csv(folder / "late.csv.part")
        (folder / "late.csv.part").rename(folder / "late.csv")

        answer = await stub.RunConnection(pb.RunConnectionRequest(name="asked"))

        assert answer.source == "branch"
        await until(stub, "asked", lambda seen: seen.records == 3)
        assert (folder / "done" / "late.csv").exists()
