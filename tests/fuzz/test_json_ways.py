"""The ways to read JSON: whichever is taken, the same columns, places, refusals and faults come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.decode import Decoded, Limits, Malformed, Rows, join, read
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.json_body import exact_document, exact_lines
from tests.fuzz.bodies import examples
from tests.ingest.builders import JSON, NDJSON, sale

LIMITS = Limits(rows=60, columns=6)
NAMES = ["sku", "qty", "a", "b", "黄山", "", "a b", 'a"', "a\\", "\ud800", "\x01", "__class__"]
TEXTS = st.sampled_from(['"x"', '"黄山(硬)"', '""', '"\\u9ec4"', '"a\\nb"', '"}\\u000a{"', '"}, {"', "null"])
NUMBERS = st.sampled_from(
    ["0", "1", "26", "-7", "26.0", "1.50", "9007199254740993", "null", str(2**63), "1" + "0" * 25]
)
ODD = st.sampled_from(
    [
        *("-0", "-0.0", "-0 ", "1e5", "1E400", "NaN", "Infinity", "01", "+1", "9" * 5000, "true", "false", "tru", ""),
        *("[]", "[1,-0]", '["a",2.50]', "{}", '{"x":-0}', '{"x":{"y":[1]}}', "[" * 2000 + "]" * 2000),
        *('"\\ud800"', '"\\ud83d\\ude00"', '"😀"', '"\x01"', '"\n"', '"a', '"\\x"', "'a'", '"a"}\n{"b":"c"'),
    ]
)


@st.composite
def records(draw: st.DrawFn) -> list[str]:
    """Records of one sender as text: mostly alike, a few of them odd in one way or another."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    columns = [draw(st.sampled_from([TEXTS, TEXTS, NUMBERS])) for _ in names]
    found = []
    for _ in range(draw(st.integers(7, 14))):
        fields = [(json.dumps(name), draw(values)) for name, values in zip(names, columns, strict=True)]
        found.append("{" + ",".join(f"{name}:{value}" for name, value in fields) + "}")
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(found) - 1))
        name = json.dumps(draw(st.sampled_from(NAMES)))
        odd = draw(ODD | TEXTS | NUMBERS)
        found[place] = draw(
            st.sampled_from(
                [
                    found[place][:-1] + f",{name}:{odd}}}",
                    f"{{{name}:{odd},{found[place][1:]}",
                    f"{{{name}:{odd}}}",
                    found[place].replace(",", " ,\t", 1),
                    found[place].replace(",", ",\n", 1),
                    found[place] + " ",
                    found[place][:-1],
                    found[place] + found[place],
                    *("", " ", "{}", "[]", "5", "null", odd, "\ufeff" + found[place], "\u3000"),
                ]
            )
        )
    return found


def outcome(work: Callable[[], Rows | Decoded]) -> object:
    """All that a way of reading tells, or its refusal."""
    try:
        decoded = join([work()])
    except Malformed as error:
        return error.pointer, error.message, error.code
    columns = {name: values.to_list() for name, values in decoded.columns.items()}
    return list(columns.items()), decoded.lines.to_list(), decoded.shares


def spoiled(body: bytes, places: Sequence[int]) -> bytes:
    """A body in which some bytes are no text any more."""
    damaged = bytearray(body)
    for place in places:
        damaged[place % len(damaged)] = 0xFF
    return bytes(damaged)


CHARSETS = st.sampled_from(["utf-8", "utf-8", "utf-8", "gb18030", "utf-8-sig"])
DAMAGE = st.one_of(st.just(()), st.lists(st.integers(0, 5000), max_size=2))
SETTINGS = settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SETTINGS
@given(records(), st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n"]), st.booleans(), CHARSETS, DAMAGE)
def test_lines_are_read_as_the_exact_way_reads_them(
    given_records: list[str], end: str, is_ended: bool, charset: str, damage: Sequence[int]
):
    body = spoiled((end.join(given_records) + (end if is_ended else "")).encode(charset), damage)

    found = outcome(lambda: read(body, NDJSON, LIMITS))

    assert found == outcome(lambda: exact_lines(read_text(body, "", by_lines=True), LIMITS))


@SETTINGS
@given(records(), st.sampled_from([",", ", ", ",\n "]), CHARSETS, DAMAGE)
def test_documents_are_read_as_the_exact_way_reads_them(
    given_records: list[str], between: str, charset: str, damage: Sequence[int]
):
    body = spoiled(f"[{between.join(given_records)}]".encode(charset), damage)

    found = outcome(lambda: read(body, JSON, LIMITS))

    assert found == outcome(lambda: exact_document(read_text(body, "", by_lines=False), LIMITS))


@SETTINGS
@given(records())
def test_single_objects_are_read_as_the_exact_way_reads_them(given_records: list[str]):
    for record in given_records:
        body = record.encode() or b" "

        found = outcome(lambda body=body: read(body, JSON, LIMITS))

        assert found == outcome(lambda body=body: exact_document(read_text(body, "", by_lines=False), LIMITS))


@SETTINGS
@given(st.lists(records(), min_size=2, max_size=4))
def test_bodies_joined_have_the_columns_that_each_has_alone(bodies: list[list[str]]):
    by_names: dict[tuple[str, ...], list[Rows]] = {}
    for lines in bodies:
        for body, media in (("\n".join(lines), NDJSON), (f"[{','.join(lines)}]", JSON), (lines[0], JSON)):
            try:
                found = read(body.encode() or b" ", media, LIMITS)
            except Malformed:
                continue
            assert isinstance(found, Rows)
            by_names.setdefault(found.names, []).append(found)

    for group in by_names.values():
        joined, alone = join(group), [join([each]) for each in group]
        for name, values in joined.columns.items():
            assert values.to_list() == [value for each in alone for value in each.columns[name]]
        assert joined.lines.to_list() == [line for each in alone for line in each.lines]
        assert joined.shares == tuple(share for each in alone for share in each.shares)


@pytest.mark.parametrize(
    "torn",
    [
        '{"a":"x"}{"a":"x"}\n{"a":\n"x"}',
        '{"a":"x"}{"a":"x"}\n{"a":"x"\n}',
        '{"a":"x"}\n{"a":"x"} {"a":\n"x"}',
        '{"a":"x"}\n\n',
    ],
)
def test_as_many_records_as_lines_are_not_enough_to_be_a_record_a_line(torn: str):
    body = "\n".join([*['{"a":"x"}'] * 10, torn, *['{"a":"x"}'] * 10]).encode()

    found = outcome(lambda: read(body, NDJSON, LIMITS))

    assert found == outcome(lambda: exact_lines(read_text(body, "", by_lines=True), LIMITS))


@pytest.mark.parametrize(("media", "begin", "between", "end"), [(JSON, "[", ",", "]"), (NDJSON, "", "\n", "")])
def test_the_bound_of_records_holds_on_the_short_way(media: str, begin: str, between: str, end: str):
    def body(count: int) -> bytes:
        return (begin + between.join(['{"a":"xxxxxxxx"}'] * count) + end).encode()

    assert len(join([read(body(LIMITS.rows), media, LIMITS)]).lines) == LIMITS.rows
    with pytest.raises(Malformed, match="at most 60 records"):
        read(body(LIMITS.rows + 1), media, LIMITS)


@pytest.mark.parametrize("media", [JSON, NDJSON])
def test_plain_records_take_the_short_way(media: str):
    rows = [sale(order_no=f"P{place}", qty=place, unit_price=None if place % 2 else 26.5) for place in range(40)]
    body = json.dumps(rows) if media == JSON else "\n".join(map(json.dumps, rows))

    found = read(body.encode(), media, Limits())

    assert isinstance(found, Rows)
    assert "order_no" in found.texts, "texts are known only where records were read into slots"
    assert join([found]).columns["qty"].to_list() == [str(place) for place in range(40)]


def test_lines_that_leave_out_what_is_empty_take_the_short_way():
    rows = [sale(order_no=f"P{place}") | ({"note": "x"} if place % 3 else {}) for place in range(100)]
    body = "\n".join(map(json.dumps, rows)).encode()

    found = read(body, NDJSON, Limits())

    assert isinstance(found, Rows)
    assert "note" in found.texts
    assert outcome(lambda: found) == outcome(lambda: exact_lines(read_text(body, "", by_lines=True), Limits()))


@pytest.mark.parametrize("media", [JSON, NDJSON])
def test_records_that_leave_most_fields_out_do_not_fill_memory_with_slots(media: str):
    rows = [{f"f{place}": "x" for place in range(200)}, *({} for _ in range(5000))]
    body = json.dumps(rows) if media == JSON else "\n".join(map(json.dumps, rows))

    found = read(body.encode(), media, Limits())

    assert isinstance(found, Rows)
    assert not found.texts
    assert len(found.lines) == 5001
