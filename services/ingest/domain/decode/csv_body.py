"""Comma-separated values with a header line."""

from __future__ import annotations

import csv
import io

import polars as pl

from services.ingest.domain.decode.body import Decoded, Limits, Malformed, refused_line
from services.ingest.domain.decode.charset import Text


def decode_csv(body: Text, limits: Limits) -> Decoded:
    """Text columns by the names of the header; a line with too many values is refused by itself."""
    if "\0" in body.text:
        raise Malformed("", "the body holds a null character and is no text")
    if '"' in body.text:
        # The fast reader takes a quote that never closes for a very long value, and lines would be lost in it.
        return _by_line(body, limits)
    _checked(body.text.partition("\n")[0].split(","), limits)
    try:
        frame = pl.read_csv(io.BytesIO(body.raw), infer_schema=False, n_rows=limits.rows + 1)
    except pl.exceptions.NoDataError:
        raise Malformed("", "the body is empty; a CSV needs a header line") from None
    except pl.exceptions.PolarsError:
        return _by_line(body, limits)
    if frame.height > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
    columns = {name.strip(): frame.get_column(name).alias(name.strip()) for name in frame.columns}
    lines = pl.Series("line", range(frame.height), dtype=pl.UInt32)
    return Decoded(columns=columns, lines=lines, charset_repaired=body.repaired)


def _by_line(body: Text, limits: Limits) -> Decoded:
    """The strict road, for bodies with quotes and for those in which a line has more values than the header."""
    reader = csv.reader(io.StringIO(body.text), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise Malformed("", f"the body is not CSV: {error} at line {reader.line_num}") from None
    if not rows:
        raise Malformed("", "the body is empty; a CSV needs a header line")
    if len(rows) > limits.rows + 1:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
    names, records = _checked([name.strip() for name in rows[0]], limits), rows[1:]
    good = [place for place, row in enumerate(records) if len(row) <= len(names)]
    bad = tuple(
        refused_line(place, f"the line has {len(row)} values, the header {len(names)}")
        for place, row in enumerate(records)
        if len(row) > len(names)
    )
    padded = [records[place] + [""] * (len(names) - len(records[place])) for place in good]
    columns = {
        name: pl.Series(name, [row[place] or None for row in padded], dtype=pl.String)
        for place, name in enumerate(names)
    }
    lines = pl.Series("line", good, dtype=pl.UInt32)
    return Decoded(columns=columns, lines=lines, malformed=bad, charset_repaired=body.repaired)


def _checked(names: list[str], limits: Limits) -> list[str]:
    if len(names) > limits.columns:
        raise Malformed("", f"at most {limits.columns} columns", code="too_large")
    if len({name.strip() for name in names}) < len(names):
        raise Malformed("", "two columns have the same name")
    return names
