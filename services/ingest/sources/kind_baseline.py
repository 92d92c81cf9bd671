"""The committed schemas of the kinds, and the check that the code still honours them.

`make kinds` writes the file anew, and refuses to where a sender or a reader would be hurt.
"""

from __future__ import annotations

import json
from pathlib import Path

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.compatibility import Outline, faults, outline

BASELINE = Path(__file__).parents[1] / "domain" / "kinds" / "baseline.json"


class SchemaBroken(Exception):
    """The kinds of this program break what was promised to senders; every fault is named."""


def outlines() -> dict[str, Outline]:
    """The kinds of this program, as the baseline keeps them."""
    return {name: outline(kind) for name, kind in KINDS.items()}


def read_baseline(path: Path = BASELINE) -> dict[str, Outline]:
    known: dict[str, Outline] = json.loads(path.read_text(encoding="utf-8"))
    return known


def check_kinds(path: Path = BASELINE) -> None:
    """Raises SchemaBroken where a kind changed in a way that is not allowed; a few milliseconds."""
    found = faults(read_baseline(path), outlines())
    if found:
        raise SchemaBroken("; ".join(found))


def write_baseline(path: Path = BASELINE) -> None:
    """Writes the schemas as they are now, after the check."""
    if path.exists():
        check_kinds(path)
    path.write_text(_printed(outlines()), encoding="utf-8")


def _printed(kinds: dict[str, Outline]) -> str:
    """JSON with one line a field, so that a change is seen at once."""
    blocks = []
    for name, kind in kinds.items():
        fields = kind["fields"].items()
        head = json.dumps({trait: value for trait, value in kind.items() if trait != "fields"}, ensure_ascii=False)
        lines = [f"    {json.dumps(field)}: {json.dumps(traits, ensure_ascii=False)}" for field, traits in fields]
        blocks.append(f'  "{name}": {head[:-1]}, "fields": {{\n' + ",\n".join(lines) + "\n  }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"
