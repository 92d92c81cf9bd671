"""Twins as protobuf messages, for calls and events alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.twin.v1 import events_pb2, types_pb2
from services.twin.domain.twins import Change, Json, Origin, Relation, Sighting, Twin, difference

EVENT_TWINS = 1000
Told = tuple[Twin, str, str]
"""A twin, and its properties and what is desired of it as JSON text."""
_ENCODED = msgspec.json.Encoder().encode
_DECODED = msgspec.json.Decoder().decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def changed_messages(told: Sequence[tuple[Told, str]]) -> list[events_pb2.TwinChanged]:
    """What followers are told: twins, and of each the way back to what it was."""
    events = []
    for start in range(0, len(told), EVENT_TWINS):
        part = told[start : start + EVENT_TWINS]
        event = events_pb2.TwinChanged(undo_json=[undo for _, undo in part])
        for (twin, properties, desired), _ in part:
            # Made where it belongs: what is put into a message is copied.
            _fill(event.twins.add(), twin, properties, desired)
        events.append(event)
    return events


def readings_messages(readings: Sequence[Sighting]) -> list[events_pb2.TwinReadings]:
    """What was measured, as it is told to those who follow machines."""
    events = []
    for start in range(0, len(readings), EVENT_TWINS):
        event = events_pb2.TwinReadings()
        for each in readings[start : start + EVENT_TWINS]:
            reading = event.readings.add(
                id=each.id,
                model=each.model,
                properties_json=json_text(each.properties),
                source=each.origin.source,
                quality=each.quality,
            )
            _set(reading.at, each.origin.changed_at)
            _set(reading.known_at, each.origin.known_at)
        events.append(event)
    return events


def undo_text(before: Twin | None, after: Twin) -> str:
    """`TwinChanged.undo_json` of a twin: the patch that leads back, `null` where it was not there, empty where that
    is not known or no merge patch can say it, because something was null."""
    if before is None:
        return ""
    if not before.exists:
        return "null"
    undo: Json = {"revision": before.revision}
    for name in ("properties", "desired"):
        changed = difference(getattr(after, name), was := getattr(before, name))
        if _holds_null([was[each] for each in changed if each in was]):
            return ""
        if changed:
            undo[name] = changed
    if before.relations != after.relations:
        undo["relations"] = before.relations
    origin = {name: getattr(before.origin, name) for name in ("changed_at", "known_at", "source")}
    undo |= {name: was for name, was in origin.items() if was != getattr(after.origin, name)}
    return json_text(undo)


def _holds_null(values: Iterable[Any]) -> bool:
    return any(each is None or (type(each) is dict and _holds_null(each.values())) for each in values)


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
        message.relations.add(name=each.name, target=each.target)
    _set(message.changed_at, origin.changed_at)
    _set(message.known_at, origin.known_at)
    message.source = origin.source
    message.trace_id = origin.trace_id
    message.deleted = twin.deleted


def shown_twin(message: types_pb2.Twin) -> Twin:
    """The twin that a message shows."""
    origin = Origin(
        message.changed_at.ToDatetime(UTC), message.known_at.ToDatetime(UTC), message.source, message.trace_id
    )
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
        changed_at=timestamp(change.origin.changed_at),
        known_at=timestamp(change.origin.known_at),
        source=change.origin.source,
        trace_id=change.origin.trace_id,
    )


def json_text(value: object) -> str:
    """JSON without spaces, in its own characters."""
    return _ENCODED(value).decode()


def timestamp(moment: datetime) -> Timestamp:
    """A moment as a message."""
    stamp = Timestamp()
    _set(stamp, moment)
    return stamp


def _set(stamp: Timestamp, moment: datetime) -> None:
    since = moment - _EPOCH
    stamp.seconds = since.days * 86_400 + since.seconds
    stamp.nanos = since.microseconds * 1000
