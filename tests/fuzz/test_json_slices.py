"""Lines of JSON whose values are found and not made: what is found is what the exact way of reading tells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.decode import Limits, Malformed, Rows, Slices, join, json_slices, read_each
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.json_body import exact_lines
from tests.fuzz.json_texts import CHARSETS, DAMAGE, LIMITS, SETTINGS, outcome, records, spoiled
from tests.ingest.builders import JSON, NDJSON, sale

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=40)
BARE = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        ["-0", "0.10", "1e5", "1E-7", "true", "false", "null", "12345678901234567", "01", "1.", "-", "nul"]
    ),
)
VALUES = st.one_of(PLAIN.map(lambda text: f'"{text}"'), PLAIN.map(lambda text: f'"{text}"'), BARE)
WIDE = Limits(rows=200, columns=6)


@pytest.fixture(autouse=True, scope="module")
def _small_bodies_too() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_slices, "MANY", 0)
        patch.setattr(json_slices, "BLOCK", 5)
        yield


@st.composite
def alike(draw: st.DrawFn) -> list[bytes]:
    """Bodies of one sender, whose lines have one layout and any plain values."""
    names = draw(st.lists(PLAIN.filter(bool), min_size=1, max_size=5, unique=True))
    between = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\t")]))
    widths = [draw(st.sampled_from([VALUES, BARE, st.just('"34010021"'), st.just('"R340100000001"')])) for _ in names]
    bodies = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.lists(st.tuples(*widths), min_size=1, max_size=12))
        fields = ([f'"{name}"{between[1]}{value}' for name, value in zip(names, row, strict=True)] for row in rows)
        text = "\n".join("{" + between[0].join(row) + "}" for row in fields)
        bodies.append((text + draw(st.sampled_from(["", "\n"]))).encode())
    return bodies


@SETTINGS
@given(alike())
def test_lines_of_one_layout_are_read_as_the_exact_way_reads_them(bodies: list[bytes]):
    found = read_each([(body, NDJSON) for body in bodies], WIDE)

    for body, some in zip(bodies, found, strict=True):
        assert outcome(lambda some=some: some) == outcome(
            lambda body=body: exact_lines(read_text(body, "", by_lines=True), WIDE)
        )


@SETTINGS
@given(st.lists(records(), min_size=1, max_size=3), st.sampled_from(["\n", "\n", "\r\n", "\n\n"]), CHARSETS, DAMAGE)
def test_any_lines_are_read_as_the_exact_way_reads_them(
    given_bodies: list[list[str]], end: str, charset: str, damage: Sequence[int]
):
    bodies = [spoiled(end.join(lines).encode(charset) or b" ", damage) for lines in given_bodies]

    found = read_each([(body, NDJSON) for body in bodies], LIMITS)

    for body, some in zip(bodies, found, strict=True):
        assert outcome(lambda some=some: some) == outcome(
            lambda body=body: exact_lines(read_text(body, "", by_lines=True), LIMITS)
        )


@SETTINGS
@given(alike())
def test_bodies_joined_have_the_columns_that_each_has_alone(bodies: list[bytes]):
    found = [some for some in read_each([(body, NDJSON) for body in bodies], WIDE) if not isinstance(some, Malformed)]

    if len({tuple(some.names) for some in found if isinstance(some, Rows | Slices)}) == 1:
        joined, alone = join(found), [join([some]) for some in found]
        for name, values in joined.columns.items():
            assert values.to_list() == [value for each in alone for value in each.columns[name]]
        assert joined.lines.to_list() == [line for each in alone for line in each.lines]
        assert joined.shares == tuple(share for each in alone for share in each.shares)


def lines(*rows: dict[str, object]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def test_plain_lines_are_sliced_and_odd_ones_beside_them_are_read_in_another_way():
    plain, escaped = [lines(*(sale(order_no=f"P{place}") for place in range(40))) for _ in range(2)]
    escaped = escaped.replace(b'"P7"', b'"P\\n7"')
    reordered = lines(*(dict(reversed(sale(order_no=f"Q{place}").items())) for place in range(40)))

    found = read_each([(plain, NDJSON), (escaped, NDJSON), (reordered, NDJSON), (plain, JSON)], Limits())

    assert list(map(type, found)) == [Slices, Rows, Slices, Malformed]


def test_a_text_that_is_null_in_some_lines_is_no_reason_to_make_values():
    rows = [sale(order_no=f"P{place}", pay_kind=None if place % 3 else "现金") for place in range(50)]

    (found,) = read_each([(lines(*rows), NDJSON)], Limits())

    assert isinstance(found, Slices)
    assert join([found]).columns["pay_kind"].to_list() == [row["pay_kind"] for row in rows]


def test_short_and_long_texts_of_one_field_keep_every_byte():
    texts = [letter * size for size in range(40) for letter in ("x", "é", "黄", "\U0001f600")]

    (found,) = read_each([(lines(*({"a": text, "b": 1} for text in texts)), NDJSON)], Limits())

    assert isinstance(found, Slices)
    assert join([found]).columns["a"].to_list() == texts


def test_bodies_read_in_different_ways_share_columns():
    plain = lines(*(sale(order_no=f"P{place}") for place in range(20)))
    escaped = plain.replace(b'"P7"', b'"P\\u0037"')

    found = [
        some for some in read_each([(plain, NDJSON), (escaped, NDJSON)], Limits()) if not isinstance(some, Malformed)
    ]

    assert list(map(type, found)) == [Slices, Rows]
    assert join(found).columns["order_no"].to_list() == [f"P{place}" for place in range(20)] * 2


@pytest.mark.parametrize(
    "torn",
    [
        '{"a":"x"}{"a":"x"}',
        '{"a":"x","a":"y"}',
        '{"a":"x"',
        '{"b":"x"}',
        '{"a":"x"}}',
        '{"a":{"b":"x"}}',
        '{"a":[1]}',
        '{"a":"x\tx"}',
        '{"a":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}',
        '{"a":nul}',
        '{"a":1 }',
        '{"a":}',
        "{}",
        "",
    ],
)
def test_a_line_that_is_unlike_the_others_is_told_as_the_exact_way_tells_it(torn: str):
    body = "\n".join([*['{"a":"x"}'] * 9, torn, *['{"a":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}'] * 9]).encode()

    (found,) = read_each([(body, NDJSON)], LIMITS)

    assert outcome(lambda: found) == outcome(lambda: exact_lines(read_text(body, "", by_lines=True), LIMITS))


@pytest.mark.parametrize(
    "body",
    [
        b'{"\xff":1}\n' * 9,
        b'{"a":"\xff"}\n' * 9,
        b'{"a":null}\n' * 5 + b'{"a":"x"}\n' * 9,
        b'{"a":null,"b":1}\n' * 9,
        b'{"a":"x"}\n' * 5 + b'{"a":1}\n' * 9,
    ],
)
def test_whatever_the_first_line_is_like_all_are_told_as_the_exact_way_tells_them(body: bytes):
    (found,) = read_each([(body, NDJSON)], LIMITS)

    assert outcome(lambda: found) == outcome(lambda: exact_lines(read_text(body, "", by_lines=True), LIMITS))


def test_the_bounds_hold_for_each_body_alone():
    def body(count: int, fields: int = 1) -> bytes:
        return lines(*({f"f{place}": "x" for place in range(fields)} for _ in range(count)))

    found = read_each([(body(LIMITS.rows), NDJSON), (body(LIMITS.rows + 1), NDJSON)], LIMITS)
    wide = read_each([(body(3, LIMITS.columns + 1), NDJSON)], LIMITS)

    assert isinstance(found[1], Malformed)
    assert not isinstance(found[0], Malformed)
    assert isinstance(wide[0], Malformed)


@pytest.mark.parametrize("filling", [b" ", b'","', b'"a":', b"{", b'{"a":1,'])
def test_a_first_line_without_end_is_looked_at_once(filling: bytes):
    body = b'{"a":1' + filling * (1024 * 1024 // len(filling)) + b"}"

    (found,) = read_each([(body, NDJSON)], Limits())

    assert isinstance(found, Rows | Malformed)
