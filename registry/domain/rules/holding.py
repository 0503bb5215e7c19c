"""Around any kind of condition: hours in which it may begin an alert, and one open alert instead of a flapping one.

The condition goes its own way; what is said of it is decided here. Outside the rule's hours an alert that would begin
waits, and begins with them if the condition is still met then. An alert that fires too often within its time is held
open: the clear is said only when the condition has been calm for ``quiet_s``, by readings, never by a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from msgspec.structs import replace

from registry.domain.kinds import Severity
from registry.domain.rules.hours import is_open, next_opening
from registry.domain.rules.memory import FIRING, WATCHING, Held, Memory, Outcome, Verdict, VerdictKind
from registry.domain.rules.rule import Rule

Reading = tuple[int, int, float]
"""Event time, point id, value."""

Judge = Callable[[Memory | None, int, int, float], Outcome]

_NEW = Held()


class Holding:
    """A rule's hours and flap policy, with times in milliseconds."""

    __slots__ = ("fires", "hours", "quiet_ms", "within_ms", "zone")

    def __init__(self, rule: Rule, zone: tzinfo) -> None:
        flapping = rule.flapping
        self.hours, self.zone = rule.hours, zone
        self.fires = 0 if flapping is None else flapping.fires
        self.within_ms = 0 if flapping is None else round(flapping.within_s * 1000)
        self.quiet_ms = 0 if flapping is None else round(flapping.quiet_s * 1000)


def evaluate(holding: Holding, judge: Judge, memory: Memory | None, reading: Reading) -> Outcome:
    """What a reading changes, as far as it is to be said."""
    at_ms, point_id, value = reading
    held = None if memory is None else memory.held
    inner = None if memory is not None and memory.samples == 0 else memory
    after, verdicts = judge(inner, point_id, at_ms, value)
    if held is None and not verdicts:
        return after, ()
    now_held, told = _say(holding, held or _NEW, after, verdicts, at_ms)
    return _joined(memory, after, now_held, at_ms), told


def tick(
    holding: Holding, by_time: Callable[[Memory, int, int], Outcome], memory: Memory, now_ms: int, grace_ms: int
) -> Outcome:
    """What time alone changes: the condition's own, and hours that begin."""
    held = memory.held
    after, verdicts = (None, ()) if memory.samples == 0 else by_time(memory, now_ms, grace_ms)
    if not verdicts and (held is None or not held.waits):
        return memory, ()
    begins = next_opening(holding.hours, memory.last_ms, holding.zone) if held is not None and held.waits else now_ms
    if not verdicts and now_ms - grace_ms < begins:
        return memory, ()
    now_held, told = _say(holding, held or _NEW, after, verdicts, min(begins, now_ms - grace_ms))
    return _joined(memory, after, now_held, memory.last_ms), told


def due_ms(holding: Holding, by_time: Callable[[Memory], int | None], memory: Memory) -> int | None:
    """When time alone may change something."""
    inner = None if memory.samples == 0 else by_time(memory)
    if memory.held is None or not memory.held.waits:
        return inner
    begins = next_opening(holding.hours, memory.last_ms, holding.zone)
    return begins if inner is None else min(begins, inner)


def _say(
    holding: Holding, held: Held, after: Memory | None, verdicts: tuple[Verdict, ...], at_ms: int
) -> tuple[Held | None, tuple[Verdict, ...]]:
    told: list[Verdict] = []
    for verdict in verdicts:
        held, said = _SAY[verdict.kind](holding, held, verdict)
        told += said
    if held.open and held.calm_ms and at_ms - held.calm_ms >= holding.quiet_ms:
        told.append(_verdict(VerdictKind.CLEAR, held, at_ms))
        held = replace(held, open=False, calm_ms=0)
    if held.waits and after is not None and after.phase is FIRING and is_open(holding.hours, at_ms, holding.zone):
        held, said = _begin(holding, held, _verdict(VerdictKind.FIRE, held, at_ms))
        told += said
    quiet = not held.open and not held.waits and (after is None or not after.is_live)
    if quiet and (not held.fires or at_ms - held.fires[-1] > holding.within_ms):
        return None, tuple(told)
    return held, tuple(told)


def _fire(holding: Holding, held: Held, verdict: Verdict) -> tuple[Held, list[Verdict]]:
    if held.open:  # again, while its alert is held open: said as that, and as a step where it is worse or milder now
        verdict = verdict._replace(began_ms=held.began_ms)
        said = [verdict._replace(kind=VerdictKind.FLAP, severity=Severity(held.severity))]
        if verdict.severity != held.severity:
            said.append(verdict._replace(kind=VerdictKind.STEP))
        severity = int(verdict.severity)
        held = replace(held, calm_ms=0, level=verdict.level, severity=severity, top=max(held.top, severity))
        return held, said
    if not is_open(holding.hours, verdict.at_ms, holding.zone):
        severity = int(verdict.severity)
        return replace(held, waits=True, began_ms=verdict.began_ms, level=verdict.level, severity=severity), []
    return _begin(holding, held, verdict)


def _begin(holding: Holding, held: Held, verdict: Verdict) -> tuple[Held, list[Verdict]]:
    severity = int(verdict.severity)
    held = replace(held, waits=False, began_ms=verdict.began_ms, level=verdict.level, severity=severity, top=severity)
    return _count(holding, held, verdict)


def _step(holding: Holding, held: Held, verdict: Verdict) -> tuple[Held, list[Verdict]]:
    severity = int(verdict.severity)
    rises_again = held.severity < severity <= held.top
    held = replace(held, level=verdict.level, severity=severity, top=max(held.top, severity))
    if held.waits:
        return held, []
    return _count(holding, held, verdict) if rises_again and not held.open else (held, [verdict])


def _worsen(_holding: Holding, held: Held, verdict: Verdict) -> tuple[Held, list[Verdict]]:
    return replace(held, level=verdict.level), [] if held.waits else [verdict]


def _clear(_holding: Holding, held: Held, verdict: Verdict) -> tuple[Held, list[Verdict]]:
    if held.waits:
        return replace(held, waits=False), []
    if held.open:
        return replace(held, calm_ms=verdict.at_ms, level=verdict.level), []
    return held, [verdict]


_SAY = {
    VerdictKind.FIRE: _fire,
    VerdictKind.STEP: _step,
    VerdictKind.WORSEN: _worsen,
    VerdictKind.CLEAR: _clear,
}


def _count(holding: Holding, held: Held, verdict: Verdict) -> tuple[Held, list[Verdict]]:
    """Note that it fired (or rose once more); too often within its time, the alert is held open from now on."""
    if not holding.fires:
        return held, [verdict]
    lately = [each for each in held.fires if verdict.at_ms - each <= holding.within_ms]
    fires = (*lately, verdict.at_ms)[-holding.fires :]
    held = replace(held, fires=fires)
    if len(fires) < holding.fires:
        return held, [verdict]
    return replace(held, open=True, calm_ms=0), [verdict, verdict._replace(kind=VerdictKind.FLAP)]


def _verdict(kind: VerdictKind, held: Held, at_ms: int) -> Verdict:
    return Verdict(kind, held.began_ms, at_ms, held.level, Severity(held.severity))


def _joined(before: Memory | None, after: Memory | None, held: Held | None, at_ms: int) -> Memory | None:
    if after is None:
        if held is None:
            return None
        if before is not None and before.samples == 0 and before.held == held:
            return before
        return Memory(WATCHING, at_ms, at_ms, 0.0, samples=0, held=held)
    return after if after.held == held else replace(after, held=held)
