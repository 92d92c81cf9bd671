"""Twins as protobuf messages, for calls and events alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.twin.v1 import events_pb2, types_pb2
from services.twin.domain.twins import Change, Json, Origin, Relation, Twin, difference

EVENT_TWINS = 1000
_ENCODED = msgspec.json.Encoder().encode
_DECODED = msgspec.json.Decoder().decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def changed_messages(told: Sequence[tuple[types_pb2.Twin, str]]) -> list[events_pb2.TwinChanged]:
    """What followers are told: twins, and of each the way back to what it was."""
    parts = [told[start : start + EVENT_TWINS] for start in range(0, len(told), EVENT_TWINS)]
    return [
        events_pb2.TwinChanged(twins=[twin for twin, _ in part], undo_json=[undo for _, undo in part]) for part in parts
    ]


def undo_text(before: Twin | None, after: Twin) -> str:
    """`TwinChanged.undo_json` of a twin: the patch that leads back, `null` where it was not there, empty where that
    is not known or no merge patch can say it, because something was null."""
    if before is None or _holds_null(before.properties) or _holds_null(before.desired):
        return ""
    if not before.exists:
        return "null"
    undo: Json = {"revision": before.revision}
    for name in ("properties", "desired"):
        was, now = getattr(before, name), getattr(after, name)
        if was is not now and (changed := difference(now, was)):
            undo[name] = changed
    if before.relations != after.relations:
        undo["relations"] = before.relations
    for name in ("changed_at", "known_at", "source"):
        was = getattr(before.origin, name)
        if was != getattr(after.origin, name):
            undo[name] = was if name == "source" else was.isoformat()
    return json_text(undo)


def _holds_null(value: Mapping[str, Any]) -> bool:
    kinds = set(map(type, value.values()))
    return NoneType in kinds or (
        dict in kinds and any(type(each) is dict and _holds_null(each) for each in value.values())
    )


def twin_message(twin: Twin, *, properties_json: str | None = None, desired_json: str | None = None) -> types_pb2.Twin:
    """A twin as a message; the texts of its parts where they are made already."""
    return types_pb2.Twin(
        id=twin.id,
        model=twin.model,
        revision=twin.revision,
        properties_json=json_text(twin.properties) if properties_json is None else properties_json,
        desired_json=json_text(twin.desired) if desired_json is None else desired_json,
        relations=[types_pb2.Relation(name=each.name, target=each.target) for each in twin.relations],
        changed_at=timestamp(twin.origin.changed_at),
        known_at=timestamp(twin.origin.known_at),
        source=twin.origin.source,
        trace_id=twin.origin.trace_id,
        deleted=twin.deleted,
    )


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
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)
