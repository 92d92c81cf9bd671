"""What ingest publishes of each record kind, written down for the twin: which columns there are, and what they hold.

Services do not import each other; `make kinds` writes the copy, and a test compares it.
"""

from __future__ import annotations

import json
from pathlib import Path

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import Field

COPY = Path(__file__).parents[1] / "services" / "twin" / "domain" / "feeding" / "columns.json"
ENVELOPE = {
    "source": "code",
    "source_id": "code",
    "org_code": "code",
    "grant_id": "code",
    "occurred_at": "time",
    "biz_date": "date",
    "ingested_at": "time",
}
"""Columns of every record that may say something of a twin."""


def printed() -> str:
    """The columns of all kinds as JSON, one a line, so that a change is seen at once."""
    blocks = [_block("", {name: {"type": kind, "class": "internal"} for name, kind in ENVELOPE.items()})]
    blocks += [_block(name, {field.name: _traits(field) for field in kind.stored}) for name, kind in KINDS.items()]
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def _block(kind: str, columns: dict[str, dict[str, object]]) -> str:
    lines = [f"    {json.dumps(name)}: {json.dumps(traits)}" for name, traits in columns.items()]
    return f'  "{kind}": {{\n' + ",\n".join(lines) + "\n  }"


def _traits(field: Field) -> dict[str, object]:
    traits: dict[str, object] = {"type": field.type.value, "class": field.data_class.value}
    if field.values:
        traits["values"] = list(field.values)
    if field.items:
        traits["items"] = field.items.value
    return traits


if __name__ == "__main__":
    COPY.write_text(printed(), encoding="utf-8")
