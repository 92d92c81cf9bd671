"""What goes on beside calls and messages: twins follow the rules that are set for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from chassis.db import is_away
from services.twin import usecases
from services.twin.usecases import FusionRuleStore, Store

log = structlog.get_logger()

LOOK_S = 2.0
"""So long another replica fuses by a rule that was replaced."""


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
