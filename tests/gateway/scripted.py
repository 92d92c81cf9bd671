"""An ingest service that answers by script, over real gRPC: for what the real one cannot be made to do on demand."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chassis.errors import ChassisError
from chassis.rpc import serve
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2
from marketwin.ingest.v1.service_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server


def ipc(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_ipc_stream(sink)
    return sink.getvalue()


@dataclass
class ScriptedIngest(IngestServiceServicer):  # type: ignore[misc]  # generated without types
    """Keeps what it is sent; hands out pages of records, or an error in the place of one."""

    pages: list[pl.DataFrame | ChassisError] = field(default_factory=list)
    totals: pl.DataFrame = field(default_factory=pl.DataFrame)
    taken: list[pb.TakeInRequest] = field(default_factory=list)
    asked: list[pb.QueryRecordsRequest] = field(default_factory=list)

    async def TakeIn(self, request: pb.TakeInRequest, context: Any) -> pb.TakeInResponse:
        self.taken.append(request)
        return pb.TakeInResponse(receipt=types_pb2.Receipt(batch_id="b", accepted=1))

    async def TakeInTogether(self, request: pb.TakeInTogetherRequest, context: Any) -> pb.TakeInTogetherResponse:
        self.taken.extend(request.bodies)
        receipt = types_pb2.Receipt(batch_id="b", accepted=1)
        return pb.TakeInTogetherResponse(answers=[pb.TakeInAnswer(receipt=receipt) for _ in request.bodies])

    async def GetStatistics(self, request: pb.GetStatisticsRequest, context: Any) -> pb.GetStatisticsResponse:
        return pb.GetStatisticsResponse(arrow_ipc=ipc(self.totals), unit="CNY")

    async def ListKinds(self, request: pb.ListKindsRequest, context: Any) -> pb.ListKindsResponse:
        return pb.ListKindsResponse()

    async def QueryRecords(self, request: pb.QueryRecordsRequest, context: Any) -> pb.QueryRecordsResponse:
        self.asked.append(request)
        place = int(request.cursor or 0)
        page = self.pages[place]
        if isinstance(page, ChassisError):
            raise page
        following = str(place + 1) if place + 1 < len(self.pages) else ""
        return pb.QueryRecordsResponse(arrow_ipc=ipc(page), next_cursor=following)


@asynccontextmanager
async def scripted_ingest() -> AsyncIterator[tuple[ScriptedIngest, str]]:
    """The service and its address."""
    service = ScriptedIngest()
    async with serve([(add_IngestServiceServicer_to_server, service)], host="127.0.0.1", port=0) as address:
        yield service, address
