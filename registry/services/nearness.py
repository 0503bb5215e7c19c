"""Which assets stand where another one stands: at the very same place, or nearer than two of one class can be.

Works on arrays of the whole city: a million assets in seconds, without asking the database for each.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from registry.services.area_shapes import METRES_PER_DEGREE

NEAR_M = 0.5
"""Two covers of one class are never so near; their centres can't be."""

# A little more than ``NEAR_M``: one scale for the whole city, where a degree of longitude differs by a few percent.
_CELL_M = 0.6
_ROW_BITS = 27
_COLUMN_BITS = 27
_AT_MOST = 50
_NEIGHBOURS = ((0, 0), (1, 0), (0, 1), (1, 1), (1, -1))


class Crowd(NamedTuple):
    """The places of many assets, as arrays of one length: id, number of the class, degrees."""

    ids: Any
    kinds: Any
    lons: Any
    lats: Any


class Pair(NamedTuple):
    """An asset, another one near it, and how far apart they are (0: at the same place)."""

    asset_id: int
    other_id: int
    distance_m: float


def same_places(crowd: Crowd) -> list[Pair]:
    """Every asset that shares its very coordinates with another of any class; the other is the first one there."""
    order = np.lexsort((crowd.ids, crowd.lats, crowd.lons))
    ids, lons, lats = crowd.ids[order], crowd.lons[order], crowd.lats[order]
    fresh = np.ones(len(ids), dtype=bool)
    fresh[1:] = (lons[1:] != lons[:-1]) | (lats[1:] != lats[:-1])
    starts = np.flatnonzero(fresh)
    first_of = np.repeat(starts, np.diff(np.append(starts, len(ids))))
    repeats = np.flatnonzero(~fresh)
    pairs = [Pair(int(ids[at]), int(ids[first_of[at]]), 0.0) for at in repeats.tolist()]
    seconds = repeats[first_of[repeats] == repeats - 1]
    return pairs + [Pair(int(ids[at - 1]), int(ids[at]), 0.0) for at in seconds.tolist()]


def too_near(crowd: Crowd, near_m: float = NEAR_M) -> list[Pair]:
    """Every asset that has another of its class nearer than ``near_m`` but not at the very same place; its nearest."""
    if len(crowd.ids) < 2:
        return []
    keys = _keys(crowd)
    order = np.lexsort((crowd.ids, keys))
    keys = keys[order]
    ids, kinds, lons, lats = (each[order] for each in crowd)
    nearest: dict[int, tuple[float, int]] = {}
    for columns, rows in _NEIGHBOURS:
        one, other = _candidates(keys, (columns << _ROW_BITS) + rows)
        metres = _metres(lons[one], lats[one], lons[other], lats[other])
        hit = (metres > 0) & (metres <= near_m) & (kinds[one] == kinds[other])
        pairs = zip(ids[one[hit]].tolist(), ids[other[hit]].tolist(), metres[hit].tolist(), strict=True)
        for first, second, distance in pairs:
            for asset_id, near_id in ((first, second), (second, first)):
                if asset_id not in nearest or (distance, near_id) < nearest[asset_id]:
                    nearest[asset_id] = (distance, near_id)
    return [Pair(asset_id, other_id, distance) for asset_id, (distance, other_id) in sorted(nearest.items())]


def _keys(crowd: Crowd) -> Any:
    """One number for class, column and row, so that equal numbers are neighbours of one class."""
    narrow = math.cos(math.radians(float(np.median(crowd.lats))))
    columns = np.floor((crowd.lons + 180.0) * METRES_PER_DEGREE * narrow / _CELL_M).astype(np.int64)
    rows = np.floor((crowd.lats + 90.0) * METRES_PER_DEGREE / _CELL_M).astype(np.int64)
    return (crowd.kinds.astype(np.int64) << (_ROW_BITS + _COLUMN_BITS)) + (columns << _ROW_BITS) + rows


def _candidates(keys: Any, offset: int) -> tuple[Any, Any]:
    """Index pairs (one, other) where the key of the other is the key of the one plus ``offset``."""
    wanted = keys + offset
    low = np.searchsorted(keys, wanted, side="left")
    high = np.searchsorted(keys, wanted, side="right")
    if offset == 0:
        low = np.arange(1, len(keys) + 1)  # each pair once
    counts = np.clip(high - low, 0, _AT_MOST)
    one = np.repeat(np.arange(len(keys)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return one, np.repeat(low, counts) + within


def _metres(lons: Any, lats: Any, other_lons: Any, other_lats: Any) -> Any:
    east = (other_lons - lons) * np.cos(np.radians(lats))
    return np.hypot(east, other_lats - lats) * METRES_PER_DEGREE
