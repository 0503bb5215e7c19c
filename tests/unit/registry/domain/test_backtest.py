"""The parts of a back-test that need no store: silences, which case an alert belongs to, how two versions differ."""

from __future__ import annotations

import pytest

from registry.domain.backtest import PastAlert, settles_within_s, silences, warm_up_s
from registry.domain.backtest_judged import KnownCase, case_of, compared, missed
from registry.domain.kinds import Severity
from registry.domain.rules.conditions import ForecastCondition, LimitCondition, RateCondition
from registry.domain.rules.rule import Rule

HOUR, DAY = 3_600_000, 86_400_000
T0 = 1_772_000_000_000


def past(began: int, cleared: int | None, **changes: int) -> PastAlert:
    fields = {"fired_ms": T0 + began + 5_000, "severity": 2} | changes
    over = None if cleared is None else T0 + cleared
    return PastAlert(began_ms=T0 + began, cleared_ms=over, level=20.0, peak=20.0, **fields)


def case(number: int, opened: int, ended: int | None = None, *, void: bool = False) -> KnownCase:
    over = None if ended is None else T0 + ended
    return KnownCase(id=number, number=str(number), asset_id=1, opened_ms=T0 + opened, ended_ms=over, void=void)


@pytest.mark.parametrize(
    ("known", "belongs"),
    [
        (case(1, HOUR), True),
        (case(1, DAY), True),
        (case(1, DAY + HOUR), False),
        (case(1, -3 * DAY), True),
        (case(1, -3 * DAY, -HOUR), False),
        (case(1, HOUR, void=True), False),
    ],
    ids=["soon after", "within a day", "later", "open at the time", "over before", "void"],
)
def test_an_alert_belongs_to_the_case_that_followed_it_or_was_open(known: KnownCase, belongs: bool):
    assert (case_of(past(0, HOUR), [known]) is not None) is belongs


def test_of_several_cases_the_nearest_counts():
    assert case_of(past(0, HOUR), [case(1, -DAY), case(2, HOUR), case(3, 20 * HOUR)]) == case(2, HOUR)


def test_a_case_is_missed_when_no_alert_belongs_to_it():
    cases = [case(1, HOUR, 2 * HOUR), case(2, 5 * DAY, 6 * DAY), case(3, 5 * DAY, void=True), case(4, -HOUR)]
    found = missed(cases, [past(0, HOUR)], since_ms=T0, until_ms=T0 + 9 * DAY)
    assert [each.id for each in found] == [2]


def test_two_alerts_that_overlap_are_one_under_two_versions():
    early, late, both = past(0, HOUR), past(9 * HOUR, None), past(4 * HOUR, 6 * HOUR)
    longer = past(4 * HOUR - 1000, 5 * HOUR)
    change = compared([early, both], [longer, late])
    assert (change.new, change.gone, change.kept) == ([early], [late], [(both, longer)])


def test_a_silence_lasts_from_the_last_word_to_the_next():
    found = silences([T0 + HOUR, T0 + 5 * HOUR], 2 * HOUR, since_ms=T0, until_ms=T0 + 9 * HOUR, severity=1)
    assert [(each.began_ms - T0, each.fired_ms - T0, each.peak) for each in found] == [
        (HOUR, 3 * HOUR, 4 * 3600.0),
        (5 * HOUR, 7 * HOUR, 4 * 3600.0),
    ]
    assert [each.cleared_ms for each in found] == [T0 + 5 * HOUR, None]


def test_the_warm_up_is_as_long_as_what_a_rule_remembers():
    def made(condition: LimitCondition | RateCondition | ForecastCondition) -> Rule:
        return Rule(
            key="k",
            version=1,
            family=None,
            point="tilt_z",
            severity=Severity.ALARM,
            case_kind=None,
            condition=condition,
            flapping=None,
        )

    limit = made(LimitCondition(fire=1.0, clear=0.5, hold_s=60.0, clear_after_s=30.0))
    assert (warm_up_s(limit), settles_within_s(limit)) == (86_400.0, 150.0)
    week = made(RateCondition(fire=1.0, clear=0.5, window_s=7 * 86_400.0))
    assert warm_up_s(week) == 7 * 86_400.0 + 10.0
    assert warm_up_s(made(ForecastCondition(level=10.0, within_days=20.0, clear_days=30.0))) == 30 * 86_400.0
