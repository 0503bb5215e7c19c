"""What a rule would have done: its guard run over history in event time, and the alerts that would have come of it.

The guard is the one that judges live readings, fed in the order of event time with a memory of None at the start. While
it remembers nothing, a value within its calm band can't change anything, so whoever feeds it may leave such values out;
``Replay.idle`` says when that is so. History knows what was measured, not when it came: a reading that arrived too late
to be judged live is judged here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec

from registry.domain.kinds import Quality, Severity
from registry.domain.rules.conditions import (
    Condition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    RateCondition,
    StuckCondition,
    WindowCondition,
)
from registry.domain.rules.memory import VerdictKind
from registry.domain.rules.rule import Rule

_at_ms = itemgetter(0)
_SUSPECT = int(Quality.SUSPECT)
_DAY_S = 86_400.0
# what live intake waits for news on the way before time alone decides
GRACE_MS = 5_000
_MOST_TICKS = 16


class Decided(Protocol):
    """A verdict as a guard answers it."""

    @property
    def kind(self) -> VerdictKind:
        """What changed."""

    @property
    def severity(self) -> Severity:
        """How bad it is now."""

    @property
    def began_ms(self) -> int:
        """Since when the condition was seen."""

    @property
    def at_ms(self) -> int:
        """When it was decided."""

    @property
    def level(self) -> float:
        """At which level."""


class Judge(Protocol):
    """What is needed of a guard. Without memory, a value strictly between ``calm_above`` and ``calm_below`` is calm."""

    @property
    def calm_above(self) -> float:
        """See above; +inf where no value is calm."""

    @property
    def calm_below(self) -> float:
        """See above; -inf where no value is calm."""

    def evaluate(self, memory: Any, point_id: int, at_ms: int, value: float) -> tuple[Any, Sequence[Decided]]:
        """What the next reading changes."""

    def tick(self, memory: Any, now_ms: int, *, grace_ms: int) -> tuple[Any, Sequence[Decided]]:
        """What time alone changes."""


class Stretch(NamedTuple):
    """The guard in force from ``from_ms`` on: with the numbers of its season, against the baseline of its time."""

    from_ms: int
    guard: Judge


class PastAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that would have been. Times in ms of event time; ``cleared_ms`` None: live at the end of the span.

    ``severity`` is the worst it had, ``level`` that at which it fired, ``peak`` the worst one noted.
    """

    began_ms: int
    fired_ms: int
    cleared_ms: int | None
    severity: int
    level: float
    peak: float
    flapped: bool = False


class Replay:
    """One rule over the history of one anchor: feed it in order of time, then finish.

    ``stretches``: in order, the first beginning no later than the first reading. ``fed`` counts the readings.
    """

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._coming = list(reversed(stretches[1:]))
        self._guard = stretches[0].guard
        self._memory: Any = None
        self._last_ms = 0
        self._live: PastAlert | None = None
        self.fed = 0
        self.found: list[PastAlert] = []

    @property
    def idle(self) -> bool:
        """Whether the guard remembers nothing: readings within its calm band may be left out."""
        return self._memory is None

    def feed(self, point_id: int, samples: Sequence[tuple[int, float, int]]) -> None:
        """Judge the next readings (time in ms, value, quality) of a guard that watches one point."""
        self.fed += len(samples)
        begin = 0
        while self._coming:
            end = bisect_left(samples, self._coming[-1].from_ms, begin, key=_at_ms)
            self._run(point_id, samples[begin:end])
            if end == len(samples):
                return
            self._turn()
            begin = end
        self._run(point_id, samples[begin:] if begin else samples)

    def feed_together(self, samples: Iterable[tuple[int, int, float, int]]) -> None:
        """Judge the next readings (time in ms, point, value, quality) of a guard that watches several points."""
        for at_ms, point_id, value, quality in samples:
            self.fed += 1
            while self._coming and at_ms >= self._coming[-1].from_ms:
                self._turn()
            if quality != _SUSPECT:
                self._judge(at_ms, point_id, value)

    def finish(self, until_ms: int) -> list[PastAlert]:
        """Let the time up to ``until_ms`` pass, and answer every alert that fired, oldest first."""
        while self._coming and until_ms >= self._coming[-1].from_ms:
            self._turn()
        if self._memory is not None:
            self._tick(until_ms)
        if self._live is not None:
            self.found.append(self._live)
            self._live = None
        return sorted(self.found, key=lambda each: each.fired_ms)

    def _run(self, point_id: int, samples: Sequence[tuple[int, float, int]]) -> None:
        above, below = self._guard.calm_above, self._guard.calm_below
        for at_ms, value, quality in samples:
            if quality != _SUSPECT and not (self._memory is None and above < value < below):
                self._judge(at_ms, point_id, value)

    def _turn(self) -> None:
        """Another season, or another baseline: what was remembered goes on with the new numbers."""
        self._guard = self._coming.pop().guard

    def _judge(self, at_ms: int, point_id: int, value: float) -> None:
        if self._memory is not None and at_ms - self._last_ms > GRACE_MS:
            self._tick(at_ms)
        self._last_ms = at_ms
        self._memory, verdicts = self._guard.evaluate(self._memory, point_id, at_ms, value)
        for verdict in verdicts:
            self._note(verdict)

    def _tick(self, now_ms: int) -> None:
        for _ in range(_MOST_TICKS):  # one step may lead to the next: held long enough, then expired
            if self._memory is None:
                return
            self._memory, verdicts = self._guard.tick(self._memory, now_ms, grace_ms=GRACE_MS)
            if not verdicts:
                return
            for verdict in verdicts:
                self._note(verdict)

    def _note(self, verdict: Decided) -> None:
        live, level = self._live, verdict.level
        if live is None:
            if verdict.kind is VerdictKind.FIRE:
                self._live = PastAlert(
                    began_ms=verdict.began_ms,
                    fired_ms=verdict.at_ms,
                    cleared_ms=None,
                    severity=int(verdict.severity),
                    level=level,
                    peak=level,
                )
            return
        if verdict.kind is VerdictKind.CLEAR:
            self.found.append(msgspec.structs.replace(live, cleared_ms=verdict.at_ms))
            self._live = None
            return
        worse = verdict.kind is VerdictKind.WORSEN or int(verdict.severity) > live.severity
        self._live = msgspec.structs.replace(
            live,
            severity=max(live.severity, int(verdict.severity)),
            peak=level if worse else live.peak,
            flapped=live.flapped or verdict.kind is VerdictKind.FLAP,
        )


def silences(times_ms: Sequence[int], limit_ms: int, *, since_ms: int, until_ms: int, severity: int) -> list[PastAlert]:
    """When a device that spoke at ``times_ms`` (in order) was silent for ``limit_ms`` or longer, up to ``until_ms``.

    The silence before the first word counts from ``since_ms``. The level is how long it lasted, in seconds.
    """
    found = []
    last_ms = since_ms
    for at_ms in (*times_ms, until_ms):
        if at_ms - last_ms >= limit_ms:
            gap_s = (at_ms - last_ms) / 1000
            found.append(
                PastAlert(
                    began_ms=last_ms,
                    fired_ms=last_ms + limit_ms,
                    cleared_ms=at_ms if at_ms < until_ms else None,
                    severity=severity,
                    level=limit_ms / 1000,
                    peak=gap_s,
                )
            )
        last_ms = max(last_ms, at_ms)
    return found


def warm_up_s(rule: Rule) -> float:
    """How long before a span its history must be read, so that windows, holds and trends are full when it begins."""
    condition = rule.condition
    held = max((step.hold_s for step in rule.ladder), default=0.0)
    quiet = 0.0 if rule.flapping is None else rule.flapping.within_s + rule.flapping.quiet_s
    return max(_memory_s(condition) + held + quiet + rule.lateness_s, _DAY_S)


def settles_within_s(rule: Rule) -> float:
    """How long, roughly, after the last reading out of the calm band until nothing is remembered any more."""
    condition = rule.condition
    quiet = 0.0 if rule.flapping is None else rule.flapping.within_s
    return _memory_s(condition) + quiet + rule.lateness_s + 60.0


def _memory_s(condition: Condition) -> float:
    if isinstance(condition, ForecastCondition):
        return condition.history_days * _DAY_S
    if isinstance(condition, DriftCondition):
        return (condition.days + 1) * _DAY_S
    if isinstance(condition, StuckCondition):
        return 2 * condition.for_s
    if isinstance(condition, EventCondition):
        return condition.expire_s
    window = condition.window_s if isinstance(condition, RateCondition | WindowCondition) else 0.0
    held = getattr(condition, "hold_s", 0.0) + getattr(condition, "clear_after_s", 0.0)
    return float(window + held + getattr(condition, "gap_s", 0.0))
