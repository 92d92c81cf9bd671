"""The region map: shapes from the configured GeoJSON file, values from the forecast service.

Without a file the map is empty, and every region of the feed is listed as unmapped.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from chassis.errors import Invalid
from gateway.views.forecasts import band_view
from marketwin.forecast.v1 import service_pb2 as forecast_service
from marketwin.forecast.v1 import types_pb2

Json = dict[str, Any]


class RegionMap:
    """Shapes by region code, encoded once."""

    def __init__(self, path: Path | None) -> None:
        self._names: dict[str, Json] = {}
        self._shapes: dict[str, str] = {}
        self._attribution = ""
        if path is not None:
            try:
                self._read(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                message = f"GATEWAY_MAP must be GeoJSON whose features have an adcode: {type(error).__name__}"
                raise Invalid(message) from error

    def _read(self, document: Json) -> None:
        self._attribution = str(document.get("attribution", ""))
        for feature in document["features"]:
            properties = feature["properties"]
            code = str(properties["adcode"])
            self._names[code] = properties
            self._shapes[code] = json.dumps(feature["geometry"], separators=(",", ":"))

    def with_values(self, feed: forecast_service.GetMapFeedResponse) -> str:
        """The regions of the feed as GeoJSON text; regions without a shape are listed under `unmapped`."""
        drawn = [value for value in feed.regions if value.region in self._shapes]
        features = ",".join(self._feature(value, feed) for value in drawn)
        rest = {
            "bands": [band_view(band) for band in feed.bands],
            "years": list(feed.years),
            "levels": list(feed.levels),
            "level": feed.level,
            "year": feed.year,
            "unit": feed.unit,
            "measure": feed.measure,
            "attribution": self._attribution,
            "unmapped": [value.region for value in feed.regions if value.region not in self._shapes],
        }
        tail = json.dumps(rest, ensure_ascii=False)
        return f'{{"type":"FeatureCollection","features":[{features}],{tail[1:]}'

    def _feature(self, value: types_pb2.RegionValue, feed: forecast_service.GetMapFeedResponse) -> str:
        names = self._names[value.region]
        properties = {
            "region": value.region,
            "name": names.get("name_zh") or names.get("name_en"),
            "name_zh": names.get("name_zh"),
            "name_en": names.get("name_en"),
            "level": names.get("level"),
            "centroid": names.get("centroid"),
            "value": value.value if math.isfinite(value.value) else None,
            "unit": value.unit,
            "band": value.band,
            "color_key": value.color_key,
            "year": feed.year,
            "measure": feed.measure,
            "reliable": value.reliable,
            "model_version": value.model_version,
        }
        text = json.dumps(properties, ensure_ascii=False)
        return f'{{"type":"Feature","properties":{text},"geometry":{self._shapes[value.region]}}}'
