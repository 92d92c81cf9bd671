"""Parameters that a path does not have are refused: a filter that is misspelt would answer with everything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from chassis.errors import Invalid, Problem

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")


def known_only() -> Callable[[Request], Awaitable[None]]:
    """A dependency of paths: Invalid, with a pointer to each parameter of the query that the path does not have."""
    of_paths: dict[tuple[str, str], frozenset[str]] = {}

    async def check(request: Request) -> None:
        route = request.scope["route"]
        known = of_paths.get((route.path, request.method))
        if known is None:
            known = of_paths[route.path, request.method] = _parameters(route)
        if unknown := sorted(set(request.query_params) - known):
            there_are = f"the path has {', '.join(sorted(known))}" if known else "the path has none"
            problems = [Problem(_pointer(name), "unknown_parameter", there_are) for name in unknown]
            raise Invalid("there is no such parameter", code="invalid_parameter", errors=problems)

    return check


def _parameters(route: APIRoute) -> frozenset[str]:
    return frozenset(each.alias for each in get_flat_params(route.dependant) if isinstance(each.field_info, Query))


def _pointer(name: str) -> str:
    """What is no name may be something that must not be repeated."""
    return f"/query/{name}" if _NAME.fullmatch(name) else "/query"
