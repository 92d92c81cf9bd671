"""Twins that fulfil a filter, over HTTP, beside the listing of basyx-python-sdk, which has no filter by property."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bench.ingest.load import cpu_s
from bench.twin.house import Shelf, house
from bench.twin.reads import shells
from bench.twin.table import Cost, show

FILTER = 'and(eq(properties/grade,"g7"),gt(properties/tier,15))'
TIMES, PEER_TIMES = 40, 2
SETTLED_S = 12.0
"""For so long ours is asked beforehand: it looks every five seconds which index would be worth it."""


async def show_filters(folder: Path, built: Shelf, python: Path | None) -> None:
    """Ours answers a page of 1,000, which holds all; the peer lists everything, and its client looks through it.

    What ours is asked for long enough gets an index, which is waited for.
    """
    async with house(folder, built) as ours:
        url = f"http://{ours.address}/api/v1/twins?limit=1000&filter={quote(FILTER)}"
        headers = {"Authorization": f"Bearer {ours.token}"}
        every = [pid for each in ours.pids.values() for pid in each]
        found, cost = await _asked(url, headers, every, TIMES, lambda body: len(body["items"]), settled_s=SETTLED_S)
    peer = None
    if python:
        async with shells(python, built.twins) as (address, pids):
            url = f"http://{address}/api/v3.0/submodels?limit={built.twins}"
            of_peer, peer = await _asked(url, {}, pids["peer"], PEER_TIMES, _looked_through)
        if of_peer != found:
            raise SystemExit(f"the peer has {of_peer} of {found} twins")
    show(f"filter, {found} of {built.twins:,} twins (peer: client filters)", cost, peer, "≥ 200 ×")


async def _asked(
    url: str,
    headers: dict[str, str],
    pids: list[int],
    times: int,
    counted: Callable[[Any], int],
    *,
    settled_s: float = 0.0,
) -> tuple[int, Cost]:
    async with httpx.AsyncClient(headers=headers, timeout=300) as client:

        async def once() -> int:
            answer = await client.get(url)
            answer.raise_for_status()
            return counted(await asyncio.to_thread(json.loads, answer.content))

        found = await once()
        until = time.perf_counter() + settled_s
        while time.perf_counter() < until:
            await once()
        before, begun = cpu_s(pids), time.perf_counter()
        for _ in range(times):
            await once()
        return found, Cost(times, time.perf_counter() - begun, cpu_s(pids) - before)


def _looked_through(body: Any) -> int:
    def fulfils(submodel: Any) -> bool:
        held = {each["idShort"]: each.get("value") for each in submodel["submodelElements"]}
        return held.get("grade") == "g7" and int(held.get("tier") or 0) > 15

    return sum(map(fulfils, body["result"]))
