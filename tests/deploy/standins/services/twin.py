"""Twin, with two models."""

from __future__ import annotations

import canned

from marketwin.twin.v1.service_pb2 import CountTwinsRequest, CountTwinsResponse
from marketwin.twin.v1.service_pb2_grpc import TwinServiceServicer, add_TwinServiceServicer_to_server


class Twin(TwinServiceServicer):
    async def CountTwins(self, request: CountTwinsRequest, context: object) -> CountTwinsResponse:  # type: ignore[override]  # aio
        return CountTwinsResponse(count_by_model={"region": 51, "sku": 7})


if __name__ == "__main__":
    canned.run("twin", (add_TwinServiceServicer_to_server, Twin()))
