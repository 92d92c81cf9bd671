"""What can be asked, and how what cannot is refused."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.errors import Invalid
from chassis.rql.aggregates import parse_aggregates, parse_groupings
from chassis.rql.ordering import cursor_of, parse_sort, values_of
from chassis.rql.parser import parse, parse_condition
from chassis.rql.patterns import matcher
from chassis.rql.predicate import predicate
from chassis.rql.selection import parse_select, projected
from chassis.rql.sql import Statement
from chassis.rql.tree import Both, Compare, Field, Negation, Within
from services.twin.domain.twins import Origin, Relation, Twin
from tests.chassis.rql.made import QUERIES

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SHOP = Twin(
    id="retailer:R1",
    model="retailer",
    revision=3,
    properties={
        "name": "红双喜商店",
        "tier": 12,
        "lon": 117.2,
        "price": "12.50",
        "open": True,
        "tags": [],
        "at": {"lat": 31.8},
    },
    desired={"tier": 15},
    relations=(Relation("located_in", "region:340100"),),
    origin=Origin.of(NOW, NOW, "crm", ""),
)
CITY = Twin("region:340100", "region", 1, {"level": "prefecture"}, {}, (Relation("part_of", "region:34"),), SHOP.origin)
PROVINCE = Twin("region:34", "region", 1, {"level": "province"}, {}, (), SHOP.origin)
KNOWN = {twin.id: twin for twin in (SHOP, CITY, PROVINCE)}


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ('eq(properties/name,"红双喜商店")', True),
        ("eq(/properties/tier,12.0)", True),
        ('eq(properties/tier,"12")', False),
        ("ne(properties/tier,13)", True),
        ("ne(properties/missing,13)", False),
        ("not(eq(properties/missing,13))", True),
        ("gt(properties/at/lat,31.79999)", True),
        ("gt(properties/open,0)", False),
        ("gt(properties/price,1)", False),
        ("gt(number(properties/price),12.49)", True),
        ("in(properties/tier,1,'12',12)", True),
        ('like(properties/name,"红*店")', True),
        ('like(properties/name,"红??商店")', True),
        ('like(properties/name,"红?店")', False),
        ('ilike(source,"C?m")', True),
        ('like(source,"C?m")', False),
        ("exists(properties/tags)", True),
        ("empty(properties/tags)", True),
        ("empty(properties/missing)", True),
        ("empty(properties/tier)", False),
        ("eq(desired/tier,15)", True),
        ('eq(relations/located_in,"region:340100")', True),
        ("exists(relations/part_of)", False),
        ('ge(changed_at,"2026-03-01T16:00:00+08:00")', True),
        ('gt(changed_at,"2026-03-01T16:00:00+08:00")', False),
        ("eq(revision,3)", True),
        ('related(located_in,eq(properties/level,"prefecture"))', True),
        ('related(located_in,related(part_of,eq(properties/level,"province")))', True),
        ('related(located_in,eq(properties/level,"province"))', False),
        ('and(eq(model,"retailer"),or(eq(revision,1),not(empty(properties/name))))', True),
    ],
)
def test_a_query_says_what_it_reads_like(query: str, holds: bool):
    assert predicate(parse(query), KNOWN.get)(SHOP) is holds


def test_a_relation_to_a_deleted_or_unknown_twin_leads_nowhere():
    fulfils = "related(located_in,exists(id))"
    gone = replace(CITY, deleted=True)

    assert predicate(parse(fulfils), {gone.id: gone}.get)(SHOP) is False
    assert predicate(parse(fulfils))(SHOP) is False


def test_a_query_is_read_into_a_tree():
    tree = parse(" and( eq(properties/a~1b%2Cc, 1.50) , not(in(id,'x','y')) ) ")

    assert tree == Both(
        (
            Compare("eq", Field("properties", ("a/b,c",)), Decimal("1.50")),
            Negation(Within(Field("id"), ("x", "y"))),
        )
    )


@pytest.mark.parametrize(
    ("query", "place", "rule"),
    [
        ("", 1, "syntax"),
        ("eq", 3, "syntax"),
        ("eq(properties/a,1", 18, "syntax"),
        ("eq(properties/a,1))", 19, "syntax"),
        ("and()", 5, "syntax"),
        ("not(exists(id),exists(id))", 15, "syntax"),
        ("equal(properties/a,1)", 1, "unknown_operator"),
        ("and(exists(id),EQ(id,'a'))", 16, "unknown_operator"),
        ("eq(attributes/a,1)", 4, "unknown_field"),
        ("eq(relations,'a')", 4, "unknown_field"),
        ("eq(model/name,'a')", 4, "unknown_field"),
        ("eq(properties//a,1)", 4, "bad_field"),
        ("eq(properties/%zz,1)", 15, "bad_field"),
        ("eq(properties/%ff,1)", 4, "bad_field"),
        ("eq(properties/~2,1)", 15, "bad_field"),
        ("eq(properties/%00,1)", 4, "bad_character"),
        ("gt(relations/a,'b')", 4, "bad_field"),
        ("eq(number(id),1)", 11, "bad_field"),
        ("like(revision,'1')", 6, "bad_field"),
        ("eq(properties/a,red)", 17, "bad_value"),
        ("eq(properties/a,01)", 17, "bad_value"),
        ("eq(properties/a,NaN)", 17, "bad_value"),
        ("eq(properties/a,'red)", 17, "syntax"),
        ("gt(properties/a,null)", 17, "bad_value"),
        ("like(properties/a,1)", 19, "bad_value"),
        ("eq(revision,'1')", 13, "bad_value"),
        ("eq(id,1)", 7, "bad_value"),
        ("eq(changed_at,'2026-03-01')", 15, "bad_value"),
        ("eq(changed_at,'0001-01-01T00:00:00+14:00')", 15, "bad_value"),
        ("eq(properties/a,1e401)", 17, "bad_value"),
        (f"eq(properties/a,{'1' * 65})", 17, "bad_value"),
        ("eq(properties/a,'\x00')", 18, "bad_character"),
        ("eq(properties/a,'\ud800')", 18, "bad_character"),
        ("related(a-b,exists(id))", 10, "syntax"),
        ("related(a,exists(id),exists(id))", 21, "syntax"),
        ("related(a,related(b,related(c,related(d,exists(id)))))", 31, "too_deep"),
        ("and(" * 1000 + "exists(id)" + ")" * 1000, 129, "too_deep"),
        ("not(" * 2000, 129, "too_deep"),
        ("(" * 8192, 1, "syntax"),
        (f"or({','.join(['exists(id)'] * 600)})", 5493, "too_large"),
        (f"in(id,{','.join(['1'] * 300)})", 7, "bad_value"),
        (f"in(properties/a,{','.join(['1'] * 300)})", 417, "too_large"),
        ("x" * 8193, 8193, "too_long"),
        ("eq(id,'" + "店" * 3000 + "')", 8193, "too_long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_at_once(query: str, place: int, rule: str):
    taken_s = []
    for _ in range(3):
        begun = time.process_time()
        with pytest.raises(Invalid) as refused:
            parse(query)
        taken_s.append(time.process_time() - begun)

    (problem,) = refused.value.errors
    assert (problem.pointer, problem.rule) == ("/query/filter", rule)
    assert problem.message.startswith(f"at character {place}:")
    # Python may collect the garbage of all other tests during one of them.
    assert min(taken_s) < 0.05


@given(st.text(max_size=40) | st.text(alphabet="eqnotadr(),'\"\\/1.e-{}[]%~ ", max_size=80))
def test_any_text_is_read_or_refused(text: str):
    with suppress(Invalid):
        parse(text)


@given(QUERIES)
def test_what_a_query_says_is_bound_and_never_part_of_the_statement(query: str):
    statement = Statement(documents="twin.twin", relations="twin.relation")

    text = statement.where(parse(query))

    assert "DROP" not in text
    assert "retailer" not in text
    assert text.isascii()


def test_a_condition_of_a_write_follows_no_relation():
    with pytest.raises(Invalid) as refused:
        parse_condition("and(exists(id),related(located_in,exists(id)))")

    (problem,) = refused.value.errors
    assert (problem.pointer, problem.rule) == ("/query/condition", "unsupported_operator")
    assert "character 16" in problem.message


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "a\nb", True),
        ("?", "\n", True),
        ("?", "😀", True),
        ("?", "", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "ab", False),
        ("a?*?b", "axyb", True),
        ("a?*?b", "axb", False),
        ("*?c*", "cc", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        (r"\\*", "\\a", True),
        (r"\a", "\\a", True),
        ("a\\", "a\\", True),
        (".+", "aa", False),
    ],
)
def test_a_pattern_fits_what_it_shows(pattern: str, text: str, fits: bool):
    assert matcher(pattern)(text) is fits


def test_a_pattern_full_of_wildcards_takes_no_longer_than_its_length_allows():
    fits = matcher("*a?" * 1000 + "b")
    begun = time.process_time()

    assert not fits("a" * 5000)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("read", "text", "parameter"),
    [
        (parse_sort, "+id,-", "sort"),
        (parse_sort, "relations/a", "sort"),
        (parse_sort, "id,id,id,id,id", "sort"),
        (parse_sort, "id;DROP TABLE", "sort"),
        (parse_select, "id,colour", "select"),
        (parse_select, "number(properties/a)", "select"),
        (parse_aggregates, "median(properties/a)", "aggregate"),
        (parse_aggregates, "sum", "aggregate"),
        (parse_aggregates, "sum(model)", "aggregate"),
        (parse_aggregates, "count(relations/a)", "aggregate"),
        (parse_groupings, "model,", "group_by"),
        (parse_groupings, ",".join(["model"] * 100), "group_by"),
        (parse_groupings, "relations/a", "group_by"),
    ],
)
def test_the_other_parameters_are_refused_with_their_own_name(read: Any, text: str, parameter: str):
    with pytest.raises(Invalid) as refused:
        read(text)

    assert refused.value.errors[0].pointer == f"/query/{parameter}"
    assert "at character" in refused.value.errors[0].message


def test_a_selection_keeps_the_places_of_what_it_names():
    fields = parse_select("properties/at/lat,properties/missing,relations,changed_at,desired")

    assert projected(SHOP, fields) == {
        "id": "retailer:R1",
        "properties": {"at": {"lat": 31.8}},
        "relations": [{"name": "located_in", "target": "region:340100"}],
        "changed_at": "2026-03-01T08:00:00Z",
        "desired": {"tier": 15},
    }


def test_a_selection_of_a_whole_and_its_part_changes_no_twin():
    before = {**SHOP.properties}

    document = projected(SHOP, parse_select("properties/at/lat,properties,properties/tier"))

    assert document["properties"] == before == SHOP.properties


def test_a_cursor_carries_the_values_of_its_query_and_no_other_takes_it():
    cursor = cursor_of("one", [Decimal("1.5"), None, "店", NOW])
    types = ["numeric", "text", "text", "timestamptz"]

    assert values_of(cursor, "one", types) == ["1.5", None, "店", NOW.isoformat()]
    for query, wanted in (("two", types), ("one", types[:3]), ("one", ["timestamptz", *types[1:]])):
        with pytest.raises(Invalid) as refused:
            values_of(cursor, query, wanted)
        assert refused.value.errors[0].pointer == "/query/cursor"


@pytest.mark.parametrize("cursor", ["region:US", "é", "W10", "bnVsbA", "eyJhIjoxfQ", "!!!!", "W" * 5000, "[" * 3000])
def test_what_is_no_cursor_is_refused(cursor: str):
    with pytest.raises(Invalid) as refused:
        values_of(cursor, "one", ["text"])

    assert refused.value.errors[0].rule == "bad_cursor"
