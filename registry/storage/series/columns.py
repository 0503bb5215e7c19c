"""The slices of many points at once, as columns: parts from several levels put together by numpy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from registry.storage.series.port import Columns
from registry.storage.series.rollups import Grid

Part = Sequence[float]
"""Point, time in ms, low, high, total, readings; each fits a float exactly (ids and ms are below 2 ** 53)."""

Parts = NDArray[np.float64]
"""Parts below one another: their numbers side by side."""

_WIDTH = 6


def parts_of(rows: Iterable[Part]) -> Parts:
    """Parts as a store answers them, row by row."""
    return np.fromiter(chain.from_iterable(rows), dtype=np.float64).reshape(-1, _WIDTH)


def parts_by_point(found: Sequence[tuple[int, Sequence[Part]]]) -> Parts:
    """The same where a store answers the rows of each point together, without the point."""
    numbers = chain.from_iterable(chain.from_iterable(rows for _, rows in found))
    rest = np.fromiter(numbers, dtype=np.float64).reshape(-1, _WIDTH - 1)
    ids = np.array([point for point, _ in found], dtype=np.float64)
    points = np.repeat(ids, np.array([len(rows) for _, rows in found], dtype=np.int64))
    return np.column_stack((points, rest))


def below(found: Sequence[Parts]) -> Parts:
    """Parts below one another."""
    return np.concatenate(found) if found else np.empty((0, _WIDTH))


def within(parts: Parts, since_ms: int, until_ms: int) -> Parts:
    """Those that begin in a span."""
    return parts[(parts[:, 1] >= since_ms) & (parts[:, 1] < until_ms)]


def fold(rows: Parts, grid: Grid, since_ms: int) -> dict[int, Columns]:
    """Parts in any order, also several of one slice, as the slices of each point; the first begins with the span."""
    if not len(rows):
        return {}
    points = rows[:, 0].astype(np.int64)
    slices = (rows[:, 1].astype(np.int64) - grid.start_ms) // grid.width_ms
    ahead = (np.diff(points) > 0) | ((np.diff(points) == 0) & (np.diff(slices) >= 0))
    if not ahead.all():
        order = np.lexsort((slices, points))
        points, slices, rows = points[order], slices[order], rows[order]
    begins = np.flatnonzero(np.r_[True, (np.diff(points) != 0) | (np.diff(slices) != 0)])
    readings = np.add.reduceat(rows[:, 5], begins)
    whole = Columns(
        at_ms=np.maximum(grid.start_ms + slices[begins] * grid.width_ms, since_ms),
        low=np.minimum.reduceat(rows[:, 2], begins),
        high=np.maximum.reduceat(rows[:, 3], begins),
        mean=np.add.reduceat(rows[:, 4], begins) / readings,
        readings=readings.astype(np.int64),
    )
    return _by_point(points[begins], whole)


def _by_point(points: NDArray[np.int64], whole: Columns) -> dict[int, Columns]:
    edges = np.flatnonzero(np.r_[True, np.diff(points) != 0, True])
    return {
        int(points[begin]): Columns(
            at_ms=whole.at_ms[begin:end],
            low=whole.low[begin:end],
            high=whole.high[begin:end],
            mean=whole.mean[begin:end],
            readings=whole.readings[begin:end],
        )
        for begin, end in pairwise(edges)
    }
