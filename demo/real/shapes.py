"""Turns a TopoJSON atlas into small GeoJSON features whose neighbours still meet.

    arcs (quantised, shared by neighbours) ─▶ degrees ─▶ thinned once each ─▶ rings ─▶ polygons

An arc is thinned before it is used, so both of its neighbours get the same line and no gap opens between them.
Format: TopoJSON specification 1.0, https://github.com/topojson/topojson-specification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Line = npt.NDArray[np.float64]
Polygon = list[Line]
DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Atlas:
    """The arcs of a topology in degrees, and its named collections of geometries."""

    arcs: tuple[Line, ...]
    objects: Mapping[str, Any]


def read_atlas(topology: Mapping[str, Any], tolerance_deg: float) -> Atlas:
    """Decodes quantised, delta-coded arcs and thins them to `tolerance_deg`."""
    scale, translate = (np.array(topology["transform"][key], dtype=np.float64) for key in ("scale", "translate"))
    arcs = (np.cumsum(np.array(arc, dtype=np.int64), axis=0) * scale + translate for arc in topology["arcs"])
    return Atlas(tuple(np.round(thin(arc, tolerance_deg), DECIMALS) for arc in arcs), topology["objects"])


def thin(line: Line, tolerance_deg: float) -> Line:
    """Drops the points that lie within `tolerance_deg` of the line without them (Douglas and Peucker 1973).

    The two ends stay, for other lines begin there. A closed line is first cut at the point farthest from its start.
    """
    if len(line) <= 2:
        return line
    keep = np.zeros(len(line), dtype=np.bool_)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        distances = _distances(line[first + 1 : last], line[first], line[last])
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance_deg:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return line[keep]


def _distances(points: Line, start: Line, end: Line) -> Line:
    chord = end - start
    length = float(np.hypot(*chord))
    offsets = points - start
    if length == 0.0:
        return np.asarray(np.hypot(offsets[:, 0], offsets[:, 1]))
    return np.asarray(np.abs(chord[0] * offsets[:, 1] - chord[1] * offsets[:, 0]) / length)


def polygons(atlas: Atlas, geometry: Mapping[str, Any], smallest_deg2: float) -> list[Polygon]:
    """The polygons of a geometry, largest first; islets below `smallest_deg2` are left out, but never the largest."""
    nested = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    found = [[_ring(atlas, arcs) for arcs in rings] for rings in nested]
    found = [[ring for ring in rings if len(ring) >= 4] for rings in found]
    found = sorted((rings for rings in found if rings), key=lambda rings: -area(rings[0]))
    return found[:1] + [rings for rings in found[1:] if area(rings[0]) >= smallest_deg2]


def _ring(atlas: Atlas, arcs: Sequence[int]) -> Line:
    parts = [atlas.arcs[arc] if arc >= 0 else atlas.arcs[~arc][::-1] for arc in arcs]
    # A few arcs of us-atlas end one quantum beside the start of the next, so a ring is closed and not trusted to be.
    ring = np.concatenate([parts[0], *(part[1:] for part in parts[1:]), parts[0][:1]])
    moved = np.any(np.diff(ring, axis=0) != 0.0, axis=1)
    return np.asarray(ring[np.concatenate([[True], moved])])


def area(ring: Line) -> float:
    """Area in square degrees, by the shoelace formula; the direction of the ring does not matter."""
    return abs(_doubled_area(ring)) / 2


def _doubled_area(ring: Line) -> float:
    return float(np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]))


def centroid(ring: Line) -> tuple[float, float]:
    """Centre of gravity (lon, lat) of the area inside a ring; of its points where it holds no area."""
    x, y = ring[:, 0], ring[:, 1]
    cross = x[:-1] * y[1:] - x[1:] * y[:-1]
    total = float(cross.sum())
    if total == 0.0:
        return round(float(x.mean()), DECIMALS), round(float(y.mean()), DECIMALS)
    lon = float(((x[:-1] + x[1:]) * cross).sum()) / (3 * total)
    lat = float(((y[:-1] + y[1:]) * cross).sum()) / (3 * total)
    return round(lon, DECIMALS), round(lat, DECIMALS)


def wound(polygon: Polygon) -> list[list[list[float]]]:
    """Coordinates as RFC 7946 wants them: the outer ring anticlockwise, holes clockwise."""
    return [
        (ring if (_doubled_area(ring) > 0) == (place == 0) else ring[::-1]).tolist()
        for place, ring in enumerate(polygon)
    ]
