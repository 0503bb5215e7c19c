"""Which hours of the readings in an InfluxDB are not rolled up yet.

Every write of readings says in measurement ``touched`` which hours of which block (256 points) it touched: ``mark``, a
new number each time. Who has rolled up an hour writes that number as its ``folded``; an hour where they differ is to be
rolled up (again), whatever died in between. ``touched_days`` says the same of whole days, folded when all their hours
are: a chart of a year looks at those, and by the hour only at days that are not.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Any, NamedTuple

from registry.storage.series.port import Row
from registry.storage.series.rollups import DAY_MS, HOUR_MS

BLOCK_BITS = 8
EARLIEST_MS = 0
LATEST_MS = 4_102_444_800_000  # 2100-01-01: InfluxDB's own bounds differ by version
LOOK_MS = 16 * DAY_MS
"""What is looked up of a block together."""

_LOOKED_S, _LOOKED_PATIENTLY_S = 1.0, 15.0
_RUNS_LOOKED_AT = 8
_MOST_KNOWN = 20_000

Days = Mapping[int, float]
"""Days of which something is said → the mark as of which they are rolled up, or NaN, which equals nothing."""


class _Known(NamedTuple):
    """What was said of the days of one block that lie together."""

    until_s: float
    days: Days
    hours: frozenset[int]


class Looked(NamedTuple):
    """Spans of whole hours that the roll-ups of one of the blocks don't have yet, and the days by block and
    ``LOOK_MS``."""

    unrolled: list[tuple[int, int]]
    days: dict[tuple[int, int], Days]


class Marks:
    """The marks in one database. ``ask``: the series that each statement answers; ``place``: where they are kept."""

    def __init__(self, ask: Callable[[Sequence[str]], list[list[dict[str, Any]]]], place: str) -> None:
        self._ask = ask
        self._place = place
        self._known: dict[tuple[int, int], _Known] = {}

    def forget(self) -> None:
        """Look again: something was written."""
        self._known = {}

    def touched(self, since_ms: int, until_ms: int) -> dict[tuple[int, int], dict[int, int]]:
        """Hours to be rolled up that begin in the span, both ends included: (block, day) → hour → mark."""
        found: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        for block, hour_ms, mark in self._unfolded("touched", since_ms, until_ms):
            found[block, hour_ms // DAY_MS * DAY_MS][hour_ms] = mark
        return found

    def touched_days(self, since_ms: int, until_ms: int) -> list[tuple[int, int, int]]:
        """Days not said to be rolled up whose hours all begin in the span, both ends included: block, day, mark.

        To be asked before ``touched``: a day that is touched after that has another mark than the one told here.
        """
        return list(self._unfolded("touched_days", since_ms, until_ms - DAY_MS + HOUR_MS))

    def look(self, blocks: Iterable[int], since_ms: int, until_ms: int, *, patient_ms: int = 0) -> Looked:
        """What is said of a span.

        Looked up once a second for all panels of a board, and every 15 s for what lies before ``patient_ms``. What
        another process writes meanwhile into an hour that was rolled up is seen that much later; our own at once.
        """
        first, until_ms = max(since_ms, EARLIEST_MS) // DAY_MS * DAY_MS, min(until_ms, LATEST_MS)
        begins = range(first // LOOK_MS * LOOK_MS, until_ms, LOOK_MS)
        wanted = [(block, begin) for block in sorted(blocks) for begin in begins]
        # where something is written meanwhile, this is forgotten, and what is found out now with it
        known, now_s = self._known, time.monotonic()
        if stale := [each for each in wanted if each not in known or known[each].until_s <= now_s]:
            known.update(self._look_up(stale, known, patient_ms))
            if len(known) > _MOST_KNOWN and self._known is known:
                self._known = {}
        hours = set().union(*(known[each].hours for each in wanted))
        unrolled = list(runs(hour for hour in hours if first <= hour < until_ms))
        return Looked(unrolled, {each: known[each].days for each in wanted})

    def _look_up(
        self, stale: Sequence[tuple[int, int]], known: Mapping[tuple[int, int], _Known], patient_ms: int
    ) -> dict[tuple[int, int], _Known]:
        blocks = sorted({block for block, _ in stale})
        since_ms, until_ms = min(begin for _, begin in stale), max(begin for _, begin in stale) + LOOK_MS
        days = self._days(blocks, since_ms, until_ms)
        hours = self._hours(days)
        now_s = time.monotonic()
        found = {}
        for key in stale:
            block, begin = key
            of_block = days.get(block, {})
            told = {day: of_block[day] for day in range(begin, begin + LOOK_MS, DAY_MS) if day in of_block}
            before = known.get(key)
            # the same as before stays the same object: who keeps what was read compares no more than that
            days_now = before.days if before is not None and before.days == told else told
            patience_s = _LOOKED_PATIENTLY_S if begin + LOOK_MS <= patient_ms else _LOOKED_S
            its = frozenset(hour for hour in hours.get(block, ()) if begin <= hour < begin + LOOK_MS)
            found[key] = _Known(now_s + patience_s, days_now, its)
        return found

    def _days(self, blocks: Sequence[int], since_ms: int, until_ms: int) -> dict[int, dict[int, float]]:
        among = " OR ".join(f"block = '{block}'" for block in blocks)
        sql = (
            f"SELECT mark, folded FROM {self._place}.touched_days WHERE ({among})"  # noqa: S608
            f" AND time >= {since_ms}ms AND time < {until_ms}ms GROUP BY block"
        )
        return {
            int(each["tags"]["block"]): {at: mark if mark == folded else nan for at, mark, folded in each["values"]}
            for each in self._ask([sql])[0]
        }

    def _hours(self, days: Mapping[int, Days]) -> dict[int, set[int]]:
        """Of days that are not said to be rolled up: the hours that are not."""
        head = f"SELECT mark, folded FROM {self._place}.touched WHERE mark != folded"  # noqa: S608
        asked = [
            (block, f"{head} AND block = '{block}' AND time >= {begin}ms AND time < {end}ms")
            for block, told in days.items()
            for begin, end in _together(runs((day for day, mark in told.items() if isnan(mark)), DAY_MS))
        ]
        found: dict[int, set[int]] = defaultdict(set)
        for (block, _), answer in zip(asked, self._ask([sql for _, sql in asked]), strict=True):
            found[block] |= {row[0] for series in answer for row in series["values"]}
        return found

    def _unfolded(self, measurement: str, since_ms: int, until_ms: int) -> Iterator[tuple[int, int, int]]:
        sql = (
            f"SELECT mark, folded FROM {self._place}.{measurement} WHERE mark != folded"  # noqa: S608
            f" AND time >= {since_ms}ms AND time <= {until_ms}ms GROUP BY block"
        )
        for series in self._ask([sql])[0]:
            block = int(series["tags"]["block"])
            for at_ms, mark, _ in series["values"]:
                yield block, at_ms, mark


def _together(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of days to look at by the hour: all at once when they are many."""
    each = list(found)
    return each if len(each) <= _RUNS_LOOKED_AT else [(each[0][0], each[-1][1])]


def touching(rows: Sequence[Row]) -> list[str]:
    """The lines that say that these readings' hours are to be rolled up (again)."""
    times = [row[1] for row in rows]
    first, last = min(times) // HOUR_MS * HOUR_MS, max(times) // HOUR_MS * HOUR_MS
    if first == last:  # nearly always: then the hour need not be worked out for each
        hours = {(block, first) for block in {row[0] >> BLOCK_BITS for row in rows}}
    else:
        hours = {(row[0] >> BLOCK_BITS, row[1] // HOUR_MS * HOUR_MS) for row in rows}
    days = {(block, hour_ms // DAY_MS * DAY_MS) for block, hour_ms in hours}
    said = f"folded=0i,mark={1 + secrets.randbelow(2**52)}i"
    lines = [f"touched,block={block} {said} {hour_ms}" for block, hour_ms in hours]
    return lines + [f"touched_days,block={block} {said} {day_ms}" for block, day_ms in days]


def hours_folded(block: int, hours: Mapping[int, int]) -> list[str]:
    """The lines that say that these hours (with their marks) are rolled up."""
    return [f"touched,block={block} folded={mark}i {hour_ms}" for hour_ms, mark in hours.items()]


def days_folded(days: Iterable[tuple[int, int, int]]) -> list[str]:
    """The same of whole days: block, day, mark."""
    return [f"touched_days,block={block} folded={mark}i {day_ms}" for block, day_ms, mark in days]


def runs(begins: Iterable[int], width_ms: int = HOUR_MS) -> Iterator[tuple[int, int]]:
    """Hours, or what is as wide, that follow one another: as (begin, end)."""
    begin = end = None
    for at in sorted(begins):
        if begin is not None and at == end:
            end = at + width_ms
            continue
        if begin is not None and end is not None:
            yield begin, end
        begin, end = at, at + width_ms
    if begin is not None and end is not None:
        yield begin, end
