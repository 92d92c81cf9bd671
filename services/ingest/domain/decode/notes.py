"""The second row of a template explains its columns; it is recognised and is no record."""

from __future__ import annotations

from dataclasses import replace

from services.ingest.domain.decode.body import Decoded

NOTES_MARK = "#说明"
"""A first record whose first value begins so is the notes row of a template."""


def without_notes(decoded: Decoded) -> Decoded:
    """The records without the notes row; the others keep their places."""
    first = next(iter(decoded.columns.values()), None)
    if first is None or not len(first) or not str(first[0] or "").startswith(NOTES_MARK):
        return decoded
    return replace(
        decoded,
        columns={name: values.slice(1) for name, values in decoded.columns.items()},
        lines=decoded.lines.slice(1),
    )
