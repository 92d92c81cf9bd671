"""Records as senders write them, and the world that the rules look at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl

from services.ingest.domain.cleaning.batch import Door
from services.ingest.domain.cleaning.clean import Cleaned, Stamp, clean
from services.ingest.domain.cleaning.identity import batch_id
from services.ingest.domain.cleaning.mapping import Mapping, to_canonical
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.decode import Limits, decode
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.tokens import TokenKey

NOW = datetime(2025, 3, 16, 4, 0, tzinfo=UTC)
KEY = TokenKey("k1", b"0123456789abcdef0123456789abcdef")
PHONE = "13812341234"
JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
REGIONS = Regions({"340000": "", "340100": "340000", "340200": "340000", "370100": "", "US": "", "US-CA": "US"})

Row = dict[str, Any]


def sale(**changes: Any) -> Row:
    """A POS sale in which every rule is content."""
    return {
        "retailer_code": "R340100000001",
        "order_no": "P0001",
        "line_no": 1,
        "sku_code": "34010021",
        "sku_name_raw": "黄山(硬)",
        "unit_price": "26.00",
        "unit": "pack",
        "qty": 2,
        "amount": "52.00",
        "sold_at": "2025-03-15T11:02:31Z",
        **changes,
    }


def order(**changes: Any) -> Row:
    """An order line of 5 cartons at 230."""
    return {
        "order_no": "D0001",
        "line_no": 1,
        "retailer_code": "R340100000001",
        "sku_code": "34010021",
        "qty_demand_base": 2000,
        "qty_order_base": 1000,
        "price_wholesale": "230.00",
        "amount": "1150.00",
        "ordered_at": "2025-03-14T01:00:00Z",
        **changes,
    }


def price(**changes: Any) -> Row:
    """A price seen in a shop, exactly the guide price."""
    return {
        "retailer_code": "R340100000001",
        "sku_code": "34010021",
        "observed_at": "2025-03-15T03:00:00Z",
        "collector": "u7",
        "unit": "carton",
        "price_observed": "260.00",
        **changes,
    }


def month_sale(**changes: Any) -> Row:
    """A month of a company's sales."""
    return {
        "org_code": "C340100",
        "sku_code": "34010021",
        "period": "month",
        "biz_date": "2025-02-01",
        "qty_base": 5_000_000,
        "amount": "5750000.00",
        **changes,
    }


def shop(**changes: Any) -> Row:
    """A licensed shop."""
    return {
        "retailer_code": "R340100000009",
        "license_no": "340102100009",
        "license_valid_to": "2028-12-31",
        "name": "徽州路便利店",
        "adcode": "340100",
        "city_org": "C340100",
        "lon": 117.28,
        "lat": 31.86,
        "tier": 18,
        **changes,
    }


def directory() -> Directory:
    """Two products, a shop and a company."""
    known = Directory()
    at = {"occurred_at": NOW, "ingested_at": NOW}
    packs = {"sticks_per_pack": 20, "packs_per_carton": 10, "cartons_per_master": 50}
    money = {"price_guide": 260.0, "price_allocation_ex_vat": 146.0, "price_wholesale": 230.0, "currency": "CNY"}
    known.put(
        "sku",
        pl.DataFrame(
            [
                {"sku_code": "34010021", "name_zh": "黄山(硬)", **packs, **money, "base_unit": "stick", **at},
                {
                    "sku_code": "GIN",
                    "sticks_per_pack": 1,
                    "packs_per_carton": 1,
                    "cartons_per_master": 12,
                    "price_guide": None,
                    "currency": "USD",
                    "base_unit": "bottle",
                    **at,
                },
            ]
        ),
    )
    known.put(
        "retailer",
        pl.DataFrame(
            [
                {
                    "retailer_code": "R340100000001",
                    "license_no": "340102100001",
                    "adcode": "340100",
                    "city_org": "C340100",
                    "account_manager_user_id": "wang",
                    **at,
                }
            ]
        ),
    )
    known.put("org", pl.DataFrame([{"org_code": "C340100", "adcode": "340100", **at}]))
    return known


def door(**changes: Any) -> Door:
    """What the rules know."""
    known: dict[str, Any] = {"now": NOW, "directory": directory(), "regions": REGIONS, "tokens": KEY}
    return Door(**{**known, **changes})


def cleaned(
    kind: str,
    body: bytes,
    content_type: str = JSON,
    mapping: Mapping | None = None,
    *,
    world: Door | None = None,
) -> Cleaned:
    """A body through decoding, mapping and rules."""
    raw = to_canonical(decode(body, content_type, Limits()), KINDS[kind], mapping)
    stamp = Stamp(batch_id=batch_id("till", kind, "test"), source="till", trace_id="ab" * 16)
    return clean(raw, KINDS[kind], world or door(), stamp)


def clean_rows(kind: str, *rows: Row, **world: Any) -> Cleaned:
    """Records as a JSON array through the rules."""
    return cleaned(kind, json.dumps(rows).encode(), world=door(**world))


def rules(result: Cleaned) -> dict[str, str]:
    """Severity by rule of everything that fired."""
    return {reason.rule: reason.severity for reason in result.receipt.reasons}


def outcome(receipt: Receipt) -> tuple[int, int, int, int]:
    """Accepted, quarantined, rejected, duplicates."""
    return receipt.accepted, receipt.quarantined, receipt.rejected, receipt.duplicates


ONE_ACCEPTED = (1, 0, 0, 0)
ONE_QUARANTINED = (0, 1, 0, 0)
ONE_REJECTED = (0, 0, 1, 0)
