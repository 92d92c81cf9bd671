"""The newest changes, heard once for all who follow.

    publish ─▶ ring: newest deltas ─▶ run: what waits for a client, as one message ─▶ its text, shared by all alike

A client holds nothing but its place; one that falls behind the ring is told so instead of delaying the others. A
snapshot may already hold changes whose deltas follow: a twin whose revision is not newer than the known one is old.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

import structlog
from google.protobuf.message import DecodeError

from chassis.bus import Bus, Message, subject_of
from chassis.replay import follow
from gateway.live.changes import NOT_KNOWN, Change
from gateway.live.filters import Filter, Selection
from gateway.views.twins import twin_text
from marketwin.twin.v1 import events_pb2, types_pb2

log = structlog.get_logger()
T = TypeVar("T")

SUBJECT = subject_of(events_pb2.TwinChanged, ">")
RING_DELTAS = 4096
RING_CHARACTERS = 16 * 1024 * 1024
RUN_DELTAS = 256
RUN_CHARACTERS = 256 * 1024
"""What waits for a client is told in messages of this size at most, or of one delta."""
SELECTIONS = 16_384
OVERHEAD = 256


@dataclass(frozen=True, slots=True)
class Delta:
    """One message of changed twins, each encoded once for all clients."""

    sequence: int
    changes: tuple[Change, ...]
    size: int
    """Characters of all twins."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message for a client. One that ends at a sequence lets the client go on after it."""

    text: str
    sequence: int | None
    kind: str = "delta"
    """delta, snapshot; or mark: a delta without twins, because nothing was wanted up to its sequence."""


def delta_of(sequence: int, twins: Sequence[types_pb2.Twin], undo: Sequence[str] = ()) -> Delta:
    """The delta of an event."""
    known = [*undo, *[NOT_KNOWN] * (len(twins) - len(undo))]
    changes = tuple(
        Change(twin.id, twin.model, twin_text(twin), undo=way_back, is_deleted=twin.deleted)
        for twin, way_back in zip(twins, known, strict=False)
    )
    return Delta(sequence, changes, sum(len(each.text) for each in changes))


def delta_heard(message: Message) -> Delta | None:
    """The delta of a message of the log; None when it cannot be read."""
    try:
        event = events_pb2.TwinChanged.FromString(message.data)
    except DecodeError:
        log.error("live.unreadable", subject=message.subject, sequence=message.sequence)
        return None
    return delta_of(message.sequence, event.twins, event.undo_json)


def run_of(sequence: int, selections: Sequence[Selection], wanted: Filter) -> Told:
    """Several deltas as one message; a mark when nothing in them is wanted.

    Every state of a twin stays in it, in order. `gone` holds what is not wanted at its end: it comes after `twins`.
    """
    twins = [text for each in selections for text in each.twins]
    gone = sorted(_gone(selections)) if wanted.query else []
    left = f',"gone":{json.dumps(gone, ensure_ascii=False)}' if wanted.query else ""
    text = f'{{"type":"delta","sequence":{sequence},"twins":[{",".join(twins)}]{left}}}'
    return Told(text, sequence, "delta" if twins or gone else "mark")


def mark_at(sequence: int, wanted: Filter) -> Told:
    """Says how far a client is that hears nothing."""
    return run_of(sequence, (), wanted)


def _gone(selections: Sequence[Selection]) -> set[str]:
    gone: set[str] = set()
    for each in selections:
        gone = (gone - each.ids) | set(each.gone)
    return gone


def snapshot_text(sequence: int, twins: Sequence[str], *, more: bool) -> str:
    """A part of a snapshot; `more` says that another part follows."""
    end = json.dumps(more)
    return f'{{"type":"snapshot","sequence":{sequence},"more":{end},"twins":[{",".join(twins)}]}}'


class Recent(Generic[T]):
    """What was made last, up to a weight; one thing is kept however heavy it is."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self.weight = 0

    def get(self, key: Hashable) -> tuple[T, int] | None:
        return self._kept.get(key)

    def keep(self, key: Hashable, made: T, weight: int = 1) -> T:
        self._kept[key] = (made, weight)
        self.weight += weight
        while self.weight > self._most and len(self._kept) > 1:
            _, (_, lost) = self._kept.popitem(last=False)
            self.weight -= lost
        return made


class Hub:
    """Hears every change once and keeps the newest for those who follow."""

    def __init__(self, *, max_deltas: int = RING_DELTAS, max_characters: int = RING_CHARACTERS) -> None:
        self._max_deltas = max_deltas
        self._max_characters = max_characters
        self._ring: deque[Delta] = deque()
        self._characters = 0
        self._forgotten = 0
        self._first_sequence = 0
        self._newest_at_start = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._shares: WeakValueDictionary[Filter, Share] = WeakValueDictionary()
        self._selections: Recent[Selection] = Recent(SELECTIONS)
        self._runs: Recent[Told] = Recent(max_characters)
        self.sequence = 0
        self.listening = asyncio.Event()
        """Set once every change from now on is heard."""

    async def run(self, bus: Bus) -> None:
        """Hears changes, for ever; begins with the newest of those before, for clients of a gateway that restarted."""
        await follow(
            bus, SUBJECT, self._hear, started=self.start, back=self._max_deltas, back_bytes=self._max_characters
        )

    async def _hear(self, message: Message) -> None:
        delta = delta_heard(message)
        if delta is not None:
            self._keep(delta)

    def start(self, sequence: int, newest: int | None = None) -> None:
        """From which sequence on changes are heard, and the newest there was; whoever followed must begin anew."""
        self._forgotten += len(self._ring) + 1
        self._ring.clear()
        self._characters = 0
        self.sequence = self._first_sequence = sequence
        self._newest_at_start = sequence if newest is None else newest
        self._listen()
        self._wake()

    def publish(self, sequence: int, twins: Sequence[types_pb2.Twin], undo: Sequence[str] = ()) -> None:
        """Keeps changed twins and wakes who waits for them."""
        self._keep(delta_of(sequence, twins, undo))

    def _keep(self, delta: Delta) -> None:
        self.sequence = delta.sequence
        self._ring.append(delta)
        self._characters += delta.size
        while len(self._ring) > self._max_deltas or (self._characters > self._max_characters and len(self._ring) > 1):
            gone = self._ring.popleft()
            self._characters -= gone.size
            self._forgotten += 1
            self._first_sequence = gone.sequence
        self._listen()
        self._wake()

    def _listen(self) -> None:
        if self.sequence >= self._newest_at_start:
            self.listening.set()

    def _wake(self) -> None:
        for waiting in self._waiting:
            _end(waiting)

    def covers(self, after: int) -> bool:
        """Whether everything since a sequence is still here."""
        return self._first_sequence <= after <= self.sequence

    def subscribe(self, wanted: Filter, after: int | None = None) -> Subscription:
        """A place behind the newest delta, or behind the sequence `after` where everything since then is still here."""
        end = self._forgotten + len(self._ring)
        share = self.share(wanted)
        if after is None or not self.covers(after):
            return Subscription(self, share, end, self.sequence, needs_snapshot=True)
        newer = 0
        for delta in reversed(self._ring):
            if delta.sequence <= after:
                break
            newer += 1
        return Subscription(self, share, end - newer, after, needs_snapshot=False)

    def share(self, wanted: Filter) -> Share:
        """What all who want the same have in common."""
        share = self._shares.get(wanted)
        if share is None:
            share = self._shares[wanted] = Share(wanted)
        return share

    def run_at(self, place: int) -> list[Delta]:
        """What waits at a place, up to one message; nothing when it is still to come. LookupError when it is gone."""
        index = place - self._forgotten
        left = len(self._ring) - index
        if index < 0:
            raise LookupError(place)
        if left <= 1:
            return [self._ring[-1]] if left == 1 else []
        run: list[Delta] = []
        characters = 0
        for delta in islice(self._ring, index, index + RUN_DELTAS):
            characters += delta.size
            if run and characters > RUN_CHARACTERS:
                break
            run.append(delta)
        return run

    def told(self, run: Sequence[Delta], share: Share) -> Told:
        """A run as one message. Made once for all clients that want the same."""
        key = (run[0].sequence, run[-1].sequence, share.number)
        known = self._runs.get(key)
        if known is not None:
            return known[0]
        selections = [self._selected(delta, share) for delta in run]
        told = run_of(run[-1].sequence, selections, share.wanted)
        return self._runs.keep(key, told, len(told.text) + OVERHEAD)

    def _selected(self, delta: Delta, share: Share) -> Selection:
        """Each query is asked of each delta once, whoever wants it."""
        key = (delta.sequence, share.number)
        known = self._selections.get(key)
        return known[0] if known is not None else self._selections.keep(key, share.wanted.select(delta.changes))

    async def wait_beyond(self, place: int, until: float | None = None) -> None:
        """Waits until there is a delta at the place, or the place is no more; at most until a time of the loop."""
        loop = asyncio.get_running_loop()
        while place - self._forgotten >= len(self._ring):
            woken = loop.create_future()
            # Cheaper than a timeout around it, which every client would set up for every change.
            alarm = None if until is None else loop.call_at(until, _end, woken)
            self._waiting.add(woken)
            try:
                await woken
            finally:
                self._waiting.discard(woken)
                if alarm is not None:
                    alarm.cancel()
            if until is not None and loop.time() >= until:
                return

    async def wait_for(self, sequence: int, within_s: float) -> None:
        """Waits until so much has been heard, at most so long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while self.sequence < sequence and loop.time() < until:
            await self.wait_beyond(self._forgotten + len(self._ring), until)


def _end(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class Share:
    """A filter that somebody follows, by a number: it is looked up for each client and each change."""

    _numbers = count()

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.number = next(self._numbers)


class Subscription:
    """One client's place in the hub's ring."""

    def __init__(self, hub: Hub, share: Share, place: int, sequence: int, *, needs_snapshot: bool) -> None:
        self._hub = hub
        self._place = place
        self._share = share
        self.wanted = share.wanted
        self.needs_snapshot = needs_snapshot
        self.sequence = sequence
        """The client knows everything up to here; a snapshot begun now has reached it at least."""

    async def next(self, within_s: float | None = None) -> Told:
        """What comes next that is wanted; a mark when nothing was in that time. LookupError: it is too far behind."""
        loop = asyncio.get_running_loop()
        until = None if within_s is None else loop.time() + within_s
        while True:
            run = self._hub.run_at(self._place)
            if run:
                self._place += len(run)
                self.sequence = run[-1].sequence
                told = self._hub.told(run, self._share)
                if told.kind == "delta":
                    return told
                # Others have their turn between two runs of what this one does not want.
                await asyncio.sleep(0)
            if until is not None and loop.time() >= until:
                return mark_at(self.sequence, self.wanted)
            if not run:
                await self._hub.wait_beyond(self._place, until)
