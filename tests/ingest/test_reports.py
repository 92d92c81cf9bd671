"""What the records add up to: suppliers, stock, late orders, differences, chains."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from chassis.bus import Bus
from chassis.errors import Invalid, NotFound
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from tests.ingest.builders import order
from tests.ingest.running import Stub, at, booked, caught_up, frame, now, push

TODAY = now().astimezone(TRADE_ZONE).date()
SKU = "34010021"


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


async def report(stub: Stub, name: str, **wanted: Any) -> list[dict[str, Any]]:
    """All rows, two a page."""
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await stub.GetReport(pb.GetReportRequest(name=name, page_size=2, cursor=cursor, **wanted))
        rows += frame(page.arrow_ipc).to_dicts()
        cursor = page.next_cursor
        if not cursor:
            return rows


async def differences(stub: Stub, **wanted: Any) -> list[Any]:
    items: list[Any] = []
    cursor = ""
    while True:
        page = await stub.ListDifferences(pb.ListDifferencesRequest(page_size=2, cursor=cursor, **wanted))
        items += page.items
        cursor = page.next_cursor
        if not cursor:
            return items


async def load(stub: Stub, log: Bus, kind: str, *rows: dict[str, Any], source: str = "erp") -> None:
    receipt = await push(stub, kind, list(rows), source=source)
    assert receipt.accepted == len(rows), receipt
    await caught_up(log)


def purchase(no: int, *, took: int | None, promised: int = 10, **changes: Any) -> dict[str, Any]:
    """Ordered 30 days ago, promised and received so many days later."""
    ordered = TODAY - timedelta(days=30)
    received = None if took is None else f"{ordered + timedelta(days=took)}T04:00:00Z"
    return {
        "po_no": f"PO{no}",
        "line_no": 1,
        "supplier_code": "S1",
        "material": "paper",
        "qty": "100",
        "unit": "kg",
        "ordered_on": str(ordered),
        "promised_on": str(ordered + timedelta(days=promised)),
        "received_at": received,
        "received_qty": None if took is None else "100",
        "status": "ordered" if took is None else "received",
        **changes,
    }


async def test_suppliers_are_measured_by_their_orders(ingest: Stub, log: Bus):
    supplier = {"supplier_code": "S1", "material": "paper", "name": "纸厂", "lead_days": 9}
    lines = [purchase(1, took=8), purchase(2, took=10), purchase(3, took=15), purchase(4, took=None)]
    other = purchase(5, took=None, promised=90, supplier_code="S2", material="rods")
    dropped = purchase(6, took=None, status="cancelled")
    await load(ingest, log, "supplier", supplier)
    await load(ingest, log, "purchase_order", *lines, other, dropped)

    paper, rods = await report(ingest, "suppliers")
    only = await report(ingest, "suppliers", equal={"material": "rods"})

    assert (paper["supplier_code"], paper["name"], paper["lead_days_agreed"]) == ("S1", "纸厂", 9)
    assert (paper["lines"], paper["received_lines"], paper["late_open_lines"]) == (4, 3, 1)
    assert (paper["lead_days_mean"], paper["lead_days_p90"]) == (11.0, 14.0)
    assert (paper["promised_lines"], paper["on_time_rate"]) == (4, 0.5)
    assert (rods["lead_days_mean"], rods["promised_lines"], rods["on_time_rate"]) == (None, 0, None)
    assert only == [rods]


async def test_stock_by_place_and_batch_stands_beside_its_last_count(ingest: Stub, log: Bus):
    stock = [
        {"wh_code": "W1", "sku_code": SKU, "batch_no": batch, "biz_date": ago(day), "on_hand_base": base}
        for batch, day, base in (("B1", 3, 1000), ("B1", 1, 700), ("B2", 1, 500))
    ]
    counts = [
        ("C1", 1, "A-1", 600, 3, "08"),
        ("C1", 2, "A-2", 350, 3, "08"),
        ("C2", 1, "A-1", 640, 3, "09"),  # counted again: the later one of the slot holds
    ]
    moves = [
        {
            "wh_code": "W1",
            "move_no": no,
            "line_no": line,
            "move": "count",
            "sku_code": SKU,
            "batch_no": "B1",
            "qty_base": base,
            "to_slot": slot,
            "started_at": f"{ago(day)}T{hour}:00:00+08:00",
        }
        for no, line, slot, base, day, hour in counts
    ]
    company = {"org_code": "C340100", "sku_code": SKU, "biz_date": ago(1), "stock_base": 4000, "in_transit_base": 200}
    await load(ingest, log, "warehouse", {"wh_code": "W1", "kind": "plant", "name": "W1"})
    await load(ingest, log, "finished_stock", *stock, source="wms")
    await load(ingest, log, "wms_move", *moves, source="wms")
    await load(ingest, log, "commercial_stock", company, source="oms")

    at_company, first, second = await report(ingest, "stock", equal={"sku_code": SKU})
    [found] = await differences(ingest, type="stock_count")

    assert (at_company["place"], at_company["stock_base"], at_company["in_transit_base"]) == ("C340100", 4000, 200)
    assert (first["batch_no"], str(first["biz_date"]), first["stock_base"]) == ("B1", ago(1), 700)
    assert (first["counted_base"], first["system_at_count_base"], first["difference_base"]) == (990, 1000, -10)
    assert (second["batch_no"], second["counted_base"], second["difference_base"]) == ("B2", None, None)
    assert (found.expected, found.found, found.difference, found.unit) == ("1000", "990", "-10", "stick")
    assert json.loads(found.detail_json) == {"place": "W1", "product": SKU, "batch": "B1"}


def transfer(no: str, **changes: Any) -> dict[str, Any]:
    return {
        "transfer_no": no,
        "line_no": 1,
        "permit_no": "ZY1",
        "to_org": "C340100",
        "sku_code": SKU,
        "qty_base": 10000,
        "price_allocation_ex_vat": "146.00",
        "amount_ex_vat": "7300.00",
        "planned_on": ago(6),
        **changes,
    }


async def test_transfers_are_matched_with_receipts_invoices_and_payments(ingest: Stub, log: Bus):
    received = {"status": "received", "shipped_at": at(days=5), "received_at": at(days=2), "status_at": at(days=2)}
    whole = transfer("T1", **received, received_base=10000)
    short = transfer("T2", **received, received_base=9600)
    unpaid = transfer("T3", **received, received_base=10000)
    await load(ingest, log, "transfer", whole, short, unpaid)
    settled = {"vat": "949.00", "paid_on": ago(1), "updated_at": at(days=1)}
    await load(
        ingest,
        log,
        "settlement",
        {"settle_no": "S1", "transfer_no": "T1", "amount_ex_vat": "7300.00", "paid": "8249.00", **settled},
        {"settle_no": "S2", "transfer_no": "T2", "amount_ex_vat": "7008.00", "paid": "7000.00", **settled},
    )

    found = {(item.type, item.key): item for item in await differences(ingest)}

    assert ("transfer_receipt", "T1~1") not in found
    short_by = found["transfer_receipt", "T2~1"]
    billed, missing = found["transfer_invoice", "T2"], found["transfer_invoice", "T3"]
    paid = found["invoice_payment", "S2"]
    assert (short_by.expected, short_by.found, short_by.difference, short_by.unit) == ("10000", "9600", "-400", "stick")
    assert (billed.expected, billed.found, billed.difference, billed.unit) == ("7300", "7008", "-292", "CNY")
    assert (missing.expected, missing.found, missing.difference) == ("7300", "", "")
    assert (paid.expected, paid.found, paid.difference) == ("7957", "7000", "-957")
    assert {key for type_, key in found if type_ in ("transfer_invoice", "invoice_payment")} == {"T2", "T3", "S2"}
    days = [item.biz_date for item in await differences(ingest)]
    assert days == sorted(days, reverse=True)


async def test_stock_that_does_not_roll_forward_is_listed(ingest: Stub, log: Bus):
    rows = [
        {"org_code": "C340100", "sku_code": SKU, "biz_date": ago(day), "stock_base": base, "received_base": 100, **sold}
        for day, base, sold in ((9, 1000, {}), (8, 600, {"sold_base": 500}), (7, 650, {"sold_base": 0}))
    ]
    await load(ingest, log, "commercial_stock", *rows, source="oms")

    found = await differences(ingest, type="stock_balance", to_date=ago(7))

    assert [(item.biz_date, item.expected, item.found, item.difference) for item in found] == [
        (ago(7), "700", "650", "-50")
    ]


async def test_a_work_order_that_yields_more_than_planned_is_listed(ingest: Stub, log: Bus):
    plan = {"plant": "P9", "sku_code": SKU, "plan_qty_base": 1000, "plan_start_at": at(days=4), "status": "running"}
    made = {"plant": "P9", "batch_no": "B1", "machine": "M1", "started_at": at(days=3), "ended_at": at(days=2)}
    orders = {"WO-OVER": (600, 451), "WO-BOUND": (600, 450), "WO-UNDER": (900, 0)}
    await load(ingest, log, "mes_work_order", *({**plan, "wo_no": no} for no in orders), source="mes")
    rows = [
        {**made, "wo_no": no, "shift": shift, "good_base": good}
        for no, goods in orders.items()
        for shift, good in zip("AB", goods, strict=True)
    ]
    for row in rows:  # a body each: no rule of the door sees them together
        await load(ingest, log, "mes_output", row, source="mes")

    found = await differences(ingest, type="output_plan")

    assert [(item.key, item.expected, item.found, item.unit) for item in found] == [
        ("P9~WO-OVER", "1000", "1051", "stick")
    ]
    assert json.loads(found[0].detail_json) == {"plant": "P9", "work_order": "WO-OVER", "product": SKU}
    assert not await differences(ingest, type="output_plan", to_date=ago(30))


async def test_states_of_a_machine_that_overlap_across_bodies_are_listed(ingest: Stub, log: Bus):
    def state(machine: str, first: int, last: int | None) -> dict[str, Any]:
        ended = {} if last is None else {"to_at": at(minutes=last)}
        return {"machine": machine, "from_at": at(minutes=first), "state": "run", **ended}

    for row in (state("M-A", 600, 300), state("M-A", 500, 400), state("M-A", 290, 200), state("M-B", 250, None)):
        await load(ingest, log, "equipment_state", row, source="mes")

    found = await differences(ingest, type="state_overlap")

    assert [round(float(item.found), -1) for item in found] == [6000]
    assert (found[0].unit, found[0].expected) == ("s", "0")
    detail = json.loads(found[0].detail_json)
    assert (detail["machine"], detail["state"]) == ("M-A", "run")


async def test_a_slot_from_which_more_was_taken_than_is_in_it_is_listed(ingest: Stub, log: Bus):
    def move(no: str, what: str, qty: int, minutes: int, **slots: str) -> dict[str, Any]:
        plain = {"wh_code": "W9", "line_no": 1, "sku_code": SKU, "batch_no": "B1"}
        return {**plain, "move_no": no, "move": what, "qty_base": qty, "started_at": at(minutes=minutes), **slots}

    for row in (
        move("N0", "out", 900, 600, from_slot="S1"),  # before the first count nobody knows
        move("N1", "count", 1000, 500, to_slot="S1"),
        move("N2", "out", 700, 400, from_slot="S1"),
        move("N3", "shift", 200, 300, from_slot="S1", to_slot="S2"),
        move("N4", "out", 300, 200, from_slot="S1"),
        move("N5", "count", 50, 100, to_slot="S1"),
        move("N6", "out", 50, 50, from_slot="S1"),
    ):
        await load(ingest, log, "wms_move", row, source="wms")

    found = await differences(ingest, type="slot_balance")

    assert [(item.key, item.expected, item.found) for item in found] == [("W9~N4~1", "0", "-200")]
    assert json.loads(found[0].detail_json) == {"place": "W9", "slot": "S1", "product": SKU, "batch": "B1"}


async def test_stocks_told_differently_are_fused_until_a_person_has_decided(ingest: Stub, log: Bus):
    def stock(batch: str, base: int) -> dict[str, Any]:
        return {"wh_code": "W7", "sku_code": SKU, "batch_no": batch, "biz_date": ago(3), "on_hand_base": base}

    def company(base: int) -> dict[str, Any]:
        return {"org_code": "C340100", "sku_code": SKU, "biz_date": ago(20), "stock_base": base}

    await push(ingest, "finished_stock", [stock("NEAR", 1000), stock("FAR", 1000), stock("ONE", 5)], source="erp")
    await push(ingest, "finished_stock", [stock("NEAR", 1100), stock("FAR", 4000)], source="wms")
    await push(ingest, "commercial_stock", company(100), source="erp")
    await push(ingest, "commercial_stock", company(102), source="oms")
    await caught_up(log)

    found = {row["record_key"]: row for row in await report(ingest, "contradictions")}
    near, far = found[f"W7~{SKU}~NEAR~{ago(3)}"], found[f"W7~{SKU}~FAR~{ago(3)}"]

    assert len(found) == 3
    assert (near["fused_base"], near["is_disputed"], far["is_disputed"]) == (1050, False, True)
    assert near["spread"] == pytest.approx(50 / 1050)
    assert {(each["source"], each["value"], each["weight"]) for each in json.loads(near["inputs"])} == {
        ("erp", 1000, 0.5),
        ("wms", 1100, 0.5),
    }
    assert found[f"C340100~{SKU}~{ago(20)}"]["fused_base"] == 101
    assert [row["batch_no"] for row in await report(ingest, "contradictions", equal={"batch_no": "FAR"})] == ["FAR"]
    assert [row["kind"] for row in await report(ingest, "contradictions", to_date=ago(15))] == ["commercial_stock"]
    with pytest.raises(Invalid):
        await report(ingest, "contradictions", equal={"spread": "1"})

    [one, other] = near["items"].split()
    item = (await ingest.ListQuarantine(pb.ListQuarantineRequest(source="wms"))).items
    assert {one, other} & {each.id for each in item}
    await ingest.DropQuarantine(pb.DropQuarantineRequest(ids=[one], reason="fused", dropped_by="ann"))
    assert f"W7~{SKU}~NEAR~{ago(3)}" not in {row["record_key"] for row in await report(ingest, "contradictions")}


async def test_late_orders_are_listed_as_of_a_day(ingest: Stub, log: Bus):
    await load(ingest, log, "transfer", transfer("T9", planned_on=ago(3), status="planned"))
    promise = {"oms_no": "M1", "line_no": 1, "buyer_org": "C340100", "sku_code": SKU, "qty_base": 400}
    await load(ingest, log, "oms_order", {**promise, "ordered_at": at(days=6), "promised_on": ago(2), "status": "new"})
    await load(ingest, log, "commercial_order", order(order_no="L1", ordered_at=at(days=20), state="confirmed"))

    late = {row["no"]: row for row in await report(ingest, "late_orders", to_date=ago(0))}
    before = {row["no"] for row in await report(ingest, "late_orders", to_date=ago(3))}

    assert (late["T9"]["kind"], late["T9"]["days_late"], late["T9"]["party"]) == ("transfer", 3, "C340100")
    assert (late["M1"]["days_late"], late["M1"]["state"]) == (2, "new")
    assert (late["L1"]["kind"], late["L1"]["days_late"]) == ("commercial_order", 13)
    assert "M1" not in before


async def test_the_chain_of_an_order_has_each_state_with_its_time(ingest: Stub, log: Bus):
    moments = {"planned": at(days=6), "shipped": at(days=5), "received": at(days=1)}
    for status, moment in moments.items():
        own = {"received_base": 10000, "received_at": moment} if status == "received" else {}
        row = transfer("T7", planned_on=ago(4), status=status, status_at=moment, **own)
        await load(ingest, log, "transfer", row)
    await booked(ingest, "transfer", "T7~1")

    found = await ingest.GetOrderChain(pb.GetOrderChainRequest(kind="transfer", no="T7"))
    rows = frame(found.arrow_ipc).to_dicts()

    assert [row["state"] for row in rows] == ["planned", "shipped", "received"]
    assert [row["is_current"] for row in rows] == [False, False, True]
    assert [row["entered_at"].isoformat()[:19] for row in rows] == [moment[:19] for moment in moments.values()]
    assert (found.is_late, date.fromisoformat(found.promised_on)) == (False, TODAY - timedelta(days=4))
    with pytest.raises(NotFound):
        await ingest.GetOrderChain(pb.GetOrderChainRequest(kind="transfer", no="nothing"))
    with pytest.raises(Invalid):
        await ingest.GetOrderChain(pb.GetOrderChainRequest(kind="sku", no="T7"))


async def test_a_report_that_there_is_not_is_refused(ingest: Stub):
    with pytest.raises(NotFound, match="suppliers"):
        await report(ingest, "weather")
    for wanted in ({"equal": {"lines": "1"}}, {"from_date": "soon"}):
        with pytest.raises(Invalid):
            await report(ingest, "suppliers", **wanted)
    with pytest.raises(Invalid):
        await differences(ingest, type="weather")
