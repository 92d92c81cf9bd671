"""A client of the live stream as server-sent events, as tests use it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.gateway.contract import judge_message
from tests.gateway.house import AUTHORITIES, Door
from tests.gateway.streams import PATIENCE_S

EVENTS = "/api/v1/live/events"


@dataclass(frozen=True, slots=True)
class Event:
    """What stands between two empty lines; a comment alone has no kind."""

    kind: str
    id: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


class Events:
    """An answer that does not end, event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Event:
        fields = {"event": "", "id": "", "data": ""}
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                if not line:
                    event = Event(fields["event"], fields["id"], fields["data"])
                    if event.kind:
                        judge_message(event.data)
                    return event
                name, _, value = line.partition(": ")
                fields[name] = value
        raise EOFError

    async def told(self) -> Event:
        """The next event that has a kind."""
        while not (event := await self.next()).kind:
            pass
        return event

    async def snapshot(self) -> tuple[int, list[dict[str, Any]]]:
        twins: list[dict[str, Any]] = []
        while True:
            event = await self.told()
            assert event.kind == event.data["type"] == "snapshot"
            twins += event.data["twins"]
            assert bool(event.id) is not event.data["more"]
            if event.id:
                return int(event.id), twins


@asynccontextmanager
async def events_of(
    opened: Door, *, token: str = "", headers: dict[str, str] | None = None, **asked: Any
) -> AsyncIterator[Events]:
    sent = {"authorization": f"Bearer {token or opened.token()}"} | (headers or {})
    async with (
        httpx.AsyncClient(base_url=opened.url, trust_env=False, verify=AUTHORITIES, timeout=PATIENCE_S) as client,
        client.stream("GET", EVENTS, params=asked, headers=sent) as response,
    ):
        yield Events(response)
