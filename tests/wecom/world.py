"""What the tests arrange: a served stand-in, a callback address, a clock, and builders."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

from chassis.errors import Denied, Invalid
from demo.wecom.settings import StandInSettings
from gateway.wecom import CallbackKeys, CardClick, Signed, answer_echo, read_callback, update_button
from services.recommend.wecom import CardRecommendation

CORP = "wwcorp0001"
SECRET = "the-app-secret-that-nobody-may-read"
AGENT = 1_000_002
TOKEN = "QDG6eK"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
ROBOT_KEY = "robot-key"
KEYS = CallbackKeys.read(token=TOKEN, encoding_aes_key=AES_KEY, receive_id=CORP)
DEADLINE_S = 10.0


@dataclass
class Clock:
    """A time that only moves when a test says so. It starts at noon in China."""

    now_s: float = 1_767_240_000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_by(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Settings:
    """Builder of the stand-in's settings."""

    callback_url: str = ""
    account_cap: int = 1000

    def build(self) -> StandInSettings:
        return StandInSettings(
            corpid=CORP,
            secret=SECRET,
            agentid=AGENT,
            callback_url=self.callback_url,
            token=TOKEN,
            encoding_aes_key=AES_KEY,
            webhook_key=ROBOT_KEY,
            account_cap=self.account_cap,
        )


@dataclass
class Stage:
    """A served place where each test puts an app of its own: starting a server for every test would take longer."""

    url: str
    app: FastAPI = field(default_factory=FastAPI)


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """An empty stage on a free port."""
    standing = Stage(url="")

    async def play(scope: Any, receive: Any, send: Any) -> None:
        await standing.app(scope, receive, send)

    async with served(play) as standing.url:
        yield standing


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The ASGI app on a free port; yields its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=2))
    server.capture_signals = contextlib.nullcontext
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


@dataclass
class StandIn:
    """A served stand-in, as a test talks to it."""

    url: str
    clock: Clock
    http: httpx.AsyncClient

    async def fault(self, api: str, errcode: int, **more: int) -> None:
        body = {"api": api, "errcode": errcode, **more}
        (await self.http.post("/stand-in/faults", json=body)).raise_for_status()

    async def messages(self, user: str | None = None) -> list[dict[str, Any]]:
        query = {"user": user} if user else {}
        return (await self.http.get("/stand-in/messages", params=query)).json()["items"]

    async def statistics(self) -> dict[str, Any]:
        return (await self.http.get("/stand-in/statistics")).json()

    async def calls(self, api: str) -> int:
        return (await self.statistics())["calls"].get(api, 0)

    async def member(self, user: str, state: str) -> None:
        (await self.http.put(f"/stand-in/members/{user}", json={"state": state})).raise_for_status()

    async def revoke_tokens(self) -> None:
        (await self.http.post("/stand-in/revoke-tokens", json={})).raise_for_status()

    async def click(self, msgid: str, user: str, key: str, **more: Any) -> httpx.Response:
        body = {"msgid": msgid, "user": user, "button_key": key, **more}
        return await self.http.post("/stand-in/click", json=body)

    async def token(self) -> str:
        query = {"corpid": CORP, "corpsecret": SECRET}
        return (await self.http.get("/cgi-bin/gettoken", params=query)).json()["access_token"]

    async def send(self, **body: Any) -> dict[str, Any]:
        """A raw `message/send`, as any other client would do it."""
        query = {"access_token": await self.token()}
        given = {"touser": "li", "agentid": AGENT} | body
        return (await self.http.post("/cgi-bin/message/send", params=query, json=given)).json()

    async def group(self, key: str = ROBOT_KEY, **body: Any) -> dict[str, Any]:
        return (await self.http.post("/cgi-bin/webhook/send", params={"key": key}, json=body)).json()


@dataclass
class CallbackAddress:
    """An address made of the gateway's functions: notes every delivery, fails the first `failures`, then answers."""

    clock: Clock
    keys: CallbackKeys = KEYS
    failures: int = 0
    answer: str = "已采纳 Accepted"
    clicks: list[CardClick] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/callback")
        async def check(msg_signature: str, timestamp: str, nonce: str, echostr: str) -> Response:
            signed = Signed(msg_signature, timestamp, nonce)
            return Response(answer_echo(self.keys, signed, echostr, now_s=self.clock()), media_type="text/plain")

        @app.post("/callback")
        async def receive(request: Request, msg_signature: str, timestamp: str, nonce: str) -> Response:
            signed = Signed(msg_signature, timestamp, nonce)
            try:
                click = read_callback(self.keys, signed, await request.body(), now_s=self.clock())
            except (Denied, Invalid) as error:
                self.refusals.append(type(error).__name__)
                return Response(status_code=403)
            assert isinstance(click, CardClick)
            self.clicks.append(click)
            if len(self.clicks) <= self.failures:
                return Response(status_code=503)
            return Response(self._reply(click), media_type="application/xml")

        return app

    def _reply(self, click: CardClick) -> str:
        if not self.answer:
            return ""
        return update_button(
            self.keys,
            click,
            self.answer,
            now_s=self.clock(),
            nonce=secrets.token_hex(4),
            random16=secrets.token_bytes(16),
        )


RECOMMENDATION = CardRecommendation(
    id="0198c1f2-3b1e-7d7e-9b41-0f3ad2b1c9aa",
    retailer_name="合肥市蜀山区好再来便利店",
    retailer_code="R340104000123",
    sku_name="黄山(徽商新概念细支)",
    rank=1,
    quantity="5 条 / 5 cartons",
    reasons=(
        ("近8周补货 6 次,预计本周断货", "6 repeat orders in 8 weeks, likely to run out"),
        ("同类店好卖", "peers sell it"),
    ),
    limits=("本周上限 6 条",),
    console_url="https://console.example.com/recommendations/0198c1f2",
)


def recommendation(**changes: Any) -> CardRecommendation:
    return replace(RECOMMENDATION, **changes)
