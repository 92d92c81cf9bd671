"""Administrative regions: which codes exist, and what became of merged ones (DQ-13)."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import polars as pl

# Prefecture codes that GB/T 2260 replaced; the new code follows.
REPLACED = {
    "371200": "370100",  # 莱芜 merged into 济南, 2019
    "542100": "540300",  # 昌都
    "542200": "540500",  # 山南
    "542300": "540200",  # 日喀则
    "542400": "540600",  # 那曲
    "542600": "540400",  # 林芝
    "652100": "650400",  # 吐鲁番
    "652200": "650500",  # 哈密
    "469003": "460400",  # 儋州
}


@dataclass(frozen=True, slots=True)
class Regions:
    """The codes of a market; without a list every code is taken as it comes."""

    parents: dict[str, str]
    """Parent by code; an empty text for the top."""
    boxes: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    """West, south, east and north of a region in degrees, where the list has them."""

    @classmethod
    def from_csv(cls, body: bytes) -> Regions:
        """Reads `adcode,parent,...` (docs/architecture.md, "Regions")."""
        frame = pl.read_csv(io.BytesIO(body), infer_schema=False)
        codes = frame.get_column("adcode").to_list()
        parents = frame.get_column("parent").fill_null("").to_list()
        return cls(dict(zip(codes, parents, strict=True)), _boxes(frame))

    def box(self, code: str) -> tuple[float, float, float, float] | None:
        """The box around a region, or around the one above it where only that is known."""
        for known in (code, f"{code[:4]}00", f"{code[:2]}0000"):
            if known in self.boxes:
                return self.boxes[known]
        return None

    def knows(self, code: str) -> bool:
        """Whether the code is listed, or is a Chinese county below a listed prefecture or province."""
        if not self.parents or code in self.parents:
            return True
        if len(code) == 6 and code.isdigit():
            return f"{code[:4]}00" in self.parents or f"{code[:2]}0000" in self.parents
        return False

    def replacement(self, code: str) -> str | None:
        """The code that took the place of a retired one, where there is one."""
        return REPLACED.get(code)

    def below(self, code: str) -> list[str]:
        """The code and all listed codes under it."""
        found, level = [code], [code]
        while level:
            level = [child for child, parent in self.parents.items() if parent in set(level)]
            found += level
        return found


def _boxes(frame: pl.DataFrame) -> dict[str, tuple[float, float, float, float]]:
    sides = ("west", "south", "east", "north")
    if not set(sides) <= set(frame.columns):
        return {}
    known = frame.select("adcode", *(pl.col(side).cast(pl.Float64) for side in sides)).drop_nulls()
    return {code: (west, south, east, north) for code, west, south, east, north in known.iter_rows()}
