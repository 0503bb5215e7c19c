"""Looking after deadlines: a warning before one, and somebody higher told when nothing has happened after it.

Two clocks of a case are watched: when its next step is due, and, where its line has two steps, when the site has to be
secured (现场围护). For each it keeps the deadline that it is watched for, when to look next and what was said. A move
that sets another deadline makes the two differ, whoever made it; an index of just those cases brings them here. So a
worker that was away misses nothing, and looking twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Update,
    bindparam,
    insert,
    literal_column,
    select,
    text,
    update,
)

from registry.domain.case_clock import watch_moments
from registry.domain.case_standard import DESK_LIMITS, Standard, Step
from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import CaseEventKind, Severity, Stage
from registry.domain.moves import EventName
from registry.domain.working_time import Limit, WorkCalendar
from registry.services.case_events import CaseEvent, keep_events
from registry.services.case_opening import feed_body
from registry.services.case_writing import keeping, with_place
from registry.services.feed import FeedKind, publish_all
from registry.services.standard import standard_in_force
from registry.services.work_calendar import work_calendar
from registry.storage.database import reading, writing
from registry.storage.tables import case, entry
from registry.storage.tables.deciding import CASE_DUE, CASE_UNWATCHED, CASE_WATCHED, SECURE_UNWATCHED, SECURE_WATCHED

WARNED = 1
"""The level of a watch: 0 nothing said yet, 1 warned, 2 and 3 the first and the second escalation."""


class Watched(NamedTuple):
    """What a round did, on both clocks: deadlines taken under watch, warnings, escalations."""

    taken: int = 0
    warned: int = 0
    escalated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """One clock: which cases are not watched for its present deadline, which are, and what is said of it.

    ``step`` goes into the entries, so that a timeline says what was late; ``limit`` is the limit whose shares count.
    """

    unwatched: str
    watched: str
    due: ColumnElement[datetime]
    kept: str
    at: str
    level: str
    limit: Callable[[Any, Standard], Limit]
    warned: CaseEventKind
    late: CaseEventKind
    step: str = ""

    @property
    def set(self) -> Update:
        """Keeps what is watched: for ``of_id`` the deadline ``due``, the ``next`` look and the ``level``."""
        values: dict[str, Any] = {self.kept: bindparam("due"), self.at: bindparam("next")}
        values[self.level] = bindparam("said")
        return update(case).where(case.c.id == bindparam("of_id")).values(values)


def watch_cases(engine: Engine, *, now: datetime, zone: tzinfo = CHINA_TIME, batch: int = 500) -> Watched:
    """One round: take new deadlines under watch, then say what is to be said; at most ``batch`` cases a transaction."""
    with reading(engine) as tx:
        standard, calendar = standard_in_force(tx), work_calendar(tx, zone=zone)
    taken = warned = escalated = 0
    for watch in _WATCHES:
        while step := _take(engine, watch, standard, calendar, batch):
            taken += step
        looked = batch
        while looked == batch:
            with writing(engine) as tx:
                looked, told = _look(tx, watch, standard, calendar, now=now, batch=batch)
            warned += sum(each["move"] == EventName.WARNED for each in told)
            escalated += sum(each["move"] == EventName.ESCALATED for each in told)
    return Watched(taken, warned, escalated)


def _take(engine: Engine, watch: _Watch, standard: Standard, calendar: WorkCalendar, batch: int) -> int:
    query = select(case, watch.due.label("due")).where(text(watch.unwatched)).order_by(case.c.id).limit(batch)
    with writing(engine) as tx:
        rows = tx.execute(keeping(query, pass_over=True)).all()
        if rows:
            sets = [_set(row, row.due, _moments(watch, row, row.due, standard, calendar), 0) for row in rows]
            tx.execute(watch.set, sets)
    return len(rows)


def _look(
    tx: Connection, watch: _Watch, standard: Standard, calendar: WorkCalendar, *, now: datetime, batch: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many cases were looked at, and the entries that were written."""
    at = case.c[watch.at]
    query = with_place().where(text(watch.watched), at <= now).order_by(at).limit(batch)
    rows = tx.execute(keeping(query, pass_over=True)).all()
    if not rows:
        return 0, []
    sets, told, bodies, events = [], [], [], []
    for row in rows:
        due, said = row._mapping[watch.kept], row._mapping[watch.level]
        moments = _moments(watch, row, due, standard, calendar)
        level = sum(moment <= now for moment in moments)
        sets.append(_set(row, due, moments, level))
        # a warning that comes after the deadline warns of nothing
        if level > said and (level > WARNED or due > now):
            told.append(_entry(watch, row, level, due, moments[level - 1], now))
            bodies.append(feed_body(row) | {"move": told[-1]["move"], "due_at": due.isoformat()})
            events.append(_event(watch, row, level))
    tx.execute(watch.set, sets)
    if told:
        tx.execute(insert(entry), told)
        publish_all(tx, FeedKind.CASE_MOVED, bodies, now=now)
        keep_events(tx, events, now=now)
    return len(rows), told


def _set(row: Any, due: datetime, moments: Sequence[datetime], level: int) -> dict[str, Any]:
    return {"of_id": row.id, "due": due, "next": moments[level] if level < len(moments) else None, "said": level}


def _moments(
    watch: _Watch, row: Any, due: datetime, standard: Standard, calendar: WorkCalendar
) -> tuple[datetime, ...]:
    return watch_moments(due, watch.limit(row, standard), calendar)


def _limit(row: Any, standard: Standard) -> Limit:
    """Of the desk until somebody was sent, then of the usual repair of its kind."""
    line = standard.lines.get(row.kind)
    if row.first_dispatched_at is None or line is None:
        step = Step.FILE if row.stage == Stage.COLLECTED else Step.DISPATCH
        return DESK_LIMITS[step].of(Severity(row.severity))
    return line.repair_limit()


def _secure_limit(row: Any, standard: Standard) -> Limit:
    """Of securing the site; where the line has lost that step since, of the usual repair."""
    line = standard.lines.get(row.kind)
    return (None if line is None else line.limit(Step.SECURE)) or _limit(row, standard)


_WATCHES = (
    _Watch(
        unwatched=CASE_UNWATCHED,
        watched=CASE_WATCHED,
        due=literal_column(CASE_DUE, case.c.deadline_at.type),
        kept="watched_due_at",
        at="watch_at",
        level="watch_level",
        limit=_limit,
        warned=CaseEventKind.WARNED,
        late=CaseEventKind.LATE,
    ),
    _Watch(
        unwatched=SECURE_UNWATCHED,
        watched=SECURE_WATCHED,
        due=case.c.secure_due_at,
        kept="secure_watched_due_at",
        at="secure_watch_at",
        level="secure_watch_level",
        limit=_secure_limit,
        warned=CaseEventKind.SECURE_WARNED,
        late=CaseEventKind.SECURE_LATE,
        step=Step.SECURE.value,
    ),
)


def _entry(watch: _Watch, row: Any, level: int, due: datetime, moment: datetime, now: datetime) -> dict[str, Any]:
    move = EventName.WARNED if level == WARNED else EventName.ESCALATED
    detail: dict[str, Any] = {"due_at": due.isoformat(), "moment": moment.isoformat()}
    detail |= {"step": watch.step} if watch.step else {}
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


def _event(watch: _Watch, row: Any, level: int) -> CaseEvent:
    return CaseEvent(
        kind=watch.warned if level == WARNED else watch.late,
        case_id=row.id,
        level=max(0, level - WARNED),
        user_id=row.assignee_id,
        unit_id=row.unit_id,
    )
