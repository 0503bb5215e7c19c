"""What may be done to cases: opened or joined (``case_opening``), moved by people, marked overdue by the worker.

The only writers of ``case_file`` and its timeline. Every change writes an entry and a feed row in its own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, or_, select, update

from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Role, Stage
from registry.domain.moves import (
    CaseState,
    EventName,
    MoveName,
    MoveOrder,
    PastMove,
    carry_out,
    read_move,
    with_history,
)
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.seasons import time_limit
from registry.services.case_opening import Opened, feed_body, note_alert, open_or_attach
from registry.services.feed import FeedKind, publish, publish_all
from registry.services.seasons import seasons_now
from registry.services.tags import Scan
from registry.storage.database import writing
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import asset, case, entry, photo, unit, user

__all__ = ["CaseMoved", "Opened", "mark_overdue", "move_case", "note_alert", "open_or_attach"]

_MATTERING = [MoveName.REOPEN, MoveName.EXTEND, MoveName.SUSPEND, MoveName.ACCEPT, MoveName.HAND_BACK]

_TIMED = (MoveName.FILE, MoveName.REOPEN, MoveName.EXTEND)
"""What sets a deadline anew."""

# The columns that a move may change; they have the names of ``CaseState``.
_CHANGEABLE = (
    "stage",
    "stage_before_suspension",
    "deadline_at",
    "overdue_at",
    "dispatched_at",
    "handed_back_at",
    "ended_at",
    "unit_id",
    "assignee_id",
    "version",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved:
    """What a move made of the case."""

    case_id: int
    number: str
    move: MoveName
    from_stage: Stage
    stage: Stage
    version: int
    deadline_at: datetime
    assignee_id: int | None
    unit_id: int | None


def move_case(
    engine: Engine,
    *,
    case_id: int,
    move: str,
    by: Actor,
    expected_version: int,
    now: datetime,
    note: str = "",
    assignee_id: int | None = None,
    unit_id: int | None = None,
    photo_ids: Sequence[int] = (),
    scan: Scan | None = None,
) -> CaseMoved:
    """Carry out one move of ``domain.moves.MOVES``: the case, its entry, its photos and the feed row, or nothing.

    ``expected_version`` is the version the person looked at. ``photo_ids`` are kept photos of the case's asset;
    ``scan`` is the scan of the plate with which the person proved to be there. Raises ``NotFound``, ``NotAllowed``,
    ``InvalidMove``, ``InvalidInput`` (see ``carry_out``) and ``Conflict`` when somebody else moved it first.
    """
    order = MoveOrder(move=read_move(move), note=note.strip(), assignee_id=assignee_id, unit_id=unit_id)
    with writing(engine) as tx:
        row = _load(tx, case_id)
        before = with_history(_state_of(row), _history(tx, case_id))
        check_area(by, row.area_code)
        if before.version != expected_version:
            raise Conflict(_who_was_first(tx, before))
        order = _complete(tx, before, order, photo_ids, now)
        _check_within_reach(tx, order, row.area_code)
        after = carry_out(before, order, by=by, now=now)
        if order.move is MoveName.REOPEN:
            _check_no_other_open(tx, row)
        _save(tx, before, after)
        _attach_photos(tx, row, photo_ids)
        if after.overdue_at is not None and before.overdue_at is None:
            _note_overdue(tx, row, before.stage, now=now)
        _write_entry(tx, before, after, order, by=by, now=now, photo_ids=photo_ids, proof=_proof(row, scan))
        publish(tx, FeedKind.CASE_MOVED, _moved_body(row, after, order, by), now=now)
    return CaseMoved(
        case_id=case_id,
        number=after.number,
        move=order.move,
        from_stage=before.stage,
        stage=after.stage,
        version=after.version,
        deadline_at=after.deadline_at,
        assignee_id=after.assignee_id,
        unit_id=after.unit_id,
    )


def mark_overdue(engine: Engine, *, now: datetime, batch: int = 500) -> int:
    """Mark every case whose clock runs and whose deadline has passed; answers how many. Repeating it marks none.

    At most ``batch`` cases a transaction. The moment kept is the deadline itself, so a worker that was away for an hour
    changes no figure.
    """
    marked = 0
    while True:
        with writing(engine) as tx:
            step = _mark_some(tx, now, batch)
        marked += step
        if step < batch:
            return marked


def _mark_some(tx: Connection, now: datetime, batch: int) -> int:
    late = (
        select(case.c.id)
        .where(case.c.stage.in_(sorted(RUNNING_STAGES)), case.c.deadline_at <= now, case.c.overdue_at.is_(None))
        .order_by(case.c.id)
        .limit(batch)
        .with_for_update()
    )
    ids = tx.scalars(late).all()
    if not ids:
        return 0
    tx.execute(update(case).where(case.c.id.in_(ids)).values(overdue_at=case.c.deadline_at))
    rows = tx.execute(_with_asset().where(case.c.id.in_(ids)).order_by(case.c.id)).all()
    tx.execute(insert(entry), [_overdue_entry(row, Stage(row.stage), now) for row in rows])
    publish_all(tx, FeedKind.CASE_OVERDUE, [_overdue_body(row) for row in rows], now=now)
    return len(rows)


def _with_asset() -> Any:
    joined = case.join(asset, asset.c.id == case.c.asset_id)
    return select(case, asset.c.name.label("asset_name"), asset.c.road, asset.c.area_code).select_from(joined)


def _load(tx: Connection, case_id: int) -> Any:
    row = tx.execute(_with_asset().where(case.c.id == case_id).with_for_update(of=case)).one_or_none()
    if row is None:
        raise NotFound("case", case_id)
    return row


def _state_of(row: Any) -> CaseState:
    before = row.stage_before_suspension
    columns = {name: getattr(row, name) for name in _CHANGEABLE}
    columns |= {"stage": Stage(row.stage), "stage_before_suspension": Stage(before) if before else None}
    return CaseState(id=row.id, number=row.number, kind=row.kind, **columns)


def _history(tx: Connection, case_id: int) -> list[PastMove]:
    rows = tx.execute(
        select(entry.c.move, entry.c.at, entry.c.by_user_id)
        .where(entry.c.case_id == case_id, entry.c.move.in_(_MATTERING))
        .order_by(entry.c.id)
    )
    return [PastMove(move=row.move, at=row.at, by_user_id=row.by_user_id) for row in rows]


def _who_was_first(tx: Connection, case_now: CaseState) -> str:
    last = tx.execute(
        select(entry.c.move, entry.c.to_stage, user.c.name)
        .select_from(entry.outerjoin(user, user.c.id == entry.c.by_user_id))
        .where(entry.c.case_id == case_now.id, entry.c.move.in_(list(MoveName)))
        .order_by(entry.c.id.desc())
        .limit(1)
    ).one_or_none()
    what = f"{last.name or 'the system'} did {last.move} meanwhile; it" if last else "it"
    return f"case {case_now.number} has changed: {what} is {case_now.stage.value} now. Load it again and decide anew"


def _complete(
    tx: Connection, before: CaseState, order: MoveOrder, photo_ids: Sequence[int], now: datetime
) -> MoveOrder:
    """The order with what only the records know: people that exist, how many photos there are, the season's limit."""
    if order.move is MoveName.DISPATCH:
        return _check_assignment(tx, order)
    if order.move in _TIMED:
        order = replace(order, limit=time_limit(before.kind, seasons_now(tx, now=now)))
    order = replace(order, assignee_id=None, unit_id=None, photos=len(set(photo_ids)))
    if order.move is MoveName.HAND_BACK and not order.photos and before.accepted_at is not None:
        taken = select(func.count()).where(photo.c.case_id == before.id, photo.c.recorded_at >= before.accepted_at)
        return replace(order, photos=tx.execute(taken).scalar_one())
    return order


def _check_assignment(tx: Connection, order: MoveOrder) -> MoveOrder:
    if order.assignee_id is not None:
        person = tx.execute(
            select(user.c.active, user.c.role, user.c.unit_id).where(user.c.id == order.assignee_id)
        ).one_or_none()
        if person is None or not person.active or person.role not in (Role.CREW, Role.ADMINISTRATOR):
            raise InvalidInput(
                "assignee_id", "{given} is not an active crew member; choose one of the list", given=order.assignee_id
            )
        if order.unit_id is None:
            order = replace(order, unit_id=person.unit_id)
    if order.unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == order.unit_id)) is None:
        raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=order.unit_id)
    return order


def _check_within_reach(tx: Connection, order: MoveOrder, area_code: str) -> None:
    """Nobody is sent to a thing whose file they may not open."""
    if order.assignee_id is None:
        return
    bound_to = tx.scalar(select(user.c.area_code).where(user.c.id == order.assignee_id)) or ""
    if not area_code.startswith(bound_to):
        raise InvalidInput(
            "assignee_id",
            "is bound to area {bound_to} and this lies in {area_code}; choose somebody of that area",
            bound_to=bound_to,
            area_code=area_code,
        )


def _check_no_other_open(tx: Connection, row: Any) -> None:
    other = tx.scalar(select(case.c.number).where(case.c.asset_id == row.asset_id, case.c.kind == row.kind, IS_OPEN))
    if other is not None:
        raise Conflict(f"{row.asset_name} has an open case of this kind already: {other}. Go on there instead")


def _save(tx: Connection, before: CaseState, after: CaseState) -> None:
    values = {name: getattr(after, name) for name in _CHANGEABLE}
    saved = tx.execute(update(case).where(case.c.id == before.id, case.c.version == before.version).values(values))
    if saved.rowcount != 1:
        raise Conflict(f"case {before.number} has changed meanwhile. Load it again and decide anew")


def _attach_photos(tx: Connection, row: Any, photo_ids: Sequence[int]) -> None:
    wanted = set(photo_ids)
    if not wanted:
        return
    free = or_(photo.c.case_id.is_(None), photo.c.case_id == row.id)
    taken = tx.execute(
        update(photo).where(photo.c.id.in_(wanted), photo.c.asset_id == row.asset_id, free).values(case_id=row.id)
    )
    if taken.rowcount != len(wanted):
        raise InvalidInput(
            "photo",
            "not every photo shows {asset_name} or is free; upload it again from this case",
            asset_name=row.asset_name,
        )


def _proof(row: Any, scan: Scan | None) -> dict[str, Any]:
    """What the scan proves: that the person was at this asset, and how far from its kept place."""
    if scan is None:
        return {}
    if scan.asset_id != row.asset_id:
        raise InvalidInput(
            "scan", "that plate is not the one of {asset_name}; scan its own plate", asset_name=row.asset_name
        )
    return {"scanned": True, "distance_m": scan.distance_m}


def _write_entry(
    tx: Connection,
    before: CaseState,
    after: CaseState,
    order: MoveOrder,
    *,
    by: Actor,
    now: datetime,
    photo_ids: Sequence[int],
    proof: dict[str, Any],
) -> None:
    detail: dict[str, Any] = dict(proof)
    for name in ("assignee_id", "unit_id"):
        if getattr(after, name) != getattr(before, name):
            detail[name] = getattr(after, name)
    if after.deadline_at != before.deadline_at:
        detail["deadline_at"] = after.deadline_at.isoformat()
    if photo_ids:
        detail["photo_ids"] = sorted(set(photo_ids))
    values = {
        "case_id": before.id,
        "at": now,
        "move": order.move.value,
        "from_stage": before.stage.value,
        "to_stage": after.stage.value,
        "by_user_id": by.user_id,
        "note": order.note,
        "detail": detail,
    }
    tx.execute(insert(entry).values(values))


def _moved_body(row: Any, after: CaseState, order: MoveOrder, by: Actor) -> dict[str, Any]:
    moved = {"stage": after.stage.value, "move": order.move.value, "version": after.version, "by": by.name}
    return feed_body(row) | moved


def _note_overdue(tx: Connection, row: Any, stage: Stage, *, now: datetime) -> None:
    """The move came after the deadline and before the worker's look: the missed deadline is kept all the same."""
    tx.execute(insert(entry).values(_overdue_entry(row, stage, now)))
    publish(tx, FeedKind.CASE_OVERDUE, _overdue_body(row), now=now)


def _overdue_entry(row: Any, stage: Stage, now: datetime) -> dict[str, Any]:
    return {
        "case_id": row.id,
        "at": now,
        "move": EventName.OVERDUE.value,
        "from_stage": stage.value,
        "to_stage": stage.value,
        "by_user_id": None,
        "note": "",
        "detail": {"deadline_at": row.deadline_at.isoformat()},
    }


def _overdue_body(row: Any) -> dict[str, Any]:
    return feed_body(row) | {"deadline_at": row.deadline_at.isoformat()}
