"""One body on its way to a receipt."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.domain.clean import Stamp
from services.ingest.domain.fields import Kind
from services.ingest.domain.receipt import Receipt
from services.ingest.usecases.ports import Body


def _future() -> asyncio.Future[Receipt]:
    future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    future.add_done_callback(looked_at)
    return future


def looked_at(future: asyncio.Future[Receipt]) -> None:
    """Who asked may be gone; then nobody misses the error either."""
    if not future.cancelled():
        future.exception()


@dataclass(slots=True, eq=False)
class Arrival:
    """One body on its way to a receipt."""

    body: Body
    kind: Kind
    stamp: Stamp
    digest: str
    at: datetime
    answer: asyncio.Future[Receipt] = field(default_factory=_future)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Holds its trace."""

    @property
    def size(self) -> int:
        return len(self.body.content)

    @property
    def source(self) -> str:
        return self.stamp.source

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def succeed(self, receipt: Receipt) -> None:
        if not self.answer.done():
            self.answer.set_result(receipt)
