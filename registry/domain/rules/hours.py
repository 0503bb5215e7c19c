"""The city's calendar as rules use it: the hours in which an alert may begin, and which day a moment belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from registry.domain.rules.rule import Hours


def is_open(hours: tuple[Hours, ...], at_ms: int, zone: tzinfo) -> bool:
    """Whether an alert may begin at this moment; without hours it always may."""
    if not hours:
        return True
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    minute, today = at.hour * 60 + at.minute, at.isoweekday()
    return any(_holds(span, today, minute) for span in hours)


def next_opening(hours: tuple[Hours, ...], at_ms: int, zone: tzinfo) -> int:
    """The next moment after ``at_ms`` at which a span begins, or ``at_ms`` itself when one is open."""
    if is_open(hours, at_ms, zone):
        return at_ms
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = [
        midnight + timedelta(days=days, minutes=span.from_min)
        for days in range(8)
        for span in hours
        if (midnight + timedelta(days=days)).isoweekday() in span.days
    ]
    return min((round(each.timestamp() * 1000) for each in moments if each > at), default=at_ms + 7 * 86_400_000)


def _holds(span: Hours, today: int, minute: int) -> bool:
    if span.from_min < span.until_min:
        return today in span.days and span.from_min <= minute < span.until_min
    yesterday = (today - 2) % 7 + 1
    return (today in span.days and minute >= span.from_min) or (yesterday in span.days and minute < span.until_min)


class CityDay:
    """Day numbers of the city's calendar; remembers the day it was last asked for."""

    __slots__ = ("_ends_ms", "_number", "_starts_ms", "_zone")

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._starts_ms = self._ends_ms = self._number = 0

    def number(self, at_ms: int) -> int:
        """The ordinal of the day that holds ``at_ms``."""
        if not self._starts_ms <= at_ms < self._ends_ms:
            here = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone)
            midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
            self._starts_ms = round(midnight.timestamp() * 1000)
            self._ends_ms = round((midnight + timedelta(days=1)).timestamp() * 1000)
            self._number = here.toordinal()
        return self._number
