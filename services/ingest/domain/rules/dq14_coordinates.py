"""DQ-14: a shop in China lies in China."""

from __future__ import annotations

import numpy as np

from services.ingest.domain.batch import Batch, Severity
from services.ingest.domain.columns import hits
from services.ingest.domain.rule import Rule

LON = (73.0, 136.0)
LAT = (3.0, 54.0)


def check(batch: Batch) -> None:
    countries, lons, lats = batch.get("country"), batch.numbers("lon"), batch.numbers("lat")
    if countries is None or lons is None or lats is None:
        return
    chinese = hits(countries == "CN")
    with np.errstate(invalid="ignore"):
        outside = (lons < LON[0]) | (lons > LON[1]) | (lats < LAT[0]) | (lats > LAT[1])
    batch.find("DQ-14", Severity.WARN, "lon", chinese & outside, "the coordinates lie outside the country")


RULE = Rule(
    id="DQ-14",
    severity=Severity.WARN,
    order=71,
    doc="Coordinates of a Chinese shop lie in the bounding box of the country.",
    check=check,
)
