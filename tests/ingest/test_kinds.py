"""The record kinds of the whole chain: their schemas, their good records, their lists, weeks and days."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus import Bus
from chassis.errors import Invalid
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.rules import ELSEWHERE, RULES
from services.ingest.domain.schemas.fields import FieldType
from services.ingest.domain.schemas.schema import json_schema
from services.ingest.domain.values.lists import list_text
from tests.ingest.builders import (
    CSV,
    NOW,
    ONE_ACCEPTED,
    ONE_QUARANTINED,
    ONE_REJECTED,
    clean_rows,
    cleaned,
    outcome,
    rules,
)
from tests.ingest.records import good
from tests.ingest.running import Stub, balances, booked, caught_up, counts, frame, is_balanced, now, push

SECTION_6 = (
    "sku sku_alias org retailer warehouse user product_design quality_test mes_work_order mes_output "
    "equipment_state scada_sample production_plan capacity finished_stock transfer commercial_stock "
    "commercial_sale commercial_order allocation_policy competitor_order pos_sale price_observation "
    "store_check service_ticket feedback campaign recommendation_event wms_move wms_slot agv_task "
    "oms_order settlement supplier purchase_order"
)


def _first(result: Any) -> dict[str, Any]:
    row: dict[str, Any] = result.accepted.row(0, named=True)
    return row


def test_every_kind_of_the_trade_is_there():
    assert set(SECTION_6.split()) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_record_of_each_kind_passes_every_rule(kind: str):
    result = clean_rows(kind, good(kind))

    assert outcome(result.receipt) == ONE_ACCEPTED, result.receipt.reasons
    assert result.receipt.reasons == ()
    assert _first(result)["quality_status"] == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_record_of_each_kind_fits_its_schema(kind: str):
    jsonschema.validate(good(kind), json_schema(KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_quantity_has_a_product_and_money_a_currency(kind: Any):
    if kind.of_type(FieldType.QUANTITY):
        assert kind.field("sku_code") is not None
    if [field for field in kind.of_type(FieldType.MONEY) if field.stored]:
        assert kind.field("currency") is not None


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_fields_that_say_when_and_where_are_fields_of_the_kind(kind: Any):
    types = (FieldType.TIME, FieldType.DATE)
    named = [kind.field(name) for name in (kind.occurred, kind.day, kind.place) if name]

    assert all(named)
    assert kind.field(kind.occurred).type in types
    assert all(kind.field(field.unless) for field in kind.fields if field.unless)


def test_a_measured_field_tells_its_unit():
    properties = json_schema(KINDS["mes_output"])["properties"]

    assert properties["good_base"]["x-unit"] == "base unit"
    assert properties["tobacco_kg"]["x-unit"] == "kg"
    assert properties["filter_rods"]["x-unit"] == "piece"
    assert "x-unit" not in properties["machine"]


def test_a_schema_tells_version_key_time_and_place_of_its_kind():
    schema = json_schema(KINDS["transfer"])

    assert schema["x-version"] == KINDS["transfer"].schema_version
    assert schema["x-key"] == ["transfer_no", "line_no"]
    assert (schema["x-occurred"], schema["x-day"]) == ("status_at", "planned_on")
    assert schema["x-in-book"] is True
    assert json_schema(KINDS["scada_sample"])["x-in-book"] is False


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["a", "b"], '["a","b"]'),
        ("a|b", '["a","b"]'),
        (" a | b ", '["a","b"]'),
        ('["a", "b"]', '["a","b"]'),
        ("a", '["a"]'),
        ([], "[]"),
        (None, None),
        ("", None),
    ],
)
def test_a_list_is_an_array_or_text_with_bars(given: object, kept: str | None):
    result = clean_rows("campaign", good("campaign", sku_codes=given))

    assert _first(result)["sku_codes"] == kept
    assert rules(result) == {}


@pytest.mark.parametrize("given", [{"a": 1}, ["a", {"b": 1}], ["a", None], [["a"]], "a||b", "[1", ["x" * 9000]])
def test_what_is_no_list_of_codes_is_rejected_with_a_pointer(given: object):
    result = clean_rows("campaign", good("campaign", sku_codes=given))

    assert outcome(result.receipt) == ONE_REJECTED
    assert result.receipt.reasons[0].pointer == "/0/sku_codes"


@pytest.mark.parametrize("caps", [[1, "x"], [-1], [1.5], list(range(31)), [2**40]])
def test_caps_are_at_most_thirty_whole_numbers(caps: list[object]):
    row = good("allocation_policy", caps_cartons=caps)

    assert outcome(clean_rows("allocation_policy", row).receipt) == ONE_REJECTED


def test_a_list_in_another_field_is_still_refused():
    assert outcome(clean_rows("campaign", good("campaign", area=["340100"])).receipt) == ONE_REJECTED


def test_caps_come_from_a_csv_as_text_with_bars():
    row = good("allocation_policy", caps_cartons="1|2|3")
    body = "\n".join([",".join(row), ",".join(str(value) for value in row.values())]).encode()

    assert _first(cleaned("allocation_policy", body, CSV))["caps_cartons"] == "[1,2,3]"


def test_a_record_with_a_list_that_is_set_aside_can_come_again():
    row = good("allocation_policy", caps_cartons=[1, 2], org_code="nobody")
    aside = clean_rows("allocation_policy", row)

    kept = json.loads(aside.refused[0].record_json)
    again = clean_rows("allocation_policy", {**kept, "org_code": "C340100"})

    assert outcome(aside.receipt) == ONE_QUARANTINED
    assert _first(again)["caps_cartons"] == "[1,2]"


def test_a_phone_number_in_a_list_is_masked():
    result = clean_rows("campaign", good("campaign", sku_codes=["13812341234", "34010021"]))

    assert _first(result)["sku_codes"] == '["***","34010021"]'
    assert rules(result) == {"DQ-33": "repair"}


@pytest.mark.parametrize("given", ["2025-W12", "2025W12", "2025-w12", "2025年第12周", "２０２５-W12"])
def test_a_week_is_read_as_people_write_it_and_its_monday_is_the_day(given: str):
    row = _first(clean_rows("production_plan", good("production_plan", week=given)))

    assert row["week"] == "2025-W12"
    assert row["biz_date"] == date(2025, 3, 17)
    assert row["record_key"] == "P1~34010021~2025-W12"


@pytest.mark.parametrize("given", ["2025-W54", "2025-12", "week 3", "2025-W00"])
def test_what_is_no_week_is_rejected(given: str):
    assert outcome(clean_rows("production_plan", good("production_plan", week=given)).receipt) == ONE_REJECTED


def test_a_plan_may_lie_ahead_and_a_fact_may_not():
    ahead = (NOW + timedelta(days=40)).isoformat()

    assert outcome(clean_rows("mes_work_order", good("mes_work_order", plan_end_at=ahead)).receipt) == ONE_ACCEPTED
    assert rules(clean_rows("mes_output", good("mes_output", ended_at=ahead)))["DQ-07"] == "quarantine"


def test_a_transfer_that_arrives_today_is_not_late_because_it_was_planned_long_ago():
    planned = (NOW - timedelta(days=90)).date().isoformat()

    arrived = clean_rows("transfer", good("transfer", planned_on=planned))
    forgotten = clean_rows("transfer", good("transfer", status_at=(NOW - timedelta(days=90)).isoformat()))

    assert outcome(arrived.receipt) == ONE_ACCEPTED
    assert _first(arrived)["biz_date"].isoformat() == planned
    assert rules(forgotten) == {"DQ-06": "quarantine"}


def test_the_region_of_the_company_comes_along():
    assert _first(clean_rows("transfer", good("transfer")))["adcode"] == "340100"
    assert _first(clean_rows("oms_order", good("oms_order")))["adcode"] == "340100"
    assert rules(clean_rows("transfer", good("transfer", to_org="nobody"))) == {"DQ-11": "quarantine"}


def test_a_competitor_order_may_hide_product_and_quantity():
    row = {**good("competitor_order"), "qty_band": "10-20"}
    hidden = {name: row[name] for name in row if name not in ("sku_code", "amount") and not name.startswith("qty_")}

    shared = clean_rows("competitor_order", {**hidden, "qty_band": "10-20"})
    nothing = clean_rows("competitor_order", {name: hidden[name] for name in hidden if name != "brand_code"})

    assert outcome(shared.receipt) == ONE_ACCEPTED, shared.receipt.reasons
    assert {reason.pointer for reason in nothing.receipt.reasons} == {"/0/sku_code", "/0/qty_order_base"}


@given(st.text(max_size=40), st.booleans())
def test_any_text_is_a_list_or_none(word: str, integers: bool):
    read = list_text(word, integers=integers)

    assert read is None or isinstance(json.loads(read), list)


async def test_every_kind_enters_the_book_and_is_found_again(ingest: Stub, log: Bus):
    kinds = [kind.name for kind in KINDS.values() if kind.in_book]
    for kind in kinds:
        receipt = await push(ingest, kind, good(kind, now()), source="chain")
        assert counts(receipt) == (1, 0, 0, 0), (kind, receipt)
    await caught_up(log)

    for kind in kinds:
        wanted = pb.RecordFilter(kind=kind, source="chain")
        rows = frame((await ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted))).arrow_ipc)
        assert rows.height == 1, kind
        assert set(rows["quality_status"]) == {"ok"}, kind


async def test_a_list_is_a_list_in_a_single_record(ingest: Stub):
    await push(ingest, "user", good("user", now(), user_id="li"), source="hr")

    assert (await booked(ingest, "user", "li"))["roles"] == ["account_manager", "analyst"]


async def test_a_new_version_of_a_record_with_a_list_replaces_the_old_one(ingest: Stub, log: Bus):
    for roles in (["analyst"], ["admin"]):
        await push(ingest, "user", good("user", now(), user_id="zhao", roles=roles), source="hr")
    await caught_up(log)

    assert (await booked(ingest, "user", "zhao"))["roles"] == ["admin"]


async def test_samples_of_sensors_are_counted_and_stay_out_of_the_book(ingest: Stub, log: Bus):
    receipt = await push(ingest, "scada_sample", good("scada_sample", now()), source="plc")

    row = (await balances(ingest, log))["plc", "scada_sample"]

    assert counts(receipt) == (1, 0, 0, 0)
    assert is_balanced(row)
    assert (row.stored, row.pending) == (1, 0)
    with pytest.raises(Invalid, match="not in the book"):
        await ingest.QueryRecords(pb.QueryRecordsRequest(filter=pb.RecordFilter(kind="scada_sample")))
    with pytest.raises(Invalid, match="not in the book"):
        await ingest.GetRecord(pb.GetRecordRequest(kind="scada_sample", key="x"))


def test_every_kind_and_every_rule_stands_in_the_documents():
    page = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")

    assert [name for name in KINDS if f"| `{name}` |" not in page] == []
    assert [rule.id for rule in (*RULES, *ELSEWHERE) if f"| {rule.id} | {rule.severity.value} |" not in page] == []
