"""From the cases of a month to its figures, its scores and its places. Part of the services' own transactions.

Read from ``month_case`` alone, so that a correction of one case changes exactly what that case was counted in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, insert, select

from registry.domain.indicators import rounded
from registry.domain.kinds import AreaLevel, FigureSort
from registry.domain.month_counts import Count, tally
from registry.domain.months import Month, read_month
from registry.domain.ranking import Scored, Standing, ranked, streak
from registry.domain.schemes import GroupBy, RankGroup, RowPoints, Scheme, Score, grade_of, score
from registry.services.standard import standard_in_force
from registry.storage.tables import area, asset_class, month_case, month_figure, month_mark, month_standing, unit

DISTRICT_DIGITS, STREET_DIGITS = 6, 9

_SORT_OF = {GroupBy.UNIT: FigureSort.UNIT, GroupBy.DISTRICT: FigureSort.DISTRICT, GroupBy.STREET: FigureSort.STREET}
Marks = Mapping[tuple[str, str], Mapping[str, Decimal]]


@dataclass(slots=True)
class Figure:
    """The counts of one subject, while they are added up."""

    masks: Counter[int] = field(default_factory=Counter)
    handled_s: int = 0
    handled_cases: int = 0

    def add(self, mask: int, cases: int, handled_s: int, handled_cases: int) -> None:
        """Count ``cases`` more cases with that mask."""
        self.masks[mask] += cases
        self.handled_s += handled_s
        self.handled_cases += handled_cases

    @property
    def totals(self) -> dict[Count, int]:
        """How many cases are in each count."""
        return tally(self.masks)


Figures = dict[FigureSort, dict[str, Figure]]


def write_figures(tx: Connection, month: str, revision: int, scheme: Scheme) -> None:
    """Figures and standings of ``revision``, from the cases and the marks as they are now."""
    figures = add_up(tx, month)
    names = _names(tx, figures)
    rows = [
        {
            "month": month,
            "revision": revision,
            "sort": sort.value,
            "subject": subject,
            "name_zh": names[sort, subject][0],
            "name_en": names[sort, subject][1],
            "counts": {count.value: number for count, number in one.totals.items() if number},
            "handled_s": one.handled_s,
            "handled_cases": one.handled_cases,
        }
        for sort, subjects in figures.items()
        for subject, one in subjects.items()
    ]
    tx.execute(insert(month_figure), rows)
    standings = [
        row for group in scheme.groups for row in _standings(tx, month, revision, scheme, group, figures, names)
    ]
    if standings:
        tx.execute(insert(month_standing), standings)


def add_up(tx: Connection, month: str) -> Figures:
    """The cases of the month by city, unit, district, street, class and kind."""
    district = func.substr(month_case.c.area_code, 1, DISTRICT_DIGITS)
    street = func.substr(month_case.c.area_code, 1, STREET_DIGITS)
    by = (month_case.c.mask, month_case.c.unit_id, district, street, month_case.c.class_key, month_case.c.kind)
    sums = (func.count(), func.coalesce(func.sum(month_case.c.handled_s), 0), func.count(month_case.c.handled_s))
    figures: Figures = {sort: defaultdict(Figure) for sort in FigureSort}
    figures[FigureSort.CITY][""] = Figure()
    for mask, unit_id, in_district, in_street, class_key, kind, cases, seconds, handled in tx.execute(
        select(*by, *sums).where(month_case.c.month == month).group_by(*by)
    ):
        subjects = (
            (FigureSort.CITY, ""),
            (FigureSort.UNIT, "" if unit_id is None else str(unit_id)),
            (FigureSort.DISTRICT, in_district),
            (FigureSort.STREET, in_street if len(in_street) == STREET_DIGITS else ""),
            (FigureSort.CLASS, class_key),
            (FigureSort.KIND, kind),
        )
        for sort, subject in subjects:
            figures[sort][subject].add(mask, cases, int(seconds), handled)
    return figures


def marks_of(tx: Connection, month: str) -> dict[tuple[str, str], dict[str, Decimal]]:
    """Points given by hand: (group, subject) → row → points, the newest of each."""
    found: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in tx.execute(select(month_mark).where(month_mark.c.month == month).order_by(month_mark.c.id)):
        found[row.group_key, row.subject][row.row_key] = Decimal(row.points)
    return dict(found)


def members(group: RankGroup, figures: Iterable[str]) -> list[str]:
    """The subjects that are ranked in ``group``: those it names, or everybody who had cases."""
    named = [str(unit_id) for unit_id in group.units] if group.by is GroupBy.UNIT else list(group.areas)
    return sorted(set(named)) if named else sorted(subject for subject in figures if subject)


def _standings(
    tx: Connection,
    month: str,
    revision: int,
    scheme: Scheme,
    group: RankGroup,
    figures: Figures,
    names: Mapping[tuple[FigureSort, str], tuple[str, str]],
) -> list[dict[str, Any]]:
    sort, marks = _SORT_OF[group.by], marks_of(tx, month)
    there = figures[sort]
    scores: dict[str, Score] = {}
    for subject in members(group, there):
        totals = there[subject].totals if subject in there else {}
        scores[subject] = score(scheme, totals, marks.get((group.key, subject)))
    named = {subject: names.get((sort, subject)) or _name_of(tx, sort, subject) for subject in scores}
    shown = [
        Scored(subject=subject, name=named[subject][0], points=rounded(one.exact) if one.ranked else None)
        for subject, one in scores.items()
    ]
    history = _history(tx, group.key, before=month)
    return [
        {
            "month": month,
            "revision": revision,
            "group_key": group.key,
            "subject": one.subject,
            "name_zh": named[one.subject][0],
            "name_en": named[one.subject][1],
            "points": None if one.points is None else str(one.points),
            "place": one.place,
            "streak": _streak(history.get(one.subject, {}), month, one),
            "rows": {row.key: _row_words(row) for row in scores[one.subject].rows},
            **_grade(scheme, one),
        }
        for one in ranked(shown)
    ]


def _grade(scheme: Scheme, one: Standing) -> dict[str, str]:
    grade = None if one.points is None else grade_of(scheme, one.points)
    return {"grade_zh": grade.zh if grade else "", "grade_en": grade.en if grade else ""}


def _row_words(row: RowPoints) -> list[str | None]:
    rate = None if row.rate is None else str(rounded(row.rate * 100))
    return [str(rounded(row.points)), str(row.weight), rate]


def _streak(places: Mapping[Month, int | None], month: str, one: Standing) -> int:
    key = read_month(month)
    return streak({**places, key: one.place}, key)


def _history(tx: Connection, group_key: str, *, before: str) -> dict[str, dict[Month, int | None]]:
    """The places of the group's members in the months before, of the newest revision of each."""
    newest = (
        select(month_standing.c.month, func.max(month_standing.c.revision).label("revision"))
        .where(month_standing.c.group_key == group_key, month_standing.c.month < before)
        .group_by(month_standing.c.month)
        .subquery()
    )
    rows = tx.execute(
        select(month_standing.c.subject, month_standing.c.month, month_standing.c.place)
        .join(
            newest,
            (newest.c.month == month_standing.c.month) & (newest.c.revision == month_standing.c.revision),
        )
        .where(month_standing.c.group_key == group_key, month_standing.c.place == 1)
    )
    found: dict[str, dict[Month, int | None]] = defaultdict(dict)
    for subject, month, place in rows:
        found[subject][read_month(month)] = place
    return found


def _names(tx: Connection, figures: Figures) -> dict[tuple[FigureSort, str], tuple[str, str]]:
    names = {(sort, subject): ("", "") for sort, subjects in figures.items() for subject in subjects}
    for unit_id, zh, en in tx.execute(select(unit.c.id, unit.c.name, unit.c.name_en)):
        names[FigureSort.UNIT, str(unit_id)] = (zh, en)
    levels = {AreaLevel.DISTRICT.value: FigureSort.DISTRICT, AreaLevel.STREET.value: FigureSort.STREET}
    for level, code, zh, en in tx.execute(
        select(area.c.level, area.c.code, area.c.name, area.c.name_en).where(area.c.level.in_(list(levels)))
    ):
        names[levels[level], code] = (zh, en)
    for scheme, code, zh, en in tx.execute(
        select(asset_class.c.scheme, asset_class.c.code, asset_class.c.name_zh, asset_class.c.name_en)
    ):
        names[FigureSort.CLASS, f"{scheme}:{code}"] = (zh, en)
    for line in standard_in_force(tx):
        names[FigureSort.KIND, line.key] = (line.name_zh, line.name_en)
    return names


def _name_of(tx: Connection, sort: FigureSort, subject: str) -> tuple[str, str]:
    """Of one who is ranked and had no case at all."""
    if sort is FigureSort.UNIT:
        row = tx.execute(select(unit.c.name, unit.c.name_en).where(unit.c.id == int(subject))).one_or_none()
    else:
        row = tx.execute(select(area.c.name, area.c.name_en).where(area.c.code == subject)).first()
    return (subject, subject) if row is None else (row[0], row[1])
