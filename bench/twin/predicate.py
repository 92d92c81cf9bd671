"""What one evaluation of a query costs, beside pyrql.

    python -m bench.twin.predicate [--rows 10000] [--peers FOLDER]

Both say of the same rows which fulfil the same query, as each offers it: ours a predicate that is compiled once, the
peer `Query(rows).query(text).all()`, which copies the rows first, and, since that is no part of the question, also its
compiled filters alone. CPU, best of five, each in a process of its own. Not equal: the peer compares Python values as
they are (text beside a number is an error there, so no row has that), and does not know the difference of absent and
null.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bench.twin.house import ROOT
from bench.twin.peers.install import CannotInstall, peers_python
from bench.twin.rows import cpu_s, rows
from bench.twin.table import say
from chassis.rql.parser import parse
from chassis.rql.predicate import predicate
from services.twin.domain.twins import Origin, Twin

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUERIES = {
    "one text": ("eq(properties/city,'c7')", "eq(properties.city,c7)"),
    "one number": ("gt(properties/tier,15)", "gt(properties.tier,15)"),
    "three of and": (
        "and(eq(properties/city,'c7'),gt(properties/tier,15),lt(properties/lon,117.5))",
        "and(eq(properties.city,c7),gt(properties.tier,15),lt(properties.lon,117.5))",
    ),
    "or of and": (
        "or(and(eq(properties/city,'c7'),ge(properties/tier,25)),in(properties/city,'c1','c2','c3'))",
        "or(and(eq(properties.city,c7),ge(properties.tier,25)),in(properties.city,(c1,c2,c3)))",
    ),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--peers", type=Path, default=Path(".marketwin/bench-peers"), help="where peers are installed")
    asked = options.parse_args()
    try:
        python = peers_python(asked.peers.absolute())
    except CannotInstall as error:
        say(f"the peer is left out, it cannot be installed: {error}")
        python = None
    show_predicates(python, asked.rows)


def show_predicates(python: Path | None, count: int) -> None:
    """One line a query."""
    plain = rows(count)
    origin = Origin.of(NOW, NOW, "bench", "")
    twins = [Twin(row["id"], "retailer", 1, row["properties"], {}, (), origin) for row in plain]
    peer = _of_peer(python, count) if python else {}
    columns = f"{'pyrql ns':>12}{'ratio':>8}{'its filters ns':>16}{'ratio':>8}  asked ≥ 40 ×" if peer else ""
    say(f"{'predicate, ' + format(count, ',') + ' twins':<20}{'found':>7}{'ours ns':>10}{'compile µs':>12}{columns}")
    for name, (ours, _) in QUERIES.items():
        fulfils = predicate(parse(ours))
        found = sum(map(fulfils, twins))
        own = cpu_s(lambda fulfils=fulfils: list(filter(fulfils, twins))) / count * 1e9
        once = cpu_s(lambda ours=ours: predicate(parse.__wrapped__(ours))) * 1e6
        line = f"{name:<20}{found:>7}{own:>10.0f}{once:>12.0f}"
        if peer:
            beside = peer[name]
            if beside["found"] != found:
                raise SystemExit(f"{name}: the peer finds {beside['found']} of {found}")
            line += f"{beside['offered']:>12.0f}{beside['offered'] / own:>7.1f}×{beside['filters']:>16.0f}"
            line += f"{beside['filters'] / own:>7.1f}×"
        say(line)


def _of_peer(python: Path, count: int) -> dict[str, dict[str, float]]:
    asked = json.dumps({name: text for name, (_, text) in QUERIES.items()})
    command = [str(python), "-m", "bench.twin.peers.rules", str(count), asked]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.PIPE)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
