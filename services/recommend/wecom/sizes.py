"""Sizes that WeCom allows (bytes are UTF-8 bytes), and cutting texts to them.

Hard limits come from the API reference. For card texts the reference only advises lengths, in Chinese characters; we
keep to them, at three bytes a character, because longer texts are shortened on the phone without a mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TypeAlias

from chassis.errors import Problem

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Card: TypeAlias = "dict[str, Json]"

MAX_RECEIVERS = 1000
MAX_TEXT_BYTES = 2048
MAX_TASK_ID_BYTES = 128
MAX_KEY_BYTES = 1024
MAX_URL_BYTES = 2048
MAX_BUTTONS = 6
MAX_ROWS = 6
MAX_JUMPS = 3
BUTTON_STYLES = (1, 2, 3, 4)
SOURCE_COLOURS = (0, 1, 2, 3)
CARD_TYPES = ("button_interaction", "text_notice")
CARD_TEXT_BYTES = {
    "source/desc": 60,
    "main_title/title": 108,
    "main_title/desc": 132,
    "emphasis_content/title": 42,
    "emphasis_content/desc": 66,
    "quote_area/title": 108,
    "quote_area/quote_text": 480,
    "sub_title_text": 480,
    "horizontal_content_list/*/keyname": 15,
    "horizontal_content_list/*/value": 90,
    "jump_list/*/title": 54,
    "button_list/*/text": 30,
}
ELLIPSIS = "…"
_TASK_ID = re.compile(r"[0-9A-Za-z_\-@]+")
_JOINERS = "\u200d\ufe0e\ufe0f"


def byte_length(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def cut(text: str, limit_bytes: int) -> str:
    """Shorten a text to at most `limit_bytes` UTF-8 bytes, ending in `…`, never inside a character or an accent.

    What cannot be sent (control characters, lone surrogates) is removed first.
    """
    clean = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    if byte_length(clean) <= limit_bytes:
        return clean
    room = max(limit_bytes - byte_length(ELLIPSIS), 0)
    head = clean.encode()[:room].decode("utf-8", "ignore")
    while head and _continues(clean, len(head)):
        head = head[:-1]
    return (head.rstrip() + ELLIPSIS) if limit_bytes >= byte_length(ELLIPSIS) else ""


def _continues(text: str, index: int) -> bool:
    following = text[index]
    return unicodedata.combining(following) > 0 or following in _JOINERS or text[index - 1] == "\u200d"


def fitted(card: Card) -> Card:
    """A copy of the card with every text that people read cut to its size; ids, keys and addresses stay as they are."""
    return {name: _fit(value, name) for name, value in card.items()}


def _fit(value: Json, path: str) -> Json:
    if isinstance(value, str):
        return cut(value, CARD_TEXT_BYTES[path]) if path in CARD_TEXT_BYTES else value
    if isinstance(value, list):
        return [_fit(item, f"{path}/*") for item in value]
    if isinstance(value, dict):
        return {name: _fit(item, f"{path}/{name}") for name, item in value.items()}
    return value


def problems_of(card: Card) -> list[Problem]:
    """Everything that WeCom would refuse in a `button_interaction` or `text_notice` card; empty when it may be sent."""
    return [Problem(f"/template_card{pointer}", rule, message) for pointer, rule, message in _problems(card)]


def _problems(card: Card) -> Iterator[tuple[str, str, str]]:
    if card.get("card_type") not in CARD_TYPES:
        yield "/card_type", "enum", f"must be one of {', '.join(CARD_TYPES)}"
    if not (_text(card.get("sub_title_text")) or _text(_object(card.get("main_title")).get("title"))):
        yield "/main_title/title", "required", "give a title or a sub_title_text"
    if _object(card.get("source")).get("desc_color", 0) not in SOURCE_COLOURS:
        yield "/source/desc_color", "enum", "must be 0 to 3"
    yield from _list_problems(card)
    yield from _task_problems(card)
    yield from _action_problems(card)
    yield from _button_problems(card)


def _list_problems(card: Card) -> Iterator[tuple[str, str, str]]:
    for name, limit in (("horizontal_content_list", MAX_ROWS), ("jump_list", MAX_JUMPS), ("button_list", MAX_BUTTONS)):
        if len(_list(card.get(name))) > limit:
            yield f"/{name}", "max_items", f"at most {limit} entries"
    for index, row in enumerate(_objects(card.get("horizontal_content_list"))):
        if not _text(row.get("keyname")):
            yield f"/horizontal_content_list/{index}/keyname", "required", "must not be empty"


def _task_problems(card: Card) -> Iterator[tuple[str, str, str]]:
    task_id = card.get("task_id")
    if task_id is None:
        if card.get("card_type") == "button_interaction" or "action_menu" in card:
            yield "/task_id", "required", "cards with buttons or a menu need a task_id"
        return
    if not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id) or byte_length(task_id) > MAX_TASK_ID_BYTES:
        yield "/task_id", "format", f"at most {MAX_TASK_ID_BYTES} characters of 0-9 A-Z a-z _ - @"


def _action_problems(card: Card) -> Iterator[tuple[str, str, str]]:
    action = _object(card.get("card_action"))
    if not action:
        if card.get("card_type") == "text_notice":
            yield "/card_action", "required", "a text_notice needs an action"
        return
    if action.get("type") == 1 and not _is_web_address(action.get("url")):
        yield "/card_action/url", "format", f"an http or https address of at most {MAX_URL_BYTES} bytes"


def _button_problems(card: Card) -> Iterator[tuple[str, str, str]]:
    buttons = _objects(card.get("button_list"))
    if not buttons and card.get("card_type") == "button_interaction":
        yield "/button_list", "min_items", "at least one button"
    keys = [button.get("key") for button in buttons if button.get("type", 0) == 0]
    if len({str(key) for key in keys}) < len(keys):
        yield "/button_list", "unique", "keys must differ"
    for index, button in enumerate(buttons):
        if not _text(button.get("text")):
            yield f"/button_list/{index}/text", "required", "must not be empty"
        if button.get("style", 1) not in BUTTON_STYLES:
            yield f"/button_list/{index}/style", "enum", "must be 1 to 4"
        yield from _target_problems(index, button)


def _target_problems(index: int, button: Card) -> Iterator[tuple[str, str, str]]:
    if button.get("type", 0) == 1:
        if not _is_web_address(button.get("url")):
            yield f"/button_list/{index}/url", "format", "an http or https address"
        return
    key = _text(button.get("key"))
    if not key or byte_length(key) > MAX_KEY_BYTES:
        yield f"/button_list/{index}/key", "max_bytes", f"1 to {MAX_KEY_BYTES} bytes"


def _is_web_address(value: Json) -> bool:
    return _text(value).startswith(("http://", "https://")) and byte_length(_text(value)) <= MAX_URL_BYTES


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Json) -> Card:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _objects(value: Json) -> list[Card]:
    return [_object(item) for item in _list(value)]
