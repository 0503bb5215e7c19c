"""Reading cases: lists, one file with its story, a crew's tasks, what a citizen hears back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Select, String, and_, bindparam, func, or_, select, true

from registry.domain.case_moves import CaseState
from registry.domain.case_telling import TELLING
from registry.domain.kinds import Role, Severity, Stage
from registry.domain.moves import MoveName
from registry.queries.alerts import AlertRow, alert_row, alerts_of
from registry.queries.case_finding import CaseFilter, find_cases, within
from registry.queries.case_marks import Mark, marks_of
from registry.queries.case_requests import requests_of, tasks_of
from registry.queries.case_views import (
    CaseFile,
    CasePhoto,
    CaseReport,
    CaseRow,
    CrewMember,
    Entry,
    ReportStatus,
)
from registry.queries.paging import Page, check_limit, decode_id, encode
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.stories import lines_of, story_of
from registry.storage.tables import asset, asset_class, case, entry, photo, report, unit, user

__all__ = [
    "MOST_TASKS",
    "CaseFile",
    "CasePhoto",
    "CaseReport",
    "CaseRow",
    "CrewMember",
    "Entry",
    "ReportStatus",
    "case_file",
    "case_of_number",
    "case_state",
    "case_states",
    "case_with_state",
    "cases_by_id",
    "crew_members",
    "list_cases",
    "my_tasks",
    "report_status",
]

_TELLING = frozenset(TELLING)
_TASK_STAGES = (Stage.DISPATCHED, Stage.IN_HAND)
MOST_TASKS = 200
_LONGEST_SEARCH = 120
_MOST_ALERTS = 100


def list_cases(
    engine: Engine,
    *,
    stage: Stage | None = None,
    open_only: bool = False,
    running: bool = False,
    severity: int | None = None,
    kind: str | None = None,
    assignee_id: int | None = None,
    asset_id: int | None = None,
    overdue: bool | None = None,
    due_after: datetime | None = None,
    due_by: datetime | None = None,
    opened_since: datetime | None = None,
    ended_since: datetime | None = None,
    q: str | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[CaseRow]:
    """Cases within the area ``scope``, the newest first.

    ``q`` matches the beginning of the number, of the asset's code, name or road, and of a place in words. ``overdue``
    is about the mark that the worker sets within seconds of the deadline; the times and ``running`` are those of
    ``CaseFilter``. A page of something rare can be short and still have a next one (``case_finding``). Raises
    ``InvalidInput``.
    """
    wanted = CaseFilter(
        stage=None if stage is None else Stage(stage),
        open_only=open_only,
        running=running,
        severity=None if severity is None else Severity(severity),
        kind=kind,
        assignee_id=assignee_id,
        asset_id=asset_id,
        overdue=overdue,
        due_after=due_after,
        due_by=due_by,
        opened_since=opened_since,
        ended_since=ended_since,
        q=(q or "").strip()[:_LONGEST_SEARCH],
        scope=scope,
    )
    below = None if after is None else decode_id(after)
    with reading(engine) as tx:
        found = find_cases(tx, wanted, after=below, limit=check_limit(limit))
        statement = _rows().where(case.c.id.in_(found.ids)).order_by(case.c.id.desc())
        rows = [_case_row(row) for row in tx.execute(statement)] if found.ids else []
    return Page(items=rows, next=None if found.next is None else encode(found.next))


def case_file(engine: Engine, case_id: int) -> CaseFile | None:
    """One case with its story, or None: a few statements, however long the story is; its newest alerts only."""
    with reading(engine) as tx:
        found = case_with_state(tx, case_id, marks_of(tx, case_id))
    return None if found is None else found[0]


def case_with_state(
    records: Engine | Connection, case_id: int, marks: frozenset[Mark]
) -> tuple[CaseFile, CaseState] | None:
    """One case with its story, and as far as moves care; ``marks`` (``marks_of``) says what else there is of it."""
    with reading(records) as tx:
        row = tx.execute(_one_row(), {"of_id": case_id}).one_or_none()
        if row is None:
            return None
        lines = tx.execute(_timeline(), {"of_id": case_id}).all()
        file = as_view(
            row._mapping,
            CaseFile,
            overdue=row.overdue_at is not None,
            entries=_entries(tx, lines),
            photos=_photos(tx, case_id) if Mark.PHOTO in marks else [],
            # the case of a storm has hundreds: its group's page shows them all
            alerts=_alerts(tx, case_id) if Mark.ALERT in marks else [],
            reports=_reports(tx, case_id) if Mark.REPORT in marks else [],
            tasks=tasks_of(tx, case_id) if Mark.TASK in marks else [],
            requests=requests_of(tx, case_id) if Mark.REQUEST in marks else [],
            merged_into_number=_number_of(tx, row.merged_into_id),
        )
    return file, _state(row, [line for line in lines if line.move in _TELLING])


def my_tasks(engine: Engine, user_id: int, *, scope: str = "", most: int = MOST_TASKS) -> list[CaseRow]:
    """What a crew member has to do, worst first: their own, their unit's that nobody took, and what nobody has.

    ``scope`` is the area that they are bound to.
    """
    my_unit = select(user.c.unit_id).where(user.c.id == user_id).scalar_subquery()
    nobodys = case.c.assignee_id.is_(None)
    mine = or_(
        case.c.assignee_id == user_id,
        and_(nobodys, case.c.unit_id == my_unit),
        and_(nobodys, case.c.unit_id.is_(None), case.c.stage == Stage.DISPATCHED),
    )
    order = (case.c.severity.desc(), case.c.deadline_at, case.c.id)
    inside = (within(scope),) if scope else ()
    statement = _rows().where(case.c.stage.in_(_TASK_STAGES), mine, *inside).order_by(*order).limit(most)
    with reading(engine) as tx:
        return [_case_row(row) for row in tx.execute(statement)]


def cases_by_id(engine: Engine, ids: Iterable[int]) -> list[CaseRow]:
    """The cases of those ids, worst first; a few hundred at most."""
    statement = _rows().where(case.c.id.in_(list(ids))).order_by(case.c.severity.desc(), case.c.deadline_at, case.c.id)
    with reading(engine) as tx:
        return [_case_row(row) for row in tx.execute(statement)]


def report_status(engine: Engine, key: str) -> ReportStatus | None:
    """How far the case of a citizen's report is, or None for a key that nobody was given."""
    filed = select(func.max(entry.c.at)).where(entry.c.case_id == case.c.id, entry.c.move == MoveName.FILE)
    statement = (
        select(
            report.c.at,
            report.c.text,
            case.c.number,
            case.c.stage,
            case.c.dispatched_at,
            case.c.handed_back_at,
            case.c.ended_at,
            filed.scalar_subquery().label("filed_at"),
            func.coalesce(asset.c.road, case.c.place).label("road"),
            func.coalesce(asset_class.c.name_zh, "").label("asset_class_zh"),
            func.coalesce(asset_class.c.name_en, "").label("asset_class_en"),
        )
        .select_from(
            report.join(case, case.c.id == report.c.case_id)
            .outerjoin(asset, asset.c.id == report.c.asset_id)
            .outerjoin(
                asset_class, and_(asset_class.c.scheme == asset.c.scheme, asset_class.c.code == asset.c.class_code)
            )
        )
        .where(report.c.key == key)
    )
    with reading(engine) as tx:
        row = tx.execute(statement).one_or_none()
    return None if row is None else as_view(row._mapping, ReportStatus)


def crew_members(records: Engine | Connection, *, to: str | None = None) -> list[CrewMember]:
    """The people who can be sent, by unit and name, with how many open cases each has.

    ``to`` is the area of the thing they are to be sent to: who is bound to another one is left out.
    """
    statement, given = (_crew(), {}) if to is None else (_crew_bound(), {"to": to})
    with reading(records) as tx:
        return [as_view(row._mapping, CrewMember) for row in tx.execute(statement, given)]


@cache
def _crew() -> Select[Any]:
    has = select(func.count()).where(case.c.assignee_id == user.c.id, case.c.stage.in_(_TASK_STAGES))
    return (
        select(
            user.c.id.label("user_id"),
            user.c.name,
            user.c.unit_id,
            unit.c.name.label("unit_name"),
            has.scalar_subquery().label("open_cases"),
        )
        .select_from(user.outerjoin(unit, unit.c.id == user.c.unit_id))
        .where(user.c.role == Role.CREW, user.c.active == true())
        .order_by(unit.c.name, user.c.name, user.c.id)
    )


@cache
def _crew_bound() -> Select[Any]:
    bound = func.substr(bindparam("to", type_=String), 1, func.length(user.c.area_code)) == user.c.area_code
    return _crew().where(bound)


@cache
def _one_row() -> Select[Any]:
    return _rows().where(case.c.id == bindparam("of_id"))


@cache
def _timeline() -> Select[Any]:
    return (
        select(entry, user.c.name.label("by_name"))
        .select_from(entry.outerjoin(user, user.c.id == entry.c.by_user_id))
        .where(entry.c.case_id == bindparam("of_id"))
        .order_by(entry.c.id)
    )


@cache
def _rows() -> Select[Any]:
    tables = (
        case.outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(user, user.c.id == case.c.assignee_id)
        .outerjoin(unit, unit.c.id == case.c.unit_id)
    )
    kept = [column for column in case.c if column.name not in ("lon", "lat", "area_code")]
    return select(
        *kept,
        func.coalesce(asset.c.name, case.c.place).label("asset_name"),
        func.coalesce(asset.c.code, "").label("asset_code"),
        func.coalesce(asset.c.road, "").label("road"),
        func.coalesce(asset.c.lon, case.c.lon).label("lon"),
        func.coalesce(asset.c.lat, case.c.lat).label("lat"),
        case.c.lies_in.label("area_code"),
        user.c.name.label("assignee_name"),
        unit.c.name.label("unit_name"),
    ).select_from(tables)


def _case_row(row: Any) -> CaseRow:
    return as_view(row._mapping, CaseRow, overdue=row.overdue_at is not None)


def _entries(tx: Connection, rows: Sequence[Any]) -> list[Entry]:
    names = _names_in(tx, [row.detail for row in rows])
    found = []
    for row in rows:
        detail = dict(row.detail)
        for key, shown in (("assignee_id", "assignee_name"), ("unit_id", "unit_name")):
            if detail.get(key) is not None:
                detail[shown] = names.get((key, detail[key]), "")
        found.append(as_view(row._mapping, Entry, detail=detail))
    return found


def _names_in(tx: Connection, details: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    """Names of the people and units that entries mention by id."""
    names: dict[tuple[str, int], str] = {}
    for key, table in (("assignee_id", user), ("unit_id", unit)):
        ids = {detail[key] for detail in details if detail.get(key) is not None}
        if ids:
            rows = tx.execute(select(table.c.id, table.c.name).where(table.c.id.in_(ids)))
            names |= {(key, row.id): row.name for row in rows}
    return names


def _number_of(tx: Connection, case_id: int | None) -> str | None:
    return None if case_id is None else tx.scalar(select(case.c.number).where(case.c.id == case_id))


def case_of_number(engine: Engine, number: str) -> int | None:
    """The id of the case of that number."""
    with reading(engine) as tx:
        return tx.scalar(select(case.c.id).where(case.c.number == number))


def case_state(engine: Engine, case_id: int) -> CaseState | None:
    """A case as far as moves care, for what a page may offer; None for none."""
    with reading(engine) as tx:
        row = tx.execute(select(case).where(case.c.id == case_id)).one_or_none()
        return None if row is None else _state(row, _telling(tx, [case_id]).get(case_id, ()))


def case_states(engine: Engine, case_ids: Sequence[int]) -> dict[int, CaseState]:
    """The same of several cases, by id."""
    with reading(engine) as tx:
        rows = tx.execute(select(case).where(case.c.id.in_(case_ids))).all()
        told = _telling(tx, case_ids)
    return {row.id: _state(row, told.get(row.id, ())) for row in rows}


def _telling(tx: Connection, case_ids: Sequence[int]) -> dict[int, list[Any]]:
    """What moves go by in the timelines of cases, the oldest line first."""
    told: dict[int, list[Any]] = {}
    lines = select(entry).where(entry.c.case_id.in_(case_ids), entry.c.move.in_(TELLING)).order_by(entry.c.id)
    for line in tx.execute(lines):
        told.setdefault(line.case_id, []).append(line)
    return told


def _state(row: Any, lines: Sequence[Any]) -> CaseState:
    story = story_of(row, lines_of(lines))
    return CaseState(id=row.id, number=row.number, kind=row.kind, version=row.version, story=story)


def _alerts(tx: Connection, case_id: int) -> list[AlertRow]:
    return [alert_row(row) for row in tx.execute(alerts_of(case_id).limit(_MOST_ALERTS))]


def _photos(tx: Connection, case_id: int) -> list[CasePhoto]:
    rows = tx.execute(
        select(photo, user.c.name.label("taken_by_name"))
        .select_from(photo.outerjoin(user, user.c.id == photo.c.taken_by))
        .where(photo.c.case_id == case_id)
        .order_by(photo.c.id)
    )
    return [as_view(row._mapping, CasePhoto) for row in rows]


def _reports(tx: Connection, case_id: int) -> list[CaseReport]:
    rows = tx.execute(select(report).where(report.c.case_id == case_id).order_by(report.c.id))
    return [as_view(row._mapping, CaseReport) for row in rows]
