"""The queues of units (待处置) and of the dispatch desk (待派遣), sorted by what is due next; and who has how much.

Every count is about what is in hand: dispatched and not handed back, not suspended. A list walks along an index from
the case that is due first, so that its first page costs the same however long the queue is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, not_, or_, select, true
from sqlalchemy import case as when

from registry.domain.case_standard import DESK_LIMITS, Standard, Step
from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import Role, Severity, Source, Stage
from registry.domain.working_time import WORKING_UNITS, Limit, TimeUnit, WorkCalendar, used_time
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode, page_of
from registry.queries.rows import as_view
from registry.services.absences import away_on
from registry.services.dispatch_staff import IN_HAND, seen_last
from registry.services.standard import standard_in_force
from registry.services.work_calendar import work_calendar
from registry.storage.database import reading
from registry.storage.open_cases import IS_AT_DESK, IS_IN_HAND, SECURING
from registry.storage.tables import absence, asset, case, shift_turn, unit, user
from registry.storage.times import from_ms, to_ms


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a queue. ``due_at``: when the next step is due, of ``securing`` (现场围护) or of the whole work.

    ``what`` is the name of the thing, or the place in words of a case without one. ``work_left_h``: working hours
    (工作时) until then, negative when it is late; None where the limit runs day and night (紧急).
    """

    id: int
    number: str
    kind: str
    severity: Severity
    stage: Stage
    source: Source
    due_at: datetime
    securing: bool
    deadline_at: datetime
    overdue: bool
    work_left_h: float | None
    returns: int
    reworks: int
    supervisions: int
    unit_id: int | None
    assignee_id: int | None
    assignee_name: str | None
    asset_id: int | None
    what: str
    road: str
    version: int


class UnitLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit has in hand; ``nobodys``: of it, what none of its people was named for."""

    unit_id: int
    unit_name: str
    open_cases: int
    due_today: int
    overdue: int
    nobodys: int


class PersonLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has in hand. ``away_until`` "" while ``away``: until further notice. ``seen_at``: lately."""

    user_id: int
    name: str
    phone: str
    open_cases: int
    due_today: int
    overdue: int
    away: bool
    away_until: str
    on_shift_until: datetime | None
    seen_at: datetime | None


_NEXT_DUE = when((SECURING, case.c.secure_due_at), else_=case.c.deadline_at)
_DESK_DUE = func.coalesce(case.c.desk_due_at, case.c.deadline_at)
_COLUMNS = (
    *("id", "number", "kind", "severity", "stage", "source", "deadline_at", "returns", "reworks", "supervisions"),
    *("unit_id", "assignee_id", "asset_id", "version"),
)


def unit_queue(
    engine: Engine,
    unit_id: int,
    *,
    assignee_id: int | None = None,
    late: bool = False,
    scope: str = "",
    now: datetime,
    zone: tzinfo = CHINA_TIME,
    after: str | None = None,
    limit: int = 50,
) -> Page[QueueRow]:
    """What a unit has in hand within the area ``scope``, what is due first at the top; ``late``: what was due by now.

    Raises ``InvalidInput``.
    """
    conditions: list[ColumnElement[bool]] = [case.c.unit_id == unit_id, IS_IN_HAND]
    if assignee_id is not None:
        conditions.append(case.c.assignee_id == assignee_id)
    ways: Sequence[tuple[ColumnElement[Any], ColumnElement[bool]]]
    ways = ((case.c.secure_due_at, SECURING), (case.c.deadline_at, not_(SECURING)))
    if late:
        ways = [(due, and_(of_these, due <= now)) for due, of_these in ways]
    asked = _Asked(due=_NEXT_DUE, ways=ways, conditions=conditions, scope=scope, now=now, zone=zone)
    return _queue(engine, asked, after, limit)


def desk_queue(
    engine: Engine,
    *,
    scope: str = "",
    now: datetime,
    zone: tzinfo = CHINA_TIME,
    after: str | None = None,
    limit: int = 20,
) -> Page[QueueRow]:
    """What is filed and waits for being dispatched, due first at the top; what waits for a decision about a return
    (回退) is the shift supervisor's and not in it. Raises ``InvalidInput``."""
    # cases that were opened before the desk had a limit have the one of the whole work
    limited = case.c.desk_due_at
    ways = ((limited, limited.is_not(None)), (case.c.deadline_at, limited.is_(None)))
    asked = _Asked(due=_DESK_DUE, ways=ways, conditions=[IS_AT_DESK], scope=scope, now=now, zone=zone)
    return _queue(engine, asked, after, limit)


def workload(
    engine: Engine, *, now: datetime, zone: tzinfo = CHINA_TIME, scope: str = "", unit_id: int | None = None
) -> list[UnitLoad]:
    """What each unit (or only ``unit_id``) has in hand, those with the most overdue first; units with nothing last."""
    midnight = _midnight(now, zone)
    only = () if unit_id is None else (case.c.unit_id == unit_id,)
    counted = (
        select(
            case.c.unit_id,
            func.count().label("open_cases"),
            *_due_counts(now, midnight),
            func.sum(when((case.c.assignee_id.is_(None), 1), else_=0)).label("nobodys"),
        )
        .where(IS_IN_HAND, case.c.unit_id.is_not(None), *only, *_within(scope))
        .group_by(case.c.unit_id)
        .subquery()
    )
    names = ("open_cases", "due_today", "overdue", "nobodys")
    query = (
        select(
            unit.c.id.label("unit_id"),
            unit.c.name.label("unit_name"),
            *(func.coalesce(counted.c[name], 0).label(name) for name in names),
        )
        .select_from(unit.outerjoin(counted, counted.c.unit_id == unit.c.id))
        .order_by(
            func.coalesce(counted.c.overdue, 0).desc(), func.coalesce(counted.c.open_cases, 0).desc(), unit.c.name
        )
    )
    if unit_id is not None:
        query = query.where(unit.c.id == unit_id)
    with reading(engine) as tx:
        return [as_view(row._mapping, UnitLoad) for row in tx.execute(query)]


def people_of(engine: Engine, unit_id: int, *, now: datetime, zone: tzinfo = CHINA_TIME) -> list[PersonLoad]:
    """The crew of a unit with what each has in hand, who has most first."""
    midnight, today = _midnight(now, zone), now.astimezone(zone).date()
    crew = (user.c.unit_id == unit_id, user.c.role == Role.CREW.value, user.c.active == true())
    counted = (
        select(case.c.assignee_id, func.count().label("open_cases"), *_due_counts(now, midnight))
        .where(case.c.assignee_id.in_(select(user.c.id).where(*crew)), case.c.stage.in_(IN_HAND))
        .group_by(case.c.assignee_id)
        .subquery()
    )
    query = (
        select(
            user.c.id.label("user_id"),
            user.c.name,
            user.c.phone,
            *(func.coalesce(counted.c[name], 0).label(name) for name in ("open_cases", "due_today", "overdue")),
        )
        .select_from(user.outerjoin(counted, counted.c.assignee_id == user.c.id))
        .where(*crew)
        .order_by(func.coalesce(counted.c.open_cases, 0).desc(), user.c.name, user.c.id)
    )
    with reading(engine) as tx:
        rows = tx.execute(query).all()
        ids = [row.user_id for row in rows]
        away, until, shifts = away_on(tx, today), _away_until(tx, today.isoformat(), ids), _shift_ends(tx, ids, now)
        places = seen_last(tx, ids, now=now)
    return [
        as_view(
            row._mapping,
            PersonLoad,
            away=row.user_id in away,
            away_until=until.get(row.user_id, ""),
            on_shift_until=shifts.get(row.user_id),
            seen_at=places[row.user_id].at if row.user_id in places else None,
        )
        for row in rows
    ]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Which queue, and as of when. ``ways``: the column that is ``due`` and of which cases; each has an index."""

    due: ColumnElement[Any]
    ways: Sequence[tuple[ColumnElement[Any], ColumnElement[bool]]]
    conditions: list[ColumnElement[bool]]
    scope: str
    now: datetime
    zone: tzinfo


def _queue(engine: Engine, asked: _Asked, after: str | None, limit: int) -> Page[QueueRow]:
    conditions = [*asked.conditions, *_within(asked.scope)]
    place = None if after is None else decode(after, int, int)
    with reading(engine) as tx:
        standard, calendar = standard_in_force(tx), work_calendar(tx, zone=asked.zone)
        ids = _next_ids(tx, asked.ways, conditions, place, check_limit(limit) + 1)
        rows = [
            as_view(row._mapping, QueueRow, work_left_h=_work_left(row, standard, calendar, asked.now))
            for row in tx.execute(_rows(asked.due, asked.now).where(case.c.id.in_(ids)).order_by(asked.due, case.c.id))
        ]
    return page_of(rows, limit, lambda row: (to_ms(row.due_at), row.id))


def _next_ids(
    tx: Connection,
    ways: Sequence[tuple[ColumnElement[Any], ColumnElement[bool]]],
    conditions: list[ColumnElement[bool]],
    place: tuple[int | str, ...] | None,
    most: int,
) -> list[int]:
    """The cases that are due next, after the place (due in ms, id); the first of every way, put together."""
    found: list[tuple[datetime, int]] = []
    for due, of_these in ways:
        query = select(due, case.c.id).where(*conditions, of_these).order_by(due, case.c.id).limit(most)
        if place is not None:
            moment, last_id = from_ms(int(place[0])), place[1]
            # the first condition bounds the walk along the index, the second one takes off what was shown
            query = query.where(due >= moment, or_(due > moment, case.c.id > last_id))
        found += [(at, case_id) for at, case_id in tx.execute(query)]
    return [case_id for _, case_id in sorted(found)[:most]]


def _work_left(row: Any, standard: Standard, calendar: WorkCalendar, now: datetime) -> float | None:
    if row.stage == Stage.FILED.value:
        limit: Limit | None = DESK_LIMITS[Step.DISPATCH].of(Severity(row.severity))
    else:
        line = standard.lines.get(row.kind)
        limit = None if line is None else line.limit(Step.SECURE if row.securing else Step.REPAIR)
    if limit is None or limit.unit not in WORKING_UNITS:
        return None
    late = row.due_at < now
    since, until = (row.due_at, now) if late else (now, row.due_at)
    hours = used_time(since, until, TimeUnit.WORK_HOUR, calendar) / timedelta(hours=1)
    return round(-hours if late else hours, 1)


def _rows(due: ColumnElement[Any], now: datetime) -> Select[Any]:
    columns = [case.c[name] for name in _COLUMNS]
    return select(
        *columns,
        due.label("due_at"),
        and_(SECURING, IS_IN_HAND).label("securing"),
        (due <= now).label("overdue"),
        user.c.name.label("assignee_name"),
        func.coalesce(asset.c.name, case.c.place).label("what"),
        func.coalesce(asset.c.road, "").label("road"),
    ).select_from(case.outerjoin(asset, asset.c.id == case.c.asset_id).outerjoin(user, user.c.id == case.c.assignee_id))


def _within(scope: str) -> tuple[ColumnElement[bool], ...]:
    return (digits_begin(case.c.lies_in, scope),) if scope else ()


def _due_counts(now: datetime, midnight: datetime) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """What is due from now to the city's next midnight, and what was due before now."""
    today = and_(now < _NEXT_DUE, midnight > _NEXT_DUE)
    return (
        func.sum(when((today, 1), else_=0)).label("due_today"),
        func.sum(when((now >= _NEXT_DUE, 1), else_=0)).label("overdue"),
    )


def _midnight(now: datetime, zone: tzinfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, tzinfo=zone)


def _away_until(tx: Connection, day: str, ids: list[int]) -> dict[int, str]:
    """The last day of whoever is away on ``day``."""
    rows = tx.execute(
        select(absence.c.user_id, func.max(absence.c.last_on))
        .where(absence.c.user_id.in_(ids), absence.c.first_on <= day, absence.c.last_on >= day)
        .group_by(absence.c.user_id)
    )
    return {user_id: last or "" for user_id, last in rows}


def _shift_ends(tx: Connection, ids: list[int], now: datetime) -> dict[int, datetime]:
    rows = tx.execute(
        select(shift_turn.c.user_id, func.max(shift_turn.c.ends_at))
        .where(shift_turn.c.user_id.in_(ids), shift_turn.c.starts_at <= now, shift_turn.c.ends_at > now)
        .group_by(shift_turn.c.user_id)
    )
    return {user_id: ends for user_id, ends in rows if user_id is not None}
