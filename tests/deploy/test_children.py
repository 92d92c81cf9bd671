"""Child processes: they end with their parent, stop within a limit, and say why they died."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.children import LOG_LIMIT_BYTES, Child, ChildFailed, last_lines, spawn, write_private
from deploy.leash import EXIT_CANNOT_START
from tests.deploy.waiting import until

LEASH = Path(__file__).parents[2] / "deploy" / "leash.py"
OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "child.log"


def _python(code: str, log: Path, **options: object) -> Child:
    return spawn("child", [sys.executable, "-c", code], log=log, **options)  # type: ignore[arg-type]  # test builder


async def test_a_child_is_our_direct_child_in_a_session_of_its_own(log: Path) -> None:
    child = _python(OBEDIENT, log)
    await until(lambda: child.said() == ["up"])

    parent, session = psutil.Process(child.pid).ppid(), os.getsid(child.pid)
    await child.stop()

    assert parent == os.getpid()
    assert session == child.pid


async def test_a_child_that_obeys_is_stopped_without_being_killed(log: Path) -> None:
    child = _python(OBEDIENT, log)
    await until(lambda: child.said() == ["up"])

    in_time = await child.stop(limit_s=10)

    assert in_time
    assert child.exit_code == -signal.SIGTERM


async def test_a_child_that_ignores_the_signal_is_killed_after_the_limit(log: Path) -> None:
    child = _python(STUBBORN, log)
    await until(lambda: child.said() == ["up"])

    in_time = await child.stop(limit_s=0.2)

    assert not in_time
    assert child.exit_code == -signal.SIGKILL


async def test_stopping_twice_is_harmless(log: Path) -> None:
    child = _python("pass", log)

    await child.stop()

    assert await child.stop()


async def test_a_child_that_dies_while_waited_for_tells_its_last_words(log: Path) -> None:
    child = _python("import sys; print('disk is full', file=sys.stderr); sys.exit(3)", log)

    with pytest.raises(ChildFailed, match=r"(?s)child ended with code 3 before it was ready.*disk is full"):
        await child.until(lambda: False, limit_s=10, what="ready")


async def test_a_child_that_is_not_ready_in_time_is_stopped(log: Path) -> None:
    child = _python(OBEDIENT, log)

    with pytest.raises(ChildFailed, match="was not ready within"):
        await child.until(lambda: False, limit_s=0.3, what="ready")

    assert child.exit_code is not None


async def test_a_command_that_has_to_finish_fails_with_its_exit_code(log: Path) -> None:
    await _python("print('made')", log).done(limit_s=10)

    with pytest.raises(ChildFailed, match="ended with code 7"):
        await _python("import sys; sys.exit(7)", log).done(limit_s=10)

    with pytest.raises(ChildFailed, match="did not end in time"):
        await _python(STUBBORN, log).done(limit_s=0.5)


async def test_a_command_that_does_not_exist_says_so_in_the_log(log: Path) -> None:
    child = spawn("child", ["/no/such/program"], log=log)

    with pytest.raises(ChildFailed, match="cannot start /no/such/program"):
        await child.done(limit_s=10)

    assert child.exit_code == EXIT_CANNOT_START


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    not_the_parent = os.getppid()

    command = [sys.executable, str(LEASH), str(not_the_parent), "9", "-1", "--", "echo", "started"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert finished.returncode == EXIT_CANNOT_START
    assert finished.stdout == ""


@pytest.mark.parametrize("code", [OBEDIENT, STUBBORN], ids=["obedient", "stubborn"])
def test_killing_the_parent_ends_the_child_even_when_it_ignores_signals(log: Path, code: str) -> None:
    program = (
        "import sys, time; from pathlib import Path; from deploy.children import spawn;"
        f"child = spawn('child', [sys.executable, '-c', {code!r}], log=Path({str(log)!r}));"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        child = psutil.Process(int(output.readline()))
    asyncio.run(until(lambda: "up" in last_lines(log)))

    parent.kill()
    parent.wait()

    _, alive = psutil.wait_procs([child], timeout=5)
    assert alive == []


async def test_what_a_child_said_leaves_out_what_earlier_ones_said_and_half_a_line(log: Path) -> None:
    await _python("print('from before')", log).done(limit_s=10)

    child = _python("import time; print('one'); print('tw', end='', flush=True); time.sleep(60)", log)
    await until(lambda: last_lines(log).endswith("tw"))
    said = child.said()
    await child.stop()

    assert said == ["one"]


def test_a_log_that_has_grown_too_large_is_set_aside_once(log: Path) -> None:
    log.parent.mkdir()
    log.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))

    _python("print('fresh')", log).process.wait(10)

    assert log.read_text() == "fresh\n"
    assert log.with_suffix(".1.log").stat().st_size == LOG_LIMIT_BYTES + 1


def test_the_last_lines_of_a_long_log_are_found_without_reading_it_all(log: Path) -> None:
    log.parent.mkdir()
    log.write_text("\n".join(f"line {number}" for number in range(100_000)))

    lines = last_lines(log, count=3)

    assert lines == "line 99997\nline 99998\nline 99999"
    assert last_lines(log.with_name("never")) == "(empty)"


def test_a_private_file_is_readable_by_its_owner_only_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret"

    write_private(path, "old")
    with path.open() as reader:
        write_private(path, "new")
        seen_by_reader = reader.read()

    assert seen_by_reader == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
