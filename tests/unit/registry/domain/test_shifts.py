"""Shifts: their spans over midnight, the rotation of teams, clashes and gaps."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from registry.domain.shifts import ShiftDays, ShiftHours, Turn, clashes, is_weekend, rotation, uncovered

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)
EARLY = ShiftHours(shift_id=1, from_min=8 * 60, until_min=16 * 60)
LATE = ShiftHours(shift_id=2, from_min=16 * 60, until_min=0)
NIGHT = ShiftHours(shift_id=3, from_min=0, until_min=8 * 60)
THREE = (EARLY, LATE, NIGHT)


def never(_day: date) -> bool:
    return False


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=ZONE)


def test_a_shift_that_ends_before_it_begins_ends_on_the_next_day():
    assert LATE.span(MONDAY, ZONE) == (at(2, 16), at(3, 0))
    assert NIGHT.span(MONDAY, ZONE) == (at(2, 0), at(2, 8))


def test_a_shift_whose_ends_are_the_same_lasts_a_whole_day():
    assert ShiftHours(shift_id=4, from_min=480, until_min=480).span(MONDAY, ZONE) == (at(2, 8), at(3, 8))


def test_four_teams_in_three_shifts_rotate_and_one_of_them_rests():
    turns = rotation(THREE, [["a"], ["b"], ["c"], ["d"]], MONDAY, date(2026, 3, 5), zone=ZONE, is_off=never)
    by_day = {
        day: {turn.who: turn.shift_id for turn in turns if turn.day == date(2026, 3, day)} for day in (2, 3, 4, 5)
    }
    assert by_day[2] == {"a": 1, "b": 2, "c": 3}
    assert by_day[3] == {"a": 2, "b": 3, "d": 1}
    assert by_day[4] == {"a": 3, "c": 1, "d": 2}
    assert by_day[5] == {"b": 1, "c": 2, "d": 3}
    assert uncovered(THREE, turns, MONDAY, date(2026, 3, 5), is_off=never) == []


def test_with_fewer_teams_than_shifts_the_gaps_are_named():
    turns = rotation(THREE, [["a"], ["b"]], MONDAY, MONDAY, zone=ZONE, is_off=never)
    assert uncovered(THREE, turns, MONDAY, MONDAY, is_off=never) == [(MONDAY, 3, 1)]


def test_the_holiday_roster_is_manned_on_days_off_only():
    holiday = ShiftHours(shift_id=5, from_min=0, until_min=0, days=ShiftDays.FREE, least=2)
    turns = rotation([holiday], [["a", "b"]], MONDAY, date(2026, 3, 8), zone=ZONE, is_off=is_weekend)
    assert [(turn.day.day, turn.who) for turn in turns] == [(7, "a"), (7, "b"), (8, "a"), (8, "b")]
    work = ShiftHours(shift_id=6, from_min=480, until_min=1080, days=ShiftDays.WORK)
    lacking = uncovered([work, holiday], turns, date(2026, 3, 6), date(2026, 3, 8), is_off=is_weekend)
    assert lacking == [(date(2026, 3, 6), 6, 1)]


def test_teams_stay_in_a_shift_for_as_many_days_as_is_said():
    turns = rotation(THREE, [["a"], ["b"], ["c"]], MONDAY, date(2026, 3, 15), every_days=7, zone=ZONE, is_off=never)
    assert {turn.shift_id for turn in turns if turn.who == "a" and turn.day < date(2026, 3, 9)} == {1}
    assert {turn.shift_id for turn in turns if turn.who == "a" and turn.day >= date(2026, 3, 9)} == {2}


def test_nobody_can_be_in_two_shifts_at_once_and_one_after_another_is_no_clash():
    early, late = (
        Turn(shift_id=each.shift_id, day=MONDAY, who="a", starts_at=span[0], ends_at=span[1])
        for each in (EARLY, LATE)
        for span in (each.span(MONDAY, ZONE),)
    )
    assert clashes([late, early]) == []
    inside = Turn(shift_id=9, day=MONDAY, who="a", starts_at=at(2, 10), ends_at=at(2, 11))
    assert clashes([early, inside, late]) == [(early, inside)]


def test_a_turn_is_over_at_its_end():
    turn = Turn(shift_id=1, day=MONDAY, who="a", starts_at=at(2, 8), ends_at=at(2, 16))
    assert [turn.holds(at(2, hour)) for hour in (7, 8, 15, 16)] == [False, True, True, False]
