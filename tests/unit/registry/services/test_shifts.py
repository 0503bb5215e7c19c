"""Shifts and rosters: filled by rotation, asked who is on duty now, refused where somebody would be in two places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.shifts import ShiftDays, is_weekend
from registry.queries.shifts import list_shifts, on_duty, roster, who_is_on_duty
from registry.services.shifts import (
    NewShift,
    NewTurn,
    Rotation,
    fill_roster,
    put_turn,
    remove_turn,
    retire_shift,
    save_shift,
)
from registry.services.units import merge_units
from registry.storage.database import reading
from registry.storage.tables import audit
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)  # Monday, half past eight in the city
TODAY = date(2026, 3, 2)


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def shift_of(city: City, name: str, from_h: int, until_h: int, **more: Any) -> int:
    new = NewShift(unit_id=city.water, name=name, from_min=from_h * 60, until_min=until_h * 60, **more)
    return save_shift(city.engine, None, new, by=city.administrator, now=NOW)


def three(city: City) -> list[int]:
    return [shift_of(city, "早班", 8, 16), shift_of(city, "中班", 16, 0), shift_of(city, "夜班", 0, 8)]


def ids(*people: Any) -> list[int]:
    return [each.user_id for each in people]


def filled(city: City, shifts: list[int], **more: Any) -> int:
    teams = [ids(city.crew), ids(city.mate), ids(city.stranger)]
    order = Rotation(shift_ids=shifts, teams=teams, first=TODAY, last=date(2026, 3, 8), **more)
    return fill_roster(city.engine, order, by=city.administrator, now=NOW, is_off=is_weekend)


def names(city: City, at: datetime, **more: Any) -> list[str]:
    with reading(city.engine) as tx:
        return [each.person for each in on_duty(tx, at=at, **more)]


def test_three_shifts_rotate_and_the_one_on_duty_is_known_at_every_moment(city: City):
    # today's early shift has begun, so its turn is not written any more
    assert filled(city, three(city)) == 21 - 2
    night = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)  # one o'clock on Tuesday
    assert names(city, night) == ["王强"]
    assert names(city, night, unit_id=city.power) == []
    assert names(city, night - timedelta(hours=2)) == ["王强"]
    assert names(city, night + timedelta(hours=8)) == ["赵电"]


def test_the_roster_shows_every_day_and_where_somebody_lacks(city: City):
    early, late, night = three(city)
    filled(city, [early, late, night])
    week = roster(city.engine, TODAY, date(2026, 3, 8), is_off=is_weekend, unit_id=city.water)
    assert [each.name for each in week.shifts] == ["夜班", "早班", "中班"]
    assert [each.person for each in week.of(date(2026, 3, 3), early)] == ["赵电"]
    assert (week.lacks(TODAY, early), week.lacks(TODAY, late)) == (1, 0)
    assert len(week.days) == 7


def test_filling_again_replaces_what_has_not_begun(city: City):
    shifts = three(city)
    filled(city, shifts)
    later = NOW + timedelta(days=2)
    order = Rotation(shift_ids=shifts, teams=[ids(city.mate)], first=date(2026, 3, 5), last=date(2026, 3, 8))
    assert fill_roster(city.engine, order, by=city.administrator, now=later, is_off=is_weekend) == 4
    week = roster(city.engine, TODAY, date(2026, 3, 8), is_off=is_weekend)
    assert len([each for each in week.turns if each.day < date(2026, 3, 5)]) == 1 + 3 + 3
    assert {each.person for each in week.turns if each.day >= date(2026, 3, 5)} == {"王强"}


def test_the_holiday_roster_is_filled_on_days_off_only(city: City):
    holiday = shift_of(city, "节假日值班", 8, 8, days=ShiftDays.FREE)
    order = Rotation(shift_ids=[holiday], teams=[ids(city.crew), ids(city.mate)], first=TODAY, last=date(2026, 3, 8))
    assert fill_roster(city.engine, order, by=city.administrator, now=NOW, is_off=is_weekend) == 2
    assert names(city, datetime(2026, 3, 7, 12, tzinfo=UTC)) != []
    assert names(city, datetime(2026, 3, 6, 12, tzinfo=UTC)) == []


def test_somebody_without_an_account_is_put_on_with_a_phone(city: City):
    early = shift_of(city, "早班", 8, 16)
    put_turn(
        city.engine,
        NewTurn(shift_id=early, day=TODAY, name="老张", phone="13800000000"),
        by=city.administrator,
        now=NOW,
    )
    (there,) = who_is_on_duty(city.engine, at=NOW)
    assert (there.person, there.phone, there.user_id) == ("老张", "13800000000", None)


def test_nobody_is_put_into_two_shifts_at_once(city: City):
    early, whole = shift_of(city, "早班", 8, 16), shift_of(city, "全天", 0, 0)
    turn = NewTurn(shift_id=early, day=TODAY, user_id=city.crew.user_id)
    put_turn(city.engine, turn, by=city.administrator, now=NOW)
    for again in (turn, replace(turn, shift_id=whole)):
        with pytest.raises(Conflict, match="李敏 would be in two shifts at once"):
            put_turn(city.engine, again, by=city.administrator, now=NOW)
    assert names(city, NOW) == ["李敏"]


def test_new_hours_move_what_has_not_begun_and_leave_what_was(city: City):
    early = shift_of(city, "早班", 8, 16)
    for day in (TODAY, date(2026, 3, 3)):
        put_turn(city.engine, NewTurn(shift_id=early, day=day, user_id=city.crew.user_id), by=city.registrar, now=NOW)
    new = NewShift(unit_id=city.water, name="早班", from_min=9 * 60, until_min=17 * 60)
    save_shift(city.engine, early, new, by=city.administrator, now=NOW, version=1)
    assert names(city, NOW + timedelta(hours=8)) == []  # today it still ended at four
    assert names(city, NOW + timedelta(days=1, hours=8)) == ["李敏"]
    with pytest.raises(Conflict, match="changed meanwhile"):
        save_shift(city.engine, early, new, by=city.administrator, now=NOW, version=1)


def test_a_shift_out_of_use_loses_what_has_not_begun(city: City):
    early = shift_of(city, "早班", 8, 16)
    for day in (TODAY, date(2026, 3, 3)):
        put_turn(city.engine, NewTurn(shift_id=early, day=day, user_id=city.crew.user_id), by=city.registrar, now=NOW)
    retire_shift(city.engine, early, by=city.administrator, now=NOW)
    assert list_shifts(city.engine) == []
    assert names(city, NOW) == ["李敏"]
    assert names(city, NOW + timedelta(days=1)) == []


def test_a_turn_is_taken_out_again_but_not_one_that_is_over(city: City):
    early = shift_of(city, "早班", 8, 16)
    turn = put_turn(
        city.engine, NewTurn(shift_id=early, day=TODAY, user_id=city.crew.user_id), by=city.administrator, now=NOW
    )
    with pytest.raises(InvalidInput, match="on record"):
        remove_turn(city.engine, turn, by=city.administrator, now=NOW + timedelta(days=1))
    remove_turn(city.engine, turn, by=city.administrator, now=NOW)
    assert names(city, NOW) == []
    with pytest.raises(NotFound):
        remove_turn(city.engine, turn, by=city.administrator, now=NOW)
    with reading(city.engine) as tx:
        actions = tx.scalars(select(audit.c.action).order_by(audit.c.id)).all()
    assert actions[-3:] == ["shift.set", "shift.turn", "shift.turn_removed"]


def test_units_that_have_a_shift_of_one_name_are_not_merged_until_one_is_renamed(city: City):
    for unit_id in (city.water, city.power):
        new = NewShift(unit_id=unit_id, name="早班", from_min=480, until_min=960)
        early = save_shift(city.engine, None, new, by=city.administrator, now=NOW)
    with pytest.raises(Conflict, match="both units have a shift '早班'"):
        merge_units(city.engine, city.water, city.power, by=city.administrator, now=NOW)
    renamed = NewShift(unit_id=city.power, name="电力早班", from_min=480, until_min=960)
    save_shift(city.engine, early, renamed, by=city.administrator, now=NOW)
    merge_units(city.engine, city.water, city.power, by=city.administrator, now=NOW)
    assert {each.unit_name for each in list_shifts(city.engine)} == {"水务"}


def test_a_closed_account_is_on_no_duty(city: City):
    early = shift_of(city, "早班", 8, 16)
    put_turn(city.engine, NewTurn(shift_id=early, day=TODAY, name="老张"), by=city.administrator, now=NOW)
    assert names(city, NOW, area_code="440803001") == ["老张"]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"from_min": 1440}, "from_min"),
        ({"until_min": -1}, "until_min"),
        ({"least": 51}, "least"),
        ({"unit_id": 99}, "unit_id"),
    ],
)
def test_a_shift_that_means_nothing_is_refused_at_its_field(city: City, columns: dict[str, Any], field: str):
    new = replace(NewShift(unit_id=city.water, name="早班", from_min=480, until_min=960), **columns)
    with pytest.raises(InvalidInput) as refused:
        save_shift(city.engine, None, new, by=city.administrator, now=NOW)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"shift_ids": []}, "shift_ids"),
        ({"first": date(2026, 3, 1)}, "first"),
        ({"last": date(2026, 3, 1)}, "last"),
        ({"teams": []}, "teams"),
        ({"teams": [[]]}, "teams"),
        ({"teams": [[999]]}, "user_id"),
        ({"every_days": 0}, "every_days"),
    ],
)
def test_a_rotation_that_means_nothing_is_refused_at_its_field(city: City, columns: dict[str, Any], field: str):
    early = shift_of(city, "早班", 8, 16)
    order = Rotation(shift_ids=[early], teams=[ids(city.crew)], first=TODAY, last=date(2026, 3, 8))
    with pytest.raises(InvalidInput) as refused:
        fill_roster(city.engine, replace(order, **columns), by=city.administrator, now=NOW, is_off=is_weekend)
    assert refused.value.field == field
