"""The way of a record: where it came from, which versions there were, what a person did to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.bus import Bus
from chassis.db import Database, read_frame
from chassis.errors import NotFound
from marketwin.ingest.v1 import service_pb2 as pb
from tests.ingest.builders import sale
from tests.ingest.running import Stub, at, balances, booked, push
from tests.ingest.test_quarantine import get, mend, replay, set_aside


async def way(stub: Stub, record_id: str) -> list[dict[str, Any]]:
    found = await stub.GetLineage(pb.GetLineageRequest(record_id=record_id))
    return [{"stage": step.stage, "id": step.id, **json.loads(step.detail_json)} for step in found.steps]


def stages(steps: list[dict[str, Any]]) -> set[str]:
    return {step["stage"] for step in steps}


async def test_a_record_leads_back_to_its_body_its_sender_and_its_message(ingest: Stub, log: Bus):
    rows = [sale(order_no=f"LA{n}", sold_at=at(hours=1), amount="53.00") for n in range(2)]
    receipt = await push(ingest, "pos_sale", rows, source="lineage")
    record = await booked(ingest, "pos_sale", "R340100000001~LA1~1")
    await balances(ingest, log)

    found = await ingest.GetLineage(pb.GetLineageRequest(record_id=record["record_id"]))
    steps = await way(ingest, record["record_id"])

    by_stage = {step["stage"]: step for step in steps}
    assert (found.kind, found.key) == ("pos_sale", "R340100000001~LA1~1")
    assert stages(steps) == {"source", "batch", "message", "book", "history"}
    assert (by_stage["batch"]["id"], by_stage["batch"]["sent_by"]) == (receipt.batch_id, "test")
    assert by_stage["batch"]["accepted"] == 2
    assert (by_stage["message"]["id"], by_stage["message"]["exact"]) == (receipt.batch_id, True)
    assert (by_stage["book"]["line"], by_stage["book"]["retailer_code"]) == (1, "R340100000001")
    assert by_stage["book"]["quality_rules"] == ["DQ-20"]
    month = record["biz_date"][:7]
    assert by_stage["history"]["id"] == f"pos_sale/biz_month={month}#{record['record_id']}"
    assert (by_stage["history"]["table"], by_stage["history"]["partition"]) == ("pos_sale", {"biz_month": month})
    assert by_stage["history"]["row"] == {"record_id": record["record_id"]}
    assert [step.at.ToDatetime() for step in found.steps] == sorted(step.at.ToDatetime() for step in found.steps)


async def test_a_replaced_version_names_the_one_that_replaced_it(ingest: Stub, log: Bus):
    ids = []
    for hours, amount in ((5, "52.00"), (4, "52.01"), (3, "52.02")):
        await push(ingest, "pos_sale", sale(order_no="LB1", sold_at=at(hours=hours), amount=amount), source="lineage")
        await balances(ingest, log)
        ids.append((await booked(ingest, "pos_sale", "R340100000001~LB1~1"))["record_id"])

    of_first = [step for step in await way(ingest, ids[0]) if step["stage"] == "superseded"]
    of_last = await way(ingest, ids[2])

    assert [(step["id"], step["replaced_by"]) for step in of_first] == [(ids[0], ids[1]), (ids[1], ids[2])]
    assert [step["is_this_record"] for step in of_first] == [True, False]
    assert {"book", "superseded"} <= stages(of_last)
    assert "book" not in stages(await way(ingest, ids[0]))


async def test_a_record_that_was_set_aside_tells_what_was_done_to_it(ingest: Stub, log: Bus):
    bad = sale(order_no="LC1", sku_code="unknown", sold_at=at(hours=1))
    [item] = await set_aside(ingest, log, "lineage", bad)
    before = await way(ingest, item.id)
    await replay(ingest, await mend(ingest, item, {"sku_code": "34010021"}))
    record_id = (await get(ingest, item.id)).replayed_as

    steps, same = await way(ingest, record_id), await way(ingest, item.id)

    actions = [step["action"] for step in steps if "action" in step]
    assert stages(before) == {"source", "batch", "quarantine"}
    assert [step["rules"] for step in before if "rules" in step] == [["DQ-10"]]
    assert actions == ["mended", "replayed"]
    assert [step["fields"] for step in steps if "fields" in step] == [["sku_code"]]
    assert {step["by"] for step in steps if "action" in step} == {"ann"}
    assert {step["id"] for step in steps if step["stage"] == "batch"} > {item.batch_id}
    assert "book" in stages(steps)
    assert steps == same


async def test_an_id_that_nobody_has_is_not_found(ingest: Stub):
    for id in ("nothing", "", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01JD\0"):
        with pytest.raises(NotFound):
            await way(ingest, id)


async def test_a_record_is_looked_for_by_its_time_not_by_reading_the_book(ingest: Stub, db: Database):
    async with db.transaction() as session:
        await session.connection()
        found = await read_frame(
            session, "SELECT indexname AS n FROM pg_indexes WHERE schemaname = 'ingest' AND indexdef LIKE '%brin%'"
        )

    assert {"pos_sale_arrival", "commercial_order_arrival"} <= set(found["n"])
