"""A person asks that a connection fetches now, in whichever replica runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from chassis.errors import Invalid, NotFound
from services.ingest.sources.connection import Connection, Connector


def topic_of(name: str) -> str:
    """Under which the replica that runs a connection hears that it was asked for."""
    return f"run:{name}"


async def ask_for_run(
    connections: Mapping[str, Connection],
    connectors: Mapping[str, Connector],
    note_news: Callable[[str], Awaitable[None]],
    name: str,
) -> Connection:
    """Notes the wish; raises NotFound for a connection that is not configured, Invalid for one that does not fetch."""
    connection = connections.get(name)
    if connection is None:
        raise NotFound("there is no such connection; GET /api/v1/sources lists them", code="unknown_connection")
    if not connectors[connection.type].fetches:
        raise Invalid(f"a connection of type {connection.type} hears its source all the time", code="does_not_fetch")
    await note_news(topic_of(name))
    return connection
