"""The page of the rule editor: which fields a kind of condition has, and what can be chosen in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request

from dashboards import forms, rule_forms
from dashboards.login import may
from dashboards.rule_words import amount, say_rule, season_name, unit_of
from dashboards.site import lang, now, site, standard, t
from registry.domain.kinds import Family, RuleKind, Severity
from registry.domain.points import POINTS
from registry.domain.rules import Rule
from registry.domain.rules.conditions import (
    Aggregate,
    Comparison,
    DisagreeCondition,
    VectorCondition,
    WindowCondition,
)
from registry.domain.rules.numbers import COMPARED, LADDERED_KINDS, NUMBERS, POINTLESS
from registry.queries import classes as class_queries
from registry.queries import rules as rule_queries
from registry.queries.backtest_cases import WouldRaise

WEEKDAYS = tuple(range(1, 8))
_ALWAYS = frozenset(f"{day}-{hour}" for day in range(1, 8) for hour in range(24))


def editor_page(
    shown: Rule,
    values: Mapping[str, str],
    *,
    line: rule_queries.RuleLine | None = None,
    errors: Mapping[str, str] | None = None,
    many: WouldRaise | None = None,
) -> str:
    """The page: ``shown`` decides which fields there are, ``values`` what stands in them, ``errors`` what is wrong.

    ``line`` is the rule as it is kept; None: it is a new one. ``many``: what it would have done yesterday, if a lot.
    """
    city = site()
    form = forms.FormState(values=values, errors=errors or {})
    sent = request.method == "POST"
    ticked = set(request.form.getlist("hour")) if sent else rule_forms.ticked_hours(shown.hours) or _ALWAYS
    classes = request.form.getlist("watches.classes") if sent else list(shown.watches.classes)
    return render_template(
        "rule.html",
        rule=shown,
        line=line,
        form=form,
        many=many,
        saying=say_rule(shown, season_names()),
        unit=level_unit(shown),
        numbers=NUMBERS[shown.kind],
        compared=shown.kind in COMPARED,
        laddered=shown.kind in LADDERED_KINDS,
        pointless=shown.kind in POINTLESS,
        kinds=list(RuleKind),
        family_options=[(each.value, t(f"family.{each.value}")) for each in Family],
        severity_options=[(int(each), t(f"severity.{int(each)}")) for each in Severity],
        case_options=[(each, t(f"kind.{each}")) for each in standard().open_kinds()],
        points=_point_options(),
        severities=list(Severity),
        aggregates=rule_forms.AGGREGATES,
        parts=range(rule_forms.MOST_PARTS),
        steps=range(rule_forms.MOST_STEPS),
        season_choices=rule_queries.season_choices(city.engine, now=now(), zone=city.zone),
        class_choices=_class_options(shown.family),
        chosen_classes=classes,
        ticked=ticked,
        weekdays=WEEKDAYS,
        may_save=may("save_rule"),
        saved=bool(request.args.get("saved")),
    )


def season_names() -> dict[str, str]:
    """The city's seasons by key, in the language of this request."""
    choices = rule_queries.season_choices(site().engine, now=now(), zone=site().zone)
    return {each.key: (each.name_zh if lang() == "zh" else each.name_en) or season_name(each.key) for each in choices}


def level_unit(shown: Rule) -> str:
    """What stands behind the levels of the condition."""
    condition = shown.condition
    if isinstance(condition, Comparison) and condition.of_full_scale:
        return t("rules.share_unit")
    if isinstance(condition, VectorCondition | DisagreeCondition):
        return t("unit.deg")
    if isinstance(condition, WindowCondition) and condition.aggregate is Aggregate.COUNT:
        return ""
    unit = unit_of(shown.point)
    return t(f"unit.{unit}") if unit else ""


def _point_options() -> list[tuple[str, str]]:
    return [
        (name, f"{t(f'point.{name}')} ({unit})" if (unit := t(f"unit.{POINTS[name].unit}")) else t(f"point.{name}"))
        for name in rule_forms.points_for(None)
    ]


def _class_options(family: Family | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each class table with its classes of the family (of covers and lights where the rule is for every family)."""
    wanted = {family} if family is not None else {Family.COVER, Family.LIGHT}
    found = []
    for scheme in class_queries.list_schemes(site().engine):
        rows = class_queries.scheme_view(site().engine, scheme.key).classes
        options = [(f"{scheme.key}:{row.code}", f"{row.code} {_named(row)}") for row in rows if row.family in wanted]
        found.append((_named(scheme), [(scheme.key, t("rules.whole_table")), *options]))
    return found


def _named(row: Any) -> str:
    return str(row.name_zh if lang() == "zh" else row.name_en or row.name_zh)


def difference_said(value: Any) -> str:
    """One side of a difference as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return t("rules.yes" if value else "rules.no")
    if isinstance(value, int | float):
        return amount(value, "")
    if isinstance(value, list):
        return t("rule_says.comma").join(difference_said(each) for each in value)
    return str(value)
