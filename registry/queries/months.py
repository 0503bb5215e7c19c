"""Closed months: their figures, standings and the cases behind each. Reads what was frozen, never the cases' clocks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, and_, func, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import AwardState, CorrectionKind, FigureSort, MonthState, Stage
from registry.domain.month_counts import Count, bit_of, counts_of
from registry.domain.schemes import AwardKind, Scheme
from registry.queries.paging import Page, decode, page_of
from registry.shapes import shaped
from registry.storage.database import reading
from registry.storage.tables import (
    asset,
    case,
    month,
    month_case,
    month_correction,
    month_figure,
    month_mark,
    month_standing,
    score_scheme,
    unit,
    unit_award,
    user,
)


class MonthRow(msgspec.Struct, frozen=True, kw_only=True):
    """A month as it stands. ``seen`` of ``total`` cases were looked at while it is counted."""

    key: str
    state: MonthState
    revision: int
    published_revision: int | None
    cases: int
    total: int
    problem: str
    scheme_key: str
    scheme_version: int
    scheme_zh: str
    scheme_en: str
    asked_at: datetime
    asked_by: int | None
    asked_by_name: str | None
    closed_at: datetime | None
    approved_at: datetime | None
    approved_by_name: str | None
    published_at: datetime | None
    published_by_name: str | None
    version: int

    @property
    def frozen(self) -> bool:
        """Whether it has figures."""
        return self.revision > 0

    @property
    def running(self) -> bool:
        """Whether it waits for the worker or is being counted."""
        return self.state in (MonthState.WAITING, MonthState.COUNTING)


class FigureRow(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one subject; those that are missing are 0."""

    sort: FigureSort
    subject: str
    name_zh: str
    name_en: str
    counts: dict[Count, int]
    handled_s: int
    handled_cases: int


class StandingRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's place. ``rows``: {row of the scheme: [points, weight, rate in percent or null]}, decimals as text."""

    group_key: str
    subject: str
    name_zh: str
    name_en: str
    points: str | None
    place: int | None
    grade_zh: str
    grade_en: str
    streak: int
    rows: dict[str, list[str | None]]


class MonthCaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a month, and all the counts it is in."""

    case_id: int
    number: str
    kind: str
    stage: Stage
    asset_name: str
    road: str
    area_code: str
    unit_id: int | None
    unit_name: str | None
    opened_at: datetime
    deadline_at: datetime
    handed_back_at: datetime | None
    ended_at: datetime | None
    counts: list[Count]


class CorrectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was put right, by whom and why. ``gone``, ``come``: counts that the case left and joined."""

    id: int
    revision: int
    kind: CorrectionKind
    case_id: int
    number: str
    reason: str
    gone: list[Count]
    come: list[Count]
    unit_before: str | None
    unit_after: str | None
    at: datetime
    by_name: str


class MarkRow(msgspec.Struct, frozen=True, kw_only=True):
    """Points that were given by hand."""

    id: int
    revision: int
    group_key: str
    subject: str
    row_key: str
    points: str
    reason: str
    at: datetime
    by_name: str


class AwardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the reward-and-penalty ledger. ``amount_fen``: money in fen (100 are one yuan)."""

    id: int
    month: str | None
    kind: AwardKind
    state: AwardState
    unit_id: int | None
    name: str
    case_id: int | None
    number: str | None
    amount_fen: int
    reason: str
    proposed_at: datetime
    proposed_by: int | None
    proposed_by_name: str | None
    decided_at: datetime | None
    decided_by_name: str | None
    note: str
    version: int


def list_months(engine: Engine, *, published: bool = False, limit: int = 120) -> list[MonthRow]:
    """The newest months first. ``published``: only what everybody may see."""
    query = _months().order_by(month.c.key.desc()).limit(limit)
    if published:
        query = query.where(month.c.published_revision.is_not(None))
    with reading(engine) as tx:
        return [_month_row(row) for row in tx.execute(query)]


def find_month(engine: Engine, key: str, *, published: bool = False) -> MonthRow:
    """Raises ``NotFound``; with ``published`` also for a month that nobody has published."""
    with reading(engine) as tx:
        row = tx.execute(_months().where(month.c.key == key)).one_or_none()
    if row is None or (published and row.published_revision is None):
        raise NotFound("month", key)
    return _month_row(row)


def month_scheme(engine: Engine, row: MonthRow) -> Scheme:
    """The very version that the month was scored with."""
    here = (score_scheme.c.key == row.scheme_key, score_scheme.c.version == row.scheme_version)
    with reading(engine) as tx:
        return shaped(tx.execute(select(score_scheme.c.body).where(*here)).scalar_one(), Scheme)


def figures_of(tx: Connection, key: str, revision: int) -> list[FigureRow]:
    """All figures of a revision."""
    query = select(month_figure).where(month_figure.c.month == key, month_figure.c.revision == revision)
    return [
        FigureRow(
            sort=FigureSort(row.sort),
            subject=row.subject,
            name_zh=row.name_zh,
            name_en=row.name_en,
            counts={Count(count): number for count, number in row.counts.items()},
            handled_s=int(row.handled_s),
            handled_cases=row.handled_cases,
        )
        for row in tx.execute(query.order_by(month_figure.c.sort, month_figure.c.subject))
    ]


def city_totals(tx: Connection, key: str) -> dict[Count, int] | None:
    """The city's counts of a month as they stand; None for a month that has none."""
    query = (
        select(month_figure.c.counts)
        .join(month, and_(month.c.key == month_figure.c.month, month.c.revision == month_figure.c.revision))
        .where(month.c.key == key, month_figure.c.sort == FigureSort.CITY.value)
    )
    found = tx.execute(query).scalar_one_or_none()
    return None if found is None else {Count(count): number for count, number in found.items()}


def standings_of(tx: Connection, key: str, revision: int) -> list[StandingRow]:
    """All groups of a revision, the best of each first."""
    query = select(month_standing).where(month_standing.c.month == key, month_standing.c.revision == revision)
    rows = [
        StandingRow(
            group_key=row.group_key,
            subject=row.subject,
            name_zh=row.name_zh,
            name_en=row.name_en,
            points=row.points,
            place=row.place,
            grade_zh=row.grade_zh,
            grade_en=row.grade_en,
            streak=row.streak,
            rows=row.rows,
        )
        for row in tx.execute(query)
    ]
    return sorted(rows, key=lambda row: (row.group_key, row.place is None, row.place or 0, row.subject))


def places_of(tx: Connection, key: str) -> dict[tuple[str, str], tuple[int | None, str | None]]:
    """(group, subject) → (place, points) of a month as it stands; empty for a month that has none."""
    query = (
        select(month_standing.c.group_key, month_standing.c.subject, month_standing.c.place, month_standing.c.points)
        .join(month, and_(month.c.key == month_standing.c.month, month.c.revision == month_standing.c.revision))
        .where(month.c.key == key)
    )
    return {(group, subject): (place, points) for group, subject, place, points in tx.execute(query)}


def month_cases(
    engine: Engine,
    key: str,
    *,
    count: Count | None = None,
    sort: FigureSort = FigureSort.CITY,
    subject: str = "",
    limit: int = 50,
    after: str = "",
    within: str = "",
) -> Page[MonthCaseRow]:
    """The cases that make a figure up, in the order of their numbers. ``within``: only areas that begin so.

    As they are counted now; a figure of an earlier revision is told by the corrections since. Raises ``InvalidInput``.
    """
    query = cases_query(key, count=count, sort=sort, subject=subject, after=after).limit(limit + 1)
    if within:
        query = query.where(func.substr(month_case.c.area_code, 1, len(within)) == within)
    with reading(engine) as tx:
        rows = [_case_row(row) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.case_id,))


def cases_query(key: str, *, count: Count | None, sort: FigureSort, subject: str, after: str = "") -> Select[Any]:
    """The statement behind ``month_cases``, without its limit. Raises ``InvalidInput``."""
    joined = (
        month_case.join(case, case.c.id == month_case.c.case_id)
        .outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(unit, unit.c.id == month_case.c.unit_id)
    )
    query = (
        select(
            case,
            month_case.c.mask,
            month_case.c.area_code.label("counted_in"),
            month_case.c.unit_id.label("counted_unit_id"),
            func.coalesce(asset.c.name, case.c.place).label("asset_name"),
            func.coalesce(asset.c.road, "").label("road"),
            unit.c.name.label("unit_name"),
        )
        .select_from(joined)
        .where(month_case.c.month == key)
        .order_by(month_case.c.case_id)
    )
    if count is not None:
        query = query.where(month_case.c.mask.op("&")(bit_of(count)) != 0)
    else:
        query = query.where(month_case.c.mask != 0)
    if after:
        query = query.where(month_case.c.case_id > decode(after, int)[0])
    return query.where(*_of_subject(sort, subject))


def corrections(engine: Engine, key: str) -> list[CorrectionRow]:
    """What was put right in the month, the newest first."""
    query = (
        select(month_correction, case.c.number, user.c.name.label("by_name"))
        .join(case, case.c.id == month_correction.c.case_id)
        .join(user, user.c.id == month_correction.c.by_user_id)
        .where(month_correction.c.month == key)
        .order_by(month_correction.c.id.desc())
        .limit(500)
    )
    with reading(engine) as tx:
        names = {row.id: row.name for row in tx.execute(select(unit.c.id, unit.c.name))}
        return [_correction_row(row, names) for row in tx.execute(query)]


def marks(engine: Engine, key: str) -> list[MarkRow]:
    """Points given by hand in the month, the newest first."""
    query = (
        select(month_mark, user.c.name.label("by_name"))
        .join(user, user.c.id == month_mark.c.by_user_id)
        .where(month_mark.c.month == key)
        .order_by(month_mark.c.id.desc())
        .limit(500)
    )
    with reading(engine) as tx:
        return [
            MarkRow(**{name: getattr(row, name) for name in MarkRow.__struct_fields__}) for row in tx.execute(query)
        ]


def awards(
    engine: Engine, *, state: AwardState | None = None, month_key: str = "", limit: int = 50, after: str = ""
) -> Page[AwardRow]:
    """The ledger, the newest line first."""
    proposer, decider = user.alias(), user.alias()
    query = (
        select(
            unit_award,
            case.c.number,
            proposer.c.name.label("proposed_by_name"),
            decider.c.name.label("decided_by_name"),
        )
        .outerjoin(case, case.c.id == unit_award.c.case_id)
        .outerjoin(proposer, proposer.c.id == unit_award.c.proposed_by)
        .outerjoin(decider, decider.c.id == unit_award.c.decided_by)
        .order_by(unit_award.c.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(unit_award.c.state == state.value)
    if month_key:
        query = query.where(unit_award.c.month == month_key)
    if after:
        query = query.where(unit_award.c.id < decode(after, int)[0])
    with reading(engine) as tx:
        rows = [_award_row(row) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def _award_row(row: Row[Any]) -> AwardRow:
    plain = {name: getattr(row, name) for name in AwardRow.__struct_fields__}
    return AwardRow(**plain | {"kind": AwardKind(row.kind), "state": AwardState(row.state)})


def _of_subject(sort: FigureSort, subject: str) -> list[Any]:
    if sort is FigureSort.CITY:
        return []
    if sort is FigureSort.UNIT:
        if subject and not subject.isdigit():
            raise InvalidInput("subject", "{given!r} is no number of a unit", given=subject)
        return [month_case.c.unit_id == int(subject) if subject else month_case.c.unit_id.is_(None)]
    if sort is FigureSort.CLASS:
        return [month_case.c.class_key == subject]
    if sort is FigureSort.KIND:
        return [month_case.c.kind == subject]
    digits = 6 if sort is FigureSort.DISTRICT else 9
    return [func.substr(month_case.c.area_code, 1, digits) == subject]


def _months() -> Select[Any]:
    asked, approved, published = user.alias(), user.alias(), user.alias()
    scheme = and_(score_scheme.c.key == month.c.scheme_key, score_scheme.c.version == month.c.scheme_version)
    return (
        select(
            month,
            score_scheme.c.body,
            asked.c.name.label("asked_by_name"),
            approved.c.name.label("approved_by_name"),
            published.c.name.label("published_by_name"),
        )
        .join(score_scheme, scheme)
        .outerjoin(asked, asked.c.id == month.c.asked_by)
        .outerjoin(approved, approved.c.id == month.c.approved_by)
        .outerjoin(published, published.c.id == month.c.published_by)
    )


def _month_row(row: Row[Any]) -> MonthRow:
    names = [name for name in MonthRow.__struct_fields__ if name not in ("state", "scheme_zh", "scheme_en")]
    return MonthRow(
        **{name: getattr(row, name) for name in names},
        state=MonthState(row.state),
        scheme_zh=row.body["name_zh"],
        scheme_en=row.body["name_en"],
    )


def _case_row(row: Row[Any]) -> MonthCaseRow:
    return MonthCaseRow(
        case_id=row.id,
        number=row.number,
        kind=row.kind,
        stage=Stage(row.stage),
        asset_name=row.asset_name,
        road=row.road,
        area_code=row.counted_in,
        unit_id=row.counted_unit_id,
        unit_name=row.unit_name,
        opened_at=row.opened_at,
        deadline_at=row.deadline_at,
        handed_back_at=row.handed_back_at,
        ended_at=row.ended_at,
        counts=_in_order(row.mask),
    )


def _in_order(mask: int) -> list[Count]:
    found = counts_of(mask)
    return [count for count in Count if count in found]


def _correction_row(row: Row[Any], units: Mapping[int, str]) -> CorrectionRow:
    before, after = int(row.before.get("mask", 0)), int(row.after.get("mask", 0))
    unit_before, unit_after = row.before.get("unit_id"), row.after.get("unit_id")
    return CorrectionRow(
        id=row.id,
        revision=row.revision,
        kind=CorrectionKind(row.kind),
        case_id=row.case_id,
        number=row.number,
        reason=row.reason,
        gone=_in_order(before & ~after),
        come=_in_order(after & ~before),
        unit_before=None if unit_before == unit_after else units.get(unit_before),
        unit_after=None if unit_before == unit_after else units.get(unit_after),
        at=row.at,
        by_name=row.by_name,
    )
