"""Reading the calendar of work: a year day by day, what the city says itself, and what a limit comes to."""

from __future__ import annotations

import calendar
from datetime import date, datetime, tzinfo
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Engine, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.working_time import Limit, WorkCalendar, deadline
from registry.services.work_calendar import (
    KNOWN_YEARS,
    holiday_name,
    holiday_name_en,
    hours_in_force,
    load_calendar,
    work_calendar,
)
from registry.storage.database import reading
from registry.storage.tables import user, work_day_override, work_hours

_SATURDAY = 5


class DayKind(StrEnum):
    """Why a day is worked or not: by the weekday, a holiday, a make-up workday (调休), or the city's own word."""

    WEEKDAY = "weekday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"
    OWN = "own"


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One day: whether people work, why, and the name of the holiday (in English too) or what the city wrote."""

    day: date
    works: bool
    kind: DayKind
    name: str = ""
    name_en: str = ""


class OwnDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day of the city's own, who said so and when."""

    day: date
    works: bool
    name: str
    changed_at: datetime
    changed_by_name: str


class HoursRow(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of work from a day on, minutes of the day; ``valid_from`` None: before any other entry."""

    valid_from: date | None
    windows: list[tuple[int, int]]
    hours: float


class YearView(msgspec.Struct, frozen=True, kw_only=True):
    """A year. ``known``: the table of its holidays is there; without it only weekends and the city's own days count.

    ``months``: twelve lists of days; ``work_days``: how many are worked.
    """

    year: int
    known: bool
    work_days: int
    months: list[list[DayRow]]
    own: list[OwnDay]
    hours: list[HoursRow]


def year_view(engine: Engine, year: int) -> YearView:
    """One year of the city's calendar."""
    with reading(engine) as tx:
        found, own, hours = load_calendar(tx), _own(tx, year), _hours(tx)
    named = {each.day: each for each in own}
    months = [
        [_day(date(year, month, day), found, named) for day in range(1, calendar.monthrange(year, month)[1] + 1)]
        for month in range(1, 13)
    ]
    return YearView(
        year=year,
        known=year in KNOWN_YEARS,
        work_days=sum(day.works for month in months for day in month),
        months=months,
        own=own,
        hours=hours,
    )


def due_at(engine: Engine, start: datetime, limit: Limit, *, zone: tzinfo = CHINA_TIME) -> datetime:
    """When a limit that starts then is used up, by the city's calendar. Raises ``ValueError`` beyond 60 years."""
    with reading(engine) as tx:
        return deadline(start, limit, work_calendar(tx, zone=zone))


def _day(day: date, found: WorkCalendar, own: dict[date, OwnDay]) -> DayRow:
    works = found.is_working(day)
    name, name_en = holiday_name(day), holiday_name_en(day)
    if day in own and own[day].name:
        return DayRow(day=day, works=works, kind=DayKind.OWN, name=own[day].name)
    if day in own:
        return DayRow(day=day, works=works, kind=DayKind.OWN, name=name, name_en=name_en)
    weekend = day.weekday() >= _SATURDAY
    if weekend and works:
        kind = DayKind.MAKE_UP
    elif name and not works:
        kind = DayKind.HOLIDAY
    else:
        kind = DayKind.WEEKEND if weekend else DayKind.WEEKDAY
    return DayRow(day=day, works=works, kind=kind, name=name, name_en=name_en)


def _own(tx: Connection, year: int) -> list[OwnDay]:
    query = (
        select(work_day_override, user.c.name.label("changed_by_name"))
        .outerjoin_from(work_day_override, user, user.c.id == work_day_override.c.changed_by)
        .where(work_day_override.c.day.between(f"{year}-01-01", f"{year}-12-31"))
        .order_by(work_day_override.c.day)
    )
    return [
        OwnDay(
            day=date.fromisoformat(row.day),
            works=row.works,
            name=row.name,
            changed_at=row.changed_at,
            changed_by_name=row.changed_by_name or "",
        )
        for row in tx.execute(query)
    ]


def _hours(tx: Connection) -> list[HoursRow]:
    kept = set(tx.scalars(select(work_hours.c.valid_from)))
    return [
        HoursRow(
            valid_from=since if since.isoformat() in kept else None,
            windows=list(windows),
            hours=sum(until - begin for begin, until in windows) / 60,
        )
        for since, windows in hours_in_force(tx)
    ]
