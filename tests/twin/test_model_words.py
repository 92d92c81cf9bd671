"""What types call things is said in the languages of those who read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.twin import domain

SHIPPED = sorted((Path(domain.__file__).parent / "models").glob("*.json"))


def _told(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The interface, its contents, and the values they are chosen from, each with its place."""
    yield "", document
    for content in document["contents"]:
        yield content["name"], content
        schema = content.get("schema")
        for value in schema["enumValues"] if isinstance(schema, dict) and "enumValues" in schema else ():
            if len(value["name"]) > 1:
                yield f"{content['name']}/{value['name']}", value


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_type_we_ship_has_its_words_in_chinese_and_english(path: Path):
    wanted = {"en", "zh"}

    missing = [
        f"{place}: {text}"
        for place, told in _told(json.loads(path.read_text()))
        for text in ("displayName", "description")
        if set(told.get(text, {})) < wanted and (text == "displayName" or "enumValue" not in told)
    ]

    assert missing == []
