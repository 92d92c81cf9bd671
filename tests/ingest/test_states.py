"""The book holds a new state against the one it knows (E-02)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chassis.bus import Bus
from marketwin.ingest.v1 import service_pb2 as pb
from tests.ingest.builders import order
from tests.ingest.records import good
from tests.ingest.running import Stub, at, balances, booked, caught_up, counts, is_balanced, now, push


def _transfer(no: str, state: str, hours: float, **changes: Any) -> dict[str, Any]:
    told = (now() - timedelta(hours=hours)).isoformat()
    return good("transfer", now(), transfer_no=no, status=state, status_at=told, shipped_at=None, **changes)


async def _waiting(ingest: Stub, source: str) -> list[Any]:
    answer = await ingest.ListQuarantine(pb.ListQuarantineRequest(source=source, state="open"))
    return list(answer.items)


async def test_a_state_that_goes_back_is_set_aside_with_its_reason_and_the_balance_says_so(ingest: Stub, log: Bus):
    for state, hours in (("shipped", 5), ("planned", 3)):
        receipt = await push(ingest, "transfer", _transfer("T1", state, hours), source="back")
        assert counts(receipt) == (1, 0, 0, 0)
        await caught_up(log)

    row = (await balances(ingest, log))["back", "transfer"]
    (item,) = await _waiting(ingest, "back")
    assert (await booked(ingest, "transfer", "T1~1"))["status"] == "shipped"
    assert [reason.rule for reason in item.reasons] == ["E-02"]
    assert is_balanced(row)
    assert (row.received, row.stored, row.quarantined) == (2, 1, 1)


async def test_states_that_go_forward_over_several_bodies_are_all_kept(ingest: Stub, log: Bus):
    for state, hours in (("planned", 9), ("permitted", 7), ("shipped", 5), ("received", 3)):
        await push(ingest, "transfer", _transfer("T2", state, hours), source="forth")
        await caught_up(log)

    row = (await balances(ingest, log))["forth", "transfer"]
    assert (await booked(ingest, "transfer", "T2~1"))["status"] == "received"
    assert (row.stored, row.quarantined) == (4, 0)


async def test_a_state_of_earlier_that_comes_late_is_history(ingest: Stub, log: Bus):
    for state, hours in (("shipped", 3), ("planned", 5)):
        await push(ingest, "transfer", _transfer("T3", state, hours), source="history")
        await caught_up(log)

    row = (await balances(ingest, log))["history", "transfer"]
    assert (await booked(ingest, "transfer", "T3~1"))["status"] == "shipped"
    assert (row.stored, row.quarantined) == (2, 0)


async def test_a_state_that_is_only_told_again_is_a_duplicate(ingest: Stub, log: Bus):
    stamp = at(hours=4)
    for place, state in enumerate(("new", "delivered", "new")):
        row = order(order_no="E1", ordered_at=stamp, state=state)
        await push(ingest, "commercial_order", row, source="again", key=f"e1-{place}")
        await caught_up(log)

    balance = (await balances(ingest, log))["again", "commercial_order"]
    assert (await booked(ingest, "commercial_order", "E1~1"))["state"] == "delivered"
    assert (balance.stored, balance.duplicate, balance.quarantined) == (2, 1, 0)
