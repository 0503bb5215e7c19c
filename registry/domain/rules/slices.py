"""The last stretch of a point's readings in at most 32 slices of time, packed.

A slice holds the readings of one thirty-first of the window: when the last of them was, the lowest, the highest, their
sum and how many. It stays until its last reading has left the window, so a window reaches back by its length and at
most one slice more; where readings come more seldom than slices, it is exact. Slices lie on a fixed grid of event
time, so that the same readings give the same slices however they were batched.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

MOST_SLICES = 32
_SLICE = Struct("<qdddI")


class Slice(NamedTuple):
    """Readings that lie close together; ``at_ms`` is that of the last."""

    at_ms: int
    low: float
    high: float
    total: float
    readings: int


def width_of(window_ms: int) -> int:
    """How long a slice is, so that a window needs no more than 32."""
    return max(1, -(-window_ms // (MOST_SLICES - 1)))


def with_reading(packed: bytes, at_ms: int, value: float, window_ms: int) -> bytes:
    """The window that ends with this reading, which is the newest."""
    width_ms = width_of(window_ms)
    earliest = at_ms - window_ms
    start = 0
    while start < len(packed) and _SLICE.unpack_from(packed, start)[0] < earliest:
        start += _SLICE.size
    kept = packed[start:]
    if kept:
        last = Slice._make(_SLICE.unpack_from(kept, len(kept) - _SLICE.size))
        if last.at_ms // width_ms == at_ms // width_ms:
            grown = _SLICE.pack(
                at_ms, min(last.low, value), max(last.high, value), last.total + value, last.readings + 1
            )
            return kept[: -_SLICE.size] + grown
    return kept + _SLICE.pack(at_ms, value, value, value, 1)


def slices_of(packed: bytes) -> Sequence[Slice]:
    """The slices, oldest first."""
    return [Slice._make(each) for each in _SLICE.iter_unpack(packed)]
