"""Writes the history of a log in a process of its own, to be killed; `dies` kills it after a commit, before the
acknowledgement."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import polars as pl

from chassis.bus import bus
from services.ingest.consumers import write_history
from services.ingest.domain.schemas.fields import Kind
from services.ingest.store.history import history


class Deadly:
    """A history that ends the process as soon as it has committed something new."""

    def __init__(self, past: object) -> None:
        self._past = past

    async def append(self, kind: Kind, rows: pl.DataFrame) -> int:
        added: int = await self._past.append(kind, rows)
        if added and kind.name == "pos_sale":
            os.kill(os.getpid(), signal.SIGKILL)
        return added


async def main(nats_url: str, address: str, fate: str) -> None:
    async with bus(nats_url, "history-writer") as stream, history(address, kept_days=7) as past:
        target = Deadly(past) if fate == "dies" else past
        await write_history(stream, target, wait_s=0, durable="test-history", most=3, ack_wait_s=2)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
