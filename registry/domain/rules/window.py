"""Kinds that look at a stretch of one point's readings: how fast it changes, and what they amount to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from registry.domain.rules.conditions import Aggregate, Direction, RateCondition, WindowCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.limit import Scale
from registry.domain.rules.memory import Memory, Outcome, carrying
from registry.domain.rules.rule import Rule
from registry.domain.rules.slices import Slice, slices_of, with_reading


class RateGuard(Guard):
    """By how much one point changed within the window."""

    __slots__ = ("_direction", "_window_ms")

    def __init__(self, plan: Plan, condition: RateCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._direction = condition.direction
        self._window_ms = round(condition.window_s * 1000)

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        if memory is not None and at_ms <= memory.last_ms:
            return memory, ()
        seen = with_reading(b"" if memory is None else memory.seen, at_ms, value, self._window_ms)
        after, verdicts = self.plan.ladder.judge(memory, at_ms, self._change(slices_of(seen), value))
        return carrying(memory, after, seen, at_ms), verdicts

    def _change(self, slices: Sequence[Slice], value: float) -> float:
        rise = value - min(each.low for each in slices)
        fall = max(each.high for each in slices) - value
        if self._direction is Direction.RISE:
            return rise
        return fall if self._direction is Direction.FALL else max(rise, fall)


class WindowGuard(Guard):
    """An aggregate of one point's readings in the window."""

    __slots__ = ("_least", "_made", "_scale", "_window_ms")

    def __init__(self, plan: Plan, condition: WindowCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._scale = Scale(condition, point)
        self._made = AGGREGATES[condition.aggregate]
        self._window_ms = round(condition.window_s * 1000)
        self._least = condition.least

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        if memory is not None and at_ms <= memory.last_ms:
            return memory, ()
        level = self._scale.level(value)
        seen = with_reading(b"" if memory is None else memory.seen, at_ms, level, self._window_ms)
        slices = slices_of(seen)
        if sum(each.readings for each in slices) < self._least:
            return carrying(memory, memory, seen, at_ms), ()
        after, verdicts = self.plan.ladder.judge(memory, at_ms, self._made(slices))
        return carrying(memory, after, seen, at_ms), verdicts


def _count(slices: Sequence[Slice]) -> float:
    return float(sum(each.readings for each in slices))


def _sum(slices: Sequence[Slice]) -> float:
    return sum(each.total for each in slices)


def _mean(slices: Sequence[Slice]) -> float:
    return _sum(slices) / _count(slices)


def _low(slices: Sequence[Slice]) -> float:
    return min(each.low for each in slices)


def _high(slices: Sequence[Slice]) -> float:
    return max(each.high for each in slices)


def _range(slices: Sequence[Slice]) -> float:
    return _high(slices) - _low(slices)


AGGREGATES: dict[Aggregate, Callable[[Sequence[Slice]], float]] = {
    Aggregate.MEAN: _mean,
    Aggregate.MINIMUM: _low,
    Aggregate.MAXIMUM: _high,
    Aggregate.RANGE: _range,
    Aggregate.COUNT: _count,
    Aggregate.SUM: _sum,
}


def rate_ladder(rule: Rule, condition: RateCondition) -> Ladder:
    """The steps of a rate rule."""
    return Ladder(
        rule,
        fire=condition.fire,
        clear=condition.clear,
        hold_s=condition.hold_s,
        clear_after_s=condition.clear_after_s,
    )


def window_ladder(rule: Rule, condition: WindowCondition) -> Ladder:
    """The steps of a window rule."""
    return Ladder(
        rule,
        fire=condition.fire,
        clear=condition.clear,
        above=condition.above,
        hold_s=condition.hold_s,
        clear_after_s=condition.clear_after_s,
    )
