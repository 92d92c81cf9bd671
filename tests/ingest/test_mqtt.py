"""The MQTT connector against a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.testing import eventually
from services.ingest.sources import arrivals
from services.ingest.sources.arrivals import Arrivals, key_of
from services.ingest.sources.connection import Connection
from services.ingest.sources.connection_files import ConnectionFault
from tests.ingest.peers import PASSWORD, USER, Broker, broker
from tests.ingest.plantdoor import Door, Ledger, connected, connection_of

FILE = """
connection: plant_mqtt
type: mqtt
source: plant1
kind: scada_sample
options:
  host: 127.0.0.1
  port: {port}
  username: {user}
  password: PLANT_PASSWORD
  journal: {folder}
  topics:
    - {{topic: "factory/{{machine}}/{{signal}}", tag: "p1.{{machine}}.{{signal}}", machine: "p1.{{machine}}", unit: m}}
    - {{topic: alive, tag: p1.alive, period_s: 10}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    async with broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


def configured(mosquitto: Broker, folder: Path, name: str = "plant_mqtt") -> Connection:
    text = FILE.format(port=mosquitto.port, user=USER, folder=folder).replace("plant_mqtt", name)
    return connection_of(text, PLANT_PASSWORD=PASSWORD)


async def publish(mosquitto: Broker, *messages: tuple[str, object]) -> None:
    async with mosquitto.client() as client:
        await asyncio.gather(
            *(
                client.publish(topic, payload if isinstance(payload, bytes) else json.dumps(payload), qos=1)
                for topic, payload in messages
            )
        )


def numbered(machine: str, numbers: range) -> list[tuple[str, object]]:
    return [(f"factory/{machine}/speed", {"ts": 1_742_097_600 + number, "value": number}) for number in numbers]


async def running(ledger: Ledger, name: str = "plant_mqtt") -> None:
    async def is_running() -> bool:
        return ledger.states.get(name, ("", None))[0] == "running"

    await eventually(is_running)


async def subscribed(mosquitto: Broker, door: Door, machine: str) -> None:
    """Until a first message comes through: what is published before the first subscription is for nobody."""

    async def comes() -> bool:
        await publish(mosquitto, (f"factory/{machine}/probe", {"ts": 1_742_000_000, "value": 1}))
        return (f"p1.{machine}.probe", 1.0) in door.heard()

    await eventually(comes, every_s=0.3)


async def holds(door: Door, machine: str, numbers: range) -> None:
    wanted = [float(number) for number in numbers]

    async def all_there() -> bool:
        return await door.values_of(f"p1.{machine}.speed") == wanted

    await eventually(all_there, within_s=20)


async def test_payloads_become_samples_with_the_tag_of_their_topic(mosquitto: Broker, tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()

    async with connected(configured(mosquitto, tmp_path, "plain"), door, ledger):
        await subscribed(mosquitto, door, "m1")
        await publish(
            mosquitto,
            ("factory/m1/speed", {"ts": "2025-03-16T04:00:00Z", "value": 8000, "quality": "uncertain"}),
            ("factory/m1/batch", [{"ts": 1742097600, "value": 1}, {"ts": 1742097601000, "value": "2.5"}]),
            ("factory/m1/broken", b"\xff{"),
            ("alive", b"true"),
        )

        async def four() -> bool:
            return len(set(door.samples["tag"])) == 5

        await eventually(four)

    rows = {row["tag"]: row for row in door.samples.iter_rows(named=True)}
    assert (rows["p1.m1.speed"]["value"], rows["p1.m1.speed"]["quality"]) == (8000.0, "uncertain")
    assert (rows["p1.m1.speed"]["unit"], rows["p1.m1.speed"]["machine"]) == ("m", "p1.m1")
    assert rows["p1.m1.speed"]["sampled_at"].isoformat() == "2025-03-16T04:00:00+00:00"
    assert await door.values_of("p1.m1.batch") == [1.0, 2.5]
    assert (rows["p1.m1.broken"]["value"], rows["p1.m1.broken"]["quality"]) == (None, "bad")
    assert rows["p1.alive"]["value"] == 1.0
    told = next(tag for tag in door.tags if tag["tag"] == "p1.m1.speed")
    assert (told["machine"], told["unit"], told["period_ms"]) == ("p1.m1", "m", 1000)


async def test_nothing_is_lost_while_the_door_is_away(mosquitto: Broker, tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()

    async with connected(configured(mosquitto, tmp_path, "away"), door, ledger):
        await subscribed(mosquitto, door, "m2")
        door.is_away = True
        await publish(mosquitto, *numbered("m2", range(200)))
        await publish(mosquitto, *numbered("m2", range(200, 300)))
        door.is_away = False
        await holds(door, "m2", range(300))

    assert ledger.checkpoints["away"]["heard_until"]


async def test_nothing_is_lost_while_the_connection_is_stopped(mosquitto: Broker, tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()
    connection = configured(mosquitto, tmp_path, "stopped")
    async with connected(connection, door, ledger):
        await subscribed(mosquitto, door, "m3")
        door.is_away = True
        await publish(mosquitto, *numbered("m3", range(50)))

    await publish(mosquitto, *numbered("m3", range(50, 100)))
    door.is_away = False
    async with connected(connection, door, ledger):
        await holds(door, "m3", range(100))
    samples = door.samples.filter(door.samples["tag"] == "p1.m3.speed")
    assert samples["machine"].unique().to_list() == ["p1.m3"]
    assert samples["unit"].unique().to_list() == ["m"]


async def test_a_message_without_a_time_counts_once_although_its_acknowledgement_was_lost(
    mosquitto: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, ledger = Door(), Ledger()
    connection = configured(mosquitto, tmp_path, "unheard")
    untimed: list[tuple[str, object]] = [("factory/m6/count", number % 2) for number in range(20)]

    async def came(count: int) -> bool:
        return door.samples.filter(door.samples["tag"] == "p1.m6.count").height >= count

    async with connected(connection, door, ledger):
        await subscribed(mosquitto, door, "m6")
        with monkeypatch.context() as losing:
            losing.setattr("paho.mqtt.client.Client.ack", lambda *_: None)
            await publish(mosquitto, *untimed)
            await eventually(lambda: came(20))
    async with connected(connection, door, ledger):
        await eventually(lambda: came(40))

    heard = door.samples.filter(door.samples["tag"] == "p1.m6.count")
    assert heard.unique().height == len({row for row in heard.select("sampled_at", "value").iter_rows()}) == 20
    assert not (tmp_path / "unheard" / "arrivals.new").exists()


async def test_nothing_is_lost_when_the_broker_is_killed(mosquitto: Broker, tmp_path: Path) -> None:
    door, ledger = Door(), Ledger()

    async with connected(configured(mosquitto, tmp_path, "killed"), door, ledger):
        await subscribed(mosquitto, door, "m4")
        await publish(mosquitto, *numbered("m4", range(50)))
        await holds(door, "m4", range(50))
        await mosquitto.stop(hard=True)

        async def is_failing() -> bool:
            return ledger.states["killed"][0] == "failing"

        await eventually(is_failing)
        await mosquitto.start()
        await subscribed(mosquitto, door, "m4")
        await publish(mosquitto, *numbered("m4", range(50, 100)))
        await holds(door, "m4", range(100))


async def test_a_wrong_password_is_said_without_repeating_it(mosquitto: Broker, tmp_path: Path) -> None:
    ledger = Ledger()
    text = FILE.format(port=mosquitto.port, user=USER, folder=tmp_path)

    async with connected(connection_of(text, PLANT_PASSWORD="not the password"), Door(), ledger):

        async def is_failing() -> bool:
            return ledger.states.get("plant_mqtt", ("", None))[0] == "failing"

        await eventually(is_failing)

    told = " ".join(ledger.errors)
    assert "refused the connection" in told
    assert "not the password" not in told


@pytest.mark.parametrize(
    ("changed", "to", "line"),
    [
        ('"factory/{machine}/{signal}"', '"factory/#"', 13),
        ('"factory/{machine}/{signal}"', '"factory/{machine}/{machine}"', 13),
        ('"p1.{machine}.{signal}"', '"p1.{area}"', 13),
        ("period_s: 10", "period_s: -1", 14),
    ],
)
def test_a_wrong_topic_is_refused_with_its_line(tmp_path: Path, changed: str, to: str, line: int) -> None:
    text = FILE.format(port=1, user=USER, folder=tmp_path).replace(changed, to)

    with pytest.raises(ConnectionFault, match=rf"plant.yaml:{line}: "):
        connection_of(text, PLANT_PASSWORD="x")


async def test_arrivals_outlive_the_process_and_a_torn_line_and_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "KEPT", 10)
    first = Arrivals(tmp_path)
    first.note("1:a", 100)
    await first.write()
    with (tmp_path / arrivals.FILE).open("ab") as file:
        file.write(b'["2:b", 20')

    second = Arrivals(tmp_path)
    found = second.of("1:a"), second.of("2:b")
    for number in range(50):
        second.note(f"{number}:c", number)
        await second.write()
    third = Arrivals(tmp_path)

    assert found == (100, None)
    assert (third.of("49:c"), third.of("1:a")) == (49, None)
    assert len((tmp_path / arrivals.FILE).read_bytes().split()) <= 40
    assert key_of(1, "topic", b"1") != key_of(1, "other", b"1")
