"""Bodies of the five content types, whole and broken."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest

from services.ingest.domain.decode import Decoded, Limits, Malformed, decode
from tests.ingest.builders import ARROW, CSV, JSON, NDJSON

ROWS = [{"a": "1", "b": "黄山"}, {"a": "2", "b": None}]


def _values(decoded: Decoded) -> list[dict[str, object]]:
    return pl.DataFrame(list(decoded.columns.values())).to_dicts()


def _arrow(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_ipc_stream(sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps(ROWS).encode(), JSON),
        (json.dumps(ROWS).encode(), "application/json; charset=utf-8"),
        ("\n".join(map(json.dumps, ROWS)).encode(), NDJSON),
        ("a,b\n1,黄山\n2,\n".encode(), CSV),
        ("a,b\r\n1,黄山\r\n2,\r\n".encode(), CSV),
        ("\ufeffa,b\n1,黄山\n2,\n".encode(), CSV),
        ("a,b\n1,黄山\n2,\n".encode("gbk"), CSV),
        ("a,b\n1,黄山\n2,\n".encode("gb18030"), "text/csv; charset=GBK"),
        ("a,b\n1,黄山\n2,\n".encode("utf-16"), CSV),
        (_arrow(pl.DataFrame(ROWS)), ARROW),
    ],
)
def test_every_content_type_gives_the_same_columns(body: bytes, content_type: str):
    decoded = decode(body, content_type, Limits())

    assert _values(decoded) == ROWS
    assert decoded.lines.to_list() == [0, 1]
    assert decoded.malformed == ()


def test_a_single_object_is_one_record():
    decoded = decode(b'{"a": 1}', JSON, Limits())

    assert decoded.is_single
    assert _values(decoded) == [{"a": "1"}]


def test_numbers_keep_every_digit():
    decoded = decode(b'[{"a": 12345678901234567890.10, "b": 26.10, "c": true, "d": null, "e": ""}]', JSON, Limits())

    assert _values(decoded) == [{"a": "12345678901234567890.10", "b": "26.10", "c": "true", "d": None, "e": ""}]


def test_typed_arrow_values_become_the_text_a_json_sender_would_write():
    frame = pl.DataFrame(
        {
            "n": [7],
            "f": [1.5],
            "m": [Decimal("26.10")],
            "d": [date(2025, 3, 15)],
            "t": [datetime(2025, 3, 15, 11, 2, 31, tzinfo=UTC)],
            "naive": [datetime(2025, 3, 15, 11, 2, 31)],  # noqa: DTZ001  # a sender without a zone is the point
            "yes": [True],
        }
    )

    decoded = decode(_arrow(frame), ARROW, Limits())

    assert _values(decoded) == [
        {
            "n": "7",
            "f": "1.5",
            "m": "26.10",
            "d": "2025-03-15",
            "t": "2025-03-15T11:02:31.000000+00:00",
            "naive": "2025-03-15T11:02:31.000000",
            "yes": "true",
        }
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "repaired"),
    [
        ("a\n黄山\n".encode(), CSV, ""),
        ("a\n黄山\n".encode("gbk"), CSV, "GB18030"),
        ("\ufeffa\n1\n".encode(), CSV, "UTF-8 with byte order mark"),
        (b"a\r\n1\n2\r\n", CSV, "mixed line ends"),
        (b"a\r1\r2\r", CSV, "mixed line ends"),
        ('{"a": "黄山一品"}'.encode("gb18030"), JSON, "GB18030"),
    ],
)
def test_the_charset_of_a_body_is_found_and_recorded(body: bytes, content_type: str, repaired: str):
    assert decode(body, content_type, Limits()).charset_repaired == repaired


def test_damaged_utf8_is_refused_and_not_read_as_another_charset():
    body = b"a\n" + "黄山(硬一品)是一种卷烟".encode()[:-1]

    with pytest.raises(Malformed, match=f"byte {len(body) - 2} "):
        decode(body, CSV, Limits())


def test_broken_lines_are_refused_one_by_one_with_their_place():
    body = b'{"a": 1}\n\n{"a": \n[1]\n{"a": 2}\n"x"\n'

    decoded = decode(body, NDJSON, Limits())

    assert _values(decoded) == [{"a": "1"}, {"a": "2"}]
    assert decoded.lines.to_list() == [0, 3]
    assert [refused.reasons[0].pointer for refused in decoded.malformed] == ["/1", "/2", "/4"]
    assert [refused.record_json for refused in decoded.malformed] == ["", "", ""]


def test_array_elements_that_are_no_objects_are_refused_one_by_one():
    decoded = decode(b'[{"a": 1}, 5, null, {"a": 2}]', JSON, Limits())

    assert decoded.lines.to_list() == [0, 3]
    assert [refused.line for refused in decoded.malformed] == [1, 2]


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        (b'[{"a": 1}, {"a": }]', "/1", "byte 17"),
        (b'{"a": 1', "", "byte 7"),
        ('[{"a": "黄山"}, {"b" 1}]'.encode(), "/1", "byte 23"),
        (b'[{"a": 1}] trailing', "/0", "byte 11"),
        (b"17", "", "object or an array"),
        (b'"text"', "", "object or an array"),
    ],
)
def test_a_broken_document_is_refused_whole_with_record_and_byte(body: bytes, pointer: str, message: str):
    with pytest.raises(Malformed, match=message) as caught:
        decode(body, JSON, Limits())

    assert caught.value.pointer == pointer


def test_a_csv_line_with_too_many_values_is_refused_by_itself():
    decoded = decode(b"a,b\n1,2\n1,2,3\n4\n", CSV, Limits())

    assert _values(decoded) == [{"a": "1", "b": "2"}, {"a": "4", "b": None}]
    assert decoded.lines.to_list() == [0, 2]
    assert [refused.line for refused in decoded.malformed] == [1]


def test_quoted_values_may_hold_commas_quotes_and_line_ends():
    decoded = decode(b'a,b\n"1,5","say ""x""\nnow"\n,2\n', CSV, Limits())

    assert _values(decoded) == [{"a": "1,5", "b": 'say "x"\nnow'}, {"a": None, "b": "2"}]


@pytest.mark.parametrize("body", [b'a,b\n1,"2\n3,"4\n', b"a,a\n1,2\n", b'a,b\n1,"2\n', b"a\x00b\n1\n", b"\n"])
def test_a_csv_that_cannot_be_read_is_refused(body: bytes):
    with pytest.raises(Malformed):
        decode(body, CSV, Limits())


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"[" * 100_000 + b"]" * 100_000, JSON, "too_large"),
        (b'{"a": ' * 100_000, NDJSON, None),
        (b"x" * 2000, CSV, "too_large"),
        (json.dumps([{"a": 1}] * 30).encode(), JSON, "too_large"),
        (b'{"a":1}\n' * 30, NDJSON, "too_large"),
        (b"a\n" + b"1\n" * 30, CSV, "too_large"),
        (_arrow(pl.DataFrame({"a": range(30)})), ARROW, "too_large"),
        (json.dumps([{f"f{n}": 1} for n in range(12)]).encode(), JSON, "too_large"),
        (",".join(f"f{n}" for n in range(12)).encode(), CSV, "too_large"),
        (_arrow(pl.DataFrame({f"f{n}": [1] for n in range(12)})), ARROW, "too_large"),
    ],
)
def test_bodies_that_are_too_large_too_deep_or_too_wide_are_refused(body: bytes, content_type: str, code: str | None):
    limits = Limits(bytes=1_000_000 if body[:1] in b"[{" else 1900, rows=20, columns=10)

    if code is None:
        assert len(decode(body, content_type, limits).malformed) == 1
        return
    with pytest.raises(Malformed) as caught:
        decode(body, content_type, limits)

    assert caught.value.code == code


def test_a_compressed_arrow_body_cannot_unfold_beyond_the_limit():
    sink = io.BytesIO()
    pl.DataFrame({"a": ["x" * 1000] * 10_000}).write_ipc_stream(sink, compression="zstd")

    with pytest.raises(Malformed):
        decode(sink.getvalue(), ARROW, Limits(expanded_bytes=100_000))


@pytest.mark.parametrize("body", [b"\x01\x02", b"ARROW1", b"\xff" * 64, _arrow(pl.DataFrame(ROWS))[:-40]])
def test_a_broken_arrow_stream_is_refused(body: bytes):
    with pytest.raises(Malformed):
        decode(body, ARROW, Limits())


def test_nested_arrow_columns_are_marked_as_no_value():
    table = pa.table({"a": [["x"]], "b": ["y"]})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    decoded = decode(sink.getvalue(), ARROW, Limits())

    assert _values(decoded) == [{"a": "\x01", "b": "y"}]


def test_an_unknown_content_type_or_charset_is_unsupported():
    for content_type in ("image/png", "text/csv; charset=ebcdic", "application/xml"):
        with pytest.raises(Malformed) as caught:
            decode(b"a\n1\n", content_type, Limits())
        assert caught.value.code == "unsupported_type"


def test_half_characters_in_json_become_question_marks():
    assert _values(decode(b'[{"a": "x\\ud800y"}]', JSON, Limits())) == [{"a": "x?y"}]
