"""The stand-in as an ASGI app."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from demo.wecom.api import calls
from demo.wecom.book import Book
from demo.wecom.chains import Chains, chain_calls, chain_levers
from demo.wecom.clicks import Callback
from demo.wecom.desk import desk
from demo.wecom.refusals import Refused
from demo.wecom.service import Service
from demo.wecom.settings import StandInSettings


def create_app(settings: StandInSettings, *, now: Callable[[], float] = time.time) -> FastAPI:
    """The whole stand-in; `now` gives the Unix time, so that a test can let 72 hours pass."""
    app = FastAPI(title="WeCom stand-in", openapi_url=None)
    service, book = Service(settings, now), Book(now)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        is_call = request.url.path.startswith("/cgi-bin/")
        return JSONResponse(error.reply(), status_code=200 if is_call else 400)

    chains, callback = Chains(), Callback(settings, book)
    app.include_router(calls(service, book))
    app.include_router(chain_calls(service, chains))
    app.include_router(desk(service, book, callback))
    app.include_router(chain_levers(chains, callback))
    return app
