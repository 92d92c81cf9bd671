"""Rules about what a record says: units, references, amounts, prices, quantities, persons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ingest.builders import (
    KEY,
    ONE_ACCEPTED,
    ONE_QUARANTINED,
    PHONE,
    clean_rows,
    month_sale,
    order,
    outcome,
    price,
    rules,
    sale,
    shop,
)


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in row.items() if field != name}


def _first(result: Any) -> dict[str, Any]:
    row: dict[str, Any] = result.accepted.row(0, named=True)
    return row


def _originals(result: Any) -> dict[str, str]:
    return json.loads(_first(result)["originals"])


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("pack", ONE_ACCEPTED), ("盒", ONE_ACCEPTED), ("件", ONE_QUARANTINED), ("barrel", ONE_QUARANTINED)],
)
def test_dq08_an_unknown_unit_is_set_aside(unit: str, expected: tuple[int, ...]):
    assert outcome(clean_rows("pos_sale", sale(unit=unit)).receipt) == expected


@pytest.mark.parametrize(
    ("unit", "qty", "base"),
    [("stick", 3, 3), ("pack", 2, 40), ("carton", "1.5", 300), ("master_carton", 1, 10_000), ("case", 1, 50_000)],
)
def test_dq09_quantities_become_base_units_by_the_products_own_pack_sizes(unit: str, qty: object, base: int):
    each = {"stick": "1.3", "pack": "26", "carton": "260", "master_carton": "13000", "case": "65000"}[unit]
    amount = f"{float(each) * float(str(qty)):.2f}"

    result = clean_rows("pos_sale", sale(unit=unit, qty=qty, unit_price=each, amount=amount))

    assert _first(result)["qty_base"] == base
    assert rules(result) == {}


def test_dq09_a_product_counts_in_its_own_unit():
    result = clean_rows("pos_sale", sale(sku_code="GIN", unit="bottle", unit_price="9.50", amount="19.00"))

    assert _first(result)["qty_base"] == 2


def test_dq09_a_fraction_of_a_base_unit_is_rounded_and_kept():
    row = sale(unit="pack", qty="0.333", unit_price="26.00", amount="8.66")

    result = clean_rows("pos_sale", row)

    assert _first(result)["qty_base"] == 7
    assert rules(result) == {"DQ-09": "repair"}


def test_dq10_an_unknown_product_is_set_aside():
    assert rules(clean_rows("pos_sale", sale(sku_code="nobody"))) == {"DQ-10": "quarantine"}


def test_dq11_an_unknown_shop_is_set_aside_and_a_licence_finds_it():
    unknown = clean_rows("pos_sale", sale(retailer_code="nobody"))
    by_licence = clean_rows("pos_sale", _without(sale(license_no="340102100001"), "retailer_code"))

    assert rules(unknown) == {"DQ-11": "quarantine"}
    assert _first(by_licence)["retailer_code"] == "R340100000001"
    assert rules(by_licence) == {"DQ-11": "repair"}


def test_dq11_region_company_and_manager_of_the_shop_come_along():
    row = _first(clean_rows("commercial_order", order()))

    assert (row["adcode"], row["city_org"], row["account_manager_user_id"]) == ("340100", "C340100", "wang")


def test_dq11_an_unknown_company_is_set_aside_unless_the_region_is_given():
    unknown = clean_rows("commercial_sale", month_sale(org_code="nobody"))
    placed = clean_rows("commercial_sale", month_sale(org_code="nobody", adcode="340200"))

    assert rules(unknown) == {"DQ-11": "quarantine"}
    assert _first(placed)["adcode"] == "340200"
    assert _first(clean_rows("commercial_sale", month_sale()))["adcode"] == "340100"


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({}, False),
        ({"license_no": "34010210000"}, True),
        ({"license_no": "640102100009"}, True),
        ({"license_valid_to": "2024-12-31"}, True),
    ],
)
def test_dq12_a_doubtful_licence_is_marked_and_taken(changes: dict[str, str], fires: bool):
    result = clean_rows("retailer", shop(**changes))

    assert outcome(result.receipt) == ONE_ACCEPTED
    assert (rules(result) == {"DQ-12": "warn"}) is fires
    assert ("DQ-12" in _first(result)["quality_rules"]) is fires


def test_dq13_a_retired_region_is_replaced_and_an_unknown_one_marked():
    merged = clean_rows("retailer", shop(adcode="371200"))
    unknown = clean_rows("retailer", shop(adcode="990000"))
    county = clean_rows("retailer", shop(adcode="340111"))

    assert _first(merged)["adcode"] == "370100"
    assert _originals(merged) == {"adcode": "371200"}
    assert rules(unknown) == {"DQ-13": "warn"}
    assert rules(county) == {}


def test_dq14_a_chinese_shop_outside_china_is_marked():
    assert rules(clean_rows("retailer", shop(lon=2.35, lat=48.85))) == {"DQ-14": "warn"}
    assert rules(clean_rows("retailer", shop(lon=2.35, lat=48.85, country="FR"))) == {}


@pytest.mark.parametrize(
    ("amount", "severity"),
    [
        ("1150.05", None),
        ("1155.70", None),
        ("1160.00", "repair"),
        ("1207.00", "repair"),
        ("1208.00", "quarantine"),
        ("1000", "quarantine"),
    ],
)
def test_dq20_the_amount_is_quantity_times_price(amount: str, severity: str | None):
    result = clean_rows("commercial_order", order(amount=amount))

    assert rules(result).get("DQ-20") == severity
    if severity == "repair":
        assert _first(result)["amount_check"] is True
        assert str(_first(result)["amount"]) == f"{float(amount):.2f}"


def test_dq20_a_missing_amount_is_computed_and_marked():
    result = clean_rows("commercial_order", _without(order(), "amount"))

    assert str(_first(result)["amount"]) == "1150.00"
    assert rules(result) == {"DQ-20": "repair"}


def test_dq20_a_missing_quantity_is_amount_by_price():
    assert _first(clean_rows("pos_sale", _without(sale(), "qty")))["qty_base"] == 40


@pytest.mark.parametrize(("value", "fires"), [("130.00", False), ("129.99", True), ("520.00", False), ("520.01", True)])
def test_dq21_an_observed_price_lies_near_the_guide_price(value: str, fires: bool):
    assert ("DQ-21" in rules(clean_rows("price_observation", price(price_observed=value)))) is fires


@pytest.mark.parametrize(("value", "fires"), [("8.00", False), ("7.00", True), ("78.00", False), ("79.00", True)])
def test_dq21_a_till_price_may_lie_further_away(value: str, fires: bool):
    row = sale(unit_price=value, amount=f"{2 * float(value):.2f}")

    assert ("DQ-21" in rules(clean_rows("pos_sale", row))) is fires


def test_dq21_needs_a_guide_price_in_the_same_currency():
    assert rules(clean_rows("price_observation", price(sku_code="GIN", unit="bottle", price_observed="900"))) == {}
    assert rules(clean_rows("price_observation", price(price_observed="9.00", currency="USD"))) == {}


@pytest.mark.parametrize("qty", [0, -2])
def test_dq22_a_sale_of_nothing_is_set_aside_unless_void(qty: int):
    row = sale(qty=qty, amount=f"{26 * qty}.00")

    assert rules(clean_rows("pos_sale", row)) == {"DQ-22": "quarantine"}
    assert outcome(clean_rows("pos_sale", {**row, "void": True}).receipt) == ONE_ACCEPTED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qty_order_base": 0, "amount": "0"}, ONE_ACCEPTED),
        ({"qty_order_base": 0, "amount": "0", "qty_demand_base": None}, ONE_QUARANTINED),
        ({"qty_order_base": -200, "amount": "-230"}, ONE_QUARANTINED),
        ({"qty_order_base": -200, "amount": "-230", "qty_demand_base": None, "state": "returned"}, ONE_ACCEPTED),
        ({"qty_demand_base": 800}, ONE_QUARANTINED),
        ({"qty_cap_base": 800}, ONE_QUARANTINED),
        ({"qty_cap_base": 1000}, ONE_ACCEPTED),
    ],
)
def test_dq22_an_order_keeps_to_demand_and_cap(changes: dict[str, Any], expected: tuple[int, ...]):
    assert outcome(clean_rows("commercial_order", order(**changes)).receipt) == expected


@pytest.mark.parametrize("given", [PHONE, f"+86{PHONE}", f"86-{PHONE}", "138 1234 1234", "１３８１２３４１２３４"])
def test_dq31_a_phone_number_becomes_the_token_of_the_number(given: str):
    row = _first(clean_rows("pos_sale", sale(consumer_phone=given, consent_ref="cn-1")))

    assert row["phone_token"] == KEY.token(PHONE)


@pytest.mark.parametrize("given", ["12345", "0551-62345678", "none", "23812341234"])
def test_dq30_what_is_no_mobile_number_is_dropped_without_a_trace(given: str):
    result = clean_rows("pos_sale", sale(consumer_phone=given, consent_ref="cn-1"))

    assert _first(result)["phone_token"] is None
    assert _first(result)["originals"] is None
    assert rules(result) == {"DQ-30": "repair"}


def test_dq31_a_shop_owner_is_kept_masked():
    row = _first(clean_rows("retailer", shop(contact_phone=PHONE, owner_name="张三丰")))

    assert row["contact_phone_masked"] == "138****1234"
    assert row["contact_phone_token"] == KEY.token(PHONE)
    assert row["owner_name_masked"] == "张**"


@pytest.mark.parametrize("consent", [None, "", "  "])
def test_dq32_without_consent_the_sale_stays_and_both_tokens_go(consent: str | None):
    result = clean_rows("pos_sale", sale(consumer_id="c-1", consumer_phone=PHONE, consent_ref=consent))

    assert outcome(result.receipt) == ONE_ACCEPTED
    assert (_first(result)["consumer_key"], _first(result)["phone_token"]) == (None, None)
    assert rules(result)["DQ-32"] == "repair"


def test_dq32_a_withdrawn_consent_takes_the_tokens_of_its_sales_along_and_of_no_others():
    linked = {"consumer_id": "c-1", "consumer_phone": PHONE}
    rows = [sale(order_no=f"W{n}", **linked, consent_ref=ref) for n, ref in enumerate(["cn-gone", "cn-1", "cn-gone-2"])]

    result = clean_rows("pos_sale", *rows, withdrawn=lambda refs: {"cn-gone"} & set(refs))

    links = result.accepted.select("consumer_key", "phone_token", "consent_ref")
    assert links.row(0) == (None, None, None)
    assert [None in row for row in links.iter_rows()] == [True, False, False]
    assert [reason.count for reason in result.receipt.reasons if reason.rule == "DQ-32"] == [1]
    assert "cn-gone" not in str(result.accepted.row(0))


def test_dq32_a_consumer_id_becomes_a_token_and_a_token_stays_one():
    token = KEY.token("c-1")
    by_id = clean_rows("pos_sale", sale(consumer_id="c-1", consent_ref="cn-1"))
    by_token = clean_rows("pos_sale", sale(consumer_key=token, consent_ref="cn-1"))
    pretending = clean_rows("pos_sale", sale(consumer_key="c-1", consent_ref="cn-1"))

    assert [_first(each)["consumer_key"] for each in (by_id, by_token, pretending)] == [token] * 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (f"call {PHONE} now", "call *** now"),
        ("138-1234-1234", "***"),
        ("１３８１２３４１２３４", "***"),
        ("证件 11010519491231002X", "证件 ***"),
        ("请找王小明先生", "请找***先生"),
        ("先生:李雷", "先生:***"),
        ("黄山(硬) 20支", "黄山(硬) 20支"),
    ],
)
def test_dq33_free_text_names_and_calls_nobody(given: str, kept: str):
    result = clean_rows("pos_sale", sale(sku_name_raw=given))

    assert _first(result)["sku_name_raw"] == kept
    assert _first(result)["originals"] is None
    assert ("DQ-33" in rules(result)) is (given != kept)


def test_dq33_a_phone_number_used_as_a_code_becomes_its_token():
    assert _first(clean_rows("pos_sale", sale(order_no=PHONE)))["order_no"] == KEY.token(PHONE)
    assert _first(clean_rows("pos_sale", sale(order_no=f"86{PHONE}")))["order_no"] == KEY.token(PHONE)
    assert _first(clean_rows("pos_sale", sale(order_no="138-1234-1234")))["order_no"] == KEY.token(PHONE)
    assert _first(clean_rows("pos_sale", sale(order_no=f"tel {PHONE}")))["order_no"] == KEY.token(f"tel {PHONE}")


def test_dq33_an_order_number_that_holds_such_digits_stays():
    for number in ("P202503150001", "2025031513800001234", "6901028138123"):
        assert _first(clean_rows("pos_sale", sale(order_no=number)))["order_no"] == number
