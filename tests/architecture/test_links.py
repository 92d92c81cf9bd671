"""What a document points at in this repository is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
BUILT = {".venv", "node_modules", ".marketwin", ".hypothesis", ".pytest_cache"}


def _links() -> list[tuple[str, str]]:
    """Document and target, of links that are no addresses."""
    documents = [path for path in sorted(ROOT.rglob("*.md")) if not BUILT & set(path.relative_to(ROOT).parts)]
    return [
        (str(document.relative_to(ROOT)), target)
        for document in documents
        for target in LINK.findall(document.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("mailto:")
    ]


@pytest.mark.parametrize(("document", "target"), _links())
def test_a_link_leads_somewhere(document: str, target: str):
    assert ((ROOT / document).parent / target).exists()
