"""Forgetting a person or a withdrawn consent, in every store, with the proof.

ask ─▶ everybody who writes knows it ─▶ what was on its way is written ─▶ each store erases ─▶ each store searches
                                                                 ▲                                    │
                                                                 └──────── something is left ◀────────┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from services.ingest.domain.privacy.erasing import Forgetting, Forgotten, Subject, subject
from services.ingest.usecases.ports import Accepted, Part, SetAside

ANSWER_S = 20.0
LOOK_S = 0.1
LOG_KEPT = timedelta(days=8)
"""A day longer than the log keeps messages: older erasures of tokens have nothing to hold back any more."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What one store removed, and what a search finds in it afterwards."""

    removed: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A request to forget, and how far it has come."""

    id: str
    type: str
    digests: tuple[str, ...]
    requested_by: str
    reason: str
    requested_at: datetime
    finished_at: datetime | None = None
    stores: dict[str, Traces]
    subjects: tuple[str, ...] = ()
    """Who is meant; empty once it is done."""

    @property
    def who(self) -> Subject:
        named = {"consent_refs": self.subjects} if self.type == "withdraw" else {"tokens": self.subjects}
        return Subject(id=self.id, **named)

    @property
    def forgetting(self) -> Forgetting:
        return Forgetting(self.id, frozenset(self.digests), self.requested_at, self.type == "withdraw")


class Erasures(Protocol):
    """Where requests are kept."""

    async def ask(self, erasure: Erasure) -> Erasure: ...

    async def get(self, erasure_id: str) -> Erasure: ...

    async def save(self, erasure: Erasure) -> None: ...

    async def waiting(self) -> list[Erasure]: ...

    async def page(self, *, limit: int, cursor: str) -> tuple[list[Erasure], str]: ...

    async def forgettings(self, since: datetime) -> list[Forgetting]: ...


class Erasable(Protocol):
    """A store that can forget. Both answer by the names of its parts: values removed, values found."""

    async def erase(self, who: Subject) -> dict[str, int]: ...

    async def search(self, who: Subject) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for."""

    token: str
    consent_refs: Sequence[str]
    requested_by: str
    reason: str


async def ask_erasure(erasures: Erasures, request: Asked, *, new_id: str, now: datetime) -> Erasure:
    """Takes a request down and waits some seconds for its end; asked again, it is done again and adds up."""
    who = subject(new_id, token=request.token, consent_refs=request.consent_refs)
    asked = await erasures.ask(
        Erasure(
            id=new_id,
            type="erase" if request.token else "withdraw",
            digests=tuple(who.digests),
            requested_by=request.requested_by,
            reason=request.reason,
            requested_at=now,
            stores={},
            subjects=who.tokens or who.consent_refs,
        )
    )
    return await _awaited(erasures, asked)


async def _awaited(erasures: Erasures, asked: Erasure) -> Erasure:
    try:
        async with asyncio.timeout(ANSWER_S):
            while asked.finished_at is None:
                await asyncio.sleep(LOOK_S)
                asked = await erasures.get(asked.id)
    except TimeoutError:
        return await erasures.get(asked.id)
    return asked


async def list_erasures(erasures: Erasures, *, page_size: int, cursor: str) -> tuple[list[Erasure], str]:
    """Requests to forget with their proof, newest first."""
    return await erasures.page(limit=min(page_size or 100, 1000), cursor=cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """Everything that erasing needs."""

    erasures: Erasures
    stores: Sequence[Erasable]
    settled: Callable[[], Awaitable[None]]
    """Waits until what is in the log now is in the book and in the history."""
    now: Callable[[], datetime]
    known_after: timedelta
    """How long after a request everybody who writes knows of it."""


async def erase_waiting(eraser: Eraser) -> tuple[int, int]:
    """Carries out the requests that wait; returns how many are done, and how many are not.

    What a crash interrupted begins anew, and what is still found after the last step is looked for again.
    """
    outcomes = [await _carry_out(eraser, erasure) for erasure in await eraser.erasures.waiting()]
    return outcomes.count(True), outcomes.count(False)


async def _carry_out(eraser: Eraser, erasure: Erasure) -> bool:
    wait = erasure.requested_at + eraser.known_after - eraser.now()
    await asyncio.sleep(max(0.0, wait.total_seconds()))
    await eraser.settled()
    stores = dict(erasure.stores)
    for store in eraser.stores:
        for name, removed in (await store.erase(erasure.who)).items():
            stores[name] = Traces(stores.get(name, Traces()).removed + removed)
        await eraser.erasures.save(replace(erasure, stores=stores))
    for store in eraser.stores:
        for name, left in (await store.search(erasure.who)).items():
            stores[name] = Traces(stores.get(name, Traces()).removed, left)
    is_done = not any(traces.left for traces in stores.values())
    proof = replace(erasure, stores=stores)
    await eraser.erasures.save(replace(proof, finished_at=eraser.now(), subjects=()) if is_done else proof)
    return is_done


def forgotten_in(forgotten: Forgotten, part: Part) -> Part:
    """A message of the log without what was forgotten since it was published."""
    if isinstance(part, Accepted):
        return forgotten_records(forgotten, part)
    return _set_aside_without(forgotten, part) if forgotten.known else part


def forgotten_records(forgotten: Forgotten, part: Accepted) -> Accepted:
    """Accepted records without what was forgotten since they were published."""
    return replace(part, records=forgotten.in_records(part.records, part.at)) if forgotten.known else part


def _set_aside_without(forgotten: Forgotten, part: SetAside) -> SetAside:
    records = [replace(each, record_json=forgotten.in_json(each.record_json, part.at)) for each in part.records]
    return replace(part, records=tuple(records))


async def renew_forgotten(forgotten: Forgotten, erasures: Erasures, *, now: datetime) -> None:
    """Learns of erasures that other replicas were asked for."""
    forgotten.renew(await erasures.forgettings(now - LOG_KEPT))
