"""The decoder of each content type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.message import Message
from functools import lru_cache
from itertools import chain, groupby

import numpy as np
import polars as pl

from services.ingest.domain.decode.arrow_body import decode_arrow
from services.ingest.domain.decode.body import Decoded, Limits, Malformed, Rows, Slices
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.csv_body import decode_csv
from services.ingest.domain.decode.json_body import exact_document, exact_lines
from services.ingest.domain.decode.json_columns import from_rows
from services.ingest.domain.decode.json_compiled import compiled_document, compiled_lines
from services.ingest.domain.decode.json_slices import from_slices, slices
from services.ingest.domain.decode.notes import without_notes
from services.ingest.domain.decode.parquet_body import decode_parquet
from services.ingest.domain.decode.xlsx_body import decode_xlsx
from services.ingest.domain.frames.native import of_array

_JSON = ("application/json", "text/json", "")
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
_UTF_8 = ("", "utf-8", "utf8", "us-ascii")
_CSV = ("text/csv", "application/csv")
_BINARY: dict[str, Callable[[bytes, Limits], Decoded]] = {
    "application/vnd.apache.arrow.stream": decode_arrow,
    "application/vnd.apache.parquet": decode_parquet,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": decode_xlsx,
}


Read = Decoded | Rows | Slices


def decode(body: bytes, content_type: str, limits: Limits) -> Decoded:
    """Decodes a body by its content type; raises Malformed when nothing in it can be used."""
    found = read(body, content_type, limits)
    if isinstance(found, Decoded):
        return found
    joined = join([found])
    return Decoded(
        columns=joined.columns,
        lines=joined.lines,
        malformed=found.malformed,
        charset_repaired=found.charset_repaired,
        is_single=found.is_single,
    )


def read_each(bodies: Sequence[tuple[bytes, str]], limits: Limits) -> list[Read | Malformed]:
    """Bodies with their content types, read together as far as that is cheaper; each for itself may be malformed."""
    lines = [len(body) <= limits.bytes and _is_utf_8_lines(media) for body, media in bodies]
    sliced = slices([body if is_lines else b"" for (body, _), is_lines in zip(bodies, lines, strict=True)], limits)
    return [sliced.get(place) or _read_or_told(*body, limits) for place, body in enumerate(bodies)]


def _read_or_told(body: bytes, content_type: str, limits: Limits) -> Read | Malformed:
    try:
        return read(body, content_type, limits)
    except Malformed as error:
        return error


def _is_utf_8_lines(content_type: str) -> bool:
    kind, charset = _parsed(content_type)
    return kind in _NDJSON and charset.lower() in _UTF_8


def join(found: Sequence[Read]) -> Decoded:
    """Bodies that were read one by one as columns that they share; they have the same names and are all of one form."""
    decoded = [some for some in found if isinstance(some, Decoded)]
    if not decoded:
        return _of_records([some for some in found if not isinstance(some, Decoded)])
    columns = {name: pl.concat([some.columns[name] for some in decoded]) for name in decoded[0].columns}
    lines = pl.concat([some.lines for some in decoded])
    return Decoded(columns=columns, lines=lines, together=tuple(some.shares[0] for some in decoded))


def _of_records(found: Sequence[Rows | Slices]) -> Decoded:
    columns: dict[str, list[pl.Series]] = {}
    for _, run in groupby(found, type):
        for name, values in _columns(list(run)).items():
            columns.setdefault(name, []).append(values)
    lines = list(chain.from_iterable(some.lines for some in found))
    return Decoded(
        columns={name: parts[0] if len(parts) == 1 else pl.concat(parts) for name, parts in columns.items()},
        lines=of_array(np.array(lines, dtype=np.uint32), "line"),
        together=tuple(some.share for some in found),
    )


def _columns(alike: Sequence[Rows | Slices]) -> dict[str, pl.Series]:
    rows = [some for some in alike if isinstance(some, Rows)]
    return from_rows(rows) if rows else from_slices([some for some in alike if isinstance(some, Slices)])


def form(found: Read) -> tuple[str, ...]:
    """Bodies of one form can be joined."""
    return ("columns", *found.columns) if isinstance(found, Decoded) else ("records", *found.names)


def read(body: bytes, content_type: str, limits: Limits) -> Decoded | Rows:
    """Reads a body by its content type, records of JSON not yet as columns; raises Malformed."""
    if len(body) > limits.bytes:
        raise Malformed("", f"the body has more than {limits.bytes} bytes", code="too_large")
    if not body:
        raise Malformed("", "the body is empty")
    kind, charset = _parsed(content_type)
    if kind in _BINARY:
        return _BINARY[kind](body, limits)
    if kind in _JSON:
        return _read_json(body, charset, limits, by_lines=False)
    if kind in _NDJSON:
        return _read_json(body, charset, limits, by_lines=True)
    if kind in _CSV:
        return without_notes(decode_csv(read_text(body, charset, by_lines=True), limits))
    message = "send JSON, NDJSON, CSV, XLSX, Parquet or an Arrow stream under its content type"
    raise Malformed("", message, code="unsupported_type")


def _read_json(body: bytes, charset: str, limits: Limits, *, by_lines: bool) -> Rows:
    """The compiled decoder on the bytes as they came, if they may be UTF-8; then on their text; then the exact one."""
    compiled, exact = (compiled_lines, exact_lines) if by_lines else (compiled_document, exact_document)

    def exactly() -> Rows:
        return exact(read_text(body, charset, by_lines=by_lines), limits)

    if charset.lower() in _UTF_8:
        found = compiled(body, "", limits, exactly)
        if found is not None:
            return found
    text = read_text(body, charset, by_lines=by_lines)
    found = None if text.raw is body else compiled(text.raw, text.repaired, limits, exactly)
    return exact(text, limits) if found is None else found


@lru_cache(maxsize=256)
def _parsed(content_type: str) -> tuple[str, str]:
    if not content_type:
        return "", ""
    header = Message()
    header["Content-Type"] = content_type
    charset = header.get_param("charset", "")
    return header.get_content_type(), charset if isinstance(charset, str) else ""
