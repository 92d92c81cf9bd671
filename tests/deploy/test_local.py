"""The whole supervisor, with real servers and stand-ins for the services (see standins/canned.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import psutil
import pytest

from deploy import token
from deploy.run_file import RunFile, read

ROOT = Path(__file__).parents[2]
STANDINS = Path(__file__).parent / "standins"
OWN_SERVERS = {"MARKETWIN_POSTGRES_URL": "", "MARKETWIN_NATS_URL": "", "MARKETWIN_REDIS_URL": "", "WECOM_CORP_ID": ""}
SERVICES = ["ingest", "twin", "profile", "forecast", "recommend"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def _command(home: Path, *options: str) -> list[str]:
    return [sys.executable, str(STANDINS / "supervise.py"), "--home", str(home), *options]


def _environment(**extra: str) -> dict[str, str]:
    return os.environ | OWN_SERVERS | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"} | extra


def _run(home: Path, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(home, *options), env=_environment(**extra), capture_output=True, text=True, check=False, timeout=120
    )


@contextmanager
def _staying(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A supervisor that has printed its summary and stays up."""
    with (home.parent / "output").open("w") as output:
        process = subprocess.Popen(
            _command(home), env=_environment(), stdout=output, stderr=subprocess.STDOUT, text=True
        )
        try:
            _wait_for(lambda: "the stack stays up" in _said(home), process, home)
            yield process
        finally:
            process.kill()
            process.wait()


def _said(home: Path) -> str:
    return (home.parent / "output").read_text()


def _wait_for(fact: object, process: subprocess.Popen[str], home: Path, limit_s: float = 90.0) -> None:
    deadline = time.monotonic() + limit_s
    while not fact():
        assert process.poll() is None, _said(home)
        assert time.monotonic() < deadline, _said(home)
        time.sleep(0.05)


def _family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _notes(home: Path) -> list[str]:
    return (home / "data" / "notes").read_text().splitlines()


def _secrets(home: Path) -> list[Path]:
    return list((home / "data" / "keys").iterdir())


def _leaks(home: Path) -> list[Path]:
    """Files other than the keys themselves, databases and logs among them, that hold a key."""
    keys = [path.read_bytes() for path in _secrets(home)]
    others = [path for path in home.rglob("*") if path.is_file() and path.parent.name != "keys"]
    return [path for path in others if any(key in path.read_bytes() for key in keys)]


def _running(home: Path) -> RunFile:
    run = read(home)
    assert run is not None
    return run


def test_one_round_loads_trains_sums_up_and_stops_and_the_next_loads_nothing_twice(home: Path) -> None:
    first = _run(home, "--once")
    notes_of_first = _notes(home)
    secrets, leaks = _secrets(home), _leaks(home)
    second = _run(home, "--once")

    assert first.returncode == 0, first.stdout + first.stderr
    assert "1,234 records in = 1,200 stored + 20 duplicate + 10 quarantined + 4 rejected" in first.stdout
    for figure in ("51 region", "321 retailer", "51 annual", "90 new", "12 sent", "/#/signin?code=", "stand-in"):
        assert figure in first.stdout, figure
    posts = [f"posted {rows} to /api/v1/records/sku?source=shop" for rows in (3, 2)]
    assert notes_of_first[:3] == [*posts, "trained"]
    assert second.returncode == 0, second.stdout + second.stderr
    assert _notes(home) == [*notes_of_first, *notes_of_first[3:]]
    assert {"jwt", "token"} <= {path.name for path in secrets}
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert leaks == []


def test_a_running_stack_can_be_found_signed_in_to_and_stopped_in_order(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _staying(home) as process:
        run = _running(home)
        family = _family(process)
        assert token.main(["--home", str(home), "--user", "zhang", "--role", "account_manager", "--hours", "1"]) == 0
        key = (Path(run.data) / "keys" / "jwt").read_text()
        claims = jwt.decode(capsys.readouterr().out.strip(), key, ["HS256"], audience="marketwin", issuer="marketwin")
        second = _run(home, "--once")

        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(60)

    assert set(run.pids) == {"postgres", "nats", "valkey", "wecom", *SERVICES, "gateway"}
    assert set(run.pids.values()) <= {each.pid for each in family}
    assert (claims["sub"], claims["roles"], claims["exp"] - claims["iat"]) == ("zhang", ["account_manager"], 3600)
    assert second.returncode == 1
    assert "✗ another run uses" in second.stdout
    assert exit_code == 0
    assert [line for line in _notes(home) if line.startswith("stopped")] == [
        f"stopped {name}" for name in ["gateway", *reversed(SERVICES)]
    ]
    assert [each for each in family if each.is_running()] == []
    assert read(home) is None
    assert token.main(["--home", str(home)]) == 1


def test_a_child_that_dies_ends_the_run_with_its_name_and_leaves_nothing(home: Path) -> None:
    with _staying(home) as process:
        family = _family(process)

        os.kill(_running(home).pids["profile"], signal.SIGKILL)
        exit_code = process.wait(60)

    assert exit_code == 1
    assert "✗ profile ended with code -9; the last lines of" in _said(home)
    assert [each for each in family if each.is_running()] == []
    assert read(home) is None


def test_kill_9_leaves_no_process_and_the_next_run_goes_on_where_it_was(home: Path) -> None:
    with _staying(home) as process:
        family = _family(process)

        process.kill()

        _, alive = psutil.wait_procs(family, timeout=15)
    (home / "data" / "packs" / "tiny.trained").unlink()  # as if it had been killed before the training ended
    after = _run(home, "--once")

    assert alive == []
    assert after.returncode == 0, after.stdout + after.stderr
    assert [line for line in _notes(home) if line.startswith(("posted", "trained"))] == [
        "posted 3 to /api/v1/records/sku?source=shop",
        "posted 2 to /api/v1/records/sku?source=shop",
        "trained",
        "trained",
    ]


def test_a_service_that_cannot_start_is_named_with_its_last_words(home: Path) -> None:
    finished = _run(home, "--once", MARKETWIN_TEST_DIES="forecast")

    assert finished.returncode == 1
    assert "✗ forecast ended with code 1" in finished.stdout
    assert "forecast cannot find its table" in finished.stdout
