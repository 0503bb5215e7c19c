"""Several conditions on the points of one asset, of whichever of its devices: all at once, or any of them.

What a point last said counts for ``fresh_s``; after that it is unknown, which neither fires nor clears. Where several
devices of the asset have a part's point, the part is reached when one of them says so and calm when all do. The level
of such a rule is 1 while it is reached, 0 while it is calm and ½ in between.

Points of one device that were measured together last time are judged together: one of them alone, beside what another
said before, would be a state that never was. If the rest of such a moment does not come, it is judged without it at
the next reading, or by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import NamedTuple

from registry.domain.rules.conditions import AllCondition, AnyCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.limit import Scale
from registry.domain.rules.memory import WATCHING, Memory, Outcome, Verdicts, carrying
from registry.domain.rules.rule import Rule

REACHED, UNKNOWN, CALM = 1.0, 0.5, 0.0

_JUDGED = Struct("<q")
_POINT = Struct("<Hqd")
_Known = dict[int, tuple[int, float]]


class _Place(NamedTuple):
    """One point of one part: its limits in terms of its own level."""

    part: int
    point_id: int
    device: str
    scale: Scale
    sign: float
    fire: float
    clear: float

    def state(self, value: float) -> float:
        """How the part stands by this value."""
        worse = self.scale.level(value) * self.sign
        if worse >= self.fire * self.sign:
            return REACHED
        return CALM if worse < self.clear * self.sign else UNKNOWN


class _Layout(NamedTuple):
    """The numbers of places: of each point, of each point's whole device, and of each part."""

    mine: tuple[tuple[int, ...], ...]
    beside: tuple[tuple[int, ...], ...]
    of_parts: tuple[tuple[int, ...], ...]


@cache
def _layout_of(places: tuple[tuple[int, int, int], ...]) -> _Layout:
    """Out of each place's part, point and device, by number; thousands of assets share one."""
    numbered = list(enumerate(places))
    points = {point: device for _, point, device in places}
    return _Layout(
        tuple(tuple(n for n, place in numbered if place[1] == point) for point in sorted(points)),
        tuple(tuple(n for n, place in numbered if place[2] == points[point]) for point in sorted(points)),
        tuple(tuple(n for n, place in numbered if place[0] == part) for part in sorted({each[0] for each in places})),
    )


class PartsGuard(Guard):
    """The points of one asset that a rule of several parts looks at."""

    __slots__ = ("_all", "_fresh_ms", "_layout", "_places", "_points")

    def __init__(self, plan: Plan, condition: AllCondition | AnyCondition, points: Sequence[GuardPoint]) -> None:
        self._places = tuple(
            _Place(
                n, point.point_id, point.device, Scale(part, point), 1.0 if part.above else -1.0, part.fire, part.clear
            )
            for n, part in enumerate(condition.parts)
            for point in points
            if point.name == part.point
        )
        super().__init__(plan, self._places[0].point_id)
        self._all = isinstance(condition, AllCondition)
        self._points = tuple(dict.fromkeys(place.point_id for place in self._places))
        devices = [place.device for place in self._places]
        self._layout = _layout_of(
            tuple(
                (place.part, self._points.index(place.point_id), devices.index(place.device)) for place in self._places
            )
        )
        self._fresh_ms = round(condition.fresh_s * 1000)

    @property
    def point_ids(self) -> tuple[int, ...]:
        """Every point of its parts, each once, the anchor first."""
        return self._points

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        """What the parts last said may be heard again; whether it holds or fires may not be lost."""
        return before is None or after is None or before.phase is not after.phase

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        judged_ms, known = _unpacked(memory)
        number = self._points.index(point_id)
        mine = self._layout.mine[number]
        before_ms = known.get(mine[0], (0, UNKNOWN))[0]
        if at_ms <= before_ms:
            return memory, ()
        newest_ms = max([when for when, _ in known.values()]) if known else at_ms
        verdicts: Verdicts = ()
        if at_ms > newest_ms > judged_ms:  # what was still missing of that moment does not come any more
            memory, verdicts = self._settled(memory, known, newest_ms)
            judged_ms, known = _unpacked(memory)
        for n in mine:
            known[n] = at_ms, self._places[n].state(value)
        newest_ms = max(newest_ms, at_ms)
        waits = before_ms and any(known[n][0] == before_ms for n in self._layout.beside[number] if n in known)
        if waits:
            return carrying(memory, memory, _packed(judged_ms, known), _last_ms(memory, newest_ms)), verdicts
        after, more = self._settled(memory, known, newest_ms)
        return after, verdicts + more

    def _settled(self, memory: Memory | None, known: _Known, at_ms: int) -> Outcome:
        """The moment judged as a whole."""
        known = {n: each for n, each in known.items() if at_ms - each[0] <= self._fresh_ms}
        after, verdicts = self.plan.ladder.judge(memory, at_ms, self._level(known))
        return carrying(memory, after, _packed(at_ms, known), at_ms), verdicts

    def _tick(self, memory: Memory, now_ms: int, grace_ms: int) -> Outcome:
        judged_ms, known = _unpacked(memory)
        newest_ms = max((when for when, _ in known.values()), default=0)
        if newest_ms > judged_ms and now_ms >= newest_ms + grace_ms:
            return self._settled(memory, known, newest_ms)
        return self.plan.ladder.tick(memory, now_ms, grace_ms)

    def _due_ms(self, memory: Memory) -> int | None:
        judged_ms, known = _unpacked(memory)
        newest_ms = max((when for when, _ in known.values()), default=0)
        return newest_ms if newest_ms > judged_ms else self.plan.ladder.due_ms(memory)

    def _level(self, known: _Known) -> float:
        states = [_state([known[n][1] if n in known else UNKNOWN for n in places]) for places in self._layout.of_parts]
        return min(states) if self._all else max(states) if REACHED in states else _unless_calm(states)


def _unpacked(memory: Memory | None) -> tuple[int, _Known]:
    """Which moment was judged last, and what each place said last."""
    if memory is None or not memory.seen:
        return 0, {}
    (judged_ms,) = _JUDGED.unpack_from(memory.seen)
    return judged_ms, {n: (when, said) for n, when, said in _POINT.iter_unpack(memory.seen[_JUDGED.size :])}


def _packed(judged_ms: int, known: _Known) -> bytes:
    return _JUDGED.pack(judged_ms) + b"".join(_POINT.pack(n, *known[n]) for n in sorted(known))


def _last_ms(memory: Memory | None, newest_ms: int) -> int:
    """What waits for the rest of its moment was not judged yet."""
    return newest_ms if memory is None or memory.phase is WATCHING else memory.last_ms


def _state(said: Sequence[float]) -> float:
    """Of one part, by what its places said."""
    return REACHED if REACHED in said else _unless_calm(said)


def _unless_calm(states: Sequence[float]) -> float:
    return CALM if all(state == CALM for state in states) else UNKNOWN


def parts_ladder(rule: Rule, condition: AllCondition | AnyCondition) -> Ladder:
    """Reached, calm, or neither."""
    return Ladder(rule, fire=REACHED, clear=UNKNOWN, hold_s=condition.hold_s, clear_after_s=condition.clear_after_s)
