"""The embedded servers: real ones, ours, quick, durable, and gone when their supervisor is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import asyncpg
import nats
import psutil
import pytest
import redis.asyncio as redis

from deploy.folder import AlreadyRunning
from deploy.servers import Servers, servers

ROOT = Path(__file__).parents[2]
COLD_LIMIT_S = 5.0
WARM_LIMIT_S = 2.0

SUPERVISOR = """
import asyncio, json, os, sys
from pathlib import Path
from deploy.servers import servers

async def main():
    async with servers(Path(sys.argv[1])) as running:
        print(json.dumps({"uid": os.geteuid(), "pids": running.pids, **running.environment}), flush=True)
        if sys.argv[2] == "stay":
            await asyncio.sleep(120)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def no_servers_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MARKETWIN_POSTGRES_URL", "MARKETWIN_NATS_URL", "MARKETWIN_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_the_three_servers_answer_and_are_our_own_children(data: Path) -> None:
    async with servers(data) as running:
        postgres = await asyncpg.connect(running.postgres_url)
        bus = await nats.connect(running.nats_url)
        cache = redis.from_url(running.redis_url)

        backend_parent = psutil.Process(await postgres.fetchval("SELECT pg_backend_pid()")).ppid()
        account = await bus.jetstream().account_info()
        valkey_pid = (await cache.info("server"))["process_id"]
        parents = {name: psutil.Process(pid).ppid() for name, pid in running.pids.items()}
        await asyncio.gather(postgres.close(), bus.close(), cache.aclose())

        assert backend_parent == running.pids["postgres"]
        assert account.limits.max_storage != 0
        assert valkey_pid == running.pids["valkey"]
        assert parents == dict.fromkeys(("postgres", "nats", "valkey"), os.getpid())


async def test_a_warm_start_is_quick_and_finds_what_was_stored(data: Path) -> None:
    began = time.monotonic()
    async with servers(data) as running:
        cold_s = time.monotonic() - began
        await _store(running, "kept")

    began = time.monotonic()
    async with servers(data) as running:
        warm_s = time.monotonic() - began
        found = await _stored(running)

    sys.stdout.write(f"cold start {cold_s:.2f} s, warm start {warm_s:.2f} s\n")
    assert found == ("kept", b"kept")
    assert cold_s <= COLD_LIMIT_S
    assert warm_s <= WARM_LIMIT_S


async def test_what_was_acknowledged_survives_the_kill_of_all_servers(data: Path) -> None:
    async with servers(data) as running:
        await _store(running, "acknowledged")
        for pid in running.pids.values():
            os.kill(pid, signal.SIGKILL)

    async with servers(data) as running:
        found = await _stored(running)

    assert found == ("acknowledged", b"acknowledged")


async def test_postgres_and_nats_write_through_to_the_disk(data: Path) -> None:
    async with servers(data) as running:
        postgres = await asyncpg.connect(running.postgres_url)
        settings = [await postgres.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
        await postgres.close()
        announced = next((data / "servers" / "nats" / "ports").iterdir())
        monitor = json.loads(announced.read_text())["monitoring"][0]
        jetstream = json.loads(await asyncio.to_thread(_read, f"{monitor}/jsz"))["config"]

        assert settings == ["on", "on"]
        assert jetstream["sync_always"] is True


async def test_nobody_gets_in_without_the_password_that_only_the_owner_can_read(data: Path) -> None:
    async with servers(data) as running:
        password = (data / "servers" / "password").read_text()
        refused: list[Callable[[], object]] = [
            lambda: asyncpg.connect(running.postgres_url.replace(password, "guess")),
            lambda: _connect_bus(running.nats_url.replace(password, "guess")),
            lambda: _ping(running.redis_url.replace(password, "guess")),
        ]

        for attempt in refused:
            with pytest.raises((asyncpg.InvalidPasswordError, nats.errors.Error, redis.AuthenticationError)):
                await attempt()

        secret_files = ["password", "nats/server.conf", "valkey/server.conf"]
        modes = {stat.S_IMODE((data / "servers" / name).stat().st_mode) for name in secret_files}
        commands = " ".join(psutil.Process(pid).cmdline().__repr__() for pid in running.pids.values())
        assert modes == {0o600}
        assert password not in commands


async def test_a_second_user_of_the_same_folder_is_refused(data: Path) -> None:
    async with servers(data) as running:
        with pytest.raises(AlreadyRunning, match="another run uses"):
            await Servers(data).start()

        assert all(child.exit_code is None for child in running.children)


async def test_servers_named_in_the_environment_are_used_and_not_started(data: Path) -> None:
    environ = {
        "MARKETWIN_POSTGRES_URL": "postgresql://elsewhere/db",
        "MARKETWIN_NATS_URL": "nats://elsewhere:4222",
    }
    running = Servers(data, environ=environ)

    await running.start()
    try:
        assert running.postgres_url == "postgresql://elsewhere/db"
        assert running.nats_url == "nats://elsewhere:4222"
        assert set(running.pids) == {"valkey"}
    finally:
        await running.stop()


async def test_a_failed_start_names_the_server_shows_its_log_and_leaves_no_process(data: Path) -> None:
    store = data / "servers" / "nats"
    store.mkdir(parents=True)
    (store / "store").write_text("in the way")
    before = set(psutil.Process().children(recursive=True))

    with pytest.raises(
        RuntimeError, match=r"(?s)nats ended with code.*nats\.log.*storage directory is not a directory"
    ):
        await Servers(data).start()

    assert set(psutil.Process().children(recursive=True)) <= before


async def test_stopping_ends_every_process(data: Path) -> None:
    async with servers(data) as running:
        family = [psutil.Process(pid) for pid in running.pids.values()]
        family += [relative for child in family for relative in child.children(recursive=True)]

    assert [process for process in family if process.is_running()] == []


@pytest.mark.parametrize("as_root", [True, False], ids=["root", "normal user"])
def test_killing_the_supervisor_leaves_no_process_and_the_next_start_recovers(data: Path, as_root: bool) -> None:
    supervisor, told = _supervise(data, "stay", as_root=as_root)
    family = [psutil.Process(pid) for pid in told["pids"].values()]
    family += [relative for child in family for relative in child.children(recursive=True)]

    supervisor.kill()
    supervisor.wait()
    next_one, told_next = _supervise(data, "go", as_root=as_root)

    _, alive = psutil.wait_procs(family, timeout=10)
    assert len(family) > 3
    assert alive == []
    assert next_one.wait(timeout=20) == 0
    assert set(told_next["pids"]) == {"postgres", "nats", "valkey"}


def _supervise(data: Path, mode: str, *, as_root: bool) -> tuple[subprocess.Popen[str], dict[str, object]]:
    """Start the servers from another process, once as we are and once as somebody who is not root."""
    if os.geteuid() != 0 and as_root:
        command = ["unshare", "--user", "--map-root-user"]
    elif os.geteuid() == 0 and not as_root:
        command = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    else:
        command = []
    process = subprocess.Popen(
        [*command, sys.executable, "-c", SUPERVISOR, str(data), mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process.stdout as output:
        told = json.loads(output.readline())
    assert (told["uid"] == 0) is as_root
    return process, told


async def _store(running: Servers, text: str) -> None:
    postgres = await asyncpg.connect(running.postgres_url)
    await postgres.execute("CREATE TABLE IF NOT EXISTS note (text text)")
    await postgres.execute("INSERT INTO note VALUES ($1)", text)
    await postgres.close()
    bus = await nats.connect(running.nats_url)
    await bus.jetstream().add_stream(name="NOTES", subjects=["note"])
    await bus.jetstream().publish("note", text.encode())
    await bus.close()


async def _stored(running: Servers) -> tuple[str, bytes | None]:
    postgres = await asyncpg.connect(running.postgres_url)
    text = await postgres.fetchval("SELECT text FROM note")
    await postgres.close()
    bus = await nats.connect(running.nats_url)
    message = await bus.jetstream().get_last_msg("NOTES", "note")
    await bus.close()
    return text, message.data


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        body: bytes = answer.read()
    return body


async def _ping(url: str) -> None:
    client = redis.from_url(url)
    try:
        await client.ping()
    finally:
        await client.aclose()


async def _connect_bus(url: str) -> None:
    client = nats.NATS()
    try:
        await client.connect(url, allow_reconnect=False, error_cb=_ignore)
    finally:
        await client.close()


async def _ignore(_: Exception) -> None:
    pass
