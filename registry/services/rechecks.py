"""Looks at closed cases (回头看): done by somebody else than who mended it, until it was stable often enough.

Found broken again, the case is opened again in the same transaction. Only the next look is planned at a time, from when
the last one was really done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.case_moves import MoveOrder
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import CaseRole, RecheckState, Stage
from registry.domain.moves import MOVES, MoveName
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area
from registry.domain.supervision import ItemEvent, ItemMove, check_text
from registry.services.case_writing import lock
from registry.services.cases import move_in
from registry.services.feed import FeedKind, publish_all
from registry.services.supervision import write_entry
from registry.storage.database import writing
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import case, photo, recheck, supervision_item

_LOOKING = frozenset({CaseRole.VERIFIER, CaseRole.COLLECTOR})


class Rechecked(NamedTuple):
    """What came of a look: when the next is due (None: none), and whether the case was opened again."""

    next_due_at: datetime | None
    reopened: bool


def do_recheck(
    engine: Engine,
    recheck_id: int,
    *,
    stable: bool,
    by: Actor,
    now: datetime,
    note: str = "",
    photo_ids: Sequence[int] = (),
    zone: tzinfo = CHINA_TIME,
) -> Rechecked:
    """Say how it looks. Broken again needs a note; the case is opened again unless another one of it is open already.

    Raises ``NotFound``, ``NotAllowed`` (who handed the case back does not look at it), ``InvalidInput``, and
    ``InvalidMove`` for a look that was done or given up.
    """
    told = check_text("note", note, required=not stable)
    with writing(engine) as tx:
        row = _load(tx, recheck_id)
        _check_person(row, by)
        _check_photos(tx, row, photo_ids)
        state = RecheckState.PASSED if stable else RecheckState.FAILED
        done: dict[str, Any] = {"state": state.value, "done_at": now, "done_by": by.user_id, "note": told}
        done |= {"photo_ids": sorted(set(photo_ids))}
        tx.execute(update(recheck).where(recheck.c.id == recheck_id).values(done))
        if stable:
            return Rechecked(_plan_next(tx, row, now), reopened=False)
        return Rechecked(None, _reopen(tx, row, told, by=by, now=now, zone=zone))


def remind_rechecks(engine: Engine, *, now: datetime, batch: int = 500) -> int:
    """Tell the live pages, once, of every look that is due; how many."""
    told = 0
    while True:
        with writing(engine) as tx:
            due = (recheck.c.state == RecheckState.DUE.value, recheck.c.due_at <= now, recheck.c.reminded_at.is_(None))
            rows = tx.execute(
                select(recheck, case.c.number, case.c.kind)
                .join_from(recheck, case, case.c.id == recheck.c.case_id)
                .where(*due)
                .order_by(recheck.c.due_at)
                .limit(batch)
            ).all()
            ids = [row.id for row in rows]
            tx.execute(update(recheck).where(recheck.c.id.in_(ids)).values(reminded_at=now))
            bodies = [
                {"recheck_id": row.id, "case_id": row.case_id, "number": row.number, "kind": row.kind, "turn": row.turn}
                for row in rows
            ]
            publish_all(tx, FeedKind.RECHECK_DUE, bodies, now=now)
        told += len(rows)
        if len(rows) < batch:
            return told


def _load(tx: Connection, recheck_id: int) -> Any:
    # the case first, as every move does: two who lock in another order wait for each other
    about = tx.scalar(select(recheck.c.case_id).where(recheck.c.id == recheck_id))
    if about is not None:
        lock(tx, about)
    row = tx.execute(
        select(recheck, case.c.stage, case.c.kind, case.c.asset_id, case.c.handed_back_by)
        .join_from(recheck, case, case.c.id == recheck.c.case_id)
        .where(recheck.c.id == recheck_id)
        .with_for_update(of=recheck)
    ).one_or_none()
    if row is None:
        raise NotFound("recheck", recheck_id)
    if row.state != RecheckState.DUE:
        raise InvalidMove(f"this look is {row.state} already; what was found stands")
    return row


def _check_person(row: Any, by: Actor) -> None:
    if not by.case_roles & _LOOKING:
        raise NotAllowed(f"rechecks are done by verifiers and collectors; {by.name} is neither")
    check_area(by, row.area_code)
    if by.user_id is not None and by.user_id == row.handed_back_by:
        raise NotAllowed(f"{by.name} mended this; another person has to look whether it holds")


def _check_photos(tx: Connection, row: Any, photo_ids: Sequence[int]) -> None:
    wanted = set(photo_ids)
    if not wanted:
        return
    own = select(photo.c.id).where(photo.c.id.in_(wanted), photo.c.asset_id == row.asset_id)
    if len(tx.scalars(own).all()) != len(wanted):
        raise InvalidInput("photo", "not every photo shows what is looked at; upload it again from here")


def _plan_next(tx: Connection, row: Any, now: datetime) -> datetime | None:
    if row.turn >= row.times:
        return None
    due_at = now + timedelta(days=row.every_days)
    same = ("case_id", "round", "times", "every_days", "unit_id", "area_code")
    values = {name: getattr(row, name) for name in same}
    values |= {"turn": row.turn + 1, "state": RecheckState.DUE.value, "due_at": due_at, "planned_at": now}
    tx.execute(insert(recheck).values(values | {"photo_ids": []}))
    return due_at


def _reopen(tx: Connection, row: Any, note: str, *, by: Actor, now: datetime, zone: tzinfo) -> bool:
    _reopen_item(tx, row.case_id, note, by=by, now=now)
    if row.stage != Stage.CLOSED:
        return False
    if row.asset_id is not None:
        same = (case.c.asset_id == row.asset_id, case.c.kind == row.kind, IS_OPEN)
        if tx.scalar(select(case.c.id).where(*same)) is not None:
            return False
    # whoever looks may lack the right to reopen by their own decision; what was found decides here
    actor = by if by.case_roles & MOVES[MoveName.REOPEN].roles else SYSTEM
    order = MoveOrder(move=MoveName.REOPEN, note=note, detail={"recheck_id": row.id, "found_by": by.name})
    move_in(tx, case_id=row.case_id, order=order, by=actor, now=now, zone=zone)
    return True


def _reopen_item(tx: Connection, case_id: int, note: str, *, by: Actor, now: datetime) -> None:
    """The ledger hears of it: the newest item of that case, struck off or not."""
    newest = select(supervision_item.c.id).where(supervision_item.c.case_id == case_id)
    item_id = tx.scalar(newest.order_by(supervision_item.c.id.desc()).limit(1))
    if item_id is not None:
        detail = {"possible": ItemMove.REOPEN.value}
        write_entry(tx, item_id, ItemEvent.RECHECK_FAILED, by=by, now=now, note=note, detail=detail)
