"""Records move the history; what has changed is forecast again a moment later.

RecordsAccepted ─▶ history ─▶ Pace ─▶ forecasts of weeks (seconds) and years
                                └───▶ first training, when there is enough to learn from
"""

from __future__ import annotations

import asyncio
import io
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import polars as pl
import structlog

from chassis.bus import Bus, Message, subject_of
from chassis.db import patiently
from chassis.telemetry import where
from marketwin.ingest.v1 import events_pb2
from services.forecast.settings import ForecastSettings
from services.forecast.usecases import training as trainings
from services.forecast.usecases.forecasting import Forecasting, forecast_dirty_demand, forecast_dirty_years
from services.forecast.usecases.ports import Heavy, Models, Now, Row, Store
from services.forecast.usecases.taking import Part, Taking, take_in_records
from services.forecast.usecases.training import Training

log = structlog.get_logger()

DURABLE = "forecast-records"
GROUP_MESSAGES = 32
"""Messages in a transaction; forecasts are not saved as long as it lasts."""
KINDS = ("sku", "commercial_sale", "commercial_order", "price_observation")
_UNASKED_S = 1.0
"""What another process has marked is found after so long."""
_LONGEST_S = 600.0
"""A first training waits no longer for a pause in the records."""
_BULK_BEHIND = 16
_BULK_MESSAGES = 20
_BULK_WITHIN_S = 4.0
"""So many messages waiting, or heard within so long, are bulk: forecasts in between would be made again and again."""


class Pass(Protocol):
    """Forecasts at most `limit` of what has changed; returns how many there were."""

    def __call__(
        self, store: Store, models: Models, how: Forecasting, heavy: Heavy, now: Now, *, limit: int
    ) -> Awaitable[int]: ...


@dataclass(slots=True)
class Pace:
    """When records came last, and whether bulk work waits for a first training: it would be done again after it."""

    clock: Callable[[], float] = time.monotonic
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    last_change: float = -1e9
    bulk_waits: bool = False
    behind: int = 0
    heard: deque[float] = field(default_factory=lambda: deque(maxlen=_BULK_MESSAGES))

    def touch(self, messages: int = 1, behind: int = 0) -> None:
        """So many messages have changed something, and so many still wait."""
        self.last_change = self.clock()
        self.behind = behind
        self.heard.extend([self.last_change] * messages)
        self.changed.set()

    def is_bulk(self) -> bool:
        """Whether records pour in."""
        is_full = len(self.heard) == _BULK_MESSAGES
        return self.behind > _BULK_BEHIND or (is_full and self.clock() - self.heard[0] < _BULK_WITHIN_S)

    def quiet_s(self) -> float:
        """Seconds since the last change."""
        return self.clock() - self.last_change

    async def settle(self, quiet_s: float, longest_s: float) -> bool:
        """Waits for a change, then for a pause in changes, at most `longest_s`; True when there is a pause."""
        try:
            await asyncio.wait_for(self.changed.wait(), _UNASKED_S)
        except TimeoutError:
            return True
        self.changed.clear()
        deadline = self.clock() + longest_s
        while self.quiet_s() < quiet_s:
            if self.clock() >= deadline:
                return False
            await asyncio.sleep(max(0.01, min(quiet_s - self.quiet_s(), deadline - self.clock())))
        return True


async def hear_records(bus: Bus, store: Store, how: Taking, pace: Pace) -> None:
    """Takes in accepted records, for ever."""

    async def handle(messages: Sequence[Message]) -> None:
        await take_in_records(store, how, [_part(message) for message in messages], consumer=DURABLE)
        pace.touch(len(messages), messages[-1].behind)

    subjects = [subject_of(events_pb2.RecordsAccepted, kind) for kind in KINDS]
    await bus.consume_many(durable=DURABLE, subjects=subjects, handle=handle, most=GROUP_MESSAGES)


def _part(message: Message) -> Part:
    event = events_pb2.RecordsAccepted.FromString(message.data)
    return Part(message.message_id, event.kind, pl.read_ipc_stream(io.BytesIO(event.arrow_ipc)))


@dataclass(frozen=True, slots=True)
class Forecaster:
    """Keeps forecasts up with the history."""

    store: Store
    models: Models
    how: Forecasting
    heavy: Heavy
    now: Now
    settings: ForecastSettings

    async def keep_weeks(self, pace: Pace) -> None:
        """Forecasts changed series, for ever: the newest changes first, the bulk in a pause, none in a flood."""
        while True:
            is_quiet = await pace.settle(self.settings.quiet_s, self.settings.longest_wait_s)
            if pace.is_bulk():
                pace.changed.set()
                await asyncio.sleep(self.settings.quiet_s)
                continue
            if pace.bulk_waits and not self.settings.quiet_s <= pace.quiet_s() < _UNASKED_S:
                continue
            is_quiet = is_quiet and not pace.bulk_waits
            limit = self.settings.pass_series if is_quiet else self.settings.busy_pass_series
            made = await self._pass(forecast_dirty_demand, limit)
            if made:
                log.info("forecast.weeks_made", series=made)
            if made == limit and is_quiet:
                pace.changed.set()

    async def keep_years(self, pace: Pace) -> None:
        """Forecasts the years of changed units, for ever."""
        while True:
            await asyncio.sleep(self.settings.annual_every_s if pace.quiet_s() < 1 else 0.3)
            if pace.is_bulk() or pace.bulk_waits:
                continue
            is_quiet = pace.quiet_s() > self.settings.quiet_s
            limit = self.settings.pass_series if is_quiet else self.settings.busy_pass_series
            made = await self._pass(forecast_dirty_years, limit)
            if made:
                log.info("forecast.years_made", units=made)

    async def keep_whole(self, pace: Pace) -> None:
        """Asks for every forecast anew, in a pause where there is one, for ever.

        Records mark what they are of. What leans on that (a product's other regions, a region's other products, days
        covered) changes little by each of them, and would be forecast at every record: it is at intervals.
        """
        due_at = time.monotonic() + self.settings.renew_every_s
        while True:
            await asyncio.sleep(_UNASKED_S)
            is_pause = not pace.bulk_waits and pace.quiet_s() >= self.settings.auto_train_after_s
            if not is_pause and time.monotonic() < due_at:
                continue
            if await patiently("renewal", self.store.renew):
                log.info("forecast.renewed")
                pace.changed.set()
                await asyncio.sleep(self.settings.renew_every_s)
            due_at = time.monotonic() + self.settings.renew_every_s

    async def _pass(self, work: Pass, limit: int) -> int:
        """How many forecasts were made; where the database was away what was claimed is given back, in the end."""
        how = partial(work, self.store, self.models, self.how, self.heavy, self.now, limit=limit)
        made = await patiently("forecasts", how)
        while made is None and await patiently("claims", self._given_back) is None:
            pass
        return made or 0

    async def _given_back(self) -> bool:
        await self.store.give_back()
        return True


class Trainer:
    """Runs one training at a time."""

    def __init__(self, forecaster: Forecaster, how: Training, pace: Pace) -> None:
        self._store = forecaster.store
        self._models = forecaster.models
        self._heavy = forecaster.heavy
        self._now = forecaster.now
        self._settings = forecaster.settings
        self._how = how
        self._pace = pace
        self._queued: asyncio.Queue[str] = asyncio.Queue()
        self._taken: dict[str, asyncio.Event] = {}
        """Those that wait or run here, and when they have ended."""

    async def ask(self) -> Row:
        """Queues a training, or returns the one under way or already done for this history."""
        run = await trainings.ask_for_training(self._store, lambda: uuid.uuid4().hex, self._now)
        if run["status"] in ("queued", "running") and run["id"] not in self._taken:
            self._taken[run["id"]] = asyncio.Event()
            self._queued.put_nowait(run["id"])
        return run

    async def keep_training(self) -> None:
        """Runs what is queued, for ever."""
        while True:
            training_id = await self._queued.get()
            started = time.monotonic()
            try:
                await trainings.run_training(
                    self._store, self._models, self._how, training_id, heavy=self._heavy, now=self._now
                )
            except Exception as error:
                # The run is marked as failed; the models in use go on, and so must everything else.
                log.error("forecast.training_failed", error=type(error).__name__, where=where(error))
            else:
                log.info("forecast.trained", seconds=round(time.monotonic() - started, 1))
            self._taken.pop(training_id).set()
            self._pace.touch()

    async def keep_watch(self) -> None:
        """Asks for a first training when records pause, there is no model and enough history; for ever."""
        tried, due_at = -1, 0.0
        while self._settings.auto_train:
            await asyncio.sleep(_UNASKED_S / 2)
            is_pause = self._pace.quiet_s() >= self._settings.auto_train_after_s
            if due_at and not is_pause and time.monotonic() < due_at and self._models.demand is None:
                continue
            revision = None
            if self._models.demand is None:
                revision = await patiently("watch", partial(self._learnable, tried))
            if revision is None:
                self._pace.bulk_waits, due_at = False, 0.0
                continue
            # A model of years alone does not make everything wait for one of weeks.
            self._pace.bulk_waits = not self._models.annual.kinds
            if not is_pause and not due_at:
                due_at = time.monotonic() + _LONGEST_S
                continue
            run = await patiently("first training", self.ask)
            if run is None:
                continue
            tried, due_at = revision, 0.0
            if ended := self._taken.get(run["id"]):
                await ended.wait()

    async def _learnable(self, tried: int) -> int | None:
        """The revision of the history where there is enough of it to learn from, and more than was tried with."""
        revision = await self._store.history_revision()
        return revision if revision != tried and await self._store.has_much_history() else None
