"""Models and how they did; training runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.forecast.store.tables import SCHEMA, BacktestRow, ModelRow, TrainingRow, table

MODEL, BACKTEST, TRAINING = table(ModelRow), table(BacktestRow), table(TrainingRow)
Row = dict[str, Any]


async def current_models(session: AsyncSession) -> list[Row]:
    """The models in use."""
    found = await session.execute(sa.select(MODEL).where(MODEL.c.is_current))
    return [dict(row) for row in found.mappings()]


async def save_model(session: AsyncSession, model: Row, backtests: pl.DataFrame) -> None:
    """Registers a model with its back-tests and puts it into use instead of the last one of its target."""
    others = MODEL.c.target == model["target"]
    await session.execute(sa.update(MODEL).where(others).values(is_current=False))
    statement = insert(MODEL).values(**model, is_current=True)
    await session.execute(statement.on_conflict_do_update(index_elements=["version"], set_={"is_current": True}))
    await session.execute(sa.delete(BACKTEST).where(BACKTEST.c.model_version == model["version"]))
    if backtests.height:
        rows = backtests.with_columns(model_version=pl.lit(model["version"])).to_dicts()
        await session.execute(sa.insert(BACKTEST), rows)


async def backtests(session: AsyncSession, target: str) -> list[Row]:
    """Back-tests of the models in use, of one target or (empty) of all."""
    query = (
        sa.select(BACKTEST, MODEL.c.target)
        .join(MODEL, MODEL.c.version == BACKTEST.c.model_version)
        .where(MODEL.c.is_current)
        .order_by(MODEL.c.target, BACKTEST.c.level, BACKTEST.c.metric, BACKTEST.c.method, BACKTEST.c.horizon)
    )
    if target:
        query = query.where(MODEL.c.target == target)
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def start_training(session: AsyncSession, training_id: str, history_revision: int, now: datetime) -> Row:
    """A run that learns or has learnt from this very history, or one that is yet to begin, or a new one (`queued`)."""
    await session.execute(sa.text(f"SELECT pg_advisory_xact_lock(hashtext('{SCHEMA}.training'))"))
    same = sa.and_(TRAINING.c.status.in_(["running", "done"]), TRAINING.c.history_revision == history_revision)
    query = sa.select(TRAINING).where((TRAINING.c.status == "queued") | same)
    found = (await session.execute(query.order_by(TRAINING.c.created_at.desc()))).mappings().first()
    if found is not None:
        return dict(found)
    row: Row = {
        "id": training_id,
        "status": "queued",
        "message": "",
        "progress": 0.0,
        "model_versions": [],
        "history_revision": history_revision,
        "created_at": now,
    }
    await session.execute(sa.insert(TRAINING).values(**row))
    return row


async def get_training(session: AsyncSession, training_id: str) -> Row | None:
    """One run."""
    found = (await session.execute(sa.select(TRAINING).where(TRAINING.c.id == training_id))).mappings().first()
    return dict(found) if found is not None else None


async def update_training(session: AsyncSession, training_id: str, **values: Any) -> None:
    """Moves a run on."""
    await session.execute(sa.update(TRAINING).where(TRAINING.c.id == training_id).values(**values))


async def fail_abandoned(session: AsyncSession) -> None:
    """Runs that a stopped process left behind have failed."""
    abandoned = TRAINING.c.status.in_(["queued", "running"])
    values = {"status": "failed", "message": "the process stopped during the training; start it again"}
    await session.execute(sa.update(TRAINING).where(abandoned).values(**values))
