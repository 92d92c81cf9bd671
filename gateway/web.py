"""The paths of the API; `python -m gateway.web` prints their OpenAPI document, the one that is committed."""

from __future__ import annotations

import json
import sys

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig

from gateway import asyncapi, parameters, problems, reference
from gateway.openapi import describe
from gateway.routes import (
    forecasts,
    fusion,
    history,
    lineage,
    live,
    live_events,
    models,
    operation,
    privacy,
    profiles,
    quality,
    quarantine,
    recommendations,
    records,
    relations,
    reports,
    scada,
    sign_in,
    twins,
    webhooks,
    wecom_callback,
)

PREFIX = "/api/v1"
ROUTERS = (
    reports.router,
    records.router,
    quality.router,
    quarantine.router,
    lineage.router,
    privacy.router,
    scada.router,
    twins.router,
    history.router,
    relations.router,
    fusion.router,
    live_events.router,
    models.router,
    profiles.router,
    forecasts.router,
    recommendations.router,
    sign_in.router,
    operation.router,
)
CALLED_BACK = (wecom_callback.router, webhooks.router)
"""Paths whose query is written by somebody else's system."""
# The framework's own spans and logs hold paths and texts of errors, both of which may quote a record.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def routes() -> FastAPI:
    """The paths of the API without anything behind them."""
    web = FastAPI(
        title="Marketwin",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        telemetry=NO_TELEMETRY,
        redirect_slashes=False,  # the redirect would repeat whatever host the request names
    )
    known_only = [Depends(parameters.known_only())]
    for router in ROUTERS:
        web.include_router(router, prefix=PREFIX, responses=problems.RESPONSES, dependencies=known_only)
    for router in CALLED_BACK:
        web.include_router(router, prefix=PREFIX, responses=problems.RESPONSES)
    web.include_router(live.router, prefix=PREFIX)
    web.include_router(asyncapi.router, prefix=PREFIX)
    web.include_router(operation.health)
    web.include_router(reference.router)
    problems.install(web)
    describe(web)
    return web


if __name__ == "__main__":
    sys.stdout.write(json.dumps(routes().openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")
