"""Bodies that come at the same time share passes and messages, and each gets its own answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import UTC, datetime

import pytest

from chassis.bus import Bus, Message, subject_of
from chassis.errors import Conflict, Invalid, Unavailable
from chassis.replay import follow
from marketwin.ingest.v1 import events_pb2
from services.ingest.domain.cleaning.clean import Stamp
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.kinds import KINDS
from services.ingest.usecases import Body, Holding
from services.ingest.usecases.arrival import Arrival
from tests.ingest.builders import JSON, sale
from tests.ingest.running import Stub, at, balances, booked, counts, frame, is_balanced, push, send


@asynccontextmanager
async def messages(log: Bus, source: str) -> AsyncIterator[list[events_pb2.RecordsAccepted]]:
    """Accepted messages of one source, as they come."""
    seen: list[events_pb2.RecordsAccepted] = []
    ready = asyncio.Event()

    async def note(message: Message) -> None:
        event = events_pb2.RecordsAccepted.FromString(message.data)
        if event.source == source:
            seen.append(event)

    subject = subject_of(events_pb2.RecordsAccepted, "pos_sale")
    follower = asyncio.create_task(follow(log, subject, note, started=lambda *_: ready.set()))
    async with asyncio.timeout(10):
        await ready.wait()
    yield seen
    follower.cancel()


async def test_bodies_that_come_together_share_messages_and_each_has_its_own_receipt(ingest: Stub, log: Bus):
    bodies = [[sale(order_no=f"G{n}-{line}", sold_at=at(hours=1)) for line in range(n % 3 + 1)] for n in range(60)]

    async with messages(log, "crowd") as seen:
        receipts = await asyncio.gather(*(push(ingest, "pos_sale", rows, source="crowd") for rows in bodies))
        balance = (await balances(ingest, log))["crowd", "pos_sale"]

    assert [counts(receipt) for receipt in receipts] == [(len(rows), 0, 0, 0) for rows in bodies]
    assert len({receipt.batch_id for receipt in receipts}) == 60
    assert sum(event.count for event in seen) == balance.stored == 120
    # How many come while a pass runs is a matter of the moment.
    assert len(seen) < len(bodies)
    by_batch = [batch for event in seen for batch in frame(event.arrow_ipc)["batch_id"].to_list()]
    assert {receipt.batch_id: receipt.accepted for receipt in receipts} == {
        batch: by_batch.count(batch) for batch in set(by_batch)
    }
    assert is_balanced(balance)
    assert (await booked(ingest, "pos_sale", "R340100000001~G7-0~1"))["batch_id"] == receipts[7].batch_id


async def test_a_bad_body_does_not_harm_those_beside_it(ingest: Stub, log: Bus):
    good = [push(ingest, "pos_sale", sale(order_no=f"N{n}", sold_at=at(hours=1)), source="beside") for n in range(20)]
    other = push(ingest, "pos_sale", {**sale(order_no="N20", sold_at=at(hours=1)), "more": 1}, source="beside")
    doubtful = push(ingest, "pos_sale", sale(order_no="N21", qty=-1, sold_at=at(hours=1)), source="beside")
    broken = send(ingest, "pos_sale", b'{"order_no": ', JSON, source="beside")

    answers = await asyncio.gather(*good, other, doubtful, broken, return_exceptions=True)

    assert [counts(answer) for answer in answers[:21]] == [(1, 0, 0, 0)] * 21
    assert [reason.pointer for reason in answers[20].reasons] == ["/more"]
    assert counts(answers[21]) == (0, 1, 0, 0)
    assert isinstance(answers[22], Invalid)
    balance = (await balances(ingest, log))["beside", "pos_sale"]
    assert (balance.received, balance.stored, balance.quarantined) == (22, 21, 1)


async def test_a_body_that_comes_again_while_it_is_on_its_way_is_counted_once(ingest: Stub, log: Bus):
    rows = [sale(order_no="T1", sold_at=at(hours=1))]
    body = json.dumps(rows).encode()

    receipts = await asyncio.gather(*(send(ingest, "pos_sale", body, JSON, source="hasty") for _ in range(8)))

    assert sorted(map(counts, receipts)) == [(0, 0, 0, 1)] * 7 + [(1, 0, 0, 0)]
    balance = (await balances(ingest, log))["hasty", "pos_sale"]
    assert (balance.received, balance.stored, balance.duplicate) == (8, 1, 7)


async def test_a_key_for_another_body_on_its_way_is_a_conflict(ingest: Stub):
    calls = [push(ingest, "pos_sale", sale(order_no=f"U{n}", sold_at=at(hours=1)), key="one") for n in range(2)]

    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert sum(isinstance(answer, Conflict) for answer in answers) == 1


async def test_the_same_record_in_two_bodies_of_a_pass_is_a_duplicate_for_the_book(ingest: Stub, log: Bus):
    record = sale(order_no="V1", sold_at=at(hours=1))

    calls = [push(ingest, "pos_sale", record, key=f"v{n}", source="again2") for n in range(10)]
    receipts = await asyncio.gather(*calls)

    balance = (await balances(ingest, log))["again2", "pos_sale"]
    assert [counts(receipt) for receipt in receipts] == [(1, 0, 0, 0)] * 10
    assert (balance.received, balance.stored, balance.duplicate, balance.pending) == (10, 1, 9, 0)


def test_what_is_held_is_bounded_for_all_and_for_each_source():
    holding = Holding(max_bytes=100, source_quota=60)
    release = holding.take("a", 50)

    with pytest.raises(Unavailable) as one_source:
        holding.take("a", 20)
    holding.take("b", 50)
    with pytest.raises(Unavailable) as all_sources:
        holding.take("c", 10)
    release()
    holding.take("c", 10)

    assert one_source.value.code == "too_many_requests"
    assert all_sources.value.code == "unavailable"
    assert one_source.value.retry_after_s == all_sources.value.retry_after_s == 1.0
    assert holding.held == 60


def test_a_body_that_is_alone_is_taken_however_large():
    holding = Holding(max_bytes=10, source_quota=5)

    holding.take("a", 50)()

    assert holding.held == 0


async def test_what_a_body_holds_is_given_back_once_and_not_before_it_is_over():
    holding = Holding(max_bytes=100, source_quota=100)
    body = Body(kind="pos_sale", source="a", content_type=JSON, idempotency_key="", content=b"[]")
    stamp = Stamp(batch_id="B", source="a")
    now = datetime.now(UTC)
    arrival = Arrival(body, KINDS["pos_sale"], stamp, "digest", now, copy_context, holding.take("a", 50))

    arrival.answer.cancel()
    held = holding.held
    arrival.fail(Unavailable("the log is away"))
    arrival.succeed(Receipt("B", 1, 0, 0, 0, 0))

    assert (held, holding.held) == (50, 0)
    assert arrival.answer.cancelled()
