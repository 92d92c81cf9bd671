"""What the regions file says of twins."""

from __future__ import annotations

import polars as pl

from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin, Relation


def region_sightings(regions: pl.DataFrame, origin: Origin) -> list[Sighting]:
    """Region twins from the regions file (adcode, parent, level, name_zh, name_en, lon, lat)."""
    properties = ["level", "name_zh", "name_en", "lon", "lat"]
    return [
        Sighting.of(
            f"region:{row['adcode']}",
            properties={name: row[name] for name in properties if row[name] is not None},
            relations=(Relation("part_of", f"region:{row['parent']}"),) if row["parent"] else (),
            origin=origin,
        )
        for row in regions.iter_rows(named=True)
    ]
