"""When a bulk change is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from chassis.bus import Bus, GroupHandler, Message
from services.profile.consumers import hear_records
from services.profile.store import PostgresStore


class Log:
    """Hands over one group of messages."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages

    async def consume_many(self, *, handle: GroupHandler, **_: Any) -> None:
        await handle(self._messages)


class Slow(PostgresStore):
    """Takes in nothing, and says whether that was a pause."""

    def __init__(self) -> None:
        super().__init__(cast(Any, None), cast(Any, None), cast(Any, None))
        self.quiet_meanwhile = -1.0

    def intake(self) -> Any:
        self.quiet_meanwhile = self.quiet_s()
        raise asyncio.CancelledError


def _message(behind: int) -> Message:
    return Message("marketwin.ingest.v1.RecordsAccepted.sku", b"", "m", 1, 1, behind=behind)


@pytest.mark.parametrize("behind", [0, 5])
async def test_a_message_that_is_being_taken_in_or_waits_is_no_pause_however_long_it_takes(
    behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.profile.consumers._part", lambda _: None)
    store = Slow()

    with pytest.raises(asyncio.CancelledError):
        await hear_records(cast(Bus, Log([_message(behind)])), store)

    assert store.quiet_meanwhile == 0.0
    store.note_waiting(behind)
    assert (store.quiet_s() == 0.0) == bool(behind)
