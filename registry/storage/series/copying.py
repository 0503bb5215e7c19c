"""Moving history from one series store to another, both of them alive: a day of a point at a time.

What to do is found by looking: a day of which the other store has fewer readings is copied. So a copy that was
interrupted goes on where it was, one that is run again only brings what has come meanwhile, and what was counted at the
end is the proof. Readings are copied with their quality and times; roll-ups are made anew by the store that gets them,
except those whose readings are gone, which are copied themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from registry.storage.series.port import SeriesRow, SeriesStore
from registry.storage.series.rollups import DAY_MS, ROLLUPS

_ROWS_AT_ONCE = 10_000
_SLOTS_AT_ONCE = 10_000
_FOLDED_EVERY = 200_000
_FROM_MS = 0
_MOST_NAMED = 20


@dataclass(kw_only=True)
class Copied:
    """What a copy did and what it leaves: ``missing`` readings the other store still lacks, 0 when all is there.

    ``refused``: among the missing, those that the other store does not take (older than it keeps), with one reason.
    ``short``: (point, start of the day in ms, readings that are missing), the first 20.
    """

    points: int = 0
    copied: int = 0
    slots: int = 0
    source_readings: int = 0
    target_readings: int = 0
    missing: int = 0
    refused: int = 0
    reason: str = ""
    short: list[tuple[int, int, int]] = field(default_factory=list)


def copy_series(
    source: SeriesStore,
    target: SeriesStore,
    *,
    clock: Callable[[], datetime],
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Copied:
    """Bring every reading of ``source`` into ``target``; then count both.

    ``tell(points done, of how many)`` is called after each point. Interrupted in any way, it goes on when it is run
    again. Raises ``StoreDown``.
    """
    done = Copied()
    points = source.points()
    folded = 0
    for number, point_id in enumerate(points):
        _copy_point(source, target, point_id, done)
        if done.copied - folded >= _FOLDED_EVERY:
            target.fold(clock())
            folded = done.copied
        tell(number + 1, len(points))
    target.fold(clock())
    done.points = len(points)
    for point_id in points:
        _compare(source, target, point_id, done)
    return done


def _copy_point(source: SeriesStore, target: SeriesStore, point_id: int, done: Copied) -> None:
    there = target.days(point_id)
    for day_ms, readings in sorted(source.days(point_id).items()):
        if there.get(day_ms, 0) < readings:
            _copy_day(source, target, point_id, day_ms, done)
    _copy_slots(source, target, point_id, done)


def _copy_day(source: SeriesStore, target: SeriesStore, point_id: int, day_ms: int, done: Copied) -> None:
    for rows in _day(source, point_id, day_ms):
        refused = target.append(rows)
        done.copied += len(rows) - len(refused)
        if refused:
            done.refused += len(refused)
            done.reason = refused[0].reason


def _day(source: SeriesStore, point_id: int, day_ms: int) -> Iterator[list[SeriesRow]]:
    at, until = day_ms, day_ms + DAY_MS
    while rows := source.window(point_id, at, until, _ROWS_AT_ONCE):
        yield rows
        at = rows[-1].measured_ms + 1


def _copy_slots(source: SeriesStore, target: SeriesStore, point_id: int, done: Copied) -> None:
    """Roll-ups of the time of which one of the two has no readings any more."""
    until = max(source.raw_from_ms(), target.raw_from_ms())
    if not until:
        return
    for level in ROLLUPS:
        slots = source.slots(point_id, level, _FROM_MS, until)
        there = {slot.at_ms: slot.readings for slot in target.slots(point_id, level, _FROM_MS, until)}
        fuller = [slot for slot in slots if there.get(slot.at_ms, 0) < slot.readings]
        for start in range(0, len(fuller), _SLOTS_AT_ONCE):
            target.put_slots(point_id, level, fuller[start : start + _SLOTS_AT_ONCE])
        done.slots += len(fuller)


def _compare(source: SeriesStore, target: SeriesStore, point_id: int, done: Copied) -> None:
    has, got = source.days(point_id), target.days(point_id)
    done.source_readings += sum(has.values())
    done.target_readings += sum(got.values())
    for day_ms, readings in sorted(has.items()):
        lacks = readings - got.get(day_ms, 0)
        if lacks > 0:
            done.missing += lacks
            if len(done.short) < _MOST_NAMED:
                done.short.append((point_id, day_ms, lacks))
