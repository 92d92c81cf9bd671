"""Units of quantity and how many base units each holds, by the product's own pack sizes (domain.md section 3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

CARTON = "carton"
# 件 is left out: a warehouse may mean "piece" by it, so the mapping must say which.
SPOKEN = {
    "支": "stick",
    "包": "pack",
    "盒": "pack",
    "条": "carton",
    "条盒": "carton",
    "箱": "case",
    "大箱": "case",
    "万箱": "wan_case",
    "base": "stick",
}
UNITS = ("stick", "pack", "carton", "master_carton", "case", "wan_case")
MASTERS_PER_CASE = 5
CASES_PER_WAN = 10_000

Floats = npt.NDArray[np.float64]


def unit_code(word: str) -> str:
    """The code of a unit as people write it."""
    return SPOKEN.get(word, word)


def base_units(sku: pl.DataFrame, unit: str) -> Floats:
    """Base units in one `unit` for each record, NaN where the product is unknown or does not have the unit.

    A unit that is the product's own `base_unit` (piece, bottle, millilitre) counts 1.
    """
    one = np.where(sku.get_column("base_unit").is_null().to_numpy(), np.nan, 1.0)
    if unit == "stick":
        return one
    if unit not in UNITS:
        own = (sku.get_column("base_unit") == unit).fill_null(value=False).to_numpy()
        return np.where(own, one, np.nan)
    factor = _floats(sku, "sticks_per_pack")
    if unit == "pack":
        return factor
    factor = factor * _floats(sku, "packs_per_carton")
    if unit == CARTON:
        return factor
    factor = factor * _floats(sku, "cartons_per_master")
    if unit == "master_carton":
        return factor
    factor = factor * MASTERS_PER_CASE
    return factor if unit == "case" else factor * CASES_PER_WAN


def base_units_of(sku: pl.DataFrame, units: pl.Series) -> Floats:
    """Base units in one of each record's own unit."""
    codes = units.to_list()
    factors = np.full(len(codes), np.nan)
    names = np.array(codes, dtype=object)
    for unit in {code for code in codes if code is not None}:
        mask = names == unit
        factors[mask] = base_units(sku, unit)[mask]
    return factors


def _floats(sku: pl.DataFrame, column: str) -> Floats:
    values: Floats = sku.get_column(column).cast(pl.Float64).to_numpy()
    return values
