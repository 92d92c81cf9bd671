"""pyrql: which rows fulfil a query, as it is offered, and by its compiled filters alone.

python -m bench.twin.peers.rules ROWS QUERIES

QUERIES is a JSON object of texts by name. Prints a JSON object: how many are found, and nanoseconds of CPU a row.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pyrql import Query

from bench.twin.rows import cpu_s, rows


def main() -> None:
    plain = rows(int(sys.argv[1]))
    print(json.dumps({name: _measured(plain, text) for name, text in json.loads(sys.argv[2]).items()}))


def _measured(plain: list[dict[str, Any]], text: str) -> dict[str, float]:
    nodes = Query(plain).query(text).pipeline

    def filters() -> list[dict[str, Any]]:
        kept = plain
        for node in nodes:
            kept = node.feed(kept)
        return kept

    found = len(Query(plain).query(text).all())
    assert found == len(filters())
    offered = cpu_s(lambda: Query(plain).query(text).all())
    return {"found": found, "offered": offered / len(plain) * 1e9, "filters": cpu_s(filters) / len(plain) * 1e9}


if __name__ == "__main__":
    main()
