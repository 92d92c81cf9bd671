"""Coordinates of Chinese map services into WGS-84, which everything here is kept in.

GCJ-02 shifts a place by a few hundred metres with a smooth, public series of sines on the Krasovsky 1940 ellipsoid;
BD-09 adds a small spiral on top. The series has no closed inverse: three rounds of subtracting the shift of the result
leave less than a centimetre. Source: the constants as published with EvilTransform (2013), and Baidu's own description
of BD-09.
"""

from __future__ import annotations

import numpy as np

from services.ingest.domain.frames.columns import Floats, Mask

SYSTEMS = ("wgs84", "gcj02", "bd09")
_AXIS_M = 6_378_245.0
_ECCENTRICITY_2 = 0.00669342162296594323
_ROUNDS = 3
_BD_STEP = np.pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006


def to_wgs84(lons: Floats, lats: Floats, system: str) -> tuple[Floats, Floats]:
    """Longitudes and latitudes in degrees, NaN where absent; outside China GCJ-02 is WGS-84 already."""
    if system == "bd09":
        lons, lats = _bd09_to_gcj02(lons, lats)
    if system == "wgs84":
        return lons, lats
    inside = in_china(lons, lats)
    east, north = lons.copy(), lats.copy()
    for _ in range(_ROUNDS):
        shift_east, shift_north = _shift(east, north)
        east, north = lons - shift_east, lats - shift_north
    return np.where(inside, east, lons), np.where(inside, north, lats)


def to_gcj02(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    """WGS-84 as the map services of China show it."""
    shift_east, shift_north = _shift(lons, lats)
    inside = in_china(lons, lats)
    return np.where(inside, lons + shift_east, lons), np.where(inside, lats + shift_north, lats)


def in_china(lons: Floats, lats: Floats) -> Mask:
    """Whether a place lies in the box in which the services shift."""
    with np.errstate(invalid="ignore"):
        inside: Mask = (lons > 72.004) & (lons < 137.8347) & (lats > 0.8293) & (lats < 55.8271)
    return inside


def _bd09_to_gcj02(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    x, y = lons - _BD_LON, lats - _BD_LAT
    radius = np.hypot(x, y) - 0.00002 * np.sin(y * _BD_STEP)
    angle = np.arctan2(y, x) - 0.000003 * np.cos(x * _BD_STEP)
    return radius * np.cos(angle), radius * np.sin(angle)


def _shift(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    """Degrees by which GCJ-02 lies east and north of a place."""
    x, y = lons - 105.0, lats - 35.0
    ripple = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    root = np.sqrt(np.abs(x))
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    east_m += (ripple + _waves(x, 20.0, 40.0) + _long_waves(x, 150.0, 300.0, 12.0, 30.0)) * 2.0 / 3.0
    north_m += (ripple + _waves(y, 20.0, 40.0) + _long_waves(y, 160.0, 320.0, 12.0, 30.0)) * 2.0 / 3.0
    angle = np.radians(lats)
    flat = 1.0 - _ECCENTRICITY_2 * np.sin(angle) ** 2
    east = np.degrees(east_m / (_AXIS_M / np.sqrt(flat) * np.cos(angle)))
    north = np.degrees(north_m / (_AXIS_M * (1.0 - _ECCENTRICITY_2) / flat**1.5))
    return east, north


def _waves(values: Floats, first: float, second: float) -> Floats:
    waves: Floats = first * np.sin(np.pi * values) + second * np.sin(np.pi / 3.0 * values)
    return waves


def _long_waves(values: Floats, first: float, second: float, slow: float, slower: float) -> Floats:
    waves: Floats = first * np.sin(np.pi / slow * values) + second * np.sin(np.pi / slower * values)
    return waves
