"""What the door in front of the framework says of a post of records is what the framework says."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.gateway.house import KEY, Door, House, door
from tests.gateway.scripted import scripted_ingest
from tests.gateway.tracing import trace_of

JSON = {"content-type": "application/json"}
GOOD = b'[{"sku_code": "D-1", "name_zh": "x"}]'
OWN = ("traceparent", "date", "content-length")
# The framework takes one of two and goes on; the door in front of it leaves such a request alone.
UNUSUAL = {"source": ["", ""]}


@pytest_asyncio.fixture(loop_scope="session")
async def small(whole: House) -> AsyncIterator[Door]:
    """A gateway that takes bodies of 2,000 bytes."""
    async with door(whole.common, **whole.addresses, max_body_bytes=2000) as opened:
        yield opened


async def _both(client: httpx.AsyncClient, path: str, **request: Any) -> list[httpx.Response]:
    return [await client.post(path, params=params, **request) for params in ({}, UNUSUAL)]


def _told(response: httpx.Response) -> tuple[object, ...]:
    said = response.json()
    said.pop("trace_id", None)
    return response.status_code, said, sorted((k, v) for k, v in response.headers.items() if k not in OWN)


@pytest.mark.parametrize(
    ("status", "path", "headers", "body"),
    [
        (202, "sku", JSON | {"idempotency-key": "again"}, GOOD),
        (404, "spaceship", JSON, GOOD),
        (404, "Sku", JSON, GOOD),
        (400, "sku", JSON, b"{"),
        (415, "sku", JSON | {"content-encoding": "gzip"}, gzip.compress(GOOD, mtime=0)),
        (415, "sku", {"content-type": "image/png"}, GOOD),
        (413, "sku", JSON, b" " * 2001),
        (422, "sku", JSON | {"idempotency-key": "k" * 201}, GOOD),
        (401, "sku", JSON | {"authorization": "Bearer none"}, GOOD),
        (401, "sku", JSON | {"authorization": ""}, GOOD),
    ],
)
async def test_the_door_and_the_framework_answer_the_same(
    small: Door, status: int, path: str, headers: dict[str, str], body: bytes
):
    client = await small.client("partner")
    await client.post(f"/api/v1/records/{path}", headers=headers, content=body)

    said = await _both(client, f"/api/v1/records/{path}", headers=headers, content=body)

    assert _told(said[0]) == _told(said[1])
    assert said[0].status_code == status


async def test_a_span_names_the_route_of_a_post_of_records(small: Door, spans: InMemorySpanExporter):
    client = await small.client("partner")
    trace_id = secrets.token_hex(16)
    headers = JSON | {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}

    response = await client.post("/api/v1/records/sku", headers=headers, content=GOOD)

    told = [span.name for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]
    assert trace_of(response.headers["traceparent"]) == trace_id
    assert "POST /api/v1/records/{kind}" in told
    assert "/marketwin.ingest.v1.IngestService/TakeIn" in told


async def test_a_gateway_that_finds_no_log_takes_records_all_the_same(whole: House):
    nowhere = whole.common.model_copy(update={"nats_url": "nats://127.0.0.1:9"})
    async with door(nowhere, **whole.addresses) as opened:
        client = await opened.client("partner")

        response = await client.post("/api/v1/records/sku", headers=JSON, content=GOOD)

    assert response.status_code == 202


async def test_who_may_not_write_records_hears_the_same_from_both(small: Door):
    said = await _both(await small.client("account_manager"), "/api/v1/records/sku", headers=JSON, content=GOOD)

    assert _told(said[0]) == _told(said[1])
    assert said[0].status_code == 403


async def test_a_source_in_the_address_is_told_to_ingest_by_the_door(whole: House):
    async with (
        scripted_ingest() as (service, address),
        door(whole.common, **{**whole.addresses, "ingest_address": address}) as opened,
    ):
        client = await opened.client("partner", user="erp")
        await client.post("/api/v1/records/pos_sale?source=till.1-a", headers=JSON, content=b"{}")
        await client.post("/api/v1/records/pos_sale?source=till%2E1-a", headers=JSON, content=b"{}")

    assert [(taken.kind, taken.source, taken.sent_by) for taken in service.taken] == [
        ("pos_sale", "till.1-a", "erp")
    ] * 2


async def test_a_long_receipt_is_compressed_for_who_takes_that(small: Door):
    client = await small.client("partner")
    headers = {"content-type": "application/x-ndjson", "accept-encoding": "gzip"}

    said = [
        await client.post("/api/v1/records/sku", params=params, headers=headers, content=_faulty(letter))
        for letter, params in (("f", {}), ("g", UNUSUAL))
    ]

    assert [response.headers.get("content-encoding") for response in said] == ["gzip", "gzip"]
    assert said[0].headers["vary"] == said[1].headers["vary"]
    assert len(said[0].json()["reasons"]) > 1


def _faulty(letter: str) -> bytes:
    return "\n".join(f'{{"{letter}{number:02d}": 1}}' for number in range(60)).encode()


async def test_a_failure_of_our_own_is_a_problem_without_its_text(whole: House, monkeypatch: pytest.MonkeyPatch):
    async with door(whole.common, **whole.addresses) as opened:
        monkeypatch.setattr(opened.web.state, "pushes", None)
        client = await opened.client("partner")
        said = await _both(client, "/api/v1/records/sku", headers=JSON, content=GOOD)

    assert _told(said[0]) == _told(said[1])
    assert said[0].status_code == 500
    assert KEY not in said[0].text
