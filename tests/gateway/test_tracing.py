"""One trace id from the caller through gateway and service to the problem that he is told."""

from __future__ import annotations

import re
import secrets
import uuid

import httpx
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.gateway.house import Door
from tests.gateway.tracing import trace_of


def _traceparent() -> tuple[str, str]:
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-01"


def _names(spans: InMemorySpanExporter, trace_id: str) -> list[str]:
    return [span.name for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]


async def test_a_trace_goes_on_through_gateway_and_service_and_back(
    api: httpx.AsyncClient, spans: InMemorySpanExporter
):
    trace_id, traceparent = _traceparent()
    address = f"/api/v1/twins/sku:{uuid.uuid4().hex}"
    headers = {"traceparent": traceparent, "if-none-match": "*"}

    response = await api.put(address, json={"model": "sku", "properties": {}}, headers=headers)

    names = _names(spans, trace_id)
    assert response.json()["trace_id"] == trace_id
    assert trace_of(response.headers["traceparent"]) == trace_id
    assert any(re.fullmatch(r"PUT .*/twins/\{twin_id\}", name) for name in names)
    assert "/marketwin.twin.v1.TwinService/PutTwin" in names


async def test_a_problem_carries_the_caller_s_trace(api: httpx.AsyncClient, spans: InMemorySpanExporter):
    trace_id, traceparent = _traceparent()

    response = await api.get("/api/v1/twins/sku:none", headers={"traceparent": traceparent})

    assert response.json()["trace_id"] == trace_id
    assert "/marketwin.twin.v1.TwinService/ReadTwins" in _names(spans, trace_id)


async def test_without_a_trace_of_the_caller_each_request_begins_one(api: httpx.AsyncClient):
    bad = {"traceparent": "00-zz-zz-01"}

    seen = [trace_of((await api.get("/healthz", headers=headers)).headers["traceparent"]) for headers in ({}, {}, bad)]

    assert len(set(seen)) == 3
    assert "0" * 32 not in seen


async def test_requests_of_one_connection_do_not_share_a_trace_after_a_large_body(door: Door):
    """A large body makes the server pause and go on reading from within the request: what follows on the same
    connection must not look like a part of it."""
    client = await door.client("admin")
    large = b" " * 4_000_000 + b"[]"

    first = await client.post("/api/v1/records/sku", content=large, headers={"content-type": "application/json"})
    later = [await client.get("/healthz") for _ in range(2)]

    traces = [trace_of(response.headers["traceparent"]) for response in (first, *later)]
    assert len(set(traces)) == 3


async def test_a_span_names_the_route_and_never_what_was_typed(api: httpx.AsyncClient, spans: InMemorySpanExporter):
    secret = "13800138000"
    trace_id, traceparent = _traceparent()

    for path in (f"/api/v1/profiles/{secret}", f"/api/v1/{secret}", f"/api/v1/orders?retailer={secret}&limit=1"):
        await api.get(path, headers={"traceparent": traceparent})

    told = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]
    assert any(re.fullmatch(r"GET .*/profiles/\{retailer\}", span.name) for span in told)
    assert "GET (none)" in [span.name for span in told]
    assert [text for text in (span.to_json() for span in told) if secret in text] == []
