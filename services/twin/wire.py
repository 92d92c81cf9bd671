"""Twins as protobuf messages, for calls and events alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from itertools import repeat
from types import NoneType
from typing import Any

import msgspec
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.twin.v1 import events_pb2, types_pb2
from services.twin.domain.inputs import micros
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Change, Json, Origin, Relation, Twin, difference, model_of

EVENT_TWINS = 1000
_NOT_KNOWN: Json = {}
_ENCODER = msgspec.json.Encoder()
_DECODED = msgspec.json.Decoder().decode


def changed_payloads(
    twins: Sequence[Twin], properties: Sequence[str], desired: Sequence[str], undo: Sequence[str]
) -> list[bytes]:
    """What followers are told: `TwinChanged` messages of up to 1,000 twins, whose properties and desired properties are
    given as JSON, and of each the way back to what it was.

    Fields of a message stand one behind the other in any order. Whole columns of them cost half of what it costs to set
    them one by one.
    """
    told = _rows(
        *_texts(_key(types_pb2.Twin, "id"), [twin.id for twin in twins]),
        repeat(_key(types_pb2.Twin, "revision")),
        map(_varint, [twin.revision for twin in twins]),
        *_texts(_key(types_pb2.Twin, "properties_json"), properties),
        *_texts(_key(types_pb2.Twin, "desired_json"), desired),
        [b"".join(map(_relation, twin.relations)) for twin in twins],
        [_changed_at(twin.origin.changed_us) for twin in twins],
        [_told_by(twin.model, twin.deleted, twin.origin.known_us, twin.origin.source) for twin in twins],
        [_traced(twin.origin.trace_id) for twin in twins],
    )
    told = _rows(*_lengths(_key(events_pb2.TwinChanged, "twins"), told))
    undone = _rows(*_texts(_key(events_pb2.TwinChanged, "undo_json"), undo))
    parts = [slice(start, start + EVENT_TWINS) for start in range(0, len(told), EVENT_TWINS)]
    return [b"".join((*told[part], *undone[part])) for part in parts]


def _rows(*columns: Iterable[bytes]) -> list[bytes]:
    return list(map(b"".join, zip(*columns, strict=False)))


def _texts(key: bytes, texts: Iterable[str]) -> tuple[Iterable[bytes], ...]:
    return _lengths(key, list(map(str.encode, texts)))


def _lengths(key: bytes, values: Sequence[bytes]) -> tuple[Iterable[bytes], ...]:
    """A field that has a length, as columns: its key, the lengths, the values."""
    return repeat(key), map(_varint, map(len, values)), values


@cache
def _key(message: type[Message], name: str) -> bytes:
    """What a field begins with: its number, and whether it is a number or has a length."""
    field = message.DESCRIPTOR.fields_by_name[name]
    return _varint(field.number << 3 | (0 if field.type == field.TYPE_UINT64 else 2))


@lru_cache(1 << 14)
def _varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first; all but the last are marked."""
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*groups, number))


@lru_cache(4096)
def _relation(each: Relation) -> bytes:
    return types_pb2.Twin(relations=[types_pb2.Relation(name=each.name, target=each.target)]).SerializeToString()


@lru_cache(4096)
def _changed_at(us: int) -> bytes:
    return types_pb2.Twin(changed_at=stamp(us)).SerializeToString()


@lru_cache(4096)
def _told_by(model: str, deleted: bool, known_us: int, source: str) -> bytes:
    told = types_pb2.Twin(model=model, deleted=deleted, known_at=stamp(known_us), source=source)
    return told.SerializeToString()


@lru_cache(4096)
def _traced(trace_id: str) -> bytes:
    return types_pb2.Twin(trace_id=trace_id).SerializeToString()


def readings_messages(readings: Sequence[Sighting], versions: Mapping[str, str]) -> list[events_pb2.TwinReadings]:
    """What was measured, as it is told to those who follow machines, in the words of these versions by model."""
    events = []
    for start in range(0, len(readings), EVENT_TWINS):
        event = events_pb2.TwinReadings()
        for each in readings[start : start + EVENT_TWINS]:
            model, origin = model_of(each.id), each.said.origin
            reading = event.readings.add(
                id=each.id,
                model=model,
                version=versions[model],
                properties_json=json_text(each.properties),
                source=origin.source,
                quality=each.said.quality,
            )
            _set(reading.at, origin.changed_us)
            _set(reading.known_at, origin.known_us)
        events.append(event)
    return events


def undo_texts(steps: Iterable[tuple[Twin | None, Twin]], patches: Iterable[Json | None] = repeat(None)) -> list[str]:
    """`TwinChanged.undo_json` of twins, before and after: the patch that leads back, `null` where one was not there,
    empty where that is not known or no merge patch can say it, because something was null.

    What lies in between may be given as the one patch of a journal line: then only what it names is looked at.
    """
    undone = [_undo(before, after, patch) for (before, after), patch in zip(steps, patches, strict=False)]
    return ["" if undo is _NOT_KNOWN else text for undo, text in zip(undone, json_texts(undone), strict=True)]


def _undo(before: Twin | None, after: Twin, patch: Json | None) -> Json | None:
    if before is None:
        return _NOT_KNOWN
    if not before.revision or before.deleted:
        return None
    undo: Json = {"revision": before.revision}
    was, now = before.properties, after.properties
    if was is not now:
        back = _values_before(patch.get("properties"), was) if patch else None
        if back is not None:
            undo["properties"] = back
        elif not _add_way_back(undo, "properties", now, was):
            return _NOT_KNOWN
    if before.desired is not after.desired and not _add_way_back(undo, "desired", after.desired, before.desired):
        return _NOT_KNOWN
    if before.relations != after.relations:
        undo["relations"] = before.relations
    _add_origin(undo, before.origin, after.origin)
    return undo


def _values_before(changed: Json | None, was: Json) -> Json | None:
    """What each of the properties that changed was; None where some of it takes another look."""
    if not changed:
        return None
    back: Json = {}
    for name in changed:
        value = back[name] = was.get(name)
        if value is None or type(value) is dict:
            return None
    return back


def _add_way_back(undo: Json, name: str, now: Json, was: Json) -> bool:
    """False where what is to go and what was null look alike."""
    if patch := difference(now, was):
        undo[name] = patch
        kinds = set(map(type, patch.values()))
        if NoneType in kinds or dict in kinds:
            return not _holds_null([was[each] for each in patch if each in was])
    return True


def _holds_null(values: Iterable[Any]) -> bool:
    return any(each is None or (type(each) is dict and _holds_null(each.values())) for each in values)


def _add_origin(undo: Json, was: Origin, now: Origin) -> None:
    if was.changed_us != now.changed_us:
        undo["changed_at"] = was.changed_at
    if was.known_us != now.known_us:
        undo["known_at"] = was.known_at
    if was.source != now.source:
        undo["source"] = was.source


def twin_message(twin: Twin) -> types_pb2.Twin:
    message = types_pb2.Twin()
    _fill(message, twin, json_text(twin.properties), json_text(twin.desired))
    return message


def _fill(message: types_pb2.Twin, twin: Twin, properties: str, desired: str) -> None:
    origin = twin.origin
    message.id = twin.id
    message.model = twin.model
    message.revision = twin.revision
    message.properties_json = properties
    message.desired_json = desired
    for each in twin.relations:
        relation = message.relations.add()
        relation.name = each.name
        relation.target = each.target
    _set(message.changed_at, origin.changed_us)
    _set(message.known_at, origin.known_us)
    message.source = origin.source
    if origin.trace_id:
        message.trace_id = origin.trace_id
    if twin.deleted:
        message.deleted = True


def shown_twin(message: types_pb2.Twin) -> Twin:
    """The twin that a message shows."""
    origin = Origin(_micros(message.changed_at), _micros(message.known_at), message.source, message.trace_id)
    return Twin(
        id=message.id,
        model=message.model,
        revision=message.revision,
        properties=_DECODED(message.properties_json),
        desired=_DECODED(message.desired_json),
        relations=tuple([Relation(each.name, each.target) for each in message.relations]),
        origin=origin,
        deleted=message.deleted,
    )


def change_message(change: Change) -> types_pb2.Change:
    return types_pb2.Change(
        revision=change.revision,
        patch_json=json_text(change.patch),
        said_json=json_text(change.said) if change.said is not None else "",
        late=change.late,
        changed_at=stamp(change.origin.changed_us),
        known_at=stamp(change.origin.known_us),
        source=change.origin.source,
        trace_id=change.origin.trace_id,
    )


def json_text(value: object) -> str:
    """JSON without spaces, in its own characters."""
    return _ENCODER.encode(value).decode()


def json_texts(values: Sequence[object]) -> list[str]:
    """JSON of each of the values, made in one go."""
    return _ENCODER.encode_lines(values).decode().split("\n")[:-1]


def timestamp(moment: datetime) -> Timestamp:
    """A moment as a message."""
    return stamp(micros(moment))


def stamp(us: int) -> Timestamp:
    """Microseconds since 1970 as a message."""
    message = Timestamp()
    _set(message, us)
    return message


def _set(message: Timestamp, us: int) -> None:
    message.seconds, rest = divmod(us, 1_000_000)
    if rest:
        message.nanos = rest * 1000


def _micros(message: Timestamp) -> int:
    return message.seconds * 1_000_000 + message.nanos // 1000
