"""Indexes over properties, made where searches ask for them.

search ─▶ what an index could answer, and how long it took ─▶ every few seconds the dearest becomes an index

Which of some hundred properties are asked for is not known beforehand, and each index costs every write of a twin that
has the property. So there are few, and one that nobody has used for a week makes room for another.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from chassis.connections import FAILURES
from chassis.db import Database
from chassis.rql.patterns import beginning, longest_run
from chassis.rql.search import Search
from chassis.rql.sql import SORTED_CHARACTERS, Indexed, Statement, typed
from chassis.rql.tree import Both, Compare, Either, Field, Kind, Match, Node, Related, Within
from services.twin.store.tables import SCHEMA, TWIN

log = structlog.get_logger()

MOST = 16
EVERY_S = 5.0
FAST_S = 0.002
"""What a search may take without anybody looking for a better way."""
WORTH_S = 0.2
"""Seconds that searches have spent before an index is made."""
KEPT = 0.9
"""What a round leaves of those seconds, so that rare questions are forgotten."""
UNUSED_FOR = timedelta(days=7)
TRIGRAM = 3
PREFIX = "twin_by_"
WIDEST = 3
"""Expressions that an index has at most."""

_KNOWN = f"""
SELECT class.relname AS name, obj_description(class.oid) AS said, index.indisvalid AS is_valid,
       coalesce(stat.last_idx_scan, now()) < now() - $1::interval AS is_idle
FROM pg_index AS index JOIN pg_class AS class ON class.oid = index.indexrelid
LEFT JOIN pg_stat_user_indexes AS stat ON stat.indexrelid = index.indexrelid
WHERE index.indrelid = '{TWIN.fullname}'::regclass AND starts_with(class.relname, '{PREFIX}')
ORDER BY stat.last_idx_scan NULLS LAST
"""
_LOCK = f"hashtext('{SCHEMA}.indexes')"


@dataclass(frozen=True, slots=True)
class Use:
    """What an index is for: `ranges` for ranges and orders of a field, `parts` for any part of its text."""

    name: str
    field: Field

    @property
    def index(self) -> str:
        return PREFIX + hashlib.sha256(self.text().encode()).hexdigest()[:16]

    def text(self) -> str:
        """As it is kept beside the index."""
        return json.dumps([self.name, self.field.root, list(self.field.path), self.field.is_number])

    @staticmethod
    def read(text: str) -> Use:
        name, root, path, is_number = json.loads(text)
        return Use(name, Field(root, tuple(path), is_number))


class _Spelt(Statement):
    """A definition binds nothing."""

    def bind(self, value: str) -> str:
        quoted = value.replace("'", "''")
        return f"CAST('{quoted}' AS text)"


class Indexes:
    """Which there are, and which would be worth it."""

    def __init__(self, db: Database, *, most: int = MOST) -> None:
        self.ready = Indexed()
        self._db = db
        self._most = most
        self._spent: dict[Use, float] = {}

    def note(self, search: Search, seconds: float) -> None:
        """A search has taken so long."""
        if seconds > FAST_S:
            for use in set(_uses(search)):
                if use.field not in getattr(self.ready, use.name):
                    self._spent[use] = self._spent.get(use, 0.0) + seconds

    async def run(self) -> None:
        """Makes and drops indexes, for ever."""
        while True:
            try:
                await self.tend()
            except FAILURES as error:
                log.warning("indexes.wait", error=type(error).__name__)
            await asyncio.sleep(EVERY_S)

    async def tend(self) -> bool:
        """One round; True when an index was made."""
        async with self._db.driver() as connection:
            if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_LOCK})"):
                self._learn(await connection.fetch(_KNOWN, UNUSED_FOR))
                return False
            try:
                # A large table takes its time, and nobody waits for it.
                await connection.execute("SET statement_timeout = 0")
                made = await self._tended(connection)
                self._learn(await connection.fetch(_KNOWN, UNUSED_FOR))
            finally:
                await connection.execute(f"RESET statement_timeout; SELECT pg_advisory_unlock({_LOCK})")
        self._spent = {use: spent * KEPT for use, spent in self._spent.items() if spent > FAST_S}
        return made

    async def _tended(self, connection: Any) -> bool:
        known = await connection.fetch(_KNOWN, UNUSED_FOR)
        for row in known:
            # One that is not valid was being made when its maker died.
            if not row["is_valid"] or row["said"] is None:
                await self._drop(connection, row["name"])
        standing = [row for row in known if row["is_valid"]]
        names = {row["name"] for row in standing}
        wanted = [use for use, spent in self._spent.items() if spent >= WORTH_S and use.index not in names]
        if not wanted:
            return False
        if len(standing) >= self._most:
            idle = [row["name"] for row in standing if row["is_idle"]]
            if not idle:
                return False
            await self._drop(connection, idle[0])
        await self._make(connection, max(wanted, key=lambda use: self._spent[use]))
        return True

    async def _make(self, connection: Any, use: Use) -> None:
        self._spent.pop(use)
        if use.name == "parts":
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        # Of an index that holds some rows alone the planner takes no statistics.
        for place, expression in enumerate(expressions(use)):
            about = f"{SCHEMA}.{use.index}_{place}"
            await connection.execute(f"CREATE STATISTICS IF NOT EXISTS {about} ON ({expression}) FROM {TWIN.fullname}")
        await connection.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {use.index} ON {definition(use)}")
        quoted = use.text().replace("'", "''")
        await connection.execute(f"COMMENT ON INDEX {SCHEMA}.{use.index} IS '{quoted}'")
        await connection.execute(f"ANALYZE {TWIN.fullname}")
        log.info("index.made", use=use.name, field="/".join((use.field.root, *use.field.path)))

    async def _drop(self, connection: Any, name: str) -> None:
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {SCHEMA}.{name}")
        for place in range(WIDEST):
            await connection.execute(f"DROP STATISTICS IF EXISTS {SCHEMA}.{name}_{place}")
        log.info("index.dropped", index=name)

    def _learn(self, known: list[Any]) -> None:
        uses = [Use.read(row["said"]) for row in known if row["is_valid"] and row["said"] is not None]
        fields = {name: frozenset(use.field for use in uses if use.name == name) for name in ("ranges", "parts")}
        self.ready = Indexed(**fields)


def expressions(use: Use) -> list[str]:
    """What an index says of a twin; nothing of one that has no such property, which is not in it."""
    statement = _Spelt(documents="", relations="")
    if use.name == "parts":
        return [statement.parts(use.field, "twin")]
    if use.field.is_number:
        return [statement.scalar(use.field, "twin")]
    value = typed(statement.json(use.field, "twin"))
    return [value.rank, value.number, value.spelt]


def definition(use: Use) -> str:
    """Table, columns and rows of an index."""
    of_index = expressions(use)
    if use.name == "parts":
        value = _Spelt(documents="", relations="").json(use.field, "twin")
        return f"{TWIN.fullname} USING gin (({of_index[0]}) gin_trgm_ops) WHERE jsonb_typeof({value}) = 'string'"
    columns = ", ".join(f"({each})" for each in of_index)
    return f"{TWIN.fullname} ({columns}, id) WHERE {of_index[0]} IS NOT NULL"


def _uses(search: Search) -> Iterator[Use]:
    first = search.order[0].field
    if first.kind is Kind.JSON and first.path:
        yield Use("ranges", first)
    if search.wanted.filter is not None:
        yield from _uses_of(search.wanted.filter)


def _uses_of(node: Node) -> Iterator[Use]:
    match node:
        case Both(parts) | Either(parts):
            for each in parts:
                yield from _uses_of(each)
        case Related(_, part):
            yield from _uses_of(part)
        case Compare() | Within() | Match() if _is_member(node.field) and (use := _use_of(node)):
            yield use


def _use_of(node: Compare | Within | Match) -> Use | None:
    """The index that would answer it."""
    if isinstance(node, Within):
        return Use("ranges", node.field)
    if isinstance(node, Compare):
        return Use("ranges", node.field) if node.operator != "ne" else None
    if not node.ignores_case and beginning(node.pattern, SORTED_CHARACTERS)[1]:
        return Use("ranges", node.field)
    return Use("parts", node.field) if longest_run(node.pattern) >= TRIGRAM else None


def _is_member(field: Field) -> bool:
    return field.kind is Kind.JSON and bool(field.path)
