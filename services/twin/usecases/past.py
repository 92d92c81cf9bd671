"""Twins now and then: at a revision, at a time, and line by line."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from chassis.errors import Invalid, NotFound, Problem
from services.twin.domain import past
from services.twin.domain.past import Kept, Range
from services.twin.domain.twins import Change, Twin
from services.twin.usecases.twins import Store

DROPPED = "history_dropped"
GROUP_TWINS = 500
REST_S = 0.05
GROUP_LINES = 1000


async def get_twin(
    store: Store,
    twin_id: str,
    revision: int | None = None,
    *,
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> Twin:
    """The twin now, at a past revision, or as it was at a time; NotFound when it is not, or was not, there.

    A revision shows what was shown then. A time shows what is known of it by now; with `known_at` what was learnt later
    does not count: a report of then is told again as it was.
    """
    if revision is not None and (at or known_at):
        problem = Problem("/query/revision", "exclusive", "a revision says what was known; leave out at and known_at")
        raise Invalid("ask for a revision or for a time", errors=[problem])
    if revision is None and not (at or known_at):
        twin = await store.get(twin_id)
    else:
        twin = await _then(store, twin_id, revision, at, known_at)
    if twin is None or not twin.exists:
        raise NotFound(f"there is no twin {twin_id}{_when(revision, at, known_at)}", code="twin_not_found")
    return twin


async def _then(
    store: Store, twin_id: str, revision: int | None, at: datetime | None, known_at: datetime | None
) -> Twin | None:
    start, changes = await store.told(twin_id, revision=revision, at=at, known_at=known_at)
    is_whole = start is not None or (bool(changes) and changes[0].revision == 1)
    if not is_whole and (kept := await store.kept(twin_id)):
        asked = {"revision": revision, "at": at, "known_at": known_at}
        raise _dropped(twin_id, kept, *(name for name, value in asked.items() if value is not None))
    start = start or past.nothing(twin_id)
    if revision is None:
        return past.true_then(start, changes, partial(store.book.rule, known_at=known_at))
    then = past.shown_then(start, changes)
    return then if then.revision == revision else None


def _dropped(twin_id: str, kept: Kept, *parameters: str) -> NotFound:
    since = f"since {kept.since.isoformat()} (revision {kept.revision})"
    problems = [Problem(f"/query/{name}", DROPPED, f"it is kept {since}") for name in parameters]
    return NotFound(f"the history of {twin_id} is kept {since}", code=DROPPED, errors=problems)


def _when(revision: int | None, at: datetime | None, known_at: datetime | None) -> str:
    if revision is not None:
        return f" at revision {revision}"
    told = [f" at {at.isoformat()}"] if at else []
    return "".join([*told, *([f" as known at {known_at.isoformat()}"] if known_at else [])])


async def list_history(
    store: Store, twin_id: str, wanted: Range, *, cursor: int = 0, limit: int
) -> tuple[list[Change], int]:
    """A page of a twin's changes, and the cursor of the next one (0: none)."""
    wanted = wanted.behind(cursor) if cursor else wanted
    if asked := wanted.beginnings():
        kept = await store.kept(twin_id)
        if kept and (gone := [name for name, each in asked.items() if kept.is_after(each)]):
            raise _dropped(twin_id, kept, *gone)
    changes, following = await store.lines(twin_id, wanted, limit=limit)
    if not changes and not await store.knows(twin_id):
        raise NotFound(f"there is no twin {twin_id}", code="twin_not_found")
    return changes, following


async def drop_history(store: Store, before: datetime) -> int:
    """Forgets what was learnt, and true, before a time, twin by twin and some lines at a time; returns how many lines.

    Each twin keeps a snapshot from which the rest is told exactly.
    """
    dropped, after = 0, ""
    while True:
        ids, after = await store.due(before, after=after, limit=GROUP_TWINS)
        for twin_id in ids:
            while gone := await store.drop(twin_id, before, limit=GROUP_LINES):
                dropped += gone
        if not after:
            return dropped
        # Nobody waits for it: who asks and writes meanwhile comes first.
        await asyncio.sleep(REST_S)
