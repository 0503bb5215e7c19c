"""Kinds that look at the three axes of one device at once: the true angle of a body, and axes that contradict.

Readings of the three that lie within ``within_s`` of each other are one sample, dated as the latest of them; each
reading counts for one sample only. What does not become complete in that time is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import asin, hypot, sin
from struct import Struct

from registry.domain.rules.conditions import DisagreeCondition, VectorCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.memory import NOTHING, WATCHING, Memory, Outcome, carrying, remembering
from registry.domain.rules.rule import Rule

Three = tuple[float, float, float]

_RADIANS = math.pi / 180.0
_AXIS = Struct("<Bqd")
_TWO_AXES = Struct("<BqdBqd")


class AxesGuard(Guard):
    """Gathers samples of three axes; what kind of level they make is the subclass's."""

    __slots__ = ("_points", "_within_ms")

    def __init__(
        self, plan: Plan, condition: VectorCondition | DisagreeCondition, points: Sequence[GuardPoint]
    ) -> None:
        super().__init__(plan, points[0].point_id)
        self._points = tuple(point.point_id for point in points)
        self._within_ms = round(condition.within_s * 1000)

    @property
    def point_ids(self) -> tuple[int, ...]:
        """The three axes, in the order of the condition."""
        return self._points

    def _level(self, sample: Three) -> float | None:
        """The level of a complete sample; None: it says nothing."""
        raise NotImplementedError

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        """Parts of a sample are not worth a row: what a crash leaves incomplete is dropped, as without one."""
        return (before is not None and before.phase is not WATCHING) or (
            after is not None and after.phase is not WATCHING
        )

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        axis = self._points.index(point_id)
        if memory is None:  # the first axis of a sample, as nearly always
            return remembering(_AXIS.pack(axis, at_ms, value), at_ms), ()
        packed = memory.seen
        if memory.last_ms == at_ms and memory.phase is WATCHING:  # the others, of the same moment
            sample = _one_moment(packed, axis, at_ms, value)
            if isinstance(sample, bytes):
                return remembering(sample, at_ms), ()
            if sample is not None:
                level = self._level(sample)
                return NOTHING if level is None else self.plan.ladder.judge(None, at_ms, level)
        known = {each: (when, number) for each, when, number in _AXIS.iter_unpack(packed)}
        newest = at_ms if not known else max([when for when, _ in known.values()])
        too_late = newest - at_ms > self._within_ms or (not known and at_ms <= memory.last_ms)
        if too_late or (axis in known and at_ms <= known[axis][0]):
            return memory, ()
        known[axis] = at_ms, value
        newest = max(newest, at_ms)
        known = {each: seen for each, seen in known.items() if newest - seen[0] <= self._within_ms}
        if len(known) < len(self._points):
            seen = b"".join(_AXIS.pack(each, *known[each]) for each in sorted(known))
            return carrying(memory, memory, seen, _judged_ms(memory, newest)), ()
        level = self._level((known[0][1], known[1][1], known[2][1]))
        if level is None:
            return carrying(memory, memory, b"", _judged_ms(memory, newest)), ()
        after, verdicts = self.plan.ladder.judge(memory, newest, level)
        return carrying(memory, after, b"", newest), verdicts


def _one_moment(packed: bytes, axis: int, at_ms: int, value: float) -> bytes | Three | None:
    """The sample with one more axis, packed until it is whole; None: its axes are not all of this very moment."""
    if len(packed) == _AXIS.size:
        other, when, _ = _AXIS.unpack(packed)
        if when != at_ms or other == axis:
            return None
        mine = _AXIS.pack(axis, at_ms, value)
        return packed + mine if other < axis else mine + packed
    if len(packed) != _TWO_AXES.size:
        return None
    one, one_ms, first, two, two_ms, second = _TWO_AXES.unpack(packed)
    if one_ms != at_ms or two_ms != at_ms or axis in (one, two):
        return None
    if axis == 2:
        return first, second, value
    return (first, value, second) if axis else (value, first, second)


class VectorGuard(AxesGuard):
    """The angle between where gravity pulls now and where it pulled when the device was fitted.

    Raises ``ValueError`` for accelerations without a baseline.
    """

    __slots__ = ("_fitted", "_inclined")

    def __init__(self, plan: Plan, condition: VectorCondition, points: Sequence[GuardPoint]) -> None:
        super().__init__(plan, condition, points)
        self._inclined = points[0].unit == "deg"
        x, y, z = (point.baseline for point in points)
        self._fitted = gravity((x, y, z)) if self._inclined else (x, y, z)
        if math.hypot(*self._fitted) == 0.0:
            raise ValueError("it needs the accelerations of the fitted device as baselines: calibrate the device")

    def _level(self, sample: Three) -> float | None:
        now = gravity(sample) if self._inclined else sample
        return None if math.hypot(*now) == 0.0 else angle_between(self._fitted, now)


class DisagreeGuard(AxesGuard):
    """How far the third axis is from what the two inclinations to the horizontal make it.

    Some makers give its angle to the vertical and some that to the horizontal: what fits either is no contradiction.
    Raises ``ValueError`` for a device that was fitted with axes which mean something else.
    """

    __slots__ = ()

    def __init__(self, plan: Plan, condition: DisagreeCondition, points: Sequence[GuardPoint]) -> None:
        super().__init__(plan, condition, points)
        x, y, z = (point.baseline for point in points)
        if contradiction((x, y, z)) >= condition.clear:
            raise ValueError("the baselines of its axes already contradict each other: they are not three inclinations")

    def _level(self, sample: Three) -> float | None:
        return contradiction(sample)


def contradiction(inclinations: Three) -> float:
    """By how many degrees three inclinations can't belong to one body."""
    x, y, z = inclinations
    flat = hypot(sin(x * _RADIANS), sin(y * _RADIANS))
    z = abs(z)
    follows = asin(min(flat, 1.0)) / _RADIANS
    off = min(abs(z - follows), abs(180.0 - z - follows), abs(abs(90.0 - z) - follows))
    # beyond 1 the two alone are more than upright, and no position at all looks like that
    return max(off, (flat - 1.0) / _RADIANS) if flat > 1.0 else off


def gravity(inclinations: Three) -> Three:
    """Where gravity pulls, given two inclinations to the horizontal and the angle to the vertical, in degrees."""
    x, y, z = inclinations
    return math.sin(math.radians(x)), math.sin(math.radians(y)), math.cos(math.radians(z))


def angle_between(one: Three, other: Three) -> float:
    """In degrees, 0 to 180; exact for small angles too."""
    cross = (
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )
    along = sum(a * b for a, b in zip(one, other, strict=True))
    return math.degrees(math.atan2(math.hypot(*cross), along))


def _judged_ms(memory: Memory, newest_ms: int) -> int:
    """What waits for its other axes was not judged yet."""
    return newest_ms if memory.phase is WATCHING else memory.last_ms


def axes_ladder(rule: Rule, condition: VectorCondition | DisagreeCondition) -> Ladder:
    """The steps of a rule on three axes."""
    return Ladder(
        rule,
        fire=condition.fire,
        clear=condition.clear,
        hold_s=condition.hold_s,
        clear_after_s=condition.clear_after_s,
    )
