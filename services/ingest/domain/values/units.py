"""Units of quantity and how many base units each holds, by the product's own pack sizes (domain.md section 3)."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.frames.columns import Floats, Mask, as_floats, filled, hits, said_by_all
from services.ingest.domain.frames.once import once

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
MASTERS_PER_CASE = 5.0
CASES_PER_WAN = 10_000.0


def unit_code(word: str) -> str:
    """The code of a unit as people write it."""
    return SPOKEN.get(word, word)


class Packs:
    """Pack sizes, guide price and currency of each record's product; nothing where the product is not known."""

    def __init__(self, sku: pl.DataFrame) -> None:
        self._sku = sku
        self.known: Mask = filled(sku.get_column("sku_code"))
        self.currency: pl.Series = sku.get_column("currency")
        self._factors: dict[str, Floats] = {}
        self._of_column: tuple[pl.Series, Floats] | None = None

    @once
    def guides(self) -> Floats:
        """Guide price per carton, NaN where there is none."""
        return as_floats(self._sku.get_column("price_guide"))

    @once
    def allocations(self) -> Floats:
        """Allocation price per carton ex VAT, NaN where there is none."""
        return as_floats(self._sku.get_column("price_allocation_ex_vat"))

    def factor(self, unit: str) -> Floats:
        """Base units in one `unit`, NaN where the product is unknown or does not have the unit.

        A unit that is the product's own `base_unit` (piece, bottle, millilitre) counts 1.
        """
        found = self._factors.get(unit)
        if found is None:
            found = self._factors[unit] = self._computed(unit)
        return found

    def factors(self, units: pl.Series) -> Floats:
        """Base units in one of each record's own unit."""
        if self._of_column is None or self._of_column[0] is not units:
            said = said_by_all(units)
            self._of_column = units, self._one_by_one(units) if said is None else self.factor(said)
        return self._of_column[1]

    def _one_by_one(self, units: pl.Series) -> Floats:
        codes = units.to_list()
        distinct = set(codes)
        factors = np.full(len(codes), np.nan)
        names = np.array(codes, dtype=object)
        for unit in distinct - {None}:
            mask = names == unit
            factors[mask] = self.factor(unit)[mask]
        return factors

    def _computed(self, unit: str) -> Floats:
        if unit == "stick":
            return np.where(self.known, 1.0, np.nan)
        if unit == "pack":
            return self._column("sticks_per_pack")
        if unit == CARTON:
            return self.factor("pack") * self._column("packs_per_carton")
        if unit == "master_carton":
            return self.factor(CARTON) * self._column("cartons_per_master")
        if unit == "case":
            return self.factor("master_carton") * MASTERS_PER_CASE
        if unit == "wan_case":
            return self.factor("case") * CASES_PER_WAN
        own = hits(self._sku.get_column("base_unit") == unit)
        return np.where(own, 1.0, np.nan)

    def _column(self, name: str) -> Floats:
        return as_floats(self._sku.get_column(name))
