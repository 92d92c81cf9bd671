"""Rules about how a record reads: what passes, and what they do to what fails."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.ingest.domain.rules import ELSEWHERE, RULES
from tests.ingest.builders import (
    CSV,
    NOW,
    ONE_ACCEPTED,
    ONE_QUARANTINED,
    ONE_REJECTED,
    clean_rows,
    cleaned,
    month_sale,
    order,
    outcome,
    price,
    rules,
    sale,
    shop,
)

ABSENT = object()


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in row.items() if field != name}


def _first(result: Any) -> dict[str, Any]:
    row: dict[str, Any] = result.accepted.row(0, named=True)
    return row


def _originals(result: Any) -> dict[str, str]:
    return json.loads(_first(result)["originals"])


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("pos_sale", sale()),
        ("commercial_order", order()),
        ("price_observation", price()),
        ("commercial_sale", month_sale()),
        ("retailer", shop()),
        ("sku", {"sku_code": "S1", "name_zh": "黄山"}),
        ("org", {"org_code": "C1", "name": "合肥市公司"}),
    ],
)
def test_a_good_record_of_each_kind_passes_every_rule(kind: str, row: dict[str, Any]):
    result = clean_rows(kind, row)

    assert outcome(result.receipt) == ONE_ACCEPTED
    assert result.receipt.reasons == ()
    assert _first(result)["quality_status"] == "ok"


def test_every_rule_has_an_id_a_reason_to_be_and_its_own_file():
    ids = [rule.id for rule in RULES]

    assert len({rule.doc for rule in RULES}) == len(RULES)
    trade = (*range(1, 15), *range(20, 27), *range(30, 35), 40)
    elsewhere = {rule.id for rule in ELSEWHERE}
    assert {*ids, *elsewhere} >= {f"DQ-{n:02}" for n in trade}
    assert not set(ids) & elsewhere
    assert all(rule.doc for rule in RULES)


@pytest.mark.parametrize("name", ["retailer_code", "order_no", "sku_code", "unit_price", "unit", "sold_at"])
@pytest.mark.parametrize("value", [ABSENT, None, "", "   "])
def test_dq01_a_record_without_a_required_field_is_rejected(name: str, value: object):
    row = {**sale(), "sku_name_raw": None} if name == "sku_code" else sale()
    row = _without(row, name) if value is ABSENT else {**row, name: value}

    result = clean_rows("pos_sale", row)

    assert outcome(result.receipt) == ONE_REJECTED
    assert ("DQ-01", f"/0/{name}") in {(reason.rule, reason.pointer) for reason in result.receipt.reasons}


def test_dq01_a_price_needs_a_shop_or_a_region():
    row = _without(price(), "retailer_code")

    assert outcome(clean_rows("price_observation", row).receipt) == ONE_REJECTED
    assert outcome(clean_rows("price_observation", {**row, "adcode": "340100"}).receipt) == ONE_ACCEPTED


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("５２.００", "52.00"),
        ("52元", "52.00"),
        ("￥52.00", "52.00"),
        (" 52 ", "52.00"),
        ("52.004", "52.00"),
    ],
)
def test_dq02_decorated_numbers_are_repaired_and_keep_their_original(given: str, kept: str):
    result = clean_rows("pos_sale", sale(amount=given))

    assert outcome(result.receipt) == ONE_ACCEPTED
    assert str(_first(result)["amount"]) == kept
    assert _originals(result) == {"amount": given}
    assert rules(result) == {"DQ-02": "repair"}
    assert result.receipt.repaired == 1


def test_dq02_thousands_separators_are_removed_only_where_they_separate_thousands():
    large = clean_rows("pos_sale", sale(qty=200, amount="5,200.00"))
    european = clean_rows("pos_sale", sale(qty=200, amount="5.200,00"))

    assert str(_first(large)["amount"]) == "5200.00"
    assert outcome(european.receipt) == ONE_REJECTED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", "many"),
        ("amount", {"value": 52}),
        ("amount", [52]),
        ("amount", True),
        ("amount", "NaN"),
        ("amount", "1e400"),
        ("amount", "99999999999999999"),
        ("line_no", "1.5"),
        ("line_no", -1),
        ("line_no", 2**40),
        ("qty", "two"),
        ("sold_at", "next Tuesday"),
        ("void", "perhaps"),
        ("order_no", {"no": 1}),
        ("order_no", "x" * 300),
        ("unit_price", "-26"),
    ],
)
def test_dq02_a_value_of_the_wrong_type_is_rejected_with_a_pointer(name: str, value: object):
    result = clean_rows("pos_sale", sale(**{name: value}))

    assert outcome(result.receipt) == ONE_REJECTED
    assert ("DQ-02", f"/0/{name}") in {(reason.rule, reason.pointer) for reason in result.receipt.reasons}


def test_dq02_a_choice_outside_the_list_is_rejected_and_the_list_is_told():
    result = clean_rows("commercial_order", order(state="vanished"))

    assert outcome(result.receipt) == ONE_REJECTED
    assert "delivered" in result.receipt.reasons[0].message


def test_dq02_a_fraction_of_a_base_unit_without_a_declared_unit_is_rejected():
    assert outcome(clean_rows("commercial_order", order(qty_order_base="999.5")).receipt) == ONE_REJECTED


def test_dq02_outer_blanks_and_control_characters_are_removed_from_names():
    result = clean_rows("retailer", shop(name="  徽州路\x00便利店 "))

    assert _first(result)["name"] == "徽州路 便利店"
    assert rules(result) == {"DQ-02": "repair"}


def test_dq03_a_gbk_file_with_mixed_line_ends_is_read_and_says_so():
    header = "retailer_code,order_no,sku_code,sku_name_raw,unit_price,unit,qty,amount,sold_at\r\n"
    body = (header + "R340100000001,P1,34010021,黄山(硬),26.00,包,2,52.00,2025-03-15T11:02:31Z\n").encode("gbk")

    result = cleaned("pos_sale", body, CSV)

    assert _first(result)["sku_name_raw"] == "黄山(硬)"
    assert "DQ-03" in _first(result)["quality_rules"]
    assert "GB18030, mixed line ends" in next(r.message for r in result.receipt.reasons if r.rule == "DQ-03")


def test_dq04_an_exact_repetition_in_the_batch_is_dropped_and_counted():
    result = clean_rows("pos_sale", sale(), sale(order_no="P2"), sale())

    assert outcome(result.receipt) == (2, 0, 0, 1)
    assert result.counts["DQ-04", "warn"] == 1


def test_dq05_the_same_key_and_time_with_other_content_is_set_aside_on_both_sides():
    result = clean_rows("pos_sale", sale(), sale(qty=3, amount="78.00"), sale(order_no="P2"))

    assert outcome(result.receipt) == (1, 2, 0, 0)
    assert rules(result) == {"DQ-05": "quarantine"}


def test_dq05_versions_of_different_times_both_enter_the_log():
    result = clean_rows("pos_sale", sale(), sale(sold_at="2025-03-15T12:00:00Z"))

    assert outcome(result.receipt) == (2, 0, 0, 0)


@pytest.mark.parametrize(("days", "expected"), [(34, ONE_ACCEPTED), (36, ONE_QUARANTINED)])
def test_dq06_a_record_is_taken_for_35_days(days: int, expected: tuple[int, ...]):
    result = clean_rows("pos_sale", sale(sold_at=(NOW - timedelta(days=days)).isoformat()))

    assert outcome(result.receipt) == expected


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(None, ONE_ACCEPTED), (date(2011, 1, 20), ONE_ACCEPTED), (date(2011, 6, 1), ONE_QUARANTINED)],
)
def test_dq06_on_the_clock_of_its_data_a_source_is_late_against_its_own_newest_date(
    newest: date | None, expected: tuple[int, ...]
):
    result = clean_rows("pos_sale", sale(sold_at="2011-01-04T00:00:00Z"), on_data_clock=True, newest=newest)

    assert outcome(result.receipt) == expected


def test_dq06_a_period_is_late_from_its_end_on():
    february = clean_rows("commercial_sale", month_sale(biz_date="2025-02-01"))
    last_year = clean_rows("commercial_sale", month_sale(period="year", biz_date="2024-01-01"), late_days=80)
    old = clean_rows("commercial_sale", month_sale(period="day", biz_date="2025-02-01"))

    assert outcome(february.receipt) == ONE_ACCEPTED
    assert outcome(last_year.receipt) == ONE_ACCEPTED
    assert outcome(old.receipt) == ONE_QUARANTINED


@pytest.mark.parametrize(
    ("minutes", "expected"), [(9, ONE_ACCEPTED), (11, ONE_QUARANTINED), (60 * 24 * 400, ONE_QUARANTINED)]
)
def test_dq07_a_time_in_the_future_is_set_aside(minutes: int, expected: tuple[int, ...]):
    result = clean_rows("pos_sale", sale(sold_at=(NOW + timedelta(minutes=minutes)).isoformat()))

    assert outcome(result.receipt) == expected


def test_dq07_a_time_before_2000_is_set_aside_unless_the_source_reaches_back():
    old = price(observed_at="1975-11-01T00:00:00Z")

    assert "DQ-07" in rules(clean_rows("price_observation", old, late_days=40_000))
    reaching = clean_rows("price_observation", old, late_days=40_000, earliest=date(1970, 1, 1))
    assert outcome(reaching.receipt) == ONE_ACCEPTED


def test_dq07_a_missing_zone_is_assumed_and_marked_unless_declared():
    assumed = clean_rows("pos_sale", sale(sold_at="2025-03-15 11:02:31"))
    declared = clean_rows("pos_sale", sale(sold_at="2025-03-15 11:02:31"), zone=ZoneInfo("UTC"), zone_is_declared=True)

    assert _first(assumed)["sold_at"].isoformat() == "2025-03-15T03:02:31+00:00"
    assert _originals(assumed) == {"sold_at": "2025-03-15 11:02:31"}
    assert rules(assumed) == {"DQ-07": "repair"}
    assert _first(declared)["sold_at"].isoformat() == "2025-03-15T11:02:31+00:00"
    assert rules(declared) == {}


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-15T19:02:31+08:00",
        "2025-03-15T11:02:31.000Z",
        "2025-03-15 19:02:31",
        "2025/03/15 19:02:31",
        "2025年03月15日 19:02:31",
        "２０２５-03-15T11:02:31Z",
    ],
)
def test_dq07_times_are_read_as_people_write_them(text: str):
    assert _first(clean_rows("pos_sale", sale(sold_at=text)))["sold_at"].isoformat() == "2025-03-15T11:02:31+00:00"


def test_dq07_a_month_that_has_not_begun_is_set_aside():
    assert rules(clean_rows("commercial_sale", month_sale(biz_date="2025-04-01"))) == {"DQ-07": "quarantine"}
