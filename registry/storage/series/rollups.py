"""How a span is answered out of readings and roll-ups: which level, on which grid, and which part from where. Pure.

A slice of a chart must show the true extremes of the readings in it. So a roll-up serves only where whole slots of it
lie within the span; what is left at the edges comes from the next finer level, in the end from the readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from registry.storage.series.port import Bucket, Slot

RAW = "raw"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

LEVELS: dict[str, int] = {RAW: 1, "five_minutes": 5 * MINUTE_MS, "hours": HOUR_MS, "days": DAY_MS}
"""Slot of each level in ms, finest first; each is a multiple of the one before."""

ROLLUPS = tuple(name for name in LEVELS if name != RAW)
_NAMES = tuple(LEVELS)


class Grid(NamedTuple):
    """Equal slices: slice k begins at ``start_ms + k * width_ms``; ``level`` is the coarsest that fits into one."""

    start_ms: int
    width_ms: int
    level: str


class Piece(NamedTuple):
    """A part of a span that one level answers: its slots that begin at or after ``since_ms``, before ``until_ms``."""

    level: str
    since_ms: int
    until_ms: int


def grid_of(since_ms: int, until_ms: int, max_points: int) -> Grid:
    """Slices for a chart: at most ``max_points`` of them."""
    count = max(1, max_points)
    width = max(1, -(-(until_ms - since_ms) // count))
    level = max((name for name in LEVELS if LEVELS[name] <= width), key=LEVELS.__getitem__)
    if level == RAW:
        return Grid(since_ms, width, RAW)
    slot = LEVELS[level]
    start = since_ms // slot * slot
    return Grid(start, slot * -(-(until_ms - start) // (slot * count)), level)


def pieces(
    since_ms: int, until_ms: int, level: str, *, kept_from: Mapping[str, int], unrolled: Sequence[tuple[int, int]] = ()
) -> list[Piece]:
    """The parts of since ≤ t < until in order of time, each from the coarsest level up to ``level`` that can serve it.

    ``kept_from``: what each level lacks by age, in whole days of UTC. ``unrolled``: spans of whole hours, in order,
    whose readings are not in the roll-ups yet.
    """
    found: list[Piece] = []
    at = since_ms
    for begin, end in unrolled:
        begin, end = max(begin, at), min(end, until_ms)
        if begin >= end:
            continue
        found += _aged(at, begin, level, kept_from)
        found += _aged(begin, end, RAW, kept_from)
        at = end
    found += _aged(at, until_ms, level, kept_from)
    return list(_joined(found))


def _aged(since_ms: int, until_ms: int, level: str, kept_from: Mapping[str, int]) -> list[Piece]:
    """One span without gaps, cut where a level's age limit lies within it."""
    edges = sorted({since_ms, until_ms, *(cut for cut in kept_from.values() if since_ms < cut < until_ms)})
    found: list[Piece] = []
    for begin, end in pairwise(edges):
        finest = next((name for name in _NAMES if kept_from.get(name, 0) <= begin), _NAMES[-1])
        found += _cover(begin, end, max(level, finest, key=LEVELS.__getitem__), finest)
    return found


def _cover(since_ms: int, until_ms: int, level: str, finest: str) -> list[Piece]:
    if since_ms >= until_ms:
        return []
    if level == finest:
        return [Piece(level, since_ms, until_ms)]
    slot, finer = LEVELS[level], _NAMES[_NAMES.index(level) - 1]
    begin, end = -(-since_ms // slot) * slot, until_ms // slot * slot
    if begin >= end:
        return _cover(since_ms, until_ms, finer, finest)
    head, tail = _cover(since_ms, begin, finer, finest), _cover(end, until_ms, finer, finest)
    return [*head, Piece(level, begin, end), *tail]


def _joined(found: Iterable[Piece]) -> Iterator[Piece]:
    held: Piece | None = None
    for piece in found:
        if held is not None and held.level == piece.level and held.until_ms == piece.since_ms:
            held = Piece(held.level, held.since_ms, piece.until_ms)
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held


def together(slots: Iterable[Slot], start_ms: int, width_ms: int) -> list[Slot]:
    """Slots (in any order, also several of one time) put together on a coarser grid, oldest first."""
    made: dict[int, Slot] = {}
    for slot in slots:
        at = start_ms + (slot.at_ms - start_ms) // width_ms * width_ms
        before = made.get(at)
        made[at] = slot._replace(at_ms=at) if before is None else _merged(before, slot)
    return [made[at] for at in sorted(made)]


def _merged(one: Slot, two: Slot) -> Slot:
    newer = two if two.last_ms >= one.last_ms else one
    return Slot(
        at_ms=one.at_ms,
        low=min(one.low, two.low),
        high=max(one.high, two.high),
        total=one.total + two.total,
        last=newer.last,
        last_ms=newer.last_ms,
        readings=one.readings + two.readings,
    )


def as_buckets(slots: Iterable[Slot], grid: Grid, since_ms: int) -> list[Bucket]:
    """The slices of a chart; the first begins no earlier than the span."""
    return [
        Bucket(max(each.at_ms, since_ms), each.low, each.high, each.total / each.readings, each.last, each.readings)
        for each in together(slots, grid.start_ms, grid.width_ms)
    ]
