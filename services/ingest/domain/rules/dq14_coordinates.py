"""DQ-14: coordinates are WGS-84, and lie in the country and in the region of their record."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Floats, Mask, hits
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.values.coordinates import to_wgs84

LON = (73.0, 136.0)
LAT = (3.0, 54.0)


def check(batch: Batch) -> None:
    lons, lats = batch.numbers("lon"), batch.numbers("lat")
    if lons is None or lats is None:
        return
    if batch.door.coordinates != "wgs84":
        lons, lats = _converted(batch, lons, lats)
    countries = batch.get("country")
    chinese = batch.everywhere() if countries is None else hits(countries == "CN")
    outside = (lons < LON[0]) | (lons > LON[1]) | (lats < LAT[0]) | (lats > LAT[1])
    batch.find("DQ-14", Severity.WARN, "lon", chinese & outside, "the coordinates lie outside the country")
    elsewhere = _outside_region(batch, lons, lats) & ~(chinese & outside)
    batch.find("DQ-14", Severity.WARN, "lon", elsewhere, "the coordinates lie outside the region of the record")


def _converted(batch: Batch, lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    east, north = to_wgs84(lons, lats, batch.door.coordinates)
    known = np.isfinite(lons) & np.isfinite(lats)
    for name, values, given in (("lon", east, lons), ("lat", north, lats)):
        before = batch.columns[name]
        kept = pl.Series(name, np.where(known, values, given)).fill_nan(None)
        batch.put(name, kept)
        message = f"the source gives {batch.door.coordinates}; it was converted to WGS-84"
        batch.mend("DQ-14", name, known, before, message)
    return np.where(known, east, lons), np.where(known, north, lats)


def _outside_region(batch: Batch, lons: Floats, lats: Floats) -> Mask:
    codes = batch.get("adcode")
    regions = batch.door.regions
    if codes is None or not regions.boxes:
        return batch.nowhere()
    boxes = {code: regions.box(code) for code in codes.unique().to_list() if code is not None}
    nothing = (-np.inf, -np.inf, np.inf, np.inf)
    rows = np.array([boxes.get(code) or nothing for code in codes.to_list()], dtype=np.float64)
    west, south, east, north = rows.T
    outside: Mask = (lons < west) | (lons > east) | (lats < south) | (lats > north)
    return outside


def _has_place(kind: Kind) -> bool:
    return kind.field("lon") is not None and kind.field("lat") is not None


RULE = Rule(
    id="DQ-14",
    severity=Severity.REPAIR,
    order=71,
    doc="GCJ-02 and BD-09 become WGS-84 where the mapping says so; a place outside country or region is marked.",
    check=check,
    concerns=_has_place,
)
