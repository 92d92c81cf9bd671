"""Forgetting in PostgreSQL: every text and JSON column of every table of the schema, whoever added it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database
from services.ingest.domain.privacy.erasing import CONSENT, CONTACT, LINK, Subject
from services.ingest.store.privacy_tables import NEVER_SWEPT

STATEMENT_LIMIT = "1800s"
TEXT_TYPES = ("text", "character varying")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that can hold what a sender wrote."""

    table: str
    texts: tuple[str, ...]
    jsons: tuple[str, ...]

    @property
    def store(self) -> str:
        """The part of the proof that it belongs to."""
        return next((name for name in ("superseded", "quarantine") if self.table.startswith(name)), "book")


class ErasableBook:
    """The tables of the service."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def erase(self, who: Subject) -> dict[str, int]:
        counts = dict.fromkeys(("book", "superseded", "quarantine"), 0)
        touched = []
        for columns in await self._tables():
            async with self._db.transaction() as session:
                await session.execute(sa.text(f"SET LOCAL statement_timeout = '{STATEMENT_LIMIT}'"))
                removed = await _erase(session, self._db.schema, columns, who)
            counts[columns.store] += removed
            if removed:
                touched.append(columns.table)
        await self._sweep_out(touched)
        return counts

    async def search(self, who: Subject) -> dict[str, int]:
        counts = dict.fromkeys(("book", "superseded", "quarantine"), 0)
        for columns in await self._tables():
            async with self._db.transaction() as session:
                await session.execute(sa.text(f"SET LOCAL statement_timeout = '{STATEMENT_LIMIT}'"))
                where, values = _carries(columns, who)
                found = sa.text(f'SELECT count(*) FROM "{self._db.schema}"."{columns.table}" WHERE {where}')
                counts[columns.store] += int((await session.execute(found, values)).scalar_one())
        return counts

    async def _tables(self) -> list[Columns]:
        asked = sa.text(
            "SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables "
            "USING (table_schema, table_name) WHERE table_schema = :schema AND table_type = 'BASE TABLE' "
            "ORDER BY table_name, ordinal_position"
        )
        async with self._db.transaction() as session:
            rows = (await session.execute(asked, {"schema": self._db.schema})).all()
        names = dict.fromkeys(row.table_name for row in rows if row.table_name not in NEVER_SWEPT)
        return [
            Columns(
                name,
                tuple(row.column_name for row in rows if row.table_name == name and row.data_type in TEXT_TYPES),
                tuple(row.column_name for row in rows if row.table_name == name and row.data_type == "jsonb"),
            )
            for name in names
        ]

    async def _sweep_out(self, tables: Sequence[str]) -> None:
        """Frees the space of rows that gave way, so that their bytes are written over."""
        async with self._db.engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(sa.text(f"SET statement_timeout = '{STATEMENT_LIMIT}'"))
            for table in tables:
                await plain.execute(sa.text(f'VACUUM "{self._db.schema}"."{table}"'))
            await plain.execute(sa.text("RESET statement_timeout"))


async def _erase(session: AsyncSession, schema: str, columns: Columns, who: Subject) -> int:
    where, values = _carries(columns, who)
    sets = [f'"{name}" = {_text_without(columns, name, who)}' for name in columns.texts]
    sets += [f'"{name}" = {_json_without(name, who)}' for name in columns.jsons]
    if not sets or where == "false":
        return 0
    statement = sa.text(f'UPDATE "{schema}"."{columns.table}" SET {", ".join(sets)} WHERE {where}')
    return int((await session.execute(statement, {**values, **_names(who)})).rowcount)  # type: ignore[attr-defined]  # of a cursor


def _carries(columns: Columns, who: Subject) -> tuple[str, dict[str, Any]]:
    """Where a row carries the subject anywhere."""
    if who.tokens:
        found = [f'strpos("{name}", :token) > 0' for name in columns.texts]
        found += [f'strpos("{name}"::text, :token) > 0' for name in columns.jsons]
        return " OR ".join(found) or "false", {"token": who.tokens[0]}
    found = [f'"{CONSENT}" = ANY(:refs)'] if CONSENT in columns.texts else []
    found += [f"\"{name}\" ->> '{CONSENT}' = ANY(:refs)" for name in columns.jsons]
    return " OR ".join(found) or "false", {"refs": list(who.consent_refs)}


def _names(who: Subject) -> dict[str, Any]:
    return {"mark": who.mark} if who.tokens else {}


def _text_without(columns: Columns, name: str, who: Subject) -> str:
    for group in (LINK, CONTACT):
        if name in group:
            linked = [_names_subject(f'"{each}"', each, who) for each in group if each in columns.texts]
            return f'CASE WHEN {" OR ".join(linked)} THEN NULL ELSE "{name}" END'
    return f'replace("{name}", :token, :mark)' if who.tokens else f'"{name}"'


def _json_without(name: str, who: Subject) -> str:
    """The value without the links, and with the mark wherever the token stood; as a key, too."""
    value = f'"{name}"'
    for group in (LINK, CONTACT):
        linked = " OR ".join(_names_subject(f"\"{name}\" ->> '{each}'", each, who) for each in group)
        empty = ", ".join(f"'{each}', NULL" for each in group)
        known = ", ".join(f"'{each}'" for each in group)
        emptied = (
            f"(SELECT coalesce(jsonb_object_agg(k, v), '{{}}') FROM jsonb_each(jsonb_build_object({empty})) AS e(k, v) "
            f'WHERE jsonb_exists("{name}", k) AND k IN ({known}))'
        )
        value = (
            f"CASE WHEN jsonb_typeof(\"{name}\") = 'object' AND coalesce({linked}, false) "
            f"THEN {value} || {emptied} ELSE {value} END"
        )
    return f"replace(({value})::text, :token, :mark)::jsonb" if who.tokens else value


def _names_subject(column: str, name: str, who: Subject) -> str:
    if name == CONSENT:
        return f"{column} = ANY(:refs)" if who.consent_refs else "false"
    return f"{column} = :token" if who.tokens else "false"
