"""Pages of a REST source: which request comes next, and what a page holds.

cursor  the answer holds the cursor of the next page         round ends without one
link    the answer holds the address of the next page        round ends without one
page    pages are numbered                                   round ends with a page that is not full

With `since_param` each round asks for what changed since the newest value of `watermark_field` before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.ingest.sources.connection import Checkpoint, SourceAway

Raw = msgspec.Raw


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a pull is: the round's watermark, the page within it, and the newest value seen in it."""

    since: str = ""
    cursor: str = ""
    page: int = 0
    newest: str = ""

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> Spot:
        known = checkpoint or {}
        return cls(
            str(known.get("since", "")),
            str(known.get("cursor", "") or known.get("_cursor", "")),
            int(known.get("page", 0)),
            str(known.get("newest", "")),
        )

    @property
    def checkpoint(self) -> Checkpoint:
        # An address may hold a token; a name that begins with _ is not shown.
        cursor = "_cursor" if "/" in self.cursor else "cursor"
        return {"since": self.since, cursor: self.cursor, "page": self.page, "newest": self.newest}


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer holds: the records as they were written, how many, and where the next page is."""

    records: bytes
    count: int
    following: str
    newest: str


def parameters(spot: Spot, options: dict[str, Any]) -> dict[str, str]:
    """The query of the next request."""
    asked: dict[str, str] = dict(options["query"] or {})
    if options["since_param"] and spot.since:
        asked[options["since_param"]] = _earlier(spot.since, options["overlap_s"])
    if options["paging"] == "page":
        asked[options["page_param"]] = str(spot.page or options["first_page"])
    elif options["paging"] == "cursor" and spot.cursor:
        asked[options["cursor_param"]] = spot.cursor
    if options["size_param"]:
        asked[options["size_param"]] = str(options["page_size"])
    return asked


def read_page(body: bytes, options: dict[str, Any]) -> Page:
    """Takes an answer apart without touching the records; raises SourceAway for one that is not as configured."""
    records = _at(body, options["records"])
    try:
        count = len(msgspec.json.decode(records, type=list[Raw]))
    except (msgspec.DecodeError, RecursionError):
        raise SourceAway(f"an answer has no list of records at {options['records'] or 'its root'}") from None
    following = _text_at(body, options["next"]) if options["paging"] != "page" else ""
    return Page(records, count, following, _newest(records, options["watermark_field"]))


def after(spot: Spot, page: Page, options: dict[str, Any]) -> tuple[Spot, bool]:
    """Where the pull is behind a page, and whether the round has ended."""
    newest = max(spot.newest, page.newest, key=_order)
    if options["paging"] == "page":
        number = spot.page or options["first_page"]
        is_last = page.count < options["page_size"]
        moved = replace(spot, page=number if is_last else number + 1, newest=newest)
    else:
        # A feed without news names the cursor that was asked for, or a new one behind nothing.
        is_last = not page.count or page.following in ("", spot.cursor)
        moved = replace(spot, cursor=page.following or spot.cursor, newest=newest)
    if is_last and options["since_param"]:
        return Spot(since=max(spot.since, newest, key=_order)), True
    return moved, is_last


def _at(body: bytes, pointer: str) -> bytes:
    found = body
    try:
        for name in pointer.split("/")[1:]:
            found = bytes(msgspec.json.decode(found, type=dict[str, Raw])[name])
        msgspec.json.decode(found)
    except (KeyError, msgspec.ValidationError):
        raise SourceAway(f"an answer has nothing at {pointer}; is `records` right?") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SourceAway("an answer is no JSON, or was cut off") from None
    return found


def _text_at(body: bytes, pointer: str) -> str:
    found: Any = msgspec.json.decode(body)
    for name in pointer.split("/")[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None or isinstance(found, dict | list | bool) else str(found)


def _newest(records: bytes, field: str) -> str:
    """The greatest value of the watermark's field in a page."""
    if not field:
        return ""
    values = [row.get(field) for row in msgspec.json.decode(records) if isinstance(row, dict)]
    return max((str(value) for value in values if isinstance(value, str | int)), key=_order, default="")


def _order(value: str) -> tuple[int, str]:
    """Whole numbers by size, other texts by their characters, as ISO times of one form are ordered."""
    return (len(value), value) if value.isdecimal() else (0, value)


def _earlier(since: str, overlap_s: float) -> str:
    if not overlap_s:
        return since
    if since.isdecimal():
        return str(max(int(since) - int(overlap_s), 0))
    try:
        moment = datetime.fromisoformat(since) - timedelta(seconds=overlap_s)
    except ValueError:
        return since
    return moment.isoformat().replace("+00:00", "Z") if since.endswith("Z") else moment.isoformat()
