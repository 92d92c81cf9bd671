"""Every refusal is a problem with a pointer, and repeats nothing that was sent."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest

from chassis.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from chassis.testing import eventually
from gateway.problems import chassis_response, status_of
from tests.gateway.house import Door, House, door
from tests.gateway.problem import pointers_of, problem_of

SECRET = "13800138000"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("x"), 404),
        (Invalid("x"), 400),
        (Invalid("x", code="too_large"), 413),
        (Invalid("x", code="unsupported_type"), 415),
        (Invalid("x", code="request_timeout"), 408),
        (Conflict("x"), 409),
        (Conflict("x", code="precondition_failed"), 412),
        (Conflict("x", code="precondition_required"), 428),
        (Denied("x"), 403),
        (Denied("x", code="unauthenticated"), 401),
        (Unavailable("x"), 503),
        (Unavailable("x", code="too_many_requests"), 429),
        (Unavailable("x", code="internal"), 500),
    ],
)
def test_each_error_of_the_house_has_its_status(error, status: int):
    assert status_of(error) == status


@pytest.mark.parametrize(("wait_s", "told"), [(None, "1"), (0.01, "1"), (1.2, "2"), (30, "30")])
def test_who_must_wait_is_told_how_long_in_whole_seconds(wait_s: float | None, told: str):
    response = chassis_response(Unavailable("later", retry_after_s=wait_s))

    assert response.headers["retry-after"] == told


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/twins/", f"/api/v1/{SECRET}", "/nothing", "/api/"])
async def test_an_unknown_path_is_not_found(api: httpx.AsyncClient, path: str):
    problem_of(await api.get(path), 404, "not_found", hides=SECRET)


@pytest.mark.parametrize(
    ("method", "path", "pointer"),
    [
        ("GET", "/api/v1/records/commercial_order?order_no=7", "/query/order_no"),
        ("GET", "/api/v1/records/commercial_order?limit=1&Limit=2", "/query/Limit"),
        ("POST", "/api/v1/records/commercial_order?sorce=till", "/query/sorce"),
        ("GET", "/api/v1/kinds?x=1", "/query/x"),
        ("GET", f"/api/v1/kinds?{SECRET}=1", "/query"),
    ],
)
async def test_a_parameter_that_the_path_does_not_have_is_refused(
    api: httpx.AsyncClient, method: str, path: str, pointer: str
):
    answer = await api.request(method, path, json=[] if method == "POST" else None)

    problem = problem_of(answer, 400, "invalid_parameter", hides=SECRET)
    assert pointers_of(problem) == [pointer]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/orders", {"GET"}),
        ("GET", "/api/v1/oauth/token", {"POST"}),
        ("POST", "/api/v1/twins/sku:x", {"GET", "PUT", "PATCH", "DELETE"}),
        ("OPTIONS", "/api/v1/map/regions", {"GET"}),
    ],
)
async def test_a_path_that_does_not_take_the_method_says_which_it_takes(
    api: httpx.AsyncClient, method: str, path: str, allowed: set[str]
):
    response = await api.request(method, path)

    problem_of(response, 405, "method_not_allowed")
    told = {each.strip() for each in response.headers["allow"].split(",")}
    assert told
    assert told <= allowed


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/orders?limit=0", "/query/limit"),
        ("/orders?limit=" + SECRET, "/query/limit"),
        ("/orders?from=" + SECRET, "/query/from"),
        ("/orders?format=" + SECRET, "/query/format"),
        ("/orders?retailer=" + SECRET * 10, "/query/retailer"),
        ("/twins/sku:x?revision=0", "/query/revision"),
        ("/twins/sku:x?revision=99999999999999999999", "/query/revision"),
        ("/twins/sku:x/history?cursor=" + SECRET + "x", "/query/cursor"),
        ("/quarantine?state=" + SECRET, "/query/state"),
        ("/map/regions?measure=" + SECRET, "/query/measure"),
        ("/forecasts/demand?horizon=53", "/query/horizon"),
        ("/profiles?is_key=" + SECRET, "/query/is_key"),
    ],
)
async def test_a_parameter_that_is_not_valid_is_pointed_at_and_not_repeated(
    api: httpx.AsyncClient, path: str, pointer: str
):
    response = await api.get("/api/v1" + path)

    problem = problem_of(response, 422, "invalid_parameter", hides=SECRET)
    assert pointers_of(problem) == [pointer]
    assert problem["errors"][0]["rule"]
    assert problem["errors"][0]["message"]


async def test_a_range_of_dates_that_is_empty_is_pointed_at(api: httpx.AsyncClient):
    response = await api.get("/api/v1/orders", params={"from": "2026-02-01", "to": "2026-01-01"})

    assert pointers_of(problem_of(response, 400, "invalid")) == ["/query/from"]


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("PUT", "/profiles/R1/key-flag", {"is_key": SECRET}, "/is_key"),
        ("PUT", "/profiles/R1/key-flag", {"is_key": True, "reason": SECRET * 100}, "/reason"),
        ("PUT", "/profiles/R1/key-flag", {"is_key": True, "a/b~c": SECRET}, "/a~1b~0c"),
        ("POST", "/recommendations/x/feedback", {}, "/event"),
        ("POST", "/recommendations/x/feedback", {"event": 7}, "/event"),
        ("POST", "/oauth/one-time-codes", {"user_id": f"a b{SECRET}", "roles": ["admin"]}, "/user_id"),
        ("POST", "/oauth/one-time-codes", {"user_id": "a", "roles": []}, "/roles"),
    ],
)
async def test_a_field_of_a_body_that_is_not_valid_is_pointed_at_and_not_repeated(
    api: httpx.AsyncClient, method: str, path: str, body: object, pointer: str
):
    response = await api.request(method, "/api/v1" + path, json=body)

    assert pointers_of(problem_of(response, 422, "invalid_parameter", hides=SECRET)) == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer", "rule"),
    [
        (b"", "", "malformed_json"),
        (b"{", "", "malformed_json"),
        (b'{"is_key": }', "", "malformed_json"),
        (b"\xff\xfe\xff", "", "malformed_json"),
        (b"[" * 100_000, "", "too_deep"),
        (b'{"a": NaN}', "", "malformed_json"),
        (b'{"a": [1e999]}', "/a/0", "out_of_range"),
        (b'{"reason": "\\ud800"}', "/reason", "half_character"),
    ],
    ids=["empty", "cut", "no value", "no text", "deep", "NaN", "infinite", "half a character"],
)
async def test_a_body_that_is_not_json_is_refused(api: httpx.AsyncClient, body: bytes, pointer: str, rule: str):
    headers = {"content-type": "application/json"}

    response = await api.put("/api/v1/profiles/R1/key-flag", content=body, headers=headers)

    (fault,) = problem_of(response, 400, "invalid")["errors"]
    assert (fault["pointer"], fault["rule"]) == (pointer, rule)


@pytest.mark.parametrize("path", ["/profiles/R1/key-flag", "/twins/sku:x"])
async def test_a_body_that_holds_a_nul_or_is_no_object_is_refused(api: httpx.AsyncClient, path: str):
    headers = {"content-type": "application/json", "if-match": "*"}

    nul = await api.put("/api/v1" + path, content=b'{"a": {"b": ["x\\u0000y"]}}', headers=headers)
    backslash = await api.put("/api/v1" + path, content=b'{"a": "x\\\\u0000y"}', headers=headers)
    listed = await api.put("/api/v1" + path, content=b"[]", headers=headers)

    assert problem_of(nul, 400, "invalid")["errors"][0] | {"message": ""} == {
        "pointer": "/a/b/0",
        "rule": "nul",
        "message": "",
    }
    assert backslash.json()["errors"][0]["rule"] != "nul"
    assert problem_of(listed, 400, "invalid")["errors"][0]["rule"] == "wrong_type"


@pytest.mark.parametrize("path", ["/api/v1/twins/sku:a%00b", "/api/v1/orders?retailer=a%00b", "/%00"])
async def test_an_address_that_holds_a_nul_is_refused(api: httpx.AsyncClient, path: str):
    problem_of(await api.get(path), 400, "invalid")


@pytest.mark.parametrize("media", ["image/png", "text/plain", ""])
async def test_a_content_type_that_is_not_taken_is_named_in_the_pointer(api: httpx.AsyncClient, media: str):
    headers = {"content-type": media, "if-match": "*"}

    records = await api.post("/api/v1/records/sku", content=b"x", headers={"content-type": media or "x/y"})
    twin = await api.put("/api/v1/twins/sku:x", content=b"{}", headers=headers)
    flag = await api.put("/api/v1/profiles/R1/key-flag", content=b"{}", headers=headers)

    problem_of(records, 415, "unsupported_type")
    assert pointers_of(problem_of(twin, 415, "unsupported_type")) == ["/header/content-type"]
    assert pointers_of(problem_of(flag, 415, "unsupported_type")) == ["/header/content-type"]


async def test_a_compressed_body_is_not_read(api: httpx.AsyncClient):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}

    response = await api.post("/api/v1/records/sku", content=b"\x1f\x8b", headers=headers)

    assert pointers_of(problem_of(response, 415, "unsupported_type")) == ["/header/content-encoding"]


async def _parts(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MIB):
        yield b" " * MIB


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_of_50_mb_is_refused_without_holding_it(door: Door, api: httpx.AsyncClient, is_announced: bool):
    headers = {"content-type": "application/json", **({"content-length": str(50 * MIB)} if is_announced else {})}
    gc.collect()
    tracemalloc.start()
    try:
        response = await api.post("/api/v1/records/sku", content=_parts(50 * MIB), headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    problem = problem_of(response, 413, "too_large")
    assert problem["errors"][0]["rule"] == "too_large"
    assert peak < 2 * door.settings.max_body_bytes
    assert door_intake(door) == 0


async def _holds(door: Door, size: int) -> bool:
    return door_intake(door) >= size


def door_intake(door: Door) -> int:
    """Bytes of bodies that the gateway still counts as held."""
    return int(door.web.state.intake.held)


@pytest.mark.parametrize("path", ["/profiles/R1/key-flag", "/twins/sku:x", "/oauth/token"])
async def test_small_bodies_have_a_small_limit(api: httpx.AsyncClient, path: str):
    method = "POST" if "oauth" in path else "PUT"
    headers = {"content-type": "application/json", "if-match": "*"}

    response = await api.request(method, "/api/v1" + path, content=_parts(2 * MIB), headers=headers)

    problem_of(response, 413, "too_large")


@pytest.mark.parametrize("path", ["/profiles/R1/key-flag", "/twins/sku:x", "/oauth/one-time-codes"])
async def test_who_is_not_signed_in_is_refused_before_the_body_is_read(door: Door, path: str):
    host, port = door.url.removeprefix("http://").split(":")
    method = "POST" if "oauth" in path else "PUT"
    head = f"{method} /api/v1{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))

    writer.write(f"{head}content-length: 1000000000\r\n\r\n".encode() + b'{"')
    answer = await asyncio.wait_for(reader.readline(), 5)

    assert b" 401 " in answer
    writer.close()
    await writer.wait_closed()


async def test_when_too_many_large_bodies_come_at_once_one_is_asked_to_come_again(whole: House):
    async with door(whole.common, max_bodies_bytes=3 * MIB, **whole.addresses) as small:
        client = await small.client("admin")
        first_part_sent, may_go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b" " * 2 * MIB
            first_part_sent.set()
            await may_go_on.wait()
            yield b"[]"

        headers = {"content-type": "application/json"}
        holding = asyncio.create_task(client.post("/api/v1/records/sku", content=slow(), headers=headers))
        await first_part_sent.wait()
        await eventually(lambda: _holds(small, 2 * MIB))

        refused = await client.post("/api/v1/records/sku", content=b" " * 2 * MIB, headers=headers)
        may_go_on.set()
        await holding

        problem_of(refused, 503, "unavailable")
        assert refused.headers["retry-after"] == "1"
        assert door_intake(small) == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orders"),
        ("GET", "/orders?format=csv"),
        ("POST", "/records/sku"),
        ("GET", "/twins"),
        ("GET", "/profiles"),
        ("GET", "/map/regions"),
        ("GET", "/recommendations"),
        ("GET", "/summary"),
    ],
)
async def test_a_service_that_cannot_be_reached_is_said_to_come_again(whole: House, method: str, path: str):
    async with door(whole.common) as alone:
        client = await alone.client("admin")

        response = await client.request(method, "/api/v1" + path)

        problem_of(response, 503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1


async def test_a_failure_nobody_foresaw_is_a_problem_without_its_text(
    whole: House, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    async with door(whole.common) as broken:

        async def fail() -> None:
            raise RuntimeError(f"about {SECRET}")

        broken.web.add_api_route("/api/v1/broken", fail)
        client = await broken.stranger()

        response = await client.get("/api/v1/broken")

    problem_of(response, 500, "internal", hides=SECRET)
    out, err = capfd.readouterr()
    assert "http.failed" in out
    assert SECRET not in out + err
