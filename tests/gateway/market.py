"""A small market, posted as a partner would."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from chassis.testing import eventually

TODAY = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0)
CITY, FAR_CITY = "C-NV", "C-CA"
TAG = "g.make.m1.speed"
WITHIN_S = 60


@dataclass(slots=True)
class Market:
    """Three products and four shops of two managers; three of the shops ordered for four weeks."""

    api: httpx.AsyncClient
    skus: list[str] = field(default_factory=lambda: ["G-1", "G-2", "G-3"])
    shops: dict[str, str] = field(default_factory=lambda: {"G-A": "ann", "G-B": "bob", "G-C": "ann", "G-D": "bob"})

    async def open(self) -> None:
        await self.post("org", [_org(CITY, "US-NV"), _org(FAR_CITY, "US-CA")])
        await self.post("sku", [_sku(code, price_class) for price_class, code in enumerate(self.skus, 1)])
        await self.post("retailer", [_shop(code, manager, n) for n, (code, manager) in enumerate(self.shops.items())])
        orders = [
            _line(shop, sku, TODAY - timedelta(weeks=week), f"O/{n}-{week}", position)
            for n, shop in enumerate(list(self.shops)[:3])
            for week in range(4, 0, -1)
            for position, sku in enumerate(self.skus[: 3 - n], 1)
        ]
        await self.post("commercial_order", orders)
        await self.post("commercial_sale", _sales(), source="history")
        await self.post("scada_tag", [{"tag": TAG, "machine": "g.m1", "unit": "1/min", "period_ms": 1000}])
        await self.post("scada_sample", _samples())
        await eventually(self._is_settled, within_s=WITHIN_S, every_s=0.1)

    async def post(self, kind: str, records: list[dict[str, Any]], source: str = "") -> dict[str, Any]:
        response = await self.api.post(f"/api/v1/records/{kind}", json=records, params={"source": source})
        assert response.status_code == 202, response.text
        receipt: dict[str, Any] = response.json()
        assert receipt["accepted"] == len(records), receipt
        return receipt

    async def set_aside(self, name: str) -> dict[str, Any]:
        """The item that a store check of a product nobody knows becomes: a kind that no figure is made of."""
        check = {"retailer_code": "G-A", "sku_code": f"NOBODY-{name}", "checked_at": TODAY.isoformat(), "facings": 2}
        await self.api.post("/api/v1/records/store_check", json=[check])

        async def listed() -> list[dict[str, Any]]:
            answer = await self.api.get("/api/v1/quarantine", params={"search": f"NOBODY-{name}"})
            items: list[dict[str, Any]] = answer.json()["items"]
            return items

        [item] = await eventually(listed, within_s=WITHIN_S, every_s=0.1)
        return item

    async def recommendations(self, **wanted: object) -> list[dict[str, Any]]:
        response = await self.api.get("/api/v1/recommendations", params={"limit": 1000, **wanted})
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def _is_settled(self) -> bool:
        quality = (await self.api.get("/api/v1/quality")).json()
        profiles = (await self.api.get("/api/v1/profiles")).json()["items"]
        owners = {each["account_manager"] for each in await self.recommendations()}
        return not quality["totals"]["pending"] and len(profiles) >= 3 and owners >= {"ann", "bob"}

    async def train(self) -> dict[str, Any]:
        """Trains, and waits until the training has ended."""
        started = (await self.api.post("/api/v1/forecasts/trainings")).json()

        async def ended() -> dict[str, Any] | None:
            now: dict[str, Any] = (await self.api.get(f"/api/v1/forecasts/trainings/{started['id']}")).json()
            return now if now["status"] in {"done", "failed"} else None

        return await eventually(ended, within_s=WITHIN_S, every_s=0.1)


def _samples() -> list[dict[str, Any]]:
    """A minute of a machine with a gap in it, some minutes ago."""
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    seconds = [*range(20), *range(40, 60)]
    times = [(begun + timedelta(seconds=second)).isoformat() for second in seconds]
    return [{"tag": TAG, "sampled_at": at, "value": 8000 + place} for place, at in enumerate(times)]


def _org(code: str, adcode: str) -> dict[str, Any]:
    return {"org_code": code, "kind": "city_commercial", "adcode": adcode, "name": code}


def _sku(code: str, price_class: int) -> dict[str, Any]:
    return {
        "sku_code": code,
        "name_zh": f"品规{code}",
        "name_en": f"Product {code}",
        "brand_code": "G",
        "maker_code": "G",
        "is_own": True,
        "category": "regular",
        "price_class": price_class,
        "price_wholesale": "100.00",
        "price_guide": "120.00",
        "sticks_per_pack": 20,
        "packs_per_carton": 10,
        "cartons_per_master": 50,
        "status": "active",
        "base_unit": "stick",
        "currency": "CNY",
    }


def _shop(code: str, manager: str, number: int) -> dict[str, Any]:
    return {
        "retailer_code": code,
        "license_no": f"34010411{number:04d}",
        "license_status": "valid",
        "license_valid_to": "2035-12-31",
        # A name that a spreadsheet would run as a formula.
        "name": f"=HYPERLINK({number})",
        "store_format": "convenience",
        "market_type": "urban",
        "adcode": "US-NV",
        "tier": 10 + number,
        "tier_scheme": "30",
        "order_cycle_days": 7,
        "city_org": CITY,
        "account_manager_user_id": manager,
        "school_zone": False,
    }


def _line(shop: str, sku: str, at: datetime, order_no: str, line_no: int) -> dict[str, Any]:
    return {
        "order_no": order_no,
        "line_no": line_no,
        "retailer_code": shop,
        "sku_code": sku,
        "qty_order_base": 1000,
        "qty_demand_base": 1000,
        "price_wholesale": "100.00",
        "amount": "500.00",
        "currency": "CNY",
        "ordered_at": at.isoformat(),
        "state": "confirmed",
        "org_code": CITY,
    }


def _sales() -> list[dict[str, Any]]:
    """Ten years of two regions, of which the map knows one."""
    return [
        {
            "org": city,
            "sku": "G-1",
            "period": "year",
            "day": f"{TODAY.year - back}-01-01",
            "sticks": (4_000_000_000 + 100_000_000 * back) * size,
            "region": adcode,
        }
        for city, adcode, size in ((CITY, "US-NV", 1), (FAR_CITY, "US-CA", 2))
        for back in range(10, 0, -1)
    ]
