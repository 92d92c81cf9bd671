"""The OpenAPI 3.1 document: problems instead of the framework's own error shape, and who may call."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.problems import MEDIA_TYPE, ProblemDocument
from gateway.schemas import DropBody, Feedback, Invitation, KeyFlag, ReopenBody, ReplayBody, TwinBody
from gateway.schemas.models import TwinModelsBody

DESCRIPTION = (
    "Digital twin of a consumer-goods market. Trade-facing only: nothing here is meant for consumers. "
    "Errors are RFC 9457 problems; lists are {items, next_cursor}; times are RFC 3339; money is decimal text."
)
BODIES = (ProblemDocument, TwinBody, KeyFlag, Feedback, Invitation, ReplayBody, DropBody, ReopenBody, TwinModelsBody)


def describe(web: FastAPI) -> None:
    """Gives the app a document with problems instead of the framework's own error shape."""

    def document() -> dict[str, Any]:
        if web.openapi_schema is None:
            web.openapi_schema = _document(web)
        return web.openapi_schema

    web.openapi = document  # type: ignore[method-assign]  # the documented way to extend it


def _document(web: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=web.title, version=web.version, description=DESCRIPTION, routes=web.routes, openapi_version="3.1.0"
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for shape in BODIES:
        schemas.update(
            _with_parts(shape.model_json_schema(ref_template="#/components/schemas/{model}"), shape.__name__)
        )
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for operations in document["paths"].values():
        for operation in operations.values():
            _finish(operation)
    return document


def _with_parts(schema: dict[str, Any], name: str) -> dict[str, Any]:
    parts: dict[str, Any] = schema.pop("$defs", {})
    return {name: schema, **parts}


OPEN = {"exchange_code", "verify_address", "hear_callback", "receive_webhook", "healthz", "readyz"}


def _finish(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {
        "description": "Problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
    if operation["operationId"] not in OPEN:
        operation["security"] = [{"bearer": []}]
