"""Slots of roll-ups that were read before: a board that is drawn again asks the server only for what may have changed.

A server takes longer to write out fifty curves of a year than to find them, and of a year on a board that is looked at
all day nothing changes but today. So what was read of days that are over is kept as long as the marks of these days
(``influx_marks``) are those of when it was read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np

from registry.storage.series.columns import Parts
from registry.storage.series.influx_marks import BLOCK_BITS, LOOK_MS, Days
from registry.storage.series.rollups import DAY_MS, Piece

_SHELF_MS = {"five_minutes": DAY_MS, "hours": DAY_MS, "days": 16 * DAY_MS}
_MOST_BYTES = 32 << 20
_OWN_BYTES = 300  # what a shelf takes beside its numbers

_Key = tuple[str, int, int]


class _Shelf(NamedTuple):
    """What was read of one point and level, and the days as they were said to be just before."""

    days: Days
    parts: Parts


class Taken(NamedTuple):
    """What is there of a piece, and what is to be read: which points of it, and from when until when."""

    parts: list[Parts]
    lacking: list[int]
    since_ms: int
    until_ms: int


class KeptSlots:
    """Slots by level, point and time, those that nobody asked for longest given up first. Safe for several threads.

    ``days``, wherever it stands, is what ``Marks.look`` said of all that a piece lies in before the slots are read.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._shelves: OrderedDict[_Key, _Shelf] = OrderedDict()
        self._bytes = 0

    def take(self, piece: Piece, point_ids: Iterable[int], days: Mapping[tuple[int, int], Days]) -> Taken:
        """What is kept of a piece; it may reach beyond the piece, and so may what is to be read."""
        width = _SHELF_MS[piece.level]
        begins = range(piece.since_ms // width * width, piece.until_ms, width)
        found: dict[tuple[int, int], Parts] = {}
        lacking: list[tuple[int, int]] = []
        compared: dict[tuple[int, int, int], bool] = {}  # points of one block were mostly read together
        with self._lock:
            for point_id, begin in product(point_ids, begins):
                key, block = (piece.level, point_id, begin), point_id >> BLOCK_BITS
                shelf, now = self._shelves.get(key), days.get((block, begin // LOOK_MS * LOOK_MS))
                if shelf is None or now is None:
                    lacking.append((point_id, begin))
                    continue
                pair = (id(shelf.days), block, begin)
                if pair not in compared:
                    span = max(begin, piece.since_ms), min(begin + width, piece.until_ms)
                    compared[pair] = _same(shelf.days, now, *span)
                if compared[pair]:
                    found[point_id, begin] = shelf.parts
                    self._shelves.move_to_end(key)
                else:
                    lacking.append((point_id, begin))
        if not lacking:
            return Taken(list(found.values()), [], piece.since_ms, piece.since_ms)
        again = {point_id for point_id, _ in lacking}
        first, last = min(begin for _, begin in lacking), max(begin for _, begin in lacking)
        parts = [each for (point_id, at), each in found.items() if point_id not in again or not first <= at <= last]
        return Taken(parts, sorted(again), first, last + width)

    def put(self, level: str, taken: Taken, read: Parts, days: Mapping[tuple[int, int], Days]) -> None:
        """Keep what was read because it was lacking: all slots of these points and this time, also where are none."""
        width = _SHELF_MS[level]
        order = np.lexsort((read[:, 1], read[:, 0]))
        read = read[order]
        edges = np.arange(taken.since_ms, taken.until_ms + 1, width)
        begins = np.searchsorted(read[:, 0], taken.lacking)
        ends = np.searchsorted(read[:, 0], taken.lacking, side="right")
        made: list[tuple[_Key, _Shelf]] = []
        for point_id, begin, end in zip(taken.lacking, begins.tolist(), ends.tolist(), strict=True):
            cuts = (begin + np.searchsorted(read[begin:end, 1], edges)).tolist()
            for place, at in enumerate(edges[:-1].tolist()):
                now = days.get((point_id >> BLOCK_BITS, at // LOOK_MS * LOOK_MS))
                if now is not None:
                    # a copy: a part of the answer would keep the whole of it in memory
                    parts = read[cuts[place] : cuts[place + 1]].copy()
                    made.append(((level, point_id, at), _Shelf(now, parts)))
        with self._lock:
            for key, shelf in made:
                self._drop(self._shelves.pop(key, None))
                self._shelves[key] = shelf
                self._bytes += shelf.parts.nbytes + _OWN_BYTES
            while self._bytes > self._most_bytes:
                self._drop(self._shelves.popitem(last=False)[1])

    def _drop(self, shelf: _Shelf | None) -> None:
        if shelf is not None:
            self._bytes -= shelf.parts.nbytes + _OWN_BYTES


def _same(before: Days, now: Days, since_ms: int, until_ms: int) -> bool:
    """Whether nothing was written to these days since: also where nothing is said of a day, then and now. Of one that
    is not rolled up nobody can say so."""
    return all(before.get(day) == now.get(day) for day in range(since_ms // DAY_MS * DAY_MS, until_ms, DAY_MS))
