"""Parts of the year in which other numbers count: by their dates, or switched by hand. Pure.

A season is in force from ``starts`` to ``ends`` (MM-DD, both days included, in the city's zone; over new year where
``ends`` comes first) while its switch is auto, always while it is on, never while it is off. Of several in force the
one with the higher priority counts where both say something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo

import msgspec

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput
from registry.domain.kinds import SeasonSwitch
from registry.domain.rules.rule import Rule
from registry.domain.rules.seasonal import effective as with_season_numbers


class Season(msgspec.Struct, frozen=True, kw_only=True):
    """One season. What it changes stands in the rules and in the limits of the case standard, by its key."""

    key: str
    name_zh: str
    name_en: str
    priority: int
    starts: str = ""
    ends: str = ""
    switch: SeasonSwitch = SeasonSwitch.AUTO


SHIPPED_SEASONS: tuple[Season, ...] = (
    # The flood season of most of the country; its peak is 七下八上, mid-July to mid-August.
    Season(
        key="flood",
        name_zh="汛期",
        name_en="Flood season",
        priority=20,
        starts="05-15",
        ends="09-30",
    ),
    # No date knows a typhoon: it is switched when the signal is hoisted.
    Season(
        key="typhoon",
        name_zh="台风",
        name_en="Typhoon",
        priority=40,
        switch=SeasonSwitch.OFF,
    ),
    # Below zero a lithium cell reads low and recovers at noon: not every cold night is a visit.
    Season(key="frost", name_zh="冰冻期", name_en="Frost", priority=10, starts="12-01", ends="02-28"),
    # Stalls, carts and loading stand on the covers every evening; by hand, since each city has its own dates.
    Season(key="night_market", name_zh="夜市", name_en="Night market", priority=30, switch=SeasonSwitch.OFF),
)


def is_in_force(season: Season, today: date) -> bool:
    """Whether ``season`` is in force on ``today`` (a day of the city's calendar)."""
    if season.switch is not SeasonSwitch.AUTO:
        return season.switch is SeasonSwitch.ON
    if not season.starts or not season.ends:
        return False
    day = today.strftime("%m-%d")
    if season.starts <= season.ends:
        return season.starts <= day <= _last_day(season.ends)
    return day >= season.starts or day <= _last_day(season.ends)


def in_force(seasons: Iterable[Season], *, at: datetime, zone: tzinfo = CHINA_TIME) -> tuple[Season, ...]:
    """The seasons in force at ``at``, those that count more later."""
    today = at.astimezone(zone).date()
    found = [season for season in seasons if is_in_force(season, today)]
    return tuple(sorted(found, key=lambda season: (season.priority, season.key)))


def next_change(seasons: Sequence[Season], *, at: datetime, zone: tzinfo = CHINA_TIME) -> datetime | None:
    """The midnight at which dates next put a season in or out of force; None: only people will."""
    here = at.astimezone(zone)
    today = here.date()
    for ahead in range(1, 367):
        day = today + timedelta(days=ahead)
        if any(is_in_force(season, day) != is_in_force(season, day - timedelta(days=1)) for season in seasons):
            return datetime(day.year, day.month, day.day, tzinfo=zone)
    return None


def effective(rule: Rule, seasons: Sequence[Season]) -> Rule:
    """``rule`` with the numbers of the seasons in force, as ``in_force`` orders them. Raises ``ValueError``."""
    return with_season_numbers(rule, [season.key for season in seasons])


def read_day(text: str, field: str) -> str:
    """A day of the year as MM-DD, empty for none. Raises ``InvalidInput``."""
    if not text:
        return ""
    try:
        # a leap year, so that 02-29 is a day
        return datetime.strptime(f"2024-{text}", "%Y-%m-%d").replace(tzinfo=CHINA_TIME).strftime("%m-%d")
    except ValueError:
        raise InvalidInput(field, "{given!r} is no day of the year; write it as MM-DD", given=text) from None


def _last_day(ends: str) -> str:
    # who writes the end of February means its last day
    return "02-29" if ends == "02-28" else ends
