"""Sales as tills send them, and the shops and products that they name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

SHOPS, PRODUCTS, CONSUMERS = 2_000, 300, 40_000
MASTER_ROWS = 1_000


def shops() -> list[dict[str, Any]]:
    """A city's shops."""
    return [
        {
            "retailer_code": f"R3401{n:08d}",
            "license_no": f"340102{100000 + n:06d}",
            "name": f"便利店{n}",
            "adcode": "340100",
            "city_org": "C340100",
            "account_manager_user_id": "wang",
        }
        for n in range(SHOPS)
    ]


def products() -> list[dict[str, Any]]:
    """A wholesaler's products."""
    return [
        {"sku_code": f"3401{n:04d}", "name_zh": f"黄山{n}", "price_guide": "260.00", "price_wholesale": "230.00"}
        for n in range(PRODUCTS)
    ]


def sales(start: int, count: int) -> list[dict[str, Any]]:
    """Sales of today; consumers come again, as they do."""
    today = datetime.now(UTC).strftime("%Y-%m-%dT00:00:01Z")
    return [
        {
            "retailer_code": f"R3401{n * 37 % SHOPS:08d}",
            "order_no": f"P{n:010d}",
            "line_no": 1,
            "sku_code": f"3401{n * 11 % PRODUCTS:04d}",
            "sku_name_raw": "黄山(硬一品)",
            "unit_price": 26.00,
            "unit": "pack",
            "qty": 2,
            "amount": "52.00",
            "sold_at": today,
            "consumer_phone": f"138{n * 7919 % CONSUMERS:08d}",
            "consumer_id": f"c{n * 7919 % CONSUMERS}",
            "consent_ref": "cn-000412",
        }
        for n in range(start, start + count)
    ]


def lines(rows: list[dict[str, Any]]) -> bytes:
    """Records as NDJSON."""
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
