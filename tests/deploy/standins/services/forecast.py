"""Forecast: it has forecasts once it was trained, and remembers that in the data folder."""

from __future__ import annotations

import os
from pathlib import Path

import canned

from marketwin.forecast.v1.service_pb2 import (
    CountForecastsRequest,
    CountForecastsResponse,
    GetTrainingRequest,
    GetTrainingResponse,
    TrainRequest,
    TrainResponse,
)
from marketwin.forecast.v1.service_pb2_grpc import ForecastServiceServicer, add_ForecastServiceServicer_to_server
from marketwin.forecast.v1.types_pb2 import Training


class Forecast(ForecastServiceServicer):
    def __init__(self, trained: Path) -> None:
        self._trained = trained

    async def Train(self, request: TrainRequest, context: object) -> TrainResponse:  # type: ignore[override]  # aio
        canned.note("trained")
        return TrainResponse(training=Training(id="1", status="running", progress=0.5))

    async def GetTraining(self, request: GetTrainingRequest, context: object) -> GetTrainingResponse:  # type: ignore[override]  # aio
        self._trained.touch()
        return GetTrainingResponse(training=Training(id="1", status="done", progress=1))

    async def CountForecasts(self, request: CountForecastsRequest, context: object) -> CountForecastsResponse:  # type: ignore[override]  # aio
        return CountForecastsResponse(annual=51 if self._trained.exists() else 0)


if __name__ == "__main__":
    trained = Path(os.environ["MARKETWIN_DATA"]) / "trained"
    canned.run("forecast", (add_ForecastServiceServicer_to_server, Forecast(trained)))
