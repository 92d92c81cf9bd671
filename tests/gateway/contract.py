"""The committed REST contract as a judge of answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "gateway/openapi.json").read_text())
LIVE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "gateway/asyncapi.json").read_text())
SHAPES = {"snapshot": "Snapshot", "delta": "Delta", "readings": "ReadingsTold"}
PROBLEM = "application/problem+json"


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation that answers a path: literal parts win over parameters, which may hold slashes where nothing
    else fits."""
    templates = DOCUMENT["paths"]
    if found := [each for each in templates if re.fullmatch(_pattern(each, "[^/]+"), path)]:
        best = min(found, key=lambda template: template.count("{"))
    elif found := [each for each in templates if re.fullmatch(_pattern(each, ".+"), path)]:
        best = max(found, key=len)
    else:
        return None
    operation: dict[str, Any] | None = DOCUMENT["paths"][best].get(method.lower())
    return operation


def _pattern(template: str, parameter: str) -> str:
    parts = re.split(r"\{\w+\}", template)
    return parameter.join(re.escape(part) for part in parts)


def judge(response: httpx.Response) -> None:
    """Fails when the answer is not what the contract promises."""
    media = response.headers.get("content-type", "").partition(";")[0]
    if response.request.method == "HEAD":
        return
    if response.status_code >= 400 and media == PROBLEM:
        _check({"$ref": "#/components/schemas/ProblemDocument"}, response.json())
        return
    operation = operation_of(response.request.method, response.request.url.path)
    if operation is None or response.status_code == 304:
        return
    promised = operation["responses"].get(str(response.status_code))
    assert promised, f"{response.request.method} {response.request.url.path} answers {response.status_code}"
    content = promised.get("content", {})
    if not response.content:
        return
    assert media in content, f"{media} is not among {list(content)}"
    if media == "application/json":
        _check(content[media]["schema"], response.json())


def judge_message(message: dict[str, Any]) -> None:
    """Fails when a message of the live stream is not what the contract promises."""
    shape = SHAPES.get(message["type"], "LiveProblem")
    _check({"$ref": f"#/components/schemas/{shape}"}, message, LIVE)


def _check(schema: dict[str, Any], value: object, document: dict[str, Any] = DOCUMENT) -> None:
    whole = {**schema, "components": document["components"]}
    Draft202012Validator(whole).validate(value)
