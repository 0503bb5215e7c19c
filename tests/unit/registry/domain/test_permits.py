"""How a cover sits when a permit is over, out of readings and the clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, Role, Severity
from registry.domain.people import SYSTEM, Actor
from registry.domain.permits import (
    CLOSING_GRACE,
    LEAST_PATIENCE,
    PRESETS_MIN,
    SEAT_RULE,
    SEAT_SHIFT_MM,
    SEAT_TILT_DEG,
    Ending,
    Expected,
    Finding,
    LastWord,
    Seat,
    check_span,
    is_seated,
    judge_end,
    may_open,
    prolonged,
    seat_parts,
)
from registry.domain.rules import LimitCondition, Rule, Step, VectorCondition
from registry.domain.rules.shipped import SHIPPED_RULES

END = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TILT = Rule(
    key="cover_tilt",
    version=1,
    family=Family.COVER,
    point="tilt_z",
    severity=Severity.ALARM,
    case_kind="cover_displaced",
    condition=LimitCondition(fire=15.0, clear=10.0, relative=True, magnitude=True),
    permit=True,
)
SEAT = next(rule for rule in SHIPPED_RULES if rule.key == SEAT_RULE)
S = timedelta(seconds=1)
BY_TIME, SAID = Ending(ended_at=END, said=False), Ending(ended_at=END, said=True)


def word(value: float, after_s: float, *, name: str = "tilt_z", baseline: float = 1.0, point_id: int = 1) -> LastWord:
    return LastWord(
        point_id=point_id,
        device_id=1,
        name=name,
        value=value,
        baseline=baseline,
        full_scale=None,
        measured_at=END + after_s * S,
    )


def judged(
    ending: Ending,
    *words: LastWord,
    after_s: float = 1,
    live: Rule | None = None,
    rules: tuple[Rule, ...] = (TILT,),
    seat: Rule | None = SEAT,
    patience: timedelta = LEAST_PATIENCE,
) -> Finding:
    expected = [] if live is None else [Expected(alert_id=1, point_id=1, rule=live)]
    now = END + after_s * S
    return judge_end(ending, words, expected=expected, rules=rules, seat=seat, patience=patience, now=now)


def test_a_cover_whose_last_word_is_open_is_open_the_moment_the_time_is_over() -> None:
    found = judged(BY_TIME, word(61.0, -30), after_s=0, live=TILT)
    assert (found.seat, found.level) == (Seat.OPEN, 60.0)


def test_between_the_clear_and_the_fire_number_it_is_open_as_well_though_no_alert_says_so() -> None:
    assert judged(BY_TIME, word(13.0, -30)).seat is Seat.OPEN
    assert judged(BY_TIME, word(-11.0, -30)).seat is Seat.OPEN


def test_who_says_that_it_is_closed_is_believed_until_a_reading_or_two_minutes_say_otherwise() -> None:
    before = word(61.0, -30)
    grace_s = CLOSING_GRACE.total_seconds()
    assert judged(SAID, before, live=TILT, after_s=grace_s - 1).seat is Seat.WAITING
    assert judged(SAID, before, live=TILT, after_s=grace_s).seat is Seat.OPEN
    assert judged(SAID, word(61.0, 1), live=TILT, after_s=2).seat is Seat.OPEN


def test_readings_older_than_the_end_say_nothing_about_the_seat() -> None:
    assert judged(BY_TIME, word(6.0, -1)).seat is Seat.WAITING
    assert judged(BY_TIME, word(6.0, 0)).seat is Seat.WAITING
    found = judged(BY_TIME, word(6.0, 1))
    assert (found.seat, found.level, found.word) == (Seat.WRONG, 5.0, word(6.0, 1))


@pytest.mark.parametrize(
    ("name", "off", "seat"),
    [
        ("tilt_z", SEAT_TILT_DEG - 0.01, Seat.RIGHT),
        ("tilt_z", SEAT_TILT_DEG, Seat.WRONG),
        ("tilt_z", -SEAT_TILT_DEG, Seat.WRONG),
        ("displacement", SEAT_SHIFT_MM - 0.01, Seat.RIGHT),
        ("displacement", SEAT_SHIFT_MM, Seat.WRONG),
    ],
)
def test_it_is_crooked_from_the_tolerance_on_to_either_side(name: str, off: float, seat: Seat) -> None:
    assert judged(BY_TIME, word(off, 1, name=name, baseline=0.0)).seat is seat


def test_every_point_has_its_say_but_is_not_waited_for_beyond_the_heartbeat() -> None:
    level, shift = word(1.0, 1), word(0.0, -600, name="displacement", point_id=2)
    hour = timedelta(hours=1)
    assert judged(BY_TIME, level, shift, patience=hour, after_s=3599).seat is Seat.WAITING
    assert judged(BY_TIME, level, shift, patience=hour, after_s=3600).seat is Seat.RIGHT


def test_of_two_points_that_are_off_the_worse_is_named() -> None:
    tilt, shift = word(5.0, 1), word(16.0, 1, name="displacement", baseline=0.0, point_id=2)
    assert judged(BY_TIME, tilt, shift).word == shift


def test_nobody_can_tell_where_nothing_was_heard_or_nothing_measures() -> None:
    assert judged(BY_TIME, word(1.0, -5), after_s=61).seat is Seat.UNKNOWN
    assert judged(BY_TIME).seat is Seat.UNKNOWN


def test_an_alert_that_is_calm_but_not_over_keeps_the_question_open() -> None:
    assert judged(BY_TIME, word(1.0, 5), live=TILT, after_s=7200).seat is Seat.WAITING


def test_rattling_and_rules_of_another_kind() -> None:
    """A reading of vibration says nothing about an opening; a rule whose numbers can't be compared counts as it is."""
    knock = Rule(
        key="cover_knock",
        version=1,
        family=Family.COVER,
        point="vibration",
        severity=Severity.ALARM,
        case_kind="cover_loose",
        condition=LimitCondition(fire=10.0, clear=8.0),
        permit=True,
    )
    shaking = word(20.0, -5, name="vibration", baseline=0.0)
    assert judged(BY_TIME, shaking, live=knock, rules=(TILT, knock)).seat is Seat.WAITING
    vector = Rule(
        key="cover_vector",
        version=1,
        family=Family.COVER,
        point=None,
        severity=Severity.ALARM,
        case_kind="cover_displaced",
        condition=VectorCondition(axes=("tilt_x", "tilt_y", "tilt_z"), fire=15.0, clear=10.0),
        permit=True,
    )
    assert judged(BY_TIME, word(1.0, -5), live=vector).seat is Seat.OPEN


def test_a_rule_that_begins_as_a_notice_counts_as_open_from_its_alarm_step() -> None:
    ladder = Rule(
        key="cover_tilt",
        version=2,
        family=Family.COVER,
        point="tilt_z",
        severity=Severity.NOTICE,
        case_kind=None,
        condition=LimitCondition(fire=5.0, clear=4.0, relative=True, magnitude=True),
        ladder=(Step(severity=Severity.ALARM, fire=15.0, clear=10.0),),
        permit=True,
    )
    assert judged(BY_TIME, word(7.0, 1), rules=(ladder,)).seat is Seat.WRONG
    assert judged(BY_TIME, word(7.0, 1), rules=(ladder,), live=ladder).seat is Seat.WRONG
    assert judged(BY_TIME, word(12.0, 1), rules=(ladder,)).seat is Seat.OPEN


def test_without_the_rule_for_the_seat_only_an_open_cover_is_found() -> None:
    assert judged(BY_TIME, word(6.0, 1), seat=None).seat is Seat.UNKNOWN
    assert judged(BY_TIME, word(61.0, 1), seat=None).seat is Seat.OPEN


def test_a_crooked_cover_is_well_again_when_every_point_says_so_afterwards() -> None:
    parts = seat_parts(SEAT)
    well, shift = word(1.5, 10), word(0.0, 20, name="displacement", baseline=0.0, point_id=2)
    assert is_seated(parts, [well, shift], since=END) == END + 20 * S
    assert is_seated(parts, [well, word(0.0, -1, name="displacement", baseline=0.0)], since=END) is None
    assert is_seated(parts, [word(3.5, 10)], since=END) is None
    assert is_seated(parts, [], since=END) is None


def test_the_length_is_fifteen_minutes_to_twelve_hours_and_never_more_from_now_on() -> None:
    assert [check_span(minutes) for minutes in PRESETS_MIN][-1] == timedelta(hours=12)
    for minutes in (14, 721):
        with pytest.raises(InvalidInput, match="15 minutes to 12 hours"):
            check_span(minutes)
    assert prolonged(END + 600 * S, 60, now=END) == END + 4200 * S
    with pytest.raises(InvalidInput, match="12 hours from now"):
        prolonged(END + 600 * S, 720, now=END)


@pytest.mark.parametrize(
    ("role", "unit", "may"),
    [
        (Role.CREW, 7, True),
        (Role.CREW, 8, False),
        (Role.CREW, None, False),
        (Role.DISPATCHER, None, True),
        (Role.ADMINISTRATOR, None, True),
        (Role.REGISTRAR, 7, False),
        (Role.VIEWER, 7, False),
    ],
)
def test_crew_open_what_their_unit_answers_for_and_the_desk_anything(role: Role, unit: int | None, may: bool) -> None:
    somebody = Actor(user_id=1, name="某", role=role, unit_id=unit)
    assert may_open(somebody, (None, None, 7)) is may
    assert may_open(SYSTEM, ())
