"""Traces and logs: one trace id across HTTP, gRPC and NATS; logs as JSON lines."""

from __future__ import annotations

import contextvars
import json
import logging
import random
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from chassis.settings import CommonSettings

SLOW_NS = 1_000_000_000
MAX_FILE_BYTES = 32 * 1024 * 1024

_tracer = trace.get_tracer("marketwin")
_UNSET = Status(StatusCode.UNSET)
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


class _KeepSome(Sampler):
    """Records every span, and marks those as sampled whose trace id falls in the ratio.

    Recording all keeps the choice open until the span ends: errors and slow ones are exported even outside the ratio.
    """

    def __init__(self, ratio: float) -> None:
        self._bound = int(ratio * (1 << 64))

    def should_sample(  # noqa: PLR0917  # the interface of OpenTelemetry
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002
        kind: SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,  # noqa: ARG002
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        sampled = parent.trace_flags.sampled if parent.is_valid else (trace_id & ((1 << 64) - 1)) < self._bound
        decision = Decision.RECORD_AND_SAMPLE if sampled else Decision.RECORD_ONLY
        return SamplingResult(decision, attributes, trace_state)

    def get_description(self) -> str:
        return "keep a ratio, errors and slow spans"


class _Selective(SpanProcessor):
    """Passes on spans that are sampled, failed or slow."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._queue = BatchSpanProcessor(exporter, schedule_delay_millis=500)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._queue.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is None:
            return
        slow = (span.end_time or 0) - (span.start_time or 0) > SLOW_NS
        failed = span.status.status_code is StatusCode.ERROR
        if context.trace_flags.sampled:
            self._queue.on_end(span)
        elif slow or failed:
            self._queue.on_end(_as_sampled(span, context))

    def shutdown(self) -> None:
        self._queue.shutdown()  # type: ignore[no-untyped-call]  # as published

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._queue.force_flush(timeout_millis)


def _as_sampled(span: ReadableSpan, context: trace.SpanContext) -> ReadableSpan:
    kept = trace.SpanContext(
        context.trace_id, context.span_id, context.is_remote, trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )
    return ReadableSpan(
        name=span.name,
        context=kept,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class _Ids(RandomIdGenerator):
    """Gives the next trace the id that was drawn for it, to decide beforehand whether it is recorded."""

    def __init__(self) -> None:
        self._drawn = threading.local()

    def give(self, trace_id: int) -> None:
        """Of this thread, the next trace that begins has this id."""
        self._drawn.trace_id = trace_id

    def generate_trace_id(self) -> int:
        drawn, self._drawn.trace_id = getattr(self._drawn, "trace_id", 0), 0
        return drawn or super().generate_trace_id()


class _Passing(trace.NonRecordingSpan):
    """A span outside the ratio: its ids, and what is said of it, for the case that it fails or is slow.

    Nearly all spans are like this, and one of the library costs several times as much.
    """

    def __init__(self, name: str, kind: SpanKind, parent: trace.SpanContext, trace_id: int, attributes: Attributes):
        span_id, state = random.getrandbits(64) or 1, parent.trace_state
        super().__init__(trace.SpanContext(trace_id, span_id, is_remote=False, trace_state=state))
        self._name, self._kind, self._parent = name, kind, parent
        self._attributes = dict(attributes or {})
        self._status = _UNSET
        self._began_ns = time.time_ns()

    def update_name(self, name: str) -> None:
        self._name = name

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self._attributes[key] = value

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        self._status = status if isinstance(status, Status) else Status(status, description)

    def end(self, end_time: int | None = None) -> None:
        ended_ns = end_time or time.time_ns()
        is_slow = ended_ns - self._began_ns > SLOW_NS
        if _late is not None and (is_slow or self._status.status_code is StatusCode.ERROR):
            here = self.get_span_context()
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            span = ReadableSpan(
                name=self._name,
                context=trace.SpanContext(here.trace_id, here.span_id, is_remote=False, trace_flags=flags),
                parent=self._parent if self._parent.is_valid else None,
                resource=_late.resource,
                attributes=self._attributes,
                kind=self._kind,
                status=self._status,
                start_time=self._began_ns,
                end_time=ended_ns,
            )
            _late.spans.on_end(span)


@dataclass(frozen=True, slots=True)
class _Late:
    """Where spans go that were not to be recorded and then failed, or were slow."""

    spans: SpanProcessor
    resource: Resource
    ids: _Ids
    bound: int
    """Traces with a lower half of their id below it are recorded from their start."""


_late: _Late | None = None


def _passing(name: str, kind: SpanKind, parent: Context | None, attributes: Attributes) -> _Passing | None:
    """A span that is not recorded; None where it is one of those that are."""
    if _late is None:
        return None
    above = trace.get_current_span(parent).get_span_context()
    told_id, _, _, flags, _, is_told = above
    if is_told:
        return None if flags.sampled else _Passing(name, kind, above, told_id, attributes)
    trace_id = random.getrandbits(128) or 1
    if trace_id & ((1 << 64) - 1) < _late.bound:
        _late.ids.give(trace_id)
        return None
    return _Passing(name, kind, above, trace_id, attributes)


class FileExporter(SpanExporter):
    """Writes spans as JSON lines into one file per process, two generations of 32 MiB at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(_span_line(span) for span in spans)
        with self._lock:
            if self._path.exists() and self._path.stat().st_size > MAX_FILE_BYTES:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
        return SpanExportResult.SUCCESS


def _span_line(span: ReadableSpan) -> str:
    context = span.get_span_context()
    line = {
        "name": span.name,
        "service": span.resource.attributes.get("service.name"),
        "trace_id": trace.format_trace_id(context.trace_id) if context else None,
        "span_id": trace.format_span_id(context.span_id) if context else None,
        "parent_id": trace.format_span_id(span.parent.span_id) if span.parent else None,
        "start_ns": span.start_time,
        "duration_ns": (span.end_time or 0) - (span.start_time or 0),
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes or {}),
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


@contextmanager
def telemetry(service: str, common: CommonSettings) -> Iterator[None]:
    """Sets up logs and traces of this process; flushes them on leaving."""
    global _late  # noqa: PLW0603  # one process, one provider: OpenTelemetry keeps its own in the same way
    configure_logs(service, common.log_level)
    resource = Resource.create({"service.name": service, "deployment.environment": common.environment})
    sampler = _KeepSome(common.trace_ratio) if common.trace_ratio < 1 else ALWAYS_ON
    ids, spans = _Ids(), _Selective(_exporter(service, common))
    provider = TracerProvider(sampler=sampler, resource=resource, id_generator=ids)
    provider.add_span_processor(spans)
    trace.set_tracer_provider(provider)
    _late = _Late(spans, resource, ids, int(common.trace_ratio * (1 << 64)))
    try:
        yield
    finally:
        _late = None
        provider.shutdown()


def _exporter(service: str, common: CommonSettings) -> SpanExporter:
    if not common.otlp_endpoint:
        return FileExporter(common.data / "telemetry" / f"{service}.jsonl")
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=common.otlp_endpoint)


def configure_logs(service: str, level: str = "info") -> None:
    """JSON lines on stdout: `event`, `service`, `level`, `at`, `trace_id`, and the fields chosen by the caller."""

    def add_context(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        if current := trace_id():
            event["trace_id"] = current
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            add_context,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")


def where(error: BaseException) -> list[str]:
    """The frames of an error as `file:line function`, without its text, which may quote a record."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-12:]]


def trace_id() -> str:
    """The current trace id as 32 hex digits, or an empty string."""
    here = trace.get_current_span().get_span_context()
    return trace.format_trace_id(here.trace_id) if here.is_valid else ""


def carry() -> dict[str, str]:
    """The current trace as headers (`traceparent`) for whoever hears next."""
    return carried_by(trace.get_current_span())


def carried_by(current: trace.Span) -> dict[str, str]:
    """The trace of a span, likewise."""
    trace_id, span_id, _, flags, state, is_valid = current.get_span_context()
    if not is_valid:
        return {}
    if state:
        headers: dict[str, str] = {}
        propagate.inject(headers, trace.set_span_in_context(current))
        return headers
    return {"traceparent": f"00-{trace_id.to_bytes(16).hex()}-{span_id.to_bytes(8).hex()}-{flags:02x}"}


def _told(headers: Mapping[str, str]) -> Context:
    """The trace that headers carry. The propagators read whatever there is; nearly always it is a plain traceparent."""
    if not headers:
        return Context()
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if found is None or "tracestate" in headers or "baggage" in headers:
        return propagate.extract(dict(headers))
    flags = trace.TraceFlags(int(found[3], 16))
    parent = trace.SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def within(traceparent: str) -> contextvars.Context:
    """A context in which all goes on in the trace that was told, without a span of its own."""
    made = contextvars.copy_context()
    made.run(context.attach, _told({"traceparent": traceparent}))
    return made


def told_trace_id(traceparent: str) -> str:
    """The trace id that is told; who is told many needs no context to know it."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return within(traceparent).run(trace_id) if found is None else found[1]


def span(
    name: str,
    *,
    headers: Mapping[str, str] | None = None,
    links: Sequence[Mapping[str, str]] = (),
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int | float | bool,
) -> AbstractContextManager[trace.Span]:
    """A span; with `headers` it continues the trace they carry, or begins one when they carry none.

    `links` are the headers of other traces that it belongs to; it continues the first of them that is recorded, or that
    one would end there. An exception marks it failed by its type.
    """
    parent = _told(headers) if headers is not None else None
    passing = _passing(name, kind, parent, attributes) if not links else None
    if passing is not None:
        return _Current(passing)
    told = [_told(each) for each in links]
    contexts = [trace.get_current_span(each).get_span_context() for each in told]
    parent = next((each for each, at in zip(told, contexts, strict=True) if at.trace_flags.sampled), parent)
    return _Current(
        _tracer.start_span(
            name,
            context=parent,
            kind=kind,
            links=[trace.Link(each) for each in contexts if each.is_valid],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
    )


class _Current(AbstractContextManager[trace.Span]):
    """A span for as long as a block runs. No generator: each call and each message is one."""

    __slots__ = ("_span", "_token")

    def __init__(self, begun: trace.Span) -> None:
        self._span = begun

    def __enter__(self) -> trace.Span:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            # The text of an exception may quote a record; its type cannot.
            self._span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        context.detach(self._token)
        self._span.end()
