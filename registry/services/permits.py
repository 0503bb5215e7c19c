"""Permits: starting, prolonging and ending one. How the cover sits when it is over is for ``permit_ends``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.done_at import told_late, when_done
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import AssetState, PermitState
from registry.domain.people import Actor
from registry.domain.permits import MAX_TEXT, MOST_PEOPLE, check_span, may_open, prolonged
from registry.services import audit
from registry.services.assets import asset_to_change
from registry.storage.database import writing
from registry.storage.tables import case, permit

_OVER = "the permit is over; start a new one if the work goes on"
_NOT_YOURS = "this asset is not in your unit's care; its own crew or a dispatcher can do it"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPermit:
    """An opening that is to be allowed. ``scanned``: whoever asks stands in front of the plate; else ``note`` says why.

    ``case_id``: the case that the work is for, where there is one. ``done_at``: when the work began, where a phone
    without a signal tells it later; the permit counts from then.
    """

    asset_id: int
    work: str
    people: int
    minutes: int
    case_id: int | None = None
    note: str = ""
    scanned: bool = False
    done_at: datetime | None = None


def start(engine: Engine, new: NewPermit, *, by: Actor, now: datetime) -> int:
    """Allow work on an asset from now on; the permit's id.

    One that runs already stays the only one (``InvalidMove``). Raises ``InvalidInput`` naming the field, ``NotFound``,
    ``NotAllowed``, ``Conflict``.
    """
    began = when_done(new.done_at, now=now)
    with writing(engine) as tx:
        row = asset_to_change(tx, new.asset_id, expected_version=None, by=by)
        _check_care(row, by)
        if row.state == AssetState.ABANDONED.value:
            raise InvalidMove("the asset is abandoned; nobody works on it any more")
        values = _checked(tx, new)
        _make_room(tx, new.asset_id, now=began)
        values |= {"state": PermitState.OPEN.value, "started_at": began, "ends_at": began + check_span(new.minutes)}
        added = insert(permit).values(**values, by_user_id=by.user_id).returning(permit.c.id)
        permit_id = int(tx.execute(added).scalar_one())
        told = {"asset_id": new.asset_id, "work": values["work"], "people": new.people, "minutes": new.minutes}
        told |= {"scanned": new.scanned} | told_late(new.done_at, now=now)
        told |= {"note": values["note"]} if values["note"] else {}
        audit.record(tx, by=by, action="permit.start", subject=f"permit:{permit_id}", detail=told, now=now)
    return permit_id


def prolong(
    engine: Engine, permit_id: int, minutes: int, *, by: Actor, now: datetime, done_at: datetime | None = None
) -> datetime:
    """Let it run ``minutes`` longer; the new end. Raises ``NotFound``, ``NotAllowed``, ``InvalidMove`` once it is over,
    and ``InvalidInput`` for an end that is more than 12 hours away. ``done_at``: when it was said, where a phone
    tells it later."""
    said_at = when_done(done_at, now=now)
    with writing(engine) as tx:
        row = _running(tx, permit_id, by=by, at=said_at)
        if row.state != PermitState.OPEN.value:
            raise InvalidMove(_OVER)
        ends_at = prolonged(row.ends_at, minutes, now=said_at)
        tx.execute(update(permit).where(permit.c.id == permit_id).values(ends_at=ends_at))
        told = {"asset_id": row.asset_id, "minutes": minutes} | told_late(done_at, now=now)
        audit.record(tx, by=by, action="permit.prolong", subject=f"permit:{permit_id}", detail=told, now=now)
    return ends_at


def end(
    engine: Engine, permit_id: int, *, by: Actor, now: datetime, note: str = "", done_at: datetime | None = None
) -> None:
    """The work is done and the cover closed, says ``by``; the next readings tell whether it is.

    ``done_at``: when they said so, where a phone without a signal tells it later. It counts although the permit has
    run out meanwhile; what was found of the cover since then stays.
    Raises ``NotFound``, ``NotAllowed``, ``InvalidMove`` once it is over, ``InvalidInput`` for too long a note.
    """
    ended_at = when_done(done_at, now=now)
    with writing(engine) as tx:
        row = _running(tx, permit_id, by=by, at=ended_at)
        if ended_at < row.started_at:
            raise InvalidInput("done_at", "lies before the permit began; check the phone's clock")
        said = "\n".join(part for part in (row.note, _text("note", note)) if part)
        values: dict[str, Any] = {"ended_at": ended_at, "ended_by": by.user_id, "note": said}
        if row.state == PermitState.OPEN.value:
            values["state"] = PermitState.ENDED.value
        tx.execute(update(permit).where(permit.c.id == permit_id).values(values))
        told = {"asset_id": row.asset_id, "note": note.strip()} | told_late(done_at, now=now)
        audit.record(tx, by=by, action="permit.end", subject=f"permit:{permit_id}", detail=told, now=now)


def _running(tx: Connection, permit_id: int, *, by: Actor, at: datetime) -> Any:
    """The permit, which ran ``at`` that moment and that nobody has ended since."""
    row = tx.execute(select(permit).where(permit.c.id == permit_id)).first()
    if row is None:
        raise NotFound("permit", permit_id)
    _check_care(asset_to_change(tx, row.asset_id, expected_version=None, by=by), by)
    # again, now that nobody else can change it
    row = tx.execute(select(permit).where(permit.c.id == permit_id)).one()
    if row.ended_by is not None or row.ends_at <= at:
        raise InvalidMove(_OVER)
    return row


def _check_care(row: Any, by: Actor) -> None:
    if not may_open(by, (row.supervisor_unit_id, row.owner_unit_id, row.maintainer_unit_id)):
        raise NotAllowed(_NOT_YOURS)


def _make_room(tx: Connection, asset_id: int, *, now: datetime) -> None:
    """End the asset's open permit where its time is over and the worker has not come by yet; refuse beside one that
    runs."""
    of_asset = select(permit.c.id, permit.c.ends_at).where(
        permit.c.asset_id == asset_id, permit.c.state == PermitState.OPEN.value
    )
    there = tx.execute(of_asset).first()
    if there is None:
        return
    if there.ends_at > now:
        raise InvalidMove("a permit for this asset runs already; prolong it, or end it first")
    close_in_time(tx, there.id, there.ends_at)


def close_in_time(tx: Connection, permit_id: int, ends_at: datetime) -> bool:
    """Nobody ended it, its time did: at the moment that was agreed, whenever this is noticed. Whether it was open."""
    over = update(permit).where(permit.c.id == permit_id, permit.c.state == PermitState.OPEN.value)
    return tx.execute(over.values(state=PermitState.ENDED.value, ended_at=ends_at)).rowcount == 1


def _checked(tx: Connection, new: NewPermit) -> dict[str, Any]:
    work = _text("work", new.work)
    if not work:
        raise InvalidInput("work", "say in a few words what is done there")
    if not 1 <= new.people <= MOST_PEOPLE:
        raise InvalidInput("people", "{given} must be 1 to {most} people", given=new.people, most=MOST_PEOPLE)
    check_span(new.minutes)
    note = _text("note", new.note)
    if not new.scanned and not note:
        raise InvalidInput("note", "say why it is started from afar: nobody has scanned the plate")
    if new.case_id is not None:
        of_asset = select(case.c.id).where(case.c.id == new.case_id, case.c.asset_id == new.asset_id)
        if tx.execute(of_asset).first() is None:
            raise InvalidInput("case_id", "{given} is no case of this asset; leave it out", given=new.case_id)
    return {"asset_id": new.asset_id, "case_id": new.case_id, "work": work, "people": new.people, "note": note}


def _text(field: str, text: str) -> str:
    said = text.strip()
    if len(said) > MAX_TEXT:
        raise InvalidInput(field, "is longer than {most} characters; shorten it", most=MAX_TEXT)
    return said
