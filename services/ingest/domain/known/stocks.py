"""The last known stock of each company and product, against which the next day is balanced (DQ-24)."""

from __future__ import annotations

import threading

import polars as pl

_KEYS = ["org_code", "sku_code"]
SCHEMA: dict[str, pl.DataType] = {
    "org_code": pl.String(),
    "sku_code": pl.String(),
    "biz_date": pl.Date(),
    "stock_base": pl.Int64(),
}


class LastStocks:
    """One row a company and product. Safe to read from another thread."""

    def __init__(self) -> None:
        self._frame = pl.DataFrame(schema=SCHEMA)
        self._lock = threading.Lock()

    def put(self, frame: pl.DataFrame) -> None:
        """Takes stocks in; an older day changes nothing."""
        rows = frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
        with self._lock:
            both = pl.concat([self._frame, rows]).sort("biz_date", maintain_order=True)
            self._frame = both.unique(_KEYS, keep="last", maintain_order=True)

    def following(self, days: pl.DataFrame) -> pl.Series:
        """The stock at the end of the day before each row's `biz_date`; null where that is not known."""
        before = self._frame.with_columns(pl.col("biz_date").dt.offset_by("1d"))
        found = days.join(before, on=[*_KEYS, "biz_date"], how="left", maintain_order="left")
        return found.get_column("stock_base").cast(pl.Float64)
