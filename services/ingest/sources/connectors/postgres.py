"""A table of a source database in PostgreSQL: by watermark, or change by change from a logical replication slot.

watermark  rows whose column is beyond the last one, with an overlap for late commits; does not see deletions
slot       every change of the table, deletions too; the slot moves on only behind the durable receipt
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from chassis.errors import Invalid
from services.ingest.sources.connection import Connection, Connector, Intake, Option, SourceAway
from services.ingest.sources.pgoutput import Change, Decoder, Unreadable
from services.ingest.usecases import Body

CSV, JSON = "text/csv", "application/json"
REMEMBERED = 256
_TABLE = re.compile(r"[^\W\d]\w{0,62}(\.[^\W\d]\w{0,62})?")
_PREFETCH = 1000
_AWAY = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(OSError, TimeoutError, ValueError),
)


async def run(connection: Connection, intake: Intake) -> None:
    """Reads the table round by round, for ever."""
    async with _database(connection.options) as database:
        read = _Slot if connection.options["mode"] == "slot" else _Watermark
        reader = read(connection, intake, database)
        while True:
            await reader.round()
            await asyncio.sleep(connection.options["every_s"])


@asynccontextmanager
async def _database(options: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    try:
        database = await asyncpg.connect(
            options["url"].get_secret_value(),
            timeout=options["timeout_s"],
            command_timeout=options["timeout_s"],
            server_settings={"application_name": "marketwin-ingest", "timezone": "UTC", "datestyle": "ISO"},
        )
        try:
            yield database
        finally:
            database.terminate()
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise SourceAway("the database refuses the login; check the address in the variable of `url`") from None
    except asyncpg.UndefinedObjectError:
        name = options["slot"]
        text = f"there is no slot {name} or publication {options['publication']}; create them (docs/connections.md)"
        raise SourceAway(text) from None
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        raise SourceAway(f"there is no table {options['table']} with these columns") from None
    except asyncpg.ObjectInUseError:
        raise SourceAway(f"the slot {options['slot']} is used by somebody else") from None
    except asyncpg.InsufficientPrivilegeError:
        raise SourceAway("the login may not read this; grant SELECT, and REPLICATION for a slot") from None
    except _AWAY as error:
        # The text of the error may quote the address or a row.
        raise SourceAway(f"the database cannot be read ({type(error).__name__}); it is tried again") from None


class _Reader:
    def __init__(self, connection: Connection, intake: Intake, database: asyncpg.Connection) -> None:
        self._connection = connection
        self._intake = intake
        self._database = database
        self._options = connection.options
        self._table = ".".join(map(_quoted, connection.options["table"].split(".")))

    async def _take(self, content: bytes, content_type: str, key: str, *, op: str = "upsert") -> None:
        body = Body(
            kind=self._connection.kind,
            source=self._connection.source,
            content_type=content_type,
            idempotency_key=key,
            content=content,
            op=op,
        )
        try:
            await self._intake.take_in(body)
        except Invalid as error:
            text = f"rows cannot be taken: {error.message}; lower batch_records or change the columns"
            raise SourceAway(text) from None


class _Watermark(_Reader):
    """Rows beyond the watermark, a window at a time; each round begins a little before the last one's end."""

    def __init__(self, connection: Connection, intake: Intake, database: asyncpg.Connection) -> None:
        super().__init__(connection, intake, database)
        self._column = _quoted(self._options["watermark_column"])
        self._columns = ", ".join(map(_quoted, self._options["columns"])) if self._options["columns"] else "*"
        self._known: deque[str] = deque(maxlen=REMEMBERED)
        self._type = ""

    async def round(self) -> None:
        await self._learn_type()
        last = str((await self._intake.recall() or {}).get("watermark", ""))
        begin = await self._earlier(last) if last else ""
        while True:
            end, count = await self._window(begin)
            if not count:
                await self._intake.note({"watermark": last}, 0)
                return
            brought = await self._bring(begin, end)
            last = begin = end
            await self._intake.note({"watermark": last}, brought)

    async def _learn_type(self) -> None:
        if not self._type:
            statement = f"SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{self._table}'"
            found = await self._database.fetchval(
                statement + "::regclass AND attname = $1 AND NOT attisdropped", self._options["watermark_column"]
            )
            if found is None:
                raise asyncpg.UndefinedColumnError
            self._type = str(found)

    async def _earlier(self, last: str) -> str:
        if not self._options["overlap"]:
            return last
        is_time = self._type.startswith(("timestamp", "date"))
        step = "make_interval(secs => $2::float8)" if is_time else "$2::numeric"
        statement = f"SELECT ($1::text::{self._type} - {step})::text"
        return str(await self._database.fetchval(statement, last, self._options["overlap"]))

    async def _window(self, begin: str) -> tuple[str, int]:
        """The end of the next window, rows of one moment together, and whether it holds any."""
        beyond, arguments = self._beyond(begin)
        row = await self._database.fetchrow(
            f"SELECT max(mark)::text AS last, count(*) AS rows FROM (SELECT {self._column} AS mark FROM {self._table} "
            f"WHERE {beyond} ORDER BY {self._column} LIMIT {self._options['batch_records']}) AS next",
            *arguments,
        )
        return (str(row["last"] or ""), int(row["rows"])) if row else ("", 0)

    async def _bring(self, begin: str, end: str) -> int:
        beyond, arguments = self._beyond(begin)
        sink = io.BytesIO()
        status = await self._database.copy_from_query(
            f"SELECT {self._columns} FROM {self._table} WHERE {beyond} "
            f"AND {self._column} <= ${len(arguments) + 1}::text::{self._type} ORDER BY {self._column}",
            *arguments,
            end,
            output=sink,
            format="csv",
            header=True,
        )
        content = sink.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._known:
            return 0
        await self._take(content, CSV, digest)
        self._known.append(digest)
        return int(status.split()[-1])

    def _beyond(self, begin: str) -> tuple[str, list[str]]:
        if not begin:
            return f"{self._column} IS NOT NULL", []
        return f"{self._column} > $1::text::{self._type}", [begin]


class _Slot(_Reader):
    """Changes as the slot gives them, whole transactions at a time; runs of one operation become bodies."""

    async def round(self) -> None:
        while await self._some():
            pass

    async def _some(self) -> bool:
        """Brings some transactions; whether there may be more."""
        now = await self._database.fetchval("SELECT pg_current_wal_lsn()::text")
        decoder = Decoder()
        run: list[tuple[str, Change]] = []
        last, count = "", 0
        async with self._database.transaction():
            changes = self._database.cursor(
                "SELECT lsn::text AS lsn, data FROM pg_logical_slot_peek_binary_changes("
                "$1, NULL, $2, 'proto_version', '1', 'publication_names', $3)",
                self._options["slot"],
                self._options["batch_records"],
                self._options["publication"],
                prefetch=_PREFETCH,
            )
            async for row in changes:
                last = row["lsn"]
                for change in _read(decoder, row["data"]):
                    if change.table != self._name:
                        continue
                    if run and (change.op != run[0][1].op or len(run) >= self._options["batch_records"]):
                        await self._bring(run)
                        run = []
                    run.append((last, change))
                    count += 1
            if run:
                await self._bring(run)
        await self._intake.note({"lsn": last or now}, count)
        # Without this the source would keep its log for changes that are not ours.
        await self._database.execute(
            "SELECT pg_replication_slot_advance($1, $2::text::pg_lsn) FROM pg_replication_slots "
            "WHERE slot_name = $1 AND confirmed_flush_lsn < $2::text::pg_lsn",
            self._options["slot"],
            last or now,
        )
        return bool(last)

    @property
    def _name(self) -> str:
        table: str = self._options["table"]
        return table if "." in table else f"public.{table}"

    async def _bring(self, run: list[tuple[str, Change]]) -> None:
        # The place in the log is part of the key: the same content may be right twice, with another one in between.
        key = f"{self._options['slot']}:{run[0][0]}-{run[-1][0]}:{len(run)}"
        content = msgspec.json.encode([change.row for _, change in run])
        await self._take(content, JSON, key, op=run[0][1].op)


def _read(decoder: Decoder, message: bytes) -> list[Change]:
    try:
        return decoder.read(message)
    except Unreadable as error:
        raise SourceAway(f"the slot speaks another language than pgoutput: {error}") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _check_table(name: str) -> str:
    return "" if _TABLE.fullmatch(name) else "must be the name of a table such as sales.orders"


def _check_together(options: dict[str, Any]) -> tuple[str, str] | None:
    if options["mode"] == "watermark" and not options["watermark_column"]:
        return "watermark_column", "is missing: the column that grows with each change"
    if options["mode"] == "slot" and not (options["slot"] and options["publication"]):
        return "slot", "goes with publication"
    return None


CONNECTOR = Connector(
    type="postgres",
    doc="A table of a source database in PostgreSQL.",
    options={
        "url": Option(
            type="secret", required=True, doc="Variable with the address, postgresql://user:password@host/db."
        ),
        "table": Option(type="text", required=True, check=_check_table, doc="The table or view, schema.name."),
        "mode": Option(type="text", values=("watermark", "slot"), default="watermark", doc="How changes are found."),
        "watermark_column": Option(type="text", doc="Column that grows with each change."),
        "columns": Option(type="texts", doc="Columns to read; all where absent."),
        "overlap": Option(
            type="number",
            minimum=0,
            maximum=1e9,
            default=60.0,
            doc="Seconds, or steps of a number, read again each round.",
        ),
        "slot": Option(type="text", doc="Logical replication slot with the plugin pgoutput."),
        "publication": Option(type="text", doc="Publication of the table."),
        "batch_records": Option(type="whole", minimum=1, maximum=50_000, default=5000, doc="Rows of one body."),
        "every_s": Option(type="number", minimum=0.05, maximum=86_400, default=10.0, doc="Seconds between rounds."),
        "timeout_s": Option(type="number", minimum=0.5, maximum=600, default=60.0, doc="Seconds for one statement."),
    },
    run=run,
    fetches=True,
    check=_check_together,
)
