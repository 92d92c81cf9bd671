"""Writes of twins that cannot be: told with a pointer, within bounds, and nothing is changed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.gateway.problem import pointers_of, problem_of

KEPT = {"price_class": 2, "length_mm": 84.5}
PATCH = "application/merge-patch+json"
CPU_S = 10.0
"""Of all six services together, with the checks of the answers against the contract."""


async def _created(api: httpx.AsyncClient) -> str:
    address = f"/api/v1/twins/sku:{uuid.uuid4().hex}"
    written = await api.put(address, json={"model": "sku", "properties": KEPT}, headers={"if-none-match": "*"})
    assert written.status_code == 201, written.text
    return address


async def _unchanged(api: httpx.AsyncClient, address: str) -> bool:
    now = await api.get(address)
    history = (await api.get(f"{address}/history")).json()["items"]
    return (now.headers["etag"], now.json()["properties"], len(history)) == ('"1"', KEPT, 1)


def _deep(levels: int, begin: str, end: str) -> str:
    return f'{{"properties": {{"name_zh": {begin * levels}1{end * levels}}}}}'


TEXTS = [
    (_deep(1000, "[", "]"), "/properties/name_zh", "too_deep"),
    (_deep(1000, '{"a":', "}"), "/properties/name_zh", "too_deep"),
    (_deep(70, "[", "]"), "/properties/name_zh", "too_deep"),
    (_deep(60, "[", "]"), "/properties/name_zh", "wrong_type"),
    ('{"properties": ' * 5000 + "1" + "}" * 5000, "", "too_deep"),
    ('{"properties": {"name_zh": "a\\u0000b"}}', "/properties/name_zh", "nul"),
    ('{"properties": {"a\\u0000b": "x"}}', "/properties", "nul"),
    ('{"relations": [{"name": "of_brand", "target": "brand:\\u0000"}]}', "/relations/0/target", "nul"),
    ('{"desired": {"name_zh": "\\ud800"}}', "/desired/name_zh", "half_character"),
    ('{"properties": {"\\udc00": "x"}}', "/properties", "half_character"),
    ('{"properties": {"length_mm": 1e400}}', "/properties/length_mm", "out_of_range"),
    ('{"properties": {"length_mm": -1e999}}', "/properties/length_mm", "out_of_range"),
    (f'{{"properties": {{"length_mm": {"9" * 400}}}}}', "/properties/length_mm", "out_of_range"),
    (f'{{"properties": {{"price_class": {"9" * 900_000}}}}}', "/properties/price_class", "out_of_range"),
    ('{"properties": {"price_class": 9223372036854775808}}', "/properties/price_class", "wrong_type"),
    ('{"properties": {"length_mm": NaN}}', "", "malformed_json"),
    ('{"properties": [1]}', "/properties", "wrong_type"),
    ('{"desired": 5}', "/desired", "wrong_type"),
    ('{"desired": 0}', "/desired", "wrong_type"),
    ('{"properties": ""}', "/properties", "wrong_type"),
    ('{"properties": false}', "/properties", "wrong_type"),
    ('{"relations": {}}', "/relations", "wrong_type"),
    ('{"relations": 0}', "/relations", "wrong_type"),
    ('{"relations": {"of_brand": "brand:1"}}', "/relations", "wrong_type"),
    ('{"relations": [{"name": "of_brand", "target": "brand:a b"}]}', "/relations/0", "wrong_type"),
    ('{"relations": [{"name": "of_brand", "target": "brand:1\\n"}]}', "/relations/0", "wrong_type"),
    ('{"model": 5}', "/model", None),
    ('{"model": {"a": 1}}', "/model", None),
    ('{"model": ["sku"]}', "/model", None),
    (json.dumps({"properties": {f"p{number}": 1 for number in range(50_000)}}), "/properties/p0", "unknown_property"),
    (json.dumps({"properties": {"x" * 900_000: 1}}), "/properties", "unknown_property"),
    (json.dumps({"x" * 900_000: 1}), "", "unknown_member"),
    (
        json.dumps({"relations": [{"name": "eats", "target": "brand:1"}] * 20_000}),
        "/relations/0/name",
        "unknown_relation",
    ),
]


@pytest.mark.parametrize(("text", "pointer", "rule"), TEXTS, ids=[f"{text[:40]}~{len(text)}" for text, _, _ in TEXTS])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_what_cannot_be_written_is_pointed_at_and_changes_nothing(
    api: httpx.AsyncClient, method: str, text: str, pointer: str, rule: str | None
):
    address = await _created(api)
    if method == "PUT" and '"model"' not in text:
        text = '{"model": "sku", ' + text[1:]
    begun = time.process_time()

    answer = await api.request(
        method, address, content=text, headers={"content-type": "application/json", "if-match": "*"}
    )

    assert time.process_time() - begun < CPU_S
    problem = problem_of(answer, 400, "invalid")
    first = problem["errors"][0]
    # What no parser goes down to is pointed at as a whole.
    assert first["pointer"] == pointer or (rule == "too_deep" and (first["pointer"] + "/").startswith((pointer, "/")))
    assert first["rule"] == rule or rule is None
    assert len(answer.content) < 2 * 1024 * 1024
    assert await _unchanged(api, address)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_patch_of_ten_megabytes_is_refused_before_it_is_there(api: httpx.AsyncClient, is_announced: bool):
    address = await _created(api)
    piece = b"x" * 65_536
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"properties": {"name_zh": "'
        for _ in range(160):
            sent += len(piece)
            yield piece
        yield b'"}}'

    content: Any = b"".join([each async for each in pieces()]) if is_announced else pieces()
    headers = {"content-type": PATCH, "if-match": "*"}

    answer = await api.patch(address, content=content, headers=headers)

    assert pointers_of(problem_of(answer, 413, "too_large")) == [""]
    assert await _unchanged(api, address)


IDS = [
    "sku:a%20b",
    "sku:a%0Ab",
    "sku:a%0A",
    "sku:%01",
    "sku:%7F",
    "sku:%ED%A0%80",
    "sku:%FF",
    "sku:" + "x" * 129,
    "sku:" + "x" * 6000,
    "sku:%C2%A0",
    "sku:",
    "sku",
    ":1",
    "SKU:1",
    "__proto__:1",
    "..:1",
]


@pytest.mark.parametrize("twin_id", IDS, ids=[each[:20] for each in IDS])
async def test_an_id_that_cannot_be_names_nobody_and_cannot_be_written(api: httpx.AsyncClient, twin_id: str):
    address = f"/api/v1/twins/{twin_id}"
    patch = {"content-type": PATCH, "if-match": "*"}

    put = await api.put(address, json={"model": "sku", "properties": {}}, headers={"if-none-match": "*"})
    others = [
        await api.patch(address, content=b'{"properties": {}}', headers=patch),
        await api.delete(address, headers={"if-match": "*"}),
        await api.get(address),
        await api.get(address, params={"revision": 1}),
        await api.get(address, params={"at": "2026-01-01T00:00:00Z"}),
        await api.get(f"{address}/history"),
    ]

    assert pointers_of(problem_of(put, 400, "invalid")) == ["/id"]
    for answer in others:
        problem_of(answer, 404, "twin_not_found")


async def test_an_id_of_a_model_that_there_is_not_is_refused(api: httpx.AsyncClient):
    body = {"model": "dragon", "properties": {}}

    put = await api.put("/api/v1/twins/dragon:1", json=body, headers={"if-none-match": "*"})
    other = await api.put("/api/v1/twins/dragon:1", json=body | {"model": "sku"}, headers={"if-none-match": "*"})

    assert pointers_of(problem_of(put, 400, "invalid")) == ["/model"]
    assert pointers_of(problem_of(other, 400, "invalid")) == ["/model"]


@pytest.mark.parametrize(
    "etag", ['"2"', '"0"', '"9223372036854775807"', '"9223372036854775808"', '"18446744073709551616"']
)
async def test_a_stale_or_impossible_etag_changes_nothing(api: httpx.AsyncClient, etag: str):
    address = await _created(api)

    answer = await api.patch(
        address, content=b'{"properties": {"price_class": 3}}', headers={"content-type": PATCH, "if-match": etag}
    )

    assert answer.status_code in (400, 412), answer.text
    problem_of(answer, answer.status_code, "precondition_failed" if answer.status_code == 412 else "invalid")
    assert await _unchanged(api, address)
