"""Request bodies, read with a limit."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request

from chassis.errors import Invalid, Problem

SMALL_BYTES = 1024 * 1024


async def read_body(request: Request, limit: int) -> bytes:
    """The body; Invalid (413) as soon as it passes the limit, however it announces its length."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def too_large(limit: int) -> Invalid:
    """A body above the limit."""
    text = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit} bytes"
    problem = Problem("", "too_large", f"send at most {text} at a time")
    return Invalid(f"the body is larger than {text}", code="too_large", errors=[problem])


async def read_object(request: Request) -> dict[str, Any]:
    """A small JSON object; Invalid with a pointer where it is something else."""
    body = await read_body(request, SMALL_BYTES)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("the body is not JSON", errors=[Problem("", "malformed_json", "must be JSON")]) from None
    if not isinstance(value, dict):
        raise Invalid("the body is not a JSON object", errors=[Problem("", "wrong_type", "must be a JSON object")])
    return value


def text_member(body: dict[str, Any], name: str, *, required: bool = False, limit: int = 1000) -> str:
    """A text member of a JSON object."""
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise Invalid(f"{name} must be a text", errors=[Problem(f"/{name}", "wrong_type", "must be a text, not empty")])
    if len(value) > limit:
        raise Invalid(f"{name} is too long", errors=[Problem(f"/{name}", "too_long", f"at most {limit} characters")])
    return value
