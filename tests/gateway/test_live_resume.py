"""A client that comes back goes on where it was, whichever process was started anew in between."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from gateway.live import serving
from gateway.live.hub import Hub
from services.twin import app as twin
from services.twin.settings import TwinSettings
from tests.gateway.house import Door, House, door
from tests.gateway.streams import connected, heard, put, subscribed
from tests.ingest.outage import Nats, restartable_nats


async def _back(opened: Door, after: int, messages: int = 1, **asked: Any) -> list[dict[str, Any]]:
    """What a client hears first that comes back."""
    async with connected(opened, max_size=None) as socket:
        await socket.send(json.dumps({"subscribe": asked, "after": after}))
        return [await heard(socket) for _ in range(messages)]


async def _all_heard(opened: Door, twin_id: str) -> None:
    """Waits until the gateway has heard of a twin."""
    hub: Hub = opened.web.state.hub

    async def has_heard() -> bool:
        return any(change.id == twin_id for delta in list(hub._ring) for change in delta.changes)

    await eventually(has_heard)


async def test_one_after_the_other_may_read_the_log(
    whole: House, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "REPLAYS", 1)
    monkeypatch.setattr(serving, "REPLAY_WITHIN_S", 0.5)
    async with door(whole.common, **whole.addresses) as own:
        own.web.state.hub._max_deltas = 1
        async with connected(own) as socket:
            sequence, _ = await subscribed(socket, model="region")
        written = [await put(api) for _ in range(3)]
        await _all_heard(own, written[-1]["id"])

        back = [(await _back(own, sequence, ids=[written[0]["id"]]))[0]["type"] for _ in range(3)]

    assert back == ["delta"] * 3


async def test_what_the_ring_has_forgotten_comes_from_the_log(whole: House, api: httpx.AsyncClient):
    async with door(whole.common, **whole.addresses) as own:
        own.web.state.hub._max_deltas = 3
        name = uuid.uuid4().hex
        async with connected(own) as socket:
            sequence, _ = await subscribed(socket, model="sku")
        wanted = [await put(api, name=name) for _ in range(10)]
        others = [await put(api) for _ in range(10)]
        await _all_heard(own, others[-1]["id"])

        [everything] = await _back(own, sequence, model="sku")
        [some] = await _back(own, sequence, filter=f'eq(properties/name_zh,"{name}")')
        async with connected(own) as socket:
            await socket.send(json.dumps({"subscribe": {"model": "sku"}, "after": sequence}))
            again = await heard(socket)
            new = await put(api)
            following = await heard(socket)

    assert (everything["type"], everything["twins"]) == ("delta", [*wanted, *others])
    assert (some["type"], some["twins"], some["gone"]) == ("delta", wanted, [])
    assert again == everything
    assert following["twins"] == [new]


@pytest.mark.parametrize("bound", ["MISSED_MESSAGES", "MISSED_BYTES"])
async def test_who_missed_too_much_gets_a_snapshot(
    whole: House, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, bound: str
):
    monkeypatch.setattr(serving, bound, 5)
    async with door(whole.common, **whole.addresses) as own:
        own.web.state.hub._max_deltas = 3
        async with connected(own) as socket:
            sequence, _ = await subscribed(socket, model="region")
        written = [await put(api) for _ in range(10)]
        await _all_heard(own, written[-1]["id"])

        [back] = await _back(own, sequence, ids=[written[0]["id"]])

    assert (back["type"], back["twins"]) == ("snapshot", [written[0]])


async def test_a_snapshot_is_had_where_all_that_read_the_log_are_busy(
    whole: House, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "REPLAYS", 0)
    monkeypatch.setattr(serving, "REPLAY_WITHIN_S", 0.05)
    async with door(whole.common, **whole.addresses) as own:
        own.web.state.hub._max_deltas = 1
        async with connected(own) as socket:
            sequence, _ = await subscribed(socket, model="region")
        written = [await put(api) for _ in range(3)]
        await _all_heard(own, written[-1]["id"])

        [back] = await _back(own, sequence, ids=[written[0]["id"]])

    assert back["type"] == "snapshot"


@asynccontextmanager
async def _small_house(common: CommonSettings) -> AsyncIterator[tuple[Door, httpx.AsyncClient]]:
    """A twin service and a gateway."""
    async with twin.app(TwinSettings(common=common)) as behind, door(common, twin_address=behind.address) as opened:
        yield opened, await opened.client("admin")


async def test_nothing_is_lost_when_gateway_twin_and_log_are_started_anew(whole: House, tmp_path: Path):
    async with restartable_nats(tmp_path) as nats, fresh_database(whole.common.postgres_url) as url:
        common = whole.common.model_copy(update={"nats_url": nats.url, "postgres_url": url})
        async with _small_house(common) as (opened, api):
            seen = await put(api)
            await _all_heard(opened, seen["id"])
            async with connected(opened) as socket:
                sequence, _ = await subscribed(socket)
            missed = [await put(api)]
        await nats.stop()
        await nats.start()
        async with _small_house(common) as (opened, api):
            missed.append(await put(api))
            await _all_heard(opened, missed[-1]["id"])
            [back] = await _back(opened, sequence)
        await _lost(nats, tmp_path)
        async with _small_house(common) as (opened, api):
            [anew] = await _back(opened, back["sequence"])

    assert (back["type"], back["twins"]) == ("delta", missed)
    assert anew["type"] == "snapshot"
    assert {each["id"] for each in anew["twins"]} == {each["id"] for each in (seen, *missed)}
    assert anew["sequence"] > back["sequence"]


async def _lost(nats: Nats, folder: Path) -> None:
    """The log loses everything."""
    await nats.stop()
    shutil.rmtree(folder / "nats")
    await nats.start()
