"""How many POS records a core cleans: all rules over columns, against pydantic over single records, in the same run.

    python -m bench.ingest.clean

Prints rows per second of CPU time of the whole process, threads included, best of several rounds.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from pydantic import ValidationError

from bench.ingest.peers.by_record import PACK, PHONE, Sale
from services.ingest.domain.cleaning.batch import Door
from services.ingest.domain.cleaning.clean import Raw, Stamp, clean
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.tokens import TokenKey

NOW = datetime(2025, 3, 16, tzinfo=UTC)
SECRET = b"a secret for the benchmark, 32 bytes"
SIZES = (1, 500, 10_000)
ROUNDS = 5
ROUND_S = 0.6
SHOPS, PRODUCTS, CONSUMERS = 20_000, 300, 4_000


def till_rows(size: int) -> list[dict[str, Any]]:
    """Sales as a till sends them; consumers come again, as they do."""
    return [
        {
            "retailer_code": f"R3401{n * 37 % SHOPS:08d}",
            "order_no": f"P20250315{n:07d}",
            "line_no": "1",
            "sku_code": f"3401{n * 11 % PRODUCTS:04d}",
            "sku_name_raw": "黄山(硬一品)",
            "unit_price": "26.00",
            "unit": "pack",
            "qty": "2",
            "amount": "52.00",
            "sold_at": "2025-03-15T11:02:31Z",
            "consumer_phone": f"138{n * 7919 % CONSUMERS:08d}",
            "consumer_id": f"c{n * 7919 % CONSUMERS}",
            "consent_ref": "cn-000412",
        }
        for n in range(size)
    ]


def directory() -> Directory:
    """A city's shops and a wholesaler's products."""
    known = Directory()
    at = {"occurred_at": NOW, "ingested_at": NOW}
    packs = {"sticks_per_pack": 20, "packs_per_carton": 10, "cartons_per_master": 50}
    known.put(
        "sku",
        pl.DataFrame(
            [
                {
                    "sku_code": f"3401{n:04d}",
                    **packs,
                    "price_guide": 260.0,
                    "currency": "CNY",
                    "base_unit": "stick",
                    **at,
                }
                for n in range(PRODUCTS)
            ]
        ),
    )
    place = {"adcode": "340100", "city_org": "C340100", "account_manager_user_id": "wang"}
    known.put(
        "retailer",
        pl.DataFrame(
            [{"retailer_code": f"R3401{n:08d}", "license_no": f"3401{n:08d}", **place, **at} for n in range(SHOPS)]
        ),
    )
    return known


def by_columns(rows: list[dict[str, Any]], door: Door) -> Callable[[], int]:
    """All rules of the house over the columns of one body."""
    frame = pl.from_dicts(rows)
    raw = Raw(
        columns={name: frame.get_column(name) for name in frame.columns},
        lines=pl.Series("line", range(frame.height), dtype=pl.UInt32),
        units={},
    )
    stamp = Stamp(batch_id="0" * 26, source="till")
    return lambda: clean(raw, KINDS["pos_sale"], door, stamp).receipt.accepted


def by_record(rows: list[dict[str, Any]], shops: set[str], guides: dict[str, Decimal]) -> Callable[[], int]:
    """The same facts checked record by record: a model, look-ups, amount, price, quantity, two tokens, a digest."""

    def token(value: str) -> str:
        return "k1:" + hmac.digest(SECRET, value.encode(), "sha256").hex()

    def one(row: dict[str, Any]) -> bool:
        try:
            sale = Sale.model_validate(row)
        except ValidationError:
            return False
        size = PACK.get(sale.unit)
        guide = guides.get(sale.sku_code)
        if size is None or guide is None or sale.retailer_code not in shops or sale.qty <= 0 or sale.sold_at > NOW:
            return False
        expected = sale.qty * sale.unit_price
        if abs(sale.amount - expected) > max(Decimal("0.05"), expected * Decimal("0.05")):
            return False
        if not guide * size / 200 * Decimal("0.3") <= sale.unit_price <= guide * size / 200 * 3:
            return False
        out = sale.model_dump(exclude={"consumer_phone", "consumer_id"})
        out["qty_base"] = int(sale.qty * size)
        out["phone_token"] = token(sale.consumer_phone) if PHONE.fullmatch(sale.consumer_phone) else None
        out["consumer_key"] = token(sale.consumer_id)
        out["payload_hash"] = hashlib.blake2b(repr(out).encode(), digest_size=16).hexdigest()
        return True

    return lambda: sum(map(one, rows))


def rate(work: Callable[[], int], size: int) -> float:
    """Rows per second of CPU time, the best round; every row must be accepted."""
    if work() != size:
        raise SystemExit("the benchmark's records must all be accepted")
    best = 0.0
    for _ in range(ROUNDS):
        done, start = 0, time.process_time()
        while (spent := time.process_time() - start) < ROUND_S:
            done += work()
        best = max(best, done / spent)
    return best


def main() -> None:
    door = Door(now=NOW, directory=directory(), regions=Regions({}), tokens=TokenKey("k1", SECRET))
    shops = {f"R3401{n:08d}" for n in range(SHOPS)}
    guides = {f"3401{n:04d}": Decimal("260.00") for n in range(PRODUCTS)}
    print(f"{'records in a body':>18} {'columns, rows/CPU s':>20} {'pydantic, rows/CPU s':>21} {'ratio':>6}")
    for size in SIZES:
        rows = till_rows(size)
        columns, records = rate(by_columns(rows, door), size), rate(by_record(rows, shops, guides), size)
        print(f"{size:>18,} {columns:>20,.0f} {records:>21,.0f} {columns / records:>6.2f}")


if __name__ == "__main__":
    main()
