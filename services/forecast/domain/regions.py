"""Which region lies in which, and at what level."""

from dataclasses import dataclass
from typing import Self

import polars as pl

LEVELS = ("country", "province", "prefecture", "county")

_REACH = {"ancestor": pl.String, "adcode": pl.String, "distance": pl.Int64}
_MOST_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Regions:
    """`level_of` each known region; `reach`: ancestor, adcode, distance, without the pairs of a region with itself."""

    level_of: dict[str, str]
    reach: pl.DataFrame

    @classmethod
    def none(cls) -> Self:
        """No regions are known: every code stands alone."""
        return cls({}, pl.DataFrame(schema=_REACH))

    @classmethod
    def of(cls, regions: pl.DataFrame) -> Self:
        """From a frame with columns adcode, parent (null at the top), level."""
        parents = regions.select("adcode", "parent").drop_nulls()
        step = parents.select(ancestor="parent", adcode="adcode", distance=pl.lit(1, dtype=pl.Int64))
        parts = [pl.DataFrame(schema=_REACH), step]
        for distance in range(2, _MOST_LEVELS):
            step = step.join(parents, left_on="ancestor", right_on="adcode").select(
                ancestor="parent", adcode="adcode", distance=pl.lit(distance, dtype=pl.Int64)
            )
            parts.append(step)
        levels = dict(regions.select("adcode", "level").iter_rows())
        return cls(levels, pl.concat(parts))

    def reaching(self, adcodes: pl.Series) -> pl.DataFrame:
        """`reach` limited to these regions, with each reaching itself at distance 0."""
        asked = adcodes.unique().drop_nulls().rename("adcode").to_frame()
        own = asked.select(ancestor="adcode", adcode="adcode", distance=pl.lit(0, dtype=pl.Int64))
        return pl.concat([own, self.reach.join(asked, on="adcode", how="semi").select(list(_REACH))])

    def top_of(self, adcodes: pl.Series) -> pl.DataFrame:
        """adcode, top: the widest region that holds each."""
        widest = self.reaching(adcodes).sort("distance").group_by("adcode", maintain_order=True).last()
        return widest.select("adcode", top="ancestor")


def has_spring_festival(adcode: pl.Expr) -> pl.Expr:
    """Six digits are a Chinese region (GB/T 2260)."""
    return adcode.str.contains(r"^\d{6}$")
