"""What may be done to cases: moved by people through the table of moves, asked for and decided through chains.

With ``case_opening`` the only writers of ``case_file`` and its timeline. Every change writes an entry and a feed row in
its own transaction. ``case_clocks`` does what time alone does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, or_, select, update

from registry.domain.case_moves import CaseState, MoveOrder, carry_out, is_late
from registry.domain.case_requests import GRANTED_BY, REFUSED_BY, decide_chain, read_chain
from registry.domain.case_story import Line
from registry.domain.case_telling import told
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import AlertState, CaseRole, RequestKind, RequestState, Stage
from registry.domain.moves import EventName, MoveName, read_move
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import case_merging, case_requests, case_writing
from registry.services.aftercare import follow_up
from registry.services.case_clocks import mark_overdue
from registry.services.case_events import tell_of_move
from registry.services.case_limits import limits_of
from registry.services.case_opening import Opened, feed_body, note_alert, open_or_attach
from registry.services.closing import closing_needs
from registry.services.feed import FeedKind, publish
from registry.services.people import actor_of
from registry.services.tags import Scan
from registry.storage.database import written
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, case, entry, photo, unit, user

__all__ = [
    "CaseMoved",
    "Opened",
    "decide_request",
    "mark_overdue",
    "move_case",
    "move_in",
    "note_alert",
    "open_or_attach",
]

_ANEW = (MoveName.FILE, MoveName.REOPEN)
"""A life begins: the clocks are chosen anew."""

_SENDING = {
    MoveName.DISPATCH: CaseRole.HANDLER,
    MoveName.ASK_CHECK: CaseRole.COLLECTOR,
    MoveName.ASK_VERIFICATION: CaseRole.COLLECTOR,
}
"""Who can be sent by which move."""


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
    request_id: int | None = None


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
    until: datetime | None = None,
    into_id: int | None = None,
    passed: bool | None = None,
    quantity: float | None = None,
    cause: str = "",
    photo_ids: Sequence[int] = (),
    scan: Scan | None = None,
    detail: Mapping[str, Any] | None = None,
    zone: tzinfo = CHINA_TIME,
) -> CaseMoved:
    """Carry out one move of ``domain.moves.MOVES``: the case, its entry, its photos and the feed row, or nothing.

    ``expected_version`` is the version the person looked at. ``photo_ids`` are kept photos of the case's asset;
    ``scan`` is the scan of the plate with which the person proved to be there; ``detail`` says more in the entry (why
    it was dispatched to them). Raises ``NotFound``, ``NotAllowed``, ``InvalidMove``, ``InvalidInput`` (see
    ``carry_out``) and ``Conflict`` when somebody else moved it first.
    """
    order = MoveOrder(
        move=read_move(move),
        note=note.strip(),
        assignee_id=assignee_id,
        unit_id=unit_id,
        until=until,
        into_id=into_id,
        passed=passed,
        quantity=quantity,
        cause=cause.strip(),
        detail=detail or {},
    )
    return written(
        engine,
        lambda tx: move_in(
            tx,
            case_id=case_id,
            order=order,
            by=by,
            expected_version=expected_version,
            now=now,
            photo_ids=photo_ids,
            scan=scan,
            zone=zone,
        ),
    )


def move_in(
    tx: Connection,
    *,
    case_id: int,
    order: MoveOrder,
    by: Actor,
    now: datetime,
    expected_version: int | None = None,
    photo_ids: Sequence[int] = (),
    scan: Scan | None = None,
    zone: tzinfo = CHINA_TIME,
) -> CaseMoved:
    """The same inside a transaction, for what moves a case together with something of its own.

    ``expected_version`` None: whatever the version is (the case is kept for this transaction).
    """
    if order.move is MoveName.MERGE and order.into_id is not None:
        case_writing.lock(tx, case_id, order.into_id)
    row = case_writing.load(tx, case_id)
    before = case_writing.state_of(tx, row)
    check_area(by, row.lies_in)
    if expected_version is not None and before.version != expected_version:
        raise Conflict(_who_was_first(tx, before))
    if is_late(before.story, now=now):
        before = _note_overdue(tx, row, before, now=now)
    kept = None if order.move in _ANEW else before.story.limits
    limits = limits_of(tx, row.kind, area_code=row.lies_in, now=now, kept=kept, zone=zone)
    order = _complete(tx, before, order, row, photo_ids, now, unit_of=limits.line.quantity_unit)
    to_stage, detail = carry_out(before, order, limits, by=by, now=now)
    detail |= _keep_asked(tx, before, order, by=by, now=now)
    if photo_ids:
        detail["photo_ids"] = sorted(set(photo_ids))
    detail |= _proof(row, scan)
    if order.move is MoveName.REOPEN:
        _check_no_other_open(tx, row)
    into = case_merging.check_target(tx, order.into_id, by=by) if order.into_id is not None else None
    if into is not None:
        detail["into_number"] = into.number
    line = Line(at=now, move=order.move, to_stage=to_stage, by_user_id=by.user_id, detail=detail)
    story = told(before.story, line)
    version = case_writing.save(tx, before, story)
    _attach_photos(tx, row, photo_ids, order.move)
    case_writing.write_entry(tx, before, line, note=order.note, by=by)
    case_writing.keep_looks(tx, case_id, before.story, story, line, order.note)
    case_requests.withdraw_requests(tx, case_id, to_stage=to_stage, reopened=order.move is MoveName.REOPEN, now=now)
    if into is not None:
        case_merging.go_along(tx, row, into, by=by, note=order.note, now=now)
    follow_up(tx, case_id, order.move, by=by, now=now, note=order.note)
    tell_of_move(tx, case_id, order, story, by=by, now=now)
    moved = {"stage": to_stage.value, "move": order.move.value, "version": version, "by": by.name}
    publish(tx, FeedKind.CASE_MOVED, feed_body(row) | moved, now=now)
    return CaseMoved(
        case_id=case_id,
        number=row.number,
        move=order.move,
        from_stage=before.stage,
        stage=to_stage,
        version=version,
        deadline_at=story.deadline_at or row.deadline_at,
        assignee_id=story.assignee_id,
        unit_id=story.unit_id,
        request_id=detail.get("request_id"),
    )


def decide_request(
    engine: Engine,
    *,
    request_id: int,
    granted: bool,
    by: Actor,
    expected_version: int,
    now: datetime,
    case_id: int | None = None,
    note: str = "",
    zone: tzinfo = CHINA_TIME,
) -> CaseMoved:
    """Decide the next step of a request's chain; with the last one it is granted, with a refusal it is over.

    ``case_id`` is the case that the person looked at; a request of another one does not exist there.
    Raises what ``move_case`` raises; ``NotAllowed`` for who is not asked, who asked, and who decided a step of an
    appeal already.
    """
    return written(
        engine,
        lambda tx: _decide(
            tx,
            request_id,
            case_id,
            granted=granted,
            by=by,
            expected_version=expected_version,
            now=now,
            note=note.strip(),
            zone=zone,
        ),
    )


def _decide(
    tx: Connection,
    request_id: int,
    case_id: int | None,
    *,
    granted: bool,
    by: Actor,
    expected_version: int,
    now: datetime,
    note: str,
    zone: tzinfo,
) -> CaseMoved:
    # the case first, as every move does: two who lock in another order wait for each other
    about = case_requests.case_of_request(tx, request_id)
    if case_id not in (None, about):
        raise NotFound("request", request_id)
    case_writing.lock(tx, about)
    kept = case_requests.load_request(tx, request_id)
    if kept.state != RequestState.WAITING:
        raise Conflict(f"the request is {kept.state} already. Load the case again")
    kind = RequestKind(kept.kind)
    steps, state = decide_chain(
        kind, read_chain(kept.steps), granted=granted, note=note, by=by, asked_by=kept.asked_by, now=now
    )
    moves = {RequestState.GRANTED: GRANTED_BY[kind], RequestState.REFUSED: REFUSED_BY[kind]}
    order = MoveOrder(
        move=moves.get(state, MoveName.APPROVE),
        note=note or (kept.reason if state is RequestState.GRANTED else ""),
        until=kept.until,
        request_id=request_id,
        by_chain=True,
    )
    case_requests.save_request(tx, request_id, steps, state, now=now)
    return move_in(tx, case_id=about, order=order, by=by, expected_version=expected_version, now=now, zone=zone)


def _keep_asked(tx: Connection, before: CaseState, order: MoveOrder, *, by: Actor, now: datetime) -> dict[str, Any]:
    """What asks for something gets a request of its own; what grants it outright answers the one that waits."""
    asks, grants = case_requests.KIND_ASKED.get(order.move), case_requests.KIND_GRANTED.get(order.move)
    if asks is not None:
        request_id = case_requests.keep_request(
            tx, before.id, asks, reason=order.note, until=order.until, by=by, now=now
        )
        return {"request_id": request_id}
    if grants is None or order.by_chain:
        return {}
    waiting = case_requests.waiting_request(tx, before.id, grants)
    if waiting is None:
        return {}
    steps = [
        step
        if step.granted is not None
        else replace(step, by_user_id=by.user_id, at=now, granted=True, note=order.note)
        for step in read_chain(waiting.steps)
    ]
    case_requests.save_request(tx, waiting.id, steps, RequestState.GRANTED, now=now)
    return {"request_id": waiting.id}


def _who_was_first(tx: Connection, case_now: CaseState) -> str:
    last = tx.execute(
        select(entry.c.move, entry.c.to_stage, user.c.name)
        .select_from(entry.outerjoin(user, user.c.id == entry.c.by_user_id))
        .where(entry.c.case_id == case_now.id, entry.c.move.in_(case_writing.MOVE_WORDS))
        .order_by(entry.c.id.desc())
        .limit(1)
    ).one_or_none()
    what = f"{last.name or 'the system'} did {last.move} meanwhile; it" if last else "it"
    return f"case {case_now.number} has changed: {what} is {case_now.stage.value} now. Load it again and decide anew"


def _complete(
    tx: Connection,
    before: CaseState,
    order: MoveOrder,
    row: Any,
    photo_ids: Sequence[int],
    now: datetime,
    *,
    unit_of: str,
) -> MoveOrder:
    """The order with what only the records know: people that exist, photos, live alerts, what is still missing."""
    if order.move in _SENDING:
        return _check_assignment(tx, order, row.lies_in)
    order = replace(order, assignee_id=None, unit_id=None, photos=len(set(photo_ids)), quantity_unit=unit_of)
    if order.move is not MoveName.MERGE:
        order = replace(order, into_id=None)
    story = before.story
    if order.move in (MoveName.HAND_BACK, MoveName.SECURE) and not order.photos and story.accepted_at is not None:
        taken = select(func.count()).where(photo.c.case_id == before.id, photo.c.recorded_at >= story.accepted_at)
        return replace(order, photos=tx.execute(taken).scalar_one())
    if order.move is MoveName.SELF_HANDLE:
        shown = select(photo.c.kind).where(or_(photo.c.case_id == before.id, photo.c.id.in_(list(photo_ids))))
        return replace(order, photo_kinds=frozenset(tx.scalars(shown)))
    if order.move is MoveName.CLOSE:
        live = select(func.count()).where(alert.c.case_id == before.id, alert.c.state == AlertState.FIRING)
        needs = tuple(closing_needs(tx, before.id, now=now))
        return replace(order, live_alerts=tx.execute(live).scalar_one(), needs=needs)
    return order


def _check_assignment(tx: Connection, order: MoveOrder, area_code: str) -> MoveOrder:
    """People that exist, hold the post, and may open the file of the thing they are sent to."""
    if order.assignee_id is not None:
        row = tx.execute(select(user).where(user.c.id == order.assignee_id)).one_or_none()
        if row is None or not row.active or _SENDING[order.move] not in actor_of(row).case_roles:
            raise InvalidInput(
                "assignee_id", "{given} is not an active crew member; choose one of the list", given=order.assignee_id
            )
        if not area_code.startswith(row.area_code):
            raise InvalidInput(
                "assignee_id",
                "is bound to area {bound_to} and this lies in {area_code}; choose somebody of that area",
                bound_to=row.area_code,
                area_code=area_code,
            )
        if order.unit_id is None:
            order = replace(order, unit_id=row.unit_id)
    if order.unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == order.unit_id)) is None:
        raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=order.unit_id)
    return order


def _check_no_other_open(tx: Connection, row: Any) -> None:
    if row.asset_id is None:
        return  # there may be any number of things at places that nobody has named yet
    other = tx.scalar(select(case.c.number).where(case.c.asset_id == row.asset_id, case.c.kind == row.kind, IS_OPEN))
    if other is not None:
        raise Conflict(f"{row.asset_name} has an open case of this kind already: {other}. Go on there instead")


def _attach_photos(tx: Connection, row: Any, photo_ids: Sequence[int], move: MoveName) -> None:
    wanted = set(photo_ids)
    if not wanted:
        return
    free = or_(photo.c.case_id.is_(None), photo.c.case_id == row.id)
    here = photo.c.asset_id.is_(None) if row.asset_id is None else photo.c.asset_id == row.asset_id
    taken = tx.execute(update(photo).where(photo.c.id.in_(wanted), here, free).values(case_id=row.id))
    if taken.rowcount != len(wanted):
        raise InvalidInput(
            "photo",
            "not every photo shows {asset_name} or is free; upload it again from this case",
            asset_name=row.asset_name,
        )
    if move is MoveName.HAND_BACK:
        unsaid = (photo.c.id.in_(wanted), photo.c.kind == "")
        tx.execute(update(photo).where(*unsaid).values(kind="after"))


def _proof(row: Any, scan: Scan | None) -> dict[str, Any]:
    """What the scan proves: that the person was at this asset, and how far from its kept place."""
    if scan is None:
        return {}
    if scan.asset_id != row.asset_id:
        raise InvalidInput(
            "scan", "that plate is not the one of {asset_name}; scan its own plate", asset_name=row.asset_name
        )
    return {"scanned": True, "distance_m": scan.distance_m}


def _note_overdue(tx: Connection, row: Any, before: CaseState, *, now: datetime) -> CaseState:
    """The move came after the deadline and before the worker's look: the missed deadline is kept all the same."""
    values = case_writing.overdue_entry(row, before.stage, now)
    tx.execute(insert(entry).values(values))
    publish(tx, FeedKind.CASE_OVERDUE, feed_body(row) | {"deadline_at": row.deadline_at.isoformat()}, now=now)
    line = Line(at=now, move=EventName.OVERDUE, to_stage=before.stage, by_user_id=None, detail=values["detail"])
    return replace(before, story=told(before.story, line))
