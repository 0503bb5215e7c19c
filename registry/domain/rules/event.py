"""Events that others saw (video analytics, another platform, a sensor's own alarm flag): 1 or more, and 0 when over."""

from __future__ import annotations

from registry.domain.kinds import Severity
from registry.domain.rules.conditions import EventCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.memory import FIRING, NOTHING, Memory, Outcome, Verdict, VerdictKind


class EventGuard(Guard):
    """One point of events. A value above 1 says how bad it is; it is never taken for less than the rule's severity."""

    __slots__ = ("_expire_ms",)

    def __init__(self, plan: Plan, condition: EventCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._expire_ms = round(condition.expire_s * 1000)
        if not plan.lateness_ms:
            self.calm_above, self.calm_below = float("-inf"), 1.0

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        if memory is None:
            return NOTHING if value < 1.0 else self._begin(at_ms, value)
        if at_ms <= memory.last_ms:
            return memory, ()
        if self._expire_ms and at_ms - memory.last_ms >= self._expire_ms:
            _, over = self._end(memory, memory.last_ms + self._expire_ms)
            after, again = self._judge(None, point_id, at_ms, value)
            return after, over + again
        if value < 1.0:
            return self._end(memory, at_ms)
        severity = self._severity(value)
        after = Memory(FIRING, memory.since_ms, at_ms, value, began_ms=memory.began_ms)
        if severity is not self._severity(memory.level):
            return after, (Verdict(VerdictKind.STEP, memory.began_ms, at_ms, value, severity),)
        return (after if self._expire_ms else memory), ()

    def _tick(self, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
        if not self._expire_ms or now_ms - memory.last_ms < self._expire_ms + grace_ms:
            return memory, ()
        return self._end(memory, memory.last_ms + self._expire_ms)

    def _due_ms(self, memory: Memory) -> int | None:
        return memory.last_ms + self._expire_ms if self._expire_ms else None

    def _begin(self, at_ms: int, value: float) -> Outcome:
        memory = Memory(FIRING, at_ms, at_ms, value, began_ms=at_ms)
        return memory, (Verdict(VerdictKind.FIRE, at_ms, at_ms, value, self._severity(value)),)

    def _end(self, memory: Memory, at_ms: int) -> Outcome:
        return None, (Verdict(VerdictKind.CLEAR, memory.began_ms, at_ms, 0.0, self._severity(memory.level)),)

    def _severity(self, value: float) -> Severity:
        return Severity(max(int(self.plan.rule.severity), min(int(value), int(Severity.CRITICAL))))
