"""The calendar of work: what comes with the package, what the city says instead, and hours from a day on."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.people import SYSTEM
from registry.domain.working_time import USUAL_HOURS, WorkCalendar
from registry.services.work_calendar import (
    KNOWN_YEARS,
    forget_day,
    forget_hours,
    holiday_name,
    read_windows,
    set_day,
    set_hours,
    work_calendar,
)
from registry.storage.database import reading
from registry.storage.tables import audit
from tests.printed_calendar import CHINA_2026


def calendar_of(engine: Engine, zone: ZoneInfo | None = None) -> WorkCalendar:
    with reading(engine) as tx:
        return work_calendar(tx) if zone is None else work_calendar(tx, zone=zone)


def test_the_package_says_what_is_printed_for_2026(engine: Engine) -> None:
    found = calendar_of(engine)
    of_the_year = [date.fromordinal(day) for day in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())]
    assert [found.is_working(day) for day in of_the_year] == [CHINA_2026.is_working(day) for day in of_the_year]
    assert 2026 in KNOWN_YEARS


def test_days_have_the_name_of_their_holiday() -> None:
    assert holiday_name(date(2026, 10, 1)) == "国庆节"
    assert holiday_name(date(2026, 10, 10)) == "国庆节"
    assert holiday_name(date(2026, 10, 12)) == ""


def test_the_city_may_work_on_a_holiday_and_rest_on_a_make_up_workday(engine: Engine, now: datetime) -> None:
    set_day(engine, date(2026, 10, 7), works=True, name="抢险", by=SYSTEM, now=now)
    set_day(engine, date(2026, 10, 10), works=False, by=SYSTEM, now=now)
    set_day(engine, date(2026, 11, 14), works=True, by=SYSTEM, now=now)
    found = calendar_of(engine)
    assert [found.is_working(date(2026, 10, day)) for day in (7, 10)] == [True, False]
    assert found.is_working(date(2026, 11, 14))


def test_the_last_word_about_a_day_counts_and_may_be_taken_back(engine: Engine, now: datetime) -> None:
    day = date(2026, 10, 7)
    set_day(engine, day, works=True, by=SYSTEM, now=now)
    assert calendar_of(engine).is_working(day)
    set_day(engine, day, works=False, by=SYSTEM, now=now)
    assert not calendar_of(engine).is_working(day)
    set_day(engine, day, works=True, by=SYSTEM, now=now)
    forget_day(engine, day, by=SYSTEM, now=now)
    assert not calendar_of(engine).is_working(day)
    with pytest.raises(NotFound):
        forget_day(engine, day, by=SYSTEM, now=now)


def test_hours_count_from_their_day_on(engine: Engine, now: datetime) -> None:
    summer = [(8 * 60, 12 * 60), (15 * 60, 18 * 60)]
    set_hours(engine, date(2026, 6, 1), summer, by=SYSTEM, now=now)
    found = calendar_of(engine)
    assert found.hours_of(date(2026, 5, 29)) == USUAL_HOURS
    assert found.hours_of(date(2026, 6, 1)) == tuple(summer)
    forget_hours(engine, date(2026, 6, 1), by=SYSTEM, now=now)
    assert calendar_of(engine).hours_of(date(2026, 6, 1)) == USUAL_HOURS


def test_what_has_not_changed_is_the_same_object_also_in_another_zone(engine: Engine, now: datetime) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, abroad = calendar_of(engine), calendar_of(engine, berlin)
    assert calendar_of(engine) is first
    assert calendar_of(engine, berlin) is abroad
    set_day(engine, date(2026, 10, 7), works=True, by=SYSTEM, now=now)
    assert calendar_of(engine) is not first
    assert calendar_of(engine, berlin).is_working(date(2026, 10, 7))


def test_every_change_stands_in_the_audit_trail(engine: Engine, now: datetime) -> None:
    set_day(engine, date(2026, 10, 7), works=True, by=SYSTEM, now=now)
    set_hours(engine, date(2026, 6, 1), [(480, 720)], by=SYSTEM, now=now)
    with reading(engine) as tx:
        assert tx.scalars(select(audit.c.action).order_by(audit.c.id)).all() == ["calendar.day", "calendar.hours"]


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("08:00-12:00, 14:00-18:00", [(480, 720), (840, 1080)]),
        ("8:30–12，14：00—17：30", [(510, 720), (840, 1050)]),
        ("00:00-24:00", [(0, 1440)]),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, windows: list[tuple[int, int]]) -> None:
    assert read_windows(text) == windows


@pytest.mark.parametrize("text", ["", "morning", "8-25", "08:00", "08:60-12:00", "8:00-12:00-14:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="08:00-12:00"):
        read_windows(text)


@pytest.mark.parametrize("windows", [[], [(720, 480)], [(480, 720), (700, 800)], [(840, 1080), (480, 720)]])
def test_hours_that_cannot_be_worked_are_refused(engine: Engine, now: datetime, windows: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        set_hours(engine, date(2026, 6, 1), windows, by=SYSTEM, now=now)
    assert refused.value.field == "windows"


def test_a_year_that_is_a_slip_of_the_pen_is_refused(engine: Engine, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="check the year"):
        set_day(engine, date(226, 10, 7), works=True, by=SYSTEM, now=now)
