"""Ingest, with one balance."""

from __future__ import annotations

import canned

from marketwin.ingest.v1.service_pb2 import GetQualityRequest, GetQualityResponse
from marketwin.ingest.v1.service_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server
from marketwin.ingest.v1.types_pb2 import QualityBalance


class Ingest(IngestServiceServicer):
    async def GetQuality(self, request: GetQualityRequest, context: object) -> GetQualityResponse:  # type: ignore[override]  # aio
        balance = QualityBalance(
            source="shop", kind="sku", received=1234, stored=1200, duplicate=20, quarantined=10, rejected=4
        )
        return GetQualityResponse(balances=[balance])


if __name__ == "__main__":
    canned.run("ingest", (add_IngestServiceServicer_to_server, Ingest()))
