"""Places, streaks and changes of a month's ranking. Pure: scores in, standings out.

What is published decides: scores are rounded to two decimals first, and equal published scores share a place, after
which the next place is left out (1, 2, 2, 4). Nobody's place hangs on a digit that nobody can see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from registry.domain.indicators import percent
from registry.domain.months import Month


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Somebody with a published score; None: nothing was due, and so no place."""

    subject: str
    name: str
    points: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Somebody's place among their group; ``place`` None: not ranked, named after the others."""

    subject: str
    name: str
    points: Decimal | None
    place: int | None


def ranked(scores: Sequence[Scored]) -> list[Standing]:
    """The standings, the best first; who shares a place stands in the order of the subjects' keys."""
    placed = sorted(
        (one for one in scores if one.points is not None), key=lambda one: (-(one.points or 0), one.subject)
    )
    standings: list[Standing] = []
    for number, one in enumerate(placed, 1):
        before = standings[-1] if standings else None
        place = before.place if before is not None and before.points == one.points else number
        standings.append(Standing(subject=one.subject, name=one.name, points=one.points, place=place))
    unplaced = sorted((one for one in scores if one.points is None), key=lambda one: one.subject)
    return standings + [Standing(subject=one.subject, name=one.name, points=None, place=None) for one in unplaced]


def streak(places: Mapping[Month, int | None], month: Month, place: int = 1) -> int:
    """For how many months in a row up to ``month`` somebody had ``place``: a month that is missing ends it."""
    months = 0
    while places.get(month) == place:
        months += 1
        month = month.later(-1)
    return months


def change(now: Decimal | int | None, before: Decimal | int | None) -> Decimal | int | None:
    """How much more than before (percentage points, places, cases); None where there is nothing to compare with."""
    return None if now is None or before is None else now - before


def growth_percent(now: int, before: int) -> Decimal | None:
    """How much more in percent, as in "+486 % y/y"; None where there was nothing before."""
    return percent(Fraction(now - before, before), 1) if before else None
