"""The whole of Marketwin on one machine, behind `make run`.

    servers ─▶ WeCom stand-in ─▶ five services ─▶ gateway ─▶ market pack ─▶ training ─▶ summary ─▶ live replay

Every process is a child of this one. Ctrl-C (or SIGTERM) stops them in order, newest first, with exit code 0. A child
that ends by itself ends the run with its last log lines and exit code 1. After `kill -9` the kernel ends them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import structlog
from rich.console import Console
from rich.markup import escape

from chassis.app import give_back_memory
from chassis.errors import ChassisError
from demo.packs import LoadFailed, open_pack
from deploy import run_file
from deploy.children import ChildFailed
from deploy.environment import (
    ROOT,
    Layout,
    WeComWrong,
    configured_wecom,
    gateway_part,
    lay_out,
    service_parts,
    standin_part,
    standin_wecom,
)
from deploy.folder import AlreadyRunning, FolderLock
from deploy.progress import bar
from deploy.servers import Servers, servers
from deploy.stack import Stack, Workplace, stack
from deploy.tasks import Stuck, watched
from deploy.terminal import own_foreground, silence

EXPECTED = (ChildFailed, AlreadyRunning, WeComWrong, Stuck, LoadFailed, ChassisError, OSError)


def main(argv: list[str] | None = None) -> int:
    """Run until asked to stop; 0 after an orderly stop, 1 when something failed."""
    options = _parser().parse_args(argv)
    console = Console(highlight=False)
    with own_foreground():
        return run(lambda: _live(options, console), console)


def run(story: Callable[[], Coroutine[None, None, None]], console: Console) -> int:
    """Run a story until it ends or a signal asks it to stop; returns the exit code."""
    try:
        return asyncio.run(_until_signal(story, console))
    except KeyboardInterrupt:  # pressed before the handlers stood
        return 0


async def _until_signal(story: Callable[[], Coroutine[None, None, None]], console: Console) -> int:
    telling = asyncio.create_task(story())
    asked = False

    def stop(number: signal.Signals) -> None:
        nonlocal asked
        if number is signal.SIGHUP:
            silence()
        if not asked:
            telling.cancel()
            console.print("stopping")
        asked = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        await telling
    except asyncio.CancelledError:
        console.print("stopped")
    except EXPECTED as problem:
        console.print(f"[red]✗[/] {escape(str(problem))}", soft_wrap=True)
        return 1
    return 0


async def _live(options: argparse.Namespace, console: Console) -> None:
    home: Path = options.home.absolute()
    lock = FolderLock(home)
    try:
        await lock.wait_for_predecessors()
        run_file.remove(home)
        where = Workplace(ROOT, home / "logs", lock.hold)
        with _logs_to(where.logs / "run.log"):
            await _story(options, home, where, console)
    finally:
        run_file.remove(home)
        lock.release()


async def _story(options: argparse.Namespace, home: Path, where: Workplace, console: Console) -> None:
    began = time.monotonic()
    data = home / "data"
    async with servers(data, logs=where.logs) as infrastructure, stack() as running:
        layout = lay_out(home, open_pack(options.pack.absolute()), os.environ)
        async with watched(running.watch(*infrastructure.children)):
            wecom_page = await _start_all(layout, infrastructure, running, where, console)
            pids = infrastructure.pids | running.pids
            run_file.write(home, run_file.RunFile(layout.gateway_url, pids, str(data), wecom_page))
            await _fill_and_sum_up(layout, infrastructure.nats_url, console, wecom_page, began)
            give_back_memory()
            if not options.once:
                await _stay(layout, console)


async def _start_all(
    layout: Layout, infrastructure: Servers, running: Stack, where: Workplace, console: Console
) -> str | None:
    """Start stand-in, services and gateway; returns the page of the stand-in, None where a real corp is configured."""
    common = infrastructure.environment | {"MARKETWIN_DATA": str(layout.data), "MARKETWIN_ENVIRONMENT": "local"}
    corp = configured_wecom(os.environ)
    wecom = corp or standin_wecom(layout)
    standin = [] if corp else [standin_part(layout, wecom)]
    parts = [*standin, *service_parts(layout, common, wecom), gateway_part(layout, common, wecom)]
    ready = itertools.count(1)
    with bar(console, "starting", len(parts)) as report:
        await running.start(parts, where, lambda _: report(next(ready), len(parts)))
    return layout.standin_url if standin else None


async def _fill_and_sum_up(
    layout: Layout, nats_url: str, console: Console, wecom_page: str | None, began: float
) -> None:
    # Imported here: what they bring along would delay the start of everything by a second.
    from deploy.clients import clients
    from deploy.market import fill
    from deploy.summary import Doors, look, show

    async with clients(layout.address) as calls:
        await fill(layout, nats_url, os.environ, calls, console)
        summary = await look(calls)
    doors = Doors(layout.gateway_url, layout.sign_in_link, wecom_page, layout.drop)
    show(console, summary, doors, seconds=time.monotonic() - began)


async def _stay(layout: Layout, console: Console) -> None:
    from deploy.market import play

    console.print("replaying the last weeks of the pack as live input; Ctrl-C stops everything")
    await play(layout, os.environ)
    console.print("the replay has reached the end of the pack; the stack stays up")
    await asyncio.Event().wait()


@contextlib.contextmanager
def _logs_to(path: Path) -> Iterator[None]:
    """Write what the supervisor's own libraries log to a file: on the screen it would break the progress bars."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            logger_factory=structlog.WriteLoggerFactory(file),
        )
        logging.basicConfig(level=logging.WARNING, stream=file, force=True)
        try:
            yield
        finally:
            logging.basicConfig(handlers=[logging.NullHandler()], force=True)
            structlog.reset_defaults()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make run", description="Runs Marketwin on this machine.")
    parser.add_argument("--once", action="store_true", help="print the summary, then stop")
    parser.add_argument("--pack", type=Path, default=ROOT / "demo" / "real", help="folder of the market pack")
    parser.add_argument("--home", type=Path, default=run_file.HOME, help="folder of data, logs and run.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
