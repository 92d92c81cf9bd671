"""The live stream: a snapshot, then deltas with sequence, over WebSocket.

    JetStream TwinChanged ─▶ Hub: encodes each twin once ─▶ ring ◀─ Subscription (a place in the ring) ─▶ client

The sequence is that of the JetStream stream: it means the same after a restart and in every replica. A client holds
nothing but its place; one that falls behind the ring gets a fresh snapshot instead of delaying the others. A
snapshot may already hold changes whose deltas follow: a twin whose revision is not newer than the known one is old.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from google.protobuf.message import DecodeError

from chassis.bus import Bus, Message, subject_of
from gateway.views import twin_text
from marketwin.twin.v1 import events_pb2, types_pb2

log = structlog.get_logger()

RING_DELTAS = 4096
RING_CHARACTERS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Filter:
    """Which twins a client wants: of a model, of some ids, or all."""

    model: str = ""
    ids: frozenset[str] = frozenset()

    def wants(self, twin_id: str, model: str) -> bool:
        return (not self.model or model == self.model) and (not self.ids or twin_id in self.ids)


EVERYTHING = Filter()


@dataclass(slots=True)
class Delta:
    """One message of changed twins, each encoded once for all clients."""

    sequence: int
    twins: tuple[tuple[str, str, str], ...]
    """(id, model, JSON text)"""
    _whole: str | None = field(default=None, init=False)

    @property
    def size(self) -> int:
        """Characters of all twins."""
        return sum(len(text) for _, _, text in self.twins)

    def text(self, wanted: Filter) -> str | None:
        """The delta as a client gets it, or None when nothing in it is wanted."""
        if wanted == EVERYTHING:
            self._whole = self._whole or self._text(wanted)
            return self._whole
        return self._text(wanted)

    def _text(self, wanted: Filter) -> str | None:
        texts = [text for twin_id, model, text in self.twins if wanted.wants(twin_id, model)]
        if not texts:
            return None
        return f'{{"type":"delta","sequence":{self.sequence},"twins":[{",".join(texts)}]}}'


class Hub:
    """Hears every change once and keeps the newest for those who follow."""

    def __init__(self, *, max_deltas: int = RING_DELTAS, max_characters: int = RING_CHARACTERS) -> None:
        self._max_deltas = max_deltas
        self._max_characters = max_characters
        self._ring: deque[Delta] = deque()
        self._characters = 0
        self._forgotten = 0
        self._first_sequence = 0
        self._waiting: set[asyncio.Event] = set()
        self.sequence = 0
        self.listening = asyncio.Event()
        """Set once every change from now on is heard."""

    async def run(self, bus: Bus) -> None:
        """Hears changes, for ever."""
        await bus.follow(subject_of(events_pb2.TwinChanged, ">"), self._hear, started=self.start)

    async def _hear(self, message: Message) -> None:
        try:
            event = events_pb2.TwinChanged.FromString(message.data)
        except DecodeError:
            log.error("live.unreadable", subject=message.subject, sequence=message.sequence)
            return
        self.publish(message.sequence, event.twins)

    def start(self, sequence: int) -> None:
        """From which sequence on changes are heard."""
        self.sequence = self._first_sequence = sequence
        self.listening.set()

    def publish(self, sequence: int, twins: Sequence[types_pb2.Twin]) -> None:
        """Keeps changed twins and wakes who waits for them."""
        delta = Delta(sequence, tuple((twin.id, twin.model, twin_text(twin)) for twin in twins))
        self.sequence = sequence
        self._ring.append(delta)
        self._characters += delta.size
        while len(self._ring) > self._max_deltas or (self._characters > self._max_characters and len(self._ring) > 1):
            gone = self._ring.popleft()
            self._characters -= gone.size
            self._forgotten += 1
            self._first_sequence = gone.sequence
        for event in self._waiting:
            event.set()

    def subscribe(self, wanted: Filter, after: int | None = None) -> Subscription:
        """A place behind the newest delta, or behind the sequence `after` where everything since then is still here."""
        end = self._forgotten + len(self._ring)
        if after is None or not self._first_sequence <= after <= self.sequence:
            return Subscription(self, wanted, end, needs_snapshot=True)
        newer = 0
        for delta in reversed(self._ring):
            if delta.sequence <= after:
                break
            newer += 1
        return Subscription(self, wanted, end - newer, needs_snapshot=False)

    def at(self, place: int) -> Delta | None:
        """The delta at a place; None when it is still to come. LookupError when it is no longer here."""
        index = place - self._forgotten
        if index < 0:
            raise LookupError(place)
        return self._ring[index] if index < len(self._ring) else None

    async def wait_beyond(self, place: int) -> None:
        """Waits until there is a delta at the place."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            while place - self._forgotten >= len(self._ring):
                woken.clear()
                await woken.wait()
        finally:
            self._waiting.discard(woken)


class Subscription:
    """One client's place in the hub's ring."""

    def __init__(self, hub: Hub, wanted: Filter, place: int, *, needs_snapshot: bool) -> None:
        self._hub = hub
        self._place = place
        self.wanted = wanted
        self.needs_snapshot = needs_snapshot
        self.sequence = hub.sequence
        """The sequence that a snapshot begun now has reached at least."""

    async def next_text(self) -> str:
        """The next delta that is wanted. LookupError when the client fell too far behind to go on."""
        while True:
            delta = self._hub.at(self._place)
            if delta is None:
                await self._hub.wait_beyond(self._place)
                continue
            self._place += 1
            if text := delta.text(self.wanted):
                return text


def snapshot_text(sequence: int, twins: Sequence[str], *, more: bool) -> str:
    """A part of a snapshot; `more` says that another part follows."""
    end = json.dumps(more)
    return f'{{"type":"snapshot","sequence":{sequence},"more":{end},"twins":[{",".join(twins)}]}}'
