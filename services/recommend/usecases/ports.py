"""What the use cases ask of the store and of WeCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from services.recommend.domain.lists import ListInput

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """What brought a change: its trace, and whether it was a single one."""

    trace_id: str
    traceparent: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a market stands: its newest cycle and the number of its shops."""

    cycle: int
    shops: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recommendations are listed; empty means all (state: all but expired and withdrawn)."""

    account_manager: str = ""
    retailer: str = ""
    state: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: rank, score and id of the last row that was read."""

    rank: int
    score: float
    id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer."""

    key: str
    event: str
    reason: str
    user_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A card that is due, with what it shows and what decides whether it may leave now."""

    card: Row
    recommendation: Row | None


class IntakeUnit(Protocol):
    """One transaction that takes in a message."""

    async def is_new(self, consumer: str, message_id: str) -> bool: ...
    async def take_shops(self, shops: pl.DataFrame, purchases: pl.DataFrame, cause: Cause) -> None: ...
    async def take_products(self, products: pl.DataFrame, cause: Cause) -> None: ...
    async def take_demand(self, demand: pl.DataFrame, cause: Cause, *, growth: float) -> None: ...


class RankingUnit(Protocol):
    """One transaction that ranks anew."""

    async def try_lock(self) -> bool: ...
    async def take_stale(self, *, live_only: bool) -> pl.DataFrame: ...
    async def take_stale_of(self, market: str) -> pl.DataFrame: ...
    async def markets_of(self, retailers: Sequence[str]) -> pl.DataFrame: ...
    async def clocks(self) -> dict[str, Clock]: ...
    async def market_purchases(self, market: str) -> pl.DataFrame: ...
    async def price_classes(self) -> pl.DataFrame: ...
    async def list_input(
        self, market: str, cycle: int, retailers: Sequence[str] | None, *, today: str, reject_cycles: int
    ) -> ListInput: ...
    async def kept(self, retailers: Sequence[str], cycle: int) -> pl.DataFrame: ...
    async def save(self, changed: pl.DataFrame, ended: pl.DataFrame, at: datetime) -> None: ...
    async def cards_of(self, retailers: Sequence[str]) -> pl.DataFrame: ...
    async def cards_today(self, since: datetime) -> pl.DataFrame: ...
    async def queue_cards(self, cards: pl.DataFrame, at: datetime) -> None: ...


class AnswerUnit(Protocol):
    """One transaction that takes a person's answer."""

    async def lock(self, recommendation_id: str) -> Row | None: ...
    async def card(self, task_id: str) -> Row | None: ...
    async def is_first(self, recommendation_id: str, answer: Answer, state: str, at: datetime) -> bool: ...
    async def move(self, row: Row, state: str, *, at: datetime, trace_id: str) -> None: ...
    async def change_card(self, recommendation_id: str, *, text: str, response_code: str, at: datetime) -> None: ...


class CardUnit(Protocol):
    """One transaction that handles one card; the card stays locked until it ends."""

    async def next_due(self, at: datetime) -> Outgoing | None: ...
    async def settle(
        self, task_id: str, *, state: str, note: str, due_at: datetime, sent_at: datetime | None, response_code: str
    ) -> None: ...
    async def updated(self, task_id: str, *, update_text: str, due_at: datetime, note: str) -> None: ...
    async def move(self, row: Row, state: str, *, at: datetime, trace_id: str) -> None: ...


class Store(Protocol):
    def intake(self) -> AbstractAsyncContextManager[IntakeUnit]: ...
    def ranking(self) -> AbstractAsyncContextManager[RankingUnit]: ...
    def answering(self) -> AbstractAsyncContextManager[AnswerUnit]: ...
    def delivering(self) -> AbstractAsyncContextManager[CardUnit]: ...
    async def get(self, recommendation_id: str) -> Row | None: ...
    async def find(self, wanted: Wanted, after: Place | None, limit: int) -> list[Row]: ...
    async def counts(self) -> tuple[dict[str, int], dict[str, int], int]: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a card that was handed to WeCom: `sent`, `held` (until `retry_after_s`) or `failed`."""

    state: str
    note: str = ""
    retry_after_s: float = 0.0
    response_code: str = ""


class Postman(Protocol):
    """Hands cards over to WeCom, within its limits and to staff only."""

    async def send(self, task_id: str, user_id: str, recommendation: Row) -> Delivered: ...
    async def update(self, user_id: str, response_code: str, text: str) -> Delivered: ...
