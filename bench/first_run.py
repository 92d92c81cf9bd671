"""From a clean clone to the printed summary, then warm, then at rest: `make figures`.

Prints wall seconds, CPU seconds and the memory of everything that runs (proportional set size, so that pages shared by
several processes count once). Packages come from the caches of pip, uv and npm where those have them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import psutil

ROOT = Path(__file__).parents[1]
LIMIT_S = 600
REST_S = 60
MIB = 1024 * 1024
T = TypeVar("T")


def main() -> int:
    """Measure and print; 1 when a start failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="use this checkout instead of a clean clone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-run-") as folder:
        place = ROOT if options.here else Path(folder) / "clone"
        if not options.here:
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
        home = Path(folder) / "home"
        cold = _start(place, home, "first start")
        warm = _start(place, home, "second start")
    return 0 if cold and warm else 1


def _start(place: Path, home: Path, name: str) -> bool:
    screen = home.parent / f"{name.partition(' ')[0]}.txt"
    began = time.monotonic()
    with _running(place, home, screen) as process:
        told = _until_told(process, screen)
        seconds = time.monotonic() - began
        print(f"{name}: {seconds:.1f} s to the summary" if told else screen.read_text(), flush=True)
        if told:
            _print_use(process)
    return told


@contextlib.contextmanager
def _running(place: Path, home: Path, screen: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["make", "-s", "run", f"ARGS=--home {home}"]
    clean = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS")
    }
    with screen.open("w") as file:
        process = subprocess.Popen(command, cwd=place, stdout=file, stderr=subprocess.STDOUT, env=clean)
    try:
        yield process
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            if "deploy.local" in child.cmdline():
                child.send_signal(signal.SIGINT)
        process.wait(60)


def _until_told(process: subprocess.Popen[bytes], screen: Path) -> bool:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        if "sign in" in screen.read_text():
            return True
        time.sleep(0.1)
    return False


def _print_use(process: subprocess.Popen[bytes]) -> None:
    def tree() -> list[psutil.Process]:
        return psutil.Process(process.pid).children(recursive=True)

    def of_each(look: Callable[[psutil.Process], T]) -> Iterator[T]:
        for each in tree():
            # A server ends processes of its own all the time.
            with contextlib.suppress(psutil.NoSuchProcess):
                yield look(each)

    def cpu_s(each: psutil.Process) -> float:
        return float(sum(each.cpu_times()[:2]))

    spent: defaultdict[str, float] = defaultdict(float)
    for name, seconds in of_each(lambda each: (_name(each), cpu_s(each))):
        spent[name] += seconds
    ended = sum(psutil.Process(process.pid).cpu_times()[2:4])
    time.sleep(REST_S)
    rested = sum(of_each(cpu_s))
    rows = sorted(of_each(lambda each: (each.memory_full_info().pss / MIB, _name(each))), reverse=True)
    started = sum(spent.values())
    print(f"  CPU so far {started:.0f} s, and {ended:.0f} s of what has ended (setting up)")
    for name, seconds in sorted(spent.items(), key=itemgetter(1), reverse=True):
        print(f"    {seconds:6.1f} s  {name}")
    print(f"  while replaying {(rested - started) / REST_S:.2f} cores")
    print(f"  memory of everything {sum(row[0] for row in rows):.0f} MiB (PSS, {len(rows)} processes)")
    for size, name in rows[:10]:
        print(f"    {size:6.0f} MiB  {name}")
    sys.stdout.flush()


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    is_module = "python" in process.name() and "-m" in command[:-1]
    return command[command.index("-m") + 1] if is_module else process.name()


if __name__ == "__main__":
    sys.exit(main())
