"""The OPC UA connector against a real server in its own process."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from chassis.testing import eventually
from services.ingest.sources.connection import Connection
from services.ingest.sources.connection_files import ConnectionFault
from tests.ingest.peers import Plant, plant
from tests.ingest.peers.opcua_server import FOLDER, node_of
from tests.ingest.plantdoor import Door, Ledger, connected, connection_of

FILE = """
connection: plant_opcua
type: opcua
source: plant2
kind: scada_sample
options:
  address: {address}
  publish_ms: 100
  journal: {folder}
  tags:
    - {{node: "{first}", tag: p2.m0.speed, machine: p2.m0, unit: rpm, shows_running: true}}
  browse:
    - {{folder: "{root}", tag: p2, prefix: p2.m}}
"""


def configured(server: Plant, folder: Path) -> Connection:
    return connection_of(FILE.format(address=server.address, folder=folder, first=node_of(0), root=FOLDER))


async def holds(door: Door, tag: str, values: list[float]) -> None:
    async def all_there() -> bool:
        return [value for value in await door.values_of(tag) if value is not None and value >= 0] == values

    await eventually(all_there, within_s=20)


async def test_listed_and_browsed_nodes_become_samples_with_the_time_of_the_server(tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()
    async with plant(45) as server, connected(configured(server, tmp_path), door, ledger):
        await holds_start(door, 45)
        await server.ask("write 5 150")
        await server.ask(f"status {node_of(1)} 80000000")

        async def bad_came() -> bool:
            rows = door.samples.filter((door.samples["tag"] == "p2.m0.s1") & (door.samples["quality"] == "bad"))
            return not rows.is_empty()

        await eventually(bad_came)
        await holds(door, "p2.m0.speed", [0.0, 1.0, 2.0, 3.0, 4.0])
        await holds(door, "p2.m1.s4", [0.0, 1.0, 2.0, 3.0, 4.0])

    tags = {tag["tag"]: tag for tag in door.tags}
    assert len(tags) == 45
    assert (tags["p2.m0.speed"]["shows_running"], tags["p2.m0.speed"]["unit"]) == (True, "rpm")
    assert tags["p2.m1.s4"]["machine"] == "p2.m1"


async def holds_start(door: Door, tags: int) -> None:
    async def all_told() -> bool:
        return len(set(door.samples["tag"])) == tags

    await eventually(all_told, within_s=20)


async def test_what_came_while_the_connection_was_away_is_read_from_the_history(tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()
    async with plant(3, keeps_history=True) as server:
        connection = configured(server, tmp_path)
        async with connected(connection, door, ledger):
            await holds_start(door, 3)
            await server.ask("write 3 200")
            await holds(door, "p2.m0.s2", [0.0, 1.0, 2.0])

        await server.ask("write 4 50")
        async with connected(connection, door, ledger):
            await server.ask("write 3 200")
            await holds_every(door, [float(number) for number in range(10)])


async def holds_every(door: Door, values: list[float]) -> None:
    """Each value at its time; one that was asked for twice has the same time twice."""

    async def all_there() -> bool:
        once = door.samples.unique().filter(pl.col("value") >= 0).sort("sampled_at")
        return all(
            once.filter(once["tag"] == tag)["value"].to_list() == values
            for tag in ("p2.m0.speed", "p2.m0.s1", "p2.m0.s2")
        )

    await eventually(all_there, within_s=20)


async def test_a_server_without_history_leaves_a_gap_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    door, ledger = Door(), Ledger()
    async with plant(3) as server:
        connection = configured(server, tmp_path)
        async with connected(connection, door, ledger):
            await holds_start(door, 3)
            await server.ask("write 2 200")
            await holds(door, "p2.m0.s1", [0.0, 1.0])
        await server.ask("write 4 50")
        async with connected(connection, door, ledger):

            async def said() -> bool:
                return "scada.gap" in capsys.readouterr().out

            await eventually(said)
            await server.ask("write 1 300")
            await holds(door, "p2.m0.s1", [0.0, 1.0, 5.0, 6.0])


async def test_nothing_is_lost_while_the_door_is_away_and_the_server_dies(tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()
    async with plant(3) as server, connected(configured(server, tmp_path), door, ledger):
        await holds_start(door, 3)
        door.is_away = True
        await server.ask("write 5 200")
        await waits_on_disk(tmp_path, "p2.m0.s1", 4.0)
        await server.stop(hard=True)
        door.is_away = False
        await holds(door, "p2.m0.s1", [0.0, 1.0, 2.0, 3.0, 4.0])

        async def is_failing() -> bool:
            return bool(ledger.errors)

        await eventually(is_failing, within_s=20)
        await server.start()
        await server.ask("write 5 400")
        await eventually(lambda: holds_both_lives(door, "p2.m0.s1"), within_s=20)


async def waits_on_disk(folder: Path, tag: str, value: float) -> None:
    """Until a sample is in the journal: what a server had not told when it died is nobody's to keep."""

    async def is_there() -> bool:
        return any(row[0] == tag and row[2] == value for row in journalled(folder))

    await eventually(is_there)


def journalled(folder: Path) -> list[tuple[str, int, float | None, str]]:
    lines = [line for path in folder.rglob("*.samples") for line in path.read_bytes().splitlines()]
    return [row for line in lines for row in json.loads(line)]


async def holds_both_lives(door: Door, tag: str) -> bool:
    """All numbers of the first server, then the last ones of the second: as many as it wrote after it was found."""
    numbers = [0.0, 1.0, 2.0, 3.0, 4.0]
    values = [value for value in await door.values_of(tag) if value is not None and value >= 0]
    second = values[len(numbers) :]
    return values[: len(numbers)] == numbers and bool(second) and second == numbers[-len(second) :]


async def test_a_node_that_the_server_does_not_know_is_named(tmp_path: Path) -> None:
    ledger = Ledger()
    async with plant(1) as server:
        text = FILE.format(address=server.address, folder=tmp_path, first="ns=2;s=nowhere", root=FOLDER)
        async with connected(connection_of(text), Door(), ledger):

            async def told() -> bool:
                return any("ns=2;s=nowhere" in error for error in ledger.errors)

            await eventually(told)


@pytest.mark.parametrize(
    ("changed", "to", "line"),
    [("ns=2;s=plant.m0.s0", "plant.m0", 11), ("tag: p2.m0.speed, ", "", 11), ("publish_ms: 100", "publish_ms: 5", 8)],
)
def test_a_wrong_node_is_refused_with_its_line(tmp_path: Path, changed: str, to: str, line: int) -> None:
    text = FILE.format(address="opc.tcp://x", folder=tmp_path, first=node_of(0), root=FOLDER).replace(changed, to)

    with pytest.raises(ConnectionFault, match=rf"plant.yaml:{line}: "):
        connection_of(text)
