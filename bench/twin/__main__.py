"""What twins cost, beside four peers in the same run: `make bench-twin`.

    python -m bench.twin [--twins 100000] [--reads 8000] [--writes 2000] [--times 30] [--peers FOLDER]

The peers are installed by this command into an environment of their own; one that cannot be is left out, and said so.
The machine should do nothing else; on a shared one compare the CPU, and ratios rather than figures.

What is not equal
- basyx-python-sdk 1.2.1: its twins live in memory and nothing of it is durable; one process, uWSGI as in its own image;
  no tokens, no limits. Ours goes through two processes and a PostgreSQL. It has no filter by property: its client lists
  everything and looks through it (CPU of the client counts nowhere, its seconds do).
- eventsourcing: in one process, over a SQLite file that is synced at every commit; it has no query over its aggregates
  and no second reader. Ours is the use case in this process with a PostgreSQL that syncs; it keeps the state searchable
  and tells each change. The CPU of PostgreSQL counts.
- pyrql: compares Python values as they are.
- kuzu: a graph on disk in its own process, one thread, statements prepared; it has nothing but the graph.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.twin.filters import show_filters
from bench.twin.house import shelf
from bench.twin.past import show_past
from bench.twin.peers.install import CannotInstall, peers_python
from bench.twin.predicate import show_predicates
from bench.twin.reads import show_reads
from bench.twin.relations import show_relations
from bench.twin.search import show_searches
from bench.twin.table import HEAD, NOTES, Cost, say
from bench.twin.writes import of_peer, show_writes

FEW = 1_000
HISTORY = 1_000
FILTERED = 10_000
ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each part of the table measures."""

    twins: int
    reads: int
    writes: int
    times: int


def main() -> None:
    parser = argparse.ArgumentParser(description="What twins cost, beside four peers in the same run.")
    parser.add_argument("--twins", type=int, default=100_000, help="twins of the large market")
    parser.add_argument("--reads", type=int, default=8_000, help="reads over HTTP")
    parser.add_argument("--writes", type=int, default=2_000, help="writes one by one")
    parser.add_argument("--times", type=int, default=30, help="times that each search is asked")
    parser.add_argument("--peers", type=Path, default=Path(".marketwin/bench-peers"), help="where peers are installed")
    given = parser.parse_args()
    python: Path | None = None
    try:
        python = peers_python(given.peers.absolute())
    except CannotInstall as error:
        say(f"the peers are left out, they cannot be installed: {error}")
    # As the services run.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(Sizes(given.twins, given.reads, given.writes, given.times), python))


async def compare(sizes: Sizes, python: Path | None) -> None:
    say(HEAD)
    with tempfile.TemporaryDirectory() as name:
        await _small(Path(name), sizes, python)
    with tempfile.TemporaryDirectory() as name:
        async with shelf(Path(name), min(FILTERED, sizes.twins)) as built:
            await show_filters(Path(name), built, python)
    with tempfile.TemporaryDirectory() as name:
        async with shelf(Path(name), sizes.twins) as built:
            await show_reads(Path(name), built, python, sizes.reads)
            say("")
            await show_searches(built, sizes.times)
            say("\n" + HEAD)
            await show_relations(built, python, Path(name), sizes.times)
    say("")
    show_predicates(python, ROWS)
    say(NOTES)


async def _small(folder: Path, sizes: Sizes, python: Path | None) -> None:
    (folder / "peer").mkdir()
    peer: dict[str, Cost] = of_peer(python, folder / "peer", sizes.writes, HISTORY) if python else {}
    async with shelf(folder, FEW) as built:
        await show_writes(built, peer, sizes.writes)
        await show_past(built, peer, HISTORY)
    with tempfile.TemporaryDirectory() as name:
        async with shelf(Path(name), FEW) as built:
            await show_reads(Path(name), built, python, sizes.reads)


if __name__ == "__main__":
    main()
