"""A plant: an OPC UA server in its own process.

`python -m tests.ingest.peers.opcua_server TAGS HISTORY PORT` prints its address, then takes commands, one a line:
`write ROUNDS PERIOD_MS` writes that many values to each node, `status NODE CODE` writes a bad value, `quit` stops it.
Each is answered by a line when it is done.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from asyncua import Server, ua
from asyncua.ua import DataValue, StatusCode, Variant, VariantType

FOLDER = "ns=2;s=plant"


def node_of(place: int) -> str:
    return f"ns=2;s=plant.m{place // 40}.s{place % 40}"


async def serve(tags: int, keeps_history: bool, port: int) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace("urn:plant")
    folder = await server.nodes.objects.add_object(ua.NodeId("plant", space), f"{space}:plant")
    nodes = []
    for place in range(tags):
        if place % 40 == 0:
            name = f"m{place // 40}"
            machine = await folder.add_object(ua.NodeId(f"plant.{name}", space), f"{space}:{name}")
        node = ua.NodeId.from_string(node_of(place))
        nodes.append(await machine.add_variable(node, f"{space}:s{place % 40}", -1.0, VariantType.Double))
    async with server:
        if keeps_history:
            for node in nodes:
                await server.historize_node_data_change(node, count=10_000)
        say({"address": f"opc.tcp://127.0.0.1:{port}/plant/"})
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        written = 0
        while (line := await reader.readline()) and line.strip() != b"quit":
            command, *arguments = line.decode().split()
            if command == "write":
                written = await write(server, nodes, written, int(arguments[0]), int(arguments[1]) / 1000)
            elif command == "status":
                await put(server, ua.NodeId.from_string(arguments[0]), 0.0, int(arguments[1], 16))
            say({"written": written})


async def write(server: Server, nodes: list[Any], before: int, rounds: int, period_s: float) -> int:
    """Writes the next numbers to each node; the last period passes too."""
    for number in range(before, before + rounds):
        until = time.monotonic() + period_s
        for node in nodes:
            await put(server, node.nodeid, float(number), ua.StatusCodes.Good)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
    return before + rounds


async def put(server: Server, node: ua.NodeId, value: float, status: int) -> None:
    now = datetime.now(UTC)
    value = DataValue(Variant(value, VariantType.Double), StatusCode(status), now, now)
    await server.write_attribute_value(node, value)


def say(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2] == "history", int(sys.argv[3])))
