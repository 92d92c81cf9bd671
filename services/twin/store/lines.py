"""Changes of a few twins as one statement: states, journal lines and what is told, without a table in between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from chassis.bus import subject_of
from chassis.telemetry import carry
from services.twin.domain.twins import Change, Relation, Twin
from services.twin.store.journal import SNAPSHOT_EVERY, snapshot_row
from services.twin.store.rows import Texts, line_columns, state_columns
from services.twin.store.tables import JOURNAL, OUTBOX, RELATION, SCHEMA, TWIN
from services.twin.wire import changed_messages, json_text, undo_text

_STATE, _LINE = tuple(state_columns([])), tuple(line_columns([]))
_JSON = ("properties", "desired", "relations", "inputs")
_TOLD = ("message_id", "subject", "payload", "traceparent")


def _array_type(kind: sa.types.TypeEngine[Any]) -> str:
    """What a column travels as: JSON as the text it is."""
    if isinstance(kind, JSONB):
        return "text[]"
    return f"{kind.compile(dialect=postgresql.dialect())}[]"  # type: ignore[no-untyped-call]  # as published


def _unnested(table: sa.Table, names: Sequence[str], first: int) -> str:
    """Arguments of the statement, from one on, as rows of named columns."""
    places = [f"${first + n}::{_array_type(table.c[name].type)}" for n, name in enumerate(names)]
    return f"unnest({', '.join(places)}) AS t({', '.join(names)})"


def _read(table: sa.Table, names: Sequence[str], rows: str) -> list[str]:
    return [f"{rows}.{name}{'::jsonb' if isinstance(table.c[name].type, JSONB) else ''}" for name in names]


_FIRST_LINE = len(_STATE) + 1
_FIRST_TOLD = _FIRST_LINE + len(_LINE)
_SEEN = _FIRST_TOLD + len(_TOLD)
_KEPT = _STATE[1:]
_SET = ", ".join(f"{name} = {value}" for name, value in zip(_KEPT, _read(TWIN, _KEPT, "state"), strict=True))
_WRITTEN = f"""
WITH state AS (
    SELECT t.*, s.seen FROM {_unnested(TWIN, _STATE, 1)} JOIN unnest($1::text[], ${_SEEN}::bigint[]) AS s(id, seen)
    USING (id)
), held AS MATERIALIZED (
    SELECT twin.id FROM {TWIN.fullname} AS twin JOIN state ON twin.id = state.id AND twin.revision = state.seen
    ORDER BY twin.id FOR UPDATE OF twin
), same AS MATERIALIZED (
    SELECT (SELECT count(*) FROM held) = (SELECT count(*) FROM state)
       AND (${_SEEN + 1}::bigint IS NULL OR (SELECT stamp FROM {SCHEMA}.registry) = ${_SEEN + 1}::bigint) AS yes
), written AS (
    UPDATE {TWIN.fullname} AS twin SET {_SET} FROM state, same WHERE twin.id = state.id AND same.yes
), lines AS (
    INSERT INTO {JOURNAL.fullname} ({", ".join(_LINE)}) SELECT {", ".join(_read(JOURNAL, _LINE, "t"))}
    FROM {_unnested(JOURNAL, _LINE, _FIRST_LINE)}, same WHERE same.yes
), told AS (
    INSERT INTO {OUTBOX.fullname} ({", ".join(_TOLD)})
    SELECT t.* FROM {_unnested(OUTBOX, _TOLD, _FIRST_TOLD)}, same WHERE same.yes
)
SELECT yes FROM same
"""
_EDGES = "unnest($1::text[], $2::text[], $3::text[]) AS t(id, name, target)"
_LEADS_NO_MORE = f"""
DELETE FROM {RELATION.fullname} AS known USING {_EDGES}
WHERE (known.id, known.name, known.target) = (t.id, t.name, t.target)
"""
_LEADS = f"INSERT INTO {RELATION.fullname} (id, name, target) SELECT * FROM {_EDGES}"
_MARKED = f"""
INSERT INTO {SCHEMA}.snapshot (id, revision, state, changed_at, known_at, source, trace_id)
SELECT id, revision, state::jsonb, changed_at, known_at, source, trace_id FROM unnest(
    $1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[]
) AS t(id, revision, state, changed_at, known_at, source, trace_id)
"""


async def write_lines(
    connection: Any, before: Mapping[str, Twin], changed: Sequence[tuple[Twin, Change]], *, stamp: int | None = None
) -> dict[str, int]:
    """Keeps each change in the journal, and of each twin, which is there already, the newest state, which it tells.

    Returns how many characters the JSON of each twin has. It is empty, and nothing is written, where one of the twins
    is not what it was `before`, or the types are not those of the stamp, if one is given. One statement is a
    transaction of its own; relations and snapshots need more.
    """
    newest = list({twin.id: twin for twin, _ in changed}.values())
    marked = [snapshot_row(twin) for twin, _ in changed if twin.revision % SNAPSHOT_EVERY == 0]
    led = {twin.id for twin, change in changed if "relations" in change.patch}
    texts = [Texts.of(twin) for twin in newest]
    states = state_columns(texts)
    columns = [*states.values(), *line_columns(changed).values(), *_told(before, texts)]
    arguments = [*columns, [before[twin.id].revision for twin in newest], stamp]
    sizes = {
        twin_id: sum(map(len, each)) for twin_id, *each in zip(*(states[name] for name in ("id", *_JSON)), strict=True)
    }
    if not marked and not led:
        return sizes if await connection.fetchval(_WRITTEN, *arguments) else {}
    async with connection.transaction():
        if not await connection.fetchval(_WRITTEN, *arguments):
            return {}
        await _keep_relations(connection, before, [twin for twin in newest if twin.id in led])
        if marked:
            names = ("id", "revision", "state", "changed_at", "known_at", "source", "trace_id")
            rows = [[json_text(row[name]) if name == "state" else row[name] for row in marked] for name in names]
            await connection.execute(_MARKED, *rows)
    return sizes


def _told(before: Mapping[str, Twin], newest: Sequence[Texts]) -> list[list[Any]]:
    by_model: dict[str, list[Any]] = {}
    for each in newest:
        by_model.setdefault(each.twin.model, []).append((each, undo_text(before.get(each.twin.id), each.twin)))
    events = [(model, event) for model, told in by_model.items() for event in changed_messages(told)]
    traceparent = carry().get("traceparent", "")
    return [
        [uuid.uuid4().hex for _ in events],
        [subject_of(event, model) for model, event in events],
        [event.SerializeToString() for _, event in events],
        [traceparent for _ in events],
    ]


async def _keep_relations(connection: Any, before: Mapping[str, Twin], newest: Sequence[Twin]) -> None:
    """The rows of relations: what leads nowhere any more, and what leads somewhere new."""
    steps = [(twin.id, _led(before[twin.id]), _led(twin)) for twin in newest]
    gone = [(twin_id, each.name, each.target) for twin_id, was, now in steps for each in was - now]
    new = [(twin_id, each.name, each.target) for twin_id, was, now in steps for each in now - was]
    for statement, edges in ((_LEADS_NO_MORE, gone), (_LEADS, new)):
        if edges:
            await connection.execute(statement, *map(list, zip(*edges, strict=True)))


def _led(twin: Twin) -> frozenset[Relation]:
    return frozenset(twin.relations if twin.exists else ())
