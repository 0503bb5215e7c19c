"""A sensor that says exactly the same number again and again is not measuring."""

from __future__ import annotations

from registry.domain.rules.conditions import StuckCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.memory import FIRING, WATCHING, Memory, Outcome, Verdict, VerdictKind


class StuckGuard(Guard):
    """One point whose equal readings are counted; any other value ends the alert."""

    __slots__ = ("_for_ms", "_samples")

    def __init__(self, plan: Plan, condition: StuckCondition, point: GuardPoint) -> None:
        super().__init__(plan, point.point_id)
        self._samples = condition.samples
        self._for_ms = round(condition.for_s * 1000)

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        return False

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        if memory is None:
            return Memory(WATCHING, at_ms, at_ms, value), ()
        if at_ms <= memory.last_ms:
            return memory, ()
        severity = self.plan.rule.severity
        if value != memory.level:
            fresh = Memory(WATCHING, at_ms, at_ms, value)
            if memory.phase is not FIRING:
                return fresh, ()
            return fresh, (Verdict(VerdictKind.CLEAR, memory.began_ms, at_ms, value, severity),)
        if memory.phase is FIRING:
            return memory, ()
        samples, since_ms = memory.samples + 1, memory.since_ms
        if samples < self._samples or at_ms - since_ms < self._for_ms:
            return Memory(WATCHING, since_ms, at_ms, value, samples), ()
        fired = Memory(FIRING, at_ms, at_ms, value, samples, since_ms)
        return fired, (Verdict(VerdictKind.FIRE, since_ms, at_ms, value, severity),)
