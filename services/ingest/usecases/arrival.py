"""One body on its way to a receipt."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from datetime import datetime

import msgspec

from services.ingest.domain.cleaning.clean import Stamp
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.schemas.fields import Kind


def _future() -> asyncio.Future[Receipt]:
    return asyncio.get_running_loop().create_future()


def nothing() -> None:
    """There is nothing to let go of."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A body of records as it came."""

    kind: str
    source: str
    content_type: str
    idempotency_key: str
    content: bytes
    sent_by: str = ""
    trace_id: str = ""
    first_line: int = 0
    """Place of its first record in the file of which it is a part."""
    op: str = "upsert"
    """`delete`: its records are gone in the source."""


class Arrival(msgspec.Struct, eq=False):
    """One body on its way to a receipt."""

    body: Body
    kind: Kind
    stamp: Stamp
    digest: str
    at: datetime
    trace: Callable[[], contextvars.Context]
    """Makes a context that holds its trace; of the bodies of a pass only one is asked."""
    release: Callable[[], None] = nothing
    """Gives back the bytes that it holds."""
    forget: Callable[[], object] = nothing
    """Takes it from those that are on their way."""
    answer: asyncio.Future[Receipt] = msgspec.field(default_factory=_future)
    is_over: bool = False

    @property
    def size(self) -> int:
        return len(self.body.content)

    @property
    def source(self) -> str:
        return self.stamp.source

    def fail(self, error: Exception) -> None:
        if self._over():
            self.answer.set_exception(error)
            # Who asked may be gone; then nobody misses the error either.
            self.answer.exception()

    def succeed(self, receipt: Receipt) -> None:
        if self._over():
            self.answer.set_result(receipt)

    def _over(self) -> bool:
        """Lets go of what it holds, once; whether somebody is still to be told."""
        if self.is_over:
            return False
        self.is_over = True
        self.release()
        self.forget()
        return not self.answer.done()
