"""The type `opcua`: what a connection to an OPC UA server is told.

Its library is imported when a connection of this type begins: most installations have none, and it takes 9 MB.
"""

from __future__ import annotations

from typing import Any

from services.ingest.sources.connection import Connection, Connector, Intake, Option
from services.ingest.sources.samples import JOURNAL_OPTIONS, TAG_PARTS


async def run(connection: Connection, intake: Intake) -> None:
    """Subscribes to the nodes and brings their samples, until the server or the door is away."""
    from services.ingest.sources import opcua

    await opcua.run(connection, intake)


def _check(options: dict[str, Any]) -> tuple[str, str] | None:
    """Options that do not go together."""
    if not options["tags"] and not options["browse"]:
        return "tags", "or browse is needed"
    return None


def _check_node(text: str) -> str:
    from asyncua import ua
    from asyncua.ua.uaerrors import UaError

    try:
        ua.NodeId.from_string(text)
    except UaError:
        return "is no node id such as ns=2;s=Line1.Speed"
    return ""


_BROWSED = {name: part for name, part in TAG_PARTS.items() if name != "tag"}

CONNECTOR = Connector(
    type="opcua",
    doc="Subscribes to nodes of an OPC UA server; reads from its history what came while the connection was away.",
    options={
        "address": Option(type="text", doc="address of the server, opc.tcp://HOST:PORT/PATH", required=True),
        "username": Option(type="text", doc="user name"),
        "password": Option(type="secret", doc="variable with the password"),
        "security": Option(type="text", doc="Policy,Mode,certificate file,key file[,server certificate file]"),
        "publish_ms": Option(type="whole", doc="time between two notifications, ms", default=500, minimum=50),
        "tags": Option(
            type="groups",
            doc="nodes, and the tags they stand for",
            parts={"node": Option(type="text", doc="node id", required=True, check=_check_node), **TAG_PARTS},
        ),
        "browse": Option(
            type="groups",
            doc="folders whose variables become tags, named by their path",
            parts={
                "folder": Option(type="text", doc="node id of the folder", required=True, check=_check_node),
                "tag": Option(type="text", doc="what the names of the tags begin with", required=True),
                "prefix": Option(type="text", doc="only tags whose names begin with this"),
                **_BROWSED,
            },
        ),
        **JOURNAL_OPTIONS,
    },
    run=run,
    check=_check,
)
