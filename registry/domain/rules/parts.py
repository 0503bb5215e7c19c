"""Several conditions on the points of one asset, of whichever of its devices: all at once, or any of them.

What a point last said counts for ``fresh_s``; after that it is unknown, which neither fires nor clears. Where several
devices of the asset have a part's point, the part is reached when one of them says so and calm when all do. The level
of such a rule is 1 while it is reached, 0 while it is calm and ½ in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from registry.domain.rules.conditions import AllCondition, AnyCondition
from registry.domain.rules.guard import Guard, GuardPoint, Plan
from registry.domain.rules.ladder import Ladder
from registry.domain.rules.limit import Scale
from registry.domain.rules.memory import Memory, Outcome, carrying
from registry.domain.rules.rule import Rule

REACHED, UNKNOWN, CALM = 1.0, 0.5, 0.0

_POINT = Struct("<Hqd")


class _Place(NamedTuple):
    """One point of one part: its limits in terms of its own level."""

    part: int
    point_id: int
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


class PartsGuard(Guard):
    """The points of one asset that a rule of several parts looks at."""

    __slots__ = ("_all", "_fresh_ms", "_parts", "_places")

    def __init__(self, plan: Plan, condition: AllCondition | AnyCondition, points: Sequence[GuardPoint]) -> None:
        self._places = tuple(
            _Place(n, point.point_id, Scale(part, point), 1.0 if part.above else -1.0, part.fire, part.clear)
            for n, part in enumerate(condition.parts)
            for point in points
            if point.name == part.point
        )
        super().__init__(plan, self._places[0].point_id)
        self._all = isinstance(condition, AllCondition)
        self._parts = tuple(sorted({place.part for place in self._places}))
        self._fresh_ms = round(condition.fresh_s * 1000)

    @property
    def point_ids(self) -> tuple[int, ...]:
        """Every point of its parts, each once, the anchor first."""
        return tuple(dict.fromkeys(place.point_id for place in self._places))

    def _keeps(self, before: Memory | None, after: Memory | None) -> bool:
        """What the parts last said may be heard again; whether it holds or fires may not be lost."""
        return before is None or after is None or before.phase is not after.phase

    def _judge(self, memory: Memory | None, point_id: int, at_ms: int, value: float) -> Outcome:
        known = {n: (when, said) for n, when, said in _POINT.iter_unpack(b"" if memory is None else memory.seen)}
        mine = [n for n, place in enumerate(self._places) if place.point_id == point_id]
        if mine[0] in known and at_ms <= known[mine[0]][0]:
            return memory, ()
        known |= {n: (at_ms, self._places[n].state(value)) for n in mine}
        now_ms = max(when for when, _ in known.values())
        known = {n: each for n, each in known.items() if now_ms - each[0] <= self._fresh_ms}
        seen = b"".join(_POINT.pack(n, *known[n]) for n in sorted(known))
        after, verdicts = self.plan.ladder.judge(memory, now_ms, self._level(known))
        return carrying(memory, after, seen, now_ms), verdicts

    def _level(self, known: dict[int, tuple[int, float]]) -> float:
        states = [self._part(part, known) for part in self._parts]
        return min(states) if self._all else max(states) if REACHED in states else _unless_calm(states)

    def _part(self, part: int, known: dict[int, tuple[int, float]]) -> float:
        said = [known.get(n, (0, UNKNOWN))[1] for n, place in enumerate(self._places) if place.part == part]
        return REACHED if REACHED in said else _unless_calm(said)


def _unless_calm(states: Sequence[float]) -> float:
    return CALM if all(state == CALM for state in states) else UNKNOWN


def parts_ladder(rule: Rule, condition: AllCondition | AnyCondition) -> Ladder:
    """Reached, calm, or neither."""
    return Ladder(rule, fire=REACHED, clear=UNKNOWN, hold_s=condition.hold_s, clear_after_s=condition.clear_after_s)
