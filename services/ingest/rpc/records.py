"""Taking in, kinds, and reading the book."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import structlog

from chassis.errors import ChassisError, Unavailable
from chassis.rpc import error_text
from chassis.telemetry import told_trace_id, trace_id, where, within
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest import usecases
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.usecases import Body, Filter, FrontDoor, Store
from services.ingest.usecases.reading import wanted_records
from services.ingest.wire import (
    fill_receipt,
    kinds_answer,
    receipt_message,
    to_ipc,
)

log = structlog.get_logger()


class Records:
    """Methods of the door and of the book."""

    _door: FrontDoor
    _store: Store

    async def TakeIn(self, request: pb.TakeInRequest, context: Any) -> pb.TakeInResponse:
        receipt = await usecases.take_in(self._door, _body(request, trace_id()))
        return pb.TakeInResponse(receipt=receipt_message(receipt))

    async def TakeInTogether(self, request: pb.TakeInTogetherRequest, context: Any) -> pb.TakeInTogetherResponse:
        entered = [self._enter(body) for body in request.bodies]
        for each in entered:
            # Most are answered together: whoever waits for the first finds the others done.
            if isinstance(each, asyncio.Future) and not each.done():
                await asyncio.wait([each])
        told = pb.TakeInTogetherResponse()
        for each in entered:
            _tell(told.answers.add(), each)
        return told

    def _enter(self, request: pb.TakeInRequest) -> asyncio.Future[Receipt] | Exception:
        try:
            told = request.traceparent
            return usecases.enter(self._door, _body(request, told_trace_id(told)), partial(within, told))
        except Exception as error:  # who sent the others must not hear it
            return error

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

    def _filter(self, asked: pb.RecordFilter) -> Filter:
        return wanted_records(
            self._door.regions,
            asked.kind,
            retailer=asked.retailer,
            product=asked.product,
            place=asked.place,
            days=(asked.from_date, asked.to_date),
            further=asked.equal,
            source=asked.source,
            order_no=asked.order_no,
        )


def _body(request: pb.TakeInRequest, trace: str) -> Body:
    return Body(
        kind=request.kind,
        source=request.source,
        content_type=request.content_type,
        idempotency_key=request.idempotency_key,
        content=request.body,
        sent_by=request.sent_by,
        trace_id=trace,
    )


def _tell(answer: pb.TakeInAnswer, entered: asyncio.Future[Receipt] | Exception) -> None:
    error = entered if isinstance(entered, Exception) else entered.exception()
    if error is None and not isinstance(entered, Exception):
        fill_receipt(answer.receipt, entered.result())
        return
    if not isinstance(error, ChassisError):
        log.error("rpc.failed", method="TakeInTogether", error=type(error).__name__, where=where(error or ValueError()))
        error = Unavailable("the service failed", code="internal")
    answer.error_json = error_text(error)
