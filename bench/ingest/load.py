"""A sender of HTTP requests that costs little itself: requests made beforehand, connections kept, answers counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Load:
    """What a run brought: records accepted, wall seconds, CPU seconds by process, and milliseconds of each answer."""

    records: int
    wall_s: float
    cpu_s: dict[str, float]
    latencies_ms: list[float]

    def quantile(self, share: float) -> float:
        return sorted(self.latencies_ms)[int(share * (len(self.latencies_ms) - 1))]


def request(address: str, path: str, token: str, body: bytes, content_type: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send(address: str, requests: Iterable[bytes], *, connections: int, pids: dict[str, list[int]]) -> Load:
    """Sends every request once, over so many connections; stops at an answer that is no receipt for all records."""
    left = iter(requests)
    latencies: list[float] = []
    accepted = 0

    async def one() -> None:
        nonlocal accepted
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for each in left:
            start = time.perf_counter()
            writer.write(each)
            answer = await _answer(reader)
            latencies.append((time.perf_counter() - start) * 1000)
            accepted += answer["accepted"]
        writer.close()

    before = {name: cpu_s(numbers) for name, numbers in pids.items()}
    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    wall = time.perf_counter() - start
    cpu = {name: cpu_s(numbers) - before[name] for name, numbers in pids.items()}
    return Load(accepted, wall, cpu, latencies)


async def _answer(reader: asyncio.StreamReader) -> dict[str, int]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    body = await reader.readexactly(length)
    if b" 202 " not in head.split(b"\r\n", 1)[0] and b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise SystemExit(f"the door answered {head[:40]!r} {body[:300]!r}")
    receipt: dict[str, int] = json.loads(body)
    return receipt


def cpu_s(pids: list[int]) -> float:
    """CPU seconds of processes and all below them, those that have ended and were waited for included."""
    total = 0.0
    for pid in pids:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += sum(times[:4])  # its own, and that of children that have ended
    return total
