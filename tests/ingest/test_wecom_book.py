"""The WeCom address book: from the stand-in through the connector, the door and the join into the book."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually
from demo.wecom.app import create_app
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import app
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.settings import IngestSettings
from services.ingest.sources.connection import Connection
from services.ingest.usecases import Body
from tests.ingest.builders import shop
from tests.ingest.conftest import KEY
from tests.ingest.plantdoor import Ledger, connected, connection_of
from tests.ingest.running import booked, push
from tests.wecom.world import CORP, SECRET, Settings, StandIn, served

FILE = """
connection: shops_book
type: wecom_book
source: wecom
kind: wecom_contact
options:
  corp_id: {corp}
  secret: WECOM_SECRET
  address: {address}
  counties: {{"3": "340103"}}
  look_s: 0.05
"""
GROUPS = [
    {"groupid": 1, "group_name": "合肥", "parentid": 0, "order": 1},
    {"groupid": 2, "group_name": "瑶海", "parentid": 1, "order": 1},
    {"groupid": 3, "group_name": "庐阳", "parentid": 1, "order": 2},
]


class Clock:
    """The real time, which a test can move on."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def wecom(clock: Clock) -> AsyncIterator[StandIn]:
    async with served(create_app(Settings().build(), now=clock)) as url, httpx.AsyncClient(base_url=url) as http:
        yield StandIn(url, clock, http)


def corp(place: int, group: int = 2, **changes: Any) -> dict[str, Any]:
    number = f"34010{group}1{place:05d}"
    name = {"corp_name": f"第{place}便利店", "custom_id": number, "groupid": group, "is_joined": place % 2 == 0}
    id_name = "corpid" if place % 2 == 0 else "pending_corpid"
    return {id_name: f"ww{group}{place:04d}", **name, **changes}


async def book_has(wecom: StandIn, *corps: dict[str, Any], chain: str = "chain1") -> None:
    body = {"chain_name": "皖", "groups": GROUPS, "corps": list(corps)}
    (await wecom.http.put(f"/stand-in/chains/{chain}", json=body)).raise_for_status()


def configured(wecom: StandIn, secret: str = SECRET) -> Connection:
    return connection_of(FILE.format(corp=CORP, address=wecom.url), WECOM_SECRET=secret)


class Door:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    async def take_in(self, body: Body) -> Receipt:
        self.rows += json.loads(body.content)
        return Receipt("B", 1, 0, 0, 0, 0)


async def brought(door: Door, count: int) -> None:
    async def enough() -> bool:
        return len(door.rows) >= count

    await eventually(enough)
    assert len(door.rows) == count


async def test_a_full_sync_reads_every_group_page_by_page(wecom: StandIn) -> None:
    door, ledger = Door(), Ledger()
    await book_has(wecom, *(corp(place) for place in range(250)), corp(0, 3))

    async with connected(configured(wecom), door, ledger):
        await brought(door, 251)

    assert {(row["group_id"], row["group_path"]) for row in door.rows} == {("2", "合肥/瑶海"), ("3", "合肥/庐阳")}
    assert len({row["contact_id"] for row in door.rows}) == 251
    assert [row["county"] for row in door.rows if row["group_id"] == "3"] == ["340103"]
    assert await wecom.calls("corpgroup/corp/get_chain_corpinfo_list") == 5
    assert await wecom.calls("gettoken") == 1


async def test_news_of_a_change_bring_only_the_groups_that_changed_and_those_who_left(wecom: StandIn) -> None:
    door, ledger = Door(), Ledger()
    await book_has(wecom, corp(0), corp(1), corp(0, 3))

    async with connected(configured(wecom), door, ledger):
        await brought(door, 3)

        async def noted() -> bool:
            return bool(ledger.checkpoints)

        await eventually(noted)
        await book_has(wecom, corp(0), corp(0, 3, corp_name="新名字"))
        ledger.told["share_chain_change"] += 1
        await brought(door, 6)

    assert [(row["contact_id"], row.get("is_listed"), row.get("corp_name")) for row in door.rows[3:]] == [
        ("ww20000", None, "第0便利店"),
        ("ww30000", None, "新名字"),
        ("ww20001", False, None),
    ]


async def test_a_round_without_changes_brings_nothing_after_a_restart(wecom: StandIn) -> None:
    door, ledger = Door(), Ledger()
    await book_has(wecom, corp(0), corp(1))
    async with connected(configured(wecom), door, ledger):
        await brought(door, 2)

        async def noted() -> bool:
            return bool(ledger.checkpoints)

        await eventually(noted)
    before = await wecom.calls("corpgroup/corp/get_chain_list")

    async with connected(configured(wecom), door, ledger):

        async def read_again() -> bool:
            return await wecom.calls("corpgroup/corp/get_chain_list") > before

        await eventually(read_again)

    assert len(door.rows) == 2


async def test_a_token_that_ended_or_was_revoked_is_renewed_once(wecom: StandIn, clock: Clock) -> None:
    door, ledger = Door(), Ledger()
    await book_has(wecom, corp(0))
    async with connected(configured(wecom), door, ledger):
        await brought(door, 1)
        await wecom.revoke_tokens()
        await book_has(wecom, corp(0), corp(1))
        ledger.told["share_chain_change"] += 1
        await brought(door, 3)
        clock.ahead_s = 8000
        await book_has(wecom, corp(0))
        ledger.told["share_chain_change"] += 1
        await brought(door, 5)

    assert await wecom.calls("gettoken") == 3
    assert not ledger.errors


@pytest.mark.parametrize(
    ("errcode", "said"), [(670001, "share range"), (48002, "permission"), (60020, "trusted"), (45009, "pause")]
)
async def test_what_a_person_must_mend_is_said(wecom: StandIn, errcode: int, said: str) -> None:
    door, ledger = Door(), Ledger()
    await wecom.fault("corpgroup/corp/get_chain_list", errcode, times=1000)

    async with connected(configured(wecom), door, ledger):

        async def told() -> bool:
            return any(said in error for error in ledger.errors)

        await eventually(told)

    assert SECRET not in " ".join(ledger.errors)
    if errcode == 45009:
        assert await wecom.calls("corpgroup/corp/get_chain_list") == 1


async def test_a_busy_wecom_is_asked_again(wecom: StandIn) -> None:
    door, ledger = Door(), Ledger()
    await book_has(wecom, corp(0))
    await wecom.fault("corpgroup/corp/get_chain_group", -1, times=1)

    async with connected(configured(wecom), door, ledger):
        await brought(door, 1)

    assert not ledger.errors


async def test_entries_are_joined_to_shops_and_the_rest_waits_with_its_candidates(
    common: CommonSettings, wecom: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-06 from the book of WeCom to the book of records; what the CRM says of a shop stays as it was."""
    monkeypatch.setenv("WECOM_SECRET", SECRET)
    (tmp_path / "book.yaml").write_text(FILE.format(corp=CORP, address=wecom.url), encoding="utf-8")
    settings = IngestSettings(common=common, token_key=KEY, connections=tmp_path)
    shops = [
        shop(retailer_code=f"R{place}", license_no=f"3401021{place:05d}", name=f"第{place}便利店") for place in range(4)
    ]
    await book_has(wecom)
    async with app(settings) as running, connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
        await push(stub, "retailer", shops, source="crm")
        await book_has(
            wecom,
            corp(0),
            corp(1, custom_id="３４Ｏ１０２１００００１"),
            corp(2, custom_id="340102100020"),
            corp(3, corp_name="别的店", custom_id="340102100030"),
            corp(8, custom_id="340102188888"),
        )
        await stub.NoteNews(pb.NoteNewsRequest(topic="share_chain_change"))

        joined = [await booked(stub, "wecom_contact", f"chain1~ww2000{place}") for place in range(3)]

        async def two_wait() -> list[Any]:
            found = list((await stub.ListQuarantine(pb.ListQuarantineRequest(kind="wecom_contact"))).items)
            return found if len(found) == 2 else []

        open_items = await eventually(two_wait)
        crm = await booked(stub, "retailer", "R0")

    assert [(row["retailer_code"], row["matched_by"]) for row in joined] == [
        ("R0", "licence"),
        ("R1", "licence_mended"),
        ("R2", "name"),
    ]
    assert joined[0]["adcode"] == "340100"
    assert sorted(item.reasons[0].message.split(":")[0] for item in open_items) == [
        "it may be R3",
        "no shop has this licence or name; correct custom_id in WeCom, or give retailer_code",
    ]
    assert (crm["source"], crm["tier"], crm["name"]) == ("crm", 18, "第0便利店")
