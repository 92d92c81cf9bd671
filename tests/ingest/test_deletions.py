"""Records that take back what was said under their key."""

from __future__ import annotations

import polars as pl
import pytest

from chassis.bus import Bus
from chassis.errors import NotFound
from marketwin.ingest.v1 import service_pb2 as pb
from tests.ingest.builders import PHONE, Row, clean_rows, directory, outcome, rules, sale, shop
from tests.ingest.running import Stub, at, balances, booked, counts, is_balanced, push

BARE: Row = {"retailer_code": "R340100000001", "order_no": "P1", "op": "delete"}


def test_a_deletion_needs_nothing_but_the_key():
    result = clean_rows("pos_sale", BARE)

    record = result.accepted.row(0, named=True)
    assert outcome(result.receipt) == (1, 0, 0, 0)
    assert (record["op"], record["record_key"]) == ("delete", "R340100000001~P1~1")
    assert record["occurred_at"] == record["ingested_at"]


def test_a_deletion_is_judged_by_its_key_alone():
    strange = sale(op=" DELETE ", qty=-5, unit="barrel", sku_code="nobody", amount="x", consumer_phone=PHONE)

    result = clean_rows("pos_sale", strange)

    record = result.accepted.row(0, named=True)
    assert outcome(result.receipt) == (1, 0, 0, 0)
    assert {name: record[name] for name in ("qty", "unit", "sku_code", "phone_token")} == dict.fromkeys(
        ("qty", "unit", "sku_code", "phone_token")
    )


def test_a_deletion_without_a_key_and_an_unknown_op_are_rejected():
    result = clean_rows("pos_sale", {"order_no": "P1", "op": "delete"}, sale(op="burn"))

    assert outcome(result.receipt) == (0, 0, 2, 0)
    assert rules(result) == {"DQ-01": "reject", "DQ-02": "reject"}


def test_saying_upsert_changes_nothing():
    said, unsaid = clean_rows("pos_sale", sale(op="upsert")), clean_rows("pos_sale", sale())

    assert said.accepted["payload_hash"].to_list() == unsaid.accepted["payload_hash"].to_list()
    assert said.accepted["op"].to_list() == ["upsert"]


def test_other_records_of_the_body_are_judged_as_ever():
    result = clean_rows("pos_sale", BARE, sale(order_no="P2", qty=-1), sale(order_no="P3"))

    assert outcome(result.receipt) == (2, 1, 0, 0)
    assert result.accepted["op"].to_list() == ["delete", "upsert"]


def test_a_deleted_shop_is_not_known_any_more_until_it_comes_again():
    known = directory()
    shops = clean_rows("retailer", shop())
    known.put("retailer", shops.accepted)
    gone = clean_rows("retailer", {"retailer_code": "R340100000009", "op": "delete"}).accepted
    later = pl.col("ingested_at") + pl.duration(seconds=1)

    known.put("retailer", gone.with_columns(later, later.alias("occurred_at")))
    missing = known.retailer.missing({"R340100000009"}), known.retailer.by_other({"340102100009"})
    known.put("retailer", shops.accepted)

    assert missing == ({"R340100000009"}, {})
    assert known.retailer.missing({"R340100000009"}) == set()


async def test_a_record_deleted_through_the_door_is_gone_from_the_book(ingest: Stub, log: Bus):
    when = at(hours=2)
    await push(ingest, "pos_sale", sale(order_no="Z1", sold_at=when), source="undo")
    await booked(ingest, "pos_sale", "R340100000001~Z1~1")

    receipt = await push(ingest, "pos_sale", {**BARE, "order_no": "Z1"}, source="undo")

    await push(ingest, "pos_sale", sale(order_no="Z1", sold_at=when, amount="51.99"), source="undo", key="older")
    balance = (await balances(ingest, log))["undo", "pos_sale"]
    assert counts(receipt) == (1, 0, 0, 0)
    assert (balance.received, balance.stored) == (3, 3)
    assert is_balanced(balance)
    with pytest.raises(NotFound):
        await ingest.GetRecord(pb.GetRecordRequest(kind="pos_sale", key="R340100000001~Z1~1"))
