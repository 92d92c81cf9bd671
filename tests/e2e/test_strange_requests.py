"""Requests made up from the contract, and made up against it: a clear answer to each, and never a server error.

It runs after the other tests of the whole stack: what it leaves behind disturbs nobody.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from tests.e2e.conftest import Stack
from tests.fuzz.bodies import examples

CONTRACT = Path(__file__).parents[2] / "gateway" / "openapi.json"
PROBLEM = "application/problem+json"
schema = schemathesis.openapi.from_path(CONTRACT)
TOO_DEAR = "/forecasts/trainings"
"""A training takes minutes of both cores; its refusals are tested with the forecasts."""
ENDLESS = "/live/events"
"""It is read until one has enough; its refusals are tested with the gateway."""


@pytest.fixture(scope="module")
def door(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {stack.token(user='stranger')}"}
    with httpx.Client(base_url=stack.gateway, headers=headers, timeout=30) as client:
        yield client


@schema.exclude(path_regex=TOO_DEAR, method="POST").exclude(path_regex=ENDLESS).parametrize()
@settings(
    max_examples=examples(8),
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
def test_whatever_the_contract_allows_is_answered_without_a_server_error(case: Any, door: httpx.Client, stack: Stack):
    sent = case.as_transport_kwargs(base_url=stack.gateway, headers=dict(door.headers))
    response = case.call(base_url=stack.gateway, headers=dict(door.headers), timeout=30)

    assert response.status_code < 500, (sent["url"], response.text)
    if response.status_code >= 400:
        assert response.headers["content-type"][0] == PROBLEM
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["detail"]


RECORDS = "/api/v1/records/pos_sale"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "image/png",
        "application/json; charset=klingon",
        "a" * 5000,
        ";;;",
    ],
)
@pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"PK\x03\x04" + bytes(60), b"PAR1PAR1"])
def test_nothing_is_accepted_from_a_body_that_is_not_what_its_type_says(
    door: httpx.Client, content_type: str, body: bytes
):
    response = door.post(RECORDS, content=body, headers={"content-type": content_type})

    assert response.status_code < 500, response.text
    if response.status_code == 202:
        assert response.json()["accepted"] == 0
    else:
        assert response.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    "head",
    [
        "content-length: 99999999999\r\n",
        "content-length: -1\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\n",
        "content-length: nothing\r\n",
    ],
)
def test_a_length_that_lies_is_refused_and_harms_nobody(stack: Stack, door: httpx.Client, head: str):
    address = urlsplit(stack.gateway)
    token = door.headers["Authorization"]
    request = (
        f"POST {RECORDS} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: {token}\r\n"
        f"content-type: application/json\r\n{head}\r\nzz\r\n[1]"
    )
    with socket.create_connection((str(address.hostname), int(address.port or 80)), timeout=20) as link:
        link.sendall(request.encode())
        link.shutdown(socket.SHUT_WR)
        answer = link.recv(65_536)

    assert not answer or b" 4" in answer.split(b"\r\n", 1)[0]
    assert door.get("/healthz").status_code == 200
