"""The whole house in one event loop: five services, the WeCom stand-in, and the gateway before them."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from chassis.settings import CommonSettings
from demo.wecom.app import create_app
from demo.wecom.settings import StandInSettings
from deploy.embedded import free_port
from deploy.keys import bearer_token
from gateway.app import app
from gateway.settings import GatewaySettings
from services.forecast import app as forecast
from services.forecast.settings import ForecastSettings
from services.ingest import app as ingest
from services.ingest.settings import IngestSettings
from services.profile import app as profile
from services.profile.settings import ProfileSettings
from services.recommend import app as recommend
from services.recommend.settings import RecommendSettings
from services.twin import app as twin
from services.twin.settings import TwinSettings
from tests.gateway.contract import judge
from tests.wecom.world import AES_KEY, AGENT, CORP, SECRET, TOKEN, served

KEY = "k" * 64
ROBOT_KEY = "robot"
NOWHERE = "127.0.0.1:9"
REGIONS = """adcode,parent,level,name_zh,name_en,lon,lat
US,,country,美国,United States,-98.5,39.8
US-NV,US,province,内华达州,Nevada,-116.4,38.8
US-CA,US,province,加利福尼亚州,California,-119.4,36.8
"""
SALES = """source: history
kind: commercial_sale
schema_version: 1
clock: data
fields:
  org_code: {from: org}
  sku_code: {from: sku}
  period: {from: period}
  biz_date: {from: day, time: "%Y-%m-%d"}
  qty_base: {from: sticks, unit: stick}
  adcode: {from: region}
"""
MAP = {
    "type": "FeatureCollection",
    "attribution": "drawn by hand",
    "features": [
        {
            "type": "Feature",
            "properties": {"adcode": "US-NV", "name_zh": "内华达州", "name_en": "Nevada", "level": "province"},
            "geometry": {"type": "Polygon", "coordinates": [[[-120, 42], [-114, 42], [-114, 35], [-120, 42]]]},
        }
    ],
}
# Or each client would read them from their file, which takes longer than most tests.
AUTHORITIES = ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Door:
    """A running gateway as a test talks to it. Every answer is held against the committed contract."""

    settings: GatewaySettings
    url: str
    running: Any
    open_clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    def token(self, *roles: str, user: str = "tester", hours: float = 1, key: str = KEY) -> str:
        return bearer_token(key, user=user, roles=roles or ("admin",), hours=hours)

    async def client(self, *roles: str, user: str = "tester") -> httpx.AsyncClient:
        return await self._client({"Authorization": f"Bearer {self.token(*roles, user=user)}"})

    async def stranger(self) -> httpx.AsyncClient:
        return await self._client({})

    async def _client(self, headers: dict[str, str]) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=30,
            trust_env=False,
            verify=AUTHORITIES,
            event_hooks={"response": [_judged]},
        )
        return await self.open_clients.enter_async_context(client)

    @property
    def web(self) -> FastAPI:
        web: FastAPI = self.running.web
        return web

    @property
    def live_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/api/v1/live"


async def _judged(response: httpx.Response) -> None:
    if "content-disposition" in response.headers:
        return
    await response.aread()
    judge(response)


@asynccontextmanager
async def door(common: CommonSettings, **settings: Any) -> AsyncIterator[Door]:
    """A gateway; services that are not named cannot be reached."""
    addresses = {f"{name}_address": NOWHERE for name in ("ingest", "twin", "profile", "forecast", "recommend")}
    given = GatewaySettings(**{"common": common, "jwt_key": SecretStr(KEY), **addresses, **settings})
    async with app(given) as running, AsyncExitStack() as clients:
        yield Door(given, f"http://{running.address}", running, clients)


@dataclass(frozen=True, slots=True)
class House:
    """Where everything is, so that a test may open further doors."""

    common: CommonSettings
    addresses: dict[str, str]
    door: Door
    phone: httpx.AsyncClient


@asynccontextmanager
async def house(common: CommonSettings, folder: Path) -> AsyncIterator[House]:
    """All services, the stand-in and a gateway with console, map and WeCom keys."""
    (folder / "regions.csv").write_text(REGIONS, encoding="utf-8")
    mappings = folder / "mappings"
    mappings.mkdir()
    (mappings / "history.yaml").write_text(SALES, encoding="utf-8")
    port = free_port()
    async with AsyncExitStack() as rooms:
        phone_url = await rooms.enter_async_context(served(create_app(_stand_in(port))))
        phone = await rooms.enter_async_context(httpx.AsyncClient(base_url=phone_url, trust_env=False))
        addresses = await _services(rooms, common, folder, phone_url)
        opened = await rooms.enter_async_context(
            door(
                common,
                port=port,
                console=_console(folder),
                map=_map(folder),
                wecom_corp_id=CORP,
                wecom_token=SecretStr(TOKEN),
                wecom_aes_key=SecretStr(AES_KEY),
                **addresses,
            )
        )
        yield House(common, addresses, opened, phone)


async def _services(rooms: AsyncExitStack, common: CommonSettings, folder: Path, phone_url: str) -> dict[str, str]:
    regions = folder / "regions.csv"
    apps: dict[str, contextlib.AbstractAsyncContextManager[Any]] = {
        "ingest": ingest.app(
            IngestSettings(common=common, regions=regions, mappings=folder / "mappings", token_key=SecretStr("t" * 32))
        ),
        "twin": twin.app(TwinSettings(common=common, regions=regions)),
        "profile": profile.app(ProfileSettings(common=common, quiet_s=0.2, gather_s=0.1)),
        "forecast": forecast.app(ForecastSettings(common=common, regions=regions, auto_train=False, threads=1)),
        "recommend": recommend.app(
            RecommendSettings(
                common=common,
                quiet_s=0.2,
                wecom_base_url=phone_url,
                wecom_corp_id=CORP,
                wecom_secret=SecretStr(SECRET),
                wecom_agent_id=AGENT,
                card_score=0,
                bulk_cards_per_day=30,
            )
        ),
    }
    return {f"{name}_address": (await rooms.enter_async_context(each)).address for name, each in apps.items()}


def _stand_in(port: int) -> StandInSettings:
    return StandInSettings(
        corpid=CORP,
        secret=SECRET,
        agentid=AGENT,
        callback_url=f"http://127.0.0.1:{port}/api/v1/wecom/callback",
        token=TOKEN,
        encoding_aes_key=AES_KEY,
        webhook_key=ROBOT_KEY,
        account_cap=1000,
    )


def _map(folder: Path) -> Path:
    path = folder / "map.geojson"
    path.write_text(json.dumps(MAP, ensure_ascii=False), encoding="utf-8")
    return path


def _console(folder: Path) -> Path:
    built = folder / "console"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html><title>Marketwin</title>", encoding="utf-8")
    (built / "assets" / "index-abc123.js").write_text("export const big = '" + "x" * 5000 + "';", encoding="utf-8")
    (folder / "secret.txt").write_text("not for the web", encoding="utf-8")
    return built
