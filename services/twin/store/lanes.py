"""Writes of people and partners: one writer a twin, and those who come meanwhile share the next transaction.

command ─▶ lane (by hash of the id) ─▶ twins read, commands decided in turn, all written where nothing moved ─▶ answers

A sync to disk costs many times what a write does, so whoever comes while one is under way shares the next. A command
that is refused leaves its group alone. Nothing is locked while decisions are made: the statement that writes locks the
rows and writes only if each twin, and the types, are still what was read; another replica or a message of records may
have changed them. Then, where a twin is to be made, or at an error nobody foresaw, nothing was written, and the group
is carried out one by one, each in a transaction of its own with its row locked.

Twins written lately are remembered: whoever writes one again need not read it first. What is remembered may be old; as
said above, nothing is written then. A refusal is never based on it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from chassis.connections import FAILURES, Driver
from chassis.db import Database, is_away
from chassis.errors import ChassisError, Unavailable
from services.twin.domain.statements import Rules
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import TwinType, Types
from services.twin.store.lines import Lines
from services.twin.store.unlocked import Moved, read
from services.twin.usecases import Deciding

log = structlog.get_logger()

LANES = 2
TOGETHER = 128
WAITING = 2048
"""Commands of a lane that wait at most; one more is sent away."""
REMEMBERED = 1000
REMEMBERED_CHARACTERS = 8 * 1024
"""So many twins are remembered, each of so many characters of JSON at most."""


@dataclass(frozen=True, slots=True)
class Decider:
    """What a decision may look at beside the twin."""

    types: Types
    rules: Rules

    def type_of(self, twin: Twin) -> TwinType:
        return self.types[twin.model]


Decide = Callable[[Deciding, Twin], tuple[Twin, Change] | None]
Written = tuple[Twin, Twin]
"""A twin before and after a command."""
Outcome = tuple[list[Written | ChassisError], bool]


@dataclass(slots=True)
class _Command:
    twin_id: str
    origin: Origin
    decide: Decide
    answer: asyncio.Future[Written]


class Lanes:
    """Commands on their way into the table."""

    def __init__(
        self,
        db: Database,
        decider: Callable[[], Decider],
        alone: Callable[[str, Origin, Decide], Awaitable[Written]],
        told: Callable[[], None],
    ) -> None:
        self._db = db
        self._decider = decider
        self._alone = alone
        self._told = told
        self._waiting: list[list[_Command]] = [[] for _ in range(LANES)]
        self._running: dict[int, asyncio.Task[None]] = {}
        self._lately = Lately()

    async def carry_out(self, twin_id: str, origin: Origin, decide: Decide) -> Written:
        """Decides on the locked twin and answers when that is on disk; raises what the decision raises."""
        lane = zlib.crc32(twin_id.encode()) % LANES
        waiting = self._waiting[lane]
        if len(waiting) >= WAITING:
            raise Unavailable("too many writes wait; send this one again", code="too_many_requests", retry_after_s=1)
        answer: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        waiting.append(_Command(twin_id, origin, decide, answer))
        if lane not in self._running:
            self._running[lane] = asyncio.create_task(self._run(lane), name=f"lane {lane}")
        return await answer

    async def _run(self, lane: int) -> None:
        try:
            while waiting := self._waiting[lane]:
                self._waiting[lane] = waiting[TOGETHER:]
                await self._carry_out([each for each in waiting[:TOGETHER] if not each.answer.done()])
        finally:
            # In the step that found nobody waiting: whoever is answered may come again before this task counts as done.
            del self._running[lane]

    async def _carry_out(self, group: Sequence[_Command]) -> None:
        try:
            # In a task of its own, what nobody foresaw is a value here and ends no lane.
            (failure,) = await asyncio.gather(self._together(group), return_exceptions=True)
            if failure is not None:
                if not isinstance(failure, Moved):
                    log.warning("writes.one_by_one", error=type(failure).__name__, count=len(group))
                await self._one_by_one(group)
        finally:
            for each in [each for each in group if not each.answer.done()]:
                _fail(each, Unavailable("the write was not carried out to its end", retry_after_s=1))

    async def _one_by_one(self, group: Sequence[_Command]) -> None:
        """Each alone, in their order: one that fails fails for itself."""
        for each in group:
            if each.answer.done():
                continue
            (found,) = await asyncio.gather(self._alone(each.twin_id, each.origin, each.decide), return_exceptions=True)
            _answer(each, found)

    async def _together(self, group: Sequence[_Command]) -> None:
        decider = self._decider()
        if decider.types.coming:
            raise Moved
        try:
            answers, has_news = await self._written(group, decider)
        except FAILURES as error:
            if not is_away(error):
                raise
            # Whether it was written nobody knows: to try again is for the caller, who knows the revision that is meant.
            for each in group:
                _fail(each, Unavailable("PostgreSQL went away", retry_after_s=1))
            return
        if has_news:
            self._told()
        for each, found in zip(group, answers, strict=True):
            _answer(each, found)

    async def _written(self, group: Sequence[_Command], decider: Decider) -> Outcome:
        """What each is answered now that all is on disk, and whether anything was written."""
        ids = sorted({each.twin_id for each in group})
        async with self._db.driver() as connection:
            if remembered := self._lately.some_of(ids):
                found = await self._attempt(connection, group, decider, remembered)
                if found is not None:
                    return found
                self._lately.forget(ids)
            found = await self._attempt(connection, group, decider, {})
        if found is None:
            raise Moved
        return found

    async def _attempt(
        self, connection: Driver, group: Sequence[_Command], decider: Decider, remembered: dict[str, Twin]
    ) -> Outcome | None:
        """None, and nothing is written, where some twin, or the types, are not what the decisions were based on."""
        missing = sorted({each.twin_id for each in group}.difference(remembered))
        before = remembered | await read(connection, missing, decider.types.stamp)
        answers, outcomes = _decided(group, before, decider)
        if remembered and len(outcomes) < len(group):
            # What is refused, or says nothing new, may be so of an old state only.
            return None
        if outcomes:
            lines = Lines.of(before, outcomes)
            if not await lines.write(connection, stamp=decider.types.stamp):
                return None
            self._lately.keep({twin.id: twin for twin, _ in outcomes}, lines.states.sizes())
        return answers, bool(outcomes)


class Lately:
    """Twins as this process wrote them last, those that were written again least lately forgotten first."""

    def __init__(self) -> None:
        self._twins: dict[str, Twin] = {}

    def some_of(self, ids: Sequence[str]) -> dict[str, Twin]:
        return {each: self._twins[each] for each in ids if each in self._twins}

    def forget(self, ids: Iterable[str]) -> None:
        for each in ids:
            self._twins.pop(each, None)

    def keep(self, written: Mapping[str, Twin], sizes: Mapping[str, int]) -> None:
        self.forget(written)
        self._twins |= {each: twin for each, twin in written.items() if sizes[each] <= REMEMBERED_CHARACTERS}
        self.forget(list(self._twins)[: max(len(self._twins) - REMEMBERED, 0)])


def _decided(
    group: Sequence[_Command], before: dict[str, Twin], decider: Decider
) -> tuple[list[Written | ChassisError], list[tuple[Twin, Change]]]:
    """What each command is answered, and what is to be written; later ones find what earlier ones left."""
    current = dict(before)
    answers: list[Written | ChassisError] = []
    outcomes: list[tuple[Twin, Change]] = []
    for each in group:
        twin = current[each.twin_id]
        try:
            outcome = each.decide(decider, twin)
        except ChassisError as refused:
            answers.append(refused)
            continue
        if outcome is not None:
            outcomes.append(outcome)
            current[each.twin_id] = outcome[0]
        answers.append((twin, current[each.twin_id]))
    return answers, outcomes


def _answer(command: _Command, found: Written | BaseException) -> None:
    if isinstance(found, BaseException):
        _fail(command, found)
    elif not command.answer.done():
        command.answer.set_result(found)


def _fail(command: _Command, error: BaseException) -> None:
    if not command.answer.done():
        command.answer.set_exception(error)
