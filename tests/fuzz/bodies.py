"""Whole bodies of every content type, and ways to break them."""

from __future__ import annotations

import io
import json
import os

import polars as pl
from hypothesis import strategies as st

from tests.ingest.builders import ARROW, CSV, JSON, NDJSON, sale

PARQUET = "application/vnd.apache.parquet"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = (JSON, NDJSON, CSV, ARROW, PARQUET, XLSX)


def examples(count: int) -> int:
    """So many examples in every run of the tests, and `FUZZ` times as many in a longer one."""
    return count * int(os.environ.get("FUZZ", "1"))


ROWS = [sale(order_no=f"P{n}", sku_name_raw='黄山"硬"', qty=n, amount=f"{26 * n}.00") for n in (1, 2, 3)]


def _frame() -> pl.DataFrame:
    return pl.DataFrame([{name: str(value) for name, value in row.items()} for row in ROWS])


def _written(content_type: str) -> bytes:
    sink = io.BytesIO()
    if content_type == ARROW:
        _frame().write_ipc_stream(sink)
    elif content_type == PARQUET:
        _frame().write_parquet(sink)
    else:
        _frame().write_excel(sink)
    return sink.getvalue()


WHOLE: dict[str, bytes] = {
    JSON: json.dumps(ROWS, ensure_ascii=False).encode(),
    NDJSON: "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode(),
    CSV: _frame().write_csv().encode(),
    **{content_type: _written(content_type) for content_type in (ARROW, PARQUET, XLSX)},
}


@st.composite
def broken_bodies(draw: st.DrawFn) -> tuple[bytes, str]:
    """A whole body with some bytes changed, cut, doubled or moved, under its own or another content type."""
    told = draw(st.sampled_from(TYPES))
    meant = draw(st.sampled_from([told, told, told, *TYPES]))
    body = bytearray(WHOLE[meant])
    for _ in range(draw(st.integers(0, 6))):
        if not body:
            break
        start = draw(st.integers(0, len(body) - 1))
        end = min(len(body), start + draw(st.integers(1, 40)))
        how = draw(st.sampled_from(["change", "cut", "double", "end", "insert"]))
        if how == "change":
            body[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))
        elif how == "cut":
            del body[start:end]
        elif how == "double":
            body[start:start] = body[start:end]
        elif how == "end":
            del body[start:]
        else:
            body[start:start] = draw(
                st.sampled_from([b"\0", b'"', b"{", b"[", b",", b"\xff\xfe", b"\xef\xbb\xbf", b"\r"])
            )
    return bytes(body), told
