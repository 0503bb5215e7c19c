"""The span of a board, and how it is cut into hours, days, weeks and months of the city's zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from registry.domain.boards import BoardTime, Over

_BEFORE = re.compile(r"-(\d{1,4})([mhdwMy])")
_FIXED = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_COARSER = {Over.HOUR: Over.DAY, Over.DAY: Over.WEEK, Over.WEEK: Over.MONTH}
_ROUGHLY = {
    Over.HOUR: timedelta(hours=1),
    Over.DAY: timedelta(days=1),
    Over.WEEK: timedelta(weeks=1),
    Over.MONTH: timedelta(days=30),
}
MOST_STEPS = 800
"""More bars than this no chart shows: the next coarser step is taken."""


class Before(NamedTuple):
    """So many of a unit (``m h d w M y``) before now."""

    number: int
    unit: str


def read_span_text(said: str) -> Before | datetime | None:
    """``now`` (nothing before it), ``-7d`` …, or an aware moment as ISO 8601; None for anything else."""
    if said == "now":
        return Before(0, "m")
    if found := _BEFORE.fullmatch(said):
        return Before(int(found[1]), found[2])
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def span_of(time: BoardTime, now: datetime) -> tuple[datetime, datetime]:
    """From when to when, now; what can't be read is the last day."""
    until = _moment(time.to, now) or now
    since = _moment(time.from_, until if time.to == "now" else now) or until - timedelta(days=1)
    return (since, until) if since < until else (until - timedelta(days=1), until)


def _moment(said: str, now: datetime) -> datetime | None:
    read = read_span_text(said)
    if not isinstance(read, Before):
        return read
    if read.unit in _FIXED:
        return now - read.number * _FIXED[read.unit]
    return _months_before(now, read.number * (12 if read.unit == "y" else 1))


def _months_before(moment: datetime, months: int) -> datetime:
    """The same day of an earlier month, or its last one."""
    whole = moment.year * 12 + moment.month - 1 - months
    year, month = max(whole // 12, 1), whole % 12 + 1
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    return moment


def steps(since: datetime, until: datetime, over: Over, zone: tzinfo) -> list[datetime]:
    """Where each step begins (the first at or before ``since``), and where the last one ends.

    The next coarser step is taken where there would be more than ``MOST_STEPS``.
    """
    while (until - since) / _ROUGHLY[over] > MOST_STEPS and over in _COARSER:
        over = _COARSER[over]
    found = list(_steps(since.astimezone(zone), until, over))
    return found if len(found) > 1 else [*found, _next(found[0], over)]


def _steps(since: datetime, until: datetime, over: Over) -> Iterator[datetime]:
    at = _begin(since, over)
    while at < until:
        yield at
        at = _next(at, over)
    yield at


def _begin(moment: datetime, over: Over) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if over is Over.HOUR:
        return hour
    day = hour.replace(hour=0)
    if over is Over.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if over is Over.MONTH else day


def _next(at: datetime, over: Over) -> datetime:
    if over is Over.HOUR:
        # through UTC: a zone may leave an hour out
        return (at.astimezone(UTC) + timedelta(hours=1)).astimezone(at.tzinfo)
    if over is Over.MONTH:
        return (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    # as the clock on the wall shows it: such a day may have 23 hours
    return at + timedelta(days=7 if over is Over.WEEK else 1)
