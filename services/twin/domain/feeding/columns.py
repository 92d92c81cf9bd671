"""The columns that records of each kind come with; `make kinds` writes `columns.json` from what ingest says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PERSONAL = ("personal", "sensitive")
TEXTS = ("code", "text", "choice", "unit", "week")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it holds in ingest's words, its data class (C-18), and the values of a choice."""

    name: str
    type: str
    data_class: str = "internal"
    values: tuple[str, ...] = ()
    items: str = ""

    @property
    def is_personal(self) -> bool:
        return self.data_class in PERSONAL

    @property
    def is_text(self) -> bool:
        return self.type in TEXTS


_SALES = (
    Column("sales_period", "choice", values=("day", "week", "month", "year")),
    Column("sales_on", "date"),
    Column("sales_qty_base", "quantity"),
    Column("sales_amount", "money"),
    Column("sales_currency", "code"),
)
TOTALS: Mapping[str, tuple[Column, ...]] = {
    "sales_of_regions": (Column("adcode", "code"), *_SALES),
}
"""Sums that the twin keeps of records, by name: a batch brings those that its records moved."""


@cache
def _columns() -> Mapping[str, Mapping[str, Column]]:
    told = json.loads((Path(__file__).parent / "columns.json").read_text(encoding="utf-8"))
    return {kind: {name: _column(name, traits) for name, traits in columns.items()} for kind, columns in told.items()}


def _column(name: str, traits: Mapping[str, Any]) -> Column:
    return Column(name, traits["type"], traits["class"], tuple(traits.get("values", ())), traits.get("items", ""))


def kinds() -> tuple[str, ...]:
    """The record kinds there are."""
    return tuple(name for name in _columns() if name)


def columns_of(kind: str, totals: str = "") -> Mapping[str, Column]:
    """The columns of a kind's records, or of sums of them, and those of the envelope."""
    envelope = _columns()[""]
    if totals:
        return {name: envelope[name] for name in ("source", "occurred_at")} | {
            each.name: each for each in TOTALS[totals]
        }
    return {**envelope, **_columns()[kind]}
