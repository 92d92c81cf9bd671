"""The console has Chinese words for what the server says in English only."""

from __future__ import annotations

import re

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import json_schema
from services.twin.domain.dtdl.faults import Rule
from tests.console.conftest import CONSOLE

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _told(name: str) -> dict[str, str]:
    """English and Chinese of a file of words."""
    text = (CONSOLE / "src/i18n" / name).read_text()
    return dict(re.findall(r'^  "?(.+?)"?: "(.+)",$', text, flags=re.MULTILINE))


def test_every_rule_of_types_is_told_in_chinese() -> None:
    told = _told("chineseDtdl.ts")

    assert told.keys() == {rule.value for rule in Rule}
    assert all(CHINESE.search(words) for words in told.values())


def test_every_field_of_a_kind_is_explained_in_chinese() -> None:
    told = _told("chineseDocs.ts")
    fields = {field.doc for kind in KINDS.values() for field in kind.fields}
    forms = {
        json_schema(kind)["properties"][field.name]["description"].removeprefix(field.doc).strip()
        for kind in KINDS.values()
        for field in kind.fields
    }

    assert told.keys() == fields | forms - {""}
    assert all(CHINESE.search(words) for words in told.values())
