"""The numbers of each kind of condition: what they measure, and between which bounds they make sense.

One table for everybody who must know them: the check of a rule, its file, its form, and the seasons that change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from registry.domain.kinds import RuleKind
from registry.domain.rules.conditions import Comparison, Condition, RateCondition, VectorCondition
from registry.domain.rules.rule import Rule

DAY_S = 86_400.0
MONTH_S = 30 * DAY_S


class Measure(StrEnum):
    """What a number counts: the point's own unit (or a share of its full scale), degrees, seconds, days, or things."""

    LEVEL = "level"
    ANGLE = "angle"
    SPAN = "span"
    DAYS = "days"
    PER_DAY = "per_day"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSpec:
    """One number of a condition: its name, what it measures and its bounds; ``whole`` has no fraction."""

    name: str
    measure: Measure
    low: float
    high: float
    whole: bool = False


def _level(name: str) -> NumberSpec:
    return NumberSpec(name=name, measure=Measure.LEVEL, low=-1e9, high=1e9)


def _angle(name: str) -> NumberSpec:
    return NumberSpec(name=name, measure=Measure.ANGLE, low=0.0, high=180.0)


def _span(name: str, high: float = 7 * DAY_S, low: float = 0.0) -> NumberSpec:
    return NumberSpec(name=name, measure=Measure.SPAN, low=low, high=high)


def _count(name: str, low: int, high: int, *, whole: bool = True) -> NumberSpec:
    return NumberSpec(name=name, measure=Measure.COUNT, low=low, high=high, whole=whole)


def _days(name: str, low: int, high: int, *, whole: bool = False) -> NumberSpec:
    return NumberSpec(name=name, measure=Measure.DAYS, low=low, high=high, whole=whole)


_HELD = (_span("hold_s"), _span("clear_after_s"))
_PARTS = (*_HELD, _span("fresh_s", MONTH_S, 1.0))

NUMBERS: dict[RuleKind, tuple[NumberSpec, ...]] = {
    RuleKind.LIMIT: (
        *(_level("fire"), _level("clear")),
        *_HELD,
        _span("gap_s", 3600.0),
        *(_count("votes", 1, 64), _count("of", 1, 64)),
    ),
    RuleKind.RATE: (_level("fire"), _level("clear"), _span("window_s", DAY_S, 1.0), *_HELD),
    RuleKind.WINDOW: (
        *(_level("fire"), _level("clear")),
        *(_span("window_s", DAY_S, 1.0), _count("least", 1, 100_000)),
        *_HELD,
    ),
    RuleKind.VECTOR: (_angle("fire"), _angle("clear"), *_HELD, _span("within_s", 3600.0)),
    RuleKind.STUCK: (_count("samples", 2, 100_000), _span("for_s", MONTH_S)),
    RuleKind.NO_DATA: (_count("heartbeats", 1, 1000, whole=False), _span("min_s", MONTH_S)),
    RuleKind.FORECAST: (
        _level("level"),
        *(_days("within_days", 1, 365), _days("clear_days", 1, 730)),
        *(_days("history_days", 3, 365, whole=True), _days("least_days", 3, 365, whole=True)),
    ),
    RuleKind.DRIFT: (
        NumberSpec(name="per_day", measure=Measure.PER_DAY, low=0.0, high=1e9),
        _level("leap"),
        _days("days", 3, 60, whole=True),
    ),
    RuleKind.DISAGREE: (_angle("fire"), _angle("clear"), *_HELD, _span("within_s", 3600.0)),
    RuleKind.EVENT: (_span("expire_s", MONTH_S),),
    RuleKind.ALL: _PARTS,
    RuleKind.ANY: _PARTS,
}

COMPARED = frozenset({RuleKind.LIMIT, RuleKind.WINDOW})
"""The kinds that may compare from below, against the baseline, without sign, or as a share of full scale."""

POINTLESS = frozenset({RuleKind.NO_DATA, RuleKind.VECTOR, RuleKind.DISAGREE, RuleKind.ALL, RuleKind.ANY})
"""The kinds that look at no one point: the device as a whole, or points that the condition names."""

LADDERED_KINDS = frozenset({RuleKind.LIMIT, RuleKind.RATE, RuleKind.WINDOW, RuleKind.VECTOR})
"""The kinds that fire at one number and so can have steps."""


def numbers_of(kind: RuleKind) -> dict[str, NumberSpec]:
    """The numbers of a kind by name, in the order in which people read them."""
    return {spec.name: spec for spec in NUMBERS[kind]}


def with_numbers(rule: Rule, numbers: Mapping[str, float]) -> Rule:
    """The rule with ``numbers`` in its condition's place; names that the condition does not have are passed over."""
    known = numbers_of(rule.kind)
    given: dict[str, Any] = {
        name: int(number) if known[name].whole else float(number) for name, number in numbers.items() if name in known
    }
    return msgspec.structs.replace(rule, condition=msgspec.structs.replace(rule.condition, **given))


def fires_above(condition: Condition) -> bool:
    """Whether a higher level is the worse one."""
    return condition.above if isinstance(condition, Comparison) else True


def is_displacement(condition: Condition) -> bool:
    """Whether its level can't be negative: a distance, an angle, a change."""
    if isinstance(condition, Comparison):
        return condition.magnitude
    return isinstance(condition, RateCondition | VectorCondition)
