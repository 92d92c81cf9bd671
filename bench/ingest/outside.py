"""Peers from outside the house, in environments of their own: bytewax and Node-RED."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import time
from pathlib import Path

from bench.ingest.door import Door, child, show_door
from bench.ingest.load import Load
from bench.ingest.peers.install import CannotInstall, bytewax_python, node_red
from bench.ingest.table import Row, show
from bench.ingest.tills import PRODUCTS, SHOPS, lines, sales
from deploy.embedded import free_port

PEERS = Path(__file__).parent / "peers"


async def show_bytewax(folder: Path, peers: Path, records: int) -> None:
    try:
        python = await asyncio.to_thread(bytewax_python, peers)
    except CannotInstall as error:
        print(f"{'bytewax':<48} SKIPPED, it cannot be installed: {error}", flush=True)
        return
    given = folder / "sales.ndjson"
    given.write_bytes(lines(sales(0, records)) + b"\n")
    command = [str(python), str(PEERS / "stream.py"), str(given), str(folder / "out"), str(SHOPS), str(PRODUCTS)]
    before, start = _children_cpu_s(), time.perf_counter()
    await asyncio.to_thread(subprocess.run, command, check=True)
    wall = time.perf_counter() - start
    count = (folder / "out").read_bytes().count(b"\n")
    found = Load(count, wall, {"peer": _children_cpu_s() - before}, [])
    show(Row("bytewax, file to file, start included", found, "peer"))


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def show_node_red(folder: Path, peers: Path, records: int, singles: int) -> None:
    try:
        entry = await asyncio.to_thread(node_red, peers)
    except CannotInstall as error:
        print(f"{'Node-RED':<48} SKIPPED, it cannot be installed: {error}", flush=True)
        return
    home, port = folder / "red", free_port()
    home.mkdir()
    settings = {"uiHost": "127.0.0.1", "uiPort": port, "httpAdminRoot": False, "telemetry": {"enabled": False}}
    settings |= {"flowFile": str(PEERS / "flows.json"), "functionExternalModules": True, "apiMaxLength": "16mb"}
    (home / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
    command = ["node", str(entry), "--userDir", str(home), "--settings", str(home / "settings.js")]
    async with child(command, port, {"SALES_FILE": str(folder / "red.out")}) as pid:
        red = Door(f"127.0.0.1:{port}", "/sales", "none", {"peer": [pid]})
        await _flows_started(red)
        await show_door("Node-RED", red, records, singles, worker="peer")


async def _flows_started(red: Door) -> None:
    """It listens before its flows do; until then it knows no such path."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(SystemExit):
                await red.singles(0, 1)
                return
            await asyncio.sleep(0.2)
