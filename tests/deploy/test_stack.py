"""The processes of a stack: started together, known to be ours, watched, and stopped newest first."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.children import ChildFailed
from deploy.embedded import free_port
from deploy.stack import Part, Probe, Stack, Workplace, has_announced, serves_grpc, serves_http, stack
from deploy.tasks import watched
from tests.deploy.waiting import until

ROOT = Path(__file__).parents[2]
SAYS_READY = 'import time; print(\'{"address": "here"}\', flush=True); time.sleep(60)'
HEALTH = """
import asyncio, sys
from chassis.rpc import serve

async def main():
    async with serve([], host="127.0.0.1", port=int(sys.argv[1])):
        await asyncio.sleep(60)

asyncio.run(main())
"""
NOTES_ITS_END = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print('{"address": ""}', flush=True)
time.sleep(60)
"""


@pytest.fixture
def where(tmp_path: Path) -> Workplace:
    return Workplace(ROOT, tmp_path / "logs", os.open(tmp_path / "held", os.O_RDWR | os.O_CREAT))


@pytest.fixture
async def running(where: Workplace) -> AsyncIterator[Stack]:
    async with stack() as each:
        yield each
    os.close(where.hold)


def _part(name: str, code: str, *arguments: str, is_ready: Probe = has_announced) -> Part:
    return Part(name, [sys.executable, "-c", code, *arguments], is_ready)


async def test_parts_start_side_by_side_and_each_is_reported_when_it_is_ready(running: Stack, where: Workplace) -> None:
    ready: list[str] = []

    await running.start(
        [_part("one", SAYS_READY), _part("two", SAYS_READY)], where, lambda part: ready.append(part.name)
    )

    assert sorted(ready) == ["one", "two"]
    assert list(running.pids) == ["one", "two"]


async def test_a_part_is_ready_when_it_serves_grpc_health_on_its_own_port(running: Stack, where: Workplace) -> None:
    port = free_port()

    await running.start([_part("service", HEALTH, str(port), is_ready=serves_grpc(port))], where)

    assert await serves_grpc(port)(running.children[0])


async def test_a_stranger_that_answers_on_the_port_is_not_taken_for_the_child(running: Stack, where: Workplace) -> None:
    port = free_port()
    await running.start([_part("stranger", HEALTH, str(port), is_ready=serves_grpc(port))], where)
    await running.start([_part("ours", SAYS_READY)], where)
    ours = running.children[1]

    answer = await serves_grpc(port)(ours), await serves_http(port)(ours)

    assert answer == (False, False)


async def test_http_is_ready_only_when_readyz_answers_200(running: Stack, where: Workplace, tmp_path: Path) -> None:
    port = free_port()
    server = (
        f"import http.server, os; os.chdir({str(tmp_path)!r}); "
        f"http.server.test(http.server.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
    )
    started = asyncio.create_task(running.start([_part("door", server, is_ready=serves_http(port))], where))
    await until(lambda: _accepts(port))
    answered_before = await serves_http(port)(running.children[0])

    (tmp_path / "readyz").write_text("ready")
    await asyncio.wait_for(started, 10)

    assert answered_before is False


async def test_a_part_that_dies_at_start_names_itself_and_shows_its_log(running: Stack, where: Workplace) -> None:
    broken = _part("broken", "raise SystemExit('no such table')")

    with pytest.raises(ChildFailed, match=r"(?s)broken ended with code 1 before it was ready.*no such table"):
        await running.start([_part("fine", SAYS_READY), broken], where)


async def test_parts_are_stopped_newest_first_one_after_the_other(where: Workplace, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    names = ["first", "second", "third"]

    async with stack() as running:
        await running.start([_part(name, NOTES_ITS_END, str(ends), name) for name in names], where)

    assert ends.read_text().split() == ["third", "second", "first"]


async def test_a_part_that_does_not_stop_is_killed_and_named(
    where: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deploy.stack.STOP_LIMIT_S", 0.2)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SAYS_READY

    async with stack() as running:
        await running.start([_part("stubborn", stubborn)], where)

    assert "stubborn did not stop" in capsys.readouterr().err


async def test_a_child_that_ends_ends_the_block_with_its_last_words(running: Stack, where: Workplace) -> None:
    code = "import sys; print('{\"address\": 1}', flush=True); sys.stdin.read(); raise SystemExit('out of memory')"
    await running.start([_part("mortal", code)], where)

    with pytest.raises(ChildFailed, match=r"(?s)mortal ended with code 1.*out of memory"):
        async with watched(running.watch()):
            await asyncio.sleep(30)


async def test_the_dead_child_is_reported_rather_than_the_call_that_failed_because_of_it(
    running: Stack, where: Workplace
) -> None:
    await running.start([_part("database", SAYS_READY)], where)

    async def work() -> None:
        async with watched(running.watch()):
            os.kill(running.children[0].pid, signal.SIGKILL)
            raise ConnectionError("an echo")

    with pytest.raises(ChildFailed, match="database ended with code -9"):
        await work()


async def test_a_failure_of_the_block_itself_is_reported_as_it_is(running: Stack, where: Workplace) -> None:
    await running.start([_part("fine", SAYS_READY)], where)

    with pytest.raises(ConnectionError, match="the real cause"):
        async with watched(running.watch()):
            raise ConnectionError("the real cause")


async def test_a_watched_block_that_ends_well_ends_the_watch(running: Stack, where: Workplace) -> None:
    await running.start([_part("fine", SAYS_READY)], where)

    async with asyncio.timeout(5), watched(running.watch()):
        pass

    assert running.children[0].exit_code is None


async def test_servers_that_are_not_part_of_the_stack_are_watched_too(running: Stack, where: Workplace) -> None:
    async with stack() as infrastructure:
        await infrastructure.start([_part("nats", SAYS_READY)], where)

        os.kill(infrastructure.children[0].pid, signal.SIGKILL)

        with pytest.raises(ChildFailed, match="nats ended"):
            async with watched(running.watch(*infrastructure.children)):
                await asyncio.sleep(30)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
