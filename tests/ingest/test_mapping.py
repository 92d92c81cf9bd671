"""Source mappings: what they translate, and how a wrong one is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.ingest.domain.cleaning.batch import Unit
from services.ingest.domain.cleaning.mapping import Mapping
from services.ingest.sources import MappingFault, load_mappings
from services.ingest.sources.mapping_files import read_mapping
from tests.ingest.builders import CSV, ONE_ACCEPTED, PHONE, cleaned, door, outcome, rules

ORDERS = """source: city_orders
kind: commercial_order
schema_version: 1
timezone: Asia/Shanghai
fields:
  order_no: {from: 单号}
  line_no: {from: 行号}
  retailer_code: {from: 客户, format: "R{}"}
  sku_code: {from: 品规}
  qty_order_base: {from: 数量, unit: carton}
  price_wholesale: {from: 批发价}
  amount: {from: 金额}
  ordered_at: {from: 日期, time: "%Y-%m-%d"}
  state: {from: 状态, codes: {新: new, 已确认: confirmed}}
constants: {org_code: C340100, currency: CNY}
keep: [备注]
"""
HEADER = "单号,行号,客户,品规,数量,批发价,金额,日期,状态,备注,多余"
LINE = "D1,1,340100000001,34010021,5,230.00,1150.00,2025-03-14,已确认,找王先生,x"


def _mapped(line: str = LINE, text: str = ORDERS, header: str = HEADER) -> Any:
    mapping = read_mapping(text, "orders.yaml")
    world = door(zone=mapping.zone, zone_is_declared=True, time_formats=mapping.time_formats, late_days=100)
    return cleaned("commercial_order", f"{header}\n{line}\n".encode(), CSV, mapping, world=world)


def test_a_mapping_turns_a_customers_columns_into_canonical_ones():
    result = _mapped()

    row = result.accepted.row(0, named=True)
    assert outcome(result.receipt) == ONE_ACCEPTED
    assert (row["order_no"], row["retailer_code"], row["state"]) == ("D1", "R340100000001", "confirmed")
    assert (row["qty_order_base"], str(row["qty_raw"]), row["unit_raw"]) == (1000, "5.000", "carton")
    assert row["ordered_at"].isoformat() == "2025-03-13T16:00:00+00:00"
    assert (str(row["biz_date"]), row["cycle"]) == ("2025-03-14", "2025-W11")
    assert (row["org_code"], row["currency"]) == ("C340100", "CNY")


def test_kept_columns_stay_scrubbed_and_others_are_dropped_by_name():
    result = _mapped()

    assert result.accepted["extra"].to_list() == ['{"备注":"找***先生"}']
    assert [(reason.pointer, reason.severity) for reason in result.receipt.reasons] == [("/0/多余", "warn")]


def test_a_dropped_field_whose_name_is_a_phone_number_is_not_named():
    result = _mapped(header=HEADER.replace("多余", PHONE))

    assert [reason.pointer for reason in result.receipt.reasons] == ["/0/***"]


def test_a_unit_column_that_differs_from_the_mapping_is_set_aside():
    text = ORDERS.replace("unit: carton}", "unit: carton, unit_from: 单位}")
    header = f"{HEADER},单位"

    agreeing = _mapped(f"{LINE},条", text, header)
    differing = _mapped(f"{LINE},包", text, header)

    assert outcome(agreeing.receipt) == ONE_ACCEPTED
    assert rules(differing)["DQ-08"] == "quarantine"


def test_a_unit_column_alone_tells_the_unit_of_each_record():
    text = ORDERS.replace("unit: carton}", "unit_from: 单位}")

    result = _mapped(f"{LINE},条", text, f"{HEADER},单位")

    assert result.accepted["qty_order_base"].to_list() == [1000]


def test_a_code_that_the_mapping_does_not_know_is_rejected():
    result = _mapped(LINE.replace("已确认", "神秘"))

    assert ("/0/state", "reject") in {(reason.pointer, reason.severity) for reason in result.receipt.reasons}


@pytest.mark.parametrize(
    ("format", "text", "day"),
    [
        ("%Y", "2025", "2025-01-01"),
        ("%Y-%m", "2025-03", "2025-03-01"),
        ("%G-W%V", "2025-W11", "2025-03-10"),
        ("%d/%m/%Y %H:%M", "14/03/2025 08:30", "2025-03-14"),
        ("%Y-%m-%d %H:%M:%S %z", "2025-03-14 23:30:00 +0000", "2025-03-15"),
    ],
)
def test_time_formats_read_what_a_source_writes(format: str, text: str, day: str):
    result = _mapped(LINE.replace("2025-03-14", text), ORDERS.replace("%Y-%m-%d", format))

    days = result.accepted["biz_date"].to_list() if result.accepted.height else None
    assert days == [date.fromisoformat(day)]


FAULTS = {
    "an unknown kind": (ORDERS.replace("commercial_order", "unicorn"), 2, "kind must be one of"),
    "an unknown field": (ORDERS.replace("  amount:", "  amounts:"), 12, "no field amounts"),
    "a field that the door fills": (ORDERS.replace("  amount:", "  adcode:"), 12, "no field adcode"),
    "a missing column": (ORDERS.replace("{from: 金额}", "{format: 'x{}'}"), 12, "needs `from`"),
    "an unknown key": (ORDERS.replace("{from: 金额}", "{from: 金额, units: x}"), 12, "units is not known"),
    "a format without a place": (ORDERS.replace('"R{}"', '"R"'), 8, "format holds {} once"),
    "a unit on a name": (ORDERS.replace("{from: 单号}", "{from: 单号, unit: pack}"), 6, "is no quantity"),
    "a time on a number": (ORDERS.replace("{from: 行号}", "{from: 行号, time: '%Y'}"), 7, "is no time"),
    "a code outside the list": (ORDERS.replace("新: new", "新: brand_new"), 14, "state must be one of"),
    "an unknown constant": (ORDERS.replace("org_code: C340100", "nobody: x"), 15, "no field nobody"),
    "an unknown zone": (ORDERS.replace("Asia/Shanghai", "Mars/Base"), 4, "IANA"),
    "another version": (ORDERS.replace("schema_version: 1", "schema_version: 9"), 3, "schema version 1"),
    "a name with blanks": (ORDERS.replace("city_orders", "city orders"), 1, "begins with a letter"),
    "a required field left out": (ORDERS.replace("  order_no: {from: 单号}\n", ""), 6, "needs order_no"),
    "a field given twice": (ORDERS.replace("  amount:", "  order_no:"), 12, "given twice"),
    "a wrong clock": (ORDERS + "clock: sundial\n", 17, "wall or data"),
    "a wrong date": (ORDERS + "earliest: once\n", 17, "1970-01-01"),
    "a wrong number of days": (ORDERS + "late_days: some\n", 17, "whole number"),
    "broken YAML": ("source: [\n", 2, ""),
    "an empty file": ("", 1, "empty"),
    "a list": ("- a\n", 1, "names with values"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_mapping_is_refused_with_file_and_line(name: str):
    text, line, message = FAULTS[name]

    with pytest.raises(MappingFault) as caught:
        read_mapping(text, "orders.yaml")

    assert str(caught.value).startswith(f"orders.yaml:{line}: ")
    assert message in str(caught.value)


def test_clock_earliest_and_late_days_are_read():
    mapping = read_mapping(ORDERS + "clock: data\nearliest: 1970-01-01\nlate_days: 400\n", "orders.yaml")

    assert (mapping.on_data_clock, mapping.earliest.year, mapping.late_days) == (True, 1970, 400)


def test_two_mappings_of_one_source_and_kind_are_refused(tmp_path: Path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(ORDERS, encoding="utf-8")

    with pytest.raises(MappingFault, match="another mapping"):
        load_mappings(tmp_path)


def test_no_folder_means_no_mappings():
    assert load_mappings(None) == {}


def test_the_shipped_mappings_are_right():
    mappings = load_mappings(Path(__file__).parents[2] / "demo" / "real" / "mappings")

    assert len(mappings) >= 11
    assert all(isinstance(mapping, Mapping) for mapping in mappings.values())
    assert Unit("millilitre").fixed == "millilitre"
