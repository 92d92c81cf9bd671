"""Protobuf messages as the JSON that clients see: what all of them need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Json = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TWO = [f"{number:02}" for number in range(60)]


def time_text(stamp: Timestamp) -> str:
    """RFC 3339 in UTC, with as many digits as are needed: none, three, six or nine."""
    days, rest = divmod(stamp.seconds, 86_400)
    minutes, second = divmod(rest, 60)
    whole = f"{_day(days)}T{_TWO[minutes // 60]}:{_TWO[minutes % 60]}:{_TWO[second]}"
    nanos = stamp.nanos
    if not nanos:
        return f"{whole}Z"
    for digits, unit in ((3, 1_000_000), (6, 1_000)):
        if not nanos % unit:
            return f"{whole}.{nanos // unit:0{digits}}Z"
    return f"{whole}.{nanos:09}Z"


@lru_cache(maxsize=1000)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).isoformat()[:10]


def fields(message: Message, *names: str) -> Json:
    """The named fields; an optional one that is absent becomes null."""
    presence = _with_presence(message.DESCRIPTOR)
    return {name: getattr(message, name) if name not in presence or message.HasField(name) else None for name in names}


def plain_fields(message: Message) -> Json:
    """All fields that hold one number, text or truth value, likewise."""
    return fields(message, *_plain(message.DESCRIPTOR))


@cache
def _plain(kind: Descriptor) -> tuple[str, ...]:
    composed = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_ENUM)
    return tuple(field.name for field in kind.fields if not field.is_repeated and field.type not in composed)


@cache
def _with_presence(kind: Descriptor) -> frozenset[str]:
    return frozenset(field.name for field in kind.fields if field.has_presence)
