"""Sensor to client: `python -m bench.twin.readings [--seconds 20]`, the reference load of 1,600 tags at 1 Hz.

Two plants of 20 lines, a line of five machines with eight signals each. Every line posts its 40 samples once a second,
the lines one after the other, through the gateway to ingest and twin processes with real servers, as in `live.py`. One
client follows all machines with `readings`. The lag of a value is the client's clock at its arrival minus the moment of
its sample, which is when its body is put together. R-10 asks for 1 s at p95. CPU is that of each process by the sample.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from bench.ingest.house import House, house
from bench.ingest.load import cpu_s, request, send
from bench.twin.table import quantile, say

LINES, MACHINES = 40, 5
SIGNALS = ("speed", "reject_pct", "stick_weight_g", "draw_pa", "out_moisture_pct", "wall_temp_c", "temp_c", "rh_pct")
WARM_S, QUIET_S = 3, 2.0


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=20)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder), has_twin=True) as built:
            await _measure(built, asked.seconds)


async def _measure(built: House, seconds: int) -> None:
    lags: list[float] = []
    reader = asyncio.create_task(_read(built, lags))
    await _run(built, 0, WARM_S)
    lags.clear()
    before = {name: cpu_s(pids) for name, pids in built.pids.items()}
    sent = await _run(built, WARM_S, WARM_S + seconds)
    await asyncio.sleep(QUIET_S)
    spent = {name: (cpu_s(pids) - before[name]) / sent * 1e6 for name, pids in built.pids.items()}
    reader.cancel()
    figures = ", ".join(f"p{share * 100:g} {quantile(lags, share):,.0f}" for share in (0.5, 0.95, 0.99, 1.0))
    say(f"{sent:,} samples in {seconds} s, {len(lags):,} values told; lag in ms: {figures}")
    say("CPU µs by the sample: " + ", ".join(f"{name} {cost:,.0f}" for name, cost in spent.items()))


async def _run(built: House, start: int, end: int) -> int:
    """Each line once a second, at its time; returns how many samples were accepted."""
    begun = time.perf_counter() - start
    sending = []
    for number in range(start * LINES, end * LINES):
        await asyncio.sleep(max(0.0, begun + number / LINES - time.perf_counter()))
        body = json.dumps(_samples(number % LINES, number // LINES)).encode()
        path = "/api/v1/records/scada_sample?source=scada"
        asked = request(built.address, path, built.token, body, "application/json")
        sending.append(asyncio.create_task(send(built.address, [asked], connections=1, pids={})))
    return sum([(await each).records for each in sending])


def _samples(line: int, second: int) -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    machines = [f"P{line // 20}.l{line % 20}.m{number}" for number in range(MACHINES)]
    return [
        {"tag": f"{each}.{signal}", "machine": each, "sampled_at": now, "value": 10 + second % 10 / 10, "unit": "1"}
        for each in machines
        for signal in SIGNALS
    ]


async def _read(built: House, lags: list[float]) -> None:
    """Notes how old each value is that is new to the client."""
    address = f"ws://{built.address}/api/v1/live"
    protocols: list[Any] = ["marketwin.v1", f"bearer.{built.token}"]
    known: dict[tuple[str, str], str] = {}
    async with connect(address, subprotocols=protocols, proxy=None, compression=None, max_size=None) as socket:
        await socket.send(json.dumps({"subscribe": {"model": "machine", "readings": True}}))
        async for text in socket:
            message, now = json.loads(text), datetime.now(UTC)
            for twin in message["twins"] if message["type"] == "readings" else ():
                for name, reading in twin["readings"].items():
                    if known.get((twin["id"], name)) != reading["at"]:
                        known[twin["id"], name] = reading["at"]
                        lags.append((now - datetime.fromisoformat(reading["at"])).total_seconds() * 1000)


if __name__ == "__main__":
    asyncio.run(main())
