"""A folder into which files are dropped: CSV, XLSX and Parquet.

folder/orders.csv ─▶ at rest? ─▶ part by part through the door ─▶ done/orders.csv
                                      └─ cannot be read ─▶ failed/orders.csv and failed/orders.csv.reason.txt
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import structlog

from chassis.errors import Conflict, Invalid
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.decode import Limits, Malformed
from services.ingest.sources.connection import Connection, Connector, Intake, Option, SourceAway
from services.ingest.sources.files import Part, PartSize, Place, Reading, digest_of, parts_of
from services.ingest.usecases import Body

log = structlog.get_logger()

IN_FLIGHT = 4
"""Parts of one file at the door at once: while some are written to the log, one is cleaned and the next one waits."""
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
MARKER = ".done"
IDLE_NOTE_S = 60.0
REASONS_ZH = {
    "too_large": "文件过大，或展开后过大",
    "unsupported_type": "不支持该文件类型",
    "malformed": "文件内容无法解析",
    "key_reused": "同名部分已用其他内容提交过",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A file as the folder shows it."""

    path: Path
    size: int
    changed_ns: int


async def run(connection: Connection, intake: Intake) -> None:
    """Takes the files of the folder, oldest first, for ever."""
    drop = _Drop(connection, intake)
    while True:
        await drop.look()
        await asyncio.sleep(connection.options["every_s"])


class _Drop:
    def __init__(self, connection: Connection, intake: Intake) -> None:
        self._connection = connection
        self._intake = intake
        options = connection.options
        self._folder = Path(options["folder"])
        self._options = options
        self._reading = Reading(
            PartSize(options["part_bytes"], options["part_records"]),
            Limits(),
            options["sheet"] or "",
            options["charset"] or "",
        )
        self._seen: dict[Path, tuple[_Found, float]] = {}
        self._noted_at = 0.0

    async def look(self) -> None:
        """Takes every file that is at rest."""
        try:
            found = await asyncio.to_thread(_list, self._folder, self._options["pattern"])
            ready = [each for each in found if self._is_at_rest(each)]
            self._seen = {each.path: self._seen[each.path] for each in found}
            for each in ready:
                await self._take(each)
        except OSError as error:
            text = f"the folder {self._folder} cannot be used ({type(error).__name__}); create it and let ingest write"
            raise SourceAway(text) from None
        await self._note_rest()

    def _is_at_rest(self, found: _Found) -> bool:
        now = asyncio.get_running_loop().time()
        before, since = self._seen.get(found.path, (found, now))
        if before != found:
            since = now
        self._seen[found.path] = found, since
        if self._options["ready"] == "marker":
            return found.path.with_name(found.path.name + MARKER).exists()
        return bool(now - since >= self._options["settle_s"])

    async def _note_rest(self) -> None:
        """Says now and then that all is well, though nothing came."""
        now = asyncio.get_running_loop().time()
        if now - self._noted_at >= IDLE_NOTE_S:
            await self._intake.note(await self._intake.recall() or {}, 0)
            self._noted_at = now

    async def _take(self, found: _Found) -> None:
        digest = await asyncio.to_thread(digest_of, found.path)
        place = _place_in(await self._intake.recall(), found.path.name, digest)
        fault: Malformed | None = None
        try:
            async with contextlib.aclosing(self._sent(found.path, digest, place)) as sent:
                async for part, receipt in sent:
                    place = part.after
                    await self._intake.note(_checkpoint(found.path.name, digest, place), receipt.sent)
        except Malformed as error:
            fault = error
        if fault is None and _stat(found.path) != found:
            return  # It changed while it was read: it is read again, and what is known of it counts as duplicate.
        target = await asyncio.to_thread(_put_away, found.path, digest, fault, place)
        if fault is None:
            log.info("source.file_taken", connection=self._connection.name, records=place.record)
        else:
            log.warning("source.file_refused", connection=self._connection.name, code=fault.code, records=place.record)
        self._seen.pop(found.path, None)
        await self._intake.note({"file": f"{target.parent.name}/{target.name}", "records": place.record}, 0)

    async def _sent(self, path: Path, digest: str, place: Place) -> AsyncGenerator[tuple[Part, Receipt], None]:
        """Parts with their receipts, in order; a few are at the door at once."""
        parts = parts_of(path, place, self._reading)
        flying: deque[tuple[Part, asyncio.Future[Receipt]]] = deque()
        try:
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                flying.append((part, asyncio.ensure_future(self._intake.take_in(self._body(part, digest)))))
                if len(flying) >= IN_FLIGHT:
                    yield await _landed(flying)
            while flying:
                yield await _landed(flying)
        finally:
            for _, task in flying:
                task.cancel()
            await asyncio.gather(*(task for _, task in flying), return_exceptions=True)

    def _body(self, part: Part, digest: str) -> Body:
        return Body(
            kind=self._connection.kind,
            source=self._connection.source,
            content_type=part.content_type,
            idempotency_key=f"{digest}:{part.key}",
            content=part.content,
            first_line=part.first_line,
        )


async def _landed(flying: deque[tuple[Part, asyncio.Future[Receipt]]]) -> tuple[Part, Receipt]:
    part, task = flying[0]
    try:
        receipt = await task
    except (Invalid, Conflict) as error:
        text = f"{error.message} (in the part that begins with record {part.first_line})"
        raise Malformed("", text, code=error.code) from None
    flying.popleft()
    return part, receipt


def _list(folder: Path, pattern: str) -> list[_Found]:
    """Files of the folder, oldest first; neither links nor unfinished or hidden files."""
    names = [name for name in os.listdir(folder) if fnmatch(name, pattern) and not name.endswith(MARKER)]
    found = [_stat(folder / name) for name in names if not name.startswith(".") and not name.endswith(UNFINISHED)]
    return sorted((each for each in found if each), key=lambda each: (each.changed_ns, each.path.name))


def _stat(path: Path) -> _Found | None:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    return _Found(path, facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _checkpoint(name: str, digest: str, place: Place) -> dict[str, Any]:
    return {"file": name, "digest": digest, "byte": place.byte, "record": place.record}


def _place_in(checkpoint: dict[str, Any] | None, name: str, digest: str) -> Place:
    known = checkpoint or {}
    if known.get("digest") != digest or known.get("file") != name:
        return Place()
    return Place(int(known["byte"]), int(known["record"]))


def _put_away(path: Path, digest: str, fault: Malformed | None, place: Place) -> Path:
    """Moves a file to `done` or `failed`; one of the same name there keeps its own."""
    folder = path.parent / ("failed" if fault else "done")
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists():
        target = folder / f"{path.stem}.{digest[:12]}{path.suffix}"
    if fault is not None:
        reason = target.with_name(target.name + ".reason.txt")
        reason.write_text(_reason(path.name, fault, place), encoding="utf-8")
    path.replace(target)
    with contextlib.suppress(FileNotFoundError):
        path.with_name(path.name + MARKER).unlink()
    return target


def _reason(name: str, fault: Malformed, place: Place) -> str:
    return (
        f"文件 {name} 未能读完。\n"
        f"原因：{REASONS_ZH.get(fault.code, REASONS_ZH['malformed'])}（{fault.message}）。\n"
        f"此前已接收 {place.record} 条记录。改正后请将文件重新放入，已接收的记录不会重复计入。\n"
        "\n"
        f"The file {name} could not be read to its end.\n"
        f"Reason: {fault.message}.\n"
        f"{place.record} records before it were taken in. Mend the file and put it into the folder again: records that "
        "were taken in do not count twice.\n"
    )


def _is_folder(folder: str) -> str:
    return "" if Path(folder).is_absolute() else "must be an absolute path"


CONNECTOR = Connector(
    type="file_drop",
    doc="A folder into which CSV, XLSX and Parquet files are dropped.",
    options={
        "folder": Option(type="text", required=True, check=_is_folder, doc="The folder, as an absolute path."),
        "pattern": Option(type="text", default="*", doc="Names of the files to take, such as orders-*.csv."),
        "ready": Option(
            type="text",
            values=("settled", "marker"),
            default="settled",
            doc="When a file is taken: when it stopped changing, or when NAME.done lies beside it.",
        ),
        "settle_s": Option(
            type="number", minimum=0, maximum=3600, default=5.0, doc="Seconds without change until a file is taken."
        ),
        "every_s": Option(type="number", minimum=0.05, maximum=3600, default=2.0, doc="Seconds between looks."),
        "charset": Option(
            type="text", values=("utf-8", "gb18030", "gbk"), doc="Characters of CSV files; found out where absent."
        ),
        "sheet": Option(type="text", doc="Sheet of a workbook; the first where absent."),
        "part_bytes": Option(
            type="whole",
            minimum=64 * 1024,
            maximum=15 * 1024 * 1024,
            default=4 * 1024 * 1024,
            doc="Bytes of a CSV that are one body.",
        ),
        "part_records": Option(
            type="whole", minimum=100, maximum=50_000, default=25_000, doc="Records that are one body."
        ),
    },
    run=run,
    fetches=True,
)
