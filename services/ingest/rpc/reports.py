"""Reports, differences and chains."""

from __future__ import annotations

from typing import Any

from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2
from services.ingest.usecases import FrontDoor
from services.ingest.usecases.reporting import Reports, get_chain, get_report, list_differences
from services.ingest.wire import to_ipc


class BookReports:
    """Methods that say what the records add up to."""

    _door: FrontDoor
    _reports: Reports

    async def GetReport(self, request: pb.GetReportRequest, context: Any) -> pb.GetReportResponse:
        page = await get_report(
            self._reports,
            self._door.now,
            request.name,
            days=(request.from_date, request.to_date),
            equal=request.equal,
            page=(request.page_size, request.cursor),
        )
        return pb.GetReportResponse(arrow_ipc=to_ipc(page.rows), next_cursor=page.following)

    async def ListDifferences(self, request: pb.ListDifferencesRequest, context: Any) -> pb.ListDifferencesResponse:
        page = await list_differences(
            self._reports,
            self._door.now,
            request.type,
            days=(request.from_date, request.to_date),
            page=(request.page_size, request.cursor),
        )
        return pb.ListDifferencesResponse(
            items=[_difference(row) for row in page.rows.iter_rows(named=True)], next_cursor=page.following
        )

    async def GetOrderChain(self, request: pb.GetOrderChainRequest, context: Any) -> pb.GetOrderChainResponse:
        chain = await get_chain(self._reports, self._door.now, request.kind, request.no)
        promised = chain.promised_on.isoformat() if chain.promised_on else ""
        return pb.GetOrderChainResponse(arrow_ipc=to_ipc(chain.rows), is_late=chain.is_late, promised_on=promised)


def _difference(row: dict[str, Any]) -> types_pb2.Difference:
    texts = ("type", "kind", "key", "expected", "found", "difference", "unit")
    return types_pb2.Difference(
        **{name: row[name] or "" for name in texts}, biz_date=row["biz_date"].isoformat(), detail_json=row["detail"]
    )
