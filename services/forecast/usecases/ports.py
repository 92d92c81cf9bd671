"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import polars as pl

from services.forecast.domain.annual.backtest import TrainedAnnual
from services.forecast.domain.annual.forecasts import untrained
from services.forecast.domain.demand.model import DemandModel

T = TypeVar("T")
Row = dict[str, Any]
Now = Callable[[], datetime]


class Heavy(Protocol):
    """Runs maths off the event loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(slots=True)
class Models:
    """The models in use."""

    demand: DemandModel | None = None
    annual: TrainedAnnual = field(default_factory=untrained)


@dataclass(frozen=True, slots=True)
class DemandWork:
    """Series to forecast and what they need; `dirty` is series_id, trace_id, revision."""

    dirty: pl.DataFrame
    series: pl.DataFrame
    cells: pl.DataFrame
    totals: pl.DataFrame
    clocks: pl.DataFrame


@dataclass(frozen=True, slots=True)
class AnnualWork:
    """Units to forecast, the units of their widest regions beside them (`tops`: unit_id, top_id), and prices."""

    dirty: pl.DataFrame
    units: pl.DataFrame
    tops: pl.DataFrame
    cells: pl.DataFrame
    observations: pl.DataFrame
    guides: pl.DataFrame
    volumes: pl.DataFrame


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model to register: its file's content, and what it was learnt from."""

    target: str
    version: str
    body: bytes
    features: Sequence[str]
    rows: int
    data_from: str
    data_to: str
    backtests: pl.DataFrame


class History(Protocol):
    """One transaction on the history of sales and prices."""

    async def new_ones(self, consumer: str, message_ids: Sequence[str]) -> set[str]: ...
    async def count_change(self) -> None: ...
    async def save_skus(self, skus: pl.DataFrame) -> None: ...
    async def skus(self, codes: pl.Series) -> pl.DataFrame: ...
    async def stored_lines(self, lines: pl.DataFrame) -> pl.DataFrame: ...
    async def save_lines(self, lines: pl.DataFrame) -> None: ...
    async def series(self, spans: pl.DataFrame) -> pl.DataFrame: ...
    async def add_weeks(self, cells: pl.DataFrame) -> None: ...
    async def add_groups(self, totals: pl.DataFrame) -> None: ...
    async def advance_markets(self, spans: pl.DataFrame) -> pl.DataFrame: ...
    async def add_unit_cells(self, cells: pl.DataFrame, spans: pl.DataFrame) -> None: ...
    async def save_prices(self, prices: pl.DataFrame) -> None: ...
    async def mark_series(self, changed: pl.DataFrame) -> None: ...
    async def mark_markets(self, moved: pl.DataFrame) -> None: ...
    async def mark_units(self, changed: pl.DataFrame) -> None: ...
    async def mark_units_of_skus(self, changed: pl.DataFrame) -> None: ...


class Store(Protocol):
    """Everything that is kept."""

    def write(self) -> AbstractAsyncContextManager[History]: ...
    async def demand_work(self, limit: int | None) -> DemandWork: ...
    async def save_demand(self, made: pl.DataFrame, done: pl.DataFrame, made_at: datetime) -> None: ...
    async def annual_work(self, limit: int | None) -> AnnualWork: ...
    async def save_annual(self, made: pl.DataFrame, done: pl.DataFrame, made_at: datetime) -> None: ...
    async def give_back(self) -> None: ...
    async def renew(self) -> bool: ...
    async def sales_of(self, sku: str) -> AnnualWork: ...
    async def history_revision(self) -> int: ...
    async def has_much_history(self) -> bool: ...
    async def start_training(self, training_id: str, revision: int, now: datetime) -> Row: ...
    async def get_training(self, training_id: str) -> Row | None: ...
    async def update_training(self, training_id: str, **values: Any) -> None: ...
    async def adopt(self, models: Sequence[NewModel], now: datetime) -> None: ...
    async def list_demand(
        self, *, region: str, sku: str, horizon: int, after: Sequence[str], limit: int
    ) -> list[Row]: ...
    async def list_annual(
        self, *, region: str, sku: str, year: int, method: str, after: Sequence[str], limit: int
    ) -> list[Row]: ...
    async def map_values(self, *, method: str, sku: str) -> list[Row]: ...
    async def backtests(self, target: str) -> list[Row]: ...
    async def count(self) -> tuple[int, int, int]: ...
