"""Curves as straight pieces: for what knows only lines (laser engravers' DXF, pictures)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, hypot, sqrt

from fontTools.pens.basePen import decomposeQuadraticSegment

Point = tuple[float, float]


def flattened(commands: Iterable[tuple[str, Sequence[Point]]], tolerance: float) -> list[list[Point]]:
    """The closed lines of a pen recording; no point of a curve is farther than ``tolerance`` from its line."""
    lines: list[list[Point]] = []
    line: list[Point] = []
    for step, points in commands:
        if step == "moveTo":
            line = [points[0]]
        elif step == "lineTo":
            line.append(points[0])
        elif step == "curveTo":
            line += _cubic(line[-1], *points, tolerance=tolerance)
        elif step == "qCurveTo":
            for control, end in decomposeQuadraticSegment(points):
                start = line[-1]
                first = _between(start, control, 2 / 3)
                second = _between(end, control, 2 / 3)
                line += _cubic(start, first, second, end, tolerance=tolerance)
        else:
            if len(line) > 2:
                lines.append(line[:-1] if line[0] == line[-1] else line)
            line = []
    return lines


def area(points: Sequence[Point]) -> float:
    """The area a closed line encloses; negative when it runs the other way round."""
    ends = zip(points, [*points[1:], points[0]], strict=True)
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in ends) / 2


def _between(start: Point, end: Point, part: float) -> Point:
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


def _cubic(start: Point, first: Point, second: Point, end: Point, *, tolerance: float) -> list[Point]:
    """Points along a Bézier curve, ``start`` left out; the error falls with the square of the number of pieces."""
    bend = max(
        hypot(start[0] - 2 * first[0] + second[0], start[1] - 2 * first[1] + second[1]),
        hypot(first[0] - 2 * second[0] + end[0], first[1] - 2 * second[1] + end[1]),
    )
    pieces = min(64, max(1, ceil(sqrt(0.75 * bend / tolerance))))
    points = []
    for number in range(1, pieces + 1):
        t = number / pieces
        u = 1 - t
        a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
        points.append(
            (
                a * start[0] + b * first[0] + c * second[0] + d * end[0],
                a * start[1] + b * first[1] + c * second[1] + d * end[1],
            )
        )
    return points
