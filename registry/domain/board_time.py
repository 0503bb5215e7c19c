"""How the span of a board is said, and how it is cut into hours, days, weeks and months of the city's zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from registry.domain.boards import Over

_BEFORE = re.compile(r"-\d{1,4}[mhdwMy]")
_COARSER = {Over.HOUR: Over.DAY, Over.DAY: Over.WEEK, Over.WEEK: Over.MONTH}
_ROUGHLY = {
    Over.HOUR: timedelta(hours=1),
    Over.DAY: timedelta(days=1),
    Over.WEEK: timedelta(weeks=1),
    Over.MONTH: timedelta(days=30),
}
MOST_STEPS = 800
"""More bars than this no chart shows: the next coarser step is taken."""


def is_span_end(said: str) -> bool:
    """Whether a span can begin or end there: ``now``, ``-7d`` … before it, or an aware moment as ISO 8601."""
    if said == "now" or _BEFORE.fullmatch(said):
        return True
    try:
        return datetime.fromisoformat(said).tzinfo is not None
    except ValueError:
        return False


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
