"""What the check of a rule finds: each problem with its field, all of them at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry.domain.kinds import Family, RuleKind, Severity
from registry.domain.rules import (
    Aggregate,
    AllCondition,
    DisagreeCondition,
    DriftCondition,
    EventCondition,
    FlapPolicy,
    ForecastCondition,
    GroupPolicy,
    Hours,
    LimitCondition,
    NoDataCondition,
    Part,
    RateCondition,
    Rule,
    Step,
    StuckCondition,
    VectorCondition,
    Watches,
    WindowCondition,
)
from registry.domain.rules.check import Known, check_rule
from registry.domain.rules.numbers import NUMBERS, numbers_of, with_numbers
from registry.domain.rules.plain import CONDITIONS
from registry.domain.rules.shipped import SHIPPED_RULES

LEAN = Rule(
    key="lean",
    version=1,
    family=Family.COVER,
    point="tilt_z",
    severity=Severity.ALARM,
    case_kind="cover_displaced",
    condition=LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
    name_zh="倾斜",
)


def wrong(**changes: Any) -> list[str]:
    """The fields that are wrong after ``changes``."""
    return [problem.field for problem in check_rule(msgspec.structs.replace(LEAN, **changes))]


def limit(**changes: Any) -> LimitCondition:
    return msgspec.structs.replace(LimitCondition(fire=15.0, clear=10.0, hold_s=5.0), **changes)


def test_a_sound_rule_has_no_problem() -> None:
    assert check_rule(LEAN) == ()


@pytest.mark.parametrize("rule", SHIPPED_RULES, ids=lambda rule: rule.key)
def test_the_shipped_rules_are_sound(rule: Rule) -> None:
    assert [str(problem) for problem in check_rule(rule)] == []


def test_a_rule_about_whole_buses_or_cabinets_watches_no_part_of_the_city() -> None:
    whole = next(rule for rule in SHIPPED_RULES if rule.key == "bus_silent")
    narrowed = msgspec.structs.replace(whole, watches=Watches(area="320508"))
    assert [problem.field for problem in check_rule(narrowed)] == ["watches"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "Lean"}, "key"),
        ({"key": "a"}, "key"),
        ({"name_zh": " "}, "name_zh"),
        ({"name_en": "x" * 81}, "name_en"),
        ({"reason_zh": "x" * 2001}, "reason_zh"),
        ({"point": "tilt_q"}, "point"),
        ({"point": None}, "point"),
        ({"family": Family.LIGHT, "case_kind": None, "point": "water_level"}, "point"),
        ({"case_kind": "nonsense"}, "case_kind"),
        ({"family": Family.LIGHT}, "case_kind"),
        ({"family": None}, "case_kind"),
        ({"lateness_s": 7200.0}, "lateness_s"),
        ({"watches": Watches(classes=("Cover 0101",))}, "watches.classes[0]"),
        ({"watches": Watches(area="32-05")}, "watches.area"),
        ({"hours": (Hours(days=()),)}, "hours[0].days"),
        ({"hours": (Hours(days=(1, 1)),)}, "hours[0].days"),
        ({"hours": (Hours(days=(8,)),)}, "hours[0].days"),
        ({"hours": (Hours(), Hours(from_min=60, until_min=60))}, "hours[1].until_min"),
        ({"hours": (Hours(from_min=-1),)}, "hours[0].from_min"),
        ({"hours": (Hours(),) * 61}, "hours"),
        ({"grouping": GroupPolicy(at_least=1)}, "grouping.at_least"),
        ({"grouping": GroupPolicy(wait_s=300.0, within_s=60.0)}, "grouping.wait_s"),
        ({"flapping": FlapPolicy(fires=1)}, "flapping.fires"),
        ({"flapping": FlapPolicy(quiet_s=0.0)}, "flapping.quiet_s"),
    ],
)
def test_each_field_of_a_rule_is_judged(changes: dict[str, Any], field: str) -> None:
    assert wrong(**changes) == [field]


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (limit(clear=15.0), "condition.clear"),
        (limit(clear=20.0), "condition.clear"),
        (limit(above=False), "condition.clear"),
        (limit(fire=float("nan")), "condition.fire"),
        (limit(hold_s=-1.0), "condition.hold_s"),
        (limit(hold_s=1e9), "condition.hold_s"),
        (limit(gap_s=5.0), "condition.gap_s"),
        (limit(votes=3, of=2), "condition.votes"),
        (limit(fire=200.0), "condition.fire"),
        (limit(clear=0.0, magnitude=True), "condition.clear"),
        (limit(fire=0.9, clear=0.8, of_full_scale=True), "condition.of_full_scale"),
        (RateCondition(fire=0.0, clear=-1.0, window_s=60.0), "condition.fire"),
        (RateCondition(fire=5.0, clear=2.0, window_s=0.0), "condition.window_s"),
        (WindowCondition(aggregate=Aggregate.MEAN, fire=5.0, clear=6.0, window_s=60.0), "condition.clear"),
        (
            WindowCondition(aggregate=Aggregate.COUNT, fire=5.0, clear=4.0, window_s=60.0, relative=True),
            "condition.relative",
        ),
        (
            WindowCondition(aggregate=Aggregate.RANGE, fire=5.0, clear=4.0, window_s=60.0, relative=True),
            "condition.relative",
        ),
        (StuckCondition(samples=1, for_s=20.0), "condition.samples"),
        (ForecastCondition(level=20.0, within_days=30.0, clear_days=30.0), "condition.clear_days"),
        (
            ForecastCondition(level=20.0, within_days=30.0, clear_days=60.0, history_days=5, least_days=7),
            "condition.least_days",
        ),
        (DriftCondition(per_day=0.5, leap=0.1), "condition.leap"),
        (EventCondition(), "point"),
    ],
)
def test_each_number_of_a_condition_on_one_point_is_judged(condition: Any, field: str) -> None:
    assert field in wrong(condition=condition)


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        (NoDataCondition(heartbeats=0.5, min_s=10.0), ["condition.heartbeats"]),
        (VectorCondition(axes=("tilt_x", "tilt_y", "tilt_z"), fire=10.0, clear=5.0), []),
        (VectorCondition(axes=("tilt_x", "tilt_x", "tilt_z"), fire=10.0, clear=5.0), ["condition.axes"]),
        (VectorCondition(axes=("tilt_x", "tilt_y", "battery"), fire=10.0, clear=5.0), ["condition.axes"]),
        (DisagreeCondition(axes=("tilt_x", "tilt_y", "nowhere"), fire=3.0, clear=2.0), ["condition.axes[2]"]),
        (DisagreeCondition(axes=("tilt_x", "tilt_y", "tilt_z"), fire=3.0, clear=4.0), ["condition.clear"]),
        (AllCondition(parts=(Part(point="tilt_z", fire=5.0, clear=4.0),)), ["condition.parts"]),
        (
            AllCondition(parts=(Part(point="tilt_z", fire=5.0, clear=6.0), Part(point="nowhere", fire=1.0, clear=0.0))),
            ["condition.parts[0].clear", "condition.parts[1].point"],
        ),
    ],
)
def test_each_number_of_a_condition_on_several_points_is_judged(condition: Any, fields: list[str]) -> None:
    assert wrong(condition=condition, point=None) == fields


def test_a_condition_on_several_points_wants_no_point_of_the_rule() -> None:
    assert wrong(condition=NoDataCondition(heartbeats=5.0, min_s=10.0)) == ["point"]


@pytest.mark.parametrize(
    ("ladder", "fields"),
    [
        ((Step(severity=Severity.CRITICAL, fire=45.0, clear=10.0),), []),
        ((Step(severity=Severity.ALARM, fire=45.0, clear=10.0),), ["ladder[0].severity"]),
        ((Step(severity=Severity.CRITICAL, fire=12.0, clear=11.0),), ["ladder[0].fire"]),
        ((Step(severity=Severity.CRITICAL, fire=45.0, clear=5.0),), ["ladder[0].clear"]),
        ((Step(severity=Severity.CRITICAL, fire=45.0, clear=50.0),), ["ladder[0].clear"]),
        ((Step(severity=Severity.CRITICAL, fire=45.0, clear=20.0, hold_s=-1.0),), ["ladder[0].hold_s"]),
    ],
)
def test_the_steps_of_a_ladder_are_strictly_worse_and_mildest_first(ladder: Any, fields: list[str]) -> None:
    assert wrong(ladder=ladder) == fields


def test_a_ladder_needs_a_number_that_can_be_worse() -> None:
    steps = (Step(severity=Severity.CRITICAL, fire=45.0, clear=10.0),)

    assert wrong(condition=StuckCondition(samples=12, for_s=20.0), ladder=steps) == ["ladder"]


def test_the_numbers_of_a_season_are_judged_as_if_they_stood_in_the_condition() -> None:
    assert wrong(seasons={"flood": {"fire": 12.0}}) == []
    assert wrong(seasons={"flood": {"fire": 9.0}}) == ["seasons.flood.fire"]
    assert wrong(seasons={"flood": {"samples": 9.0}}) == ["seasons.flood.samples"]
    assert wrong(seasons={"flood": {"votes": 1.5}}) == ["seasons.flood.votes"]
    assert wrong(seasons={"flood": {"hold_s": float("inf")}}) == ["seasons.flood.hold_s"]


def test_what_a_rule_names_must_be_known_to_its_city() -> None:
    city = Known(
        seasons={"flood"},
        classes={"cjt214-2007": None, "cjt214-2007:0101": Family.COVER, "cjt214-2007:0118": Family.LIGHT},
        areas={"3205"},
        assets={7},
        devices={"A-1"},
    )
    rule = msgspec.structs.replace(
        LEAN,
        seasons={"flood": {"fire": 14.0}, "monsoon": {"fire": 13.0}},
        watches=Watches(
            classes=("cjt214-2007", "cjt214-2007:0118", "cjt214-2007:9999"),
            area="44",
            assets=(7, 8),
            devices=("A-1", "A-2"),
        ),
    )

    assert [problem.field for problem in check_rule(rule, city)] == [
        "watches.classes[1]",
        "watches.classes[2]",
        "watches.area",
        "watches.assets[1]",
        "watches.devices[1]",
        "seasons.monsoon",
    ]


def test_every_problem_is_told_at_once() -> None:
    fields = wrong(key="!", case_kind="x", condition=limit(clear=30.0, hold_s=-1.0), lateness_s=-1.0)

    assert fields == ["key", "condition.hold_s", "condition.clear", "case_kind", "lateness_s"]


def test_the_table_of_numbers_knows_every_number_of_every_kind() -> None:
    for kind in RuleKind:
        shape = CONDITIONS[kind]
        plain = {each.name for each in msgspec.structs.fields(shape) if each.type in (int, float)}

        assert set(numbers_of(kind)) == plain
        assert all(spec.low <= spec.high for spec in NUMBERS[kind])


def test_numbers_of_a_season_stand_in_the_place_of_the_rules_own() -> None:
    meant = with_numbers(LEAN, {"fire": 12.0, "votes": 2.0, "elsewhere": 1.0})

    assert isinstance(meant.condition, LimitCondition)
    assert (meant.condition.fire, meant.condition.votes, meant.condition.clear) == (12.0, 2, 10.0)
