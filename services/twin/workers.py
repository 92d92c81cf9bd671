"""What goes on beside calls and messages.

follow_rules      twins follow the rules that are set for them
migrate_twins     twins are brought to new versions of their types
forget_history    what is older than history is kept goes
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from chassis.db import is_away
from chassis.errors import Unavailable
from services.twin import usecases
from services.twin.usecases import FusionRuleStore, MovingStore, Store

log = structlog.get_logger()

LOOK_S = 2.0
"""So long another replica fuses by a rule that was replaced."""
DAY_S = 86_400.0
AGAIN_S = 10.0


async def follow_rules(store: Store, rules: FusionRuleStore, now: Callable[[], datetime]) -> None:
    """Lets twins follow fusion rules, for ever."""
    while True:
        try:
            changed = await usecases.follow_rules(store, rules, now)
            if changed:
                log.info("fusion.rules_applied", twins=changed)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("fusion.waits", error=type(error).__name__)
        await asyncio.sleep(LOOK_S)


async def forget_history(store: Store, now: Callable[[], datetime], *, kept_days: int) -> None:
    """Forgets what is older than history is kept, once a day, for ever."""
    while True:
        before = now() - timedelta(days=kept_days)
        pause_s = DAY_S
        try:
            if rows := await usecases.drop_history(store, before):
                on = before.date().isoformat()
                log.info("retention.removed", kind="twin", store="journal", rows=rows, before=on)
        except Exception as error:
            if not (isinstance(error, Unavailable) or is_away(error)):
                raise
            log.warning("retention.waits", error=type(error).__name__)
            pause_s = AGAIN_S
        await asyncio.sleep(pause_s)


async def migrate_twins(store: MovingStore, now: Callable[[], datetime]) -> None:
    """Brings twins to new versions of their types, a group at a time, and keeps up with the types, for ever."""
    while True:
        pause_s = LOOK_S
        try:
            job = await usecases.migrate_some(store, now())
            if job is None:
                await store.renew_types()
            elif job.state == "running":
                # Whoever else wants the processor or the twins has a turn.
                pause_s = 0.0
            else:
                log.info("model.migration_ended", model=job.name, state=job.state, twins=job.moved, misfits=job.misfits)
        except Exception as error:
            if not (isinstance(error, Unavailable) or is_away(error)):
                raise
            log.warning("model.migration_waits", error=type(error).__name__)
        await asyncio.sleep(pause_s)
