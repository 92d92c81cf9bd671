"""A small real HTTP door: it counts rows by their content, remembers idempotency keys and misbehaves on request."""

import asyncio
import io
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse


@dataclass
class Door:
    """What came in. `trouble` holds what to answer next instead: (status, headers), oldest first."""

    trouble: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    lose_answers: deque[bool] = field(default_factory=deque)
    rows: Counter[tuple[str, str, tuple[str, ...]]] = field(default_factory=Counter)
    requests: list[tuple[str, str, str, int]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    url: str = ""

    def take_in(self, kind: str, source: str, key: str, table: pl.DataFrame) -> dict[str, Any]:
        """Counts a batch once per key; of its rows, every fifth is set aside so that the sums have two parts."""
        self.requests.append((kind, source, key, len(table)))
        receipt = {"batch_id": key, "accepted": 0, "repaired": 0, "quarantined": 0, "rejected": 0, "duplicates": 0}
        if key in self.keys:
            return receipt | {"duplicates": len(table)}
        self.keys.add(key)
        self.rows.update((kind, source, row) for row in table.cast(pl.String).fill_null("").rows())
        quarantined = len(table) // 5
        return receipt | {"accepted": len(table) - quarantined, "repaired": 1, "quarantined": quarantined}


def _table(content_type: str, body: bytes) -> pl.DataFrame:
    if content_type.startswith("text/csv"):
        return pl.read_csv(io.BytesIO(body), infer_schema=False)
    return pl.read_ipc_stream(io.BytesIO(body))


def _app(door: Door) -> FastAPI:
    app = FastAPI()

    @app.post("/api/v1/records/{kind}")
    async def post(kind: str, source: str, request: Request) -> Response:
        body = await request.body()
        door.times.append(asyncio.get_running_loop().time())
        if door.trouble:
            status, headers = door.trouble.popleft()
            return Response(status_code=status, headers=headers, content="in trouble")
        table = _table(request.headers["content-type"], body)
        receipt = door.take_in(kind, source, request.headers["idempotency-key"], table)
        if door.lose_answers and door.lose_answers.popleft():
            return Response(status_code=503, headers={"Retry-After": "0"})
        return JSONResponse(receipt, status_code=202)

    return app


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    """Serves on a free port until the block ends."""
    door = Door()
    listening = socket.create_server(("127.0.0.1", 0))
    # asyncio leaves Nagle's algorithm on for sockets it did not make, which costs 40 ms an answer.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    door.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(_app(door), log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield door
    finally:
        server.should_exit = True
        await serving
