"""kuzu: the market as a graph on disk, asked over three relations. Runs in the environment of the peers.

python -m bench.twin.peers.graph FOLDER TWINS TIMES

Prints one JSON object: for each question the ids found first, how many, milliseconds of each time, CPU seconds of all.
One thread, as ours has; statements are prepared; a page of whole nodes, by id.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import kuzu

from bench.twin.market import Thing, market

COLUMNS = ("id", "model", "name", "code", "grade", "tier", "turnover", "lon", *(f"more_{place}" for place in range(6)))
TYPES = {"tier": "INT64", "turnover": "INT64", "lon": "DOUBLE"}
PATH = "MATCH (a:Thing)-[:Above]->(b:Thing)-[:Above]->(c:Thing)-[:Above]->(d:Thing)"
PAGE = "RETURN a ORDER BY a.id LIMIT 100"
QUESTIONS = {
    "half of all": f"{PATH} WHERE a.grade = 'g7' AND d.name = 'N0' {PAGE}",
    "few": f"{PATH} WHERE a.tier > 20 AND b.name = 'C7' {PAGE}",
    "few at the far end": f"{PATH} WHERE a.grade = 'g7' AND c.name = 'P7' AND d.name = 'N1' {PAGE}",
}


def main() -> None:
    folder, twins, times = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    database = kuzu.Database(str(folder / "graph"))
    connection = kuzu.Connection(database, num_threads=1)
    _load(connection, folder, twins)
    print(json.dumps({name: _asked(connection, text, times) for name, text in QUESTIONS.items()}))


def _load(connection: Any, folder: Path, twins: int) -> None:
    columns = ", ".join(f"{name} {TYPES.get(name, 'STRING')}" for name in COLUMNS)
    connection.execute(f"CREATE NODE TABLE Thing({columns}, PRIMARY KEY(id))")
    connection.execute("CREATE REL TABLE Above(FROM Thing TO Thing)")
    things = list(market(twins))
    _write(folder / "things.csv", [_row(each) for each in things])
    _write(folder / "above.csv", [[each.id, each.above] for each in things if each.above])
    connection.execute(f"COPY Thing FROM '{folder / 'things.csv'}' (HEADER=false)")
    connection.execute(f"COPY Above FROM '{folder / 'above.csv'}' (HEADER=false)")


def _row(thing: Thing) -> list[Any]:
    known = {"id": thing.id, "model": thing.model, **thing.properties}
    return [known.get(name, "") for name in COLUMNS]


def _write(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def _asked(connection: Any, text: str, times: int) -> dict[str, Any]:
    prepared = connection.prepare(text)
    found = _rows(connection, prepared)
    taken, cpu = [], time.process_time()
    for _ in range(times):
        begun = time.perf_counter()
        assert len(_rows(connection, prepared)) == len(found)
        taken.append((time.perf_counter() - begun) * 1000)
    return {"ids": found, "ms": taken, "cpu_s": time.process_time() - cpu}


def _rows(connection: Any, prepared: Any) -> list[str]:
    result = connection.execute(prepared)
    return [row[0]["id"] for row in result.get_all()]


if __name__ == "__main__":
    main()
