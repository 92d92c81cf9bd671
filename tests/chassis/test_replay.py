"""Streams read without a place in them: what was missed comes, or it is said that it cannot; nothing is left out."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from chassis import replay
from chassis.bus import Bus, Message, bus
from chassis.errors import Unavailable
from chassis.replay import follow, replayed
from chassis.settings import CommonSettings
from chassis.testing import eventually
from tests.ingest.outage import Nats, restartable_nats


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        yield connected


async def _stream(log: Bus) -> str:
    """The subject of a stream of its own."""
    owner = f"o{uuid.uuid4().hex[:8]}"
    await log.ensure_stream(owner)
    return f"marketwin.{owner}.v1.Thing"


async def _last(log: Bus, subject: str) -> int:
    return int((await log.jetstream.stream_info(subject.split(".")[1].upper())).state.last_seq)


async def _publish(log: Bus, subject: str, *texts: str) -> None:
    for text in texts:
        await log.publish(subject, text.encode(), message_id=uuid.uuid4().hex)


async def _all(log: Bus, subject: str, after: int, *, most: int = 1000, most_bytes: int = 10**6) -> list[list[str]]:
    found = replayed(log, f"{subject}.>", after=after, most=most, most_bytes=most_bytes)
    return [[message.data.decode() for message in missed.messages] async for missed in found]


NUMBERS = [str(number) for number in range(10)]


async def test_what_was_missed_comes_in_order_and_in_batches(log: Bus, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replay, "BATCH", 3)
    subject = await _stream(log)
    await _publish(log, f"{subject}.a", "before")
    after = await _last(log, subject)
    await _publish(log, f"{subject}.a", *NUMBERS)
    await _publish(log, subject, "of another subject")

    batches = await _all(log, subject, after)

    assert [text for batch in batches for text in batch] == NUMBERS
    assert [len(batch) for batch in batches] == [3, 3, 3, 1, 0]


async def test_the_end_says_how_far_the_log_was_read_even_where_nothing_was_wanted(log: Bus):
    subject = await _stream(log)
    after = await _last(log, subject)
    await _publish(log, subject, "of another subject")

    [end] = [missed async for missed in replayed(log, f"{subject}.>", after=after, most=9, most_bytes=9)]

    assert (end.messages, end.sequence) == ([], after + 1)


async def test_who_missed_nothing_is_told_so(log: Bus):
    subject = await _stream(log)
    await _publish(log, f"{subject}.a", "x")

    assert await _all(log, subject, await _last(log, subject)) == [[]]


@pytest.mark.parametrize("limits", [{"most": 9}, {"most_bytes": 9}])
async def test_more_than_the_reader_wants_is_refused(log: Bus, limits: dict[str, int]):
    subject = await _stream(log)
    after = await _last(log, subject)
    await _publish(log, f"{subject}.a", *NUMBERS)

    with pytest.raises(LookupError):
        await _all(log, subject, after, **limits)


async def test_what_is_no_more_in_the_log_is_not_passed_over(log: Bus):
    subject = await _stream(log)
    after = await _last(log, subject)
    await _publish(log, f"{subject}.a", *NUMBERS)
    await log.jetstream.purge_stream(subject.split(".")[1].upper(), seq=after + 3)

    with pytest.raises(LookupError):
        await _all(log, subject, after)

    assert await _all(log, subject, after + 2) == [NUMBERS[2:], []]


async def test_a_sequence_of_the_future_or_of_another_life_of_the_stream_is_refused(log: Bus):
    subject = await _stream(log)
    first_life = await _last(log, subject)
    await log.jetstream.delete_stream(subject.split(".")[1].upper())
    await log.ensure_stream(subject.split(".")[1])
    await _publish(log, f"{subject}.a", *NUMBERS)

    for strange in (first_life, first_life + 5, await _last(log, subject) + 1):
        with pytest.raises(LookupError):
            await _all(log, subject, strange)


async def test_a_reader_that_leaves_early_leaves_no_consumer_behind(log: Bus, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replay, "BATCH", 3)
    subject = await _stream(log)
    after = await _last(log, subject)
    await _publish(log, f"{subject}.a", *NUMBERS)

    reading = replayed(log, f"{subject}.>", after=after, most=100, most_bytes=1000)
    first = await anext(reading)
    await reading.aclose()

    assert len(first.messages) == 3
    assert await log.jetstream.consumers_info(subject.split(".")[1].upper()) == []


@asynccontextmanager
async def _following(log: Bus, subject: str, **back: int) -> AsyncIterator[tuple[list[str], list[tuple[int, int]]]]:
    """What a follower hears, and from where on."""
    heard: list[str] = []
    starts: list[tuple[int, int]] = []

    async def handle(message: Message) -> None:
        heard.append(message.data.decode())

    def started(after: int, newest: int) -> None:
        starts.append((after, newest))

    task = asyncio.create_task(follow(log, f"{subject}.>", handle, started=started, **back))
    try:
        await eventually(lambda: _is(starts))
        yield heard, starts
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is(found: object) -> bool:
    return bool(found)


async def test_a_follower_may_begin_with_the_newest_messages_of_before(log: Bus):
    subject = await _stream(log)
    await _publish(log, f"{subject}.a", *NUMBERS)
    newest = await _last(log, subject)

    async with _following(log, subject, back=4, back_bytes=10**6) as (heard, starts):
        await eventually(lambda: _is(len(heard) == 4))
        await _publish(log, f"{subject}.a", "now")
        await eventually(lambda: _is(len(heard) == 5))

    assert heard == [*NUMBERS[6:], "now"]
    assert starts == [(newest - 4, newest)]


async def test_a_follower_that_cannot_keep_up_with_what_is_pushed_leaves_nothing_out(
    log: Bus, monkeypatch: pytest.MonkeyPatch
):
    subject = await _stream(log)
    stream = subject.split(".")[1].upper()
    subscribe = log.client.subscribe
    monkeypatch.setattr(log.client, "subscribe", lambda inbox: subscribe(inbox, pending_msgs_limit=2))
    heard: list[str] = []
    may_go_on = asyncio.Event()

    async def handle(message: Message) -> None:
        heard.append(message.data.decode())
        await may_go_on.wait()

    async def all_pushed() -> bool:
        consumers = await log.jetstream.consumers_info(stream)
        return [each.num_pending for each in consumers] == [0]

    following = asyncio.create_task(follow(log, f"{subject}.>", handle))
    await eventually(lambda: _has_consumer(log, stream))
    await _publish(log, f"{subject}.a", *NUMBERS)
    await eventually(all_pushed)
    may_go_on.set()
    await _publish(log, f"{subject}.a", "last")
    await eventually(lambda: _is("last" in heard))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

    assert heard == [*NUMBERS, "last"]


async def _has_consumer(log: Bus, stream: str) -> bool:
    return bool(await log.jetstream.consumers_info(stream))


async def test_a_follower_begins_anew_where_what_it_has_not_heard_grew_too_old(log: Bus):
    subject = await _stream(log)
    stream = subject.split(".")[1].upper()
    heard: list[str] = []
    starts: list[int] = []

    async def handle(message: Message) -> None:
        if message.data == b"3" and not heard.count("away"):
            heard.append("away")
            await log.jetstream.purge_stream(stream, seq=message.sequence + 5)
            raise TimeoutError
        heard.append(message.data.decode())

    following = asyncio.create_task(follow(log, f"{subject}.>", handle, started=lambda after, _: starts.append(after)))
    await eventually(lambda: _has_consumer(log, stream))
    await _publish(log, f"{subject}.a", *NUMBERS)
    await eventually(lambda: _is(len(starts) == 2))
    await _publish(log, f"{subject}.a", "now")
    await eventually(lambda: _is("now" in heard))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

    assert heard[:4] == ["0", "1", "2", "away"]
    assert heard[-1] == "now"
    assert starts[1] > starts[0]


@pytest_asyncio.fixture(loop_scope="session")
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    async with restartable_nats(tmp_path) as server:
        yield server


async def test_a_follower_hears_everything_across_a_restart_of_the_server(nats: Nats):
    async with bus(nats.url, "test") as log:
        subject = await _stream(log)
        async with _following(log, subject) as (heard, starts):
            await _publish(log, f"{subject}.a", "before")
            await eventually(lambda: _is(heard))
            await nats.stop()
            await nats.start()
            await _published(log, f"{subject}.a", "after")
            await eventually(lambda: _is(len(heard) == 2), within_s=20)

    assert heard == ["before", "after"]
    assert len(starts) == 1


async def test_a_follower_is_told_when_the_log_was_lost_and_hears_the_new_one(nats: Nats, tmp_path: Path):
    async with bus(nats.url, "test") as log:
        subject = await _stream(log)
        async with _following(log, subject) as (heard, starts):
            await _publish(log, f"{subject}.a", *NUMBERS)
            await eventually(lambda: _is(len(heard) == 10))
            lost = await _last(log, subject)
            await nats.stop()
            shutil.rmtree(tmp_path / "nats")
            await nats.start()
            await eventually(lambda: _is(len(starts) == 2), within_s=20)
            await _published(log, f"{subject}.a", "after")
            await eventually(lambda: _is(len(heard) == 11), within_s=20)

    assert heard == [*NUMBERS, "after"]
    assert starts[1][0] > lost


async def _published(log: Bus, subject: str, text: str) -> None:
    """Publishes once the server takes it again."""
    message_id = uuid.uuid4().hex

    async def taken() -> bool:
        try:
            await log.publish(subject, text.encode(), message_id=message_id)
        except Unavailable:
            return False
        return True

    await eventually(taken, within_s=20)
