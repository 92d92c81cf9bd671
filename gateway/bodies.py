"""Request bodies, read with a limit in bytes and in time, and only after the caller is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from chassis.errors import Invalid, Problem
from chassis.json_texts import read_json

SMALL_BYTES = 1024 * 1024
WITHIN_S = 60.0
JSON_TYPE = "application/json"
LINES_TYPE = "application/x-ndjson"

ShapeT = TypeVar("ShapeT", bound=BaseModel)


async def read_parts(
    request: Request, limit: int, keep: Callable[[bytes], None], *, within_s: float = WITHIN_S
) -> None:
    """Hands the body on part by part; Invalid (413) as soon as it passes the limit, however it announces its length,
    and (408) when its end does not come in time."""
    # The first of several counts; to look each up in the framework's own headers takes as long as the rest of this.
    headers: dict[bytes, bytes] = dict(reversed(request.scope["headers"]))
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        problem = Problem("/header/content-encoding", "unsupported_type", "send the body as it is")
        raise Invalid("a compressed body is not read", code="unsupported_type", errors=[problem])
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    size = 0
    try:
        async with asyncio.timeout(within_s):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                keep(part)
    except TimeoutError:
        raise Invalid(f"the body did not come within {within_s:g} s", code="request_timeout") from None


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body of at most `limit` bytes."""
    parts: list[bytes] = []
    await read_parts(request, limit, parts.append)
    return b"".join(parts)


def too_large(limit: int) -> Invalid:
    """A body above the limit."""
    text = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit} bytes"
    problem = Problem("", "too_large", f"send at most {text} at a time")
    return Invalid(f"the body is larger than {text}", code="too_large", errors=[problem])


async def read_json_body(request: Request, limit: int, *media: str) -> bytes:
    """A body of these types as it came, for somebody who says himself what is wrong with it."""
    _refuse_other_types(request, media)
    return await read_body(request, limit)


async def read_object(request: Request, *media: str) -> dict[str, Any]:
    """A small JSON object that can be stored: no NUL, no half characters, no NaN, no depths."""
    _refuse_other_types(request, media or (JSON_TYPE,))
    value = read_json(await read_body(request, SMALL_BYTES))
    if not isinstance(value, dict):
        raise Invalid("the body is not a JSON object", errors=[Problem("", "wrong_type", "must be a JSON object")])
    return value


def _refuse_other_types(request: Request, media: tuple[str, ...]) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in media:
        problem = Problem("/header/content-type", "unsupported_type", f"send {' or '.join(media)}")
        raise Invalid("the content type is not JSON", code="unsupported_type", errors=[problem])


def of(shape: type[ShapeT]) -> Callable[[Request], Awaitable[ShapeT]]:
    """A dependency: the JSON body as a shape. Name it after the caller: the framework would read the body first,
    whole, whoever sends it."""

    async def read(request: Request) -> ShapeT:
        value = await read_object(request)
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            _refuse(error)

    return read


def _refuse(error: ValidationError) -> NoReturn:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None


def described(shape: type[BaseModel], media: str = JSON_TYPE) -> dict[str, Any]:
    """The body in the OpenAPI document."""
    content = {media: {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}
