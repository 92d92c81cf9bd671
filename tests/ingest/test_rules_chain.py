"""Rules about the chain: states, stocks, transfers, tests, machines, caps, slots, permits."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.cleaning.mapping import FieldMap, Mapping
from services.ingest.domain.keeping.chains import CHAINS, illegal_moves
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.rules import RULES, rules_of
from tests.ingest.builders import (
    NOW,
    ONE_ACCEPTED,
    ONE_QUARANTINED,
    clean_rows,
    cleaned,
    directory,
    month_sale,
    outcome,
    rules,
)
from tests.ingest.records import good

QUARANTINED, MARKED, MENDED = "quarantine", "warn", "repair"


def _first(result: Any) -> dict[str, Any]:
    row: dict[str, Any] = result.accepted.row(0, named=True)
    return row


def _ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


def _transfers(*states: str) -> list[dict[str, Any]]:
    """One transfer through its states, an hour apart."""
    return [
        good("transfer", status=state, status_at=_ago(hours=20 - hour), shipped_at=_ago(hours=20))
        for hour, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "set_aside"),
    [
        (("planned", "contracted", "permitted", "shipped", "received"), 0),
        (("planned", "shipped"), 0),
        (("planned", "planned"), 0),
        (("shipped", "planned"), 1),
        (("shipped", "planned", "received"), 1),
        (("received", "cancelled"), 0),
        (("cancelled", "shipped"), 1),
        (("received", "shipped", "planned"), 2),
    ],
)
def test_e02_a_state_moves_forward_only(states: tuple[str, ...], set_aside: int):
    result = clean_rows("transfer", *_transfers(*states))

    assert result.receipt.quarantined == set_aside
    assert rules(result) == ({"E-02": QUARANTINED} if set_aside else {})


def test_e02_states_are_judged_in_the_order_of_their_times_not_of_their_lines():
    assert rules(clean_rows("transfer", *reversed(_transfers("planned", "shipped")))) == {}


def test_e02_a_work_order_that_is_held_runs_on_and_is_not_released_again():
    def told(*states: str) -> dict[str, str]:
        rows = [good("mes_work_order", status=state, updated_at=_ago(hours=9 - n)) for n, state in enumerate(states)]
        return rules(clean_rows("mes_work_order", *rows))

    assert told("running", "held", "running", "closed") == {}
    assert told("held", "released") == {"E-02": QUARANTINED}
    assert told("closed", "running") == {"E-02": QUARANTINED}


def _moves(*rows: tuple[str, int, str | None]) -> pl.DataFrame:
    schema = {"record_key": pl.String, "hour": pl.Int64, "status": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    hours = pl.duration(hours=pl.col("hour"))
    return frame.select("record_key", (pl.lit(NOW) + hours).alias("occurred_at"), "status")


@pytest.mark.parametrize(
    ("records", "current", "wrong"),
    [
        ([("a", 2, "planned")], [("a", 1, "shipped")], [True]),
        ([("a", 2, "received")], [("a", 1, "shipped")], [False]),
        ([("a", 0, "planned")], [("a", 1, "shipped")], [False]),
        ([("a", 2, None)], [("a", 1, "shipped")], [False]),
        ([("b", 2, "planned")], [("a", 1, "shipped")], [False]),
        ([("a", 2, "planned"), ("a", 3, "received")], [("a", 1, "shipped")], [True, False]),
        ([("a", 2, "planned")], [("a", 1, None)], [False]),
    ],
)
def test_e02_a_move_is_held_against_the_state_that_is_known(
    records: list[tuple[str, int, str | None]], current: list[tuple[str, int, str | None]], wrong: list[bool]
):
    assert illegal_moves("transfer", _moves(*records), _moves(*current)).to_list() == wrong


@given(st.lists(st.sampled_from(CHAINS["transfer"].steps), max_size=8))
def test_e02_what_is_left_of_any_history_only_moves_forward(states: list[str]):
    told = _moves(*[("a", hour, state) for hour, state in enumerate(states)])

    left = told.filter(~illegal_moves("transfer", told, told.clear()))["status"].to_list()

    ranks = [CHAINS["transfer"].steps.index(state) for state in left]
    assert ranks == sorted(ranks)
    assert not states or left


def test_every_chain_speaks_of_states_that_its_kind_has():
    for name, chain in CHAINS.items():
        field = KINDS[name].field(chain.field)
        assert field is not None
        assert set(field.values) == {*chain.steps, *chain.ends}


def test_a_kind_is_looked_at_by_its_own_rules_only():
    assert [rule.id for rule in rules_of(KINDS["pos_sale"]) if rule.id.startswith(("K-", "E-"))] == []
    assert "K-01" in {rule.id for rule in rules_of(KINDS["quality_test"])}
    assert all(any(rule in rules_of(kind) for kind in KINDS.values()) for rule in RULES)


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, None),
        ({"verdict": "fail"}, QUARANTINED),
        ({"value": 0.99, "verdict": "fail"}, None),
        ({"value": 0.99}, QUARANTINED),
        ({"usl": None, "value": 5}, None),
        ({"lsl": None, "usl": None}, None),
        ({"lsl": 2, "usl": 1}, QUARANTINED),
        ({"verdict": None}, MENDED),
    ],
)
def test_k01_a_verdict_agrees_with_its_limits(changes: dict[str, Any], severity: str | None):
    assert rules(clean_rows("quality_test", good("quality_test", **changes))).get("K-01") == severity


def test_k01_a_missing_verdict_follows_from_the_limits():
    assert _first(clean_rows("quality_test", good("quality_test", verdict=None)))["verdict"] == "pass"
    failed = good("quality_test", verdict=None, value=2)
    assert _first(clean_rows("quality_test", failed))["verdict"] == "fail"


def _stretch(begin: float, end: float | None, **changes: Any) -> dict[str, Any]:
    return good("equipment_state", from_at=_ago(hours=begin), to_at=None if end is None else _ago(hours=end), **changes)


@pytest.mark.parametrize(
    ("rows", "set_aside"),
    [
        ([_stretch(9, 5), _stretch(5, 2)], 0),
        ([_stretch(9, 4), _stretch(5, 2)], 1),
        ([_stretch(9, 4), _stretch(5, 2, machine="M4")], 0),
        ([_stretch(5, 2), _stretch(9, 4)], 1),
        ([_stretch(9, None), _stretch(5, 2)], 0),
        ([_stretch(2, 5)], 1),
    ],
)
def test_k02_a_machine_is_in_one_state_at_a_time(rows: list[dict[str, Any]], set_aside: int):
    result = clean_rows("equipment_state", *rows)

    assert result.receipt.quarantined == set_aside
    assert rules(result) == ({"K-02": QUARANTINED} if set_aside else {})


@pytest.mark.parametrize(
    ("kind", "changes", "fires"),
    [
        ("finished_stock", {"reserved_base": 1_000_000}, False),
        ("finished_stock", {"reserved_base": 1_000_001}, True),
        ("wms_slot", {"occupied_pallets": 2}, False),
        ("wms_slot", {"occupied_pallets": 3}, True),
    ],
)
def test_k03_a_part_is_not_larger_than_its_whole(kind: str, changes: dict[str, Any], fires: bool):
    assert rules(clean_rows(kind, good(kind, **changes))) == ({"K-03": QUARANTINED} if fires else {})


@pytest.mark.parametrize(
    ("caps", "may_fall", "fires"),
    [([1, 1, 2], None, False), ([1, 3, 2], None, True), ([1, 3, 2], True, False), ([5], None, False)],
)
def test_k04_caps_do_not_fall_with_the_tier(caps: list[int], may_fall: bool | None, fires: bool):
    row = good("allocation_policy", caps_cartons=caps, caps_may_fall=may_fall)

    assert rules(clean_rows("allocation_policy", row)) == ({"K-04": QUARANTINED} if fires else {})


def _move(no: str, move: str, qty: int, **slots: str) -> dict[str, Any]:
    own = {"move_no": no, "move": move, "qty_base": qty, "started_at": _ago(hours=20 - int(no))}
    return good("wms_move", **{**own, "from_slot": None, "to_slot": None, **slots})


@pytest.mark.parametrize(
    ("moves", "set_aside"),
    [
        ([_move("1", "count", 500, to_slot="A"), _move("2", "out", 500, from_slot="A")], 0),
        ([_move("1", "count", 500, to_slot="A"), _move("2", "out", 501, from_slot="A")], 1),
        ([_move("1", "out", 501, from_slot="A")], 0),
        (
            [
                _move("1", "count", 500, to_slot="A"),
                _move("2", "in", 100, to_slot="A"),
                _move("3", "shift", 600, from_slot="A", to_slot="B"),
                _move("4", "out", 1, from_slot="A"),
            ],
            1,
        ),
        ([_move("2", "out", 9, from_slot="A"), _move("1", "count", 5, to_slot="A")], 1),
    ],
)
def test_k05_no_more_leaves_a_slot_than_is_in_it(moves: list[dict[str, Any]], set_aside: int):
    result = clean_rows("wms_move", *moves)

    assert result.receipt.quarantined == set_aside
    assert rules(result) == ({"K-05": QUARANTINED} if set_aside else {})


@pytest.mark.parametrize(
    ("kind", "changes", "severity"),
    [
        ("mes_output", {"ended_at": _ago(hours=9), "started_at": _ago(hours=9)}, QUARANTINED),
        ("agv_task", {"ended_at": _ago(hours=9), "started_at": _ago(hours=9)}, None),
        ("agv_task", {"ended_at": _ago(hours=9), "started_at": _ago(hours=8)}, QUARANTINED),
        ("campaign", {"to_on": "2025-03-01"}, QUARANTINED),
        ("sku", {"valid_to": "2019-12-31"}, QUARANTINED),
        ("mes_output", {"scrap_base": 111_111}, None),
        ("mes_output", {"scrap_base": 111_112}, MARKED),
    ],
)
def test_k06_an_end_follows_its_beginning_and_scrap_is_a_small_part(
    kind: str, changes: dict[str, Any], severity: str | None
):
    assert rules(clean_rows(kind, good(kind, **changes))).get("K-06") == severity


@pytest.mark.parametrize(
    ("status", "permit", "fires"),
    [("shipped", None, True), ("received", None, True), ("planned", None, False), ("shipped", "ZY1", False)],
)
def test_k07_a_transfer_leaves_with_a_permit_only(status: str, permit: str | None, fires: bool):
    result = clean_rows("transfer", good("transfer", status=status, permit_no=permit))

    assert rules(result) == ({"K-07": QUARANTINED} if fires else {})


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, None),
        ({"amount_ex_vat": "9300000.00"}, MENDED),
        ({"amount_ex_vat": "9999999.00"}, QUARANTINED),
        ({"amount_ex_vat": None}, MENDED),
    ],
)
def test_dq20_the_amount_of_a_transfer_is_quantity_times_price(changes: dict[str, Any], severity: str | None):
    assert rules(clean_rows("transfer", good("transfer", **changes))).get("DQ-20") == severity


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("transfer", {"price_allocation_ex_vat": "72.00", "amount_ex_vat": None}),
        ("oms_order", {"price_ex_vat": "293.00"}),
        ("commercial_order", {"price_wholesale": "129.00", "amount": None}),
        ("competitor_order", {"price_wholesale": "521.00", "amount": None}),
    ],
)
def test_dq21_a_price_far_from_its_own_list_price_is_set_aside(kind: str, changes: dict[str, Any]):
    assert rules(clean_rows(kind, good(kind, **changes)))["DQ-21"] == QUARANTINED
    assert "DQ-21" not in rules(clean_rows(kind, good(kind)))


@pytest.mark.parametrize(
    ("kind", "changes", "fires"),
    [
        ("transfer", {"qty_base": 0, "amount_ex_vat": "0"}, True),
        ("transfer", {"qty_base": 0, "amount_ex_vat": "0", "status": "cancelled"}, False),
        ("oms_order", {"qty_base": -1}, True),
        ("mes_work_order", {"plan_qty_base": 0}, True),
        ("wms_move", {"qty_base": 0}, True),
        ("purchase_order", {"qty": 0, "received_qty": 0}, True),
        ("mes_output", {"good_base": -1}, True),
        ("mes_output", {"good_base": 0}, False),
        ("finished_stock", {"on_hand_base": -1, "reserved_base": None}, True),
        ("commercial_stock", {"stock_base": -1}, True),
        ("store_check", {"stock_base": -1}, True),
        ("store_check", {"stock_base": 0}, False),
        ("competitor_order", {"qty_demand_base": 800}, True),
    ],
)
def test_dq22_quantities_of_every_kind_are_positive_or_not_negative(kind: str, changes: dict[str, Any], fires: bool):
    assert rules(clean_rows(kind, good(kind, **changes))).get("DQ-22") == (QUARANTINED if fires else None)


@pytest.mark.parametrize(
    ("kind", "changes", "severity"),
    [
        ("transfer", {"received_base": 12_500_000}, None),
        ("transfer", {"received_base": 12_490_000}, MARKED),
        ("purchase_order", {"received_qty": "63000"}, MARKED),
        ("settlement", {"diff": "13.00"}, None),
        ("settlement", {"diff": "12.00"}, MARKED),
        ("settlement", {"diff": None}, MENDED),
        ("settlement", {"vat": None, "diff": "0"}, None),
    ],
)
def test_dq24_what_is_sent_arrives_and_what_is_owed_is_paid(kind: str, changes: dict[str, Any], severity: str | None):
    result = clean_rows(kind, good(kind, **changes))

    assert outcome(result.receipt) == ONE_ACCEPTED
    assert rules(result).get("DQ-24") == severity


def _stock(day: str, stock: int, received: int | None = None, sold: int | None = None) -> dict[str, Any]:
    changes = {"received_base": received, "sold_base": sold}
    return good("commercial_stock", biz_date=day, stock_base=stock, **changes)


@pytest.mark.parametrize(
    ("stock", "fires"), [(7_050_000, False), (7_080_000, False), (7_100_000, True), (6_900_000, True)]
)
def test_dq24_a_stock_follows_from_the_day_before(stock: int, fires: bool):
    days = [_stock("2025-03-13", 7_000_000), _stock("2025-03-14", stock, received=100_000, sold=50_000)]
    known = directory()
    known.put("commercial_stock", clean_rows("commercial_stock", days[0]).accepted)

    together = clean_rows("commercial_stock", *days)
    later = clean_rows("commercial_stock", days[1], directory=known)
    alone = clean_rows("commercial_stock", days[1])

    assert rules(together) == rules(later) == ({"DQ-24": MARKED} if fires else {})
    assert rules(alone) == {}


def test_dq24_a_body_of_stocks_without_a_company_is_refused_not_stumbled_over():
    stock = _stock("2025-03-14", 7_000_000, received=100_000, sold=50_000)
    del stock["org_code"]
    assert rules(clean_rows("commercial_stock", stock))["DQ-01"] == "reject"


def test_dq24_without_changes_nobody_knows_what_a_stock_should_be():
    assert rules(clean_rows("commercial_stock", _stock("2025-03-13", 7), _stock("2025-03-14", 900))) == {}


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"license_status": "valid"}, False),
        ({"license_status": "revoked"}, True),
        ({"license_valid_to": "2031-01-01"}, True),
        ({"license_valid_to": "2030-03-01"}, False),
    ],
)
def test_dq12_a_licence_that_has_ended_or_lasts_too_long_is_marked(changes: dict[str, str], fires: bool):
    assert rules(clean_rows("retailer", good("retailer", **changes))) == ({"DQ-12": MARKED} if fires else {})


def test_dq25_a_reading_of_bad_quality_is_kept_and_marked():
    result = clean_rows("scada_sample", good("scada_sample", quality="bad"))

    assert outcome(result.receipt) == ONE_ACCEPTED
    assert rules(result) == {"DQ-25": MARKED}
    assert rules(clean_rows("scada_sample", good("scada_sample"))) == {}


def test_a_commercial_sale_without_price_is_not_held_against_one():
    assert outcome(clean_rows("commercial_sale", month_sale(amount="1")).receipt) == ONE_ACCEPTED
    assert outcome(clean_rows("commercial_sale", month_sale(qty_base=0)).receipt) == ONE_QUARANTINED


def test_a_sku_that_is_valid_for_a_day_only_is_right():
    day = date(2025, 3, 1).isoformat()

    assert rules(clean_rows("sku", good("sku", valid_from=day, valid_to=day))) == {}


def test_dq09_a_quantity_in_another_unit_needs_its_product():
    row = {**good("mes_output"), "good_base": 5, "scrap_base": None, "rework_base": None}
    fields = tuple(FieldMap(name=name, column=name, unit="case" if name == "good_base" else "") for name in row)
    mapping = Mapping(source="mes", kind="mes_output", schema_version=1, fields=fields)

    known = cleaned("mes_output", json.dumps(row).encode(), mapping=mapping)
    nameless = cleaned("mes_output", json.dumps({**row, "sku_code": None}).encode(), mapping=mapping)

    assert _first(known)["good_base"] == 250_000
    assert rules(nameless) == {"DQ-09": QUARANTINED}
