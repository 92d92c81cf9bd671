"""Pulling pages of a REST source that has the faults of real ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import RedirectResponse

from chassis.bus import Bus
from chassis.errors import Invalid
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.settings import IngestSettings
from services.ingest.sources import ConnectionFault
from services.ingest.sources.connection import SourceAway
from services.ingest.sources.connectors import rest_pull
from services.ingest.usecases import Body
from tests.ingest.builders import order
from tests.ingest.connecting import Killed, ScriptedDoor, configured, connected, until
from tests.ingest.erp import CLIENT, SECRET, Erp, Row, pull
from tests.ingest.running import at, balances, is_balanced, load_master
from tests.wecom.world import served

ENVIRON = {"ERP_SECRET": SECRET, "ERP_KEY": "the api key", "WRONG": "another secret"}


def rows(count: int, *, first: int = 0) -> list[Row]:
    return [order(order_no=f"E{number:06d}", ordered_at=at(hours=1)) for number in range(first, first + count)]


def numbers(bodies: list[Body]) -> list[str]:
    return [row["order_no"] for body in bodies for row in json.loads(body.content)]


def expected(count: int) -> list[str]:
    return [f"E{number:06d}" for number in range(count)]


@asynccontextmanager
async def pulling(door: ScriptedDoor, text: str) -> AsyncIterator[asyncio.Task[None]]:
    work: asyncio.Task[None] = asyncio.ensure_future(rest_pull.run(configured(text, ENVIRON), door.intake))
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def pulled(door: ScriptedDoor, text: str, count: int) -> None:
    """Runs until so many records were brought."""
    async with pulling(door, text) as work:

        async def enough() -> bool:
            if work.done():
                work.result()
            return door.records >= count

        await eventually(enough)


def door() -> ScriptedDoor:
    return ScriptedDoor(count=lambda body: len(json.loads(body.content)))


async def test_pages_follow_their_cursor_and_a_restart_goes_on_from_it():
    erp, taken = Erp(rows(35)), door()
    async with served(erp.app) as url:
        await pulled(taken, pull(f"{url}/open"), 35)
        erp.rows += rows(20, first=35)
        await pulled(taken, pull(f"{url}/open"), 60)

    assert sorted(set(numbers(taken.taken))) == expected(55)
    assert taken.checkpoint is not None
    assert taken.checkpoint["cursor"] == "50"
    assert [asked.get("cursor", "") for asked in erp.asked[:4]] == ["", "10", "20", "30"]


async def test_a_round_without_news_sends_nothing_again():
    erp, taken = Erp(rows(35)), door()
    async with served(erp.app) as url, pulling(taken, pull(f"{url}/open")):

        async def asked_often() -> bool:
            return len(erp.asked) > 10

        await eventually(asked_often)

    assert len(taken.taken) == 4
    assert taken.records == 35


async def test_numbered_pages_go_on_with_the_first_that_was_not_full():
    erp, taken = Erp(rows(25)), door()
    text = {"paging": "page", "records": "/data/items", "page_size": 10, "size_param": "size"}
    async with served(erp.app) as url:
        await pulled(taken, pull(f"{url}/numbered", **text), 25)
        erp.rows += rows(10, first=25)
        await pulled(taken, pull(f"{url}/numbered", **text), 40)

    assert sorted(set(numbers(taken.taken))) == expected(35)
    assert [asked["page"] for asked in erp.asked[:3]] == ["1", "2", "3"]
    assert taken.checkpoint is not None
    assert taken.checkpoint["page"] == 4


async def test_links_are_followed_on_the_configured_host_only():
    erp, taken = Erp(rows(25)), door()
    async with served(erp.app) as url:
        await pulled(taken, pull(f"{url}/linked", paging="link"), 25)
        erp.faults = [Response(json.dumps({"items": rows(1), "next": "https://elsewhere.example/x"}))]
        with pytest.raises(SourceAway, match="another host"):
            await asyncio.wait_for(rest_pull.run(configured(pull(f"{url}/open", paging="link")), door().intake), 5)

    assert sorted(set(numbers(taken.taken))) == expected(25)
    assert taken.checkpoint is not None
    assert not any(
        isinstance(value, str) and "/linked" in value for name, value in taken.checkpoint.items() if name[0] != "_"
    )


async def test_a_watermark_asks_for_what_changed_since_with_an_overlap():
    changed = [{**row, "changed_at": f"2025-03-14T10:{number:02d}:00Z"} for number, row in enumerate(rows(30))]
    erp, taken = Erp(changed[:20]), door()
    text = pull("{url}/numbered", paging="page", records="/data/items", page_size=50, size_param="size").replace(
        "options:\n", "options:\n  since_param: since\n  watermark_field: changed_at\n  overlap_s: 120\n"
    )
    async with served(erp.app) as url:
        await pulled(taken, text.replace("{url}", url), 20)
        erp.rows = changed
        await pulled(taken, text.replace("{url}", url), 33)

    assert sorted(set(numbers(taken.taken))) == expected(30)
    assert erp.asked[0].get("since") is None
    assert erp.asked[-1]["since"] in ("2025-03-14T10:17:00Z", "2025-03-14T10:27:00Z")
    assert taken.checkpoint is not None
    assert taken.checkpoint["since"] == "2025-03-14T10:29:00Z"


AUTH = {"client_id": CLIENT, "client_secret": "ERP_SECRET"}


async def test_a_token_is_fetched_once_kept_and_renewed_when_it_is_refused():
    erp, taken = Erp(rows(45)), door()
    erp.faults = [None, "expired"]
    async with served(erp.app) as url:
        await pulled(taken, pull(f"{url}/orders", token_url=f"{url}/token", **AUTH), 45)

    assert sorted(numbers(taken.distinct)) == expected(45)
    assert len(erp.tokens) == 2


async def test_a_token_is_renewed_before_it_expires():
    erp, taken = Erp(rows(45), token_lives_s=0.02), door()
    erp.faults = [None, "wait"]
    async with served(erp.app) as url, pulling(taken, pull(f"{url}/orders", token_url=f"{url}/token", **AUTH)):

        async def renewed() -> bool:
            return len(erp.tokens) >= 3

        await eventually(renewed)

    assert taken.records >= 10


@pytest.mark.parametrize("secret", ["WRONG", "ERP_SECRET"])
async def test_credentials_that_are_refused_are_said_so_without_the_secret(secret: str):
    erp, taken = Erp(rows(5)), door()
    if secret == "ERP_SECRET":
        erp.faults = ["expired"] * 9
    async with served(erp.app) as url:
        text = pull(f"{url}/orders", token_url=f"{url}/token", client_id=CLIENT, client_secret=secret)
        with pytest.raises(SourceAway) as away:
            await asyncio.wait_for(rest_pull.run(configured(text, ENVIRON), taken.intake), 5)

    assert "check" in away.value.text
    assert ENVIRON[secret] not in away.value.text
    assert len(erp.tokens) <= 2


async def test_an_api_key_goes_in_its_header():
    erp, taken = Erp(rows(5)), door()
    async with served(erp.app) as url:
        await pulled(taken, pull(f"{url}/open", api_key="ERP_KEY"), 5)

    assert erp.asked[0]["api_key"] == "the api key"


async def test_faults_that_pass_are_waited_for_and_nothing_is_lost_or_asked_for_too_soon():
    erp, taken = Erp(rows(45)), door()
    erp.faults = [
        Response(status_code=500),
        None,
        Response(status_code=429, headers={"retry-after": "1"}),
        "cut",
        None,
        Response(status_code=503),
        None,
        "slow",
    ]
    began = asyncio.get_running_loop().time()
    async with served(erp.app) as url:
        await pulled(taken, pull(f"{url}/open", timeout_s=0.5), 45)

    assert numbers(taken.taken) == expected(45)
    assert asyncio.get_running_loop().time() - began > 1.0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("malformed", "no JSON, or was cut off"),
        ("no list", "no list of records at /items"),
        (Response("{}", media_type="application/json"), "nothing at /items"),
        (Response("[1, 2]", media_type="application/json"), "nothing at /items"),
        (RedirectResponse("https://elsewhere.example/"), "redirect"),
        (Response(status_code=404), "HTTP 404"),
        (Response(status_code=403), "refuses the credentials"),
        (Response(b"x" * 5000), "more than 2048 bytes"),
        (Response(status_code=429, headers={"retry-after": "900"}), "HTTP 429"),
    ],
    ids=["half a page", "no list", "no items", "an array", "redirect", "not found", "denied", "too large", "far away"],
)
async def test_a_fault_that_stays_says_what_to_do_and_takes_nothing(fault: Any, said: str):
    erp, taken = Erp(rows(5)), door()
    erp.faults = [fault]
    async with served(erp.app) as url:
        text = pull(f"{url}/open", max_bytes=2048)
        with pytest.raises(SourceAway, match=said) as away:
            await asyncio.wait_for(rest_pull.run(configured(text), taken.intake), 5)

    assert taken.taken == []
    assert away.value.after_s == (900 if said == "HTTP 429" else None)


async def test_a_page_that_the_door_cannot_read_stays_where_it_is():
    erp, taken = Erp(rows(5)), door()
    taken.refusal = Invalid("at most 256 different fields", code="too_large")
    async with served(erp.app) as url:
        with pytest.raises(SourceAway, match="at most 256 different fields"):
            await asyncio.wait_for(rest_pull.run(configured(pull(f"{url}/open")), taken.intake), 5)

    assert taken.checkpoint is None


@pytest.mark.parametrize("steps", range(9))
async def test_a_pull_killed_at_any_step_loses_nothing_and_brings_nothing_twice(steps: int):
    erp, taken = Erp(rows(35)), door()
    async with served(erp.app) as url:
        taken.dies_after = steps
        with pytest.raises((Killed, TimeoutError)):
            async with asyncio.timeout(0.5):
                await rest_pull.run(configured(pull(f"{url}/open")), taken.intake)
        taken.dies_after = None
        missing = 35 - taken.records
        await pulled(taken, pull(f"{url}/open"), taken.records + missing)

    assert sorted(numbers(taken.distinct)) == expected(35)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("url: https://erp.example/x", "url: ftp://erp.example/x", r"connection\.yaml:6: url must be an address"),
        ("next: /next", "query: {a: b}", r"connection\.yaml:6: next is missing"),
        ("next: /next", "next: cursor", r"connection\.yaml:9: next must be a JSON pointer"),
        ("next: /next", "next: /next\n  token_url: https://a.example/t", r"connection\.yaml:10: token_url goes with"),
        ("next: /next", "next: /next\n  since_param: since", r"connection\.yaml:10: since_param goes with"),
        ("next: /next", "next: /next\n  ca_file: /nowhere.pem", r"connection\.yaml:10: ca_file must be the path"),
    ],
)
def test_a_wrong_pull_is_refused_with_its_line(old: str, new: str, said: str):
    text = pull("https://erp.example/x")
    assert old in text

    with pytest.raises(ConnectionFault, match=said):
        configured(text.replace(old, new))


async def test_what_is_pulled_enters_the_book_and_bad_records_go_to_quarantine(
    settings: IngestSettings, log: Bus, tmp_path: Any
):
    erp = Erp([])
    async with served(erp.app) as url, connected(settings, tmp_path / "c", erp=pull(f"{url}/open")) as stub:
        await load_master(stub)
        erp.rows = [*rows(30), order(order_no="BAD", sku_code="NOSUCH", ordered_at=at(hours=1))]
        shown = await until(stub, "erp", lambda found: found.records >= 31)
        balance = (await balances(stub, log))["erp", "commercial_order"]
        sources = (await stub.ListSources(pb.ListSourcesRequest())).sources
        lags = {source.name: source.lag_s for source in sources if source.HasField("lag_s")}

    assert 3600 < lags["erp"] < 3700
    assert (shown.state, shown.type, shown.last_error) == ("running", "rest_pull", "")
    assert shown.checkpoint == "cursor=30"
    assert is_balanced(balance)
    assert (balance.stored, balance.quarantined) == (30, 1)
