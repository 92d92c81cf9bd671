"""Bodies of the seven content types, decoded into text columns.

body ─▶ charset ─▶ JSON | NDJSON | CSV ──────────┐
body ──────────▶ Arrow stream | XLSX | Parquet ──┴▶ Decoded: one text column a field, one place a record
"""

from __future__ import annotations

from services.ingest.domain.decode.body import Decoded, Limits, Malformed, Rows, Share, shifted
from services.ingest.domain.decode.choose import decode, form, join, read

__all__ = ["Decoded", "Limits", "Malformed", "Rows", "Share", "decode", "form", "join", "read", "shifted"]
