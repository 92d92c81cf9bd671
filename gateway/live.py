"""The live stream: a snapshot, then deltas with sequence, over WebSocket.

    JetStream TwinChanged ─▶ Hub: encodes each twin once ─▶ Subscription (bounded queue) ─▶ client
A client that cannot keep up gets a fresh snapshot instead of delaying the others.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.bus import Bus, Message, subject_of
from gateway.views import twin_text
from marketwin.twin.v1 import events_pb2, types_pb2

QUEUE = 512
RING = 4096


@dataclass(frozen=True, slots=True)
class Filter:
    """Which twins a client wants: of a model, of some ids, or all."""

    model: str = ""
    ids: frozenset[str] = frozenset()

    def wants(self, twin_id: str, model: str) -> bool:
        return (not self.model or model == self.model) and (not self.ids or twin_id in self.ids)


@dataclass(frozen=True, slots=True)
class Delta:
    """One message of changed twins, each encoded once for all clients."""

    sequence: int
    twins: tuple[tuple[str, str, str], ...]
    """(id, model, JSON text)"""

    def text(self, wanted: Filter) -> str | None:
        """The delta as a client gets it, or None when nothing in it is wanted."""
        texts = [text for twin_id, model, text in self.twins if wanted.wants(twin_id, model)]
        if not texts:
            return None
        return f'{{"type":"delta","sequence":{self.sequence},"twins":[{",".join(texts)}]}}'


@dataclass(slots=True, eq=False)
class Subscription:
    """What one client still has to be sent; `overflowed` when it fell too far behind."""

    wanted: Filter
    queue: asyncio.Queue[Delta] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    overflowed: bool = False

    def offer(self, delta: Delta) -> None:
        if self.overflowed:
            return
        try:
            self.queue.put_nowait(delta)
        except asyncio.QueueFull:
            self.overflowed = True


class Hub:
    """Hears every change once and hands it to all subscriptions."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._ring: deque[Delta] = deque(maxlen=RING)
        self.sequence = 0

    async def run(self, bus: Bus) -> None:
        """Hears changes, for ever."""

        async def handle(message: Message) -> None:
            event = events_pb2.TwinChanged.FromString(message.data)
            self.publish(message.sequence, event.twins)

        await bus.follow(subject_of(events_pb2.TwinChanged, ">"), handle)

    def publish(self, sequence: int, twins: Sequence[types_pb2.Twin]) -> None:
        """Hands changed twins to every subscription."""
        delta = Delta(sequence, tuple((twin.id, twin.model, twin_text(twin)) for twin in twins))
        self.sequence = sequence
        self._ring.append(delta)
        for subscription in self._subscriptions:
            subscription.offer(delta)

    def subscribe(self, wanted: Filter) -> Subscription:
        subscription = Subscription(wanted)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def since(self, sequence: int) -> list[Delta] | None:
        """The deltas after a sequence, or None when they are no longer all here."""
        if sequence == self.sequence:
            return []
        if not self._ring or sequence < self._ring[0].sequence or sequence > self.sequence:
            return None
        return [delta for delta in self._ring if delta.sequence > sequence]


def snapshot_text(sequence: int, twins: Sequence[str], *, more: bool) -> str:
    """A part of a snapshot; `more` says that another part follows."""
    end = json.dumps(more)
    return f'{{"type":"snapshot","sequence":{sequence},"more":{end},"twins":[{",".join(twins)}]}}'
