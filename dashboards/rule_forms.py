"""The form of a rule: its fields are named like the rule's own (``condition.fire``), read into plain values once.

Spans may be typed as people say them (``10 min``, ``2 h``); the week is a grid of whole hours, and hours that a file
set to the minute stay as they are while nobody touches the grid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from werkzeug.datastructures import MultiDict

from dashboards import forms
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, RuleKind, Severity
from registry.domain.points import POINTS
from registry.domain.rules import Rule
from registry.domain.rules.conditions import (
    Aggregate,
    AllCondition,
    AnyCondition,
    Comparison,
    Condition,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    ForecastCondition,
    LimitCondition,
    NoDataCondition,
    Part,
    RateCondition,
    StuckCondition,
    VectorCondition,
    WindowCondition,
)
from registry.domain.rules.numbers import COMPARED, NUMBERS, POINTLESS, Measure, numbers_of
from registry.domain.rules.plain import read_rule_plain
from registry.domain.rules.rule import FlapPolicy, GroupPolicy, Hours
from registry.shapes import shaped_json

MOST_PARTS = 4
MOST_STEPS = 2
_SPAN = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*(s|sec|秒|min|m|分钟?|h|小时|d|天)?", re.IGNORECASE)
_SECONDS = {
    "s": 1,
    "sec": 1,
    "秒": 1,
    "m": 60,
    "min": 60,
    "分": 60,
    "分钟": 60,
    "h": 3600,
    "小时": 3600,
    "d": 86400,
    "天": 86400,
}
_AXES = ("tilt_x", "tilt_y", "tilt_z")

# What a new condition begins as: numbers from which people go on.
BEGINNINGS: dict[RuleKind, Condition] = {
    RuleKind.LIMIT: LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
    RuleKind.RATE: RateCondition(fire=10.0, clear=5.0, window_s=600.0),
    RuleKind.WINDOW: WindowCondition(
        aggregate=Aggregate.MEAN, window_s=600.0, least=3, fire=5.0, clear=4.0, relative=True, magnitude=True
    ),
    RuleKind.VECTOR: VectorCondition(axes=_AXES, fire=15.0, clear=10.0, hold_s=5.0),
    RuleKind.STUCK: StuckCondition(samples=12, for_s=60.0),
    RuleKind.NO_DATA: NoDataCondition(heartbeats=5.0, min_s=60.0),
    RuleKind.FORECAST: ForecastCondition(level=20.0, within_days=30.0, clear_days=60.0),
    RuleKind.DRIFT: DriftCondition(per_day=0.1, leap=1.0),
    RuleKind.DISAGREE: DisagreeCondition(axes=_AXES, fire=3.0, clear=2.0, hold_s=60.0),
    RuleKind.EVENT: EventCondition(),
    RuleKind.ALL: AllCondition(
        parts=(
            Part(point="tilt_z", fire=5.0, clear=4.0, relative=True, magnitude=True),
            Part(point="vibration", fire=10.0, clear=8.0),
        )
    ),
    RuleKind.ANY: AnyCondition(
        parts=(
            Part(point="tilt_z", fire=15.0, clear=10.0, relative=True, magnitude=True),
            Part(point="displacement", fire=30.0, clear=15.0, relative=True, magnitude=True),
        )
    ),
}


class ReadForm(NamedTuple):
    """What a form says: the rule (None while something in it can't be read), its tags, what can't be read by field."""

    rule: Rule | None
    tags: tuple[str, ...]
    problems: list[InvalidInput]


def new_rule(kind: RuleKind) -> Rule:
    """What the form of a new rule shows at first."""
    point = {RuleKind.FORECAST: "battery", RuleKind.EVENT: "open"}.get(kind, "tilt_z")
    return Rule(
        key="",
        version=0,
        family=Family.COVER,
        point=None if kind in POINTLESS else point,
        severity=Severity.ALARM,
        case_kind=None,
        condition=BEGINNINGS[kind],
    )


def with_kind(rule: Rule, kind: RuleKind) -> Rule:
    """The rule with another kind of condition: what both kinds have stays."""
    begun = BEGINNINGS[kind]
    shared = {name: getattr(rule.condition, name) for name in begun.__struct_fields__ if hasattr(rule.condition, name)}
    if isinstance(rule.condition, Comparison) != isinstance(begun, Comparison):
        shared = {name: value for name, value in shared.items() if name in ("hold_s", "clear_after_s")}
    point = None if kind in POINTLESS else rule.point or new_rule(kind).point
    known = numbers_of(kind)
    seasons = {
        season: kept
        for season, numbers in rule.seasons.items()
        if (kept := {name: number for name, number in numbers.items() if name in known})
    }
    return msgspec.structs.replace(
        rule, condition=msgspec.structs.replace(begun, **shared), point=point, ladder=(), seasons=seasons
    )


def values_of(rule: Rule, tags: Iterable[str] = ()) -> dict[str, str]:
    """The rule as its form's fields show it."""
    values = {
        "key": rule.key,
        "name_zh": rule.name_zh,
        "name_en": rule.name_en,
        "reason_zh": rule.reason_zh,
        "reason_en": rule.reason_en,
        "family": "" if rule.family is None else rule.family.value,
        "point": rule.point or "",
        "severity": str(int(rule.severity)),
        "case_kind": rule.case_kind or "",
        "type": rule.kind.value,
        "lateness_s": span_text(rule.lateness_s),
        "watches.area": rule.watches.area,
        "watches.tags": "\n".join(tags),
        "watches.devices": "\n".join(rule.watches.devices),
        "hours_kept": json.dumps(msgspec.to_builtins(rule.hours)),
    }
    values |= {name: "1" for name in ("enabled", "permit") if getattr(rule, name)}
    values |= _condition_values(rule)
    for place, step in enumerate(rule.ladder):
        at = f"ladder[{place}]"
        values[f"{at}.severity"] = str(int(step.severity))
        values |= {
            f"{at}.fire": _text(step.fire),
            f"{at}.clear": _text(step.clear),
            f"{at}.hold_s": span_text(step.hold_s),
        }
    known = numbers_of(rule.kind)
    for season, numbers in rule.seasons.items():
        values |= {
            f"seasons.{season}.{name}": _said(known[name].measure, n) for name, n in numbers.items() if name in known
        }
    for policy in ("grouping", "flapping"):
        kept = getattr(rule, policy)
        shown = kept or (GroupPolicy() if policy == "grouping" else FlapPolicy())
        values |= {f"{policy}.{name}": _policy_text(name, getattr(shown, name)) for name in shown.__struct_fields__}
        if kept is not None:
            values[policy] = "1"
    return values


def read_form(form: MultiDict[str, str], *, key: str, kept: Rule | None = None) -> ReadForm:
    """The rule that a form says; ``kept`` is the rule it edits, for what no form shows."""
    reader = _Reader(form)
    kind = RuleKind(forms.choice(form, "type", [each.value for each in RuleKind]) or RuleKind.LIMIT)
    plain: dict[str, Any] = {
        "key": key,
        "version": 0 if kept is None else kept.version,
        **{name: reader.text(name) for name in ("name_zh", "name_en", "reason_zh", "reason_en")},
        "family": reader.text("family") or None,
        "point": None if kind in POINTLESS else reader.text("point") or None,
        "severity": reader.whole("severity", Severity.ALARM),
        "case_kind": reader.text("case_kind") or None,
        "enabled": "enabled" in form,
        "permit": "permit" in form,
        "lateness_s": reader.span("lateness_s", 0.0),
        "condition": _condition(reader, kind),
        "ladder": _ladder(reader),
        "seasons": _seasons(reader, kind),
        "hours": _hours(form, reader.problems),
        "watches": {
            "classes": form.getlist("watches.classes"),
            "area": reader.text("watches.area"),
            "devices": reader.lines("watches.devices"),
        },
        "grouping": _policy(reader, "grouping", GroupPolicy) if "grouping" in form else None,
        "flapping": _policy(reader, "flapping", FlapPolicy) if "flapping" in form else None,
    }
    rule, unreadable = read_rule_plain(plain)
    problems = [*reader.problems, *unreadable]
    return ReadForm(None if problems else rule, tuple(reader.lines("watches.tags")), problems)


def kind_of(form: Mapping[str, str]) -> RuleKind:
    """The kind of condition that a form shows."""
    return RuleKind(forms.choice(form, "type", [each.value for each in RuleKind]) or RuleKind.LIMIT)


def span_text(seconds: float) -> str:
    """A span as it is typed: 10 min, 2 h, 5 s."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:.10g} s"


def read_span(text: str) -> float | None:
    """Seconds out of ``10 min``, ``2h`` or plain seconds; None when it is no span."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    return float(found[1].replace(",", ".")) * _SECONDS[(found[2] or "s").lower()]


def ticked_hours(hours: tuple[Hours, ...]) -> set[str]:
    """The cells of the week's grid that ``hours`` cover at least in part: ``day-hour`` from 1-0 to 7-23."""
    ticked: set[str] = set()
    for each in hours:
        until = each.until_min if each.until_min > each.from_min else each.until_min + 1440
        for day in each.days:
            for hour in range(each.from_min // 60, (until + 59) // 60):
                ticked.add(f"{(day - 1 + hour // 24) % 7 + 1}-{hour % 24}")
    return ticked


def hours_of(cells: Iterable[str]) -> tuple[Hours, ...]:
    """The parts of the week that cells of the grid make up, days of the same hours together; the whole week is ()."""
    by_day: dict[int, set[int]] = {}
    for cell in cells:
        day, _, hour = cell.partition("-")
        if day in "1234567" and day and hour.isdigit() and int(hour) < 24:
            by_day.setdefault(int(day), set()).add(int(hour))
    if sum(map(len, by_day.values())) == 7 * 24:
        return ()
    spans: dict[tuple[int, int], list[int]] = {}
    for weekday, hours in sorted(by_day.items()):
        for start, end in _runs(sorted(hours)):
            spans.setdefault((start * 60, end * 60), []).append(weekday)
    return tuple(Hours(days=tuple(days), from_min=start, until_min=end) for (start, end), days in sorted(spans.items()))


class _Reader:
    """Reads fields of a form and notes what can't be read."""

    def __init__(self, form: MultiDict[str, str]) -> None:
        self._form = form
        self.problems: list[InvalidInput] = []

    def has(self, name: str) -> bool:
        return bool(self._form.get(name, "").strip())

    def text(self, name: str) -> str:
        return self._form.get(name, "").replace("\r\n", "\n").replace("\x00", "").strip()

    def lines(self, name: str) -> list[str]:
        return [word for word in re.split(r"[\s,，;；]+", self.text(name)) if word]

    def number(self, name: str, otherwise: float = 0.0) -> float:
        written = self.text(name).replace("−", "-").replace(",", "")
        if not written:
            self.problems.append(InvalidInput(name, "is missing"))
            return otherwise
        try:
            return float(written)
        except ValueError:
            self.problems.append(InvalidInput(name, "{given!r} must be a number", given=written[:20]))
            return otherwise

    def whole(self, name: str, otherwise: int = 0) -> int:
        number = self.number(name, otherwise)
        if number != number or abs(number) > 1e9 or number != int(number):
            self.problems.append(InvalidInput(name, "{given!r} must be a whole number", given=self.text(name)[:20]))
            return otherwise
        return int(number)

    def span(self, name: str, otherwise: float | None = None) -> float:
        written = self.text(name)
        if not written and otherwise is not None:
            return otherwise
        seconds = read_span(written)
        if seconds is None:
            self.problems.append(
                InvalidInput(name, "{given!r} must be a span: 5 s, 10 min, 2 h or 1 d", given=written[:20])
            )
            return 0.0
        return seconds

    def measured(self, name: str, measure: Measure, *, whole: bool = False) -> float | int:
        if measure is Measure.SPAN:
            return self.span(name)
        return self.whole(name) if whole else self.number(name)

    def ticked(self, name: str) -> bool:
        return name in self._form


def _condition_values(rule: Rule) -> dict[str, str]:
    condition = rule.condition
    values = {
        f"condition.{spec.name}": _said(spec.measure, getattr(condition, spec.name)) for spec in NUMBERS[rule.kind]
    }
    if isinstance(condition, Comparison):
        values |= _comparison_values("condition", condition)
    if isinstance(condition, RateCondition):
        values["condition.direction"] = condition.direction.value
    if isinstance(condition, WindowCondition):
        values["condition.aggregate"] = condition.aggregate.value
    if isinstance(condition, VectorCondition | DisagreeCondition):
        values |= {f"condition.axes[{place}]": name for place, name in enumerate(condition.axes)}
    if isinstance(condition, AllCondition | AnyCondition):
        for place, part in enumerate(condition.parts):
            at = f"condition.parts[{place}]"
            values |= {f"{at}.point": part.point, f"{at}.fire": _text(part.fire), f"{at}.clear": _text(part.clear)}
            values |= _comparison_values(at, part)
    return values


def _comparison_values(at: str, condition: Comparison) -> dict[str, str]:
    values = {f"{at}.above": "1" if condition.above else "0"}
    for name in ("relative", "magnitude", "of_full_scale"):
        if getattr(condition, name):
            values[f"{at}.{name}"] = "1"
    return values


def _condition(reader: _Reader, kind: RuleKind) -> dict[str, Any]:
    plain: dict[str, Any] = {"type": kind.value}
    for spec in NUMBERS[kind]:
        plain[spec.name] = reader.measured(f"condition.{spec.name}", spec.measure, whole=spec.whole)
    if kind in COMPARED:
        plain |= _comparison(reader, "condition")
    if kind is RuleKind.RATE:
        plain["direction"] = reader.text("condition.direction")
    if kind is RuleKind.WINDOW:
        plain["aggregate"] = reader.text("condition.aggregate")
    if kind in (RuleKind.VECTOR, RuleKind.DISAGREE):
        plain["axes"] = [reader.text(f"condition.axes[{place}]") for place in range(3)]
    if kind in (RuleKind.ALL, RuleKind.ANY):
        plain["parts"] = [
            {
                "point": reader.text(f"{at}.point"),
                "fire": reader.number(f"{at}.fire"),
                "clear": reader.number(f"{at}.clear"),
                **_comparison(reader, at),
            }
            for at in (f"condition.parts[{place}]" for place in range(MOST_PARTS))
            if reader.has(f"{at}.point")
        ]
    return plain


def _comparison(reader: _Reader, at: str) -> dict[str, Any]:
    return {
        "above": reader.text(f"{at}.above") != "0",
        **{name: reader.ticked(f"{at}.{name}") for name in ("relative", "magnitude", "of_full_scale")},
    }


def _ladder(reader: _Reader) -> list[dict[str, Any]]:
    return [
        {
            "severity": reader.whole(f"{at}.severity", Severity.CRITICAL),
            "fire": reader.number(f"{at}.fire"),
            "clear": reader.number(f"{at}.clear"),
            "hold_s": reader.span(f"{at}.hold_s", 0.0),
        }
        for at in (f"ladder[{place}]" for place in range(MOST_STEPS))
        if reader.has(f"{at}.severity")
    ]


def _seasons(reader: _Reader, kind: RuleKind) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in reader._form:
        parts = name.split(".")
        if len(parts) != 3 or parts[0] != "seasons" or not reader.has(name):
            continue
        spec = numbers_of(kind).get(parts[2])
        if spec is not None:
            found.setdefault(parts[1], {})[parts[2]] = float(reader.measured(name, spec.measure))
    return found


def _hours(form: MultiDict[str, str], problems: list[InvalidInput]) -> list[dict[str, Any]]:
    """The grid's hours, or those that were there before while the grid still says the same."""
    cells = set(form.getlist("hour"))
    if not cells:
        problems.append(InvalidInput("hours", "choose at least one hour, or switch the rule off"))
    try:
        kept = shaped_json(form.get("hours_kept", "[]")[:20_000], tuple[Hours, ...])
    except (msgspec.DecodeError, msgspec.ValidationError):
        kept = ()
    hours = kept if ticked_hours(kept) == cells else hours_of(cells)
    return [msgspec.to_builtins(each) for each in hours]


def _policy(reader: _Reader, policy: str, shape: type[msgspec.Struct]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for each in msgspec.structs.fields(shape):
        name = f"{policy}.{each.name}"
        if each.type is bool:
            plain[each.name] = reader.ticked(name)
        elif each.name.endswith("_s"):
            plain[each.name] = reader.span(name)
        elif each.type is float:
            plain[each.name] = reader.number(name)
        else:
            plain[each.name] = reader.whole(name)
    return plain


def _policy_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return span_text(value) if name.endswith("_s") else _text(value)


def _said(measure: Measure, number: float) -> str:
    return span_text(number) if measure is Measure.SPAN else _text(number)


def _text(number: float) -> str:
    return f"{number:.10g}"


def _runs(hours: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and runs[-1][1] == hour:
            runs[-1] = (runs[-1][0], hour + 1)
        else:
            runs.append((hour, hour + 1))
    return runs


def points_for(family: Family | None) -> list[str]:
    """The points that assets of a family can have, usual ones first."""
    fitting = [spec for spec in POINTS.values() if family in (None, Family.OTHER) or family in spec.families]
    return [spec.name for spec in sorted(fitting, key=lambda spec: not spec.usual)]


AGGREGATES = tuple(each.value for each in Aggregate)
