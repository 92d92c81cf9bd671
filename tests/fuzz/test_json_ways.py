"""The ways to read JSON: whichever is taken, the same columns, places, refusals and faults come out."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.decode import Limits, Malformed, Rows, join, read
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.json_body import exact_document, exact_lines
from tests.fuzz.json_texts import CHARSETS, DAMAGE, LIMITS, SETTINGS, outcome, records, spoiled
from tests.ingest.builders import JSON, NDJSON, sale


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
