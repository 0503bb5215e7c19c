"""The grid whose cells are counted for the map: levels, the cells of a place, and which of them a zoom shows. Pure.

A cell of ``level`` is 0.001° × 2 ** level wide and high. A zoom shows cells of about 93 of the 512 pixels of a tile: a
bubble with a number has room in one, and a screen has some hundred and fifty of them. Four levels are kept; what lies
between two of them is added up from the finer one, at most sixty-four cells for one.
"""

from __future__ import annotations

from typing import NamedTuple

from registry.domain.geo import Box

KEPT_LEVELS = (2, 5, 8, 11)
FINEST, STEP = 2, 3
"""The finest kept level; each further one has cells eight times as wide."""
SINGLE_ZOOM = 15
"""From this zoom on assets stand by themselves."""
_UNITS = 10_000_000  # a place is kept in 1e-7 degrees
_CELL = 10_000  # 0.001 degrees, in those
_WEST, _SOUTH = 1_800_000_000, 900_000_000


class Cells(NamedTuple):
    """The cells from ``west`` to ``east`` and from ``south`` to ``north``, both included."""

    west: int
    south: int
    east: int
    north: int


def to_units(degrees: float) -> int:
    """Degrees in the whole units that marks and sums have."""
    return round(degrees * _UNITS)


def to_degrees(units: float) -> float:
    """Units in degrees."""
    return units / _UNITS


def cell_of(lon: int, lat: int, level: int) -> tuple[int, int]:
    """(x, y) of the cell that holds a place given in units."""
    wide = _CELL << level
    return (lon + _WEST) // wide, (lat + _SOUTH) // wide


def shown_level(zoom: int) -> int:
    """The level whose cells a zoom below ``SINGLE_ZOOM`` shows."""
    return max(16 - zoom, FINEST)


def kept_level(level: int) -> int:
    """The coarsest kept level that is no coarser than ``level``."""
    return max(kept for kept in KEPT_LEVELS if kept <= level)


def cells_in(box: Box, level: int) -> Cells:
    """The cells of ``level`` that touch ``box``."""
    west, south = cell_of(to_units(box.west), to_units(max(box.south, -90.0)), level)
    east, north = cell_of(to_units(box.east), to_units(min(box.north, 90.0)), level)
    return Cells(west, south, east, north)


def box_of(cells: Cells, level: int) -> Box:
    """The box of whole cells."""
    wide = _CELL << level
    west, east = (to_degrees(x * wide - _WEST) for x in (cells.west, cells.east + 1))
    south, north = (to_degrees(y * wide - _SOUTH) for y in (cells.south, cells.north + 1))
    return Box(west, south, east, north)


def finer(cells: Cells, level: int, kept: int) -> Cells:
    """The cells of a kept level that those of ``level`` are made of."""
    more = level - kept
    return Cells(
        cells.west << more, cells.south << more, ((cells.east + 1) << more) - 1, ((cells.north + 1) << more) - 1
    )


def areas_of(area_code: str) -> list[str]:
    """Whose cells an asset is counted in: the city's, its district's, its street's."""
    return ["", *(area_code[:digits] for digits in (6, 9) if len(area_code) >= digits)]
