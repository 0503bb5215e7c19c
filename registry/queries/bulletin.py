"""The bulletin of a month (通报): every line that cities publish, from frozen figures, with what was a month and a year
before. The same value makes the page, the spreadsheet, the PDF and the answer of the API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import msgspec
from sqlalchemy import Engine

from registry.domain.indicators import INDICATORS, Indicator, fraction_of, percent, rounded, value
from registry.domain.kinds import FigureSort
from registry.domain.month_counts import Count
from registry.domain.months import read_month
from registry.domain.ranking import change, growth_percent
from registry.domain.schemes import GroupBy, RankGroup, Scheme
from registry.queries.months import (
    FigureRow,
    MonthRow,
    StandingRow,
    city_totals,
    figures_of,
    find_month,
    month_scheme,
    places_of,
    standings_of,
)
from registry.storage.database import reading

Totals = Mapping[Count, int]
TOP_CLASSES = 5
_NUMBERS = (
    Count.FOUND,
    Count.SELF_HANDLED,
    Count.DISPATCHED,
    Count.DUE_HANDLING,
    Count.HANDLED,
    Count.OPEN_OVERDUE,
    Count.HANDLED_LATE,
    Count.REWORKED,
    Count.REDISPATCHED,
    Count.SUPERVISED,
)


class NumberLine(msgspec.Struct, frozen=True, kw_only=True):
    """A count of the city beside what it was; growth in percent, None where there is nothing to compare with."""

    count: Count
    cases: int
    month_before: int | None
    year_before: int | None
    month_growth: str | None
    year_growth: str | None


class IndicatorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rate in percent ("92.35"), or a number of cases; the changes in percentage points, or in cases."""

    key: str
    zh: str
    en: str
    part: str
    whole: str
    above: int
    below: int | None
    shown: str | None
    month_change: str | None
    year_change: str | None
    more_is_better: bool | None


class ShareLine(msgspec.Struct, frozen=True, kw_only=True):
    """A class of components or a kind of event, and its share in percent."""

    sort: FigureSort
    subject: str
    name_zh: str
    name_en: str
    cases: int
    share: str


class PlaceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a ranking. ``place_change``: places won (positive) since the month before."""

    standing: StandingRow
    counts: dict[Count, int]
    place_change: int | None
    points_change: str | None


class GroupTable(msgspec.Struct, frozen=True, kw_only=True):
    """A group's ranking. ``best``: who has one of the first three places; ``last``: who has the last."""

    key: str
    zh: str
    en: str
    sort: FigureSort
    lines: list[PlaceLine]
    best: list[str]
    last: list[str]


class Bulletin(msgspec.Struct, frozen=True, kw_only=True):
    """A month in all its lines. ``component_share``: percent of what was found; ``mean_handling_h``: hours."""

    month: MonthRow
    revision: int
    scheme: Scheme
    numbers: list[NumberLine]
    indicators: list[IndicatorLine]
    components: int
    component_share: str | None
    top_classes: list[ShareLine]
    top_events: list[ShareLine]
    mean_handling_h: str | None
    groups: list[GroupTable]

    @property
    def draft(self) -> bool:
        """Whether this revision has not been published."""
        return self.month.published_revision != self.revision


def bulletin(engine: Engine, key: str, *, published: bool = False) -> Bulletin:
    """The bulletin of a closed month as it stands; ``published``: of the revision that everybody may see.

    Raises ``NotFound`` for a month that is not closed, or not published.
    """
    row = find_month(engine, key, published=published)
    scheme = month_scheme(engine, row)
    revision = row.published_revision if published and row.published_revision else row.revision
    wanted = read_month(key)
    with reading(engine) as tx:
        figures = figures_of(tx, key, revision)
        standings = standings_of(tx, key, revision)
        last_month = city_totals(tx, str(wanted.later(-1)))
        last_year = city_totals(tx, str(wanted.later(-12)))
        places = places_of(tx, str(wanted.later(-1)))
    by_subject = {(figure.sort, figure.subject): figure for figure in figures}
    city = by_subject.get((FigureSort.CITY, ""))
    totals = city.counts if city else {}
    components, classes, events = _shares(figures)
    return Bulletin(
        month=row,
        revision=revision,
        scheme=scheme,
        numbers=[_number(count, totals, last_month, last_year) for count in _NUMBERS],
        indicators=[_indicator(line, totals, last_month, last_year) for line in INDICATORS.values()],
        components=components,
        component_share=_share(components, totals.get(Count.FOUND, 0)),
        top_classes=classes,
        top_events=events,
        mean_handling_h=_mean_hours(city),
        groups=[_group(group, standings, by_subject, places) for group in scheme.groups],
    )


def _number(count: Count, now: Totals, month: Totals | None, year: Totals | None) -> NumberLine:
    cases = now.get(count, 0)
    before = None if month is None else month.get(count, 0)
    last_year = None if year is None else year.get(count, 0)
    return NumberLine(
        count=count,
        cases=cases,
        month_before=before,
        year_before=last_year,
        month_growth=_growth(cases, before),
        year_growth=_growth(cases, last_year),
    )


def _growth(now: int, before: int | None) -> str | None:
    grown = None if before is None else growth_percent(now, before)
    return None if grown is None else f"{grown:+}"


def _indicator(line: Indicator, now: Totals, month: Totals | None, year: Totals | None) -> IndicatorLine:
    above, below = fraction_of(line.key, now)
    return IndicatorLine(
        key=line.key,
        zh=line.zh,
        en=line.en,
        part=line.part,
        whole=line.whole,
        above=above,
        below=below,
        shown=_shown(line, now),
        month_change=_changed(line, now, month),
        year_change=_changed(line, now, year),
        more_is_better=line.more_is_better,
    )


def _shown(line: Indicator, totals: Totals) -> str | None:
    exact = value(line.key, totals)
    if exact is None:
        return None
    return str(percent(exact)) if line.whole else str(int(exact))


def _changed(line: Indicator, now: Totals, before: Totals | None) -> str | None:
    if before is None:
        return None
    # of what was published: whoever subtracts the two printed figures gets this one
    difference = change(_rounded(line, now), _rounded(line, before))
    return None if difference is None else f"{difference:+}"


def _rounded(line: Indicator, totals: Totals) -> Decimal | int | None:
    exact = value(line.key, totals)
    if exact is None:
        return None
    return percent(exact) if line.whole else int(exact)


def _shares(figures: list[FigureRow]) -> tuple[int, list[ShareLine], list[ShareLine]]:
    """How many of what was found were components, and the commonest classes and kinds of events."""
    found = {(figure.sort, figure.subject): figure.counts.get(Count.FOUND, 0) for figure in figures}
    classes = [figure for figure in figures if figure.sort is FigureSort.CLASS and figure.subject]
    components = sum(found[FigureSort.CLASS, figure.subject] for figure in classes)
    kinds = [figure for figure in figures if figure.sort is FigureSort.KIND]
    everything = found.get((FigureSort.CITY, ""), 0)
    return components, _top(classes, components), _top(kinds, everything)


def _top(figures: list[FigureRow], whole: int) -> list[ShareLine]:
    ordered = sorted(figures, key=lambda figure: (-figure.counts.get(Count.FOUND, 0), figure.subject))
    lines = []
    for figure in ordered[:TOP_CLASSES]:
        cases = figure.counts.get(Count.FOUND, 0)
        share = _share(cases, whole)
        if cases and share is not None:
            lines.append(
                ShareLine(
                    sort=figure.sort,
                    subject=figure.subject,
                    name_zh=figure.name_zh or figure.subject,
                    name_en=figure.name_en or figure.name_zh or figure.subject,
                    cases=cases,
                    share=share,
                )
            )
    return lines


def _share(cases: int, whole: int) -> str | None:
    return str(percent(Fraction(cases, whole))) if whole else None


def _mean_hours(city: FigureRow | None) -> str | None:
    if city is None or not city.handled_cases:
        return None
    return str(rounded(Fraction(city.handled_s, 3600 * city.handled_cases), 1))


_SORTS = {GroupBy.UNIT: FigureSort.UNIT, GroupBy.DISTRICT: FigureSort.DISTRICT, GroupBy.STREET: FigureSort.STREET}


def _group(
    group: RankGroup,
    standings: list[StandingRow],
    figures: Mapping[tuple[FigureSort, str], FigureRow],
    before: Mapping[tuple[str, str], tuple[int | None, str | None]],
) -> GroupTable:
    sort = _SORTS[group.by]
    lines = []
    for standing in (one for one in standings if one.group_key == group.key):
        place, points = before.get((group.key, standing.subject), (None, None))
        difference = change(
            None if standing.points is None else Decimal(standing.points), None if points is None else Decimal(points)
        )
        figure = figures.get((sort, standing.subject))
        lines.append(
            PlaceLine(
                standing=standing,
                counts=figure.counts if figure else {},
                place_change=None if place is None or standing.place is None else place - standing.place,
                points_change=None if difference is None else f"{difference:+}",
            )
        )
    placed = [line.standing for line in lines if line.standing.place is not None]
    worst = max((one.place or 0 for one in placed), default=0)
    return GroupTable(
        key=group.key,
        zh=group.zh,
        en=group.en,
        sort=sort,
        lines=lines,
        best=[one.name_zh or one.subject for one in placed if (one.place or 0) <= 3],
        last=[one.name_zh or one.subject for one in placed if one.place == worst > 1],
    )
