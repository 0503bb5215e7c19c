"""The edges of a symbol's dark parts as closed lines: what an engraver follows instead of hundreds of squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]


def contours(modules: NDArray[np.uint8]) -> list[list[Corner]]:
    """The closed lines around all dark modules (1 in ``modules``), in module units as (x, y).

    Filled by the even-odd rule they are the symbol. Every line keeps the dark side on its right, and lines only turn at
    corners. Where two dark modules touch with a corner only, their lines stay apart, so no line crosses itself.

    Along a row of the grid, edges run from the first corner to the second, from the third to the fourth, and so on;
    along a column the same. So a line is followed by going across and along in turn.
    """
    corners, begins_across, along = _corners(modules)
    seen = [False] * len(corners)
    lines = []
    for start in range(len(corners)):  # from the top, so a line is met at the left end of its highest edge
        if seen[start]:
            continue
        line: list[Corner] = []
        at = start
        while not seen[at]:
            end = at ^ 1 if begins_across[start] else along[at]
            seen[at] = seen[end] = True
            line += corners[at], corners[end]
            at = along[end] if begins_across[start] else end ^ 1
        lines.append(line)
    return lines


def _corners(modules: NDArray[np.uint8]) -> tuple[list[Corner], list[bool], list[int]]:
    """Every corner from top to bottom, those of one row from left to right; one where four lines meet is there twice.

    For each: whether the module below and right of it is dark, and which corner the edge up or down from it leads to.
    """
    dark = np.pad(modules, 1)
    up_left, up_right, low_left, low_right = dark[:-1, :-1], dark[:-1, 1:], dark[1:, :-1], dark[1:, 1:]
    meeting = (up_left == low_right) & (up_right == low_left) & (up_left != up_right)
    times = (up_left ^ up_right ^ low_left ^ low_right) + 2 * meeting
    y, x = (each.repeat(times[times > 0]) for each in np.nonzero(times))
    # of a corner that is there twice, the first has the edge to the left and the second the one to the right; dark
    # modules keep their own lines, so which of them has the edge upwards depends on which modules are dark
    second = np.zeros(len(x), dtype=np.bool_)
    second[1:] = (x[1:] == x[:-1]) & (y[1:] == y[:-1])
    downwards = meeting[y, x] & (second == (up_left[y, x] == 1))
    order = np.lexsort((downwards, y, x))
    along = np.empty_like(order)
    along[order[::2]], along[order[1::2]] = order[1::2], order[::2]
    return list(zip(x.tolist(), y.tolist(), strict=True)), (low_right[y, x] == 1).tolist(), along.tolist()
