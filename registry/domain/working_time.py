"""Time as the case standard counts it: the units of a limit, and the city's calendar of work. Pure.

Each unit is counted on one of three clocks, and every clock is a function that never runs backwards: how far it has
come at a moment. What was used between two moments is a difference of two readings, a deadline is the first moment at
which the clock has come far enough; pauses are cut out. Nothing here walks from hour to hour: a year is a table of
sums, made when it is first asked for, and a moment is looked up in it by bisection.

- 紧急工作时, 紧急工作日 run on elapsed time: nights, weekends and holidays count.
- 自然日 runs on the wall clock: a day later is the same hour of the next day, also where the clocks are put forward.
- 工作时, 工作日 run only in the hours of work of working days; one 工作日 is eight 工作时.

Working days are Monday to Friday without the days off, with the make-up workdays (调休).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from registry.domain.deadlines import CHINA_TIME

WORK_DAY = timedelta(hours=8)
"""How much work one 工作日 of a limit is (domain of GB/T 30428.8: eight working hours)."""

_ZERO = timedelta(0)
_YEARS_AHEAD = 60


class TimeUnit(StrEnum):
    """紧急工作时, 紧急工作日, 工作时, 工作日, 自然日."""

    URGENT_HOUR = "urgent_hour"
    URGENT_DAY = "urgent_day"
    WORK_HOUR = "work_hour"
    WORK_DAY = "work_day"
    CALENDAR_DAY = "calendar_day"


UNIT_LENGTH: Mapping[TimeUnit, timedelta] = {
    TimeUnit.URGENT_HOUR: timedelta(hours=1),
    TimeUnit.URGENT_DAY: timedelta(days=1),
    TimeUnit.WORK_HOUR: timedelta(hours=1),
    TimeUnit.WORK_DAY: WORK_DAY,
    TimeUnit.CALENDAR_DAY: timedelta(days=1),
}

WORKING_UNITS = frozenset({TimeUnit.WORK_HOUR, TimeUnit.WORK_DAY})
"""Those whose clock stands still outside the hours of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How long something may take: so many of a unit; ``amount`` may be a fraction (1.5 工作时)."""

    amount: float
    unit: TimeUnit

    @property
    def length(self) -> timedelta:
        """The limit on its own clock."""
        return UNIT_LENGTH[self.unit] * self.amount


class Pause(NamedTuple):
    """From when until when a clock stands still; a suspension that still lasts has its planned end."""

    since: datetime
    until: datetime


Window = tuple[int, int]
"""Hours of work as minutes of the day: (480, 720) is 08:00 to 12:00; 1440 is midnight at the end of the day."""

USUAL_HOURS: tuple[Window, ...] = ((8 * 60, 12 * 60), (14 * 60, 18 * 60))


class _Year(NamedTuple):
    """One year's hours of work, in order: when each stretch begins and ends, and what was worked before it."""

    begins: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    before: tuple[timedelta, ...]
    total: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCalendar:
    """Which days and which hours of them are worked, in ``zone``.

    ``off``: weekdays that are not worked; ``on``: Saturdays and Sundays that are. ``hours``: from a day on (in force
    until the next entry) these windows, in order and without overlap; days before the first entry have its hours.
    """

    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()
    hours: Sequence[tuple[date, tuple[Window, ...]]] = ((date.min, USUAL_HOURS),)
    zone: tzinfo = CHINA_TIME
    _years: dict[int, _Year] = field(default_factory=dict, repr=False, compare=False)

    def is_working(self, day: date) -> bool:
        """Whether people work on ``day``."""
        return day in self.on if day.weekday() >= 5 else day not in self.off

    def hours_of(self, day: date) -> tuple[Window, ...]:
        """The hours of work of ``day``; none where it is off."""
        if not self.is_working(day):
            return ()
        at = bisect_right(self.hours, day, key=lambda each: each[0])
        return self.hours[max(at - 1, 0)][1]

    def year(self, number: int) -> _Year:
        """The sums of that year; made once."""
        found = self._years.get(number)
        if found is None:
            found = self._years[number] = self._sum_up(number)
        return found

    def _sum_up(self, number: int) -> _Year:
        begins, ends, before, total = [], [], [], _ZERO
        first = date(number, 1, 1)
        for ahead in range((date(number + 1, 1, 1) - first).days):
            day = first + timedelta(days=ahead)
            for since, until in self.hours_of(day):
                begin, end = _instant(day, since, self.zone), _instant(day, until, self.zone)
                if begin < end:
                    begins.append(begin)
                    ends.append(end)
                    before.append(total)
                    total += end - begin
        return _Year(tuple(begins), tuple(ends), tuple(before), total)


USUAL_CALENDAR = WorkCalendar()
"""Monday to Friday, 08–12 and 14–18, without holidays: where no table of days is at hand."""


def deadline(
    start: datetime,
    limit: Limit,
    calendar: WorkCalendar,
    *,
    pauses: Iterable[Pause] = (),
    extended: int = 0,
) -> datetime:
    """The first moment at which the limit, and ``extended`` times the same again, is used up.

    Raises ``ValueError`` where that lies more than 60 years ahead (a calendar without a working hour).
    """
    return _after(start, limit.length * (1 + extended), limit.unit, calendar, pauses)


def after(
    start: datetime, amount: float, unit: TimeUnit, calendar: WorkCalendar, pauses: Iterable[Pause] = ()
) -> datetime:
    """The first moment at which ``amount`` units have been used since ``start``; the inverse of ``used``."""
    return _after(start, UNIT_LENGTH[unit] * amount, unit, calendar, pauses)


def before(until: datetime, amount: float, unit: TimeUnit, calendar: WorkCalendar) -> datetime:
    """The last moment from which ``amount`` units are used until ``until``.

    Raises ``ValueError`` where that lies more than 60 years back.
    """
    length = UNIT_LENGTH[unit] * amount
    if length <= _ZERO:
        return until
    return _behind(until.astimezone(UTC), length, unit, calendar).astimezone(until.tzinfo)


def used(
    start: datetime, until: datetime, unit: TimeUnit, calendar: WorkCalendar, pauses: Iterable[Pause] = ()
) -> float:
    """How many units were used between the two; 0 where ``until`` is not later."""
    return used_time(start, until, unit, calendar, pauses) / UNIT_LENGTH[unit]


def used_time(
    start: datetime, until: datetime, unit: TimeUnit, calendar: WorkCalendar, pauses: Iterable[Pause] = ()
) -> timedelta:
    """The same on the unit's own clock, exactly: 9 hours of work are 9 hours, a 自然日 is 24."""
    start, until = start.astimezone(UTC), until.astimezone(UTC)
    if until <= start:
        return _ZERO
    standing = sum((_run(p.since, p.until, unit, calendar) for p in merged(pauses, start, until)), _ZERO)
    return _run(start, until, unit, calendar) - standing


def merged(pauses: Iterable[Pause], start: datetime, until: datetime | None = None) -> list[Pause]:
    """The pauses between the two moments in order and in UTC, those that overlap or touch made one."""
    found: list[Pause] = []
    # in UTC: two moments of one zone are compared and subtracted by what its clocks show, changes overlooked
    for since, end in sorted((p.since.astimezone(UTC), p.until.astimezone(UTC)) for p in pauses):
        since, end = max(since, start), end if until is None else min(end, until)
        if end <= since:
            continue
        if found and since <= found[-1].until:
            found[-1] = Pause(found[-1].since, max(found[-1].until, end))
        else:
            found.append(Pause(since, end))
    return found


def _after(
    start: datetime, length: timedelta, unit: TimeUnit, calendar: WorkCalendar, pauses: Iterable[Pause]
) -> datetime:
    if length <= _ZERO:
        return start
    at, left = start.astimezone(UTC), length
    for pause in merged(pauses, at):
        run = _run(at, pause.since, unit, calendar)
        if run >= left:
            break
        at, left = pause.until, left - run
    return _ahead(at, left, unit, calendar).astimezone(start.tzinfo)


def _run(since: datetime, until: datetime, unit: TimeUnit, calendar: WorkCalendar) -> timedelta:
    """How far the unit's clock runs between two moments, the second not before the first."""
    if unit in WORKING_UNITS:
        return _worked(since, until, calendar)
    if unit is TimeUnit.CALENDAR_DAY:
        return _wall(until, calendar.zone) - _wall(since, calendar.zone)
    return until - since


def _ahead(at: datetime, length: timedelta, unit: TimeUnit, calendar: WorkCalendar) -> datetime:
    """The first moment at which the unit's clock has run ``length`` since ``at``."""
    if unit in WORKING_UNITS:
        return _work_ahead(at, length, calendar)
    if unit is TimeUnit.CALENDAR_DAY:
        target = _wall(at, calendar.zone) + length
        return _first_at(target, calendar.zone)
    return at + length


def _worked(since: datetime, until: datetime, calendar: WorkCalendar) -> timedelta:
    first, last = since.astimezone(calendar.zone).year, until.astimezone(calendar.zone).year
    whole = sum((calendar.year(number).total for number in range(first, last)), _ZERO)
    return whole + _come(until, calendar.year(last)) - _come(since, calendar.year(first))


def _come(at: datetime, year: _Year) -> timedelta:
    """What was worked in the year before ``at``."""
    here = bisect_right(year.begins, at) - 1
    if here < 0:
        return _ZERO
    return year.before[here] + min(at, year.ends[here]) - year.begins[here]


def _work_ahead(at: datetime, length: timedelta, calendar: WorkCalendar) -> datetime:
    number = at.astimezone(calendar.zone).year
    target = _come(at, calendar.year(number)) + length
    for ahead in range(_YEARS_AHEAD):
        year = calendar.year(number + ahead)
        if target <= year.total:
            here = bisect_left(year.before, target) - 1
            return year.begins[here] + (target - year.before[here])
        target -= year.total
    raise ValueError(
        f"{length} of work are not done within {_YEARS_AHEAD} years; does the calendar have hours of work?"
    )


def _behind(at: datetime, length: timedelta, unit: TimeUnit, calendar: WorkCalendar) -> datetime:
    """The last moment from which the unit's clock runs ``length`` until ``at``."""
    if unit in WORKING_UNITS:
        return _work_behind(at, length, calendar)
    if unit is TimeUnit.CALENDAR_DAY:
        return _first_at(_wall(at, calendar.zone) - length, calendar.zone)
    return at - length


def _work_behind(at: datetime, length: timedelta, calendar: WorkCalendar) -> datetime:
    number = at.astimezone(calendar.zone).year
    left = length - _come(at, calendar.year(number))
    for back in range(_YEARS_AHEAD):
        year = calendar.year(number - back)
        if left < _ZERO or (left == _ZERO and year.begins):
            # the stretch in which as much was worked before as is more than enough
            here = bisect_right(year.before, -left) - 1
            return year.begins[here] + (-left - year.before[here])
        left -= calendar.year(number - back - 1).total
    raise ValueError(f"{length} of work do not fit into {_YEARS_AHEAD} years; does the calendar have hours of work?")


def _instant(day: date, minute: int, zone: tzinfo) -> datetime:
    """The first moment at which the wall clock has come to that minute of the day, in UTC."""
    return _first_at(datetime.combine(day, time()) + timedelta(minutes=minute), zone)


def _wall(at: datetime, zone: tzinfo) -> datetime:
    """What the wall clock has come to: naive; it stands still through an hour that comes a second time."""
    here = at.astimezone(zone)
    wall = here.replace(tzinfo=None)
    if here.fold:
        changed = _change(here.astimezone(UTC) - timedelta(days=1), here.astimezone(UTC), zone)
        return (changed - timedelta.resolution).astimezone(zone).replace(tzinfo=None) + timedelta.resolution
    return wall


def _first_at(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment at which the wall clock has come to ``wall``; that of the leap where it is leapt over."""
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    return _change(at - timedelta(days=1), at, zone)


def _change(since: datetime, until: datetime, zone: tzinfo) -> datetime:
    """The moment between the two at which the zone's offset became what it is at ``until``."""
    after_it = until.astimezone(zone).utcoffset()
    while until - since > timedelta.resolution:
        middle = since + (until - since) / 2
        if middle.astimezone(zone).utcoffset() == after_it:
            until = middle
        else:
            since = middle
    return until
