"""The built console, and a twin service behind a gateway that serves it to a headless Chromium."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from services.twin import app as twin
from services.twin.domain.types import Types
from services.twin.settings import TwinSettings
from services.twin.store import OUTBOX, SCHEMA, PostgresStore
from tests.gateway.house import Door
from tests.gateway.house import door as open_door

CONSOLE = Path(__file__).resolve().parents[2] / "clients" / "console"
BUILD_LIMIT_S = 300
SHOWN_MS = 20_000
PATCH = "application/merge-patch+json"


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console built from a copy of its sources by the two commands that `make run` uses.

    Where several processes share the tests, the first that needs it builds it for all of them.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    copy = shared / "console"
    with (shared / "console.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "console.built").exists():
            _build(copy)
            (shared / "console.built").touch()
    return copy / "dist"


def _build(copy: Path) -> None:
    shutil.copytree(CONSOLE, copy, ignore=shutil.ignore_patterns("node_modules", "dist"), dirs_exist_ok=True)
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
        assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"


@dataclass(frozen=True, slots=True)
class Twins:
    """Twins as a colleague writes them, while somebody looks at them."""

    api: httpx.AsyncClient

    async def put(self, twin_id: str, model: str, properties: dict[str, Any], **relations: str) -> None:
        edges = [{"name": name, "target": target} for name, target in relations.items()]
        body = {"model": model, "properties": properties, "relations": edges}
        answer = await self.api.put(f"/api/v1/twins/{twin_id}", json=body, headers={"if-none-match": "*"})
        assert answer.status_code == 201, answer.text

    async def patch(self, twin_id: str, **facets: Any) -> dict[str, Any]:
        headers = {"content-type": PATCH, "if-match": "*"}
        answer = await self.api.patch(f"/api/v1/twins/{twin_id}", content=json.dumps(facets), headers=headers)
        assert answer.status_code == 200, answer.text
        written: dict[str, Any] = answer.json()
        return written

    async def get(self, twin_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.get(f"/api/v1/twins/{twin_id}")).json()
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(common: CommonSettings, dist: Path) -> AsyncIterator[Door]:
    """A gateway with the console and the twin service; the other services are away."""
    async with (
        twin.app(TwinSettings(common=common)) as running,
        open_door(common, twin_address=running.address, console=dist) as opened,
    ):
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twins(door: Door) -> Twins:
    """A province, two cities and sixty shops in them."""
    written = Twins(await door.client("admin", user="colleague"))
    await written.put("region:34", "region", {"level": "province", "name_zh": "安徽省", "name_en": "Anhui"})
    for code, name_zh, name_en in (("3401", "合肥市", "Hefei"), ("3402", "芜湖市", "Wuhu")):
        named = {"level": "prefecture", "name_zh": name_zh, "name_en": name_en}
        await written.put(f"region:{code}", "region", named, part_of="region:34")
    for n in range(60):
        shop = {"name": f"红星商店{n}", "tier": n % 30 + 1, "license_status": "valid", "order_cycle_days": 7}
        await written.put(f"retailer:{n:03}", "retailer", shop, located_in=f"region:340{n % 2 + 1}")
    return written


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(common: CommonSettings, door: Door) -> AsyncIterator[PostgresStore]:
    """The twins reached from behind: to say what sources said at other times."""
    async with database(common.postgres_url, SCHEMA) as db, bus(common.nats_url, "test") as log:
        yield PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium of the system where there is one, else the one playwright brought."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, door: Door, twins: Twins) -> AsyncIterator[Page]:
    """A tab of a signed-in administrator."""
    async with signed_in(browser, door, "admin") as context:
        yield await context.new_page()


@asynccontextmanager
async def signed_in(
    browser: Browser, door: Door, role: str, locale: str = "en-GB", width: int = 1280
) -> AsyncIterator[BrowserContext]:
    """A browser in which somebody has signed in; what goes wrong in a page fails the test."""
    context = await browser.new_context(base_url=door.url, locale=locale, viewport={"width": width, "height": 900})
    context.set_default_timeout(SHOWN_MS)
    failures: list[str] = []
    context.on("weberror", lambda error: failures.append(str(error.error)))
    user = {"id": "reader", "name": "reader", "roles": [role]}
    session = json.dumps({"token": door.token(role, user="reader"), "user": user, "expiresAt": None})
    # An empty tab has no storage.
    keep = f"location.protocol === 'http:' && sessionStorage.setItem('marketwin.session', {json.dumps(session)})"
    await context.add_init_script(keep)
    yield context
    await context.close()
    assert failures == []
