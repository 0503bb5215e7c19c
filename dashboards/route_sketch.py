"""A route as a small drawing: its points in their places to each other, the way between them, what was visited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

WIDTH = 600
MARGIN = 24
LEAST_SPAN = 0.0005
"""Degrees, about 50 m: a single point is not blown up to a whole picture."""


class Point(Protocol):
    """As much of a point as is drawn."""

    @property
    def lon(self) -> float:
        """Degrees east."""

    @property
    def lat(self) -> float:
        """Degrees north."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def key_point(self) -> bool:
        """Whether it is one of the important ones."""

    @property
    def at(self) -> datetime | None:
        """When it was visited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point in the drawing, in its units."""

    x: float
    y: float
    name: str
    number: int
    key: bool
    visited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A drawing ``width`` × ``height``; ``line`` is the way as the points of an SVG polyline."""

    width: int
    height: int
    dots: list[Dot]

    @property
    def line(self) -> str:
        """The way from point to point."""
        return " ".join(f"{dot.x:g},{dot.y:g}" for dot in self.dots)


def sketch(points: Sequence[Point]) -> Sketch | None:
    """The drawing of a route; None for one without points. North is up; a degree of longitude is as long as it is."""
    if not points:
        return None
    west, east = _span([point.lon for point in points])
    south, north = _span([point.lat for point in points])
    narrow = math.cos(math.radians((south + north) / 2))
    inner = WIDTH - 2 * MARGIN
    scale = min(inner / ((east - west) * narrow), inner * 0.6 / (north - south))
    height = round((north - south) * scale + 2 * MARGIN)
    left = (WIDTH - (east - west) * narrow * scale) / 2
    dots = [
        Dot(
            x=round(left + (point.lon - west) * narrow * scale, 1),
            y=round(MARGIN + (north - point.lat) * scale, 1),
            name=point.name,
            number=number,
            key=point.key_point,
            visited=point.at is not None,
        )
        for number, point in enumerate(points, start=1)
    ]
    return Sketch(width=WIDTH, height=height, dots=dots)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    short = max(LEAST_SPAN - (high - low), 0.0) / 2
    return low - short, high + short
