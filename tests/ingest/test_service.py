"""Taking bodies in: receipts, repetition, balance, and bodies that cannot be read."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
import redis.asyncio

from chassis.bus import Bus, Message, subject_of
from chassis.db import Database, read_frame
from chassis.errors import Conflict, Invalid, NotFound
from chassis.replay import follow
from chassis.settings import CommonSettings
from marketwin.ingest.v1 import events_pb2
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.settings import IngestSettings
from tests.ingest.builders import CSV, JSON, NDJSON, PHONE, order, price, sale, shop
from tests.ingest.running import (
    Stub,
    at,
    balances,
    booked,
    counts,
    everything,
    is_balanced,
    now,
    push,
    send,
)


async def test_an_accepted_record_is_found_in_the_book_with_its_envelope(ingest: Stub):
    receipt = await push(ingest, "pos_sale", sale(order_no="B1", sold_at=at(hours=1)))

    record = await booked(ingest, "pos_sale", "R340100000001~B1~1")

    assert counts(receipt) == (1, 0, 0, 0)
    assert record["batch_id"] == receipt.batch_id
    assert record["qty_base"] == 40
    assert record["amount"] == "52.00"
    assert record["adcode"] == "340100"
    assert record["account_manager_user_id"] == "wang"
    assert record["quality_status"] == "ok"
    assert len(record["trace_id"]) == 32


async def test_the_same_body_again_is_all_duplicates_and_changes_nothing(ingest: Stub, log: Bus):
    rows = [sale(order_no=f"C{n}", sold_at=at(hours=2)) for n in range(3)]
    body = json.dumps(rows).encode()
    first = await send(ingest, "pos_sale", body, JSON, source="twice")

    second = await send(ingest, "pos_sale", body, JSON, source="twice")

    balance = (await balances(ingest, log))["twice", "pos_sale"]
    assert counts(first) == (3, 0, 0, 0)
    assert counts(second) == (0, 0, 0, 3)
    assert second.batch_id == first.batch_id
    assert (balance.received, balance.stored, balance.duplicate) == (6, 3, 3)


async def test_a_body_sent_under_a_wrong_content_type_may_be_sent_again_under_the_right_one(ingest: Stub):
    rows = [sale(order_no=f"CT{n}", sold_at=at(hours=2)) for n in range(2)]
    body = "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]).encode()
    first = await send(ingest, "pos_sale", body, NDJSON, source="mistaken")

    second = await send(ingest, "pos_sale", body, CSV, source="mistaken")

    assert counts(first) == (0, 0, 3, 0)
    assert counts(second) == (2, 0, 0, 0)


async def test_a_repeated_batch_is_known_without_valkey(ingest: Stub, common: CommonSettings, log: Bus):
    rows = [sale(order_no="D1", sold_at=at(hours=2))]
    first = await push(ingest, "pos_sale", rows, key="key-d", source="novalkey")
    await balances(ingest, log)
    client = redis.asyncio.from_url(common.redis_url)
    await client.flushall()
    await client.aclose()

    second = await push(ingest, "pos_sale", rows, key="key-d", source="novalkey")

    assert counts(first) == (1, 0, 0, 0)
    assert counts(second) == (0, 0, 0, 1)


async def test_a_repeated_batch_is_known_to_the_log_when_the_door_forgot_it(
    ingest: Stub, common: CommonSettings, log: Bus, db: Database
):
    rows = [sale(order_no="D2", sold_at=at(hours=2)), sale(order_no="D3", qty=-1, sold_at=at(hours=2))]
    first = await push(ingest, "pos_sale", rows, key="key-e", source="amnesia")
    before = (await balances(ingest, log))["amnesia", "pos_sale"]
    client = redis.asyncio.from_url(common.redis_url)
    await client.flushall()
    await client.aclose()
    async with db.transaction() as session:
        await read_frame(session, "DELETE FROM ingest.receipt WHERE source = 'amnesia' RETURNING 1")

    second = await push(ingest, "pos_sale", rows, key="key-e", source="amnesia")

    after = (await balances(ingest, log))["amnesia", "pos_sale"]
    assert counts(first) == (1, 1, 0, 0)
    assert counts(second) == (0, 0, 0, 2)
    assert (before.received, before.stored, before.quarantined) == (2, 1, 1)
    assert (after.received, after.stored, after.quarantined, after.duplicate) == (4, 1, 1, 2)


async def test_an_idempotency_key_for_another_body_is_a_conflict(ingest: Stub):
    await push(ingest, "pos_sale", sale(order_no="E1", sold_at=at(hours=1)), key="key-f")

    with pytest.raises(Conflict, match="another body"):
        await push(ingest, "pos_sale", sale(order_no="E2", sold_at=at(hours=1)), key="key-f")


async def test_two_senders_may_use_the_same_idempotency_key(ingest: Stub):
    receipts = []
    for sender, number in (("left", "E3"), ("right", "E4")):
        body = json.dumps(sale(order_no=number, sold_at=at(hours=1))).encode()
        request = pb.TakeInRequest(
            kind="pos_sale", source="till", content_type=JSON, idempotency_key="1", body=body, sent_by=sender
        )
        receipts.append((await ingest.TakeIn(request)).receipt)

    assert [counts(receipt) for receipt in receipts] == [(1, 0, 0, 0)] * 2


async def test_a_sender_whose_name_is_a_phone_number_is_not_named(ingest: Stub, log: Bus, db: Database):
    body = json.dumps(sale(order_no="E5", sold_at=at(hours=1))).encode()
    request = pb.TakeInRequest(kind="pos_sale", source="named", content_type=JSON, body=body, sent_by=f"{PHONE}\0")

    await ingest.TakeIn(request)

    await balances(ingest, log)
    assert PHONE not in await everything(db)


async def test_every_record_is_accounted_for(ingest: Stub, log: Bus):
    good, bad = sale(order_no="F1", sold_at=at(hours=1)), sale(order_no="F2", qty=-2, sold_at=at(hours=1))
    lines = [good, {"order_no": "F3"}, bad, good]
    body = "\n".join([*map(json.dumps, lines), "{broken"]).encode()

    receipt = await send(ingest, "pos_sale", body, NDJSON, source="mixed")

    balance = (await balances(ingest, log))["mixed", "pos_sale"]
    assert counts(receipt) == (1, 1, 2, 1)
    assert (balance.received, balance.stored, balance.quarantined, balance.rejected) == (5, 1, 1, 2)
    assert (balance.duplicate, balance.pending) == (1, 0)


async def test_the_balance_of_every_source_holds(ingest: Stub, log: Bus):
    found = await balances(ingest, log)

    assert found
    assert [row for row in found.values() if not is_balanced(row)] == []


async def test_accepted_records_are_pending_until_the_book_has_them(
    settings: IngestSettings, ingest: Stub, db: Database, log: Bus
):
    async with db.engine.begin() as blocker:
        await blocker.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('ingest.pos_sale'))")
        await push(ingest, "pos_sale", sale(order_no="G1", sold_at=at(hours=1)), source="slow")
        answer = await ingest.GetQuality(pb.GetQualityRequest())
        waiting = next(row for row in answer.balances if row.source == "slow")

    done = (await balances(ingest, log))["slow", "pos_sale"]
    assert (waiting.received, waiting.pending, waiting.stored) == (1, 1, 0)
    assert (done.received, done.pending, done.stored) == (1, 0, 1)


async def test_a_large_body_becomes_messages_of_at_most_a_thousand_records(ingest: Stub, log: Bus):
    seen: list[int] = []
    done = asyncio.Event()

    async def note(message: Message) -> None:
        event = events_pb2.RecordsAccepted.FromString(message.data)
        if event.source == "bulk":
            seen.append(event.count)
        if sum(seen) == 2500:
            done.set()

    follower = asyncio.create_task(follow(log, subject_of(events_pb2.RecordsAccepted, "pos_sale"), note))
    await asyncio.sleep(0.2)
    rows = [sale(order_no=f"H{n}", sold_at=at(hours=1)) for n in range(2500)]
    receipt = await push(ingest, "pos_sale", rows, source="bulk")
    async with asyncio.timeout(10):
        await done.wait()
    follower.cancel()

    balance = (await balances(ingest, log))["bulk", "pos_sale"]
    assert receipt.accepted == 2500
    assert sorted(seen) == [500, 1000, 1000]
    assert balance.stored == 2500


async def test_a_shop_is_known_to_the_next_body_at_once(ingest: Stub):
    code = "R340100000777"

    await push(ingest, "retailer", shop(retailer_code=code, license_no="340102100777"))
    receipt = await push(ingest, "commercial_order", order(order_no="I1", retailer_code=code, ordered_at=at(hours=1)))

    assert counts(receipt) == (1, 0, 0, 0)


async def test_a_mapped_csv_in_gbk_becomes_canonical_orders(ingest: Stub):
    day = (now() - timedelta(days=2)).strftime("%Y-%m-%d")
    body = f"单号,行号,客户,品规,数量,批发价,日期\nJ1,1,340100000001,34010021,5,230.00,{day}\n".encode("gbk")

    receipt = await send(ingest, "commercial_order", body, CSV, source="city_orders")

    record = await booked(ingest, "commercial_order", "J1~1")
    assert (receipt.accepted, receipt.repaired) == (1, 1)
    assert record["retailer_code"] == "R340100000001"
    assert record["qty_order_base"] == 1000
    assert (record["qty_raw"], record["unit_raw"]) == ("5.000", "carton")
    assert record["qty_demand_base"] == 1000
    assert record["demand_is_order"] is True
    assert record["amount"] == "1150.00"
    assert record["biz_date"] == day


async def test_a_message_delivered_again_changes_nothing(ingest: Stub, log: Bus):
    published: list[Message] = []
    done = asyncio.Event()

    async def catch(message: Message) -> None:
        published.append(message)
        done.set()

    follower = asyncio.create_task(follow(log, subject_of(events_pb2.RecordsAccepted, "price_observation"), catch))
    await asyncio.sleep(0.2)
    await push(ingest, "price_observation", price(observed_at=at(hours=1)), source="again")
    async with asyncio.timeout(10):
        await done.wait()
    follower.cancel()
    before = (await balances(ingest, log))["again", "price_observation"]

    # The stream would drop the id within its window, so the copy has the id in the event only: the inbox must hold.
    event = events_pb2.RecordsAccepted.FromString(published[0].data)
    await log.publish(published[0].subject, event.SerializeToString(), message_id=f"copy of {event.batch_id}")

    after = (await balances(ingest, log))["again", "price_observation"]
    assert (before.received, before.stored) == (1, 1)
    assert (after.received, after.stored, after.duplicate) == (1, 1, 0)


BAD_BODIES = {
    "malformed JSON": ("pos_sale", b'[{"order_no": "X1"}, {"order_no": }]', JSON, "/1", "malformed"),
    "a half document": ("pos_sale", b'[{"order_no": "X1"}', JSON, "/1", "malformed"),
    "a bare number": ("pos_sale", b"17", JSON, "", "malformed"),
    "nothing": ("pos_sale", b"", JSON, "", "malformed"),
    "a broken Arrow stream": ("pos_sale", b"\x01\x02\x03", "application/vnd.apache.arrow.stream", "", "malformed"),
    "a picture": ("pos_sale", b"GIF89a", "image/gif", "", "unsupported_type"),
    "an endless nesting": ("pos_sale", b"[" * 200_000, JSON, "", "malformed"),
    "17 MB": ("pos_sale", b"[" + b" " * 17_000_000 + b"]", JSON, "", "too_large"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_body_that_cannot_be_read_leaves_nothing_behind(ingest: Stub, log: Bus, name: str):
    kind, body, content_type, pointer, code = BAD_BODIES[name]

    with pytest.raises(Invalid) as caught:
        await send(ingest, kind, body, content_type, source="broken")

    assert caught.value.code in (code, "too_large")
    assert [problem.pointer for problem in caught.value.errors][:1] in ([pointer], ["/0"])
    assert not [source for source, _ in await balances(ingest, log) if source == "broken"]


async def test_an_unknown_kind_is_not_found(ingest: Stub):
    with pytest.raises(NotFound, match="pos_sale"):
        await push(ingest, "unicorn", {})


async def test_a_source_name_must_be_a_name(ingest: Stub):
    for source in ("Ümlaut", "13812341234", "a b", "x13812341234", "-"):
        with pytest.raises(Invalid):
            await push(ingest, "pos_sale", sale(), source=source)


async def test_a_body_of_refused_records_is_still_a_receipt(ingest: Stub):
    receipt = await push(ingest, "pos_sale", [{"foo": 1}, 5], source="hopeless")

    assert counts(receipt) == (0, 0, 2, 0)
    assert {reason.rule for reason in receipt.reasons} == {"DQ-01", "DQ-02"}


async def test_an_empty_array_is_an_empty_receipt(ingest: Stub):
    receipt = await push(ingest, "pos_sale", [])

    assert counts(receipt) == (0, 0, 0, 0)
