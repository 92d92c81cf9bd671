"""Tables, queries and outbox rows of the forecast service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from google.protobuf.message import Message as ProtoMessage
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database
from chassis.outbox import Relay, tell
from chassis.telemetry import span
from services.forecast.domain.regions import Regions
from services.forecast.domain.working_set import groups_of, tops_of
from services.forecast.store import reading, registry, results
from services.forecast.store.history import HistoryUnit, Places, lock_history
from services.forecast.store.shelf import Shelf, code_version
from services.forecast.store.tables import INBOX, OUTBOX, SCHEMA
from services.forecast.usecases.ports import AnnualWork, DemandWork, NewModel, Row
from services.forecast.wire import annual_events, demand_events

__all__ = ["INBOX", "OUTBOX", "SCHEMA", "PostgresStore"]

_OWN_TRACES = 16
"""So many traces get messages of their own; beyond them it is bulk, and facets of many traces share a message."""

_DOMAIN = Path(__file__).parent.parent / "domain"


class PostgresStore:
    """History, forecasts and models in PostgreSQL; model files in a folder."""

    def __init__(self, db: Database, relay: Relay, shelf: Shelf, regions: Regions) -> None:
        self._db = db
        self._relay = relay
        self._shelf = shelf
        self._regions = regions
        self._places = Places()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[HistoryUnit]:
        async with self._db.transaction() as session:
            unit = HistoryUnit(session, self._places)
            yield unit
        unit.committed()

    async def demand_work(self, limit: int | None) -> DemandWork:
        dirty = await self._claimed(reading.claim_series, limit)
        async with self._db.transaction() as session:
            ids = None if limit is None else dirty["series_id"]
            if ids is not None and ids.is_empty():
                nothing = pl.DataFrame()
                return DemandWork(dirty, nothing, nothing, nothing, nothing)
            series = await reading.series_facts(session, ids)
            members = None if ids is None else groups_of(series)
            return DemandWork(
                dirty=dirty,
                series=series,
                cells=await reading.weeks(session, ids),
                totals=await reading.totals(session, members),
                clocks=await reading.clocks(session),
            )

    async def save_demand(self, made: pl.DataFrame, done: pl.DataFrame, made_at: datetime) -> None:
        async with self._db.transaction() as session:
            await lock_history(session)
            made = await results.without_shadowed(session, made)
            await results.save_demand(session, made, made_at)
            await results.finish_series(session, done)
            await _tell_by_trace(session, made, lambda part: demand_events(part, made_at))
        self._relay.wake()

    async def annual_work(self, limit: int | None) -> AnnualWork:
        dirty = await self._claimed(reading.claim_units, limit)
        async with self._db.transaction() as session:
            if limit is None:
                units = await reading.all_units(session)
            else:
                units = await reading.units_by_id(session, dirty["unit_id"])
            return await self._annual_work(session, dirty, units)

    async def _claimed(
        self, claim: Callable[[AsyncSession, int], Awaitable[pl.DataFrame]], limit: int | None
    ) -> pl.DataFrame:
        async with self._db.transaction() as session:
            # Whoever marks rows at the same time would take those being claimed for marked, and they would be lost.
            await lock_history(session)
            return await claim(session, limit or 0)

    async def _annual_work(self, session: AsyncSession, dirty: pl.DataFrame, units: pl.DataFrame) -> AnnualWork:
        place = ["region", "sku_code", "base_unit", "measure"]
        wanted = tops_of(units, self._regions)
        tops = await reading.units_by_place(session, wanted.select(place).unique())
        units = pl.concat([units, tops]).unique(subset="unit_id", maintain_order=True)
        top_ids = wanted.join(tops.select(*place, top_id="unit_id"), on=place).select("unit_id", "top_id")
        observations = await reading.prices(session, units["region"], units["sku_code"])
        priced = observations["sku_code"]
        return AnnualWork(
            dirty=dirty,
            units=units,
            tops=top_ids,
            cells=await reading.unit_cells(session, units["unit_id"]),
            observations=observations,
            guides=await reading.guides(session, priced),
            volumes=await reading.volumes(session, priced),
        )

    async def sales_of(self, sku: str) -> AnnualWork:
        async with self._db.transaction() as session:
            asked = pl.DataFrame({"sku_code": [sku]})
            condition = "JOIN {given} ON u.sku_code = given.sku_code"
            units = await reading.unit_facts(session, condition, asked)
            cells = await reading.unit_cells(session, units["unit_id"])
        nothing = pl.DataFrame()
        return AnnualWork(nothing, units, nothing, cells, nothing, nothing, nothing)

    async def save_annual(self, made: pl.DataFrame, done: pl.DataFrame, made_at: datetime) -> None:
        async with self._db.transaction() as session:
            await lock_history(session)
            await results.save_annual(session, made, made_at)
            await results.drop_annual(session, done)
            await results.finish_units(session, done)
            await _tell_by_trace(session, made, lambda part: annual_events(part, made_at))
        self._relay.wake()

    async def history_revision(self) -> int:
        async with self._db.transaction() as session:
            return await reading.history_revision(session)

    async def has_much_history(self) -> bool:
        async with self._db.transaction() as session:
            return await reading.has_much_history(session)

    async def start_training(self, training_id: str, revision: int, now: datetime) -> Row:
        async with self._db.transaction() as session:
            return await registry.start_training(session, training_id, revision, now)

    async def get_training(self, training_id: str) -> Row | None:
        async with self._db.transaction() as session:
            return await registry.get_training(session, training_id)

    async def update_training(self, training_id: str, **values: Any) -> None:
        async with self._db.transaction() as session:
            await registry.update_training(session, training_id, **values)

    async def give_back(self) -> None:
        """What was claimed and not saved is to be forecast again."""
        async with self._db.transaction() as session:
            await lock_history(session)
            await results.unclaim(session)

    async def renew(self) -> bool:
        """Asks for every forecast anew where the history has changed since that was last done; False where not."""
        async with self._db.transaction() as session:
            await lock_history(session)
            if await results.is_renewed(session):
                return False
            await results.mark_everything(session, trace_id=None)
            return True

    async def recover(self) -> None:
        """What a stopped process had begun is to be done again."""
        async with self._db.transaction() as session:
            await lock_history(session)
            await results.unclaim(session)
            await registry.fail_abandoned(session)

    async def adopt(self, models: Sequence[NewModel], now: datetime) -> None:
        """Writes the files, then registers the models, then asks for every forecast anew."""
        async with self._db.transaction() as session:
            await lock_history(session)
            for model in models:
                row = {
                    "version": model.version,
                    "target": model.target,
                    "file": self._shelf.put(model.version, model.body),
                    "data_from": model.data_from,
                    "data_to": model.data_to,
                    "rows": model.rows,
                    "features": list(model.features),
                    "code_version": code_version(_DOMAIN),
                    "created_at": now,
                }
                await registry.save_model(session, row, model.backtests)
            await results.mark_everything(session, trace_id="")

    async def current_models(self) -> dict[str, bytes]:
        """File content of the models in use, by target; without those whose file is gone."""
        async with self._db.transaction() as session:
            rows = await registry.current_models(session)
        found = {row["target"]: self._shelf.get(row["file"]) for row in rows}
        return {target: body for target, body in found.items() if body is not None}

    async def list_demand(self, *, region: str, sku: str, horizon: int, after: Sequence[str], limit: int) -> list[Row]:
        async with self._db.transaction() as session:
            return await results.list_demand(session, region=region, sku=sku, horizon=horizon, after=after, limit=limit)

    async def list_annual(
        self, *, region: str, sku: str, year: int, method: str, after: Sequence[str], limit: int
    ) -> list[Row]:
        async with self._db.transaction() as session:
            return await results.list_annual(
                session, region=region, sku=sku, year=year, method=method, after=after, limit=limit
            )

    async def map_values(self, *, method: str, sku: str) -> list[Row]:
        async with self._db.transaction() as session:
            return await results.map_values(session, method=method, sku=sku)

    async def backtests(self, target: str) -> list[Row]:
        async with self._db.transaction() as session:
            return await registry.backtests(session, target)

    async def count(self) -> tuple[int, int, int]:
        async with self._db.transaction() as session:
            return await results.count(session)


async def _tell_by_trace(
    session: AsyncSession, made: pl.DataFrame, events_of: Callable[[pl.DataFrame], Sequence[ProtoMessage]]
) -> None:
    """Tells of forecasts in the trace of the record that caused them, where that can be told apart."""
    traces = made.select("trace_id").filter(pl.col("trace_id") != "").to_series().unique(maintain_order=True)
    alone = traces.head(_OWN_TRACES) if len(traces) <= _OWN_TRACES else traces.head(0)
    for trace in alone:
        with span("forecasts made", headers={"traceparent": f"00-{trace}-{trace[16:]}-01"}):
            await tell(session, OUTBOX, events_of(made.filter(pl.col("trace_id") == trace)))
    rest = made.filter(~pl.col("trace_id").is_in(alone.implode()))
    await tell(session, OUTBOX, events_of(rest))
