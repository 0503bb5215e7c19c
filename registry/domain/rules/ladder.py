"""From levels to verdicts: fire and clear apart, hold and clear times, steps up and down, gaps forgiven.

Every kind of condition that makes one level of its readings is judged here. Each step of the ladder has its own level
to fire, to clear and its own hold time; one alert stands on the highest step that holds. Levels are turned round where
a low value is the bad one, so that inside here more is always worse.
"""

from __future__ import annotations

from registry.domain.rules.memory import (
    CLEARING,
    FIRING,
    NOTHING,
    PENDING,
    WATCHING,
    Memory,
    Outcome,
    Verdict,
    VerdictKind,
    Verdicts,
)
from registry.domain.rules.rule import Rule

# an alert is written again only when it got clearly worse, not at every tremor
_WORSE_BY = 0.1


class Ladder:
    """The steps of one rule, mildest first; shared by all points that the rule watches."""

    __slots__ = ("_clear", "_clear_ms", "_gap_ms", "_hold_ms", "_severities", "_sign", "_top", "fire_at")

    def __init__(
        self,
        rule: Rule,
        *,
        fire: float,
        clear: float,
        above: bool = True,
        hold_s: float = 0.0,
        clear_after_s: float = 0.0,
        gap_s: float = 0.0,
    ) -> None:
        sign = 1.0 if above else -1.0
        self._sign = sign
        self.fire_at = tuple(sign * each for each in (fire, *(step.fire for step in rule.ladder)))
        self._clear = tuple(sign * each for each in (clear, *(step.clear for step in rule.ladder)))
        self._hold_ms = tuple(round(1000 * each) for each in (hold_s, *(step.hold_s for step in rule.ladder)))
        self._severities = (rule.severity, *(step.severity for step in rule.ladder))
        self._clear_ms = round(clear_after_s * 1000)
        self._gap_ms = round(gap_s * 1000)
        self._top = len(self.fire_at)

    def worse(self, level: float) -> float:
        """The level turned so that more is worse: comparable with ``fire_at``."""
        return level * self._sign

    def judge(self, before: Memory | None, at_ms: int, level: float) -> Outcome:
        """What ``level`` at ``at_ms`` changes; the very same memory when it changes nothing."""
        worse = level * self._sign
        if before is None or before.phase is WATCHING:
            if worse < self.fire_at[0]:
                return NOTHING
            before, step, since, last = None, -1, [0] * self._top, [0] * self._top
        elif self._goes_on(before, level, worse):
            return before, ()
        else:
            step, since, last = self._read(before)
        reached = self._rise(step, since, last, at_ms, worse)
        if reached > step:
            return self._risen(before, reached, since, last, at_ms, level)
        if before is None or step < 0:
            return self._hold(before, since, last, at_ms, level)
        return self._stand(before, since, last, at_ms, level)

    def tick(self, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
        """Time alone: a breach that nobody took back within its hold time (and the grace for news on the way) fires.

        A rule that forgives gaps waits for readings: one burst is no rattling.
        """
        if self._gap_ms or memory.phase is WATCHING:
            return memory, ()
        step, since, last = self._read(memory)
        for k in range(self._top - 1, step, -1):
            if since[k] and now_ms - last[k] >= self._hold_ms[k] + grace_ms:
                after, verdicts = self._risen(memory, k, since, last, last[k] + self._hold_ms[k], memory.level)
                return _at(after, memory.last_ms), verdicts
        return memory, ()

    def due_ms(self, memory: Memory) -> int | None:
        """When time alone would fire or raise it; None: never."""
        if self._gap_ms or memory.phase is WATCHING:
            return None
        step, since, last = self._read(memory)
        dues = [last[k] + self._hold_ms[k] for k in range(step + 1, self._top) if since[k]]
        return min(dues, default=None)

    def _goes_on(self, before: Memory, level: float, worse: float) -> bool:
        """Whether an alert on its top step stays exactly as it is: the commonest case of a live one."""
        top = self._top - 1
        return (
            before.phase is FIRING
            and not before.marks
            and before.step >= top
            and worse >= self._clear[top]
            and not self._much_worse(before.level, level)
        )

    def _read(self, memory: Memory) -> tuple[int, list[int], list[int]]:
        """The step it stands on (-1: none) and, for each, since and until when it is pending, or since when calm."""
        phase, marks = memory.phase, memory.marks
        step = -1 if phase is PENDING else min(memory.step, self._top - 1)
        since = [0 if phase is FIRING else memory.since_ms]
        last = [memory.breach_ms or memory.last_ms]
        for k in range(1, self._top):
            known = 2 * k <= len(marks)
            since.append(marks[2 * k - 2] if known else 0)
            last.append(marks[2 * k - 1] if known else 0)
        return step, since, last

    def _rise(self, step: int, since: list[int], last: list[int], at_ms: int, worse: float) -> int:
        reached, gap_ms = step, self._gap_ms
        for k in range(step + 1, self._top):
            if worse >= self.fire_at[k]:
                if not since[k] or (gap_ms and at_ms - last[k] > gap_ms):
                    since[k] = at_ms
                last[k] = at_ms
                if at_ms - since[k] >= self._hold_ms[k]:
                    reached = k
            elif not gap_ms or at_ms - last[k] > gap_ms:
                since[k] = 0
        return reached

    def _risen(
        self, before: Memory | None, step: int, since: list[int], last: list[int], at_ms: int, level: float
    ) -> tuple[Memory, Verdicts]:
        severity = self._severities[step]
        if before is None or before.phase is PENDING:
            began_ms = since[0] or at_ms
            worst = level if before is None else self._worst(before.level, level)
            verdict = Verdict(VerdictKind.FIRE, began_ms, at_ms, worst, severity)
        else:
            began_ms, worst = before.began_ms, self._worst(before.level, level)
            verdict = Verdict(VerdictKind.STEP, began_ms, at_ms, worst, severity)
        since[: step + 1] = [0] * (step + 1)
        memory = Memory(FIRING, at_ms, at_ms, worst, began_ms=began_ms, step=step, marks=self._marks(since, last))
        return memory, (verdict,)

    def _hold(self, before: Memory | None, since: list[int], last: list[int], at_ms: int, level: float) -> Outcome:
        if not since[0]:
            return NOTHING
        if last[0] != at_ms:  # a calm spell that is forgiven
            return before, ()
        worst = level if before is None else self._worst(before.level, level)
        breach_ms = at_ms if self._gap_ms else 0
        return Memory(PENDING, since[0], at_ms, worst, breach_ms=breach_ms, marks=self._marks(since, last)), ()

    def _stand(self, before: Memory, since: list[int], last: list[int], at_ms: int, level: float) -> Outcome:
        """An alert that went no step up: does it step down, clear, get worse, or stay as it is?"""
        worse = level * self._sign
        step = min(before.step, self._top - 1)
        kept = self._fall(step, since, at_ms, worse)
        if kept < 0:
            severity = self._severities[step]
            return None, (Verdict(VerdictKind.CLEAR, before.began_ms, at_ms, level, severity),)
        worst = before.level
        verdicts: Verdicts = ()
        if kept < step:
            worst = level
            since[kept + 1 : step + 1] = [0] * (step - kept)
            verdicts = (Verdict(VerdictKind.STEP, before.began_ms, at_ms, level, self._severities[kept]),)
        elif worse >= self._clear[step] and self._much_worse(before.level, level):
            worst = level
            verdicts = (Verdict(VerdictKind.WORSEN, before.began_ms, at_ms, level, self._severities[kept]),)
        phase = CLEARING if since[0] else FIRING
        since_ms = since[0] or (before.since_ms if before.phase is FIRING else at_ms)
        marks = self._marks(since, last)
        if not verdicts and phase is before.phase and marks == before.marks and since_ms == before.since_ms:
            return before, ()
        return Memory(phase, since_ms, at_ms, worst, began_ms=before.began_ms, step=kept, marks=marks), verdicts

    def _fall(self, step: int, since: list[int], at_ms: int, worse: float) -> int:
        """The highest step that is not over; -1: all are."""
        kept = -1
        for k in range(step + 1):
            if worse >= self._clear[k]:
                since[k] = 0
                kept = k
                continue
            since[k] = since[k] or at_ms
            if at_ms - since[k] < self._clear_ms:
                kept = k
        return kept

    def _marks(self, since: list[int], last: list[int]) -> tuple[int, ...]:
        if self._top == 1 or not any(since[1:]):
            return ()
        return tuple(each for k in range(1, self._top) for each in (since[k], last[k] if since[k] else 0))

    def _worst(self, one: float, other: float) -> float:
        return one if one * self._sign >= other * self._sign else other

    def _much_worse(self, before: float, after: float) -> bool:
        more = (after - before) * self._sign
        return more > _WORSE_BY * max(abs(before), abs(self.fire_at[0]))


def _at(memory: Memory, last_ms: int) -> Memory:
    return Memory(
        memory.phase,
        memory.since_ms,
        last_ms,
        memory.level,
        began_ms=memory.began_ms,
        step=memory.step,
        marks=memory.marks,
    )
