"""What goes on beside calls and messages.

follow_rules      twins follow the rules that are set for them
migrate_twins     twins are brought to new versions of their types
forget_history    what is older than history is kept goes
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from chassis.db import patiently
from services.twin import usecases
from services.twin.domain.model_jobs import Job
from services.twin.usecases import FusionRuleStore, MovingStore, Store

log = structlog.get_logger()

LOOK_S = 2.0
"""So long another replica fuses by a rule that was replaced."""
DAY_S = 86_400.0
AGAIN_S = 10.0


async def follow_rules(store: Store, rules: FusionRuleStore, now: Callable[[], datetime]) -> None:
    """Lets twins follow fusion rules, for ever."""
    while True:
        changed = await patiently("fusion rules", lambda: usecases.follow_rules(store, rules, now))
        if changed:
            log.info("fusion.rules_applied", twins=changed)
        await asyncio.sleep(LOOK_S)


async def forget_history(store: Store, now: Callable[[], datetime], *, kept_days: int) -> None:
    """Forgets what is older than history is kept, once a day, for ever."""
    while True:
        before = now() - timedelta(days=kept_days)
        rows = await patiently("old history", partial(usecases.drop_history, store, before))
        if rows:
            on = before.date().isoformat()
            log.info("retention.removed", kind="twin", store="journal", rows=rows, before=on)
        await asyncio.sleep(AGAIN_S if rows is None else DAY_S)


async def migrate_twins(store: MovingStore, now: Callable[[], datetime]) -> None:
    """Brings twins to new versions of their types, a group at a time, and keeps up with the types, for ever."""

    async def migrated() -> Job | None:
        job = await usecases.migrate_some(store, now())
        if job is None:
            await store.renew_types()
        return job

    while True:
        job = await patiently("migrations", migrated)
        if job and job.state != "running":
            log.info("model.migration_ended", model=job.name, state=job.state, twins=job.moved, misfits=job.misfits)
        # Whoever else wants the processor or the twins has a turn.
        await asyncio.sleep(0.0 if job and job.state == "running" else LOOK_S)
