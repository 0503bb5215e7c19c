"""The city's calendar of work: the State Council's days off and make-up workdays, the city's own days, its hours.

The table of each year comes with the package ``chinesecalendar``; it is printed in November of the year before. Until
a release brings it, a coming year has weekends only, and the page says so; people may enter the days themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any

from chinese_calendar.constants import Holiday, holidays, workdays
from sqlalchemy import Connection, Engine, delete, insert, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.people import Actor
from registry.domain.working_time import USUAL_HOURS, Window, WorkCalendar
from registry.services import audit
from registry.services.kept_copies import KeptCopy
from registry.services.revisions import bump
from registry.storage.database import writing
from registry.storage.tables import work_day_override, work_hours

REVISION = "work_calendar"

KNOWN_YEARS = range(min(holidays).year, max(holidays).year + 1)
"""The years whose table the package has."""

_SATURDAY = 5
_MOST_WINDOWS = 4


def work_calendar(tx: Connection, *, zone: tzinfo = CHINA_TIME) -> WorkCalendar:
    """The calendar in force, from memory where nothing has changed. Not in a transaction that changes it."""
    by_zone = _COPY.of(tx)
    found = by_zone.get(zone)
    if found is None:
        found = by_zone[zone] = _in_zone(by_zone[CHINA_TIME], zone)
    return found


def _load(tx: Connection) -> dict[tzinfo, WorkCalendar]:
    # the copies of other zones are added as they are asked for, and all go together
    return {CHINA_TIME: load_calendar(tx)}


def load_calendar(tx: Connection) -> WorkCalendar:
    """The calendar, read anew, in China's time."""
    off, on = set(holidays), set(workdays)
    for row in tx.execute(select(work_day_override)):
        day = date.fromisoformat(row.day)
        for days in (off, on):
            days.discard(day)
        (on if row.works else off).add(day)
    return WorkCalendar(
        off=frozenset(day for day in off if day.weekday() < _SATURDAY),
        on=frozenset(day for day in on if day.weekday() >= _SATURDAY),
        hours=hours_in_force(tx),
        zone=CHINA_TIME,
    )


_COPY = KeptCopy(REVISION, _load)


def hours_in_force(tx: Connection) -> tuple[tuple[date, tuple[Window, ...]], ...]:
    """From which day on which hours are worked, oldest first; before any other the usual ones."""
    rows = tx.execute(select(work_hours).order_by(work_hours.c.valid_from))
    kept = [(date.fromisoformat(row.valid_from), tuple((a, b) for a, b in row.windows)) for row in rows]
    return ((date.min, USUAL_HOURS), *kept)


def holiday_name(day: date) -> str:
    """What the State Council's table calls it (国庆节); of a make-up workday the holiday that it is for; else empty."""
    found = holidays.get(day) or workdays.get(day)
    return "" if found is None else str(Holiday(found).chinese)


def holiday_name_en(day: date) -> str:
    """The same in English (National Day)."""
    found = holidays.get(day) or workdays.get(day)
    return "" if found is None else str(Holiday(found).value)


def set_day(engine: Engine, day: date, *, works: bool, name: str = "", by: Actor, now: datetime) -> None:
    """Say that people work, or do not work, on ``day``, whatever the table says. Raises ``InvalidInput``."""
    _check_day(day)
    if len(name) > 60:
        raise InvalidInput("name", "is longer than 60 characters; shorten it")
    with writing(engine) as tx:
        tx.execute(delete(work_day_override).where(work_day_override.c.day == day.isoformat()))
        row = {"day": day.isoformat(), "works": works, "name": name.strip()}
        tx.execute(insert(work_day_override).values(**row, changed_at=now, changed_by=by.user_id))
        _note(tx, "calendar.day", row, by=by, now=now)


def forget_day(engine: Engine, day: date, *, by: Actor, now: datetime) -> None:
    """Let ``day`` be again what the table and the weekday make of it. Raises ``NotFound``."""
    with writing(engine) as tx:
        gone = tx.execute(delete(work_day_override).where(work_day_override.c.day == day.isoformat()))
        if not gone.rowcount:
            raise NotFound("day of the city's own", day.isoformat())
        _note(tx, "calendar.day_back", {"day": day.isoformat()}, by=by, now=now)


def set_hours(engine: Engine, valid_from: date, windows: Sequence[Window], *, by: Actor, now: datetime) -> None:
    """Work in these hours from ``valid_from`` on; an entry for the same day is replaced. Raises ``InvalidInput``."""
    _check_day(valid_from, field="valid_from")
    _check_windows(windows)
    with writing(engine) as tx:
        tx.execute(delete(work_hours).where(work_hours.c.valid_from == valid_from.isoformat()))
        row = {"valid_from": valid_from.isoformat(), "windows": [list(window) for window in windows]}
        tx.execute(insert(work_hours).values(**row, changed_at=now, changed_by=by.user_id))
        _note(tx, "calendar.hours", row, by=by, now=now)


def forget_hours(engine: Engine, valid_from: date, *, by: Actor, now: datetime) -> None:
    """Take an entry of hours out; those before it go on. Raises ``NotFound``."""
    with writing(engine) as tx:
        gone = tx.execute(delete(work_hours).where(work_hours.c.valid_from == valid_from.isoformat()))
        if not gone.rowcount:
            raise NotFound("hours of work", valid_from.isoformat())
        _note(tx, "calendar.hours_back", {"valid_from": valid_from.isoformat()}, by=by, now=now)


def read_windows(text: str) -> list[Window]:
    """Hours as people write them: "08:00-12:00, 14:00-18:00", Chinese signs too. Raises ``InvalidInput``."""
    plain = text.replace("，", ",").replace("、", ",").replace("–", "-").replace("—", "-").replace("：", ":")
    windows = []
    for part in plain.split(","):
        edges = [_minute(edge) for edge in part.split("-")]
        if len(edges) != 2 or None in edges:
            raise InvalidInput(
                "windows", "{given!r} are no hours; write them as 08:00-12:00, 14:00-18:00", given=part.strip()[:30]
            )
        windows.append((edges[0] or 0, edges[1] or 0))
    return windows


def _minute(text: str) -> int | None:
    hour, _, minute = text.strip().partition(":")
    if not (hour.isdecimal() and (minute or "00").isdecimal()):
        return None
    found = int(hour) * 60 + int(minute or 0)
    return found if int(minute or 0) < 60 and found <= 24 * 60 else None


def _check_windows(windows: Sequence[Window]) -> None:
    if not 0 < len(windows) <= _MOST_WINDOWS:
        raise InvalidInput("windows", "give one to {most} spans of a day, such as 08:00-12:00", most=_MOST_WINDOWS)
    end = 0
    for since, until in windows:
        if not end <= since < until <= 24 * 60:
            raise InvalidInput("windows", "must follow one another within a day and not overlap; put them in order")
        end = until


def _check_day(day: date, *, field: str = "day") -> None:
    if not 2000 <= day.year <= 2100:
        raise InvalidInput(field, "must lie between 2000 and 2100; check the year")


def _note(tx: Connection, action: str, detail: Mapping[str, Any], *, by: Actor, now: datetime) -> None:
    bump(tx, REVISION)
    audit.record(tx, by=by, action=action, subject="work_calendar", detail=dict(detail), now=now)


def _in_zone(calendar: WorkCalendar, zone: tzinfo) -> WorkCalendar:
    return WorkCalendar(off=calendar.off, on=calendar.on, hours=calendar.hours, zone=zone)
