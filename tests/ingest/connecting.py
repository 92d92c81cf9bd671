"""A running front door with connections, and what is seen of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chassis.app import utc_now
from chassis.rpc import connect
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import app
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.settings import IngestSettings
from services.ingest.sources.connection import Connection, Intake
from services.ingest.sources.connection_files import read_connection
from services.ingest.usecases import Body
from tests.ingest.running import Stub


@asynccontextmanager
async def connected(settings: IngestSettings, folder: Path, **files: str) -> AsyncIterator[Stub]:
    """The service with the given connection files."""
    async with (
        app(settings.model_copy(update={"connections": _written(folder, files)})) as running,
        connect(running.address, service_pb2_grpc.IngestServiceStub) as stub,
    ):
        yield stub


def _written(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


async def connection_of(stub: Stub, name: str) -> Any:
    sources = (await stub.ListSources(pb.ListSourcesRequest())).sources
    return next((each for source in sources for each in source.connections if each.name == name), None)


async def until(stub: Stub, name: str, fact: Callable[[Any], Any], *, within_s: float = 20.0) -> Any:
    """Waits until the connection shows a fact, and returns how it goes then."""

    async def found() -> Any:
        connection = await connection_of(stub, name)
        return connection if connection is not None and fact(connection) else None

    return await eventually(found, within_s=within_s)


@dataclass
class ScriptedDoor:
    """A door and a checkpoint in memory, for what a connector does between the two; it may die after so many steps."""

    taken: list[Body] = field(default_factory=list)
    checkpoint: dict[str, Any] | None = None
    records: int = 0
    dies_after: int | None = None
    refusal: Exception | None = None
    count: Callable[[Body], int] = lambda body: max(body.content.count(b"\n") - 1, 1)

    async def take_in(self, body: Body) -> Receipt:
        if self.refusal is not None:
            raise self.refusal
        self._step()
        known = any(each.idempotency_key == body.idempotency_key for each in self.taken)
        self.taken.append(body)
        count = self.count(body)
        return Receipt("B", 0 if known else count, 0, 0, 0, count if known else 0)

    async def recall(self) -> dict[str, Any] | None:
        return self.checkpoint

    async def note(self, checkpoint: dict[str, Any], records: int) -> None:
        self._step()
        self.checkpoint = checkpoint
        self.records += records

    async def news(self, topic: str) -> int:
        return 0

    def _step(self) -> None:
        if self.dies_after is not None:
            if self.dies_after <= 0:
                raise Killed
            self.dies_after -= 1

    @property
    def intake(self) -> Intake:
        return Intake(take_in=self.take_in, recall=self.recall, note=self.note, news=self.news, now=utc_now)

    @property
    def distinct(self) -> list[Body]:
        """What was taken, without what came again."""
        return list({body.idempotency_key: body for body in self.taken}.values())


class Killed(BaseException):
    """The process is gone."""


def configured(text: str, environ: Mapping[str, str] | None = None) -> Connection:
    return read_connection(text.encode(), "connection.yaml", environ=environ or {})


Run = Callable[[Connection, Intake], Awaitable[None]]
