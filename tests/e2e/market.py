"""A small market of our own beside the pack, posted record by record as a partner would."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

# An hour ago: never in the future, whatever the hour of the day.
TODAY = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
# The replay goes on beside the tests; a fact may wait for its market to be profiled and ranked.
WITHIN_S = 30.0
RUN = secrets.token_hex(3)
"""Tells the orders of this run of the tests from those of another on the same stack."""
MANAGER = "am-e2e"
CITY = "C-E2E"
REGION = "US-NV"


@dataclass(slots=True)
class Market:
    """Three products, three shops, some weeks of orders of two of them."""

    api: httpx.AsyncClient
    skus: list[str] = field(default_factory=lambda: [f"E2E-{n}" for n in range(1, 4)])
    shops: list[str] = field(default_factory=lambda: [f"E2E-SHOP-{n}" for n in range(1, 4)])

    async def open(self) -> None:
        await post(self.api, "org", [{"org_code": CITY, "kind": "city_commercial", "adcode": REGION, "name": "e2e"}])
        await post(self.api, "sku", [sku(code, price_class) for price_class, code in enumerate(self.skus, 1)])
        await post(self.api, "retailer", [shop(code, n) for n, code in enumerate(self.shops)])
        past = [
            line(self.shops[n], code, TODAY - timedelta(weeks=week), f"PAST-{n}-{week}", position)
            for n in range(2)
            for week in range(4, 0, -1)
            for position, code in enumerate(self.skus[: 3 - n], 1)
        ]
        await post(self.api, "commercial_order", past)


def sku(code: str, price_class: int) -> dict[str, Any]:
    return {
        "sku_code": code,
        "name_zh": f"测试品规{code}",
        "name_en": f"Test product {code}",
        "brand_code": "E2E",
        "maker_code": "E2E",
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


def shop(code: str, number: int) -> dict[str, Any]:
    return {
        "retailer_code": code,
        "license_no": f"34010411{number:04d}",
        "license_status": "valid",
        "license_valid_to": "2035-12-31",
        "name": f"老王{number}号店",
        "store_format": "convenience",
        "market_type": "urban",
        "adcode": REGION,
        "tier": 10 + number,
        "tier_scheme": "30",
        "order_cycle_days": 7,
        "city_org": CITY,
        "account_manager_user_id": MANAGER,
        "school_zone": False,
    }


def line(shop_code: str, sku_code: str, at: datetime, order_no: str, line_no: int) -> dict[str, Any]:
    """An order line of five cartons of 200 sticks at 100.00 a carton."""
    return {
        "order_no": order_no,
        "line_no": line_no,
        "retailer_code": shop_code,
        "sku_code": sku_code,
        "qty_order_base": 1000,
        "qty_demand_base": 1000,
        "price_wholesale": "100.00",
        "amount": "500.00",
        "currency": "CNY",
        "ordered_at": at.isoformat(),
        "state": "confirmed",
        "org_code": CITY,
    }


async def post(api: httpx.AsyncClient, kind: str, records: object, **headers: str) -> dict[str, Any]:
    """Posts records and expects all of them to be accepted."""
    response = await api.post(f"/records/{kind}", json=records, headers=headers)
    assert response.status_code == 202, response.text
    receipt: dict[str, Any] = response.json()
    refused = receipt["quarantined"] + receipt["rejected"]
    assert not refused, receipt
    return receipt
