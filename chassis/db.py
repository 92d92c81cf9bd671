"""PostgreSQL: one schema per service, transactions, and whole columns at a time by COPY."""

from __future__ import annotations

import asyncio
import io
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import msgspec
import polars as pl
import structlog
from alembic import command
from alembic.config import Config
from asyncpg import InterfaceError as DriverError
from asyncpg import InternalClientError, PostgresError
from sqlalchemy import Connection, MetaData, Table, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateSchema

from chassis.app import in_thread
from chassis.connections import Connections, Driver
from chassis.errors import Invalid, Unavailable

log = structlog.get_logger()
T = TypeVar("T")

CONNECT_TIMEOUT_S = 10
DRIVERS = 3
"""Connections of the driver itself at most, where nothing else is said; the outbox uses one."""
ASKERS = 4
"""Connections at most for statements that are planned anew each time."""
STATEMENT_TIMEOUT_MS = 60_000
RESTED_S = 1.0
IDLE_MS = 30_000
"""A connection that nobody used for so long is ended: each costs the server some 15 MB."""
INLINE_ROWS = 2000
PIECE_ROWS = 8000
"""Larger frames become CSV beside the event loop, so many rows at a time."""
AGAIN_S = 1.0

# Classes of SQLSTATE: what passes when the server is back or the other transaction is done, and what values cause.
_AWAY = ("08", "40", "53", "55", "57", "58")
_TOO_SLOW = "57014"
_ABOUT_VALUES = ("22", "23", "54")


class Unstorable(Invalid):
    """PostgreSQL refuses a value. The message names the fault and never the value; `column` where it is known."""

    default_code = "unstorable"

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(f"the database cannot hold a value: {reason}")
        self.reason = reason
        self.column = column


def is_away(error: BaseException) -> bool:
    """Whether a statement may be tried again as it is: the server was away, or another transaction in the way."""
    state = _state(error)
    if state:
        return state[:2] in _AWAY and state != _TOO_SLOW
    # A server that ends the connection while a statement is on its way makes the driver contradict itself.
    driver = isinstance(error, OperationalError | InterfaceError | DriverError | InternalClientError)
    return driver or isinstance(error, OSError | NoneFree)


async def patiently(name: str, work: Callable[[], Awaitable[T]], *, also: tuple[type[Exception], ...] = ()) -> T | None:
    """What work in the background gives; None, a moment later, where the database was away or too busy for it.

    Nobody waits for such work, and whoever does it for ever begins it anew: nothing of that ends a process, nor do
    errors of other servers that `also` names.
    """
    try:
        return await work()
    except Exception as error:
        if not (isinstance(error, (Unavailable, *also)) or is_away(error) or _state(error) == _TOO_SLOW):
            raise
        log.warning("work.waits", work=name, error=type(error).__name__)
        await asyncio.sleep(AGAIN_S)
        return None


def refusal(error: BaseException) -> Unstorable | None:
    """What PostgreSQL says about a value that it refuses; None when it failed for another reason."""
    state = _state(error)
    if state[:2] not in _ABOUT_VALUES:
        return None
    cause = error.__cause__ if isinstance(error, DBAPIError) and error.__cause__ is not None else error
    cause = cause.__cause__ if isinstance(cause.__cause__, PostgresError) else cause
    found = re.search(r"column (\w+)", str(getattr(cause, "context", None) or getattr(cause, "where", None) or ""))
    return Unstorable(f"{type(cause).__name__}, SQLSTATE {state}", found.group(1) if found else "")


def _state(error: BaseException) -> str:
    driver = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(driver, "sqlstate", None) or "")


class Database:
    """Sessions on the schema of one service."""

    def __init__(
        self,
        engine: AsyncEngine,
        schema: str,
        drivers: Connections,
        askers: Connections,
    ) -> None:
        self.engine = engine
        self.schema = schema
        self._drivers = drivers
        self._askers = askers
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits on leaving and rolls back on an error."""
        async with self._sessions() as session, session.begin():
            yield session

    def driver(self) -> AbstractAsyncContextManager[Driver]:
        """A connection of the driver itself, for statements so many and so small that the layers above cost more.

        Nothing asks beforehand whether it still works: whoever uses it tries again.
        """
        return self._drivers.one()

    def asking(self) -> AbstractAsyncContextManager[Driver]:
        """A connection of the driver for searches: each is planned for its very values, where a plan that is kept
        takes any value for a common one."""
        return self._askers.one()

    async def migrate(self, folder: Path) -> None:
        """Brings the schema to the newest revision of the migrations in the folder."""
        async with self.engine.begin() as connection:
            await connection.execute(CreateSchema(self.schema, if_not_exists=True))
            await connection.run_sync(self._upgrade, folder, "head")

    async def revise(self, folder: Path, revision: str) -> None:
        """Moves the schema up or down to a revision (`base`, `head`, or an id)."""
        async with self.engine.begin() as connection:
            move = self._downgrade if revision == "base" else self._upgrade
            await connection.run_sync(move, folder, revision)

    def _upgrade(self, connection: Connection, folder: Path, revision: str) -> None:
        command.upgrade(self._config(connection, folder), revision)

    def _downgrade(self, connection: Connection, folder: Path, revision: str) -> None:
        command.downgrade(self._config(connection, folder), revision)

    def _config(self, connection: Connection, folder: Path) -> Config:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        config.attributes["schema"] = self.schema
        return config


def run_migrations(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls."""
    from alembic import context

    schema = context.config.attributes["schema"]
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table="migration",
        version_table_schema=schema,
        include_schemas=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


@asynccontextmanager
async def database(
    url: str,
    schema: str,
    *,
    pool_size: int = 5,
    idle_ms: int = IDLE_MS,
    drivers: int = DRIVERS,
    driver_settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Database]:
    """An engine for one schema; leaving closes its connections. The settings are PostgreSQL's."""
    named = {
        "application_name": f"marketwin-{schema}",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "timezone": "UTC",
        "jit": "off",
    }
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        # The last one given back is the first one taken, so that those a busy hour needed grow idle.
        pool_use_lifo=True,
        json_deserializer=msgspec.json.decode,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "server_settings": named | {"idle_session_timeout": str(idle_ms)},
        },
    )
    _ask_who_rested(engine, min(RESTED_S, idle_ms / 2000))
    of_driver = _connections(url, drivers, idle_ms, named | dict(driver_settings or {}))
    # A plan made for no value in particular takes any search for a common one.
    of_askers = _connections(url, ASKERS, idle_ms, named | {"plan_cache_mode": "force_custom_plan"})
    try:
        yield Database(engine, schema, of_driver, of_askers)
    finally:
        of_driver.terminate()
        of_askers.terminate()
        await engine.dispose()


def _connections(url: str, size: int, idle_ms: int, settings: dict[str, str]) -> Connections:
    opened = partial(asyncpg.connect, url, timeout=CONNECT_TIMEOUT_S, server_settings=settings)
    return Connections(opened, size=size, idle_s=idle_ms / 1000, within_s=CONNECT_TIMEOUT_S)


def _ask_who_rested(engine: AsyncEngine, rested_s: float) -> None:
    """Asks a connection that rested whether it still works; `pool_pre_ping` asks each time, in three round trips."""

    @event.listens_for(engine.sync_engine, "checkin")
    def given_back(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def taken(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get("rests_since", math.inf) > rested_s:
            try:
                engine.sync_engine.dialect.do_ping(connection)
            except Exception as error:
                raise InvalidatePoolError from error


@dataclass(frozen=True, slots=True)
class Upserted:
    """Rows that were new, and rows that were changed; rows that were left alone count in neither."""

    inserted: int
    updated: int


async def copy_frame(session: AsyncSession, table: str, frame: pl.DataFrame, *, schema: str | None = None) -> None:
    """Copies a frame into the columns of the same names, inside the session's transaction.

    Lists and structs must be JSON text already; bytes do not pass. Raises Unstorable when PostgreSQL refuses a value.
    """
    if frame.is_empty():
        return
    driver = await driver_of(session)
    source = io.BytesIO(_csv(frame)) if frame.height <= INLINE_ROWS else _csv_ahead(frame)
    try:
        await driver.copy_to_table(
            table,
            source=source,
            schema_name=schema,
            columns=frame.columns,
            format="csv",
        )
    except (PostgresError, DriverError) as error:
        # Errors of COPY come past SQLAlchemy, as the driver has them.
        if is_away(error):
            raise Unavailable("PostgreSQL went away") from error
        raise refusal(error) or error from error


async def _csv_ahead(frame: pl.DataFrame) -> AsyncIterator[bytes]:
    """A large frame piece by piece: while the server reads one, the next is made beside the event loop."""
    ahead: asyncio.Task[bytes] | None = None
    try:
        for piece in frame.iter_slices(PIECE_ROWS):
            made, ahead = ahead, asyncio.create_task(in_thread(_csv, piece))
            if made is not None:
                yield await made
        if ahead is not None:
            yield await ahead
    finally:
        if ahead is not None:
            ahead.cancel()


def _csv(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_csv(sink, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00", quote_style="non_numeric")
    return sink.getvalue()


async def stage_frame(session: AsyncSession, table: Table, frame: pl.DataFrame, *, name: str = "staged") -> str:
    """Copies a frame into a temporary table with the columns of `table`; returns its name.

    The temporary table is gone at the end of the transaction.
    """
    columns = ", ".join(f'"{column}"' for column in frame.columns)
    await session.execute(text(f'DROP TABLE IF EXISTS pg_temp."{name}"'))
    await session.execute(
        text(f'CREATE TEMP TABLE "{name}" ON COMMIT DROP AS SELECT {columns} FROM {table.fullname} WITH NO DATA')
    )
    await copy_frame(session, name, frame)
    return name


async def upsert_frame(
    session: AsyncSession,
    table: Table,
    frame: pl.DataFrame,
    *,
    key: Sequence[str],
    where: str = "",
) -> Upserted:
    """Inserts a frame, or updates the rows whose key exists.

    `where`, SQL over the table's name and `excluded`, limits the updates. The frame must not hold a key twice.
    """
    if frame.is_empty():
        return Upserted(0, 0)
    name = await stage_frame(session, table, frame)
    columns = ", ".join(f'"{column}"' for column in frame.columns)
    others = [column for column in frame.columns if column not in key]
    assignments = ", ".join(f'"{column}" = excluded."{column}"' for column in others)
    action = f"DO UPDATE SET {assignments}{f' WHERE {where}' if where else ''}" if others else "DO NOTHING"
    result = await session.execute(
        text(
            f"WITH written AS (INSERT INTO {table.fullname} AS {table.name} ({columns}) SELECT {columns} FROM {name} "
            f"ON CONFLICT ({', '.join(key)}) {action} RETURNING (xmax = 0) AS is_new) "
            "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
        )
    )
    inserted, updated = result.one()
    return Upserted(int(inserted), int(updated))


async def driver_of(session: AsyncSession) -> asyncpg.Connection[asyncpg.Record]:
    """The driver's connection below a session, inside its transaction: for what goes past the layers above."""
    raw = await (await session.connection()).get_raw_connection()
    driver: asyncpg.Connection[asyncpg.Record] = raw.driver_connection  # type: ignore[assignment]  # it is asyncpg
    if not driver.is_in_transaction():
        # It is opened with the first statement that the layers above see.
        await session.execute(text("SELECT 1"))
    return driver


async def read_frame(session: AsyncSession, statement: str, parameters: dict[str, Any] | None = None) -> pl.DataFrame:
    """The rows of a small SELECT as a frame; column types follow the values (cast JSON to text)."""
    result = await session.execute(text(statement), parameters or {})
    rows = result.fetchall()
    return pl.DataFrame(
        [tuple(row) for row in rows], schema=list(result.keys()), orient="row", infer_schema_length=None
    )


async def pull_frame(
    session: AsyncSession, statement: str, schema: Mapping[str, pl.DataType | type[pl.DataType]], *arguments: Any
) -> pl.DataFrame:
    """The rows of a large SELECT as a frame, by COPY: about ten times faster than rows.

    `statement` numbers its arguments ($1, $2); `schema` names and types its columns, in order.
    """
    sink = io.BytesIO()
    await (await driver_of(session)).copy_from_query(statement, *arguments, output=sink, format="csv", force_quote=True)
    sink.seek(0)
    texts = {name: pl.String if _is_temporal(kind) or kind == pl.Boolean else kind for name, kind in schema.items()}
    if not sink.getbuffer().nbytes:
        return pl.DataFrame(schema=schema)
    frame = pl.read_csv(sink, has_header=False, new_columns=list(schema), schema_overrides=list(texts.values()))
    return frame.select(_parsed(name, kind) for name, kind in schema.items())


def _is_temporal(kind: Any) -> bool:
    return bool(kind in (pl.Date, pl.Datetime) or isinstance(kind, pl.Datetime))


def _parsed(name: str, kind: Any) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.Date:
        return column.str.to_date("%Y-%m-%d")
    if _is_temporal(kind):
        return column.str.strip_suffix("+00").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")
    if kind == pl.Boolean:
        return column == "t"
    return column
