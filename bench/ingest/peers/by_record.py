"""The peer that most would write: FastAPI, one pydantic model a record, asyncpg, one commit a request.

python -m bench.ingest.peers.by_record PORT POSTGRES_URL
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from bench.ingest.tills import products, shops

SECRET = b"a secret for the benchmark, 32 bytes or more"
PHONE = re.compile(r"1[3-9]\d{9}")
PACK = {"stick": 1, "pack": 20, "carton": 200}
SHOPS = {shop["retailer_code"] for shop in shops()}
GUIDES = {product["sku_code"]: Decimal(product["price_guide"]) for product in products()}
TABLE = """
CREATE TABLE IF NOT EXISTS peer_sale (
  retailer_code text, order_no text, line_no int, sku_code text, sku_name_raw text, unit_price numeric(14, 2),
  unit text, qty numeric, amount numeric(14, 2), sold_at timestamptz, consent_ref text, qty_base bigint,
  phone_token text, consumer_key text, payload_hash text, PRIMARY KEY (retailer_code, order_no, line_no))
"""
INSERT = f"INSERT INTO peer_sale VALUES ({', '.join(f'${n}' for n in range(1, 16))}) ON CONFLICT DO NOTHING"


class Sale(BaseModel):
    """Types and ranges of one record."""

    retailer_code: Annotated[str, Field(min_length=1, max_length=256)]
    order_no: Annotated[str, Field(min_length=1, max_length=256)]
    line_no: Annotated[int, Field(ge=0)]
    sku_code: Annotated[str, Field(min_length=1, max_length=256)]
    sku_name_raw: Annotated[str, Field(max_length=8000)]
    unit_price: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2)]
    unit: str
    qty: Decimal
    amount: Annotated[Decimal, Field(max_digits=14, decimal_places=2)]
    sold_at: AwareDatetime
    consumer_phone: str
    consumer_id: str
    consent_ref: str


def cleaned(text: str | bytes) -> tuple[Any, ...] | None:
    """The facts that the house checks, record by record; None when one is wrong."""
    try:
        sale = Sale.model_validate(json.loads(text))
    except (ValidationError, ValueError):
        return None
    size, guide = PACK.get(sale.unit), GUIDES.get(sale.sku_code)
    if size is None or guide is None or sale.retailer_code not in SHOPS or sale.qty <= 0:
        return None
    expected = sale.qty * sale.unit_price
    is_off = abs(sale.amount - expected) > max(Decimal("0.05"), expected * Decimal("0.05"))
    fair = guide * size / 200
    if is_off or not fair * Decimal("0.3") <= sale.unit_price <= fair * 3 or sale.sold_at > datetime.now(UTC):
        return None
    row = (*sale.model_dump(exclude={"consumer_phone", "consumer_id"}).values(), int(sale.qty * size))
    tokens = (_token(sale.consumer_phone) if PHONE.fullmatch(sale.consumer_phone) else None, _token(sale.consumer_id))
    digest = hashlib.blake2b(repr(row).encode(), digest_size=16).hexdigest()
    return (*row, *tokens, digest)


def _token(value: str) -> str:
    return "k1:" + hmac.digest(SECRET, value.encode(), "sha256").hex()


def web(postgres_url: str) -> FastAPI:
    """The endpoint."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(postgres_url, min_size=4, max_size=16) as pool:
            await pool.execute(TABLE)
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/sales", status_code=202)
    async def take_in(request: Request) -> dict[str, int]:
        lines = (await request.body()).split(b"\n")
        rows = [row for row in map(cleaned, lines) if row is not None]
        async with app.state.pool.acquire() as connection, connection.transaction():
            for row in rows:
                await connection.execute(INSERT, *row)
        return {"accepted": len(rows), "rejected": len(lines) - len(rows)}

    return app


if __name__ == "__main__":
    uvicorn.run(web(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", log_level="warning")
