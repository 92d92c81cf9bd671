"""Subscriptions with a query: who follows one holds exactly the twins that fulfil it, however deltas come together."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from gateway.live import filters
from gateway.live.filters import Filter
from gateway.live.hub import Hub, Subscription
from marketwin.twin.v1 import types_pb2
from services.twin.domain.twins import Origin, Relation, Twin
from services.twin.wire import twin_message, undo_texts
from tests.chassis.rql.made import NOW

ORIGIN = Origin.of(NOW, NOW, "till", "")
DEAR = Filter(query="gt(properties/price,10)")


def _twin(code: str, revision: int, price: int | None, *, model: str = "sku") -> Twin:
    """A twin with a price; deleted without one."""
    properties = {} if price is None else {"price": price}
    relations = (Relation("of", f"brand:{price}"),)
    return Twin(f"{model}:{code}", model, revision, properties, {}, relations, ORIGIN, deleted=price is None)


def _published(hub: Hub, *changes: tuple[Twin | None, Twin], knows: bool = True) -> None:
    """One event: each twin as it was and as it is."""
    twins: list[types_pb2.Twin] = [twin_message(after) for _, after in changes]
    undo = (
        ["null" if before is None else undo_texts([(before, after)])[0] for before, after in changes] if knows else []
    )
    hub.publish(hub.sequence + 1, twins, undo)


def _hub() -> Hub:
    hub = Hub()
    hub.start(10)
    return hub


async def _told(subscription: Subscription) -> tuple[list[str], list[str]]:
    message: dict[str, Any] = json.loads((await asyncio.wait_for(subscription.next(), 1)).text)
    return [twin["id"] for twin in message["twins"]], message["gone"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, 11, (["sku:a"], [])),
        (9, 11, (["sku:a"], [])),
        (12, 11, (["sku:a"], [])),
        (12, 9, ([], ["sku:a"])),
        (12, None, ([], ["sku:a"])),
    ],
)
async def test_a_twin_is_told_while_it_fulfils_the_query_and_once_when_it_ceases_to(
    before: int | None, after: int | None, told: tuple[list[str], list[str]]
):
    hub = _hub()
    subscription = hub.subscribe(DEAR)

    _published(hub, (None if before is None else _twin("a", 1, before), _twin("a", 2, after)))

    assert await _told(subscription) == told


@pytest.mark.parametrize(("before", "after"), [(None, 9), (8, 9), (8, None), (None, None)])
async def test_a_twin_that_never_fulfilled_the_query_is_not_told_of(before: int | None, after: int | None):
    hub = _hub()
    subscription = hub.subscribe(DEAR)

    _published(hub, (None if before is None else _twin("a", 1, before), _twin("a", 2, after)))
    mark = await subscription.next(within_s=0.01)

    assert (mark.kind, mark.sequence) == ("mark", 11)
    assert json.loads(mark.text) == {"type": "delta", "sequence": 11, "twins": [], "gone": []}


async def test_where_nobody_knows_what_a_twin_was_it_is_told_as_gone():
    hub = _hub()
    subscription = hub.subscribe(DEAR)

    _published(hub, (None, _twin("a", 2, 9)), (None, _twin("b", 2, 11)), knows=False)

    assert await _told(subscription) == (["sku:b"], ["sku:a"])


@pytest.mark.parametrize(
    "query",
    [
        'and(eq(model,"sku"),eq(revision,2))',
        'eq(relations/of,"brand:11")',
        'and(eq(source,"till"),le(changed_at,"2030-01-01T00:00:00Z"))',
        'like(id,"sku:?")',
        "not(exists(desired/price))",
    ],
)
async def test_every_part_of_a_twin_can_be_asked_for(query: str):
    hub = _hub()
    subscription = hub.subscribe(Filter(query=query))

    _published(hub, (_twin("a", 1, 11), _twin("a", 2, 11)))

    assert await _told(subscription) == (["sku:a"], [])


async def test_model_ids_and_query_narrow_each_other():
    hub = _hub()
    subscription = hub.subscribe(Filter("sku", frozenset({"sku:a", "region:b"}), DEAR.query))

    changes = [_twin("a", 2, 11), _twin("c", 2, 11), _twin("b", 2, 11, model="region")]
    _published(hub, *((None, each) for each in changes))

    assert await _told(subscription) == (["sku:a"], [])


@pytest.mark.parametrize(
    ("query", "rule", "place"),
    [
        ("gt(properties/price", "syntax", 20),
        ("related(of,eq(id,'x'))", "unsupported_operator", 1),
        ("and(exists(id),related(of,exists(id)))", "unsupported_operator", 16),
        ("not(" * 1000, "too_deep", 129),
        ("eq(id,'" + "x" * 9000 + "')", "too_long", 8193),
    ],
)
def test_a_query_that_cannot_be_followed_is_refused_with_its_place(query: str, rule: str, place: int):
    with pytest.raises(Invalid) as refused:
        filters.compiled(query)

    [problem] = refused.value.errors
    assert (problem.pointer, problem.rule) == ("/query/filter", rule)
    assert f"at character {place}:" in problem.message


async def test_a_query_is_compiled_once_and_asked_of_a_delta_once_for_all_who_share_it(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    hub = _hub()
    query = 'eq(source,"till")'
    compiled = filters.compiled(query)
    monkeypatch.setattr(filters, "compiled", lambda _: lambda twin: asked.append(twin.id) or compiled(twin))
    early = [hub.subscribe(Filter(query=query)) for _ in range(50)]

    _published(hub, (None, _twin("a", 1, 5)))
    together = [await each.next() for each in early]
    _published(hub, (None, _twin("b", 1, 5)))
    late = [hub.subscribe(Filter(query=query), 10) for _ in range(50)]
    both = [await each.next() for each in late]

    assert asked == ["sku:a", "sku:b"]
    assert len({id(told) for told in together}) == len({id(told) for told in both}) == 1


Step = tuple[str, int | None]
steps = st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(8, 13)), max_size=30)


class Follower:
    """A client that reads now and then; what it missed comes as one message: twins first, then those that are gone."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._place = hub.subscribe(DEAR)._place
        self.held: dict[str, int] = {}

    def read(self) -> None:
        if run := self._hub.run_at(self._place):
            self._place += len(run)
            message = json.loads(self._hub.told(run, self._hub.share(DEAR)).text)
            self.held |= {twin["id"]: twin["revision"] for twin in message["twins"]}
            self.held = {each: revision for each, revision in self.held.items() if each not in message["gone"]}


@given(steps=steps, reads=st.sets(st.integers(0, 29), max_size=6), knows=st.booleans())
def test_who_follows_holds_exactly_the_twins_that_fulfil_the_query(steps: list[Step], reads: set[int], knows: bool):
    hub = _hub()
    follower = Follower(hub)
    known: dict[str, Twin] = {}
    for number, (code, price) in enumerate(steps):
        after = _twin(code, number + 1, price)
        _published(hub, (known.get(after.id), after), knows=knows)
        known[after.id] = after
        if number in reads or number == len(steps) - 1:
            follower.read()
            assert follower.held == {
                each.id: each.revision for each in known.values() if each.properties.get("price", 0) > 10
            }
