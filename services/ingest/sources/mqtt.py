"""MQTT 5: topics of machines become samples.

The session outlives the connection, and a message is acknowledged to the broker only when its samples are on disk: what
comes while this process is away waits at the broker, what comes while the door is away waits here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from services.ingest.domain.scada.payloads import Sample, Topic, filled_in, read_payload
from services.ingest.domain.scada.tags import Tag
from services.ingest.sources.arrivals import Arrivals, key_of
from services.ingest.sources.connection import Connection, Intake, SourceAway
from services.ingest.sources.samples import Collector, tag_of

log = structlog.get_logger()

IN_FLIGHT = 4000
"""Messages that the broker may send before the first is acknowledged; its own limit may be lower."""
MAX_PACKET_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 10.0
QOS = 1


@dataclass(frozen=True, slots=True)
class _Route:
    """One configured topic, and how its tag and machine are named."""

    topic: Topic
    options: dict[str, Any]

    def tag(self, places: dict[str, str]) -> Tag:
        machine = filled_in(self.options["machine"] or "", places)
        return tag_of(self.options, tag=filled_in(self.options["tag"], places), machine=machine)


class Routes:
    """Finds the tag of a topic; a topic is matched once."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self._routes = [_Route(Topic.read(group["topic"]), group) for group in groups]
        self._known: dict[str, Tag | None] = {}

    @property
    def filters(self) -> list[str]:
        return sorted({route.topic.filter for route in self._routes})

    def literal(self) -> list[Tag]:
        """The tags that need no message to be known."""
        return [route.tag({}) for route in self._routes if not route.topic.names]

    def find(self, topic: str) -> Tag | None:
        try:
            return self._known[topic]
        except KeyError:
            found = (route.tag(places) for route in self._routes if (places := route.topic.places(topic)) is not None)
            tag = self._known[topic] = next(found, None)
            return tag


async def run(connection: Connection, intake: Intake) -> None:
    """Hears the topics and brings their samples, until the broker or the door is away."""
    routes = Routes(connection.options["topics"])
    collector = Collector(connection, intake)
    collector.know(routes.literal())
    await collector.run(_hear(connection, routes, collector))


async def _hear(connection: Connection, routes: Routes, collector: Collector) -> None:
    client = _client(connection.name, connection.options)
    # Acknowledged by hand, once on disk; aiomqtt has no word for it.
    paho = client._client
    paho.manual_ack_set(True)
    arrivals = Arrivals(collector.folder)
    collector.before = arrivals.write
    heard = _Heard(routes, collector, paho, arrivals)
    paho.on_message = heard.on_message
    try:
        async with client:
            await client.subscribe([(topic, QOS) for topic in routes.filters])
            log.info("scada.connected", connection=connection.name, topics=len(routes.filters))
            await client._disconnected
            raise SourceAway("the broker closed the connection")
    except MqttConnectError as error:
        raise SourceAway(f"the broker refused the connection: {error.rc}") from None
    except aiomqtt.MqttError:
        raise SourceAway("the broker does not answer; check host, port and network") from None


class _Heard:
    """What a message does: its samples to the collector, its acknowledgement when they are on disk."""

    def __init__(self, routes: Routes, collector: Collector, client: Any, arrivals: Arrivals) -> None:
        self._routes = routes
        self._collector = collector
        self._client = client
        self._arrivals = arrivals

    def on_message(self, _client: Any, _userdata: Any, message: Any) -> None:
        mid, qos = message.mid, message.qos

        def acknowledge() -> None:
            self._client.ack(mid, qos)

        tag = self._routes.find(message.topic)
        if tag is None:
            self._collector.take((), acknowledge)
            return
        self._collector.know([tag])
        rows = [(tag.tag, *sample) for sample in self._samples(message)]
        self._collector.take(rows, acknowledge)

    def _samples(self, message: Any) -> list[Sample]:
        """The samples of a message; those without a time have that of its arrival, the first one if it comes again."""
        key = ""
        arrived_us = time.time_ns() // 1000
        if message.dup:
            key = key_of(message.mid, message.topic, message.payload)
            arrived_us = self._arrivals.of(key) or arrived_us
        samples = read_payload(message.payload, arrived_us)
        if any(at_us == arrived_us for at_us, *_ in samples):
            self._arrivals.note(key or key_of(message.mid, message.topic, message.payload), arrived_us)
        return samples


def _client(name: str, options: dict[str, Any]) -> aiomqtt.Client:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.SessionExpiryInterval = options["session_kept_s"]
    properties.ReceiveMaximum = IN_FLIGHT
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    password = options["password"]
    return aiomqtt.Client(
        options["host"],
        options["port"],
        username=options["username"],
        password=password.get_secret_value() if password else None,
        identifier=options["client_id"] or f"marketwin-{name}",
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        keepalive=options["keepalive_s"],
        timeout=CONNECT_TIMEOUT_S,
        properties=properties,
        tls_params=aiomqtt.TLSParameters(ca_certs=options["ca_file"]) if options["tls"] else None,
    )
