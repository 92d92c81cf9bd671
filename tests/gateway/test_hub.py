"""The hub: what a client missed, what it wants, and what one that is slow costs the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.bus import Message, bus, subject_of
from chassis.settings import CommonSettings
from deploy.servers import Servers
from gateway.live.filters import EVERYTHING, Filter, Selection
from gateway.live.hub import Hub, Recent, Subscription, run_of, snapshot_text
from marketwin.twin.v1 import events_pb2, types_pb2


def _twin(code: object, model: str = "sku", *, text: str = "") -> types_pb2.Twin:
    properties = json.dumps({"name_zh": text})
    return types_pb2.Twin(id=f"{model}:{code}", model=model, revision=1, properties_json=properties, desired_json="{}")


def _hub(*, published: int = 0, start: int = 10, **limits: int) -> Hub:
    """A hub that listens from `start` on and has heard so many changes since."""
    hub = Hub(**limits)
    hub.start(start)
    for number in range(published):
        hub.publish(start + 1 + number, [_twin(number)])
    return hub


async def _message(subscription: Subscription) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((await asyncio.wait_for(subscription.next(), 1)).text)
    return message


def _ids(message: dict[str, Any]) -> list[str]:
    return [twin["id"] for twin in message["twins"]]


async def _nothing_comes(subscription: Subscription) -> bool:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(subscription.next(), 0.05)
    return True


async def test_a_new_client_needs_a_snapshot_and_hears_only_what_comes_after():
    hub = _hub(published=3)

    subscription = hub.subscribe(EVERYTHING)
    hub.publish(14, [_twin("new")])
    began_at = subscription.sequence
    delta = await _message(subscription)

    assert subscription.needs_snapshot
    assert began_at == 13
    assert (delta["type"], delta["sequence"], delta["twins"][0]["id"]) == ("delta", 14, "sku:new")
    assert await _nothing_comes(subscription)


@pytest.mark.parametrize("after", [10, 11, 12])
async def test_a_client_that_comes_back_hears_exactly_what_it_missed_in_one_message(after: int):
    hub = _hub(published=3)

    subscription = hub.subscribe(EVERYTHING, after)
    missed = await _message(subscription)

    assert not subscription.needs_snapshot
    assert missed["sequence"] == 13
    assert _ids(missed) == [f"sku:{number}" for number in range(after - 10, 3)]
    assert await _nothing_comes(subscription)


async def test_a_client_that_missed_nothing_hears_nothing():
    subscription = _hub(published=3).subscribe(EVERYTHING, 13)

    assert not subscription.needs_snapshot
    assert await _nothing_comes(subscription)


@pytest.mark.parametrize("after", [0, 9, 14, -1, 10**30])
async def test_a_client_that_was_away_too_long_or_knows_the_future_gets_a_snapshot(after: int):
    hub = _hub(published=3)

    assert hub.subscribe(EVERYTHING, after).needs_snapshot


async def test_sequences_of_other_models_leave_no_hole_when_a_client_comes_back():
    hub = _hub()
    hub.publish(11, [_twin(1)])
    hub.publish(20, [_twin(2)])

    missed = await _message(hub.subscribe(EVERYTHING, 15))

    assert (missed["sequence"], _ids(missed)) == (20, ["sku:2"])


async def test_before_the_hub_listens_nobody_may_go_on_from_zero():
    """A gateway that started anew has heard nothing: sequence 0 of a client must not look up to date."""
    hub = _hub(start=57)

    assert hub.subscribe(EVERYTHING, 0).needs_snapshot
    assert not hub.subscribe(EVERYTHING, 57).needs_snapshot


async def test_the_ring_forgets_the_oldest_and_says_so():
    hub = _hub(published=10, max_deltas=4)

    forgotten, known = hub.subscribe(EVERYTHING, 15), hub.subscribe(EVERYTHING, 16)

    assert forgotten.needs_snapshot
    assert not known.needs_snapshot
    assert _ids(await _message(known)) == [f"sku:{number}" for number in range(6, 10)]


async def test_the_ring_is_bounded_by_size_too_and_keeps_the_newest_however_large():
    hub = _hub(max_characters=10_000)
    for number in range(50):
        hub.publish(11 + number, [_twin(number, text="x" * 3000)])
    hub.publish(100, [_twin("huge", text="x" * 50_000)])

    assert sum(delta.size for delta in hub._ring) < 60_000
    assert len(hub._ring) == 1
    assert not hub.subscribe(EVERYTHING, 60).needs_snapshot
    assert hub.subscribe(EVERYTHING, 59).needs_snapshot


async def test_a_client_that_falls_behind_is_told_and_delays_nobody():
    hub = _hub(max_deltas=4)
    slow, quick = hub.subscribe(EVERYTHING), hub.subscribe(EVERYTHING)

    heard = []
    for number in range(10):
        hub.publish(11 + number, [_twin(number)])
        heard.append(await _message(quick))

    assert [delta["sequence"] for delta in heard] == list(range(11, 21))
    with pytest.raises(LookupError):
        await slow.next()


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (EVERYTHING, ["sku:1", "region:1", "sku:2"]),
        (Filter("sku"), ["sku:1", "sku:2"]),
        (Filter("", frozenset({"region:1", "sku:2"})), ["region:1", "sku:2"]),
        (Filter("sku", frozenset({"region:1", "sku:2"})), ["sku:2"]),
    ],
)
async def test_a_client_gets_what_it_asked_for_and_no_empty_deltas(wanted: Filter, ids: list[str]):
    hub = _hub()
    subscription = hub.subscribe(wanted)

    hub.publish(11, [_twin(9, "retailer")] if wanted != EVERYTHING else [])
    hub.publish(12, [_twin(1), _twin(1, "region"), _twin(2)])
    delta = await _message(subscription)

    assert delta["sequence"] == 12
    assert _ids(delta) == ids


async def test_a_change_is_encoded_once_for_all_who_want_everything():
    hub = _hub()
    subscriptions = [hub.subscribe(EVERYTHING) for _ in range(3)]

    hub.publish(11, [_twin(1)])
    first, *others = [await subscription.next() for subscription in subscriptions]

    assert all(told is first for told in others)


async def test_one_who_waits_is_forgotten_when_he_gives_up():
    hub = _hub()

    waiting = [asyncio.create_task(hub.subscribe(EVERYTHING).next()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert not hub._waiting


async def test_who_hears_nothing_is_told_how_far_the_stream_is():
    hub = _hub()
    subscription = hub.subscribe(Filter("region"))

    hub.publish(11, [_twin(1)])
    mark = await subscription.next(within_s=0.05)

    assert (mark.kind, mark.sequence) == ("mark", 11)
    assert json.loads(mark.text) == {"type": "delta", "sequence": 11, "twins": []}


async def test_a_message_is_not_longer_than_it_must_be():
    hub = _hub()
    subscription = hub.subscribe(EVERYTHING)
    for number in range(400):
        hub.publish(11 + number, [_twin(number, text="x" * 2000)])

    messages = [await subscription.next() for _ in range(4)]

    assert all(len(each.text) < 300_000 for each in messages)
    assert messages[-1].sequence == 410


async def test_who_followed_begins_anew_when_the_stream_does():
    hub = _hub(published=3)
    waiting = hub.subscribe(EVERYTHING)
    following = asyncio.create_task(waiting.next())
    await asyncio.sleep(0)

    hub.start(0)

    with pytest.raises(LookupError):
        await asyncio.wait_for(following, 1)
    assert hub.subscribe(EVERYTHING, 13).needs_snapshot


async def test_a_hub_that_still_reads_what_was_before_does_not_listen_yet():
    hub = Hub()

    hub.start(10, newest=12)
    hub.publish(11, [_twin(1)])
    early = hub.listening.is_set()
    hub.publish(12, [_twin(2)])

    assert not early
    assert hub.listening.is_set()


async def test_a_message_that_cannot_be_read_is_left_out_and_the_next_is_heard():
    hub = _hub()
    event = events_pb2.TwinChanged(twins=[_twin(1)])

    await hub._hear(Message("marketwin.twin.v1.TwinChanged.sku", b"\xff\xff\xff", "a", 1, 11))
    await hub._hear(Message("marketwin.twin.v1.TwinChanged.sku", event.SerializeToString(), "b", 1, 12))

    assert (hub.sequence, len(hub._ring)) == (12, 1)
    assert hub.covers(12)


def test_what_was_made_last_is_kept_up_to_a_weight_and_one_thing_however_heavy_it_is():
    recent: Recent[str] = Recent(10)
    for number in range(5):
        recent.keep(number, f"made {number}", 4)

    kept = [number for number in range(5) if recent.get(number)]
    recent.keep("heavy", "made", 1000)

    assert kept == [3, 4]
    assert (recent.get("heavy"), recent.get(4), recent.weight) == (("made", 1000), None, 1000)


def test_what_came_back_within_a_message_is_not_gone_at_its_end():
    def of(*ids: str, gone: tuple[str, ...] = ()) -> Selection:
        return Selection(frozenset(ids), tuple(f'{{"id":"{each}"}}' for each in ids), gone)

    wanted = Filter(query="exists(properties/name_zh)")
    told = run_of(3, [of("a", gone=("b",)), of("b", gone=("a", "c")), of("c")], wanted)

    assert json.loads(told.text)["gone"] == ["a"]


def test_a_part_of_a_snapshot_says_whether_another_follows():
    parts = [json.loads(snapshot_text(7, ['{"id":"a"}', '{"id":"b"}'], more=more)) for more in (True, False)]

    assert parts[0] == {"type": "snapshot", "sequence": 7, "more": True, "twins": [{"id": "a"}, {"id": "b"}]}
    assert not parts[1]["more"]


@pytest_asyncio.fixture(loop_scope="session")
async def quiet_nats_url(installation: CommonSettings, tmp_path: Path) -> AsyncIterator[str]:
    """A NATS of the test's own: on the shared one, twins of other tests are still being told."""
    given = {"MARKETWIN_POSTGRES_URL": installation.postgres_url, "MARKETWIN_REDIS_URL": installation.redis_url}
    own = Servers(tmp_path, environ=given)
    await own.start()
    try:
        yield own.nats_url
    finally:
        await own.stop()


async def test_the_hub_hears_from_where_the_stream_stands_and_misses_nothing(quiet_nats_url: str):
    subject = subject_of(events_pb2.TwinChanged, "sku")
    async with bus(quiet_nats_url, "hub") as log:
        await log.ensure_stream("twin")

        async def publish(code: str) -> None:
            event = events_pb2.TwinChanged(twins=[_twin(code)])
            await log.publish(subject, event.SerializeToString(), message_id=f"hub-{code}")

        await publish("before")
        hub = Hub()
        running = asyncio.create_task(hub.run(log))
        try:
            await asyncio.wait_for(hub.listening.wait(), 10)
            came_back = await _message(hub.subscribe(EVERYTHING, hub.sequence - 1))
            began_at, subscription = hub.sequence, hub.subscribe(EVERYTHING)
            for number in range(50):
                await publish(str(number))

            heard: list[dict[str, Any]] = []
            while len(heard) < 50:
                heard += (await _message(subscription))["twins"]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert began_at > 0
    assert _ids(came_back) == ["sku:before"]
    assert [twin["id"] for twin in heard] == [f"sku:{number}" for number in range(50)]
    assert subscription.sequence == hub.sequence == began_at + 50
