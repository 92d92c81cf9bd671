"""A person who asks to be forgotten is found nowhere afterwards, and the log does not bring anything back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import polars as pl
import pytest
import pytest_asyncio
import redis.asyncio

from chassis.bus import Bus, subject_of
from chassis.db import Database
from chassis.errors import Invalid, Unavailable
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.ingest.v1 import events_pb2, service_pb2_grpc
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.app import app
from services.ingest.consumers import DURABLE, HISTORY_DURABLE, STREAM
from services.ingest.domain.privacy.erasing import Subject, subject
from services.ingest.domain.privacy.tokens import TokenKey
from services.ingest.settings import IngestSettings
from services.ingest.store.erasures import PostgresErasures
from services.ingest.store.history import scan
from services.ingest.usecases.erasing import Eraser, Erasure, Traces, erase_waiting
from services.ingest.wire import from_ipc
from tests.ingest.builders import sale, shop
from tests.ingest.conftest import KEY
from tests.ingest.parts import empty_book
from tests.ingest.running import Stub, at, balances, everything, is_balanced, load_master, now, push

TOKENS = TokenKey("k1", KEY.encode())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(settings: IngestSettings) -> AsyncIterator[Stub]:
    quick = settings.model_copy(update={"forgotten_s": 0.2, "history_wait_s": 0.1})
    async with app(quick) as running, connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
        await load_master(stub)
        yield stub


async def _written(log: Bus) -> None:
    async def nothing_waits() -> bool:
        return not await log.pending(STREAM, DURABLE) and not await log.pending(STREAM, HISTORY_DURABLE)

    await eventually(nothing_waits, within_s=30)


async def _erase(ingest: Stub, **asked: Any) -> Any:
    request = pb.EraseRequest(requested_by="officer", reason="asked by letter", **asked)
    return (await ingest.Erase(request, timeout=60)).erasure


def _proof(erasure: Any) -> dict[str, tuple[int, int]]:
    return {each.store: (each.values, each.left) for each in erasure.stores}


def _history(settings: IngestSettings) -> str:
    frames = [scan(settings.history_address, kind).collect() for kind in ("pos_sale", "retailer")]
    texts = [frame.select(pl.col(pl.String)).write_csv() for frame in frames]
    return "".join(texts)


async def test_an_erased_token_is_found_nowhere(ingest: Stub, log: Bus, db: Database, settings: IngestSettings):
    phone = "13500001111"
    token = TOKENS.token(phone)
    linked = {"consumer_phone": phone, "consumer_id": "c-1", "consent_ref": "cn-1", "sold_at": at(hours=1)}
    cache = redis.asyncio.from_url(settings.common.redis_url)
    await push(ingest, "pos_sale", [sale(order_no=f"E{number}", **linked) for number in range(3)])
    await push(ingest, "pos_sale", [sale(order_no=phone, **linked)])
    await push(ingest, "pos_sale", [sale(order_no="E0", **linked, qty=3, amount="78.00")])
    await push(ingest, "pos_sale", [sale(order_no="E9", **{**linked, "sold_at": "never"})])
    await push(ingest, "retailer", [shop(retailer_code="R9", license_no="340102100077", contact_phone=phone)])
    await push(ingest, "pos_sale", [sale(order_no="OTHER", **{**linked, "consumer_phone": "13500002222"})])
    await cache.set("some:answer", json.dumps({"of": token}))
    await _written(log)
    before = await balances(ingest, log)
    assert token in await everything(db)
    assert token in _history(settings)

    erasure = await _erase(ingest, token=token)

    proof = _proof(erasure)
    after = await balances(ingest, log)
    kept = await everything(db)
    assert erasure.HasField("finished_at"), proof
    assert {name for name, (removed, _) in proof.items() if removed} >= {"book", "history", "cache", "log"}, proof
    assert {left for _, left in proof.values()} == {0}
    assert token not in kept + _history(settings)
    assert TOKENS.token("13500002222") in kept
    assert after == before
    assert all(is_balanced(row) for row in after.values())
    assert await cache.get("some:answer") is None
    await cache.aclose()
    sales = scan(settings.history_address, "pos_sale").filter(pl.col("order_no").is_in(["E0", "E1"])).collect()
    assert sales.height == 3
    assert sales.select("phone_token", "consumer_key", "consent_ref").null_count().row(0) == (3, 3, 3)


async def test_the_log_does_not_bring_an_erased_token_back(
    ingest: Stub, log: Bus, db: Database, settings: IngestSettings
):
    phone = "13500003333"
    token = TOKENS.token(phone)
    linked = {"consumer_phone": phone, "consent_ref": "cn-3", "sold_at": at(hours=1)}
    await push(ingest, "pos_sale", [sale(order_no="B1", **linked)])
    await _written(log)
    old = await _last_message(log)
    await _erase(ingest, token=token)

    await log.publish(old.subject, old.data, message_id="again")
    await _written(log)

    assert token not in await everything(db) + _history(settings)
    assert (await _erase(ingest, token=token)).HasField("finished_at")


async def _last_message(log: Bus) -> Any:
    last = (await log.jetstream.stream_info(STREAM)).state.last_seq
    return await log.jetstream.get_msg(STREAM, last)


async def test_who_consents_anew_is_known_again(ingest: Stub, log: Bus, db: Database):
    phone = "13500004444"
    linked = {"consumer_phone": phone, "consent_ref": "cn-4", "sold_at": at(hours=1)}
    await push(ingest, "pos_sale", [sale(order_no="N1", **linked)])
    await _erase(ingest, token=TOKENS.token(phone))

    await push(ingest, "pos_sale", [sale(order_no="N2", **linked)])
    await _written(log)

    assert TOKENS.token(phone) in await everything(db)


async def test_asked_twice_there_is_one_erasure_that_finds_nothing_more(ingest: Stub, log: Bus):
    token = TOKENS.token("13500005555")
    linked = {"consumer_phone": "13500005555", "consent_ref": "cn-5", "sold_at": at(hours=1)}
    await push(ingest, "pos_sale", [sale(order_no="T1", **linked)])

    first = await _erase(ingest, token=token)
    second = await _erase(ingest, token=token)

    assert second.id == first.id
    assert _proof(second) == _proof(first)
    assert _proof(first)["book"] == (1, 0)


async def test_a_withdrawn_consent_takes_its_links_along(
    ingest: Stub, log: Bus, db: Database, settings: IngestSettings
):
    linked = {"consumer_phone": "13500006666", "consumer_id": "c-6", "sold_at": at(hours=1)}
    await push(ingest, "pos_sale", [sale(order_no="W1", **linked, consent_ref="cn-withdrawn")])
    await push(ingest, "pos_sale", [sale(order_no="W2", **linked, consent_ref="cn-withdrawn-not")])
    await _written(log)

    erasure = await _erase(ingest, consent_refs=["cn-withdrawn"])
    later = await push(ingest, "pos_sale", [sale(order_no="W3", **linked, consent_ref="cn-withdrawn")])
    await _written(log)
    message = await log.jetstream.get_last_msg(STREAM, subject_of(events_pb2.RecordsAccepted, "pos_sale"))
    records = from_ipc(events_pb2.RecordsAccepted.FromString(message.data or b"").arrow_ipc)

    rows = scan(settings.history_address, "pos_sale").filter(pl.col("order_no").str.starts_with("W")).collect()
    links = {row["order_no"]: row["phone_token"] is not None for row in rows.iter_rows(named=True)}
    assert erasure.HasField("finished_at")
    assert erasure.type == "withdraw"
    assert [(reason.rule, reason.count) for reason in later.reasons if reason.rule == "DQ-32"] == [("DQ-32", 1)]
    assert records.select("order_no", "consumer_key", "phone_token", "consent_ref").row(0) == ("W3", None, None, None)
    assert links == {"W1": False, "W2": True, "W3": False}


async def test_the_request_itself_keeps_nobody(ingest: Stub, db: Database):
    token = TOKENS.token("13500007777")

    erasure = await _erase(ingest, token=token)

    listed = (await ingest.ListErasures(pb.ListErasuresRequest(page_size=1))).items
    assert [each.id for each in listed] == [erasure.id]
    assert listed[0].token.startswith("sha256:")
    assert token not in await everything(db)


@pytest.mark.parametrize(
    "asked",
    [{}, {"token": "13500001111"}, {"token": "k1:short"}, {"token": "k1:" + "a" * 64, "consent_refs": ["cn-1"]}],
)
async def test_a_request_that_names_nobody_is_refused_without_an_echo(ingest: Stub, asked: dict[str, Any]):
    with pytest.raises(Invalid) as refused:
        await _erase(ingest, **asked)

    assert "13500001111" not in json.dumps(refused.value.as_dict())


class Drawer:
    """A store with one value in it, that fails the first time it is asked to erase."""

    def __init__(self, *, fails: bool) -> None:
        self.values = 1
        self.fails = fails

    async def erase(self, who: Subject) -> dict[str, int]:
        if self.fails:
            self.fails = False
            raise Unavailable("away")
        removed, self.values = self.values, 0
        return {"drawer": removed}

    async def search(self, who: Subject) -> dict[str, int]:
        return {"drawer": self.values}


async def test_an_erasure_that_was_interrupted_is_finished_later(common: CommonSettings, template: str):
    async with empty_book(common.postgres_url, template) as db:
        erasures = PostgresErasures(db)
        token = TOKENS.token("13500008888")
        who = subject("e1", token=token, consent_refs=())
        asked = Erasure(
            id="e1",
            type="erase",
            digests=tuple(who.digests),
            requested_by="officer",
            reason="",
            requested_at=now(),
            stores={},
            subjects=who.tokens,
        )
        first, second = Drawer(fails=False), Drawer(fails=True)
        eraser = Eraser(
            erasures=erasures,
            stores=(first, second),
            settled=partial(asyncio.sleep, 0),
            now=now,
            known_after=timedelta(0),
        )
        await erasures.ask(asked)

        with pytest.raises(Unavailable):
            await erase_waiting(eraser)
        interrupted = await erasures.get("e1")
        outcome = await erase_waiting(eraser)

        done = await erasures.get("e1")
        assert interrupted.finished_at is None
        assert interrupted.subjects == (token,)
        assert outcome == (1, 0)
        assert done.finished_at is not None
        assert done.subjects == ()
        assert done.stores == {"drawer": Traces(removed=2, left=0)}
