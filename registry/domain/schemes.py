"""Schemes (考核办法): how a month's indicators become one score, as data with versions. Pure.

A scheme is a list of rows. Each row gives points by one of four rules (``RowKind``); the score is their sum, exact, and
is rounded once, when it is published. Where nothing was due there is nothing to lose: such a row gives its full weight,
and who had nothing due at all is not ranked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from registry.domain import indicators
from registry.domain.errors import InvalidInput
from registry.domain.month_counts import Count

MOST_ROWS = 40
_ZERO = Fraction(0)


class RowKind(StrEnum):
    """How a row gives its points.

    ``RATE``: weight × rate, or weight × (1 - rate) where less is better. ``TARGETS``: the weight, less ``per_point``
    for every percentage point that a rate stays below its target. ``DEDUCTION``: the weight, less so much for each
    case of a count. ``BY_HAND``: what people give, between 0 and the weight. No row gives less than 0.
    """

    RATE = "rate"
    TARGETS = "targets"
    DEDUCTION = "deduction"
    BY_HAND = "by_hand"


class GroupBy(StrEnum):
    """Who is ranked in a group: responsible units, or areas of the city by what lies in them."""

    UNIT = "unit"
    DISTRICT = "district"
    STREET = "street"


class AwardKind(StrEnum):
    """奖 or 惩."""

    REWARD = "reward"
    PENALTY = "penalty"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """``at``: percent that the indicator should reach."""

    indicator: str
    at: Decimal


class Deduction(msgspec.Struct, frozen=True, kw_only=True):
    """``each``: points that every case in ``count`` costs."""

    count: Count
    each: Decimal


class SchemeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``weight``: the most it gives. ``extra``: on top of the full score (附加分). ``usual``: by-hand points
    as long as nobody gave any."""

    key: str
    zh: str
    en: str
    kind: RowKind
    weight: Decimal
    indicator: str = ""
    less_is_better: bool = False
    targets: tuple[Target, ...] = ()
    per_point: Decimal = Decimal(1)
    deductions: tuple[Deduction, ...] = ()
    extra: bool = False
    usual: Decimal = Decimal(0)


class RankGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Who is compared with whom. Without ``units`` or ``areas`` (codes): everybody of that sort who had cases."""

    key: str
    zh: str
    en: str
    by: GroupBy
    units: tuple[int, ...] = ()
    areas: tuple[str, ...] = ()


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """A word for scores from ``at`` on."""

    at: Decimal
    zh: str
    en: str


class AwardRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets what by their place: 1 is the first, -1 the last of a group."""

    group: str
    place: int
    kind: AwardKind
    amount_yuan: int
    zh: str
    en: str


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a scheme. ``recurring_days``: the same asset and kind again within so many days is 反复发生."""

    key: str
    name_zh: str
    name_en: str
    rows: tuple[SchemeRow, ...]
    groups: tuple[RankGroup, ...]
    grades: tuple[Grade, ...] = ()
    awards: tuple[AwardRule, ...] = ()
    source: str = ""
    recurring_days: int = 30

    @property
    def full(self) -> Decimal:
        """The full score, without what comes on top."""
        return sum((row.weight for row in self.rows if not row.extra), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPoints:
    """What one row gave. ``rate`` as a fraction, where the row looks at one."""

    key: str
    weight: Decimal
    points: Fraction
    rate: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The exact sum and what each row gave; ``ranked`` False: nothing was due."""

    exact: Fraction
    rows: tuple[RowPoints, ...]
    ranked: bool


def score(scheme: Scheme, totals: Mapping[Count, int], by_hand: Mapping[str, Decimal] | None = None) -> Score:
    """What ``totals`` are worth. ``by_hand``: points that people gave, by the row's key."""
    given = by_hand or {}
    rows = tuple(_points(row, totals, given) for row in scheme.rows)
    exact = sum((row.points for row in rows), _ZERO)
    return Score(exact=exact, rows=rows, ranked=bool(totals.get(Count.DUE_HANDLING) or totals.get(Count.DUE_CLOSING)))


def grade_of(scheme: Scheme, points: Decimal) -> Grade | None:
    """The best grade that ``points`` reach."""
    reached = [grade for grade in scheme.grades if points >= grade.at]
    return max(reached, key=lambda grade: grade.at, default=None)


def check_scheme(scheme: Scheme) -> Scheme:
    """``scheme`` itself if it can be counted with. Raises ``InvalidInput`` that names the first row that can't."""
    if not scheme.rows or len(scheme.rows) > MOST_ROWS:
        raise InvalidInput(
            "rows", "has {count}; a scheme has between 1 and {most}", count=len(scheme.rows), most=MOST_ROWS
        )
    if not scheme.groups:
        raise InvalidInput("groups", "is empty; say who is ranked: units, districts or streets")
    _check_once("rows", (row.key for row in scheme.rows))
    _check_once("groups", (group.key for group in scheme.groups))
    if not 1 <= scheme.recurring_days <= 366:
        raise InvalidInput("recurring_days", "{given} must be between 1 and 366 days", given=scheme.recurring_days)
    for row in scheme.rows:
        _check_row(row)
    groups = {group.key for group in scheme.groups}
    for award in scheme.awards:
        if award.group not in groups or award.place == 0 or award.amount_yuan < 0:
            raise InvalidInput(
                "awards",
                "{given} needs a group of this scheme, a place (1 the first, -1 the last) and an amount of 0 or more",
                given=award.group,
            )
    return scheme


def _points(row: SchemeRow, totals: Mapping[Count, int], given: Mapping[str, Decimal]) -> RowPoints:
    weight, rate = Fraction(row.weight), None
    if row.kind is RowKind.RATE:
        rate = indicators.value(row.indicator, totals)
        points = weight if rate is None else weight * (1 - rate if row.less_is_better else rate)
    elif row.kind is RowKind.TARGETS:
        missed, rate = _missed(row, totals)
        points = weight - Fraction(row.per_point) * missed
    elif row.kind is RowKind.DEDUCTION:
        points = weight - sum((Fraction(one.each) * totals.get(one.count, 0) for one in row.deductions), _ZERO)
    else:
        points = Fraction(given.get(row.key, row.usual))
    return RowPoints(key=row.key, weight=row.weight, points=min(max(points, _ZERO), weight), rate=rate)


def _missed(row: SchemeRow, totals: Mapping[Count, int]) -> tuple[Fraction, Fraction | None]:
    """Percentage points below the targets, all together, and the first target's rate."""
    missed, first = _ZERO, None
    for place, target in enumerate(row.targets):
        rate = indicators.value(target.indicator, totals)
        first = rate if place == 0 else first
        if rate is not None:
            missed += max(Fraction(target.at) - rate * 100, _ZERO)
    return missed, first


def _check_once(field: str, keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if not key or key in seen:
            raise InvalidInput(field, "{given!r} stands twice or is empty; each needs a key of its own", given=key)
        seen.add(key)


def _check_row(row: SchemeRow) -> None:
    if row.weight <= 0 or row.per_point < 0:
        raise InvalidInput("rows", "{given} needs a weight above 0", given=row.key)
    named = [target.indicator for target in row.targets] + ([row.indicator] if row.kind is RowKind.RATE else [])
    for key in named:
        if not indicators.indicator(key).whole:
            raise InvalidInput(
                "rows", "{given}: {indicator} is a number of cases, no rate", given=row.key, indicator=key
            )
    if row.kind is RowKind.TARGETS and not row.targets:
        raise InvalidInput("rows", "{given} needs a target: an indicator and the percentage to reach", given=row.key)
    if row.kind is RowKind.DEDUCTION and not row.deductions:
        raise InvalidInput("rows", "{given} needs to say which count costs how many points", given=row.key)
    if row.kind is RowKind.BY_HAND and not 0 <= row.usual <= row.weight:
        raise InvalidInput("rows", "{given}: the usual points must be between 0 and its weight", given=row.key)
