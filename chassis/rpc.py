"""gRPC with deadlines, health, traces and the five errors.

client                                server
connect(address, Stub)                serve([(add_to_server, servicer)])
  deadline, traceparent   ──────▶       continues the trace, maps errors to codes
  raises chassis.errors   ◀──────       error as JSON in trailing metadata
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from opentelemetry.trace import SpanKind

from chassis.errors import KINDS, ChassisError, Conflict, Denied, Invalid, NotFound, Problem, Unavailable
from chassis.telemetry import carry, span, where

log = structlog.get_logger()
StubT = TypeVar("StubT")

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
MAX_ERROR_BYTES = 2 * 1024 * 1024
MAX_FAULTS_LENGTH = 500_000
"""Characters of the faults of one error; those behind are left out."""
MAX_WORDS = 1000
DETAIL_KEY = "marketwin-error-bin"
TRACE_HEADERS = {"traceparent", "tracestate", "baggage"}
DEFAULT_DEADLINE_S = 10.0
GRACE_S = 3.0

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # By default a call fails whose error has more than some forty faults.
    ("grpc.max_metadata_size", MAX_ERROR_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_ERROR_BYTES),
    ("grpc.so_reuseport", 0),
    # By default a channel waits up to two minutes before it tries a service that was away again.
    ("grpc.max_reconnect_backoff_ms", 2000),
]
_CODES: dict[type[ChassisError], grpc.StatusCode] = {
    NotFound: grpc.StatusCode.NOT_FOUND,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    Denied: grpc.StatusCode.PERMISSION_DENIED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}


class _Edge:
    """Where servicers are added to a server: each of their methods is guarded once.

    An interceptor would be asked at each call, and that costs more than what it does.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """The same methods come by their names, too."""

    def add_registered_method_handlers(
        self, service: str, methods: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        guarded = {name: _guarded(f"/{service}/{name}", method) for name, method in methods.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))
        self._server.add_registered_method_handlers(service, guarded)


def _guarded(name: str, method: Any) -> Any:
    inner = method.unary_unary

    async def at_the_edge(request: Any, context: Any) -> Any:
        headers = {key: value for key, value in context.invocation_metadata() or () if key in TRACE_HEADERS}
        try:
            with span(name, headers=headers, kind=SpanKind.SERVER):
                return await inner(request, context)
        except ChassisError as error:
            await _abort(context, error)
        except Exception as error:
            log.error("rpc.failed", method=name, error=type(error).__name__, where=where(error))
            await context.abort(grpc.StatusCode.INTERNAL, "the service failed; its log says where")

    return grpc.unary_unary_rpc_method_handler(
        at_the_edge,
        request_deserializer=method.request_deserializer,
        response_serializer=method.response_serializer,
    )


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: ChassisError) -> None:
    code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
    await context.abort(code, error.message, ((DETAIL_KEY, error_text(error).encode()),))


def error_text(error: ChassisError) -> str:
    """An error as it travels between processes."""
    return json.dumps(error.as_dict() | {"type": _kind_name(error), "errors": _first_faults(error)})


def _first_faults(error: ChassisError) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    left = MAX_FAULTS_LENGTH
    for each in map(_short, error.errors):
        left -= len(each.pointer) + len(each.rule) + len(each.message) + 40
        if left < 0:
            break
        found.append({"pointer": each.pointer, "rule": each.rule, "message": each.message})
    return found


def _short(problem: Problem) -> Problem:
    """A pointer that is too long points to what the place lies in; a message may name the place, too."""
    pointer = problem.pointer
    if len(pointer) > MAX_WORDS:
        pointer = pointer[:MAX_WORDS].rpartition("/")[0]
    return replace(problem, pointer=pointer, message=problem.message[:MAX_WORDS])


def error_of(text: str | bytes) -> ChassisError:
    """The error that travelled as this text."""
    detail = json.loads(text)
    return KINDS[detail["type"]](
        detail["message"],
        code=detail["code"],
        errors=[Problem(**problem) for problem in detail["errors"]],
        retry_after_s=detail["retry_after_s"],
    )


def _kind_name(error: ChassisError) -> str:
    return next(name for name, kind in KINDS.items() if isinstance(error, kind))


@asynccontextmanager
async def serve(
    servicers: Sequence[tuple[Callable[[Any, grpc.aio.Server], None], object]], *, host: str, port: int
) -> AsyncIterator[str]:
    """Runs a gRPC server with health; yields its `host:port`. Leaving reports not-serving, then stops with grace."""
    server = grpc.aio.server(options=_OPTIONS)
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for add, servicer in servicers:
        add(servicer, cast(grpc.aio.Server, _Edge(server)))
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    try:
        yield f"{host}:{bound}"
    finally:
        await health.enter_graceful_shutdown()
        await server.stop(GRACE_S)


class _Calls:
    """A channel whose calls have a deadline, carry the trace and raise our errors; an interceptor makes three tasks of
    each call."""

    def __init__(self, channel: grpc.aio.Channel, deadline_s: float) -> None:
        self._channel = channel
        self._deadline_s = deadline_s

    def unary_unary(self, name: str, **how: Any) -> Callable[..., Awaitable[Any]]:
        method: Any = self._channel.unary_unary(name, **how)

        async def call(request: Any, *, timeout: float | None = None) -> Any:
            try:
                return await method(request, timeout=timeout or self._deadline_s, metadata=tuple(carry().items()))
            except grpc.aio.AioRpcError as error:
                raise as_chassis_error(error) from None

        return call


def as_chassis_error(error: grpc.aio.AioRpcError) -> ChassisError:
    """The error the service raised; what the network did is `Unavailable`."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAIL_KEY:
            return error_of(value)
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Invalid("the message is too large for one call", code="too_large")
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable("the service did not answer in time", code="deadline_exceeded", retry_after_s=1)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return Unavailable("the service cannot be reached", retry_after_s=1)
    return Unavailable("the service failed", code="internal")


@asynccontextmanager
async def connect(
    address: str, stub: Callable[[grpc.aio.Channel], StubT], *, deadline_s: float = DEFAULT_DEADLINE_S
) -> AsyncIterator[StubT]:
    """A stub whose calls have a deadline, carry the trace and raise the errors of `chassis.errors`."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        yield stub(cast(grpc.aio.Channel, _Calls(channel, deadline_s)))


async def is_serving(address: str, *, timeout_s: float = 1.0) -> bool:
    """Whether the server at the address answers the health protocol with SERVING."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
