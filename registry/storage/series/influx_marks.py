"""Which hours of the readings in an InfluxDB are not rolled up yet.

Every write of readings says in measurement ``touched`` which hours of which block (256 points) it touched: ``mark``, a
new number each time. Who has rolled up an hour writes that number as its ``folded``; an hour where they differ is to be
rolled up (again), whatever died in between. ``touched_days`` says the same of whole days, folded when all their hours
are: a chart of a year looks at those, and by the hour only at days that are not, or that nothing is said of.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from registry.storage.series.port import Row
from registry.storage.series.rollups import DAY_MS, HOUR_MS

BLOCK_BITS = 8
EARLIEST_MS = 0
LATEST_MS = 4_102_444_800_000  # 2100-01-01: InfluxDB's own bounds differ by version
_LOOKED_S = 1.0
_RUNS_LOOKED_AT = 8


class Marks:
    """The marks in one database. ``ask``: the series that each statement answers; ``place``: where they are kept."""

    def __init__(self, ask: Callable[[Sequence[str]], list[list[dict[str, Any]]]], place: str) -> None:
        self._ask = ask
        self._place = place
        self._looked: dict[tuple[int, ...], tuple[float, list[tuple[int, int]]]] = {}

    def forget(self) -> None:
        """Look again: something was written."""
        self._looked = {}

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

    def unrolled(self, blocks: Iterable[int], since_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """Spans of whole hours that the roll-ups of one of the blocks don't have yet.

        Looked up once a second for all panels of a board. What another process writes meanwhile into an hour that was
        rolled up is seen a second later; our own at once.
        """
        first = since_ms // DAY_MS * DAY_MS
        ordered = sorted(blocks)
        key = (first, until_ms, *ordered)
        kept_s, found = self._looked.get(key, (0.0, []))
        if kept_s > time.monotonic():
            return found
        head = f"SELECT mark, folded FROM {self._place}.touched WHERE mark != folded"  # noqa: S608
        answers = self._ask(
            [
                f"{head} AND block = '{block}' AND time >= {begin}ms AND time < {end}ms"
                for block, begin, end in self._days_to_look_at(ordered, first, until_ms)
            ]
        )
        hours = {row[0] for answer in answers for series in answer for row in series["values"]}
        found = list(runs(hours))
        now_s = time.monotonic()
        fresh = {each: kept for each, kept in self._looked.items() if kept[0] > now_s}
        self._looked = {**fresh, key: (now_s + _LOOKED_S, found)}
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

    def _days_to_look_at(self, blocks: Sequence[int], since_ms: int, until_ms: int) -> Iterator[tuple[int, int, int]]:
        """Runs of days that may have hours which are not rolled up: block, begin, end."""
        since_ms, until_ms = max(since_ms, EARLIEST_MS), min(until_ms, LATEST_MS)
        among = " OR ".join(f"block = '{block}'" for block in blocks)
        sql = (
            f"SELECT mark, folded FROM {self._place}.touched_days WHERE mark = folded"  # noqa: S608
            f" AND ({among}) AND time >= {since_ms}ms AND time < {until_ms}ms GROUP BY block"
        )
        done = {int(each["tags"]["block"]): {row[0] for row in each["values"]} for each in self._ask([sql])[0]}
        for block in blocks:
            rolled_up = done.get(block, ())
            open_days = list(runs((day for day in range(since_ms, until_ms, DAY_MS) if day not in rolled_up), DAY_MS))
            if len(open_days) > _RUNS_LOOKED_AT:
                open_days = [(open_days[0][0], open_days[-1][1])]
            for begin, end in open_days:
                yield block, begin, min(end, until_ms)


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
