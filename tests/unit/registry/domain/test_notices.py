"""Who is told and when: routes in their order, hours over midnight, quiet hours, limits, escalation, pauses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from registry.domain.kinds import NoticeState
from registry.domain.notices import (
    About,
    Listener,
    Route,
    RouteStep,
    digest_at,
    due_steps,
    in_hours,
    pause_after,
    quiet_until,
    routes_for,
    treat,
)
from registry.domain.rules.rule import Hours

CHINA = timezone(timedelta(hours=8))
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=CHINA)  # a Monday
NIGHT = NOON.replace(hour=23)


def route(number: int, **more: object) -> Route:
    return Route(id=number, name="", severity=1, steps=(RouteStep(),), **more)  # type: ignore[arg-type]


def taken(about: About, *routes: Route, at: datetime = NOON) -> list[int]:
    return [each.id for each in routes_for(about, routes, at)]


def test_the_first_route_that_fits_takes_it_unless_it_goes_on():
    about = About(rule_key="cover_tilt", severity=2, area_code="320508001")
    assert taken(about, route(1), route(2)) == [1]
    assert taken(about, route(1, goes_on=True), route(2), route(3)) == [1, 2]


@pytest.mark.parametrize(
    ("fits", "more"),
    [
        (True, {"area_code": "320508"}),
        (False, {"area_code": "320509"}),
        (True, {"rule_key": "cover_tilt"}),
        (False, {"rule_key": "water_high"}),
        (True, {"unit_id": 7}),
        (False, {"unit_id": 8}),
        (False, {"enabled": False}),
        (True, {"hours": (Hours(from_min=600, until_min=780),)}),
        (False, {"hours": (Hours(from_min=1080, until_min=480),)}),
    ],
)
def test_a_route_looks_at_area_rule_unit_and_hours(fits: bool, more: dict[str, object]):
    about = About(rule_key="cover_tilt", severity=2, area_code="320508001", unit_id=7)
    assert taken(about, route(1, **more)) == ([1] if fits else [])


def test_a_route_takes_its_severity_and_worse():
    only = Route(id=1, name="", severity=2, steps=(RouteStep(),))
    assert [taken(About(rule_key="", severity=level), only) for level in (1, 2, 3)] == [[], [1], [1]]


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin():
    weekend = (Hours(days=(6, 7), from_min=1200, until_min=360),)
    saturday = datetime(2026, 3, 7, 23, 0, tzinfo=CHINA)
    assert in_hours(weekend, saturday)
    assert in_hours(weekend, saturday + timedelta(hours=30))  # Monday 5:00, Sunday's night
    assert not in_hours(weekend, saturday - timedelta(hours=18))  # Saturday 5:00, Friday's night


def test_quiet_hours_end_in_the_morning_of_the_city():
    somebody = Listener(id=1, quiet_from_min=22 * 60, quiet_until_min=7 * 60)
    morning = datetime(2026, 3, 3, 7, 0, tzinfo=CHINA)
    assert quiet_until(somebody, NIGHT.astimezone(UTC), CHINA) == morning
    assert quiet_until(somebody, NIGHT + timedelta(hours=3), CHINA) == morning
    assert quiet_until(somebody, NOON, CHINA) is None
    assert quiet_until(Listener(id=1), NIGHT, CHINA) is None


def test_the_digest_is_at_the_next_such_minute():
    somebody = Listener(id=1, digest_min=8 * 60)
    assert digest_at(somebody, NOON, CHINA) == NOON.replace(day=3, hour=8)
    assert digest_at(somebody, NOON.replace(hour=7), CHINA) == NOON.replace(hour=8)


def first(severity: int, *, at: datetime = NOON, told: int = 0, digest: bool = False, muted: str = "", **who: object):
    listener = Listener(id=1, quiet_from_min=22 * 60, quiet_until_min=7 * 60, per_hour=5, **who)  # type: ignore[arg-type]
    given = treat(listener, severity, digest=digest, told_this_hour=told, muted=muted, now=at, zone=CHINA)
    return given.state, given.reason


def test_what_is_critical_is_held_for_no_morning_and_no_digest():
    assert first(3, at=NIGHT) == (NoticeState.WAITING, "")
    assert first(2, at=NIGHT) == (NoticeState.HELD, "quiet")
    assert first(3, digest=True) == (NoticeState.WAITING, "")
    assert first(1, digest=True) == (NoticeState.HELD, "digest")


def test_beyond_the_limit_of_an_hour_notices_are_gathered_the_critical_ones_for_a_minute():
    assert first(2, told=4) == (NoticeState.WAITING, "")
    assert first(2, told=5) == (NoticeState.HELD, "limit")
    listener = Listener(id=1, per_hour=5)
    given = treat(listener, 3, digest=False, told_this_hour=5, muted="", now=NOON, zone=CHINA)
    assert (given.state, given.due_at - NOON) == (NoticeState.HELD, timedelta(minutes=1))


def test_programs_are_told_everything_at_once_but_what_is_silenced():
    assert first(1, at=NIGHT, told=99, digest=True, person=False) == (NoticeState.WAITING, "")
    assert first(3, muted="silence 4", person=False) == (NoticeState.MUTED, "silence 4")


def test_steps_come_due_by_stored_times_alone():
    steps = (RouteStep(), RouteStep(after_s=300), RouteStep(after_s=900))
    since = NOON
    assert due_steps(steps, last=0, since=since, now=NOON + timedelta(seconds=299)) == []
    assert due_steps(steps, last=0, since=since, now=NOON + timedelta(seconds=300)) == [1]
    assert due_steps(steps, last=0, since=since, now=NOON + timedelta(hours=1)) == [1, 2]
    assert due_steps(steps, last=2, since=since, now=NOON + timedelta(hours=1)) == []


def test_pauses_double_up_to_half_an_hour_and_what_is_critical_never_waits_so_long():
    assert [pause_after(tries, 3).total_seconds() / 60 for tries in (1, 2, 3, 60)] == [1, 2, 2, 2]
    assert [pause_after(tries, 2).total_seconds() / 60 for tries in (1, 2, 3, 4, 5, 6, 7, 60)] == [
        *(1, 2, 4, 8, 16),
        *(30, 30, 30),
    ]
