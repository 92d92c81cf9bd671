"""Twins that are found over three relations, beside kuzu over the same market."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.ingest.load import cpu_s
from bench.twin.house import ROOT, Shelf
from bench.twin.table import Cost, show
from chassis.rql.search import search_for

QUESTIONS = {
    "half of all": 'and(eq(properties/grade,"g7"),related(located_in,related(part_of,related(part_of,'
    'eq(properties/name,"N0")))))',
    "few": 'and(gt(properties/tier,20),related(located_in,and(eq(properties/name,"C7"),'
    "related(part_of,related(part_of,exists(id))))))",
    "few at the far end": 'and(eq(properties/grade,"g7"),related(located_in,related(part_of,'
    'and(eq(properties/name,"P7"),related(part_of,eq(properties/name,"N1"))))))',
}
"""Those of `peers/graph.py`, in our language."""


async def show_relations(built: Shelf, python: Path | None, folder: Path, times: int) -> None:
    """A page of 100 whole twins each time, by id; both sides find the same. Ours has the indexes that asking brings."""
    peer = _of_peer(python, folder, built.twins, times) if python else {}
    for text in QUESTIONS.values():
        for _ in range(times):
            await _asked(built, text)
    while await built.store.indexes.tend():
        pass
    for name, text in QUESTIONS.items():
        ids = await _asked(built, text)
        if name in peer and peer[name]["ids"] != ids:
            raise SystemExit(f"{name}: the peer finds others: {peer[name]['ids'][:3]} {ids[:3]}")
        before, own, begun = cpu_s(built.servers), time.process_time(), time.perf_counter()
        for _ in range(times):
            await _asked(built, text)
        cpu = cpu_s(built.servers) - before + time.process_time() - own
        ours = Cost(times, time.perf_counter() - begun, cpu)
        found = peer.get(name)
        beside = Cost(times, sum(found["ms"]) / 1000, found["cpu_s"]) if found else None
        show(f"three relations and a filter, {name}", ours, beside, "≥ 0.67 × (≤ 1.5 × its time)")


async def _asked(built: Shelf, text: str) -> list[str]:
    found, _cursor = await built.store.search(search_for(filter_text=text, limit=100))
    return [twin.id for twin in found]


def _of_peer(python: Path, folder: Path, twins: int, times: int) -> dict[str, dict[str, Any]]:
    (folder / "kuzu").mkdir()
    command = [
        str(python),
        "-W",
        "ignore",
        "-m",
        "bench.twin.peers.graph",
        str(folder / "kuzu"),
        str(twins),
        str(times),
    ]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.PIPE)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found
