"""An ERP as a REST source, served for real: pages, tokens, and the faults that such systems have."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

CLIENT, SECRET = "marketwin", "the secret of the client"
Row = dict[str, Any]


@dataclass
class Erp:
    """Its records, and the faults it answers with next; a fault is used once."""

    rows: list[Row]
    faults: list[Any] = field(default_factory=list)
    page_size: int = 10
    token_lives_s: float = 3600
    tokens: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    served: Counter[str] = field(default_factory=Counter)

    @property
    def app(self) -> FastAPI:
        web = FastAPI()
        web.post("/token")(self._token)
        web.get("/orders")(self._cursor_pages)
        web.get("/numbered")(self._numbered_pages)
        web.get("/linked")(self._linked_pages)
        web.get("/open")(self._open)
        return web

    async def _token(self, request: Request) -> Response:
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if form.get("grant_type") != "client_credentials" or request.headers.get("authorization") != f"Basic {basic}":
            return Response(status_code=401)
        self.tokens.append(f"token-{len(self.tokens)}")
        self.valid = {self.tokens[-1]}
        return JSONResponse({"access_token": self.tokens[-1], "expires_in": self.token_lives_s})

    async def _cursor_pages(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return Response(status_code=401)
        return await self._answer(request, self._page(request, int(request.query_params.get("cursor", "0") or 0)))

    async def _open(self, request: Request) -> Response:
        return await self._answer(request, self._page(request, int(request.query_params.get("cursor", "0") or 0)))

    async def _numbered_pages(self, request: Request) -> Response:
        number = int(request.query_params["page"])
        size = int(request.query_params["size"])
        since = request.query_params.get("since", "")
        rows = [row for row in self.rows if str(row.get("changed_at", "")) >= since]
        found = rows[(number - 1) * size : number * size]
        return await self._answer(request, {"data": {"items": found}})

    async def _linked_pages(self, request: Request) -> Response:
        page = self._page(request, int(request.query_params.get("skip", "0")))
        following = page.pop("next")
        return await self._answer(
            request, {**page, "next": f"{request.url.path}?skip={following}" if following else None}
        )

    def _page(self, request: Request, start: int) -> dict[str, Any]:
        end = start + self.page_size
        return {"items": self.rows[start:end], "next": str(end) if end < len(self.rows) else None}

    async def _answer(self, request: Request, page: dict[str, Any]) -> Response:
        self.asked.append(dict(request.query_params) | {"api_key": request.headers.get("x-api-key", "")})
        fault = self.faults.pop(0) if self.faults else None
        body = json.dumps(page).encode()
        if isinstance(fault, Response):
            return fault
        if fault == "cut":
            return StreamingResponse(_cut(body), headers={"content-length": str(len(body))})
        if fault == "slow":
            await asyncio.sleep(3)
        if fault == "malformed":
            return Response(body[: len(body) // 2], media_type="application/json")
        if fault == "no list":
            return JSONResponse({"items": "none today", "next": None})
        if fault == "expired":
            self.valid = set()
            return Response(status_code=401)
        return Response(body, media_type="application/json")


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionResetError


def pull(url: str, **changes: Any) -> str:
    """A connection file for it."""
    options: dict[str, Any] = {"records": "/items", "paging": "cursor", "next": "/next", "every_s": 0.05, **changes}
    lines = "".join(f"  {name}: {value}\n" for name, value in options.items())
    return f"connection: erp\ntype: rest_pull\nsource: erp\nkind: commercial_order\noptions:\n  url: {url}\n{lines}"
