"""The edges of a symbol's dark parts as closed lines: what an engraver follows instead of hundreds of squares."""

from __future__ import annotations

Corner = tuple[int, int]


def contours(rows: list[str]) -> list[list[Corner]]:
    """The closed lines around all dark modules, in module units; filled by the even-odd rule they are the symbol.

    Every line keeps the dark side on its right, and lines only turn at corners. Where two dark modules touch with a
    corner only, their lines stay apart, so no line crosses itself.
    """
    after = _edges(rows)
    lines = []
    while after:
        start = next(iter(after))
        line: list[Corner] = []
        at, came = start, after[start][0]
        while True:
            ends = after[at]
            step = ends[0] if len(ends) == 1 else min(ends, key=lambda end: _turn(came, at, end))
            ends.remove(step)
            if not ends:
                del after[at]
            if not line or _way(line[-1], at) != _way(at, step):
                line.append(at)
            came, at = at, step
            if at == start:
                break
        if len(line) > 2 and _way(line[-1], line[0]) == _way(line[0], line[1]):
            line.pop(0)
        lines.append(line)
    return lines


def _edges(rows: list[str]) -> dict[Corner, list[Corner]]:
    """From each corner of an edge between dark and light, the next corner(s), clockwise around the dark side."""
    side = len(rows)
    after: dict[Corner, list[Corner]] = {}

    def dark(x: int, y: int) -> bool:
        return 0 <= x < side and 0 <= y < side and rows[y][x] == "1"

    for y in range(side):
        for x in range(side):
            if not dark(x, y):
                continue
            for there, start, end in (
                ((x, y - 1), (x, y), (x + 1, y)),
                ((x + 1, y), (x + 1, y), (x + 1, y + 1)),
                ((x, y + 1), (x + 1, y + 1), (x, y + 1)),
                ((x - 1, y), (x, y + 1), (x, y)),
            ):
                if not dark(*there):
                    after.setdefault(start, []).append(end)
    return after


def _way(start: Corner, end: Corner) -> Corner:
    across, down = end[0] - start[0], end[1] - start[1]
    return (across > 0) - (across < 0), (down > 0) - (down < 0)


def _turn(came: Corner, at: Corner, end: Corner) -> int:
    """How a line that ``came`` to ``at`` would turn to ``end``: right turns (around the same module) first."""
    (x1, y1), (x2, y2) = _way(came, at), _way(at, end)
    return -(x1 * y2 - y1 * x2)
