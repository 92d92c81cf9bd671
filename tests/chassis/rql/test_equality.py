"""What SQL finds on a real PostgreSQL is what the predicate says of each twin."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import bus
from chassis.db import Database, database
from chassis.outbox import Relay
from chassis.rql.numbers import number_of
from chassis.rql.ordering import parse_sort
from chassis.rql.parser import parse
from chassis.rql.predicate import ABSENT, predicate, reader
from chassis.rql.search import search_for, summary_of
from chassis.rql.sql import Indexed
from chassis.rql.tree import Field
from chassis.settings import CommonSettings
from services.twin.app import MIGRATIONS
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import Types
from services.twin.store import CONNECTIONS, OUTBOX, SCHEMA, PostgresStore
from services.twin.wire import shown_twin
from tests.chassis.rql.made import (
    EVERY_NUMBER,
    EVERY_PATTERN,
    EVERY_VALUE,
    JSON_FIELDS,
    NOW,
    NUMBER_FIELDS,
    QUERIES,
    is_writable,
    markets,
    quoted,
)

TABLES = ", ".join(f"{SCHEMA}.{name}" for name in ("twin", "relation", "journal", "outbox"))
SLOW = settings(max_examples=300, suppress_health_check=list(HealthCheck))


ORIGIN = Origin.of(NOW, NOW, "", "")
FIELDS = ("properties/v", "properties/v/a", "number(properties/v)")


class Every(frozenset[Field]):
    """Whatever is asked for is in it."""

    def __contains__(self, field: object) -> bool:
        return True


class Shelf:
    """A store that can be emptied."""

    def __init__(self, db: Database, store: PostgresStore) -> None:
        self._db = db
        self.store = store

    async def filled(self, twins: list[Twin]) -> None:
        async with self._db.transaction() as session:
            await session.execute(sa.text(f"TRUNCATE {TABLES}"))
        async with self.store.write() as unit:
            await unit.lock([twin.id for twin in twins], ORIGIN)
            await unit.save([(twin, Change(twin.revision, {"relations": []}, twin.origin)) for twin in twins])

    async def found(self, **asked: Any) -> tuple[list[Twin], str]:
        """What a search finds, whether it is written for the index of all properties or for indexes of their own."""
        found = []
        for ready in (Indexed(), Indexed(ranges=Every(), parts=Every())):
            self.store.indexes.ready = ready
            page, cursor = await self.store.search(search_for(**asked))
            found.append(([shown_twin(each) for each in page], cursor))
        assert found[0] == found[1]
        return found[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shelf(common: CommonSettings) -> AsyncIterator[Shelf]:
    async with (
        database(common.postgres_url, SCHEMA, **CONNECTIONS) as db,
        bus(common.nats_url, "test") as log,
    ):
        await db.migrate(MIGRATIONS)
        yield Shelf(db, PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped()))


def _every_query() -> list[str]:
    texts = [quoted(value) for value in EVERY_VALUE if isinstance(value, str) and is_writable(value)]
    values = [*texts, *EVERY_NUMBER, "true", "false", "null"]
    return [
        *(f"{name}(properties/v,{value})" for name in ("eq", "ne") for value in values),
        *(f"{name}(properties/v,{value})" for name in ("gt", "ge", "lt", "le") for value in [*texts, *EVERY_NUMBER]),
        *(
            f"{name}(number(properties/v),{value})"
            for name in ("eq", "ne", "gt", "ge", "lt", "le")
            for value in EVERY_NUMBER
        ),
        *(f"in(properties/v,{one},{two})" for one, two in itertools.pairwise(values)),
        *(f"{name}(properties/v,{quoted(pattern)})" for name in ("like", "ilike") for pattern in EVERY_PATTERN),
        *(
            f"{name}({field})"
            for name in ("exists", "empty")
            for field in ("properties/v", "properties/v/a", "number(properties/v)")
        ),
        *(f"{name}(properties/v/{place},1)" for name in ("eq", "ne", "ge") for place in ("a", "0")),
    ]


async def test_sql_and_predicate_tell_the_same_of_every_value_beside_every_other(shelf: Shelf):
    states = [{}, *({"v": value} for value in EVERY_VALUE)]
    twins = {f"sku:{n}": Twin(f"sku:{n}", "sku", 1, state, {}, (), ORIGIN) for n, state in enumerate(states)}
    await shelf.filled(list(twins.values()))

    for query in _every_query():
        for text in (query, f"not({query})"):
            found, _ = await shelf.found(filter_text=text, limit=1000)
            fulfils = predicate(parse(text))
            expected = {twin.id: twin.properties for twin in twins.values() if fulfils(twin)}
            assert {twin.id: twin.properties for twin in found}.keys() == expected.keys(), text


@SLOW
@given(twins=markets(), queries=st.lists(QUERIES, min_size=1, max_size=12))
async def test_sql_and_predicate_tell_the_same(shelf: Shelf, twins: list[Twin], queries: list[str]):
    await shelf.filled(twins)
    kept = (await shelf.found(limit=10))[0]
    living = {twin.id: twin for twin in twins if twin.exists}

    assert [twin.id for twin in kept] == sorted(living)
    for query in queries:
        found, _ = await shelf.found(filter_text=query, limit=10)
        for known in (living, {twin.id: twin for twin in kept}):
            fulfils = predicate(parse(query), known.get)
            assert [twin.id for twin in found] == sorted(twin.id for twin in known.values() if fulfils(twin)), query


def _rank(value: Any) -> tuple[int, Any]:
    """Where a value stands in an order: with its own kind."""
    if isinstance(value, bool):
        return 2, value
    if number_of(value) is not None and not isinstance(value, str):
        return 0, Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return (1, value[:256]) if isinstance(value, str) else (3, 0)


def _sorted(twins: list[Twin], fields: list[tuple[str, bool]]) -> list[str]:
    listed = sorted(twins, key=lambda twin: twin.id)
    for text, descends in reversed(fields):
        read = reader(parse_sort(text)[0].field)
        ranks = {twin.id: _rank(read(twin)) for twin in twins}
        there = [twin for twin in listed if ranks[twin.id][0] < 3]
        # Python keeps ties as they stood, in reverse, too.
        there.sort(key=lambda twin: ranks[twin.id], reverse=descends)
        listed = there + [twin for twin in listed if ranks[twin.id][0] == 3]
    return [twin.id for twin in listed]


@SLOW
@given(twins=markets(), fields=st.lists(st.tuples(JSON_FIELDS, st.booleans()), min_size=1, max_size=3))
async def test_pages_of_any_order_hold_each_twin_once_and_in_its_place(
    shelf: Shelf, twins: list[Twin], fields: list[tuple[str, bool]]
):
    await shelf.filled(twins)
    sort = ",".join(("-" if descends else "+") + field for field, descends in fields)

    paged: list[str] = []
    cursor, more = "", True
    while more:
        page, cursor = await shelf.found(sort=sort, cursor=cursor, limit=2)
        paged += [twin.id for twin in page]
        more = bool(cursor)

    assert paged == _sorted([twin for twin in twins if twin.exists], fields)


@SLOW
@given(twins=markets(), field=NUMBER_FIELDS)
async def test_pages_by_spelt_numbers_hold_each_twin_once(shelf: Shelf, twins: list[Twin], field: str):
    await shelf.filled(twins)

    first, cursor = await shelf.found(sort=f"-{field}", limit=1)
    rest, _ = await shelf.found(sort=f"-{field}", cursor=cursor, limit=10) if cursor else ([], "")

    read = reader(parse_sort(field)[0].field)
    values = [read(twin) for twin in (*first, *rest)]
    there = [Decimal(repr(v)) if isinstance(v, float) else Decimal(v) for v in values if v is not ABSENT]
    assert sorted(twin.id for twin in (*first, *rest)) == sorted(twin.id for twin in twins if twin.exists)
    assert there == sorted(there, reverse=True)
    assert all(value is ABSENT for value in values[len(there) :])


def _key(value: Any) -> tuple[str, Any] | None:
    """What a group goes by: null, objects and arrays are nothing to go by."""
    if isinstance(value, bool):
        return "a boolean", value
    if isinstance(value, int | float | Decimal):
        return "a number", Fraction(Decimal(repr(value)) if isinstance(value, float) else value)
    return ("a text", value) if isinstance(value, str) else None


def _numbers(values: list[Any]) -> list[Fraction]:
    keys = [_key(value) for value in values]
    return [key[1] for key in keys if key is not None and key[0] == "a number"]


@SLOW
@given(twins=markets(), groups=st.lists(JSON_FIELDS | NUMBER_FIELDS, max_size=2), field=JSON_FIELDS | NUMBER_FIELDS)
async def test_sums_by_group_are_those_of_the_twins_in_it(
    shelf: Shelf, twins: list[Twin], groups: list[str], field: str
):
    await shelf.filled(twins)
    labels = ["count", *(f"{function}({field})" for function in ("count", "sum", "avg", "min", "max"))]
    summary = summary_of(group_by=",".join(groups), aggregate=",".join(labels))
    texts = await shelf.store.summarise(summary, limit=10)
    told = [json.loads(text, parse_int=Decimal, parse_float=Decimal) for text in texts]

    members: dict[tuple[Any, ...], list[Any]] = {} if groups else {(): []}
    for twin in twins:
        if twin.exists:
            key = tuple(_key(reader(parse_sort(group)[0].field)(twin)) for group in groups)
            members.setdefault(key, []).append(reader(parse_sort(field)[0].field)(twin))
    found = {tuple(_key(each["key"][group]) for group in groups): each["values"] for each in told}
    assert len(found) == len(told)
    assert found.keys() == members.keys()
    for key, values in members.items():
        count, there, total, mean, least, greatest = (found[key][label] for label in labels)
        numbers = _numbers(values)
        assert (count, there) == (len(values), sum(value is not ABSENT for value in values))
        if not numbers:
            assert total is mean is least is greatest is None
            continue
        assert [Fraction(each) for each in (total, least, greatest)] == [sum(numbers), min(numbers), max(numbers)]
        exact = sum(numbers) / len(numbers)
        assert abs(Fraction(mean) - exact) <= abs(exact) / 10**15


async def test_groups_stand_in_the_order_of_their_values(shelf: Shelf):
    states = [{"v": value} for value in (10, 9, True, "b", "B", None, [1])] + [{}]
    await shelf.filled([Twin(f"sku:{n}", "sku", 1, state, {}, (), ORIGIN) for n, state in enumerate(states)])

    texts = await shelf.store.summarise(summary_of(group_by="properties/v"), limit=10)

    told = [(each["key"]["properties/v"], each["values"]["count"]) for each in map(json.loads, texts)]
    assert told == [(9, 1), (10, 1), ("B", 1), ("b", 1), (True, 1), (None, 3)]
