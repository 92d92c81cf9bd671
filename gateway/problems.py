"""Errors as RFC 9457 problems.

chassis error            status
NotFound                 404, 410 (history_dropped)
Invalid                  400, 408 (request_timeout), 413 (too_large), 415 (unsupported_type), 431 (head_too_large)
Conflict                 409, 412 (precondition_failed), 428 (precondition_required)
Denied                   403, 401 (unauthenticated)
Unavailable              503, 429 (too_many_requests), 500 (internal)
query, path or a field of the body not valid, a model that is not valid  422

503 and 429 say in Retry-After when to come again. No problem repeats a value that was sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from chassis.errors import ChassisError, Conflict, Denied, Invalid, NotFound, Problem, Unavailable
from chassis.telemetry import trace_id

MEDIA_TYPE = "application/problem+json"
BASE = "urn:marketwin:problem:"

_STATUS: dict[type[ChassisError], int] = {NotFound: 404, Invalid: 400, Conflict: 409, Denied: 403, Unavailable: 503}
_STATUS_BY_CODE = {
    "history_dropped": 410,
    "too_large": 413,
    "invalid_model": 422,
    "migration_needed": 422,
    "head_too_large": 431,
    "unsupported_type": 415,
    "precondition_failed": 412,
    "precondition_required": 428,
    "unauthenticated": 401,
    "too_many_requests": 429,
    "request_timeout": 408,
    "internal": 500,
}
_ROUTING = {
    404: ("not_found", "there is nothing at this path"),
    405: ("method_not_allowed", "the path does not take this method; the header Allow says which"),
}
_TITLES = {
    400: "The request cannot be understood",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long",
    409: "Conflict with the present state",
    410: "No longer kept",
    412: "The thing has changed meanwhile",
    413: "The body is too large",
    415: "The content type is not supported",
    422: "What was sent is not valid",
    428: "Say which revision you mean",
    429: "Too many requests",
    431: "The headers are too large",
    500: "The server failed",
    503: "Try again later",
}


class ProblemError(BaseModel):
    """One fault."""

    pointer: str = Field(description="JSON pointer into the body, or /query/NAME, /path/NAME, /header/NAME")
    rule: str = Field(description="Rule that it breaks")
    message: str = Field(description="What to do about it")


class ProblemDocument(BaseModel):
    """RFC 9457 problem."""

    type: str = Field(description="URI of the kind of problem")
    title: str = Field(description="The kind in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="This case in words")
    trace_id: str = Field(description="Trace of the request, for the operator")
    errors: list[ProblemError] = Field(default_factory=list, description="The single faults")


def problem_response(
    status: int,
    code: str,
    detail: str,
    errors: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(_document(status, code, detail, errors), status, dict(headers or {}), MEDIA_TYPE)


def problem_of(error: ChassisError) -> dict[str, Any]:
    """The problem that one of the five errors is, where there is no response to put it in."""
    return _document(status_of(error), error.code, error.message, error.errors)


def _document(status: int, code: str, detail: str, errors: Sequence[Problem]) -> dict[str, Any]:
    document = ProblemDocument(
        type=BASE + code,
        title=_TITLES.get(status, "Problem"),
        status=status,
        detail=detail,
        trace_id=trace_id(),
        errors=[ProblemError(pointer=e.pointer, rule=e.rule, message=e.message) for e in errors],
    )
    return document.model_dump()


def status_of(error: ChassisError) -> int:
    """The HTTP status of an error."""
    by_code = _STATUS_BY_CODE.get(error.code)
    return by_code or next(status for kind, status in _STATUS.items() if isinstance(error, kind))


def chassis_response(error: ChassisError) -> JSONResponse:
    """The response to one of the five errors."""
    headers = {}
    status = status_of(error)
    if status in (429, 503) or error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s or 1)))
    if error.code == "unauthenticated":
        headers["WWW-Authenticate"] = 'Bearer realm="marketwin"'
    return problem_response(status, error.code, error.message, error.errors, headers)


def failed() -> JSONResponse:
    """The response to a fault of our own."""
    return problem_response(500, "internal", "the server failed; the trace id tells the operator where")


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem."""

    @app.exception_handler(ChassisError)
    async def of_chassis(request: Request, error: ChassisError) -> JSONResponse:
        if request.method == "GET":
            error.errors = [_of_query(each, request) for each in error.errors]
        return chassis_response(error)

    @app.exception_handler(RequestValidationError)
    async def of_parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [_parameter_problem(each) for each in error.errors()]
        return problem_response(422, "invalid_parameter", "a parameter is not valid", problems)

    @app.exception_handler(HTTPException)
    async def of_routing(_: Request, error: HTTPException) -> JSONResponse:
        # The text of the framework is left out: it may quote the request.
        code, detail = _ROUTING.get(error.status_code, ("http", "the request cannot be understood"))
        return problem_response(error.status_code, code, detail, (), error.headers)

    @app.exception_handler(Exception)
    async def of_the_server(_: Request, __: Exception) -> JSONResponse:
        return failed()


def _of_query(problem: Problem, request: Request) -> Problem:
    """Services name their own fields; what came in the query is pointed at there."""
    name = problem.pointer.removeprefix("/")
    return replace(problem, pointer=f"/query/{name}") if name in request.query_params else problem


def _parameter_problem(error: Mapping[str, Any]) -> Problem:
    # The value is left out: it may be what must not be repeated.
    place = [str(part).replace("~", "~0").replace("/", "~1") for part in error["loc"]]
    pointer = "/" + "/".join(place[1:] if place[:1] == ["body"] else place)
    return Problem(pointer, str(error["type"]), str(error["msg"]))


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "Problem", "content": {MEDIA_TYPE: {"schema": ProblemDocument.model_json_schema()}}}
}
