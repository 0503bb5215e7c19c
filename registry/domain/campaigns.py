"""Campaigns (专项整治): how far one is against its quota and its dates, day by day. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MOST_DAYS = 3 * 366
LONGEST_MEASURE = 1000


class CampaignPhase(StrEnum):
    """Where a campaign is: before its first day, within its days, beyond them, or ended by a person."""

    PLANNED = "planned"
    RUNNING = "running"
    OVERTIME = "overtime"
    ENDED = "ended"


class CampaignResult(StrEnum):
    """What was found at one asset: in order, mended on the spot, handed on as a case, or not to be reached."""

    GOOD = "good"
    MENDED = "mended"
    CASE = "case"
    OUT_OF_REACH = "out_of_reach"


DONE_RESULTS = frozenset({CampaignResult.GOOD, CampaignResult.MENDED, CampaignResult.CASE})
"""What counts towards the quota: somebody dealt with the asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardDay:
    """One day of the board: done on it, done up to its end, and what an even pace would have done by then."""

    day: date
    done: int
    total: int
    planned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """How far a campaign is.

    ``behind``: how many fewer than the even pace (never below 0). ``needed_per_day``: what the days that are left must
    do; None when none are left or the quota is reached. ``likely_on``: the day on which the pace of the last seven days
    reaches the quota; None where that pace is 0.
    """

    quota: int
    done: int
    today: int
    behind: int
    needed_per_day: int | None
    likely_on: date | None
    days: tuple[BoardDay, ...]

    @property
    def share(self) -> float | None:
        """Done of the quota, 0 to 1 (never more); None without a quota."""
        return min(self.done / self.quota, 1.0) if self.quota else None


def phase_of(starts_on: date, ends_on: date, *, ended: bool, today: date) -> CampaignPhase:
    """Where the campaign is on ``today``."""
    if ended:
        return CampaignPhase.ENDED
    if today < starts_on:
        return CampaignPhase.PLANNED
    return CampaignPhase.RUNNING if today <= ends_on else CampaignPhase.OVERTIME


def board(quota: int, starts_on: date, ends_on: date, done: Mapping[date, int], *, today: date) -> Board:
    """The board of ``today`` from how many were ``done`` on each day. What was done before ``starts_on`` counts too."""
    length = (ends_on - starts_on).days + 1
    total = sum(count for day, count in done.items() if day < starts_on)
    days = []
    for offset in range((min(today, max(ends_on, today)) - starts_on).days + 1):
        day = starts_on + timedelta(days=offset)
        total += done.get(day, 0)
        planned = min(quota * (offset + 1) / length, float(quota))
        days.append(BoardDay(day=day, done=done.get(day, 0), total=total, planned=planned))
    should = days[-1].planned if days else 0.0
    left = quota - total
    days_left = (ends_on - max(today, starts_on - timedelta(days=1))).days
    return Board(
        quota=quota,
        done=total,
        today=done.get(today, 0),
        behind=max(math.floor(should) - total, 0),
        needed_per_day=math.ceil(left / days_left) if left > 0 and days_left > 0 else None,
        likely_on=_likely(left, done, today),
        days=tuple(days),
    )


def _likely(left: int, done: Mapping[date, int], today: date) -> date | None:
    if left <= 0:
        return None
    week = sum(done.get(today - timedelta(days=ago), 0) for ago in range(7))
    return today + timedelta(days=min(math.ceil(left * 7 / week), MOST_DAYS)) if week else None
