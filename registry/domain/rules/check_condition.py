"""What is wrong with a condition: its numbers, and what it says of its points. Pure; answers sentences, raises none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.points import POINTS, PointSpec
from registry.domain.rules.conditions import (
    Aggregate,
    AllCondition,
    AnyCondition,
    Comparison,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    LimitCondition,
    RateCondition,
    VectorCondition,
    WindowCondition,
)
from registry.domain.rules.numbers import NUMBERS, POINTLESS
from registry.domain.rules.rule import Rule

MOST_PARTS = 8
# what is a share, an angle or a flag already has no full scale to be a share of
_NO_FULL_SCALE = frozenset({"deg", "%", "%EL", "%RH", "1", "lat", "lon"})
_AXES = frozenset({"deg", "m/s2"})


def plain(number: float) -> str:
    """A number as people write it: 5, not 5.0."""
    return f"{number:.10g}"


def outside(field: str, number: float, low: float, high: float) -> Iterator[InvalidInput]:
    """What is wrong with a number that must lie between two bounds; nothing when it does."""
    if not math.isfinite(number):
        yield InvalidInput(field, "must be a finite number")
    elif not low <= number <= high:
        yield InvalidInput(
            field,
            "{given} must be between {low} and {high}",
            given=plain(number),
            low=plain(low),
            high=plain(high),
        )


def check_condition(rule: Rule) -> Iterator[InvalidInput]:
    """Everything that is wrong with the condition of ``rule`` and with the point that it looks at."""
    condition = rule.condition
    yield from _numbers(rule)
    yield from _point(rule)
    match condition:
        case LimitCondition():
            yield from _comparison("condition", condition, rule.point)
            yield from _bursts(condition)
        case WindowCondition():
            counts = condition.aggregate in (Aggregate.COUNT, Aggregate.SUM)
            yield from _comparison("condition", condition, None if counts else rule.point)
            yield from _aggregated(condition)
        case RateCondition() | VectorCondition() | DisagreeCondition():
            yield from apart("condition", condition.fire, condition.clear, above=True)
            yield from positive("condition", condition.fire, condition.clear)
            if not isinstance(condition, RateCondition):
                yield from _axes(condition.axes, rule.family)
        case ForecastCondition():
            yield from _forecast(condition, rule.point)
        case DriftCondition():
            yield from _drift(condition)
        case EventCondition():
            if rule.point in POINTS and POINTS[rule.point].unit != "1":
                yield InvalidInput(
                    "point",
                    "{given} is measured in {unit}; an event is a flag",
                    given=rule.point,
                    unit=POINTS[rule.point].unit,
                )
        case AllCondition() | AnyCondition():
            yield from _parts(condition, rule.family)
        case _:
            pass


def apart(field: str, fire: float, clear: float, *, above: bool) -> Iterator[InvalidInput]:
    """It must clear clearly on the other side of where it fires: in the band between nothing may change."""
    if above and clear >= fire:
        yield InvalidInput(
            f"{field}.clear",
            "{clear} is not below {fire}, at which it fires; put it lower, so that it can't flap",
            clear=plain(clear),
            fire=plain(fire),
        )
    elif not above and clear <= fire:
        yield InvalidInput(
            f"{field}.clear",
            "{clear} is not above {fire}, at which it fires; put it higher, so that it can't flap",
            clear=plain(clear),
            fire=plain(fire),
        )


def positive(field: str, fire: float, clear: float) -> Iterator[InvalidInput]:
    """A level without sign can neither reach nor leave what is 0 or less."""
    for name, number in (("fire", fire), ("clear", clear)):
        if number <= 0:
            yield InvalidInput(
                f"{field}.{name}", "{given} must be more than 0: the level has no sign", given=plain(number)
            )


def _numbers(rule: Rule) -> Iterator[InvalidInput]:
    for spec in NUMBERS[rule.kind]:
        yield from outside(f"condition.{spec.name}", getattr(rule.condition, spec.name), spec.low, spec.high)


def _point(rule: Rule) -> Iterator[InvalidInput]:
    if rule.kind in POINTLESS:
        if rule.point is not None:
            yield InvalidInput("point", "leave it empty: this kind of condition looks at no single point")
        return
    if rule.point is None:
        yield InvalidInput("point", "is missing; choose what is measured")
        return
    yield from known_point("point", rule.point, rule.family)


def known_point(field: str, name: str, family: Family | None) -> Iterator[InvalidInput]:
    """The point must exist, and things of the family must have it."""
    spec = POINTS.get(name)
    if spec is None:
        yield InvalidInput(field, "{given!r} is no point; known are {known}", given=name[:40], known=", ".join(POINTS))
    elif family is not None and family is not Family.OTHER and family not in spec.families:
        yield InvalidInput(
            field, "assets of the family {family} have no {given}; choose another one", given=name, family=family
        )


def _comparison(field: str, condition: Comparison, point: str | None) -> Iterator[InvalidInput]:
    yield from apart(field, condition.fire, condition.clear, above=condition.above)
    if condition.magnitude and condition.above:
        yield from positive(field, condition.fire, condition.clear)
    spec = None if point is None else POINTS.get(point)
    if spec is None:
        return
    if condition.of_full_scale:
        yield from _share(field, condition, spec)
        return
    span = spec.sane[1] - spec.sane[0]
    low, high = (-span, span) if condition.relative else spec.sane
    if condition.magnitude:
        low, high = 0.0, max(abs(low), abs(high))
    for name in ("fire", "clear"):
        number = getattr(condition, name)
        if math.isfinite(number) and not low <= number <= high:
            yield InvalidInput(
                f"{field}.{name}",
                "{given} can't be measured by {point}: it goes from {low} to {high} {unit}",
                given=plain(number),
                point=spec.name,
                low=plain(low),
                high=plain(high),
                unit=spec.unit,
            )


def _share(field: str, condition: Comparison, spec: PointSpec) -> Iterator[InvalidInput]:
    if spec.unit in _NO_FULL_SCALE:
        yield InvalidInput(
            f"{field}.of_full_scale", "{point} has no full scale; compare its value itself", point=spec.name
        )
    for name in ("fire", "clear"):
        number = getattr(condition, name)
        if math.isfinite(number) and not -1.5 <= number <= 1.5:
            yield InvalidInput(
                f"{field}.{name}", "{given} is to be a share of full scale: write 0.9 for 90 %", given=plain(number)
            )


def _bursts(condition: LimitCondition) -> Iterator[InvalidInput]:
    if condition.gap_s and condition.gap_s >= condition.hold_s:
        yield InvalidInput(
            "condition.gap_s",
            "{given} s is not shorter than the {hold} s it must hold; then a single burst would do",
            given=plain(condition.gap_s),
            hold=plain(condition.hold_s),
        )
    if condition.votes > condition.of:
        yield InvalidInput(
            "condition.votes",
            "{given} readings can't be found among the last {of}; ask for fewer, or look at more",
            given=condition.votes,
            of=condition.of,
        )


def _aggregated(condition: WindowCondition) -> Iterator[InvalidInput]:
    if condition.aggregate is Aggregate.COUNT:
        for name in ("relative", "magnitude", "of_full_scale"):
            if getattr(condition, name):
                yield InvalidInput(f"condition.{name}", "makes no sense of a count; leave it out")
    if condition.aggregate is Aggregate.RANGE and condition.relative:
        yield InvalidInput("condition.relative", "makes no sense of a range, which no baseline changes; leave it out")


def _axes(axes: Sequence[str], family: Family | None) -> Iterator[InvalidInput]:
    units = set()
    for place, name in enumerate(axes):
        yield from known_point(f"condition.axes[{place}]", name, family)
        if name in POINTS:
            units.add(POINTS[name].unit)
    if len(set(axes)) < len(axes):
        yield InvalidInput("condition.axes", "name three different points")
    elif len(units) > 1 or not units <= _AXES:
        yield InvalidInput("condition.axes", "name three inclinations (deg), or three accelerations (m/s2)")


def _forecast(condition: ForecastCondition, point: str | None) -> Iterator[InvalidInput]:
    if condition.clear_days <= condition.within_days:
        yield InvalidInput(
            "condition.clear_days",
            "{given} days are not beyond the {within} it fires at; put it later, so that it can't flap",
            given=plain(condition.clear_days),
            within=plain(condition.within_days),
        )
    if condition.least_days > condition.history_days:
        yield InvalidInput(
            "condition.least_days",
            "{given} days are more than the {history} of the trend",
            given=condition.least_days,
            history=condition.history_days,
        )
    spec = POINTS.get(point or "")
    if spec is not None:
        yield from outside("condition.level", condition.level, *spec.sane)


def _drift(condition: DriftCondition) -> Iterator[InvalidInput]:
    if condition.per_day <= 0:
        yield InvalidInput(
            "condition.per_day", "{given} must be more than 0: the level has no sign", given=plain(condition.per_day)
        )
    if condition.leap <= condition.per_day:
        yield InvalidInput(
            "condition.leap",
            "{given} must be more than the {per_day} a day that count as drift",
            given=plain(condition.leap),
            per_day=plain(condition.per_day),
        )


def _parts(condition: AllCondition | AnyCondition, family: Family | None) -> Iterator[InvalidInput]:
    if not 2 <= len(condition.parts) <= MOST_PARTS:
        yield InvalidInput(
            "condition.parts", "has {count} parts; give 2 to {most}", count=len(condition.parts), most=MOST_PARTS
        )
    for place, part in enumerate(condition.parts):
        field = f"condition.parts[{place}]"
        yield from known_point(f"{field}.point", part.point, family)
        for name in ("fire", "clear"):
            if not math.isfinite(getattr(part, name)):
                yield InvalidInput(f"{field}.{name}", "must be a finite number")
        yield from _comparison(field, part, part.point)
