"""The commonest kind: a value against a limit, at once or held, by each reading or by so many of the last few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from struct import Struct

from msgspec.structs import replace

from registry.domain.rules.conditions import Comparison, LimitCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.memory import NOTHING, WATCHING, Memory, Outcome, remembering
from registry.domain.rules.rule import Rule

MOST_VOTES = 64


class Scale:
    """How a value of one point becomes the level that a comparison looks at.

    Raises ``ValueError`` when that can't be (a share of the full scale of a point that has none).
    """

    __slots__ = ("factor", "magnitude", "offset")

    def __init__(self, comparison: Comparison, point: GuardPoint) -> None:
        self.offset = point.baseline if comparison.relative else 0.0
        self.magnitude = comparison.magnitude
        self.factor = 1.0
        if comparison.of_full_scale:
            if not point.full_scale:
                raise ValueError(f"it looks at a share of the full scale, and point {point.point_id} has none: set one")
            self.factor = 1.0 / point.full_scale

    def level(self, value: float) -> float:
        """The level of ``value``."""
        level = (value - self.offset) * self.factor
        return -level if self.magnitude and level < 0.0 else level

    def calm(self, fire: float, *, above: bool) -> tuple[float, float]:
        """Strictly between these a value is a hair inside the limit, so that rounding never hides a breach."""
        edge = fire / self.factor
        if not above:
            # a magnitude is low on both sides of the baseline: no single span is calm
            return (
                (math.inf, -math.inf) if self.magnitude else (self.offset + edge + _hair(edge, self.offset), math.inf)
            )
        if self.magnitude and fire <= 0.0:
            return math.inf, -math.inf
        inside = edge - _hair(edge, self.offset)
        return (self.offset - inside if self.magnitude else -math.inf), self.offset + inside


class LimitGuard(Guard):
    """One point against the limits of a ladder."""

    __slots__ = ("_of", "_scale", "_votes")

    def __init__(self, plan: Plan, condition: LimitCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._scale = Scale(condition, point)
        self._votes, self._of = condition.votes, min(condition.of, MOST_VOTES)
        if not plan.lateness_ms:
            self.calm_above, self.calm_below = self._scale.calm(condition.fire, above=condition.above)

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        if memory is not None and at_ms <= memory.last_ms:
            return memory, ()
        ladder = self.plan.ladder
        level = self._scale.level(value)
        if self._of == 1:
            return ladder.judge(memory, at_ms, level)
        return self._vote(ladder, memory, at_ms, level)

    def _vote(self, ladder: Ladder, memory: Memory | None, at_ms: int, level: float) -> Outcome:
        """At least ``votes`` of the last ``of`` reach a limit exactly when the worst but ``votes - 1`` of them does."""
        levels = [*_unpacked(memory), level][-self._of :]
        worst_first = sorted(levels, key=ladder.worse, reverse=True)
        after, verdicts = memory, NOTHING[1]
        if len(levels) >= self._votes:
            after, verdicts = ladder.judge(memory, at_ms, worst_first[self._votes - 1])
        if after is None and ladder.worse(worst_first[0]) < ladder.fire_at[0]:
            return None, verdicts  # none of them counts: readings that are not remembered don't either
        if after is None or after.phase is WATCHING:
            return remembering(_packed(levels), at_ms), verdicts
        return replace(after, seen=_packed(levels), last_ms=at_ms), verdicts


def limit_ladder(rule: Rule, condition: LimitCondition) -> Ladder:
    """The steps of a limit rule."""
    return Ladder(
        rule,
        fire=condition.fire,
        clear=condition.clear,
        above=condition.above,
        hold_s=condition.hold_s,
        clear_after_s=condition.clear_after_s,
        gap_s=condition.gap_s,
    )


def _hair(edge: float, offset: float) -> float:
    return (abs(edge) + abs(offset)) * 1e-9 + 1e-12


def _unpacked(memory: Memory | None) -> tuple[float, ...]:
    if memory is None or not memory.seen:
        return ()
    return Struct(f"<{len(memory.seen) // 8}d").unpack(memory.seen)


def _packed(levels: Sequence[float]) -> bytes:
    return Struct(f"<{len(levels)}d").pack(*levels)
