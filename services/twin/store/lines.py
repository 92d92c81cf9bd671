"""Changes of a few twins as one statement: states, journal lines and what is told, without a table in between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from msgspec.structs import astuple

from chassis.bus import subject_of
from chassis.db import Unstorable
from chassis.telemetry import carry
from marketwin.twin.v1 import events_pb2
from services.twin.domain.twins import Change, Relation, Twin
from services.twin.store.journal import SNAPSHOT_EVERY, state_of
from services.twin.store.rows import LINE, States, moment, written_rows
from services.twin.store.tables import INBOX, JOURNAL, OUTBOX, RELATION, SCHEMA, SNAPSHOT, TWIN
from services.twin.wire import changed_payloads, json_text, undo_texts

_STATE = {
    **{name: f"state.{name}" for name in ("model", "revision", "inputs", "deleted", "source", "trace_id")},
    **{name: f"state.{name}::jsonb" for name in ("properties", "desired", "relations")},
    **{name: moment(f"state.newest_{name}") for name in ("changed_at", "known_at")},
}
_SET = ", ".join(f"{name} = {value}" for name, value in _STATE.items())
_ROWS = f"rows AS MATERIALIZED (SELECT * FROM unnest($1::{SCHEMA}.written[]))"
_WRITTEN = f"""
UPDATE {TWIN.fullname} AS twin SET {_SET}
FROM rows AS state{{only}} WHERE twin.id = state.id AND twin.revision = state.seen
"""
_LINES = ", ".join(LINE)
_LINE = ", ".join(moment(name) if name.endswith("_at") else name for name in LINE)
_ADDED = f"""
lines AS (
    INSERT INTO {JOURNAL.fullname} ({_LINES}) SELECT {_LINE} FROM rows{{only}}
), told AS (
    INSERT INTO {OUTBOX.fullname} (message_id, subject, payload, traceparent)
    SELECT * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[]){{only}}
)
"""
_ALL = "(SELECT count(seen) FROM rows)"
_WRITE_LOCKED = f"""
WITH {_ROWS}, written AS ({_WRITTEN.format(only="")} RETURNING 1), {_ADDED.format(only="")}
SELECT (SELECT count(*) FROM written) = {_ALL}
"""
"""For twins that this transaction holds already."""
_HEARD = f"""
, heard AS (
    INSERT INTO {INBOX.fullname} (consumer, message_id) SELECT $7::text, id FROM unnest($8::text[]) AS id, same
)
"""
_WRITE_UNMOVED, _WRITE_UNMOVED_AND_HEARD = (
    f"""
WITH {_ROWS}, held AS MATERIALIZED (
    SELECT FROM {TWIN.fullname} AS twin JOIN rows AS state ON twin.id = state.id AND twin.revision = state.seen
    ORDER BY twin.id FOR UPDATE OF twin
), same AS MATERIALIZED (
    SELECT FROM {SCHEMA}.registry WHERE stamp = $6 AND (SELECT count(*) FROM held) = {_ALL}
), written AS ({_WRITTEN.format(only=", same")}), {_ADDED.format(only=", same")}{heard}
SELECT EXISTS (SELECT FROM same)
"""
    for heard in ("", _HEARD)
)
"""For twins that nobody holds: if each is what was seen, and the types are those of the stamp."""
_APART = "\x1e"
"""Between ids and names, which hold no controls: a text costs a hundredth of what an array does, value by value."""
_EDGES = f"""
unnest({", ".join(f"string_to_array(${place}, '{_APART}')" for place in (1, 2, 3))}) AS t(id, name, target)
"""
_LEADS_NO_MORE = f"""
DELETE FROM {RELATION.fullname} AS known USING {_EDGES}
WHERE (known.id, known.name, known.target) = (t.id, t.name, t.target)
"""
_MARKED = f"""
INSERT INTO {SNAPSHOT.fullname} (id, revision, state, changed_at, known_at, source, trace_id)
SELECT id, revision, state, {moment("changed_us")}, {moment("known_us")}, source, trace_id
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
  AS t(id, revision, state, changed_us, known_us, source, trace_id)
"""
_LEADS = f"INSERT INTO {RELATION.fullname} (id, name, target) SELECT id, name, target FROM {_EDGES}"


class Heard(NamedTuple):
    """Messages that a consumer has heard."""

    consumer: str
    message_ids: list[str]


class Lines(NamedTuple):
    """Changes as the statement takes them, and what is to be written beside it."""

    rows: tuple[Any, ...]
    marks: list[tuple[Any, ...]]
    gone: list[tuple[str, str, str]]
    """What leads nowhere any more: twin, relation, target."""
    new: list[tuple[str, str, str]]
    states: States

    @classmethod
    def of(cls, before: Mapping[str, Twin], changed: Sequence[tuple[Twin, Change]]) -> Lines:
        """Each change as a line of the journal, and of each twin, which is there already, the newest state, which it
        tells."""
        newest = list({twin.id: twin for twin, _ in changed}.values())
        states = States.of(newest)
        befores = [before.get(twin.id) for twin in newest]
        single = [change.patch for _, change in changed] if len(newest) == len(changed) else repeat(None)
        undo = undo_texts(zip(befores, newest, strict=True), single)
        told = _told(states, undo)
        rows = written_rows(changed, states, [before[twin.id].revision for twin in newest]), *told
        marked = [twin for twin, _ in changed if not twin.revision % SNAPSHOT_EVERY]
        marks = [(each.id, each.revision, json_text(state_of(each)), *astuple(each.origin)) for each in marked]
        led = {twin.id for twin, change in changed if "relations" in change.patch}
        steps = [(twin.id, _led(before[twin.id]), _led(twin)) for twin in newest if twin.id in led] if led else []
        gone = [(twin_id, each.name, each.target) for twin_id, was, now in steps for each in was if each not in now]
        new = [(twin_id, each.name, each.target) for twin_id, was, now in steps for each in now if each not in was]
        return cls(rows, marks, gone, new, states)

    async def write(self, connection: Any, *, stamp: int | None = None, heard: Heard | None = None) -> bool:
        """False, and nothing is written, where one of the twins is not what it was before, or the types are not those
        of the stamp, if one is given; it fails where a message was heard before.

        One statement is a transaction of its own; relations and snapshots need more. Without a stamp, the transaction
        that this is part of holds the twins; it is to end in an error then.
        """
        if not (self.marks or self.gone or self.new):
            return await self._write(connection, stamp, heard)
        async with connection.transaction():
            if not await self._write(connection, stamp, heard):
                return False
            for statement, edges in ((_LEADS_NO_MORE, self.gone), (_LEADS, self.new)):
                if edges:
                    await connection.execute(statement, *map(_together, zip(*edges, strict=True)))
            if self.marks:
                await connection.execute(_MARKED, *map(list, zip(*self.marks, strict=True)))
        return True

    async def _write(self, connection: Any, stamp: int | None, heard: Heard | None) -> bool:
        statement, values = (_WRITE_LOCKED, self.rows) if stamp is None else (_WRITE_UNMOVED, (*self.rows, stamp))
        if heard:
            statement, values = _WRITE_UNMOVED_AND_HEARD, (*values, *heard)
        return bool(await connection.fetchval(statement, *values))


def _told(states: States, undo: Sequence[str]) -> tuple[list[Any], ...]:
    by_model: dict[str, list[int]] = {}
    for place, twin in enumerate(states.twins):
        by_model.setdefault(twin.model, []).append(place)
    columns: list[Sequence[Any]] = [states.twins, states.properties, states.desired, undo]
    events = []
    for model, places in by_model.items():
        some = [[column[place] for place in places] for column in columns] if len(by_model) > 1 else columns
        events += [(model, payload) for payload in changed_payloads(*some)]
    return (
        [uuid.uuid4().hex for _ in events],
        [subject_of(events_pb2.TwinChanged, model) for model, _ in events],
        [payload for _, payload in events],
        [carry().get("traceparent", "")] * len(events),
    )


def _together(names: Sequence[str]) -> str:
    text = _APART.join(names)
    if text.count(_APART) >= len(names):
        raise Unstorable("an id holds a control character")
    return text


def _led(twin: Twin) -> frozenset[Relation]:
    return frozenset(twin.relations if twin.exists else ())
