"""Several bodies cleaned in one pass are told exactly what each would be told alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.cleaning.clean import CleanedTogether, Stamp, clean, clean_together
from services.ingest.domain.cleaning.identity import batch_id
from services.ingest.domain.cleaning.mapping import to_canonical
from services.ingest.domain.cleaning.receipt import Refused
from services.ingest.domain.decode import Decoded, Limits, form, join, read
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.choose import decode
from services.ingest.domain.decode.json_body import exact_lines
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.rules.dq30_phone import PHONE
from services.ingest.domain.values.text import shape
from tests.ingest.builders import CSV, JSON, NDJSON, NOW, door, order, sale

LIMITS = Limits()
WORLD = door()
SALES = st.builds(
    sale,
    order_no=st.sampled_from(["P1", "P2", "P3", "", " P1", "13812341234"]),
    qty=st.sampled_from([2, "2", "2.0004", 0, "x", None, True]),
    amount=st.sampled_from(["52.00", "52.30", "54.00", "80", None]),
    unit_price=st.sampled_from(["26.00", "¥26.00", 26]),
    sku_code=st.sampled_from(["34010021", "unknown"]),
    sku_name_raw=st.sampled_from(["黄山(硬)", "找王先生 13812341234", None]),
    sold_at=st.sampled_from(["2025-03-15T11:02:31Z", "2025-03-15 11:02", "2030-01-01T00:00:00Z", "soon"]),
    consumer_phone=st.sampled_from(["13812341234", "12", None]),
    mystery=st.sampled_from([None, "x"]),
)
ORDERS = st.builds(
    order,
    order_no=st.sampled_from(["D1", "D2"]),
    qty_order_base=st.sampled_from([1000, 1000.5, -1, 0]),
    amount=st.sampled_from(["1150.00", "1200.00", None]),
    price_wholesale=st.sampled_from(["230.00", None]),
)


def stamp(place: int) -> Stamp:
    return Stamp(batch_id=batch_id("till", "pos_sale", str(place)), source="till", trace_id=f"{place:032x}", at=NOW)


def together(kind: str, bodies: list[tuple[bytes, str]]) -> CleanedTogether:
    raw = to_canonical(join([read(body, media, LIMITS) for body, media in bodies]), KINDS[kind], None)
    return clean_together(raw, KINDS[kind], WORLD, [stamp(place) for place in range(len(bodies))])


def told(refused: Sequence[Refused]) -> list[Any]:
    """Refused records; a field that is empty in all of them may stand there or not."""
    contents = [json.loads(record.record_json or "{}") for record in refused]
    full = [{name: value for name, value in content.items() if value is not None} for content in contents]
    return [
        (record.line, record.severity, record.reasons, content) for record, content in zip(refused, full, strict=True)
    ]


def assert_as_alone(kind: str, bodies: list[tuple[bytes, str]]) -> None:
    found = together(kind, bodies)
    counts: dict[tuple[str, str], int] = {}
    frames = []
    for place, (body, media) in enumerate(bodies):
        alone = clean(to_canonical(decode(body, media, LIMITS), KINDS[kind], None), KINDS[kind], WORLD, stamp(place))
        assert found.outcomes[place].receipt == alone.receipt
        assert told(found.outcomes[place].refused) == told(alone.refused)
        frames.append(alone.accepted)
        for key, count in alone.counts.items():
            counts[key] = counts.get(key, 0) + count
    assert found.counts == counts
    assert found.accepted.equals(pl.concat(frames))


@pytest.mark.parametrize(("kind", "records"), [("pos_sale", SALES), ("commercial_order", ORDERS)])
def test_bodies_that_share_a_pass_are_told_what_they_would_be_told_alone(kind: str, records: st.SearchStrategy[Any]):
    @settings(max_examples=25)
    @given(st.lists(st.lists(records, min_size=1, max_size=4), min_size=1, max_size=5))
    def check(bodies: list[list[dict[str, Any]]]) -> None:
        assert_as_alone(kind, [(json.dumps(rows).encode(), JSON) for rows in bodies])

    check()


def test_single_objects_lines_and_broken_lines_share_a_pass():
    one, two = sale(order_no="S1"), sale(order_no="S2", qty=-1)
    lines = "\n".join([json.dumps(one), "{broken", "7", json.dumps(two)]).encode()

    assert_as_alone("pos_sale", [(json.dumps(one).encode(), JSON), (lines, NDJSON), (json.dumps(two).encode(), JSON)])


def test_bodies_of_different_charsets_share_a_pass():
    head, line = "retailer_code,order_no,sku_name_raw", "R340100000001,C{},黄山"
    bodies = [(f"{head}\n{line.format(n)}\n".encode(charset), CSV) for n, charset in enumerate(("utf-8", "gbk"))]

    assert_as_alone("pos_sale", bodies)


def test_the_same_record_in_two_bodies_is_no_duplicate_and_no_contradiction_at_the_door():
    bodies = [json.dumps([sale(), sale()]).encode(), json.dumps([sale(amount="52.01")]).encode()]

    found = together("pos_sale", [(body, JSON) for body in bodies])

    assert [outcome.receipt.duplicates for outcome in found.outcomes] == [1, 0]
    assert [outcome.receipt.accepted for outcome in found.outcomes] == [1, 1]
    assert found.accepted["batch_id"].to_list() == [stamp(0).batch_id, stamp(1).batch_id]


def test_bodies_with_other_fields_have_another_form():
    forms = [
        form(read(body, JSON, LIMITS)) for body in (b'{"a": 1}', b'{"a": "x"}', b'{"a": 1, "b": 2}', b'[{"a": 1}]')
    ]

    assert forms[0] == forms[1] == forms[3] != forms[2]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, "0", -1, 10**40, 2**63, 2**64, -(2**63) - 1])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ODD_LINES = [
    *("", " ", "{", "5", "[]", "null", "\u3000", "\ufeff{}", '{\t"a"\r: 1}'),
    *(
        '{"a":-0}',
        '{"a": -0 }',
        '{"a":[-0]}',
        '{"a":-0.0}',
        '{"a":0}',
        '{"a":1e5}',
        '{"a":1.50}',
        '{"a":NaN}',
        '{"a":01}',
    ),
    *('{"a":1,"a":2}', '{"a":1}x', '{"a":1}{"a":2}', '{"a":"\x01"}', '{"a":"\\ud800"}', '{"\\ud800":1}'),
    '{"a":' + "9" * 5000 + "}",
    '{"a":' * 3000 + "1" + "}" * 3000,
]
LINES = st.dictionaries(st.text(max_size=3), VALUES, max_size=4).map(json.dumps) | st.sampled_from(ODD_LINES)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_the_compiled_decoder_reads_what_the_exact_one_reads(lines: list[str], end: str):
    body = read_text(end.join(lines).encode(), "", by_lines=True)

    assert as_read(lambda: read(end.join(lines).encode() or b"\n", NDJSON, LIMITS)) == as_read(
        lambda: exact_lines(body, LIMITS)
    )


def as_read(work: Any) -> Any:
    decoded = join([work()])
    assert isinstance(decoded, Decoded)
    return {name: values.to_list() for name, values in decoded.columns.items()}, decoded.lines.to_list(), decoded.shares


@given(st.lists(st.text("0123456789a１", min_size=9, max_size=12) | st.just("13812341234"), min_size=1, max_size=4))
def test_mobile_numbers_are_told_at_a_glance_exactly_as_by_their_pattern(texts: list[str]):
    values = pl.Series("phone", texts)

    assert shape(values).are_mobile_numbers == values.str.contains(PHONE).all()
    assert shape(values[1:]).are_mobile_numbers == (len(values) > 1 and values[1:].str.contains(PHONE).all())
