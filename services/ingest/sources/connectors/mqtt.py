"""The type `mqtt`: what a connection to an MQTT 5 broker is told.

Its library is imported when a connection of this type begins: most installations have none, and it takes 5 MB.
"""

from __future__ import annotations

from typing import Any

from services.ingest.domain.scada.payloads import Topic, places_in
from services.ingest.sources.connection import Connection, Connector, Intake, Option
from services.ingest.sources.samples import JOURNAL_OPTIONS, TAG_PARTS


async def run(connection: Connection, intake: Intake) -> None:
    """Hears the topics and brings their samples, until the broker or the door is away."""
    from services.ingest.sources import mqtt

    await mqtt.run(connection, intake)


def _check(options: dict[str, Any]) -> tuple[str, str] | None:
    """Options that do not go together."""
    for group in options["topics"]:
        missing = places_in(group["tag"] + (group["machine"] or "")) - Topic.read(group["topic"]).names
        if missing:
            return "topics", f"the topic has no place {{{min(missing)}}}"
    if options["tls"] and options["ca_file"] is None and options["port"] == 1883:
        return "tls", "the port of MQTT over TLS is 8883, not 1883"
    return None


def _check_topic(topic: str) -> str:
    try:
        Topic.read(topic)
    except ValueError as error:
        return f"is no topic: {error}"
    return ""


CONNECTOR = Connector(
    type="mqtt",
    doc="Hears the topics of an MQTT 5 broker; a persistent session and a journal on disk keep what comes meanwhile.",
    options={
        "host": Option(type="text", doc="host of the broker", required=True),
        "port": Option(type="whole", doc="its port", default=1883, minimum=1, maximum=65_535),
        "username": Option(type="text", doc="user name"),
        "password": Option(type="secret", doc="variable with the password"),
        "client_id": Option(type="text", doc="client id; its session at the broker belongs to it"),
        "tls": Option(type="flag", doc="whether to use TLS", default=False),
        "ca_file": Option(type="text", doc="file with the authority that signed the broker's certificate"),
        "keepalive_s": Option(type="whole", doc="seconds between signs of life", default=15, minimum=1, maximum=65_535),
        "session_kept_s": Option(
            type="whole",
            doc="seconds that the broker keeps messages for us",
            default=7 * 86_400,
            minimum=0,
            maximum=0xFFFF_FFFE,
        ),
        "topics": Option(
            type="groups",
            doc="topics, and the tags they stand for",
            required=True,
            parts={
                "topic": Option(type="text", doc="topic with {places}", required=True, check=_check_topic),
                **TAG_PARTS,
            },
        ),
        **JOURNAL_OPTIONS,
    },
    run=run,
    check=_check,
)
