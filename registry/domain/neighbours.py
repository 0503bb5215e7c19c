"""Which sensors contradict their neighbours: all feel the same weather, so one that does not is suspect. Pure."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

NEAR_M = 2000.0
"""Within this the weather is one; a lake or a hill makes more difference farther away."""
LEAST_NEIGHBOURS = 5
"""With fewer, two sick ones would outvote the sound ones."""
ODD_Z = 6.0
"""Robust standard deviations from the median: shade, asphalt and steel lids spread a street's sensors by three."""
ODD_C = 10.0
"""And at least this far: where all agree within tenths, one degree is no sickness."""
_LEAST_SPREAD_C = 1.0
_TO_SIGMA = 1.4826  # of normal values: the median deviation as a standard deviation
_M_PER_DEGREE = 111_320.0
_STANDS_OUT_C = ODD_C / 2
_MOST_OF_A_CELL = 100
_MOST_ASKED = 100


class Felt(NamedTuple):
    """The temperature (°C) that a device felt last, and where it is (degrees)."""

    device_id: int
    lon: float
    lat: float
    celsius: float


class Odd(NamedTuple):
    """A device that contradicts its neighbours: what it says, what they say (median), and how many they are."""

    device_id: int
    celsius: float
    others: float
    neighbours: int


def odd_ones(felt: Sequence[Felt]) -> list[Odd]:
    """The devices far from the median of those within ``NEAR_M``, in the order given.

    Who is near the median of the whole surroundings is passed over: in a city of a hundred thousand sensors only the
    few that stand out are measured against each of their neighbours.
    """
    cells: dict[tuple[int, int], list[Felt]] = defaultdict(list)
    for one in felt:
        cells[_cell(one)].append(one)
    usual = {cell: statistics.median(other.celsius for other in _around(cell, cells)) for cell in cells}
    found = []
    for one in felt:
        cell = _cell(one)
        if abs(one.celsius - usual[cell]) >= _STANDS_OUT_C:
            near = (other for other in _around(cell, cells) if other is not one and _metres(one, other) <= NEAR_M)
            odd = _against(one, [other.celsius for other in islice(near, _MOST_ASKED)])
            found += [odd] if odd else []
    return found


def _against(one: Felt, near: Sequence[float]) -> Odd | None:
    if len(near) < LEAST_NEIGHBOURS:
        return None
    middle = statistics.median(near)
    spread = max(_LEAST_SPREAD_C, _TO_SIGMA * statistics.median(abs(each - middle) for each in near))
    off = abs(one.celsius - middle)
    return Odd(one.device_id, one.celsius, middle, len(near)) if off >= ODD_C and off / spread >= ODD_Z else None


def _cell(one: Felt) -> tuple[int, int]:
    row = math.floor(one.lat * _M_PER_DEGREE / NEAR_M)
    return math.floor(one.lon / _width(row)), row


def _around(cell: tuple[int, int], cells: Mapping[tuple[int, int], list[Felt]]) -> Iterator[Felt]:
    """Who lies in the cell and in those around it: everybody within ``NEAR_M``, and some beyond."""
    column, row = cell
    east = (column + 0.5) * _width(row)
    for lower in (0, -1, 1):
        middle = math.floor(east / _width(row + lower))
        for left in (0, -1, 1, -2, 2):
            some = cells.get((middle + left, row + lower), ())
            yield from some[:: max(1, len(some) // _MOST_OF_A_CELL)]


def _width(row: int) -> float:
    """How many degrees wide the cells of a row are: by the row's own latitude, so that all of it agrees."""
    return NEAR_M / (_M_PER_DEGREE * max(0.05, math.cos(math.radians(row * NEAR_M / _M_PER_DEGREE))))


def _metres(one: Felt, other: Felt) -> float:
    wide = (one.lon - other.lon) * math.cos(math.radians(one.lat))
    return math.hypot(wide, one.lat - other.lat) * _M_PER_DEGREE
