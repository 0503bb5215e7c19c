"""Looking after deadlines: a warning before one, and somebody higher told when nothing has happened after it.

Each case keeps the deadline that it is watched for and the moment of the next look (``watched_due_at``, ``watch_at``,
``watch_level``). A move that sets another deadline makes the two differ, whoever made it; an index of just those cases
brings them here. So a worker that was away misses nothing, and looking twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, insert, literal_column, select, text, update

from registry.domain.case_clock import watch_moments
from registry.domain.case_standard import DESK_LIMITS, Standard, Step
from registry.domain.deadlines import CHINA_TIME, RUNNING_STAGES
from registry.domain.kinds import Severity, Stage
from registry.domain.moves import EventName
from registry.domain.working_time import Limit, WorkCalendar
from registry.services.case_opening import feed_body
from registry.services.case_writing import with_place
from registry.services.feed import FeedKind, publish_all
from registry.services.standard import standard_in_force
from registry.services.work_calendar import work_calendar
from registry.storage.database import reading, writing
from registry.storage.tables import case, entry
from registry.storage.tables.deciding import CASE_DUE, CASE_UNWATCHED

WARNED = 1
"""``watch_level``: 0 nothing said yet, 1 warned, 2 and 3 the first and the second escalation."""

_SET = (
    update(case)
    .where(case.c.id == bindparam("of_id"))
    .values(watched_due_at=bindparam("due"), watch_at=bindparam("next"), watch_level=bindparam("level"))
)


class Watched(NamedTuple):
    """What a round did: deadlines taken under watch, warnings, escalations."""

    taken: int = 0
    warned: int = 0
    escalated: int = 0


def watch_cases(engine: Engine, *, now: datetime, zone: tzinfo = CHINA_TIME, batch: int = 500) -> Watched:
    """One round: take new deadlines under watch, then say what is to be said; at most ``batch`` cases a transaction."""
    with reading(engine) as tx:
        standard, calendar = standard_in_force(tx), work_calendar(tx, zone=zone)
    taken = warned = escalated = 0
    while step := _take(engine, standard, calendar, batch):
        taken += step
    while True:
        with writing(engine) as tx:
            looked, told = _look(tx, standard, calendar, now=now, batch=batch)
        warned += sum(each["move"] == EventName.WARNED for each in told)
        escalated += sum(each["move"] == EventName.ESCALATED for each in told)
        if looked < batch:
            return Watched(taken, warned, escalated)


def _take(engine: Engine, standard: Standard, calendar: WorkCalendar, batch: int) -> int:
    due: Any = literal_column(CASE_DUE, case.c.deadline_at.type).label("due")
    query = select(case, due).where(text(CASE_UNWATCHED)).order_by(case.c.id).limit(batch).with_for_update()
    with writing(engine) as tx:
        rows = tx.execute(query).all()
        if rows:
            tx.execute(_SET, [_set(row, row.due, _moments(row, row.due, standard, calendar), 0) for row in rows])
    return len(rows)


def _look(
    tx: Connection, standard: Standard, calendar: WorkCalendar, *, now: datetime, batch: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many cases were looked at, and the entries that were written."""
    query = (
        with_place()
        .where(case.c.watch_at.is_not(None), case.c.watch_at <= now, case.c.stage.in_(sorted(RUNNING_STAGES)))
        .order_by(case.c.watch_at)
        .limit(batch)
        .with_for_update(of=case)
    )
    rows = tx.execute(query).all()
    if not rows:
        return 0, []
    sets, told, bodies = [], [], []
    for row in rows:
        moments = _moments(row, row.watched_due_at, standard, calendar)
        level = sum(moment <= now for moment in moments)
        sets.append(_set(row, row.watched_due_at, moments, level))
        # a warning that comes after the deadline warns of nothing
        if level > row.watch_level and (level > WARNED or row.watched_due_at > now):
            told.append(_entry(row, level, moments[level - 1], now))
            bodies.append(feed_body(row) | {"move": told[-1]["move"], "due_at": row.watched_due_at.isoformat()})
    tx.execute(_SET, sets)
    if told:
        tx.execute(insert(entry), told)
        publish_all(tx, FeedKind.CASE_MOVED, bodies, now=now)
    return len(rows), told


def _set(row: Any, due: datetime, moments: Sequence[datetime], level: int) -> dict[str, Any]:
    return {"of_id": row.id, "due": due, "next": moments[level] if level < len(moments) else None, "level": level}


def _moments(row: Any, due: datetime, standard: Standard, calendar: WorkCalendar) -> tuple[datetime, ...]:
    return watch_moments(due, _limit(row, standard), calendar)


def _limit(row: Any, standard: Standard) -> Limit:
    """The limit whose shares count: of the desk until somebody was sent, then of the usual repair of its kind."""
    line = standard.lines.get(row.kind)
    if row.first_dispatched_at is None or line is None:
        step = Step.FILE if row.stage == Stage.COLLECTED else Step.DISPATCH
        return DESK_LIMITS[step].of(Severity(row.severity))
    return line.repair_limit()


def _entry(row: Any, level: int, moment: datetime, now: datetime) -> dict[str, Any]:
    move = EventName.WARNED if level == WARNED else EventName.ESCALATED
    detail = {"due_at": row.watched_due_at.isoformat(), "moment": moment.isoformat()}
    return {
        "case_id": row.id,
        "at": now,
        "move": move.value,
        "from_stage": row.stage,
        "to_stage": row.stage,
        "by_user_id": None,
        "note": "",
        "detail": detail | ({} if level == WARNED else {"level": level - WARNED}),
    }
