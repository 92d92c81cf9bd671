"""How the service says no: HTTP 200 with an errcode, and a hint that names the field."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Fields: TypeAlias = "dict[str, Json]"

MESSAGES = {
    -1: "system busy",
    40001: "invalid credential",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40056: "invalid agentid",
    40058: "invalid request parameter",
    41001: "access_token missing",
    42001: "access_token expired",
    42014: "invalid task_id",
    42017: "invalid button key",
    44004: "empty content",
    45002: "content size out of limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    48002: "api forbidden",
    60011: "no privilege to access/modify contact/party/agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81013: "user & party & tag all invalid",
    82001: "all receiver empty",
    93000: "invalid webhook url",
    670001: "app is not in the share range of the chain",
}


class Refused(Exception):
    """The answer is an errcode other than 0."""

    def __init__(self, errcode: int, hint: str = "") -> None:
        super().__init__(f"errcode {errcode}")
        self.errcode = errcode
        self.hint = hint

    def reply(self) -> Fields:
        message = MESSAGES.get(self.errcode, "error")
        return {"errcode": self.errcode, "errmsg": f"{message}, hint: [{self.hint}]" if self.hint else message}


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def text_in(
    fields: Fields, name: str, *, limit: int | None = None, required: bool = False, errcode: int = 40058
) -> str:
    """A text field of at most `limit` bytes; raises Refused when it is not."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Refused(errcode, f"{name} must be a string")
    if required and not value:
        raise Refused(errcode, f"{name} is empty")
    if limit is not None and size(value) > limit:
        raise Refused(errcode, f"{name} is longer than {limit} bytes")
    return value


def number_in(fields: Fields, name: str, allowed: range, *, default: int) -> int:
    """A whole number out of `allowed`; raises Refused when it is not."""
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise Refused(40058, f"{name} must be {allowed.start} to {allowed.stop - 1}")
    return value


def object_in(fields: Fields, name: str, *, required: bool = False) -> Fields:
    value = fields.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise Refused(40058, f"{name} must be an object")
    return value


def list_in(fields: Fields, name: str, *, most: int, least: int = 0) -> list[Json]:
    """A list of `least` to `most` entries; raises Refused when it is not."""
    value = fields.get(name, [])
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Refused(40058, f"{name} must have {least} to {most} entries")
    return value


def objects_in(fields: Fields, name: str, *, most: int, least: int = 0) -> list[Fields]:
    found = [item for item in list_in(fields, name, most=most, least=least) if isinstance(item, dict)]
    if len(found) != len(list_in(fields, name, most=most, least=least)):
        raise Refused(40058, f"{name} must hold objects")
    return found
