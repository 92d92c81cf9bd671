"""What a person can do with records set aside: find, mend, drop, reopen. Sending them again is in `replaying`.

open ──mend──▶ mended ──┐
  └──────replay─────────┴─▶ replayed      open, mended ──drop──▶ dropped ──reopen──▶ open or mended
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from chassis.errors import Conflict, Invalid, NotFound, Problem
from services.ingest.domain.cleaning.batch import Door
from services.ingest.domain.cleaning.receipt import Reason
from services.ingest.domain.keeping.mending import changed_fields, mended
from services.ingest.domain.keeping.replaying import Item, given_text
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.values.text import mask_text
from services.ingest.usecases.ports import FrontDoor, Quarantined
from services.ingest.usecases.reading import DEFAULT_PAGE
from services.ingest.usecases.taking_in import known_kind

STATES = ("open", "mended", "replayed", "dropped")
WAITING = ("open", "mended")
MAX_PAGE = 1000
MAX_ITEMS = 10_000
MAX_TEXT = 1000
MAX_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records set aside; what is empty does not filter."""

    kind: str = ""
    source: str = ""
    states: tuple[str, ...] = WAITING
    rule: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records set aside, newest first, the cursor of the next page, and how many there are."""

    items: list[Quarantined]
    following: str
    total: int


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes an item, when, and what should be remembered of it."""

    by: str
    at: datetime
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """Items that nobody else sends again at the same time."""

    items: list[Item]
    busy: int = 0
    """Items that another call is sending, or that were replayed before."""


class Shelf(Protocol):
    """Where records set aside are kept."""

    async def find(self, wanted: Wanted, *, limit: int, cursor: str) -> Found: ...

    async def item(self, id: str) -> Quarantined | None: ...

    async def mend(self, item: Quarantined, record: dict[str, Any], change: Change) -> bool:
        """False when the item was changed meanwhile."""
        ...

    async def drop(self, ids: Sequence[str], reason: str, change: Change) -> int: ...

    async def reopen(self, ids: Sequence[str], change: Change) -> int: ...

    async def states(self, ids: Sequence[str]) -> dict[str, str]: ...

    async def claim(self, ids: Sequence[str], by: str, at: datetime) -> Claimed: ...

    async def claim_matching(self, wanted: Wanted, limit: int, by: str, at: datetime) -> Claimed: ...

    async def release(self, items: Sequence[Item]) -> None: ...

    async def refuse_again(self, refused: Sequence[tuple[Item, str, tuple[Reason, ...]]], change: Change) -> None: ...

    async def settled(self, items: Sequence[Item], *, within_s: float) -> bool:
        """Waits until the book has taken the items."""
        ...


async def find_quarantine(shelf: Shelf, wanted: Wanted, *, state: str, page_size: int, cursor: str) -> Found:
    """A page of records set aside in a state (empty: open)."""
    if state and state not in STATES:
        raise Invalid("the state is unknown", errors=[Problem("", "state", f"use one of {', '.join(STATES)}")])
    texts = (wanted.kind, wanted.source, wanted.rule, wanted.search)
    if any("\0" in text for text in texts):
        raise Invalid("a filter holds a null character", errors=[Problem("", "filter", "leave out null characters")])
    limit = min(page_size or DEFAULT_PAGE, MAX_PAGE)
    found = await shelf.find(replace(wanted, states=(state or "open",)), limit=limit, cursor=cursor)
    return replace(found, items=[_shown(item) for item in found.items])


async def get_quarantined(shelf: Shelf, id: str) -> Quarantined:
    """One record set aside; raises NotFound."""
    item = await shelf.item(id.replace("\0", ""))
    if item is None:
        raise NotFound("there is no such record in the quarantine", code="unknown_item")
    return _shown(item)


def _shown(item: Quarantined) -> Quarantined:
    kind = KINDS.get(item.kind)
    return item if kind is None else replace(item, record_json=given_text(kind, item.record_json))


async def mend(door: FrontDoor, shelf: Shelf, *, id: str, patch_json: str, by: str, if_revision: int) -> Quarantined:
    """Changes a record set aside by an RFC 7396 merge patch; the record as it came stays beside it.

    Personal data in the patch become tokens, as at the door. Raises Conflict when the item is not at `if_revision`
    (0: whatever it is at) or waits for nobody any more, Invalid for fields that the kind does not have.
    """
    item = await get_quarantined(shelf, id)
    if if_revision and item.revision != if_revision:
        raise _outdated()
    if item.state not in WAITING:
        raise Conflict(f"the record is {item.state}; only open and mended ones can be mended", code="not_waiting")
    kind = known_kind(item.kind)
    now = door.now()
    world = Door(now=now, directory=door.directory, regions=door.regions, tokens=door.tokens)
    before = json.loads(item.record_json, parse_float=str, parse_int=str)
    after = mended(kind, before, patch_json, world)
    fields = changed_fields(before, after)
    if fields and not await shelf.mend(item, after, Change(safe_name(by), now, {"fields": fields})):
        raise _outdated()
    return await get_quarantined(shelf, item.id)


def _outdated() -> Conflict:
    return Conflict("the record was changed or is being replayed; read it again", code="precondition_failed")


async def drop(door: FrontDoor, shelf: Shelf, ids: Sequence[str], *, reason: str, by: str) -> int:
    """Gives up records with a reason; the balance counts them as rejected. Returns how many changed."""
    named = named_items(ids)
    told = mask_text(reason).replace("\0", "").strip()[:MAX_TEXT]
    if not told:
        raise Invalid("a record is given up for a reason", errors=[Problem("/reason", "required", "say why")])
    return await shelf.drop(named, told, Change(safe_name(by), door.now(), {"reason": told}))


async def reopen(door: FrontDoor, shelf: Shelf, ids: Sequence[str], *, by: str) -> int:
    """Takes dropped records back; returns how many changed."""
    return await shelf.reopen(named_items(ids), Change(safe_name(by), door.now(), {}))


def named_items(ids: Sequence[str]) -> list[str]:
    """Each id once, in order; raises Invalid when there are none, or too many."""
    named = list(dict.fromkeys(id.replace("\0", "") for id in ids))
    if not named or len(named) > MAX_ITEMS:
        raise Invalid("name the items", errors=[Problem("/ids", "count", f"name 1 to {MAX_ITEMS} items")])
    return named


def safe_name(name: str) -> str:
    """Who did it, as it may be kept: a user id may be a phone number."""
    return mask_text(name).replace("\0", "")[:MAX_NAME]
