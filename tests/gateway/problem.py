"""What every refusal must look like (RFC 9457)."""

from __future__ import annotations

from typing import Any

import httpx

from tests.gateway.contract import PROBLEM
from tests.gateway.tracing import trace_of


def problem_of(response: httpx.Response, status: int, code: str, *, hides: str = "") -> dict[str, Any]:
    """The problem, after checking its shape, and that it does not repeat `hides`."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "trace_id", "errors"}
    assert problem["type"] == f"urn:marketwin:problem:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["trace_id"] == trace_of(response.headers["traceparent"])
    assert all(set(error) == {"pointer", "rule", "message"} for error in problem["errors"])
    assert not hides or hides not in response.text
    return problem


def pointers_of(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]
