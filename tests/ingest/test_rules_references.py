"""Rules about what a record refers to: aliases, barcodes and names of products, other numbers of shops, validity."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from services.ingest.domain.known.directory import Directory
from services.ingest.domain.rules.dq34_minor import is_minor
from services.ingest.domain.values.names import NameIndex, is_ean_13, normalised
from tests.ingest.builders import (
    KEY,
    NOW,
    ONE_ACCEPTED,
    ONE_QUARANTINED,
    PHONE,
    clean_rows,
    directory,
    outcome,
    rules,
    sale,
)
from tests.ingest.records import good

EAN = "6901028138123"


def _first(result: Any) -> dict[str, Any]:
    row: dict[str, Any] = result.accepted.row(0, named=True)
    return row


def _knows(kind: str, *rows: dict[str, Any]) -> Directory:
    """The world of the tests with more master data, as the door takes it in."""
    known = directory()
    for row in rows:
        known.put(kind, clean_rows(kind, row).accepted)
    return known


def _alias(**changes: Any) -> Directory:
    return _knows("sku_alias", {**good("sku_alias"), **changes})


def test_dq10_an_alias_of_the_source_finds_the_product_and_the_code_given_is_kept():
    known = _alias(alias_source="till", alias_kind="pos", alias="7788")

    own = clean_rows("pos_sale", sale(sku_code="7788"), directory=known, source="till")
    other = clean_rows("pos_sale", sale(sku_code="7788"), directory=known, source="erp")

    assert _first(own)["sku_code"] == "34010021"
    assert _first(own)["qty_base"] == 40
    assert '"sku_code":"7788"' in _first(own)["originals"]
    assert rules(own) == {"DQ-10": "repair"}
    assert rules(other) == {"DQ-10": "quarantine"}


def test_dq10_the_alias_of_a_source_comes_before_everybodys():
    everybody = {**good("sku_alias"), "alias_source": "*", "alias_kind": "erp", "alias": "77", "sku_code": "GIN"}
    known = _knows("sku_alias", everybody, {**everybody, "alias_source": "till", "sku_code": "34010021"})

    assert _first(clean_rows("pos_sale", sale(sku_code="77"), directory=known, source="till"))["sku_code"] == "34010021"


def test_dq10_a_barcode_finds_the_product_and_a_wrong_check_digit_is_told():
    known = _alias(alias_source="*", alias_kind="ean_pack", alias=EAN)

    scanned = clean_rows("pos_sale", sale(sku_code=EAN), directory=known, source="till")
    misread = clean_rows("pos_sale", sale(sku_code="6901028138120"), directory=known, source="till")

    assert _first(scanned)["sku_code"] == "34010021"
    assert outcome(misread.receipt) == ONE_QUARANTINED
    assert "check digit" in misread.receipt.reasons[0].message


def test_dq10_a_similar_name_is_proposed_and_waits_for_a_person():
    row = {**sale(sku_name_raw="黄山（硬）"), "sku_code": None}

    result = clean_rows("pos_sale", row)

    assert outcome(result.receipt) == ONE_QUARANTINED
    assert "it may be 34010021 (1.00)" in result.receipt.reasons[0].message
    assert "34010021" in result.refused[0].reasons[0].message


def test_dq10_an_approved_name_finds_the_product():
    row = {**sale(sku_name_raw="黄山 硬盒"), "sku_code": None}
    known = _alias(alias_source="*", alias_kind="name", alias="黄山（硬盒）", approved_by="wang")

    assert rules(clean_rows("pos_sale", row)) == {"DQ-10": "quarantine"}
    result = clean_rows("pos_sale", row, directory=known, source="till")
    assert _first(result)["sku_code"] == "34010021"
    assert rules(result) == {"DQ-10": "repair"}


def test_dq10_a_name_does_not_overrule_a_code_that_is_not_known():
    known = _alias(alias_source="*", alias_kind="name", alias="黄山(硬)")

    assert rules(clean_rows("pos_sale", sale(sku_code="nobody"), directory=known)) == {"DQ-10": "quarantine"}


def test_dq10_a_name_that_resembles_nothing_proposes_nothing():
    result = clean_rows("pos_sale", {**sale(sku_name_raw="矿泉水"), "sku_code": None})

    assert "it may be" not in result.receipt.reasons[0].message


def test_dq10_an_alias_of_a_product_that_is_not_known_sets_the_record_aside():
    known = _alias(alias_source="*", alias_kind="pos", alias="7788", sku_code="gone")

    assert rules(clean_rows("pos_sale", sale(sku_code="7788"), directory=known)) == {"DQ-10": "quarantine"}


@pytest.mark.parametrize(("code", "is_right"), [(EAN, True), ("6901028138124", False), ("690102813812", False)])
def test_the_check_digit_of_a_barcode(code: str, is_right: bool):
    assert is_ean_13(code) is is_right


def test_names_are_compared_without_width_case_and_brackets():
    index = NameIndex()
    index.note("Lucky Strike (Blue)", "L1")

    assert normalised("ＬＵＣＫＹ strike　[blue]") == "luckystrikeblue"
    assert index.nearest("lucky-strike blue.") == ("L1", 1.0)
    assert index.nearest("luky strike blue") is not None
    assert index.nearest("blue") is None
    assert index.nearest("") is None


@pytest.mark.parametrize("given", ["340102100001", "store-7"])
def test_dq11_a_shop_is_found_by_its_licence_or_store_code(given: str):
    known = _knows("retailer_alias", good("retailer_alias"))

    found = clean_rows("pos_sale", sale(retailer_code=given), directory=known, source="till")

    assert _first(found)["retailer_code"] == "R340100000001"
    assert _first(found)["adcode"] == "340100"
    assert rules(found) == {"DQ-11": "repair"}


def test_dq11_a_shop_is_found_by_its_wecom_id():
    known = _knows("retailer", {**good("retailer"), "wecom_custom_id": "wx-9"})

    found = clean_rows("store_check", good("store_check", retailer_code="wx-9"), directory=known)

    assert _first(found)["retailer_code"] == "R340100000009"


def test_dq11_a_store_code_of_one_source_is_none_of_another():
    known = _knows("retailer_alias", good("retailer_alias"))

    result = clean_rows("pos_sale", sale(retailer_code="store-7"), directory=known, source="other")

    assert rules(result) == {"DQ-11": "quarantine"}


def _packs_of(*versions: tuple[int, str | None, str | None], day: str) -> int:
    """Base units in a pack on a day, where the product came in several versions."""
    known = directory()
    for place, (sticks, first, last) in enumerate(versions):
        at = NOW - timedelta(days=50 - place)
        row = {"sku_code": "S1", "sticks_per_pack": sticks, "packs_per_carton": 10, "cartons_per_master": 50}
        days = {"valid_from": first and date.fromisoformat(first), "valid_to": last and date.fromisoformat(last)}
        frame = pl.DataFrame([{**row, **days, "currency": "CNY", "base_unit": "stick", "occurred_at": at}])
        known.put("sku", frame.with_columns(ingested_at=pl.lit(at)))
    return int(known.sku.look_up_on(pl.Series(["S1"]), pl.Series([date.fromisoformat(day)]))["sticks_per_pack"][0])


OLD, NEW = (20, None, "2025-01-31"), (16, "2025-02-01", None)


@pytest.mark.parametrize(("day", "sticks"), [("2025-01-31", 20), ("2025-02-01", 16), ("2025-03-01", 16)])
def test_dq09_the_pack_sizes_are_those_of_the_day(day: str, sticks: int):
    assert _packs_of(OLD, NEW, day=day) == sticks


def test_dq09_a_version_for_later_leaves_today_alone_and_a_correction_replaces_its_own_version():
    later = (16, "2025-06-01", None)

    assert _packs_of((20, None, None), later, day="2025-03-01") == 20
    assert _packs_of(OLD, NEW, (12, "2025-02-01", None), day="2025-03-01") == 12
    assert _packs_of(OLD, NEW, (19, None, "2025-01-31"), day="2025-01-01") == 19


def test_dq09_without_a_version_for_the_day_the_newest_counts():
    assert _packs_of((16, "2025-02-01", None), day="2024-01-01") == 16


def test_dq09_a_quantity_is_counted_in_the_packs_of_its_own_day():
    known = directory()
    old = {**good("sku"), "sku_code": "34010021", "valid_from": None, "valid_to": "2025-03-10"}
    new = {**old, "valid_from": "2025-03-11", "valid_to": None, "sticks_per_pack": 16}
    for row, now in ((old, NOW), (new, NOW + timedelta(minutes=1))):
        known.put("sku", clean_rows("sku", row, now=now).accepted)

    before = clean_rows("pos_sale", sale(sold_at="2025-03-10T04:00:00Z"), directory=known)
    after = clean_rows("pos_sale", sale(sold_at="2025-03-11T04:00:00Z"), directory=known)

    assert (_first(before)["qty_base"], _first(after)["qty_base"]) == (40, 32)


@pytest.mark.parametrize(
    ("field", "given", "linked"),
    [
        ("consumer_age", 17, False),
        ("consumer_age", "17岁", False),
        ("consumer_age", 18, True),
        ("consumer_born_on", "2007-03-17", False),
        ("consumer_born_on", "2007-03-16", True),
        ("consumer_born_on", "2007年3月17日", False),
        ("consumer_born_on", "20070317", False),
        ("consumer_born_on", "2007", False),
        ("consumer_born_on", "2006", True),
        ("consumer_born_on", "11010520100101002X", False),
        ("consumer_born_on", "１９８５-01-01", True),
        ("consumer_age", "unknown", True),
    ],
)
def test_dq34_a_minor_has_no_link_to_a_sale(field: str, given: object, linked: bool):
    row = sale(consumer_id="c-1", consumer_phone=PHONE, consent_ref="cn-1", **{field: given})

    result = clean_rows("pos_sale", row)

    kept = _first(result)
    assert outcome(result.receipt) == ONE_ACCEPTED
    assert (kept["consumer_key"] is not None, kept["phone_token"] is not None) == (linked, linked)
    assert ("DQ-34" in rules(result)) is not linked
    assert str(given) not in {str(value) for value in kept.values() if isinstance(value, str)}


def test_dq34_an_age_is_in_no_record_set_aside():
    row = sale(sku_code="nobody", consumer_id="c-1", consent_ref="cn-1", consumer_age=16, consumer_born_on="2009-01-02")

    (aside,) = clean_rows("pos_sale", row).refused

    assert "age" not in aside.record_json.replace("package", "")
    assert "2009" not in aside.record_json
    assert KEY.token("c-1") not in aside.record_json


def test_dq34_in_doubt_a_person_is_younger():
    assert is_minor("2007-03", date(2025, 3, 16))
    assert not is_minor("2007-02", date(2025, 3, 16))
