"""The decoder of each content type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.message import Message
from functools import lru_cache

import polars as pl

from services.ingest.domain.decode.arrow_body import decode_arrow
from services.ingest.domain.decode.body import Decoded, Limits, Malformed, Rows
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.csv_body import decode_csv
from services.ingest.domain.decode.json_body import exact_document, exact_lines
from services.ingest.domain.decode.json_columns import from_rows
from services.ingest.domain.decode.json_compiled import compiled_document, compiled_lines
from services.ingest.domain.decode.notes import without_notes
from services.ingest.domain.decode.parquet_body import decode_parquet
from services.ingest.domain.decode.xlsx_body import decode_xlsx

_JSON = ("application/json", "text/json", "")
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
_UTF_8 = ("", "utf-8", "utf8", "us-ascii")
_CSV = ("text/csv", "application/csv")
_BINARY: dict[str, Callable[[bytes, Limits], Decoded]] = {
    "application/vnd.apache.arrow.stream": decode_arrow,
    "application/vnd.apache.parquet": decode_parquet,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": decode_xlsx,
}


def decode(body: bytes, content_type: str, limits: Limits) -> Decoded:
    """Decodes a body by its content type; raises Malformed when nothing in it can be used."""
    found = read(body, content_type, limits)
    if isinstance(found, Decoded):
        return found
    columns, lines = from_rows([found])
    return Decoded(
        columns=columns,
        lines=lines,
        malformed=found.malformed,
        charset_repaired=found.charset_repaired,
        is_single=found.is_single,
    )


def join(found: Sequence[Decoded | Rows]) -> Decoded:
    """Bodies that were read one by one as columns that they share; they have the same names and are all of one form."""
    rows = [some for some in found if isinstance(some, Rows)]
    if rows:
        columns, lines = from_rows(rows)
        return Decoded(columns=columns, lines=lines, together=tuple(some.share for some in rows))
    decoded = [some for some in found if isinstance(some, Decoded)]
    columns = {name: pl.concat([some.columns[name] for some in decoded]) for name in decoded[0].columns}
    lines = pl.concat([some.lines for some in decoded])
    return Decoded(columns=columns, lines=lines, together=tuple(some.shares[0] for some in decoded))


def form(found: Decoded | Rows) -> tuple[str, ...]:
    """Bodies of one form can be joined."""
    return ("rows", *found.names) if isinstance(found, Rows) else ("columns", *found.columns)


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
