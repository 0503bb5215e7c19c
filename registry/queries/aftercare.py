"""Reading what goes beyond single cases: settings, rechecks, inspections, repeats, typical cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, or_, select

from registry.domain.aftercare import EVERY_KIND, SHIPPED, Aftercare, Likeness
from registry.domain.errors import NotFound
from registry.domain.kinds import InspectionResult, InspectionState, RecheckState, Severity, Stage
from registry.queries.asset_filters import digits_begin
from registry.queries.case_marks import Mark
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import read_row
from registry.services.aftercare import own_lines
from registry.storage.database import reading
from registry.storage.tables import (
    asset,
    case,
    case_repeat,
    inspection,
    inspection_item,
    recheck,
    supervision_item,
    typical_case,
    unit,
    user,
)

_MOST_DUE = 200


class AftercareLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is done after cases of a kind; ``own``: the city changed it, ``shipped``: there is a line to go back to."""

    line: Aftercare
    own: bool
    shipped: bool


class OfCase(msgspec.Struct, frozen=True, kw_only=True):
    """The case that something is about."""

    case_id: int
    number: str
    kind: str
    asset_id: int | None
    asset_name: str
    road: str
    unit_name: str | None


class RecheckRow(OfCase, frozen=True, kw_only=True):
    """A look at a closed case. ``times``: how many in a row have to find it stable."""

    id: int
    turn: int
    times: int
    state: RecheckState
    due_at: datetime
    done_at: datetime | None
    done_by_name: str | None
    note: str
    photo_ids: list[int]
    ended_at: datetime | None
    handed_back_by: int | None
    lon: float | None
    lat: float | None


class InspectionRow(OfCase, frozen=True, kw_only=True):
    """An inspection, and how far it is. ``cut``: more were alike than the list may hold."""

    id: int
    unit_id: int | None
    state: InspectionState
    gate: bool
    likes: list[Likeness]
    opened_at: datetime
    due_at: datetime
    ended_at: datetime | None
    note: str
    cut: bool
    items: int
    looked: int
    wrong: int


class InspectionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of an inspection, and what was found there."""

    asset_id: int
    asset_name: str
    code: str
    road: str
    likes: list[Likeness]
    result: InspectionResult
    note: str
    case_id: int | None
    case_number: str | None
    looked_at: datetime | None
    looked_by_name: str | None
    lon: float
    lat: float


class InspectionFile(InspectionRow, frozen=True, kw_only=True):
    """An inspection with its list, those that wait first."""

    lines: list[InspectionItem]


class RepeatRow(OfCase, frozen=True, kw_only=True):
    """A case that happened again. ``gap_s``: seconds between the end of the earlier one and this one's beginning."""

    stage: Stage
    severity: Severity
    opened_at: datetime
    earlier_case_id: int
    earlier_number: str
    earlier_ended_at: datetime
    gap_s: float
    same_asset: bool
    distance_m: float | None
    found_at: datetime
    cause: str
    measure: str
    unit_id: int | None
    measure_by: datetime | None
    answered_at: datetime | None
    answered_by_name: str | None
    done_at: datetime | None
    late: bool
    version: int


class TypicalRow(OfCase, frozen=True, kw_only=True):
    """A typical case as it stands in its quarter's digest. ``ended_at`` None: it was opened again since."""

    quarter: str
    title: str
    lesson: str
    opened_at: datetime
    ended_at: datetime | None
    marked_at: datetime
    marked_by_name: str | None


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside one case on its page: all of it that there is."""

    item_id: int | None
    rechecks: list[RecheckRow]
    inspection: InspectionRow | None
    repeat: RepeatRow | None
    typical: TypicalRow | None


def aftercare_lines(engine: Engine) -> list[AftercareLine]:
    """The settings: what holds for every kind first, then the kinds with a line of their own."""
    shipped = {line.kind: line for line in SHIPPED}
    with reading(engine) as tx:
        own = {line.kind: line for line in own_lines(tx)}
    kinds = sorted(shipped | own, key=lambda kind: (kind != EVERY_KIND, kind))
    return [
        AftercareLine(line=own.get(kind, shipped.get(kind, Aftercare())), own=kind in own, shipped=kind in shipped)
        for kind in kinds
    ]


def due_rechecks(engine: Engine, *, now: datetime, ahead: datetime | None = None, scope: str = "") -> list[RecheckRow]:
    """The looks that are due until ``ahead`` (default: now), the longest waiting first; at most 200."""
    due = (recheck.c.state == RecheckState.DUE.value, recheck.c.due_at <= (ahead or now))
    query = _rechecks().where(*due, *_within(recheck.c.area_code, scope)).order_by(recheck.c.due_at).limit(_MOST_DUE)
    with reading(engine) as tx:
        return [read_row(row, RecheckRow) for row in tx.execute(query)]


def list_rechecks(
    engine: Engine,
    *,
    state: RecheckState | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[RecheckRow]:
    """All looks, the newest first."""
    conditions = _within(recheck.c.area_code, scope)
    if state is not None:
        conditions.append(recheck.c.state == state.value)
    if after is not None:
        conditions.append(recheck.c.id < decode_id(after))
    query = _rechecks().where(*conditions).order_by(recheck.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [read_row(row, RecheckRow) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def one_recheck(engine: Engine, recheck_id: int) -> RecheckRow:
    """One look. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_rechecks().where(recheck.c.id == recheck_id)).one_or_none()
    if row is None:
        raise NotFound("recheck", recheck_id)
    return read_row(row, RecheckRow)


def list_inspections(
    engine: Engine,
    *,
    state: InspectionState | None = None,
    unit_id: int | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[InspectionRow]:
    """Inspections, the newest first."""
    conditions = _within(inspection.c.area_code, scope)
    if state is not None:
        conditions.append(inspection.c.state == state.value)
    if unit_id is not None:
        conditions.append(inspection.c.unit_id == unit_id)
    if after is not None:
        conditions.append(inspection.c.id < decode_id(after))
    query = _inspections().where(*conditions).order_by(inspection.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [read_row(row, InspectionRow) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def inspection_file(engine: Engine, inspection_id: int) -> InspectionFile:
    """One inspection with its list. Raises ``NotFound``."""
    linked = case.alias("linked")
    waiting = inspection_item.c.result == InspectionResult.WAITING.value
    query = (
        select(
            inspection_item,
            asset.c.name.label("asset_name"),
            asset.c.code,
            asset.c.road,
            asset.c.lon,
            asset.c.lat,
            linked.c.number.label("case_number"),
            user.c.name.label("looked_by_name"),
        )
        .select_from(
            inspection_item.join(asset, asset.c.id == inspection_item.c.asset_id)
            .outerjoin(linked, linked.c.id == inspection_item.c.case_id)
            .outerjoin(user, user.c.id == inspection_item.c.looked_by)
        )
        .where(inspection_item.c.inspection_id == inspection_id)
        .order_by(waiting.desc(), asset.c.road, asset.c.name, asset.c.id)
    )
    with reading(engine) as tx:
        row = tx.execute(_inspections().where(inspection.c.id == inspection_id)).one_or_none()
        if row is None:
            raise NotFound("inspection", inspection_id)
        lines = [read_row(each, InspectionItem) for each in tx.execute(query)]
    return read_row(row, InspectionFile, lines=lines)


def list_repeats(
    engine: Engine,
    *,
    now: datetime,
    state: str = "",
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[RepeatRow]:
    """Repeats, the newest first. ``state``: ``open`` (no cause named), ``answered`` (measure under way), ``done``."""
    columns = case_repeat.c
    conditions = _within(columns.area_code, scope)
    conditions += {
        "open": [columns.answered_at.is_(None)],
        "answered": [columns.answered_at.is_not(None), columns.done_at.is_(None)],
        "done": [columns.done_at.is_not(None)],
    }.get(state, [])
    if after is not None:
        conditions.append(columns.case_id < decode_id(after))
    query = _repeats().where(*conditions).order_by(columns.case_id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [_repeat_row(row, now) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.case_id,))


def one_repeat(engine: Engine, case_id: int, *, now: datetime) -> RepeatRow:
    """One repeat. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_repeats().where(case_repeat.c.case_id == case_id)).one_or_none()
    if row is None:
        raise NotFound("repeat", case_id)
    return _repeat_row(row, now)


def digest(engine: Engine, quarter: str, *, scope: str = "") -> list[TypicalRow]:
    """The typical cases of a quarter, in the order in which they were marked."""
    query = (
        _typical().where(typical_case.c.quarter == quarter).order_by(typical_case.c.marked_at, typical_case.c.case_id)
    )
    if scope:
        query = query.where(or_(digits_begin(asset.c.area_code, scope), digits_begin(case.c.area_code, scope)))
    with reading(engine) as tx:
        return [read_row(row, TypicalRow) for row in tx.execute(query)]


def beyond_case(
    records: Engine | Connection, case_id: int, *, now: datetime, marks: frozenset[Mark] = frozenset(Mark)
) -> Beyond:
    """What goes beyond one case, for its page; ``item_id`` is its newest item in the ledger of supervision.

    Only what is among ``marks`` (``marks_of``) is asked.
    """
    item_id = listed = again = typical = None
    looks: Sequence[Any] = ()
    with reading(records) as tx:
        if Mark.SUPERVISION in marks:
            item_id = tx.scalar(select(func.max(supervision_item.c.id)).where(supervision_item.c.case_id == case_id))
        if Mark.RECHECK in marks:
            looks = tx.execute(_rechecks().where(recheck.c.case_id == case_id).order_by(recheck.c.id)).all()
        if Mark.INSPECTION in marks:
            listed = tx.execute(_inspections().where(inspection.c.case_id == case_id)).one_or_none()
        if Mark.REPEAT in marks:
            again = tx.execute(_repeats().where(case_repeat.c.case_id == case_id)).one_or_none()
        if Mark.TYPICAL in marks:
            typical = tx.execute(_typical().where(typical_case.c.case_id == case_id)).one_or_none()
    return Beyond(
        item_id=item_id,
        rechecks=[read_row(row, RecheckRow) for row in looks],
        inspection=None if listed is None else read_row(listed, InspectionRow),
        repeat=None if again is None else _repeat_row(again, now),
        typical=None if typical is None else read_row(typical, TypicalRow),
    )


def _within(column: Any, scope: str) -> list[ColumnElement[bool]]:
    return [digits_begin(column, scope)] if scope else []


def _of_case() -> tuple[Any, ...]:
    return (
        case.c.number,
        case.c.kind,
        case.c.asset_id,
        func.coalesce(asset.c.name, case.c.place).label("asset_name"),
        func.coalesce(asset.c.road, "").label("road"),
        unit.c.name.label("unit_name"),
    )


def _rechecks() -> Select[Any]:
    columns = (case.c.ended_at, case.c.handed_back_by, func.coalesce(asset.c.lon, case.c.lon).label("lon"))
    return select(
        recheck,
        *_of_case(),
        *columns,
        func.coalesce(asset.c.lat, case.c.lat).label("lat"),
        user.c.name.label("done_by_name"),
    ).select_from(
        recheck.join(case, case.c.id == recheck.c.case_id)
        .outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(unit, unit.c.id == recheck.c.unit_id)
        .outerjoin(user, user.c.id == recheck.c.done_by)
    )


def _inspections() -> Select[Any]:
    mine = inspection_item.c.inspection_id == inspection.c.id
    result = inspection_item.c.result
    return select(
        inspection,
        *_of_case(),
        select(func.count()).where(mine).scalar_subquery().label("items"),
        select(func.count()).where(mine, result != InspectionResult.WAITING.value).scalar_subquery().label("looked"),
        select(func.count()).where(mine, result == InspectionResult.WRONG.value).scalar_subquery().label("wrong"),
    ).select_from(
        inspection.join(case, case.c.id == inspection.c.case_id)
        .outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(unit, unit.c.id == inspection.c.unit_id)
    )


def _repeats() -> Select[Any]:
    earlier = case.alias("earlier")
    return select(
        case_repeat,
        *_of_case(),
        case.c.stage,
        case.c.severity,
        case.c.opened_at,
        earlier.c.number.label("earlier_number"),
        earlier.c.ended_at.label("earlier_ended_at"),
        user.c.name.label("answered_by_name"),
    ).select_from(
        case_repeat.join(case, case.c.id == case_repeat.c.case_id)
        .join(earlier, earlier.c.id == case_repeat.c.earlier_case_id)
        .outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(unit, unit.c.id == case_repeat.c.unit_id)
        .outerjoin(user, user.c.id == case_repeat.c.answered_by)
    )


def _repeat_row(row: Any, now: datetime) -> RepeatRow:
    # the earlier one may have been opened again since: then it has no end now
    ended_at = row.earlier_ended_at or row.opened_at
    late = row.measure_by is not None and row.done_at is None and row.measure_by <= now
    gap_s = (row.opened_at - ended_at).total_seconds()
    return read_row(row, RepeatRow, earlier_ended_at=ended_at, gap_s=max(gap_s, 0.0), late=late)


def _typical() -> Select[Any]:
    return select(
        typical_case, *_of_case(), case.c.opened_at, case.c.ended_at, user.c.name.label("marked_by_name")
    ).select_from(
        typical_case.join(case, case.c.id == typical_case.c.case_id)
        .outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(unit, unit.c.id == case.c.unit_id)
        .outerjoin(user, user.c.id == typical_case.c.marked_by)
    )
