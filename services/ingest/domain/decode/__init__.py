"""Bodies of the seven content types, decoded into text columns.

body ─▶ charset ─▶ JSON | NDJSON | CSV ──────────┐
body ──────────▶ Arrow stream | XLSX | Parquet ──┴▶ Decoded: one text column a field, one place a record
"""

from __future__ import annotations

from services.ingest.domain.decode.body import Decoded, Limits, Malformed, Rows, Share, Slices, shifted
from services.ingest.domain.decode.choose import Read, decode, form, join, read, read_each

__all__ = [
    "Decoded",
    "Limits",
    "Malformed",
    "Read",
    "Rows",
    "Share",
    "Slices",
    "decode",
    "form",
    "join",
    "read",
    "read_each",
    "shifted",
]
