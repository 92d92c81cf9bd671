"""gRPC: message to use case to message."""

from __future__ import annotations

from typing import Any

from chassis.telemetry import trace_id
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest import usecases
from services.ingest.usecases import Body, Filter, FrontDoor, Store
from services.ingest.usecases.reading import wanted_records
from services.ingest.wire import (
    balance_message,
    kinds_answer,
    quarantine_message,
    receipt_message,
    source_message,
    to_ipc,
)


class IngestServicer(service_pb2_grpc.IngestServiceServicer):
    """The front door for data, and the book of records."""

    def __init__(self, door: FrontDoor, store: Store) -> None:
        self._door = door
        self._store = store

    async def TakeIn(self, request: pb.TakeInRequest, context: Any) -> pb.TakeInResponse:
        body = Body(
            kind=request.kind,
            source=request.source,
            content_type=request.content_type,
            idempotency_key=request.idempotency_key,
            content=request.body,
            sent_by=request.sent_by,
            trace_id=trace_id(),
        )
        receipt = await usecases.take_in(self._door, body)
        return pb.TakeInResponse(receipt=receipt_message(receipt))

    async def QueryRecords(self, request: pb.QueryRecordsRequest, context: Any) -> pb.QueryRecordsResponse:
        page = await usecases.find_records(
            self._store,
            self._filter(request.filter),
            page_size=request.page_size,
            cursor=request.cursor,
            with_total=request.with_total,
        )
        return pb.QueryRecordsResponse(arrow_ipc=to_ipc(page.records), next_cursor=page.following, total=page.total)

    async def GetRecord(self, request: pb.GetRecordRequest, context: Any) -> pb.GetRecordResponse:
        found = await usecases.get_record(self._store, request.kind, request.key)
        return pb.GetRecordResponse(record_json=found)

    async def GetStatistics(self, request: pb.GetStatisticsRequest, context: Any) -> pb.GetStatisticsResponse:
        totals = await usecases.get_statistics(
            self._store, self._filter(request.filter), list(request.group_by), request.measure
        )
        return pb.GetStatisticsResponse(arrow_ipc=to_ipc(totals.rows), unit=totals.unit)

    async def ListKinds(self, request: pb.ListKindsRequest, context: Any) -> pb.ListKindsResponse:
        return kinds_answer(usecases.list_kinds())

    async def ListQuarantine(self, request: pb.ListQuarantineRequest, context: Any) -> pb.ListQuarantineResponse:
        items, following = await usecases.find_quarantine(
            self._store,
            kind=request.kind,
            source=request.source,
            state=request.state,
            page_size=request.page_size,
            cursor=request.cursor,
        )
        return pb.ListQuarantineResponse(items=map(quarantine_message, items), next_cursor=following)

    async def GetQuality(self, request: pb.GetQualityRequest, context: Any) -> pb.GetQualityResponse:
        return pb.GetQualityResponse(balances=map(balance_message, await usecases.list_balances(self._store)))

    async def ListSources(self, request: pb.ListSourcesRequest, context: Any) -> pb.ListSourcesResponse:
        found = await usecases.list_sources(self._store, self._door.mappings)
        return pb.ListSourcesResponse(sources=map(source_message, found))

    def _filter(self, asked: pb.RecordFilter) -> Filter:
        return wanted_records(
            self._door.regions,
            asked.kind,
            retailer=asked.retailer,
            product=asked.product,
            place=asked.place,
            days=(asked.from_date, asked.to_date),
            source=asked.source,
            order_no=asked.order_no,
        )
