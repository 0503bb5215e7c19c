"""Where in the history something stirred: the slots of roll-ups whose readings are not all within a band. Pure.

The way down is the same in every store: days, of the stirred ones the hours, of those the five minutes. A slot that is
calm as a whole is calm in each part, so what lies in it is never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.storage.series.port import Band, Span
from registry.storage.series.rollups import LEVELS, ROLLUPS

DESCENT = tuple(reversed(ROLLUPS))
"""The levels from the coarsest to the finest."""

FINEST_MS = LEVELS[DESCENT[-1]]


def calm(band: Band, low: float, high: float) -> bool:
    """Whether readings from ``low`` to ``high`` are all strictly within the band."""
    return low > band.above and high < band.below


def joined(spans: Iterable[Span], since_ms: int, until_ms: int) -> list[Span]:
    """Spans in any order, also overlapping ones, cut to since ≤ t < until and put together where they touch."""
    found: list[Span] = []
    for span in sorted(spans):
        begin, end = max(span.since_ms, since_ms), min(span.until_ms, until_ms)
        if begin >= end:
            continue
        last = found[-1] if found else None
        if last is not None and last.point_id == span.point_id and begin <= last.until_ms:
            found[-1] = Span(span.point_id, last.since_ms, max(last.until_ms, end))
        else:
            found.append(Span(span.point_id, begin, end))
    return found


def slot_spans(starts: Iterable[tuple[int, int]], width_ms: int) -> Iterable[Span]:
    """The spans of slots of one level: (point, start)."""
    return (Span(point_id, at_ms, at_ms + width_ms) for point_id, at_ms in starts)


def by_point(bands: Iterable[Band]) -> Mapping[int, Band]:
    """The bands by their point."""
    return {band.point_id: band for band in bands}
