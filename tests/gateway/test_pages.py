"""What a browser gets: the console, the reference page, safe headers; and nothing that is not for the web."""

from __future__ import annotations

import re
import shutil

import httpx
import pytest
from playwright.async_api import async_playwright

from tests.gateway.house import Door, House, door
from tests.gateway.problem import problem_of

YEAR = "public, max-age=31536000, immutable"


async def _raw(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """A request whose path is sent as it is written."""
    url = client.base_url.copy_with(raw_path=path.encode())
    return await client.send(client.build_request("GET", url))


async def test_the_page_is_asked_for_each_time_and_hashed_files_are_kept(door: Door):
    browser = await door.stranger()

    page = await browser.get("/")
    script = await browser.get("/assets/index-abc123.js")
    known = await browser.get("/", headers={"if-none-match": page.headers["etag"]})

    assert page.text.startswith("<!doctype html>")
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["cache-control"] == YEAR
    assert "javascript" in script.headers["content-type"]
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/assets/..%5c..%5csecret.txt",
        "/assets/none.js",
        "/assets",
    ],
)
async def test_nothing_outside_the_console_is_served(door: Door, path: str):
    response = await _raw(await door.stranger(), path)

    problem_of(response, 404, "not_found", hides="not for the web")
    assert "location" not in response.headers


async def test_the_console_takes_no_writes_and_hides_no_method_of_the_api(door: Door):
    stranger = await door.stranger()

    posted = await stranger.post("/")
    unknown = await stranger.post("/api/v1/nothing")
    wrong = await stranger.get("/api/v1/oauth/token")

    problem_of(posted, 405, "method_not_allowed")
    problem_of(unknown, 404, "not_found")
    problem_of(wrong, 405, "method_not_allowed")


async def test_without_a_console_there_is_no_page(whole: House):
    async with door(whole.common) as bare:
        problem_of(await (await bare.stranger()).get("/"), 404, "not_found")


@pytest.mark.parametrize("path", ["/", "/assets/index-abc123.js", "/docs", "/healthz", "/api/v1/twins", "/nothing"])
async def test_every_answer_carries_safe_headers(door: Door, path: str):
    response = await (await door.stranger()).get(path)

    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-robots-tag"] == "noindex, nofollow"
    assert response.headers["cache-control"]
    assert "server" not in response.headers
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", response.headers["traceparent"])


async def test_answers_to_a_caller_are_not_kept_by_others(api: httpx.AsyncClient):
    response = await api.get("/api/v1/models")

    assert response.headers["cache-control"] == "private, no-cache"


async def test_large_answers_are_compressed_for_who_takes_that(api: httpx.AsyncClient):
    small = await api.get("/healthz", headers={"accept-encoding": "gzip"})
    large = await api.get("/api/v1/models", headers={"accept-encoding": "gzip"})
    plain = await api.get("/api/v1/models", headers={"accept-encoding": "identity"})

    assert "content-encoding" not in small.headers
    assert large.headers["content-encoding"] == "gzip"
    assert int(large.headers["content-length"]) < len(plain.content) == len(large.content)
    assert "accept-encoding" in large.headers["vary"].lower()
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/models", "/api/v1/twins/region:US-NV", "/api/v1/nothing"])
async def test_head_answers_like_get_without_a_body(api: httpx.AsyncClient, path: str):
    plain = {"accept-encoding": "identity"}

    got = await api.get(path, headers=plain)
    head = await api.request("HEAD", path, headers=plain)

    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("content-type", "content-length", "etag"):
        if name == "content-length" and got.status_code >= 400:
            continue
        assert head.headers.get(name) == got.headers.get(name)


async def test_another_site_may_not_read_answers(api: httpx.AsyncClient):
    origin = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}

    asked = await api.options("/api/v1/models", headers=origin)
    got = await api.get("/api/v1/models", headers=origin)

    assert asked.status_code == 405
    assert "access-control-allow-origin" not in {*asked.headers, *got.headers}
    assert got.headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_house_is_healthy_and_says_which_service_is_away(whole: House, door_without_twin: Door):
    healthy = await (await whole.door.stranger()).get("/readyz")
    stranger = await door_without_twin.stranger()
    alive = await stranger.get("/healthz")
    unready = await stranger.get("/readyz")

    assert healthy.json() == {"status": "ok", "services": dict.fromkeys(healthy.json()["services"], True)}
    assert (alive.status_code, unready.status_code) == (200, 503)
    assert [name for name, serves in unready.json()["services"].items() if not serves] == ["twin"]


async def test_the_reference_page_shows_every_operation_and_loads_nothing_from_outside(door: Door):
    asked: list[str] = []
    refused: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
        await page.goto(f"{door.url}/docs")
        await page.wait_for_selector(".opblock", timeout=20_000)
        shown = await page.locator(".opblock").count()
        await browser.close()

    assert shown >= 30
    assert refused == []
    assert {f"{door.url}/docs/{name}" for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js")} <= set(asked)
    assert [url for url in asked if not url.startswith((door.url, "data:", "blob:"))] == []


async def test_a_page_may_open_the_live_stream_of_its_own_origin_and_no_other(door: Door):
    opens = """(address) => new Promise((done) => {
        try {
            const socket = new WebSocket(address, ["marketwin.v1"]);
            socket.onopen = () => done("opened");
            socket.onerror = () => done("refused");
        } catch (error) { done("refused"); }
    })"""
    violations = """() => { window.refusals = [];
        addEventListener("securitypolicyviolation", (event) => window.refusals.push(event.violatedDirective)); }"""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(door.url)
        await page.evaluate(violations)
        own = await page.evaluate(opens, door.live_url)
        before = await page.evaluate("() => window.refusals")
        other = await page.evaluate(opens, "ws://127.0.0.1:9/")
        after = await page.evaluate("() => window.refusals")
        await browser.close()

    assert (own, before) == ("opened", [])
    assert (other, after) == ("refused", ["connect-src"])


def _chromium() -> str | None:
    """Chromium of the system where there is one, else the one playwright brought."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.parametrize("name", ["none.js", "redoc.standalone.js", "..%2f__init__.py", "%2e%2e/core.py"])
async def test_the_reference_page_has_only_its_own_parts(door: Door, name: str):
    response = await _raw(await door.stranger(), f"/docs/{name}")

    problem_of(response, 404, "not_found")
