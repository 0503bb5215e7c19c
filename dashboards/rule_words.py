"""What a rule says, as sentences in the language of this request: when it fires, when it clears, and what else it does.

Numbers are written as they were set, with the unit of their point; a share of full scale is a percentage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards import texts
from dashboards.refusals import field_name
from dashboards.site import lang, site, t
from registry.domain.points import POINTS
from registry.domain.rules import Rule
from registry.domain.rules.conditions import (
    AllCondition,
    AnyCondition,
    Comparison,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    LimitCondition,
    NoDataCondition,
    RateCondition,
    StuckCondition,
    VectorCondition,
    WindowCondition,
)
from registry.domain.rules.numbers import Measure, NumberSpec, numbers_of
from registry.domain.rules.rule import Hours

WEEK = tuple(range(1, 8))
_BLANK_IN_CHINESE = re.compile("(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A rule in words: whom it watches, what fires and what clears it, and everything else in short lines."""

    who: str
    fires: str
    clears: str
    more: list[str]


def rule_name(rule: Rule) -> str:
    """What people call the rule: its own name in their language, else in the other, else the shipped one's."""
    own = (rule.name_zh, rule.name_en) if lang() == "zh" else (rule.name_en, rule.name_zh)
    shipped = f"rule.{rule.key}"
    # a shipped rule's own name may stand in one language only; the words have both
    if own[0] or not site().texts.has(lang(), shipped):
        return own[0] or own[1] or rule.key
    return t(shipped)


def rule_field_name(path: str) -> str:
    """A field of a rule as its form calls it: ``condition.fire`` is 触发值, ``ladder[0].fire`` is 升级 1 · 触发值."""
    parts: list[str] = []
    for piece in path.replace("]", "").split("."):
        name, _, place = piece.partition("[")
        if name == "condition" and "." in path:
            continue
        known = site().texts.has(lang(), f"rule_field.{name}")
        word = t(f"rule_field.{name}") if known else season_name(name) if parts else field_name(name)
        parts.append(f"{word} {int(place) + 1}" if place.isdigit() else word)
    return " · ".join(parts)


def season_name(key: str) -> str:
    """A season's name, where the words have one."""
    return t(f"season.{key}") if site().texts.has(lang(), f"season.{key}") else key


def say_rule(rule: Rule, seasons: Mapping[str, str] | None = None) -> Saying:
    """The rule in words; ``seasons`` are their names by key."""
    return Saying(who=_who(rule), fires=fires(rule), clears=clears(rule), more=list(_more(rule, seasons or {})))


def amount(number: float, unit: str) -> str:
    """A number as it was set, with its unit."""
    written = f"{number:,.10g}".replace("-", "−")
    symbol = t(f"unit.{unit}") if unit and unit != "1" else ""
    return f"{written}{symbol}" if symbol in {"°", "%", ""} else f"{written} {symbol}"


def limit(number: float, rule: Rule, condition: Any = None, point: str | None = None) -> str:
    """A level of the rule's condition (or of one of its parts) as people read it."""
    looked = rule.condition if condition is None else condition
    if isinstance(looked, Comparison) and looked.of_full_scale:
        return t("rule_says.share", share=f"{number * 100:,.10g}")
    if isinstance(looked, WindowCondition) and looked.aggregate == "count":
        return amount(number, "1")
    if isinstance(looked, VectorCondition | DisagreeCondition):
        return amount(number, "deg")
    return amount(number, unit_of(point or rule.point))


def unit_of(point: str | None) -> str:
    """The unit symbol of a point's values; empty where there is none."""
    spec = POINTS.get(point or "")
    return "" if spec is None else spec.unit


def number_said(spec: NumberSpec, number: float, rule: Rule) -> str:
    """One number of the condition with its unit."""
    if spec.measure is Measure.SPAN:
        return _span(number)
    if spec.measure is Measure.DAYS:
        return t("rule_says.days", days=f"{number:g}")
    if spec.measure is Measure.COUNT:
        return f"{number:g}"
    return limit(number, rule)


def fires(rule: Rule) -> str:
    """When it fires, as a sentence without its full stop."""
    condition = rule.condition
    point = _point(rule.point)
    match condition:
        case LimitCondition():
            said = _reaches(condition, rule, rule.point)
            if condition.of > 1:
                said += t("rule_says.votes", votes=condition.votes, of=condition.of)
            if condition.gap_s:
                return said + _held(rule) + t("rule_says.gap", span=_span(condition.gap_s))
        case RateCondition():
            key = f"rule_says.rate_{condition.direction.value}"
            said = _limited(key, point=point, limit=limit(condition.fire, rule), span=_span(condition.window_s))
        case WindowCondition():
            what = t(f"rule_says.of_{condition.aggregate.value}", what=_what(condition, rule.point))
            over = t("rule_says.over", what=what, span=_span(condition.window_s))
            key = "rule_says.above" if condition.above else "rule_says.below"
            said = _limited(key, what=over, limit=limit(condition.fire, rule))
        case VectorCondition():
            said = t("rule_says.vector", limit=limit(condition.fire, rule))
        case DisagreeCondition():
            said = t("rule_says.disagree", limit=limit(condition.fire, rule))
        case AllCondition() | AnyCondition():
            joint = t("rule_says.and" if isinstance(condition, AllCondition) else "rule_says.or")
            said = joint.join(_reaches(part, rule, part.point) for part in condition.parts)
        case _:
            return _fires_unheld(rule)
    return said + _held(rule)


def _fires_unheld(rule: Rule) -> str:
    """The kinds that bring their own idea of how long."""
    condition, point = rule.condition, _point(rule.point)
    match condition:
        case StuckCondition():
            return t("rule_says.stuck", point=point, samples=condition.samples, span=_span(condition.for_s))
        case NoDataCondition():
            return t("rule_says.no_data", beats=f"{condition.heartbeats:g}", span=_span(condition.min_s))
        case ForecastCondition():
            days = f"{condition.within_days:g}"
            return t("rule_says.forecast", point=point, limit=limit(condition.level, rule), days=days)
        case DriftCondition():
            return t("rule_says.drift", point=point, limit=limit(condition.per_day, rule), days=condition.days)
        case EventCondition():
            return t("rule_says.event", point=point)
        case _:
            raise TypeError(f"no words for {type(condition).__name__}")


def clears(rule: Rule) -> str:
    """When it clears, as a sentence without its full stop."""
    condition = rule.condition
    match condition:
        case StuckCondition():
            return t("rule_says.clear_stuck")
        case NoDataCondition():
            return t("rule_says.clear_no_data")
        case ForecastCondition():
            return t("rule_says.clear_forecast", days=f"{condition.clear_days:g}")
        case DriftCondition():
            return t("rule_says.clear_drift", limit=limit(condition.per_day / 2, rule))
        case EventCondition():
            if condition.expire_s:
                return t("rule_says.clear_event_expires", span=_span(condition.expire_s))
            return t("rule_says.clear_event")
        case AllCondition():
            return t("rule_says.clear_all", span=_span(condition.clear_after_s))
        case AnyCondition():
            return t("rule_says.clear_any", span=_span(condition.clear_after_s))
        case _:
            above = condition.above if isinstance(condition, Comparison) else True
            key = "rule_says.clear_below" if above else "rule_says.clear_above"
            return _limited(key, limit=limit(condition.clear, rule), span=_span(condition.clear_after_s))


def hours_said(hours: Hours) -> str:
    """A part of the week: "Mon–Fri 08:00–20:00"."""
    return t("rule_says.hours_span", days=_days(hours.days), start=_clock(hours.from_min), end=_clock(hours.until_min))


def _more(rule: Rule, seasons: Mapping[str, str]) -> Iterator[str]:
    for step in rule.ladder:
        key = "rule_says.step_hold" if step.hold_s else "rule_says.step"
        severity = t(f"severity.{int(step.severity)}")
        levels = {"limit": limit(step.fire, rule), "clear": limit(step.clear, rule)}
        yield _limited(key, severity=severity, **levels, span=_span(step.hold_s))
    known = numbers_of(rule.kind)
    for season, numbers in rule.seasons.items():
        listed = t("rule_says.comma").join(
            f"{t(f'rule_field.{name}')} {number_said(known[name], number, rule)}"
            for name, number in numbers.items()
            if name in known
        )
        yield t("rule_says.season", season=seasons.get(season) or season_name(season), numbers=listed)
    if rule.hours:
        yield t("rule_says.hours", spans=t("rule_says.comma").join(hours_said(each) for each in rule.hours))
    grouping = rule.grouping
    if grouping is not None:
        yield t(
            "rule_says.grouping_one_case" if grouping.one_case else "rule_says.grouping",
            count=grouping.at_least,
            radius=_distance(grouping.radius_m),
            span=_span(grouping.within_s),
            alone=t(f"severity.{int(grouping.alone_from)}"),
        )
    flapping = rule.flapping
    if flapping is not None:
        yield t(
            "rule_says.flapping",
            fires=flapping.fires,
            span=_span(flapping.within_s),
            quiet=_span(flapping.quiet_s),
        )
    if rule.permit:
        yield t("rule_says.permit")
    if rule.lateness_s:
        yield t("rule_says.lateness", span=_span(rule.lateness_s))
    yield t("rule_says.no_case") if rule.case_kind is None else t("rule_says.case", kind=t(f"kind.{rule.case_kind}"))


def _who(rule: Rule) -> str:
    watches = rule.watches
    parts = [t("rules.all_families") if rule.family is None else t(f"rule_says.family_{rule.family.value}")]
    if watches.classes:
        parts.append(t("rule_says.in_classes", classes=t("rule_says.comma").join(watches.classes)))
    if watches.area:
        parts.append(t("rule_says.in_area", area=watches.area))
    if watches.assets:
        parts.append(t("rule_says.of_assets", count=len(watches.assets)))
    if watches.devices:
        parts.append(t("rule_says.of_devices", count=len(watches.devices)))
    return t("rule_says.comma").join(parts)


def _reaches(condition: Comparison, rule: Rule, point: str | None) -> str:
    key = "rule_says.above" if condition.above else "rule_says.below"
    return _limited(key, what=_what(condition, point), limit=limit(condition.fire, rule, condition, point))


def _limited(key: str, **values: str) -> str:
    """Words around a level: a share of full scale begins with a word, before which Chinese has no blank."""
    return _BLANK_IN_CHINESE.sub("", t(key, **values))


def _what(condition: Comparison, point: str | None) -> str:
    if condition.relative:
        return t("rule_says.relative", point=_point(point))
    return t("rule_says.magnitude", point=_point(point)) if condition.magnitude else _point(point)


def _held(rule: Rule) -> str:
    span = getattr(rule.condition, "hold_s", 0.0)
    return t("rule_says.hold", span=_span(span)) if span else ""


def _point(name: str | None) -> str:
    return t(f"point.{name}") if name in POINTS else name or "–"


def _span(seconds: float) -> str:
    if seconds != int(seconds) and seconds < 60:
        return t("rule_says.seconds", seconds=f"{seconds:g}")
    return texts.duration(seconds, lang())


def _distance(metres: float) -> str:
    return amount(metres / 1000, "") + " km" if metres >= 1000 else amount(metres, "m")


def _days(days: tuple[int, ...]) -> str:
    if set(days) == set(WEEK):
        return t("rule_says.every_day")
    ordered = sorted(days)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{t(f'weekday.{ordered[0]}')}–{t(f'weekday.{ordered[-1]}')}"
    return t("rule_says.comma").join(t(f"weekday.{day}") for day in ordered)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
