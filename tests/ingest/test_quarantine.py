"""Records set aside: found, mended, sent again, given up; and an item enters the book at most once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chassis.bus import Bus
from chassis.db import Database
from chassis.errors import Conflict, Invalid, NotFound
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from tests.ingest.builders import CSV, PHONE, sale
from tests.ingest.running import Stub, at, balances, booked, caught_up, everything, is_balanced, now, push, send

UNKNOWN = "99999999"


async def set_aside(stub: Stub, log: Bus, source: str, *rows: dict[str, Any], key: str = "") -> list[Any]:
    """Pushes records that will not pass; the items they become, in their order."""
    receipt = await push(stub, "pos_sale", list(rows), source=source, key=key)
    assert receipt.quarantined == len(rows), receipt
    return sorted(await listed(stub, len(rows), search=receipt.batch_id), key=lambda item: item.line)


async def listed(stub: Stub, count: int, **wanted: Any) -> list[Any]:
    """The items that match, as soon as there are as many."""

    async def found() -> list[Any]:
        answer = await stub.ListQuarantine(pb.ListQuarantineRequest(page_size=1000, **wanted))
        return list(answer.items) if answer.total >= count else []

    return await eventually(found, within_s=20)


async def mend(stub: Stub, item: Any, patch: dict[str, Any], *, revision: int = 0) -> Any:
    request = pb.MendQuarantineRequest(
        id=item.id, patch_json=json.dumps(patch), mended_by="ann", if_revision=revision or item.revision
    )
    return (await stub.MendQuarantine(request)).item


async def replay(stub: Stub, *items: Any, **wanted: str) -> Any:
    ids = [item.id for item in items]
    return await stub.ReplayQuarantine(pb.ReplayQuarantineRequest(ids=ids, replayed_by="ann", **wanted))


async def get(stub: Stub, id: str) -> Any:
    return (await stub.GetQuarantineItem(pb.GetQuarantineItemRequest(id=id))).item


def told(outcome: Any) -> tuple[int, int, int, int, int]:
    return outcome.sent, outcome.accepted, outcome.quarantined, outcome.rejected, outcome.duplicates


def fates(balance: Any) -> tuple[int, int, int, int, int]:
    return balance.received, balance.stored, balance.duplicate, balance.quarantined, balance.rejected


async def test_the_quarantine_is_filtered_each_way_counted_and_searched(ingest: Stub, log: Bus):
    rows = [sale(order_no="QA1", qty=-1), sale(order_no="QA2", sku_code=UNKNOWN), sale(order_no="QA%3", qty=-1)]
    first, second, third = await set_aside(ingest, log, "finding", *(row | {"sold_at": at(hours=1)} for row in rows))

    async def found(**wanted: Any) -> tuple[list[str], int]:
        answer = await ingest.ListQuarantine(pb.ListQuarantineRequest(source="finding", **wanted))
        return [item.id for item in answer.items], answer.total

    assert await found() == ([third.id, second.id, first.id], 3)
    assert await found(page_size=1) == ([third.id], 3)
    assert await found(rule="DQ-10") == ([second.id], 1)
    assert await found(search="qa2") == ([second.id], 1)
    assert await found(search="A%") == ([third.id], 1)
    assert await found(search=second.id) == ([second.id], 1)
    assert await found(kind="sku") == ([], 0)
    assert await found(state="mended") == ([], 0)
    with pytest.raises(Invalid):
        await found(state="lost")
    with pytest.raises(NotFound):
        await get(ingest, "nothing")


async def test_a_mended_record_keeps_what_it_was_and_enters_the_book_once(ingest: Stub, log: Bus):
    [item] = await set_aside(ingest, log, "mending", sale(order_no="QB1", sku_code=UNKNOWN, sold_at=at(hours=1)))

    mended = await mend(ingest, item, {"sku_code": "34010021", "qty": 2, "sku_name_raw": None})
    outcome = await replay(ingest, mended)
    again = await replay(ingest, mended)

    record = await booked(ingest, "pos_sale", "R340100000001~QB1~1")
    after = await get(ingest, item.id)
    balance = (await balances(ingest, log))["mending", "pos_sale"]
    assert (mended.state, mended.revision, mended.changed_by) == ("mended", 2, "ann")
    assert json.loads(mended.original_json)["sku_code"] == UNKNOWN
    assert json.loads(mended.record_json)["sku_code"] == "34010021"
    assert "sku_name_raw" not in json.loads(mended.record_json)
    assert told(outcome) == (1, 1, 0, 0, 0)
    assert told(again) == (1, 0, 0, 0, 1)
    assert (after.state, after.replayed_as) == ("replayed", record["record_id"])
    assert record["originals"] == {"sku_code": UNKNOWN, "sku_name_raw": "黄山(硬)"}
    assert record["quality_status"] == "repaired"
    assert fates(balance) == (1, 1, 0, 0, 0)


async def test_a_patch_that_cannot_be_is_refused_with_pointers_and_changes_nothing(ingest: Stub, log: Bus):
    [item] = await set_aside(ingest, log, "patching", sale(order_no="QC1", qty=-1, sold_at=at(hours=1)))
    patches: list[tuple[Any, list[str]]] = [
        ({"happiness": 1, "a/b": 2}, ["/happiness", "/a~1b"]),
        ({"qty": {"x": 1}}, ["/qty"]),
        ({"units": {"qty_base": "carton"}}, ["/units/qty_base"]),
        ({"units": 5}, ["/units"]),
        ({"phone_token": "k1:" + "0" * 64}, ["/phone_token"]),
        ({"consumer_phone": "12345", "consent_ref": "c1"}, ["/consumer_phone"]),
        ({"qty_base": 7}, ["/qty_base"]),
        ({"sku_name_raw": "x" * 9000}, ["/sku_name_raw"]),
        ([1], [""]),
    ]

    for patch, pointers in patches:
        with pytest.raises(Invalid) as caught:
            await mend(ingest, item, patch)
        assert [problem.pointer for problem in caught.value.errors] == pointers

    after = await get(ingest, item.id)
    assert (after.state, after.revision, after.record_json) == ("open", 1, item.record_json)


async def test_who_mends_what_was_changed_meanwhile_is_told(ingest: Stub, log: Bus):
    [item] = await set_aside(ingest, log, "racing", sale(order_no="QD1", qty=-1, sold_at=at(hours=1)))
    await mend(ingest, item, {"qty": 1})

    with pytest.raises(Conflict) as caught:
        await mend(ingest, item, {"qty": 2}, revision=1)

    assert caught.value.code == "precondition_failed"
    assert json.loads((await get(ingest, item.id)).record_json)["qty"] == "1"


async def test_personal_data_that_a_person_writes_become_tokens_and_are_kept_nowhere(
    ingest: Stub, log: Bus, db: Database
):
    phone = "13900001234"
    [item] = await set_aside(
        ingest,
        log,
        "private",
        sale(order_no="QE1", qty=-1, sold_at=at(hours=1), consumer_phone=PHONE, consent_ref="c1"),
    )

    patch = {"consumer_phone": phone, "consumer_id": "member 7", "sku_name_raw": f"call {phone}", "qty": 2}
    mended = await mend(ingest, item, patch)
    await replay(ingest, mended)

    before, after = json.loads(item.record_json), json.loads(mended.record_json)
    record = await booked(ingest, "pos_sale", "R340100000001~QE1~1")
    assert before["phone_token"].startswith("k1:")
    assert after["phone_token"].startswith("k1:")
    assert after["phone_token"] != before["phone_token"]
    assert (record["phone_token"], record["consumer_key"]) == (after["phone_token"], after["consumer_key"])
    assert not {"consumer_phone", "consumer_id"} & after.keys()
    dump = await everything(db)
    assert phone not in dump
    assert "member 7" not in dump


async def test_what_was_given_in_cartons_stays_cartons(ingest: Stub, log: Bus):
    """The mapping declares the unit; the record set aside keeps it, although it goes again as a canonical one."""
    day = (now() - timedelta(days=2)).strftime("%Y-%m-%d")
    body = f"单号,行号,客户,品规,数量,批发价,日期\nQF1,1,340100000001,{UNKNOWN},5,230.00,{day}\n".encode()
    await send(ingest, "commercial_order", body, CSV, source="city_orders")
    [item] = await listed(ingest, 1, source="city_orders", search="QF1")

    await replay(ingest, await mend(ingest, item, {"sku_code": "34010021"}))

    record = await booked(ingest, "commercial_order", "QF1~1")
    assert json.loads(item.record_json)["units"] == {"qty_order_base": "carton"}
    assert record["qty_order_base"] == 1000
    assert (record["qty_raw"], record["unit_raw"]) == ("5.000", "carton")
    assert record["biz_date"] == day


async def test_a_person_chooses_another_unit_and_another_time(ingest: Stub, log: Bus):
    day = (now() - timedelta(days=2)).strftime("%Y-%m-%d")
    body = f"单号,行号,客户,品规,数量,批发价,日期\nQG1,1,340100000001,{UNKNOWN},5,230.00,{day}\n".encode()
    await send(ingest, "commercial_order", body, CSV, source="city_orders")
    [item] = await listed(ingest, 1, source="city_orders", search="QG1")
    moment = at(hours=30)

    patch = {"sku_code": "34010021", "units": {"qty_order_base": "包"}, "ordered_at": moment}
    mended = await mend(ingest, item, patch)
    outcome = await replay(ingest, mended)

    record = await booked(ingest, "commercial_order", "QG1~1")
    assert told(outcome) == (1, 1, 0, 0, 0), outcome
    assert (record["qty_order_base"], record["unit_raw"]) == (100, "pack")
    assert record["ordered_at"][:19] == moment[:19]


async def test_a_record_that_is_too_old_passes_when_a_person_names_it_or_the_rule(ingest: Stub, log: Bus):
    rows = [sale(order_no=f"QH{n}", sold_at=at(days=40 + n)) for n in range(3)]
    ancient = sale(order_no="QH9", sold_at="1999-05-05T00:00:00Z")
    named, filtered, left, oldest = await set_aside(ingest, log, "aged", *rows, ancient)

    unnamed = await replay(ingest, source="aged")
    one = await replay(ingest, named, oldest)
    rest = await replay(ingest, source="aged", rule="DQ-06")

    balance = (await balances(ingest, log))["aged", "pos_sale"]
    assert told(unnamed) == (4, 0, 4, 0, 0)
    assert told(one) == (2, 2, 0, 0, 0)
    assert told(rest) == (2, 2, 0, 0, 0)
    assert {(await get(ingest, item.id)).state for item in (named, filtered, left, oldest)} == {"replayed"}
    assert fates(balance) == (4, 4, 0, 0, 0)


async def test_what_is_still_wrong_stays_with_its_new_reasons_and_the_rest_goes(ingest: Stub, log: Bus):
    stamp = at(hours=1)
    rows = [sale(order_no=f"QI{n}", qty=-1, amount="-26.00", sold_at=stamp) for n in range(3)]
    items = await set_aside(ingest, log, "partly", *rows)
    good = await mend(ingest, items[0], {"qty": 1, "amount": "26.00"})
    bad = await mend(ingest, items[1], {"qty": 1, "amount": "26.00", "sku_code": UNKNOWN})
    worse = await mend(ingest, items[2], {"qty": "many"})

    outcome = await replay(ingest, good, bad, worse)

    balance = (await balances(ingest, log))["partly", "pos_sale"]
    after = await get(ingest, bad.id)
    assert told(outcome) == (3, 1, 1, 1, 0)
    assert {(reason.rule, reason.pointer) for reason in outcome.reasons} >= {("DQ-10", "/sku_code"), ("DQ-02", "/qty")}
    assert [(reason.rule, reason.pointer) for reason in after.reasons] == [("DQ-10", "/1/sku_code")]
    assert (after.state, (await get(ingest, worse.id)).state) == ("mended", "mended")
    assert fates(balance) == (3, 1, 0, 2, 0)
    assert is_balanced(balance)


async def test_items_that_say_the_same_are_one_record_and_a_duplicate(ingest: Stub, log: Bus):
    row = sale(order_no="QJ1", sku_code="34010099", sold_at=at(hours=1))
    [one] = await set_aside(ingest, log, "echoes", row)
    [two] = await set_aside(ingest, log, "echoes", row, key="another body")
    await push(ingest, "sku", [{"sku_code": "34010099", "name_zh": "新品", "price_guide": "260.00"}])

    outcome = await replay(ingest, one, two)

    balance = (await balances(ingest, log))["echoes", "pos_sale"]
    assert told(outcome) == (2, 2, 0, 0, 0)
    assert {(await get(ingest, item.id)).state for item in (one, two)} == {"replayed"}
    assert fates(balance) == (2, 1, 1, 0, 0)


async def test_dropped_records_count_as_rejected_until_they_are_reopened(ingest: Stub, log: Bus):
    [item] = await set_aside(ingest, log, "dropping", sale(order_no="QK1", qty=-1, sold_at=at(hours=1)))

    async def drop(**more: Any) -> int:
        request = pb.DropQuarantineRequest(ids=[item.id], dropped_by="ann", **more)
        return int((await ingest.DropQuarantine(request)).changed)

    changed = [await drop(reason=f"a test of {PHONE}"), await drop(reason="again")]
    dropped, balance = await get(ingest, item.id), (await balances(ingest, log))["dropping", "pos_sale"]
    with pytest.raises(Conflict):
        await replay(ingest, item)
    reopened = [await drop(reopen=True), await drop(reopen=True)]
    after, whole = await get(ingest, item.id), (await balances(ingest, log))["dropping", "pos_sale"]

    assert changed == [1, 0]
    assert (dropped.state, dropped.drop_reason) == ("dropped", "a test of ***")
    assert fates(balance) == (1, 0, 0, 0, 1)
    assert reopened == [1, 0]
    assert (after.state, after.drop_reason) == ("open", "")
    assert fates(whole) == (1, 0, 0, 1, 0)
    with pytest.raises(Invalid):
        await drop(reason=" ")


async def test_one_side_of_a_contradiction_that_a_person_sends_again_wins(ingest: Stub, log: Bus):
    stamp = at(hours=3)
    await push(ingest, "pos_sale", sale(order_no="QL1", sold_at=stamp), source="side_a")
    await push(ingest, "pos_sale", sale(order_no="QL1", sold_at=stamp, qty=3, amount="78.00"), source="side_b")
    [a] = await listed(ingest, 1, source="side_a")
    [b] = await listed(ingest, 1, source="side_b")

    undecided = await replay(ingest, a, b)
    unnamed = await replay(ingest, kind="pos_sale", rule="DQ-22")
    decided = await replay(ingest, b)

    record = await booked(ingest, "pos_sale", "R340100000001~QL1~1")
    await push(ingest, "pos_sale", sale(order_no="QL1", sold_at=stamp), source="side_a", key="once more")
    await caught_up(log)
    unmoved = await booked(ingest, "pos_sale", "R340100000001~QL1~1")
    a_is = (await get(ingest, a.id)).state
    await replay(ingest, a)
    turned = await booked(ingest, "pos_sale", "R340100000001~QL1~1")
    assert set(json.loads(a.record_json)) & {"record_key", "occurred_at", "adcode"} == set()
    assert told(undecided) == (2, 0, 2, 0, 0)
    assert unnamed.accepted == 0
    assert told(decided) == (1, 1, 0, 0, 0)
    assert (record["amount"], record["source"]) == ("78.00", "side_b")
    assert "DQ-05" in record["quality_rules"]
    assert a_is == "open"
    assert unmoved["record_id"] == record["record_id"]
    assert (turned["amount"], turned["source"]) == ("52.00", "side_a")
    assert all(is_balanced(row) for row in (await balances(ingest, log)).values())
