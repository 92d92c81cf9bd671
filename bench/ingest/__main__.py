"""How fast the front door is, beside a plain COPY and three peers in the same run: `make bench-ingest`.

    python -m bench.ingest [--records 200000] [--singles 10000] [--booked 1000000] [--dropped 1000000] [--peers folder]

One table. A sender of our own holds 32 connections for batches of 500 NDJSON records and 64 for single objects; its
CPU counts nowhere. CPU is what the kernel says, so the figures hold on a busy machine, though caches and the second
thread of a core make them worse there; seconds want a quiet one. 0 for a number leaves its rows out.

What is not equal
- marketwin: HTTP through the gateway process; all rules, tokens, lineage; durable is a fsynced ack of JetStream. In the
  first two rows the ingest process is a door alone (INGEST_PARTS=door); then it is door, book and history at once.
- COPY: rows that are clean already, from a file, in one transaction; nothing is checked, counted or kept twice.
- FastAPI: a pydantic model and an INSERT for each record; a handful of rules; durable is a commit of PostgreSQL, so its
  records can be queried when it answers.
- bytewax: no HTTP, reads a file of NDJSON; no schema, the same handful of rules; durable is a fsync of a file per
  batch. Its figure includes the start of the process.
- Node-RED: HTTP in, the same handful of rules in a function node; its file node does not sync: nothing is durable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.ingest import queryable
from bench.ingest.door import Door, by_record, show_door
from bench.ingest.house import house
from bench.ingest.load import Load
from bench.ingest.outside import show_bytewax, show_node_red
from bench.ingest.table import HEAD, NOTES, Row, show, show_ratio

BATCHES = "per core 100,000, aim 150,000"
SINGLES = "per core 5,000, aim 15,000"
HELD = "1 M within 40 s, aim 20 s"
RATIO = "at most 5 ×, aim 3 ×"
DROPPED = "1 M within 30 s, aim 15 s"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many records each part of the table measures."""

    records: int
    singles: int
    booked: int
    dropped: int


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the front door is, beside COPY and peers in the same run.")
    parser.add_argument("--records", type=int, default=200_000, help="records in batches of 500")
    parser.add_argument("--singles", type=int, default=10_000, help="records one by one")
    parser.add_argument("--booked", type=int, default=1_000_000, help="records until they can be queried")
    parser.add_argument("--dropped", type=int, default=1_000_000, help="orders in a file that is dropped")
    parser.add_argument("--peers", type=Path, default=Path(".marketwin/bench-peers"), help="where peers are installed")
    given = parser.parse_args()
    sizes = Sizes(given.records, given.singles, given.booked, given.dropped)
    asyncio.run(compare(sizes, given.peers.absolute()))


async def compare(sizes: Sizes, peers: Path) -> None:
    print(HEAD, flush=True)
    if sizes.records:
        await _door(sizes, peers)
    if sizes.booked:
        await _queryable(sizes.booked)
    if sizes.dropped:
        await _dropped(sizes.dropped)
    print(NOTES, flush=True)


async def _door(sizes: Sizes, peers: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with house(folder) as built:
            path = "/api/v1/records/pos_sale?source=till"
            door = Door(built.address, path, built.token, built.pids)
            await show_door("marketwin", door, sizes.records, sizes.singles, worker="ingest", asked=(BATCHES, SINGLES))
            async with by_record(built.servers.postgres_url, built.servers.pids) as peer:
                await show_door("FastAPI, pydantic, asyncpg", peer, sizes.records // 5, sizes.singles, worker="peer")
        await show_bytewax(folder, peers, sizes.records)
        await show_node_red(folder, peers, sizes.records // 5, sizes.singles)


async def _queryable(records: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        async with house(Path(name), parts=queryable.PARTS) as built:
            found = await queryable.measure(built, Path(name), records)
    show(Row("accepted, book and history at work", found.taken, "ingest"))
    show(Row("accepted → in PostgreSQL and in the history", found.held, "ingest", HELD))
    show(Row("plain COPY of the same cleaned rows", found.copied, "database"))
    show_ratio("accepted → queryable, beside COPY", found.ratio, RATIO)


async def _dropped(records: int) -> None:
    """In a process of its own: the file drop is measured with the whole ingest service inside it."""
    command = [sys.executable, "-m", "bench.ingest.file_drop", str(records), "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the file drop failed")
    found = json.loads(out.splitlines()[-1])
    taken = Load(found["records"], found["taken_s"], {"ingest": found["taken_cpu_s"]}, [])
    booked = Load(found["records"], found["booked_s"], {"ingest": found["cpu_s"]}, [])
    show(Row("CSV file of orders dropped → receipts", taken, "ingest", DROPPED))
    show(Row("CSV file of orders dropped → in the book", booked, "ingest"))


if __name__ == "__main__":
    main()
