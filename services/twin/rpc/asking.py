"""Parts of questions: moments and JSON texts."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message

from chassis.errors import Invalid, Problem
from chassis.json_texts import read_json
from services.twin.domain.twins import Json


def moment_of(request: Message, name: str) -> datetime | None:
    """A field that holds a moment; None where it is absent."""
    if not request.HasField(name):
        return None
    moment: datetime = getattr(request, name).ToDatetime(UTC)
    return moment


def json_object(text: str) -> Json:
    """A JSON object; Invalid for anything else."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise Invalid("the body is not an object", errors=[Problem("", "wrong_type", "must be a JSON object")])
    return value
