"""Wiring of the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import redis.asyncio
import uvicorn
from fastapi import FastAPI

from chassis.app import Background, background
from chassis.bus import bus
from chassis.errors import Unavailable
from gateway.auth import Tokens
from gateway.clients import services
from gateway.console import Console
from gateway.door import RecordDoor
from gateway.heads import bounded_http
from gateway.limits import Intake, RateLimit
from gateway.live.hub import Hub
from gateway.live.readings import Readings
from gateway.live.seats import Seats
from gateway.live.serving import Live
from gateway.lookups import Lookups
from gateway.map import RegionMap
from gateway.middleware import Traced
from gateway.pushes import Pushes
from gateway.readers import bounded_socket
from gateway.routes import operation, sign_in
from gateway.settings import GatewaySettings
from gateway.twin_door import TwinDoor
from gateway.web import routes
from gateway.wecom import CallbackKeys

REDIS_TIMEOUT_S = 2.0
# A subscription names 1,000 ids at most.
MAX_LIVE_MESSAGE_BYTES = 256 * 1024
STOP_GRACE_S = 3
# Longer than clients and load balancers keep idle connections: who closes first must not be the one who is asked.
KEEP_ALIVE_S = 75


@dataclass(frozen=True, slots=True)
class Running:
    address: str
    background: Background
    web: FastAPI


@asynccontextmanager
async def app(settings: GatewaySettings) -> AsyncIterator[Running]:
    """The gateway, for as long as the block runs."""
    common = settings.common
    web = routes()
    async with (
        services(settings) as behind,
        bus(common.nats_url, "gateway", at_once=True) as log,
        redis.asyncio.from_url(
            common.redis_url,
            decode_responses=True,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
        ) as store,
        background() as tasks,
    ):
        web.state.settings = settings
        web.state.tokens = Tokens(settings.jwt_key.get_secret_value())
        web.state.services = behind
        web.state.pushes = Pushes(behind)
        web.state.lookups = Lookups(behind)
        web.state.readiness = operation.Readiness(behind.addresses)
        web.state.redis = store
        web.state.hub = Hub()
        web.state.readings = Readings()
        web.state.live = Live(web.state.hub, web.state.readings, log, behind.twin)
        web.state.seats = Seats(per_caller=settings.live_per_caller, overall=settings.live_overall)
        web.state.callers_limit = RateLimit(settings.requests_per_s, burst=2 * settings.requests_per_s)
        web.state.sign_in_limit = RateLimit(settings.sign_ins_per_s, burst=4 * settings.sign_ins_per_s)
        web.state.webhooks_limit = RateLimit(settings.webhooks_per_s, burst=4 * settings.webhooks_per_s)
        web.state.intake = Intake(settings.max_bodies_bytes, within_s=settings.body_within_s)
        web.state.map = RegionMap(settings.map)
        web.state.wecom_keys = _wecom_keys(settings)
        if code := settings.one_time_code.get_secret_value():
            tasks.spawn(sign_in.offer_first_code(store, code, settings.one_time_user), name="first code")
        if settings.console is not None:
            web.router.default = Console(settings.console)
        tasks.spawn(web.state.hub.run(log), name="live")
        tasks.spawn(web.state.readings.run(log), name="readings")
        async with _listening(web, settings, tasks) as address:
            yield Running(address, tasks, web)


def _wecom_keys(settings: GatewaySettings) -> CallbackKeys | None:
    if not settings.wecom_corp_id:
        return None
    return CallbackKeys.read(
        token=settings.wecom_token.get_secret_value(),
        encoding_aes_key=settings.wecom_aes_key.get_secret_value(),
        receive_id=settings.wecom_corp_id,
    )


class _Server(uvicorn.Server):
    """Signals belong to the process, not to the server in it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _listening(web: FastAPI, settings: GatewaySettings, tasks: Background) -> AsyncIterator[str]:
    """Serves the app; yields its address when it answers."""
    listener = socket.create_server((settings.host, settings.port), backlog=512)
    # Or each answer waits 40 ms for an acknowledgement: asyncio does not see that this is TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        Traced(TwinDoor(web, RecordDoor(web))),
        http=bounded_http(settings.head_within_s, read_within_s=settings.read_within_s),
        ws=bounded_socket(settings.read_within_s),
        loop="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_GRACE_S,
        ws_max_size=MAX_LIVE_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a hundred clients would each have every delta compressed anew
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]), name="http")
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    tasks.spawn(_served(server, serving), name="door")
    try:
        yield f"{settings.host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def _served(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """A gateway that does not listen any more must not look alive."""
    await asyncio.shield(serving)
    if not server.should_exit:
        raise Unavailable("the HTTP server has stopped")
