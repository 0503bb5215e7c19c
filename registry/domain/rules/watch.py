"""Deciding: a rule, its memory of one point, the next reading → the new memory and, seldom, a verdict.

Everything is event time in whole milliseconds; nothing reads a clock. The same functions serve live intake and replay,
so feeding a stream in any batches, or after a restart with the stored memory, gives the same verdicts. Late readings
are not for these functions: the caller leaves out whatever is not newer than the point's latest value.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

import msgspec

from registry.domain.rules.conditions import LimitCondition, StuckCondition
from registry.domain.rules.rule import Rule


class Phase(StrEnum):
    """Where a rule stands with one point; no memory at all means nothing is wrong."""

    WATCHING = "watching"
    PENDING = "pending"
    FIRING = "firing"
    CLEARING = "clearing"


class Memory(msgspec.Struct, frozen=True, gc=False):
    """What a rule remembers of one point: times in milliseconds of event time."""

    phase: Phase
    since_ms: int
    last_ms: int
    level: float
    samples: int = 1
    began_ms: int = 0


class VerdictKind(StrEnum):
    """What a reading changed."""

    FIRE = "fire"
    WORSEN = "worsen"
    CLEAR = "clear"


class Verdict(NamedTuple):
    """A change of an alert: since when the condition was seen, when it was decided, at which level."""

    kind: VerdictKind
    began_ms: int
    at_ms: int
    level: float


Outcome = tuple[Memory | None, Verdict | None]

_IDLE: Outcome = (None, None)
# an alert is written again only when it got clearly worse, not at every tremor
_WORSE_BY = 1.1


class Watch:
    """One rule applied to one point: the rule's numbers in that point's own terms, ready for the hot path.

    Raises ``ValueError`` when the rule can't be applied (a share of full scale of a point without one).
    """

    __slots__ = (
        "_above",
        "_clear",
        "_clear_ms",
        "_fire",
        "_gap_ms",
        "_hold_ms",
        "_magnitude",
        "_offset",
        "_samples",
        "_scale",
        "calm_above",
        "calm_below",
        "point_id",
        "rule",
        "stuck",
    )

    def __init__(self, rule: Rule, point_id: int, *, baseline: float = 0.0, full_scale: float | None = None) -> None:
        condition = rule.condition
        self.rule = rule
        self.point_id = point_id
        self.stuck = isinstance(condition, StuckCondition)
        self._offset, self._scale, self._samples = 0.0, 1.0, 0
        # without memory, a value strictly between these changes nothing: lets the hot path skip most evaluations
        self.calm_above, self.calm_below = math.inf, -math.inf
        if isinstance(condition, StuckCondition):
            self._samples = condition.samples
            self._hold_ms = round(condition.for_s * 1000)
            return
        if not isinstance(condition, LimitCondition):
            raise ValueError(f"rule {rule.key} looks at silence, not at readings")
        self._above, self._magnitude = condition.above, condition.magnitude
        self._fire, self._clear = condition.fire, condition.clear
        self._hold_ms = round(condition.hold_s * 1000)
        self._clear_ms = round(condition.clear_after_s * 1000)
        self._gap_ms = round(condition.gap_s * 1000)
        if condition.relative:
            self._offset = baseline
        if condition.of_full_scale:
            if not full_scale:
                raise ValueError(f"rule {rule.key} needs the full scale of point {point_id}")
            self._scale = 1.0 / full_scale
        self._find_calm()

    def evaluate(self, memory: Memory | None, at_ms: int, value: float) -> Outcome:
        """What the next reading in event time changes."""
        if self.stuck:
            return self._evaluate_stuck(memory, at_ms, value)
        level = (value - self._offset) * self._scale
        if self._magnitude and level < 0.0:
            level = -level
        breached = level >= self._fire if self._above else level <= self._fire
        if memory is None:
            return self._begin(at_ms, level) if breached else _IDLE
        if memory.phase is Phase.PENDING:
            return self._hold(memory, at_ms, level, breached=breached)
        return self._firing(memory, at_ms, level)

    def _find_calm(self) -> None:
        # a hair inside the limit, so that rounding never hides a breach
        edge = abs(self._fire / self._scale) - abs(self._fire / self._scale) * 1e-9
        if not self._above:
            self.calm_above, self.calm_below = self._offset + self._fire / self._scale + 1e-6, math.inf
        elif self._fire > 0.0:
            self.calm_above = self._offset - edge if self._magnitude else -math.inf
            self.calm_below = self._offset + edge

    def tick(self, memory: Memory, now_ms: int, *, grace_ms: int) -> Outcome:
        """Time alone: a breach that nobody took back within its hold time (and the grace for news on the way) fires.

        A rule that forgives gaps waits for readings: one burst is no rattling.
        """
        if self.stuck or memory.phase is not Phase.PENDING or self._gap_ms:
            return memory, None
        if now_ms - memory.last_ms < self._hold_ms + grace_ms:
            return memory, None
        return self._fire_now(memory.since_ms, memory.last_ms + self._hold_ms, memory.last_ms, memory.level)

    def _begin(self, at_ms: int, level: float) -> Outcome:
        if self._hold_ms <= 0:
            return self._fire_now(at_ms, at_ms, at_ms, level)
        return Memory(Phase.PENDING, at_ms, at_ms, level), None

    def _hold(self, memory: Memory, at_ms: int, level: float, *, breached: bool) -> Outcome:
        quiet_ms = at_ms - memory.last_ms
        if not breached:
            return (memory, None) if quiet_ms <= self._gap_ms else _IDLE
        if self._gap_ms and quiet_ms > self._gap_ms:
            return self._begin(at_ms, level)
        worst = self._worse(memory.level, level)
        if at_ms - memory.since_ms >= self._hold_ms:
            return self._fire_now(memory.since_ms, at_ms, at_ms, worst)
        return Memory(Phase.PENDING, memory.since_ms, at_ms, worst), None

    def _firing(self, memory: Memory, at_ms: int, level: float) -> Outcome:
        calm = level < self._clear if self._above else level > self._clear
        if not calm:
            worst = self._worse(memory.level, level)
            if memory.phase is Phase.FIRING and worst == memory.level:
                return memory, None
            verdict = None
            if self._much_worse(memory.level, worst):
                verdict = Verdict(VerdictKind.WORSEN, memory.began_ms, at_ms, worst)
            else:
                worst = memory.level
            return Memory(Phase.FIRING, memory.since_ms, at_ms, worst, 1, memory.began_ms), verdict
        since_ms = memory.since_ms if memory.phase is Phase.CLEARING else at_ms
        if at_ms - since_ms >= self._clear_ms:
            return None, Verdict(VerdictKind.CLEAR, memory.began_ms, at_ms, level)
        return Memory(Phase.CLEARING, since_ms, at_ms, memory.level, 1, memory.began_ms), None

    def _fire_now(self, began_ms: int, at_ms: int, last_ms: int, level: float) -> Outcome:
        memory = Memory(Phase.FIRING, at_ms, last_ms, level, 1, began_ms)
        return memory, Verdict(VerdictKind.FIRE, began_ms, at_ms, level)

    def _worse(self, one: float, other: float) -> float:
        return max(one, other) if self._above else min(one, other)

    def _much_worse(self, before: float, after: float) -> bool:
        return after > before * _WORSE_BY if self._above else after * _WORSE_BY < before

    def _evaluate_stuck(self, memory: Memory | None, at_ms: int, value: float) -> Outcome:
        if memory is None or value != memory.level:
            fresh = Memory(Phase.WATCHING, at_ms, at_ms, value)
            if memory is None or memory.phase is not Phase.FIRING:
                return fresh, None
            return fresh, Verdict(VerdictKind.CLEAR, memory.began_ms, at_ms, value)
        samples = memory.samples + 1
        if memory.phase is Phase.WATCHING and samples >= self._samples and at_ms - memory.since_ms >= self._hold_ms:
            fired = Memory(Phase.FIRING, at_ms, at_ms, value, samples, memory.since_ms)
            return fired, Verdict(VerdictKind.FIRE, memory.since_ms, at_ms, value)
        return Memory(memory.phase, memory.since_ms, at_ms, value, samples, memory.began_ms), None
