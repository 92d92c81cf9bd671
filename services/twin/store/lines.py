"""Changes of a few twins as one statement: states, journal lines and what is told, without a table in between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.bus import subject_of
from chassis.telemetry import carry
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.store.journal import SNAPSHOT_EVERY, snapshot_row
from services.twin.store.tables import JOURNAL, OUTBOX, RELATION, SCHEMA, TWIN
from services.twin.wire import changed_messages, json_text, twin_message, undo_text

_WRITTEN = f"""
WITH state AS (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::bool[], $26::bigint[]
    ) AS t(
        id, model, revision, properties, desired, relations, inputs, changed_at, known_at, source, trace_id, deleted,
        seen
    )
), held AS MATERIALIZED (
    SELECT twin.id FROM {TWIN.fullname} AS twin JOIN state ON twin.id = state.id AND twin.revision = state.seen
    ORDER BY twin.id FOR UPDATE OF twin
), same AS MATERIALIZED (
    SELECT (SELECT count(*) FROM held) = (SELECT count(*) FROM state)
       AND (SELECT stamp FROM {SCHEMA}.registry) = $27::bigint AS yes
), written AS (
    UPDATE {TWIN.fullname} AS twin SET
        model = state.model, revision = state.revision, properties = state.properties::jsonb,
        desired = state.desired::jsonb, relations = state.relations::jsonb, inputs = state.inputs::jsonb,
        changed_at = state.changed_at, known_at = state.known_at, source = state.source, trace_id = state.trace_id,
        deleted = state.deleted
    FROM state, same WHERE twin.id = state.id AND same.yes
), lines AS (
    INSERT INTO {JOURNAL.fullname} (id, revision, patch, said, late, changed_at, known_at, source, trace_id)
    SELECT id, revision, patch::jsonb, said::jsonb, late, changed_at, known_at, source, trace_id FROM unnest(
        $13::text[], $14::bigint[], $15::text[], $16::text[], $17::bool[],
        $18::timestamptz[], $19::timestamptz[], $20::text[], $21::text[]
    ) AS t(id, revision, patch, said, late, changed_at, known_at, source, trace_id), same WHERE same.yes
), told AS (
    INSERT INTO {OUTBOX.fullname} (message_id, subject, payload, traceparent)
    SELECT t.* FROM unnest($22::text[], $23::text[], $24::bytea[], $25::text[]) AS t, same WHERE same.yes
)
SELECT yes FROM same
"""
_LED_NOWHERE = f"DELETE FROM {RELATION.fullname} WHERE id = ANY($1::text[])"
_LEADS = f"INSERT INTO {RELATION.fullname} (id, name, target) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])"
_MARKED = f"""
INSERT INTO {SCHEMA}.snapshot (id, revision, state, changed_at, known_at, source, trace_id)
SELECT id, revision, state::jsonb, changed_at, known_at, source, trace_id FROM unnest(
    $1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[]
) AS t(id, revision, state, changed_at, known_at, source, trace_id)
"""


async def write_lines(
    connection: Any, before: Mapping[str, Twin], changed: Sequence[tuple[Twin, Change]], *, stamp: int
) -> bool:
    """Keeps each change in the journal, and of each twin, which is there already, the newest state, which it tells.

    False, and nothing is written, where one of the twins is not what it was `before`, or the types are not those of
    the stamp. One statement is a transaction of its own; relations and snapshots need more.
    """
    newest = list({twin.id: twin for twin, _ in changed}.values())
    marked = [snapshot_row(twin) for twin, _ in changed if twin.revision % SNAPSHOT_EVERY == 0]
    led = {twin.id for twin, change in changed if "relations" in change.patch}
    arguments = [*_columns(before, newest, changed), [before[twin.id].revision for twin in newest], stamp]
    if not marked and not led:
        return bool(await connection.fetchval(_WRITTEN, *arguments))
    async with connection.transaction():
        if not await connection.fetchval(_WRITTEN, *arguments):
            return False
        await _keep_relations(connection, led, newest)
        if marked:
            names = ("id", "revision", "state", "changed_at", "known_at", "source", "trace_id")
            columns = [[json_text(row[name]) if name == "state" else row[name] for row in marked] for name in names]
            await connection.execute(_MARKED, *columns)
    return True


def _columns(
    before: Mapping[str, Twin], newest: Sequence[Twin], changed: Sequence[tuple[Twin, Change]]
) -> list[list[Any]]:
    """States, lines and what is told, column by column."""
    texts = [(json_text(twin.properties), json_text(twin.desired)) for twin in newest]
    return [
        [twin.id for twin in newest],
        [twin.model for twin in newest],
        [twin.revision for twin in newest],
        [properties for properties, _ in texts],
        [desired for _, desired in texts],
        [json_text([{"name": each.name, "target": each.target} for each in twin.relations]) for twin in newest],
        [json_text(twin.inputs) for twin in newest],
        *_origins([twin.origin for twin in newest]),
        [twin.deleted for twin in newest],
        [twin.id for twin, _ in changed],
        [change.revision for _, change in changed],
        [json_text(change.patch) for _, change in changed],
        [None if change.said is None else json_text(change.said) for _, change in changed],
        [change.late for _, change in changed],
        *_origins([change.origin for _, change in changed]),
        *_told(before, newest, texts),
    ]


def _origins(origins: Sequence[Origin]) -> list[list[Any]]:
    return [
        [origin.changed_at for origin in origins],
        [origin.known_at for origin in origins],
        [origin.source for origin in origins],
        [origin.trace_id for origin in origins],
    ]


def _told(before: Mapping[str, Twin], newest: Sequence[Twin], texts: Sequence[tuple[str, str]]) -> list[list[Any]]:
    by_model: dict[str, list[Any]] = {}
    for twin, (properties, desired) in zip(newest, texts, strict=True):
        message = twin_message(twin, properties_json=properties, desired_json=desired)
        by_model.setdefault(twin.model, []).append((message, undo_text(before.get(twin.id), twin)))
    events = [(model, event) for model, told in by_model.items() for event in changed_messages(told)]
    traceparent = carry().get("traceparent", "")
    return [
        [uuid.uuid4().hex for _ in events],
        [subject_of(event, model) for model, event in events],
        [event.SerializeToString() for _, event in events],
        [traceparent for _ in events],
    ]


async def _keep_relations(connection: Any, led: set[str], newest: Sequence[Twin]) -> None:
    if not led:
        return
    await connection.execute(_LED_NOWHERE, list(led))
    living = [twin for twin in newest if twin.id in led and twin.exists]
    edges = [(twin.id, each.name, each.target) for twin in living for each in twin.relations]
    if edges:
        await connection.execute(_LEADS, *map(list, zip(*edges, strict=True)))
