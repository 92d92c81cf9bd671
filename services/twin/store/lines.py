"""Changes of a few twins as one statement: states, journal lines and what is told, without a table in between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chassis.bus import subject_of
from chassis.telemetry import carry
from services.twin.domain.twins import Change, Relation, Twin
from services.twin.store.columns import arguments, read, rows_of
from services.twin.store.journal import SNAPSHOT_EVERY, state_of
from services.twin.store.rows import Texts, line_columns, origin_columns, state_columns
from services.twin.store.tables import INBOX, JOURNAL, OUTBOX, RELATION, SCHEMA, SNAPSHOT, TWIN
from services.twin.wire import changed_messages, json_text, undo_text

_STATE, _LINE = tuple(state_columns([])), tuple(line_columns([]))
_JSON = ("properties", "desired", "relations", "inputs")
_TOLD = ("message_id", "subject", "payload", "traceparent")
_SEEN = ("id", "revision")
_EDGE = ("id", "name", "target")
_MARK = ("id", "revision", "state", "changed_at", "known_at", "source", "trace_id")
_FIRST_LINE = len(_STATE) + 1
_FIRST_TOLD = _FIRST_LINE + len(_LINE)
_FIRST_SEEN = _FIRST_TOLD + len(_TOLD)
_STAMP = _FIRST_SEEN + len(_SEEN)
_KEPT = _STATE[1:]
_SET = ", ".join(f"{name} = {value}" for name, value in zip(_KEPT, read(TWIN, _KEPT, "state"), strict=True))
_HEARD = f"""
), heard AS (
    INSERT INTO {INBOX.fullname} (consumer, message_id)
    SELECT ${_STAMP + 1}::text, id FROM unnest(${_STAMP + 2}::text[]) AS id, same WHERE same.yes
"""
_WRITTEN, _WRITTEN_AND_HEARD = (
    f"""
WITH state AS (
    SELECT t.*, s.seen FROM {rows_of(TWIN, _STATE)}
    JOIN (SELECT id, revision AS seen FROM {rows_of(TWIN, _SEEN, _FIRST_SEEN)}) AS s USING (id)
), held AS MATERIALIZED (
    SELECT twin.id FROM {TWIN.fullname} AS twin JOIN state ON twin.id = state.id AND twin.revision = state.seen
    ORDER BY twin.id FOR UPDATE OF twin
), same AS MATERIALIZED (
    SELECT (SELECT count(*) FROM held) = (SELECT count(*) FROM state)
       AND (${_STAMP}::bigint IS NULL OR (SELECT stamp FROM {SCHEMA}.registry) = ${_STAMP}::bigint) AS yes
), written AS (
    UPDATE {TWIN.fullname} AS twin SET {_SET} FROM state, same WHERE twin.id = state.id AND same.yes
), lines AS (
    INSERT INTO {JOURNAL.fullname} ({", ".join(_LINE)}) SELECT {", ".join(read(JOURNAL, _LINE))}
    FROM {rows_of(JOURNAL, _LINE, _FIRST_LINE)}, same WHERE same.yes
), told AS (
    INSERT INTO {OUTBOX.fullname} ({", ".join(_TOLD)})
    SELECT {", ".join(read(OUTBOX, _TOLD))} FROM {rows_of(OUTBOX, _TOLD, _FIRST_TOLD)}, same WHERE same.yes
{heard})
SELECT yes FROM same
"""
    for heard in ("", _HEARD)
)
_LEADS_NO_MORE = f"""
DELETE FROM {RELATION.fullname} AS known USING {rows_of(RELATION, _EDGE)}
WHERE (known.id, known.name, known.target) = (t.id, t.name, t.target)
"""
_LEADS = f"INSERT INTO {RELATION.fullname} ({', '.join(_EDGE)}) SELECT * FROM {rows_of(RELATION, _EDGE)}"
_MARKED = f"""
INSERT INTO {SNAPSHOT.fullname} ({", ".join(_MARK)})
SELECT {", ".join(read(SNAPSHOT, _MARK))} FROM {rows_of(SNAPSHOT, _MARK)}
"""


class Heard(NamedTuple):
    """Messages that a consumer has heard."""

    consumer: str
    message_ids: list[str]


async def write_lines(
    connection: Any,
    before: Mapping[str, Twin],
    changed: Sequence[tuple[Twin, Change]],
    *,
    stamp: int | None = None,
    heard: Heard | None = None,
) -> dict[str, int]:
    """Keeps each change in the journal, and of each twin, which is there already, the newest state, which it tells.

    Returns how many characters the JSON of each twin has. It is empty, and nothing is written, where one of the twins
    is not what it was `before`, or the types are not those of the stamp, if one is given; it fails where a message was
    heard before. One statement is a transaction of its own; relations and snapshots need more.
    """
    newest = list({twin.id: twin for twin, _ in changed}.values())
    marked = [twin for twin, _ in changed if twin.revision % SNAPSHOT_EVERY == 0]
    led = {twin.id for twin, change in changed if "relations" in change.patch}
    texts = [Texts.of(twin) for twin in newest]
    states = state_columns(texts)
    values = [
        *arguments(TWIN, states),
        *arguments(JOURNAL, line_columns(changed)),
        *arguments(OUTBOX, _told(before, texts)),
        *arguments(TWIN, {"id": states["id"], "revision": [before[twin.id].revision for twin in newest]}),
        stamp,
        *(heard or ()),
    ]
    statement = _WRITTEN_AND_HEARD if heard else _WRITTEN
    sizes = {
        twin_id: sum(map(len, each)) for twin_id, *each in zip(*(states[name] for name in ("id", *_JSON)), strict=True)
    }
    if not marked and not led:
        return sizes if await connection.fetchval(statement, *values) else {}
    async with connection.transaction():
        if not await connection.fetchval(statement, *values):
            return {}
        await _keep_relations(connection, before, [twin for twin in newest if twin.id in led])
        if marked:
            await connection.execute(_MARKED, *arguments(SNAPSHOT, _marks(marked)))
    return sizes


def _told(before: Mapping[str, Twin], newest: Sequence[Texts]) -> dict[str, list[Any]]:
    by_model: dict[str, list[Any]] = {}
    for each in newest:
        by_model.setdefault(each.twin.model, []).append((each, undo_text(before.get(each.twin.id), each.twin)))
    events = [(model, event) for model, told in by_model.items() for event in changed_messages(told)]
    traceparent = carry().get("traceparent", "")
    return {
        "message_id": [uuid.uuid4().hex for _ in events],
        "subject": [subject_of(event, model) for model, event in events],
        "payload": [event.SerializeToString() for _, event in events],
        "traceparent": [traceparent for _ in events],
    }


def _marks(marked: Sequence[Twin]) -> dict[str, list[Any]]:
    return {
        "id": [twin.id for twin in marked],
        "revision": [twin.revision for twin in marked],
        "state": [json_text(state_of(twin)) for twin in marked],
        **origin_columns([twin.origin for twin in marked]),
    }


async def _keep_relations(connection: Any, before: Mapping[str, Twin], newest: Sequence[Twin]) -> None:
    """The rows of relations: what leads nowhere any more, and what leads somewhere new."""
    steps = [(twin.id, _led(before[twin.id]), _led(twin)) for twin in newest]
    gone = [(twin_id, each.name, each.target) for twin_id, was, now in steps for each in was - now]
    new = [(twin_id, each.name, each.target) for twin_id, was, now in steps for each in now - was]
    for statement, edges in ((_LEADS_NO_MORE, gone), (_LEADS, new)):
        if edges:
            columns = dict(zip(_EDGE, zip(*edges, strict=True), strict=True))
            await connection.execute(statement, *arguments(RELATION, columns))


def _led(twin: Twin) -> frozenset[Relation]:
    return frozenset(twin.relations if twin.exists else ())
