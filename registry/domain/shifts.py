"""Shifts (班次): when each begins and ends, who takes turns in them (三班倒), who is on duty at a moment. Pure.

A shift begins at a minute of the day and may end on the next one. A turn is one person's shift on one day; its span is
kept with it, so that "who is on duty now" asks no calendar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

DAY_MIN = 24 * 60
MOST_DAYS = 366
"""How many days a roster can be filled at once."""


class ShiftDays(StrEnum):
    """On which days a shift is manned: each day, only days of work, only days off (节假日值班)."""

    EVERY = "every"
    WORK = "work"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftHours:
    """The hours of a shift, in minutes since midnight of the city's clock; the same twice means the whole day."""

    shift_id: int
    from_min: int
    until_min: int
    days: ShiftDays = ShiftDays.EVERY
    least: int = 1

    def span(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """From when until when the shift of ``day`` goes; the end itself is the next shift's."""
        start = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=self.from_min)
        lasts = (self.until_min - self.from_min) % DAY_MIN or DAY_MIN
        return start, start + timedelta(minutes=lasts)

    def is_manned(self, day: date, *, is_off: Callable[[date], bool]) -> bool:
        """Whether anybody is wanted on ``day``."""
        return self.days is ShiftDays.EVERY or is_off(day) == (self.days is ShiftDays.FREE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One person's shift: ``who`` is whatever tells people apart. Half open: at ``ends_at`` it is over."""

    shift_id: int
    day: date
    who: str
    starts_at: datetime
    ends_at: datetime

    def holds(self, at: datetime) -> bool:
        """Whether the person is on duty at ``at``."""
        return self.starts_at <= at < self.ends_at


def rotation(
    shifts: Sequence[ShiftHours],
    teams: Sequence[Sequence[str]],
    first: date,
    last: date,
    *,
    every_days: int = 1,
    zone: tzinfo,
    is_off: Callable[[date], bool],
) -> list[Turn]:
    """Turns from ``first`` to ``last`` (included): every ``every_days`` days each team goes on to the next shift.

    With more teams than shifts the others rest (四班三运转), and who rests goes on to the first shift. With fewer teams
    than shifts the last shifts stay empty and ``uncovered`` names them.
    """
    if not teams:
        return []
    turns = []
    slots = max(len(teams), len(shifts))
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        step = offset // every_days
        for number, team in enumerate(teams):
            slot = (number + step) % slots
            if slot >= len(shifts) or not shifts[slot].is_manned(day, is_off=is_off):
                continue
            starts_at, ends_at = shifts[slot].span(day, zone)
            turns += [
                Turn(shift_id=shifts[slot].shift_id, day=day, who=who, starts_at=starts_at, ends_at=ends_at)
                for who in team
            ]
    return turns


def clashes(turns: Iterable[Turn]) -> list[tuple[Turn, Turn]]:
    """Pairs of turns in which one person would have to be in two shifts at once, in the order of time."""
    found = []
    before: dict[str, Turn] = {}
    for turn in sorted(turns, key=lambda each: (each.starts_at, each.ends_at)):
        earlier = before.get(turn.who)
        if earlier is not None and turn.starts_at < earlier.ends_at:
            found.append((earlier, turn))
        if earlier is None or turn.ends_at > earlier.ends_at:
            before[turn.who] = turn
    return found


def uncovered(
    shifts: Iterable[ShiftHours],
    turns: Iterable[Turn],
    first: date,
    last: date,
    *,
    is_off: Callable[[date], bool],
) -> list[tuple[date, int, int]]:
    """(day, shift, how many people lack) wherever a shift has fewer than its least, by day."""
    there: dict[tuple[date, int], int] = {}
    for turn in turns:
        there[turn.day, turn.shift_id] = there.get((turn.day, turn.shift_id), 0) + 1
    lacking = []
    wanted = list(shifts)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        for shift in wanted:
            less = shift.least - there.get((day, shift.shift_id), 0)
            if less > 0 and shift.is_manned(day, is_off=is_off):
                lacking.append((day, shift.shift_id, less))
    return lacking


def is_weekend(day: date) -> bool:
    """Saturday and Sunday: the days off where no calendar says more."""
    return day.isoweekday() >= 6
