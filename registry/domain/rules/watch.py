"""One rule on one point with at most one verdict a reading: what intake used before there were guards."""

from __future__ import annotations

import msgspec

from registry.domain.kinds import Family
from registry.domain.rules.compiling import guards_for
from registry.domain.rules.conditions import NoDataCondition, StuckCondition
from registry.domain.rules.guard import GuardPoint, WatchedAsset
from registry.domain.rules.memory import Memory, Phase, Verdict, VerdictKind
from registry.domain.rules.rule import Rule

__all__ = ["Memory", "Outcome", "Phase", "Verdict", "VerdictKind", "Watch"]

Outcome = tuple[Memory | None, Verdict | None]


class Watch:
    """A guard of one point. Raises ``ValueError`` when the rule can't be applied to it."""

    __slots__ = ("_guard", "calm_above", "calm_below", "point_id", "rule", "stuck")

    def __init__(self, rule: Rule, point_id: int, *, baseline: float = 0.0, full_scale: float | None = None) -> None:
        if isinstance(rule.condition, NoDataCondition):
            raise ValueError(f"rule {rule.key} looks at silence, not at readings")
        point = GuardPoint(point_id=point_id, name=rule.point or "", baseline=baseline, full_scale=full_scale)
        asset = WatchedAsset(asset_id=0, family=rule.family or Family.OTHER)
        plain = msgspec.structs.replace(rule, flapping=None, hours=(), lateness_s=0.0)
        guards = guards_for([plain], [point], asset=asset)
        if not guards:
            raise ValueError(f"rule {rule.key} looks at more than one point")
        (self._guard,) = guards
        self.rule, self.point_id = rule, point_id
        self.stuck = isinstance(rule.condition, StuckCondition)
        self.calm_above, self.calm_below = self._guard.calm_above, self._guard.calm_below

    def evaluate(self, memory: Memory | None, at_ms: int, value: float) -> Outcome:
        """What the next reading in event time changes."""
        after, verdicts = self._guard.evaluate(memory, self.point_id, at_ms, value)
        return after, next(iter(verdicts), None)

    def tick(self, memory: Memory, now_ms: int, *, grace_ms: int) -> Outcome:
        """What time alone changes."""
        after, verdicts = self._guard.tick(memory, now_ms, grace_ms=grace_ms)
        return after, next(iter(verdicts), None)
