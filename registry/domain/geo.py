"""Places on the ground: distance, bounds, and the coordinate systems that Chinese maps use.

The registry keeps WGS-84 (CGCS2000 differs by less than a metre) with the original values beside it; GCJ-02 (Amap,
Tencent) and BD-09 (Baidu) are for reading files and for a map's edge. The shift has no published standard: this is the
formula in public use (on4wp7), its inverse iterated: one step errs by a metre, and covers are surveyed to half of one.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

from registry.domain.errors import InvalidInput

PLACE_DECIMALS = 8
"""How finely WGS-84 degrees are kept: 1 mm, far below any survey; the values as given stay beside them."""

_EARTH_RADIUS_M = 6_371_008.8
_AXIS_M = 6_378_245.0
_ECCENTRICITY = 0.006_693_421_622_965_943_23
_BD_TURN = math.pi * 3000.0 / 180.0
_INVERSE_ENOUGH_DEG = 1e-10  # about 0.01 mm
_INVERSE_STEPS = 12


class Crs(StrEnum):
    """The coordinate systems a file may be in."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


class Place(NamedTuple):
    """Longitude and latitude in degrees, in this order."""

    lon: float
    lat: float


class Box(NamedTuple):
    """West, south, east, north in degrees; does not cross the 180th meridian."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, place: Place) -> bool:
        """Whether ``place`` lies in the box or on its edge."""
        return self.west <= place.lon <= self.east and self.south <= place.lat <= self.north


CHINA = Box(72.004, 0.8293, 137.8347, 55.8271)
"""Outside it the shift is not applied."""


def check_place(lon: float, lat: float) -> Place:
    """The place, or ``InvalidInput`` naming the value and the mistake (swapped, out of range, placeholder)."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise InvalidInput("lon" if not math.isfinite(lon) else "lat", "must be a finite number of degrees")
    if abs(lat) > 90.0 and abs(lat) <= 180.0 and abs(lon) <= 90.0:
        raise InvalidInput("lat", "{given} is beyond ±90; longitude and latitude look swapped", given=lat)
    if abs(lat) > 90.0:
        raise InvalidInput("lat", "{given} is beyond ±90 degrees; is it in metres or in another system?", given=lat)
    if abs(lon) > 180.0:
        raise InvalidInput("lon", "{given} is beyond ±180 degrees; is it in metres or in another system?", given=lon)
    if lon == 0.0 and lat == 0.0:
        raise InvalidInput("lon", "0, 0 is a placeholder in the sea; give the surveyed place")
    return Place(lon, lat)


_CELLS_PER_DEGREE = 1000
_CELLS_PER_ROW = 1_000_000


def place_cell(lon: float, lat: float) -> int:
    """The number of the 0.001° cell (111 m high, 63 to 111 m wide in China) that holds a WGS-84 place.

    Cells of one row follow each other from west to east, so neighbours are found by ``place_cells`` with an index.
    """
    column = math.floor((lon + 180.0) * _CELLS_PER_DEGREE)
    row = math.floor((lat + 90.0) * _CELLS_PER_DEGREE)
    return row * _CELLS_PER_ROW + column


def place_cells(box: Box) -> list[tuple[int, int]]:
    """The cells that touch ``box`` as (first, last) spans, one per row of cells: one index range each."""
    first = math.floor((box.south + 90.0) * _CELLS_PER_DEGREE)
    last = math.floor((box.north + 90.0) * _CELLS_PER_DEGREE)
    west = math.floor((box.west + 180.0) * _CELLS_PER_DEGREE)
    east = math.floor((box.east + 180.0) * _CELLS_PER_DEGREE)
    return [(row * _CELLS_PER_ROW + west, row * _CELLS_PER_ROW + east) for row in range(first, last + 1)]


def box_around(place: Place, radius_m: float) -> Box:
    """The smallest box that holds every place within ``radius_m`` of ``place``."""
    high = math.degrees(radius_m / _EARTH_RADIUS_M)
    wide = high / max(math.cos(math.radians(place.lat)), 1e-6)
    return Box(place.lon - wide, place.lat - high, place.lon + wide, place.lat + high)


def cells_near(place: Place, radius_m: float) -> list[int]:
    """The cells within ``radius_m`` (at most 50 m) of ``place``: one for most places, four at a corner."""
    column, row = (place.lon + 180.0) * _CELLS_PER_DEGREE, (place.lat + 90.0) * _CELLS_PER_DEGREE
    west, south = math.floor(column), math.floor(row)
    # in cells; a cell is 111 m high and, up to 60° of latitude, at least half as wide
    high = radius_m / 110.0
    wide = high * 2.0 if abs(place.lat) <= 60.0 else math.inf
    if high <= row - south <= 1.0 - high and wide <= column - west <= 1.0 - wide:
        return [south * _CELLS_PER_ROW + west]
    spans = place_cells(box_around(place, radius_m))
    return [cell for first, last in spans for cell in range(first, last + 1)]


def distance_m(one: Place, other: Place) -> float:
    """Metres along the ground (haversine on the mean sphere: within 0.6 % anywhere)."""
    lat_1, lat_2 = math.radians(one.lat), math.radians(other.lat)
    half_lat = math.sin((lat_2 - lat_1) / 2.0)
    half_lon = math.sin(math.radians(other.lon - one.lon) / 2.0)
    chord = half_lat * half_lat + math.cos(lat_1) * math.cos(lat_2) * half_lon * half_lon
    return 2.0 * _EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def to_wgs84(place: Place, crs: Crs) -> Place:
    """``place`` of system ``crs`` in WGS-84; round trips are exact to less than a millimetre."""
    if crs is Crs.GCJ02:
        return gcj02_to_wgs84(place)
    if crs is Crs.BD09:
        return gcj02_to_wgs84(bd09_to_gcj02(place))
    return place


def from_wgs84(place: Place, crs: Crs) -> Place:
    """A WGS-84 ``place`` in system ``crs``."""
    if crs is Crs.GCJ02:
        return wgs84_to_gcj02(place)
    if crs is Crs.BD09:
        return gcj02_to_bd09(wgs84_to_gcj02(place))
    return place


def wgs84_to_gcj02(place: Place) -> Place:
    """The shift that public maps in China apply; outside China nothing."""
    if not CHINA.holds(place):
        return place
    x, y = place.lon - 105.0, place.lat - 35.0
    ripple = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    south_north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + ripple
    south_north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    south_north += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    west_east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + ripple
    west_east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    west_east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    latitude = math.radians(place.lat)
    magic = 1.0 - _ECCENTRICITY * math.sin(latitude) ** 2
    meridian_m = _AXIS_M * (1.0 - _ECCENTRICITY) / (magic * math.sqrt(magic))
    parallel_m = _AXIS_M / math.sqrt(magic) * math.cos(latitude)
    return Place(place.lon + math.degrees(west_east / parallel_m), place.lat + math.degrees(south_north / meridian_m))


def gcj02_to_wgs84(place: Place) -> Place:
    """The inverse of ``wgs84_to_gcj02``, iterated until it moves less than 0.01 mm."""
    if not CHINA.holds(place):
        return place
    guess = place
    for _ in range(_INVERSE_STEPS):
        there = wgs84_to_gcj02(guess)
        step = Place(place.lon - there.lon, place.lat - there.lat)
        guess = Place(guess.lon + step.lon, guess.lat + step.lat)
        if abs(step.lon) < _INVERSE_ENOUGH_DEG and abs(step.lat) < _INVERSE_ENOUGH_DEG:
            break
    return guess


def gcj02_to_bd09(place: Place) -> Place:
    """Baidu's further turn and offset; outside China nothing."""
    if not CHINA.holds(place):
        return place
    radius = math.hypot(place.lon, place.lat) + 0.00002 * math.sin(place.lat * _BD_TURN)
    angle = math.atan2(place.lat, place.lon) + 0.000003 * math.cos(place.lon * _BD_TURN)
    return Place(radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006)


def bd09_to_gcj02(place: Place) -> Place:
    """The inverse of ``gcj02_to_bd09``, iterated."""
    if not CHINA.holds(place):
        return place
    guess = Place(place.lon - 0.0065, place.lat - 0.006)
    for _ in range(_INVERSE_STEPS):
        there = gcj02_to_bd09(guess)
        step = Place(place.lon - there.lon, place.lat - there.lat)
        guess = Place(guess.lon + step.lon, guess.lat + step.lat)
        if abs(step.lon) < _INVERSE_ENOUGH_DEG and abs(step.lat) < _INVERSE_ENOUGH_DEG:
            break
    return guess
