"""What is usual: the median of a quantity by product, region and weekday, and how far records lie from it (DQ-23).

The spread is the median absolute deviation (times 1.4826 it is a standard deviation where the values are normal). Where
more than half of the values are the same it is 0; then the mean absolute deviation (times 1.2533) stands in, after
Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), section 3. Memory and time are bounded: the newest 40
values of a cell, of 5,000 cells those that had a record last, and at most 32 records of one body.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import polars as pl

from services.ingest.domain.frames.columns import Floats, word
from services.ingest.domain.frames.native import cast, of_array, taken

MEASURES = {
    "pos_sale": "qty_base",
    "commercial_order": "qty_order_base",
    "competitor_order": "qty_order_base",
    "commercial_sale": "qty_base",
    "store_check": "stock_base",
}
"""What is measured, by kind."""
FAR = 6.0
KEPT = 40
ENOUGH = 20
CELLS = 5_000
TAKEN = 32
FOLD_FROM = 2_000
FOLD_SHARE = 0.25
"""Limits are counted anew when as many records wait as this share of those known: each is looked at a few times."""
_NORMAL_MEDIAN, _NORMAL_MEAN = 1.4826, 1.2533
_GIVEN = ("sku_code", "adcode", "biz_date")
_CELL = ["kind", "sku_code", "adcode", "weekday"]
_SCHEMA: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "sku_code": pl.String(),
    "adcode": pl.String(),
    "weekday": pl.Int8(),
    "value": pl.Float64(),
}
Cell = tuple[str | None, str | None, int]


class Habits:
    """Usual quantities by kind and cell. Safe to read from another thread."""

    def __init__(self, cells: int = CELLS) -> None:
        self._most = cells
        self._known = pl.DataFrame(schema=_SCHEMA)
        self._waiting: list[tuple[str, list[pl.Series]]] = []
        self._count = 0
        self._limits: dict[str, dict[Cell, float]] = {}
        self._least: dict[str, float] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Values kept."""
        return self._known.height

    def note(self, kind: str, accepted: pl.DataFrame) -> None:
        """Takes quantities of accepted records in; their limits follow after some thousand records."""
        measure = MEASURES.get(kind)
        if measure is None or accepted.is_empty():
            return
        columns = [accepted.get_column(name) for name in (*_GIVEN, measure)]
        if accepted.height > TAKEN:
            places = of_array(np.arange(0, accepted.height, -(-accepted.height // TAKEN), dtype=np.uint32))
            columns = [taken(values, places) for values in columns]
        with self._lock:
            # Made into a frame with others: one of its own would cost a single record more than any rule.
            self._waiting.append((kind, columns))
            self._count += len(columns[0])
            if self._count >= max(FOLD_FROM, FOLD_SHARE * self._known.height):
                self._fold()

    def fold(self) -> None:
        """Counts all limits anew."""
        with self._lock:
            if self._waiting:
                self._fold()

    def _fold(self) -> None:
        new = (
            pl.DataFrame(
                {
                    "kind": pl.concat([word(kind, len(columns[0])) for kind, columns in self._waiting]),
                    **{name: pl.concat([columns[n] for _, columns in self._waiting]) for n, name in enumerate(_GIVEN)},
                    "value": pl.concat([cast(columns[-1], pl.Float64()) for _, columns in self._waiting]),
                }
            )
            .select("kind", "sku_code", "adcode", pl.col("biz_date").dt.weekday().alias("weekday"), "value")
            .drop_nulls(["sku_code", "value"])
        )
        self._waiting, self._count = [], 0
        cells = (
            pl.concat([self._known, new])
            .with_row_index("place")
            .group_by(_CELL)
            .agg(pl.col("value").tail(KEPT), pl.col("place").last())
            .sort("place")
            .tail(self._most)
        )
        self._known = cells.select(*_CELL, "value").explode("value", empty_as_null=True, keep_nulls=True)
        enough = cells.filter(pl.col("value").list.len() >= ENOUGH).with_columns(limit=_limit(pl.col("value")))
        limits: dict[str, dict[Cell, float]] = {}
        for kind, sku, region, weekday, most in enough.select(*_CELL, "limit").drop_nulls("limit").iter_rows():
            limits.setdefault(kind, {})[sku, region, weekday] = most
        self._limits = limits
        self._least = {kind: min(known.values()) for kind, known in limits.items()}

    def least(self, kind: str) -> float:
        """No value up to this is unusual for any product of the kind."""
        return self._least.get(kind, float("inf"))

    def limits(self, kind: str, cells: Sequence[Cell]) -> Floats:
        """The limit of each cell; infinite where too little is known."""
        known = self._limits.get(kind, {})
        return np.array([known.get(cell, np.inf) for cell in cells], dtype=np.float64)


def _limit(values: pl.Expr) -> pl.Expr:
    """The greatest value with a robust z of at most 6; null where all values are the same."""
    median = values.list.median()
    off = values.list.eval((pl.element() - pl.element().median()).abs())
    by_median, by_mean = _NORMAL_MEDIAN * off.list.median(), _NORMAL_MEAN * off.list.mean()
    spread = pl.when(by_median > 0).then(by_median).when(by_mean > 0).then(by_mean)
    return median + FAR * spread
