"""Kinds that look at days: a battery whose daily lows run out, and a sensor whose daily medians creep.

A day is one of the city's calendar. A day is judged when the first reading of a later day comes, so a day on which
nothing came is simply missing. Numbers are kept as 32-bit floats: 30 days are 120 bytes.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from struct import Struct

from registry.domain.rules.conditions import DriftCondition, ForecastCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.memory import Memory, Outcome, carrying
from registry.domain.rules.rule import Rule

FAR_DAYS = 9999.0
"""As far as a forecast looks; also what one says that sees no end."""

MOST_SAMPLES = 32
MOST_DAYS = 366

_NONE = math.nan
_LEAP_STEPS = 6.0
_LEAP_SHARE = 0.05
_STEADY = 0.8
_TODAY = Struct("<iHII")
_SAMPLE = Struct("<f")
_DAY, _LOW = Struct("<i"), Struct("<f")

Days = list[tuple[int, float]]
"""Day number and its value, oldest first."""


class ForecastGuard(Guard):
    """When the trend of one point's daily lows reaches the level; its own level is how many days that is away."""

    __slots__ = ("_condition",)

    def __init__(self, plan: Plan, condition: ForecastCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._condition = condition

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        """A low of the running day is not worth a row: after a crash the next readings are as low."""
        return before is None or after is None or before.seen[:4] != after.seen[:4]

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        today = self.plan.day.number(at_ms)
        if memory is None or not memory.seen:
            return carrying(memory, memory, _packed([(today, value)]), at_ms), ()
        seen = memory.seen
        (last,) = _DAY.unpack_from(seen)
        if today < last:
            return memory, ()
        if today == last:
            packed = _LOW.pack(value)  # what is kept is rounded: the very same value again is no new low
            if _LOW.unpack(packed) >= _LOW.unpack_from(seen, len(seen) - _LOW.size):
                return memory, ()
            return carrying(memory, memory, seen[: -_LOW.size] + packed, at_ms), ()
        days, level = self._finished(_unpacked(seen))
        oldest = today - min(self._condition.history_days, MOST_DAYS)
        seen = _packed([*(each for each in days if each[0] >= oldest), (today, value)])
        if level is None:
            return carrying(memory, memory, seen, at_ms), ()
        after, verdicts = self.plan.ladder.judge(memory, at_ms, level)
        return carrying(memory, after, seen, at_ms), verdicts

    def _finished(self, days: Days) -> tuple[Days, float | None]:
        """The days that count, and in how many the trend gets there; None: too few to tell."""
        if _is_new_battery([low for _, low in days]):
            return days[-1:], FAR_DAYS
        if len(days) < self._condition.least_days:
            return days, None
        slope = trend(days)
        now = median(low - slope * (day - days[-1][0]) for day, low in days)
        if now <= self._condition.level:
            return days, 0.0
        if slope >= 0.0:
            return days, FAR_DAYS
        return days, min(FAR_DAYS, (now - self._condition.level) / -slope)


class DriftGuard(Guard):
    """How fast one point's daily medians creep; its level is the slope a day, 0 where they go to and fro."""

    __slots__ = ("_condition",)

    def __init__(self, plan: Plan, condition: DriftCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._condition = condition

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        """The samples of a day are not worth a row each."""
        return before is None or after is None or before.seen[:4] != after.seen[:4]

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        today = self.plan.day.number(at_ms)
        if memory is None or not memory.seen:
            return carrying(memory, memory, _Today(today, [], 1, 1, [value]).packed(), at_ms), ()
        if at_ms <= memory.last_ms:
            return memory, ()
        if today <= _TODAY.unpack_from(memory.seen)[0]:
            return carrying(memory, memory, _with_sample(memory.seen, value), at_ms), ()
        kept = _Today.unpacked(memory.seen)
        days, level = self._finished([*kept.days, (kept.day, median(kept.samples))])
        seen = _Today(today, days, 1, 1, [value]).packed()
        if level is None:
            return carrying(memory, memory, seen, at_ms), ()
        after, verdicts = self.plan.ladder.judge(memory, at_ms, level)
        return carrying(memory, after, seen, at_ms), verdicts

    def _finished(self, days: Days) -> tuple[Days, float | None]:
        """The days that count, and how fast they creep; None: too few to tell."""
        condition = self._condition
        wanted = min(condition.days, MOST_DAYS)
        days = [each for each in days if days[-1][0] - each[0] < 2 * wanted][-wanted:]
        for place in range(len(days) - 1, 0, -1):
            if abs(days[place][1] - days[place - 1][1]) >= condition.leap:  # it was hit, moved or fitted anew
                return days[place:], None
        if len(days) < wanted:
            return days, None
        slope = trend(days)
        same_way = sum(each * slope > 0.0 for each in slopes(days))
        return days, abs(slope) if same_way >= _STEADY * len(days) * (len(days) - 1) / 2 else 0.0


class _Today:
    """Finished days, and a thinned sample of the running one: every ``stride``-th of its readings, at most 32."""

    __slots__ = ("count", "day", "days", "samples", "stride")

    def __init__(self, day: int, days: Days, stride: int, count: int, samples: list[float]) -> None:
        self.day, self.days, self.stride, self.count, self.samples = day, days, stride, count, samples

    def with_sample(self, value: float) -> _Today:
        """One more reading of the same day."""
        stride, samples = self.stride, self.samples
        if self.count % stride == 0:
            samples = [*samples, value]
        if len(samples) == MOST_SAMPLES:
            stride, samples = stride * 2, samples[::2]
        return _Today(self.day, self.days, stride, self.count + 1, samples)

    def packed(self) -> bytes:
        days = _packed(self.days) if self.days else b""
        head = _TODAY.pack(self.day, len(days), self.stride, self.count)
        return head + days + Struct(f"<{len(self.samples)}f").pack(*self.samples)

    @staticmethod
    def unpacked(seen: bytes) -> _Today:
        day, length, stride, count = _TODAY.unpack_from(seen)
        start = _TODAY.size + length
        days = _unpacked(seen[_TODAY.size : start]) if length else []
        samples = Struct(f"<{(len(seen) - start) // 4}f").unpack(seen[start:])
        return _Today(day, days, stride, count, list(samples))


def _with_sample(seen: bytes, value: float) -> bytes:
    """``_Today.with_sample`` of what is packed, without unpacking all the days for it."""
    day, length, stride, count = _TODAY.unpack_from(seen)
    if count % stride:
        return _TODAY.pack(day, length, stride, count + 1) + seen[_TODAY.size :]
    if (len(seen) - _TODAY.size - length) // 4 == MOST_SAMPLES - 1:  # to be thinned
        return _Today.unpacked(seen).with_sample(value).packed()
    return _TODAY.pack(day, length, stride, count + 1) + seen[_TODAY.size :] + _SAMPLE.pack(value)


def _is_new_battery(lows: list[float]) -> bool:
    """Whether the last day leapt back to where it all began: what was before says nothing of it any more.

    The end of a cold spell can look like this too, and rightly ends a forecast that rested on the cold.
    """
    *before, last = lows
    if len(before) < 2:
        return False
    steps = [abs(later - earlier) for earlier, later in pairwise(before)]
    leap = last - before[-1]
    top = max(before)
    return leap > max(_LEAP_STEPS * median(steps), _LEAP_SHARE * abs(top)) and last >= top - _LEAP_SHARE * abs(top)


def slopes(days: Days) -> list[float]:
    """Between every two of the days, a day."""
    return [
        (later - earlier) / (day - before)
        for place, (day, later) in enumerate(days)
        for before, earlier in days[:place]
    ]


def trend(days: Days) -> float:
    """The Theil-Sen slope a day: the median of all slopes, so that a few strange days do not bend it."""
    return median(slopes(days)) if len(days) > 1 else 0.0


def forecast_ladder(rule: Rule, condition: ForecastCondition) -> Ladder:
    """Few days are bad."""
    return Ladder(rule, fire=condition.within_days, clear=condition.clear_days, above=False)


def drift_ladder(rule: Rule, condition: DriftCondition) -> Ladder:
    """Over when half as fast."""
    return Ladder(rule, fire=condition.per_day, clear=condition.per_day / 2)


def _packed(days: Days) -> bytes:
    """The last day's number, then a number a day up to it; a missing day is no number."""
    first, last = days[0][0], days[-1][0]
    values = [_NONE] * (last - first + 1)
    for day, value in days:
        values[day - first] = value
    return Struct(f"<i{len(values)}f").pack(last, *values)


def _unpacked(packed: bytes) -> Days:
    last, *values = Struct(f"<i{len(packed) // 4 - 1}f").unpack(packed)
    first = last - len(values) + 1
    return [(first + place, value) for place, value in enumerate(values) if not math.isnan(value)]
