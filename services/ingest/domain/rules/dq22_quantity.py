"""DQ-22: quantities are positive unless the record takes something back, and an order keeps to demand and cap."""

from __future__ import annotations

import numpy as np

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import Mask, hits

TAKEN_BACK = ("cancelled", "returned")
POSITIVE = {
    "pos_sale": "qty",
    "commercial_sale": "qty_base",
    "commercial_order": "qty_demand_base",
    "competitor_order": "qty_demand_base",
    "transfer": "qty_base",
    "oms_order": "qty_base",
    "mes_work_order": "plan_qty_base",
    "wms_move": "qty_base",
    "purchase_order": "qty",
}
NOT_NEGATIVE = {
    "mes_output": ("good_base", "scrap_base", "rework_base"),
    "finished_stock": ("on_hand_base", "reserved_base"),
    "commercial_stock": ("stock_base", "in_transit_base", "on_order_base", "received_base"),
    "store_check": ("stock_base",),
    "transfer": ("received_base",),
}
ORDERS = ("commercial_order", "competitor_order")


def check(batch: Batch) -> None:
    for part in NOT_NEGATIVE.get(batch.kind.name, ()):
        numbers = batch.numbers(part)
        if numbers is not None:
            batch.find("DQ-22", Severity.QUARANTINE, part, numbers < 0, "the quantity must not be negative")
    _check_main(batch)


def _check_main(batch: Batch) -> None:
    name = POSITIVE.get(batch.kind.name)
    if name is None:
        return
    excused = _taken_back(batch)
    quantities = batch.numbers(name)
    if quantities is not None:
        wrong = (quantities <= 0) & ~excused
        batch.find("DQ-22", Severity.QUARANTINE, name, wrong, "the quantity must be positive")
    if batch.kind.name in ORDERS:
        _check_order(batch, excused)


def _check_order(batch: Batch, excused: Mask) -> None:
    orders = batch.numbers("qty_order_base")
    if orders is None:
        return
    demands, caps = batch.numbers("qty_demand_base"), batch.numbers("qty_cap_base")
    # A line that was wanted and not delivered is a fact: zero is right when there is a demand.
    unwanted = np.isnan(demands) if demands is not None else batch.everywhere()
    wrong = ((orders < 0) | ((orders == 0) & unwanted)) & ~excused
    batch.find("DQ-22", Severity.QUARANTINE, "qty_order_base", wrong, "the quantity must be positive")
    for name, limits in (("demand", demands), ("cap", caps)):
        if limits is not None:
            above = (orders > limits) & ~excused
            message = f"the ordered quantity exceeds the {name}"
            batch.find("DQ-22", Severity.QUARANTINE, "qty_order_base", above, message)


def _taken_back(batch: Batch) -> Mask:
    voids = batch.get("void")
    if voids is not None:
        return hits(voids)
    states = batch.get("state" if batch.kind.name in ORDERS else "status")
    if states is None:
        return batch.nowhere()
    names = set(states.to_list())
    if names.isdisjoint(TAKEN_BACK):
        return batch.nowhere()
    return np.array([state in TAKEN_BACK for state in states.to_list()], dtype=np.bool_)


RULE = Rule(
    id="DQ-22",
    severity=Severity.QUARANTINE,
    order=52,
    doc="Quantities are positive unless void, cancelled or returned; ordered <= demanded, ordered <= cap.",
    check=check,
    concerns=kinds(*POSITIVE, *NOT_NEGATIVE),
)
