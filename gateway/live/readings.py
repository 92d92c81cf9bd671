"""What machines measure this moment: the newest values of each twin, heard as they pass and kept by nobody else.

The state of a twin takes such values in once in a while, and each of them is history. A reading is neither: it is told
to who follows, at most ten times a second, and is gone when the gateway starts anew, until the next one comes.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator

from chassis.bus import Bus
from chassis.errors import Invalid, Problem
from chassis.passing import overhear
from gateway.live.filters import Filter
from gateway.live.hub import Told
from gateway.views.base import Json, time_text
from marketwin.twin.v1 import events_pb2, types_pb2

EVERY_S = 0.1
MOST_TWINS = 100_000
PART = 1000


class Measured:
    """The newest readings of one twin, by property."""

    __slots__ = ("_text", "_times", "_version", "id", "model", "number", "values")

    def __init__(self, twin_id: str, model: str) -> None:
        self.id = twin_id
        self.model = model
        self.number = 0
        """Grows with every reading of any twin."""
        self.values: dict[str, Json] = {}
        self._times: dict[str, int] = {}
        self._version = ""
        self._text = ""

    def take(self, reading: types_pb2.Reading) -> bool:
        """Takes in what is not older than what is known; whether anything was."""
        if reading.version != self._version:
            # The words of another version of its type: what was said in those of before is said no more.
            self._version, self.values, self._times = reading.version, {}, {}
        moment = reading.at.ToNanoseconds()
        said = {"at": time_text(reading.at), "source": reading.source, "quality": reading.quality}
        properties: Json = json.loads(reading.properties_json)
        newer = {name: value for name, value in properties.items() if self._times.get(name, moment) <= moment}
        self._times.update(dict.fromkeys(newer, moment))
        self.values.update({name: {"value": value, **said} for name, value in newer.items()})
        self._text = ""
        return bool(newer)

    def text(self) -> str:
        """Made once for all who follow."""
        if not self._text:
            self._text = json.dumps({"id": self.id, "model": self.model, "readings": self.values}, ensure_ascii=False)
        return self._text


class Readings:
    """Of each twin the newest readings, those that changed last at the end."""

    def __init__(self, *, most_twins: int = MOST_TWINS) -> None:
        self._most = most_twins
        self._twins: OrderedDict[str, Measured] = OrderedDict()
        self._number = 0
        self._news = asyncio.Event()

    async def run(self, bus: Bus) -> None:
        """Hears readings, for ever."""
        await overhear(bus, events_pb2.TwinReadings, self.take)

    def take(self, event: events_pb2.TwinReadings) -> None:
        """Takes in what passes by, and wakes who waits for it."""
        for reading in event.readings:
            known = self._twins.get(reading.id)
            if known is None:
                known = self._twins[reading.id] = Measured(reading.id, reading.model)
            if known.take(reading):
                self._number += 1
                known.number = self._number
                self._twins.move_to_end(reading.id)
        while len(self._twins) > self._most:
            self._twins.popitem(last=False)
        self._news.set()
        self._news = asyncio.Event()

    def of(self, twin_id: str) -> dict[str, Json]:
        """The newest readings of a twin by property; none where nothing was heard since the gateway began."""
        known = self._twins.get(twin_id)
        return known.values if known is not None else {}

    async def told(self, wanted: Filter) -> AsyncGenerator[Told, None]:
        """All that is known of the twins that are wanted, then what is new, for ever, at most ten times a second."""
        reached = 0
        while True:
            news = self._news
            texts, reached = [each.text() for each in self._newer(reached, wanted)], self._number
            for start in range(0, len(texts), PART):
                yield Told(readings_text(texts[start : start + PART]), None, "readings")
            await asyncio.sleep(EVERY_S)
            await news.wait()

    def _newer(self, reached: int, wanted: Filter) -> Iterator[Measured]:
        if wanted.ids:
            named = (self._twins.get(each) for each in wanted.ids)
            yield from (each for each in named if each and each.number > reached and wanted.is_of(each.id, each.model))
            return
        for known in reversed(self._twins.values()):
            if known.number <= reached:
                return
            if wanted.is_of(known.id, known.model):
                yield known


def check_readings(wanted: Filter, pointer: str) -> None:
    """Invalid where a query decides: what is measured is no state that could fulfil one."""
    if wanted.query:
        problem = Problem(pointer, "not_with_filter", "readings go by model or ids, not by a filter")
        raise Invalid("readings cannot be told by a filter", errors=[problem])


def readings_text(twins: list[str]) -> str:
    return f'{{"type":"readings","twins":[{",".join(twins)}]}}'
