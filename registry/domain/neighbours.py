"""Which sensors contradict their neighbours: all feel the same weather, so one that does not is suspect. Pure."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
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
    """The devices far from the median of those within ``NEAR_M``, in the order given."""
    cells: dict[tuple[int, int], list[Felt]] = defaultdict(list)
    for one in felt:
        cells[_cell(one)].append(one)
    found = []
    for one in felt:
        near = [other.celsius for other in _around(one, cells) if other is not one and _metres(one, other) <= NEAR_M]
        if len(near) < LEAST_NEIGHBOURS:
            continue
        middle = statistics.median(near)
        spread = max(_LEAST_SPREAD_C, _TO_SIGMA * statistics.median(abs(each - middle) for each in near))
        off = abs(one.celsius - middle)
        if off >= ODD_C and off / spread >= ODD_Z:
            found.append(Odd(one.device_id, one.celsius, middle, len(near)))
    return found


def _cell(one: Felt) -> tuple[int, int]:
    row = math.floor(one.lat * _M_PER_DEGREE / NEAR_M)
    # by the row's own latitude, so that neighbours in one row share the width of its cells
    width = NEAR_M / (_M_PER_DEGREE * max(0.05, math.cos(math.radians(row * NEAR_M / _M_PER_DEGREE))))
    return math.floor(one.lon / width), row


def _around(one: Felt, cells: dict[tuple[int, int], list[Felt]]) -> Iterable[Felt]:
    _, row = _cell(one)
    for lower in (-1, 0, 1):
        column, _ = _cell(one._replace(lat=(row + lower + 0.5) * NEAR_M / _M_PER_DEGREE))
        for left in (-2, -1, 0, 1, 2):
            yield from cells.get((column + left, row + lower), ())


def _metres(one: Felt, other: Felt) -> float:
    wide = (one.lon - other.lon) * math.cos(math.radians(one.lat))
    return math.hypot(wide, one.lat - other.lat) * _M_PER_DEGREE
