"""bytewax: a data flow from a file of NDJSON to a synced file, batches of 500. Runs in the environment of the peers.

python stream.py INPUT OUTPUT SHOPS PRODUCTS
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.files import FileSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

SECRET = b"a secret for the benchmark, 32 bytes or more"
PHONE = re.compile(r"1[3-9]\d{9}")
PACK = {"stick": 1, "pack": 20, "carton": 200}
SHOPS = {f"R3401{n:08d}" for n in range(int(sys.argv[3]))}
PRODUCTS = {f"3401{n:04d}" for n in range(int(sys.argv[4]))}
GUIDE_PER_PACK = 26.0


def cleaned(line: str) -> dict[str, Any] | None:
    """The same facts as in `by_record`, without a model: bytewax brings none."""
    sale = json.loads(line)
    size = PACK.get(sale["unit"])
    price, amount, qty = float(sale["unit_price"]), float(sale["amount"]), float(sale["qty"])
    if size is None or sale["retailer_code"] not in SHOPS or sale["sku_code"] not in PRODUCTS or qty <= 0:
        return None
    if abs(amount - qty * price) > max(0.05, qty * price * 0.05):
        return None
    if not 0.3 * GUIDE_PER_PACK <= price <= 3 * GUIDE_PER_PACK:
        return None
    phone, consumer = sale.pop("consumer_phone"), sale.pop("consumer_id")
    sale["qty_base"] = int(qty * size)
    sale["phone_token"] = _token(phone) if PHONE.fullmatch(phone) else None
    sale["consumer_key"] = _token(consumer)
    sale["payload_hash"] = hashlib.blake2b(repr(sale).encode(), digest_size=16).hexdigest()
    return sale


def _token(value: str) -> str:
    return "k1:" + hmac.digest(SECRET, value.encode(), "sha256").hex()


class Synced(StatelessSinkPartition[Any]):
    """One write and one fsync for what comes together."""

    def __init__(self) -> None:
        self._file = Path(sys.argv[2]).open("ab")  # noqa: SIM115  # open as long as the flow runs

    def write_batch(self, items: list[Any]) -> None:
        self._file.write(b"".join(json.dumps(item).encode() + b"\n" for item in items))
        self._file.flush()
        os.fsync(self._file.fileno())


class SyncedFile(DynamicSink[Any]):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> Synced:  # noqa: ARG002  # as bytewax calls it
        return Synced()


flow = Dataflow("sales")
lines = op.input("lines", flow, FileSource(sys.argv[1], batch_size=500))
op.output("out", op.filter_map("clean", lines, cleaned), SyncedFile())

if __name__ == "__main__":
    run_main(flow)
