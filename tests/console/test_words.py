"""The console has Chinese words for what the server says in English only."""

from __future__ import annotations

import re

from services.twin.domain.dtdl.faults import Rule
from tests.console.conftest import CONSOLE


def test_every_rule_of_types_is_told_in_chinese() -> None:
    text = (CONSOLE / "src/i18n/chineseDtdl.ts").read_text()

    told = dict(re.findall(r'^  "?([a-z-]+)"?: "(.+)",$', text, flags=re.MULTILINE))

    assert told.keys() == {rule.value for rule in Rule}
    assert all(re.search(r"[\u4e00-\u9fff]", words) for words in told.values())
