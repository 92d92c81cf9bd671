"""Lists as sources write them: a JSON array, or text with | between the items."""

from __future__ import annotations

import json
from typing import Any

MAX_BYTES = 8_000
MAX_WHOLE = 2**31 - 1
_MARKS = "\x01"
"""What decoding puts before the text of an array."""


def list_text(word: str, *, integers: bool, minimum: float | None = None, most: float | None = None) -> str | None:
    """The list as JSON text; None where it is no list of codes (or of whole numbers from `minimum` on)."""
    items = _items(word.strip().removeprefix(_MARKS).strip())
    if items is None or (most is not None and len(items) > most):
        return None
    read = [_integer(item, minimum) if integers else _code(item) for item in items]
    if any(item is None for item in read):
        return None
    text = json.dumps(read, ensure_ascii=False, separators=(",", ":"))
    return text if len(text.encode("utf-8", "replace")) <= MAX_BYTES else None


def _items(word: str) -> list[Any] | None:
    if len(word) > MAX_BYTES:
        return None
    if not word.startswith("["):
        return word.split("|")
    try:
        items = json.loads(word)
    except (json.JSONDecodeError, RecursionError):
        return None
    return items if isinstance(items, list) else None


def _code(item: object) -> str | None:
    code = str(item).strip() if isinstance(item, str | int) and not isinstance(item, bool) else ""
    return code or None


def _integer(item: object, minimum: float | None) -> int | None:
    if isinstance(item, bool) or not isinstance(item, str | int):
        return None
    try:
        whole = int(item)
    except ValueError:
        return None
    return None if abs(whole) > MAX_WHOLE or (minimum is not None and whole < minimum) else whole
