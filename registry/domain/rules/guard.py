"""The guard: one rule over the points of one anchor point, ready for the hot path.

``guard.evaluate(memory, point_id, at_ms, value)`` is pure. Nothing reads a clock: time is event time in whole
milliseconds. Feeding a stream in any batches, with the stored memory in between, gives the same verdicts. A caller
leaves out readings that are not newer than the newest of the same point, save within ``lateness_ms``: a repeat, or
what comes later than that, changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import tzinfo

import msgspec

from registry.domain.kinds import Family
from registry.domain.rules import holding, lateness
from registry.domain.rules.holding import Holding
from registry.domain.rules.hours import CityDay
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.memory import WATCHING, Memory, Outcome
from registry.domain.rules.rule import Rule


class GuardPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point as guards must know it. ``baseline`` and ``full_scale`` are in its own unit, ``device`` is a serial."""

    point_id: int
    name: str
    unit: str = ""
    baseline: float = 0.0
    full_scale: float | None = None
    device: str = ""


class WatchedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset as rules choose by it; ``area_code`` empty: it lies in no area of the city."""

    asset_id: int
    family: Family
    scheme: str = ""
    class_code: str = ""
    area_code: str = ""


class Plan:
    """A rule in force with all that is the same for every point it watches; one for thousands of guards."""

    __slots__ = ("day", "holding", "ladder", "lateness_ms", "rule")

    def __init__(self, rule: Rule, ladder: Ladder, *, zone: tzinfo) -> None:
        self.rule = rule
        self.ladder = ladder
        self.day = CityDay(zone)
        self.holding = Holding(rule, zone) if rule.flapping is not None or rule.hours else None
        self.lateness_ms = round(rule.lateness_s * 1000)


class Guard(ABC):
    """One rule at its post.

    ``anchor_id`` is the point that its alert and its memory belong to. Without memory, a value strictly between
    ``calm_above`` and ``calm_below`` changes nothing (the two cross where every reading counts).
    """

    __slots__ = ("anchor_id", "calm_above", "calm_below", "plan")

    def __init__(self, plan: Plan, anchor_id: int) -> None:
        self.plan = plan
        self.anchor_id = anchor_id
        self.calm_above, self.calm_below = float("inf"), float("-inf")

    @property
    def rule(self) -> Rule:
        """The rule, with the numbers of the season in force."""
        return self.plan.rule

    @property
    def point_ids(self) -> tuple[int, ...]:
        """The points whose readings it wants, the anchor first."""
        return (self.anchor_id,)

    @property
    def lateness_ms(self) -> int:
        """How far behind the newest a reading may come and still be judged."""
        return self.plan.lateness_ms

    def evaluate(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        """What a reading changes; the very same memory, and no verdicts, when nothing."""
        if self.plan.lateness_ms:
            return lateness.evaluate(self.plan.lateness_ms, self.judge_in_order, memory, (at_ms, point_id, value))
        if memory is None or (memory.held is None and memory.samples):
            outcome = self._judge(memory, point_id, at_ms, value)
            # nearly always: nothing to be said, and nothing that keeps it from being said
            if not outcome[1] or self.plan.holding is None:
                return outcome
        return self.judge_in_order(memory, point_id, at_ms, value)

    def tick(self, memory: Memory, now_ms: int, *, grace_ms: int = 0) -> Outcome:
        """What time alone changes.

        ``now_ms`` is the moment up to which everything that was measured has arrived, never later: a cabinet that is
        away, or still delivers its backlog, must not make a breach look as if it had lasted. ``grace_ms`` is left for
        news on the way.
        """
        if self.plan.lateness_ms:
            return lateness.tick(self.plan.lateness_ms, self, memory, now_ms, grace_ms)
        return self.tick_in_order(memory, now_ms, grace_ms)

    def due_ms(self, memory: Memory) -> int | None:
        """The event time from which ``tick`` may change something; None: time alone never does."""
        if memory.held is None and memory.waiting is None:  # nearly always
            return self._due_ms(memory)
        return lateness.due_ms(self.plan.lateness_ms, self, memory)

    def keeps(self, before: Memory | None, after: Memory | None) -> bool:
        """Whether a change without a verdict must be stored at once.

        Kinds that count for long (stuck, drift) say no: after a crash they count anew, which may delay an alert, but
        never makes nor ends one.
        """
        if self.plan.lateness_ms or self._keeps(before, after):
            return True
        if (before is None or before.held is None) and (after is None or after.held is None):
            return False
        # how it flaps, and that it waits for its hours, may change without a word
        return (None if before is None else before.held) != (None if after is None else after.held)

    def judge_in_order(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        """As ``evaluate``, for a reading whose turn it is."""
        if self.plan.holding is None:
            return self._judge(memory, point_id, at_ms, value)
        return holding.evaluate(self.plan.holding, self._judge, memory, (at_ms, point_id, value))

    def tick_in_order(self, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
        """As ``tick``, when no reading waits."""
        if self.plan.holding is None:
            return self._tick(memory, now_ms, grace_ms)
        return holding.tick(self.plan.holding, self._tick, memory, now_ms, grace_ms)

    def due_in_order_ms(self, memory: Memory) -> int | None:
        """As ``due_ms``, when no reading waits."""
        if self.plan.holding is None:
            return self._due_ms(memory)
        return holding.due_ms(self.plan.holding, self._due_ms, memory)

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        return True

    @abstractmethod
    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        """The condition itself."""

    def _tick(self, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
        """The condition itself, by time alone."""
        return self.plan.ladder.tick(memory, now_ms, grace_ms)

    def _due_ms(self, memory: Memory) -> int | None:
        return None if memory.phase is WATCHING else self.plan.ladder.due_ms(memory)
