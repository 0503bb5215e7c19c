"""What waits for one person beside the cases that were dispatched to them: looks to take, answers that are owed."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, false, func, or_, select

from registry.domain.kinds import CaseRole, RecheckState, Severity, Stage, SupervisionState, TaskKind
from registry.domain.mandates import MandateState
from registry.domain.people import Actor
from registry.queries.asset_filters import digits_begin
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import asset, case, case_task, mandate, patrol_warning, recheck, supervision_item

MOST_LOOKS = 100
_LOOKERS = {
    TaskKind.CHECK: frozenset({CaseRole.COLLECTOR}),
    TaskKind.VERIFY: frozenset({CaseRole.VERIFIER, CaseRole.COLLECTOR}),
}


class LookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A 核实 or 核查 to take: what it is about, where, and until when. ``mine``: it was sent to this very person."""

    case_id: int
    look: TaskKind
    due_at: datetime
    note: str
    mine: bool
    number: str
    kind: str
    severity: Severity
    stage: Stage
    asset_name: str
    road: str


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How much else waits: items of supervision and early warnings without an answer, tasks from above, rechecks.

    ``items_due_at``: the first deadline of the items; ``mandates_due_on``: the first day of the tasks.
    """

    items: int = 0
    items_due_at: datetime | None = None
    warnings: int = 0
    mandates: int = 0
    mandates_due_on: date | None = None
    rechecks: int = 0


def my_looks(engine: Engine, by: Actor, *, most: int = MOST_LOOKS) -> list[LookRow]:
    """The looks somebody may take now, what is due first: theirs, their unit's, and those for whoever is near."""
    kinds = [kind.value for kind, roles in _LOOKERS.items() if by.case_roles & roles]
    if not kinds:
        return []
    nobodys = case_task.c.assignee_id.is_(None)
    mine = case_task.c.assignee_id == by.user_id
    theirs = or_(mine, and_(nobodys, case_task.c.unit_id == by.unit_id), and_(nobodys, case_task.c.unit_id.is_(None)))
    statement = (
        select(
            case_task.c.case_id,
            case_task.c.kind.label("look"),
            case_task.c.due_at,
            case_task.c.note,
            mine.label("mine"),
            case.c.number,
            case.c.kind,
            case.c.severity,
            case.c.stage,
            func.coalesce(asset.c.name, case.c.place).label("asset_name"),
            func.coalesce(asset.c.road, "").label("road"),
        )
        .select_from(
            case_task.join(case, case.c.id == case_task.c.case_id).outerjoin(asset, asset.c.id == case.c.asset_id)
        )
        .where(
            case_task.c.done_at.is_(None), case_task.c.kind.in_(kinds), theirs, *_within(case.c.lies_in, by.area_code)
        )
        .order_by(case_task.c.due_at, case_task.c.id)
        .limit(most)
    )
    with reading(engine) as tx:
        return [as_view(row._mapping, LookRow, mine=bool(row.mine)) for row in tx.execute(statement)]


def waiting_for(engine: Engine, by: Actor, *, now: datetime) -> Waiting:
    """What else waits for this person, their unit, or (rechecks) anybody who may look."""
    with reading(engine) as tx:
        items, items_due_at = _of_unit(tx, by)
        mandates, due_on = _mandates(tx, by)
        unanswered = (patrol_warning.c.unit_id == by.unit_id, patrol_warning.c.answered_at.is_(None))
        return Waiting(
            items=items,
            items_due_at=items_due_at,
            warnings=_count(tx, *unanswered) if by.unit_id is not None else 0,
            mandates=mandates,
            mandates_due_on=due_on,
            rechecks=_rechecks(tx, by, now),
        )


def _of_unit(tx: Connection, by: Actor) -> tuple[int, datetime | None]:
    if by.unit_id is None:
        return 0, None
    owed = (supervision_item.c.unit_id == by.unit_id, supervision_item.c.state == SupervisionState.OPEN.value)
    row = tx.execute(select(func.count(), func.min(supervision_item.c.deadline_at)).where(*owed)).one()
    return int(row[0]), row[1]


def _mandates(tx: Connection, by: Actor) -> tuple[int, date | None]:
    of_unit = false() if by.unit_id is None else mandate.c.unit_id == by.unit_id
    mine = or_(mandate.c.owner_id == by.user_id, and_(mandate.c.owner_id.is_(None), of_unit))
    open_ones = (mandate.c.state == MandateState.OPEN.value, mine)
    row = tx.execute(select(func.count(), func.min(mandate.c.due_on)).where(*open_ones)).one()
    return int(row[0]), None if row[1] is None else date.fromisoformat(row[1])


def _rechecks(tx: Connection, by: Actor, now: datetime) -> int:
    if not by.case_roles & _LOOKERS[TaskKind.VERIFY]:
        return 0
    due = (recheck.c.state == RecheckState.DUE.value, recheck.c.due_at <= now)
    others = or_(case.c.handed_back_by.is_(None), case.c.handed_back_by != by.user_id)
    joined = recheck.join(case, case.c.id == recheck.c.case_id)
    counted = select(func.count()).select_from(joined).where(*due, others, *_within(recheck.c.area_code, by.area_code))
    return tx.scalar(counted) or 0


def _count(tx: Connection, *conditions: ColumnElement[bool]) -> int:
    return tx.scalar(select(func.count()).where(*conditions)) or 0


def _within(place: ColumnElement[str], scope: str) -> list[ColumnElement[bool]]:
    return [digits_begin(place, scope)] if scope else []
