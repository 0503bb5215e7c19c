"""A person takes notice of an alert, and everybody knows that somebody sees to it. It can be taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import AlertEventKind, AlertState, Severity
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.services.alert_events import Subject, publish, take_turn, write_event
from registry.services.feed import FeedKind
from registry.storage.database import writing
from registry.storage.tables import alert, asset, user

MAX_NOTE = 500


def acknowledge(engine: Engine, alert_id: int, *, by: Actor, now: datetime, note: str = "") -> None:
    """``by`` has seen the alert and sees to it; doing so twice changes nothing.

    Raises ``NotFound``, ``OutsideArea``, ``InvalidMove`` when it is over, ``Conflict`` when somebody else did already,
    and ``InvalidInput`` for a note that is too long.
    """
    note = check_note(note)
    with writing(engine) as tx:
        row = alert_to_change(tx, alert_id, by)
        if row.acknowledged_at is not None:
            if row.acknowledged_by == by.user_id:
                return
            who = tx.scalar(select(user.c.name).where(user.c.id == row.acknowledged_by)) or "somebody"
            raise Conflict(f"{who} has acknowledged this alert already; load the page again")
        if row.state != AlertState.FIRING:
            raise InvalidMove("this alert is over; there is nothing left to acknowledge")
        _write(tx, row, {"note": note} if note else {}, by=by, at=now, now=now)
        audit.record(tx, by=by, action="alert.acknowledge", subject=f"alert:{alert_id}", detail={"note": note}, now=now)


def take_back_acknowledgement(engine: Engine, alert_id: int, *, by: Actor, now: datetime) -> None:
    """Nobody sees to the alert after all: it counts as new again, and may escalate. Without one nothing changes.

    Raises ``NotFound`` and ``OutsideArea``.
    """
    with writing(engine) as tx:
        row = alert_to_change(tx, alert_id, by)
        if row.acknowledged_at is None:
            return
        _write(tx, row, {"taken_back": True}, by=by, at=None, now=now)
        audit.record(tx, by=by, action="alert.acknowledge.undo", subject=f"alert:{alert_id}", now=now)


def alert_to_change(tx: Connection, alert_id: int, by: Actor) -> Any:
    """The alert's row, when ``by`` may change it, in a transaction whose turn it is. ``NotFound``, ``OutsideArea``."""
    take_turn(tx)
    joined = alert.outerjoin(asset, asset.c.id == alert.c.asset_id)
    found = select(alert, asset.c.area_code).select_from(joined).where(alert.c.id == alert_id)
    row = tx.execute(found).one_or_none()
    if row is None:
        raise NotFound("alert", alert_id)
    check_area(by, row.area_code or "")
    return row


def check_note(note: str) -> str:
    """The note without blanks at its ends. Raises ``InvalidInput``."""
    said = note.strip()
    if len(said) > MAX_NOTE:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MAX_NOTE)
    return said


def _write(tx: Connection, row: Any, detail: dict[str, Any], *, by: Actor, at: datetime | None, now: datetime) -> None:
    who = None if at is None else by.user_id
    tx.execute(update(alert).where(alert.c.id == row.id).values(acknowledged_at=at, acknowledged_by=who))
    kind, severity = AlertEventKind.ACKNOWLEDGED, Severity(row.severity)
    write_event(tx, row.id, kind, at=now, severity=severity, by=by, detail=detail, now=now)
    body = {"alert_id": row.id, "rule_key": row.rule_key, "severity": row.severity, "case_id": row.case_id}
    changed = body | {"change": kind.value, "by": by.name if at is not None else ""}
    publish(tx, FeedKind.ALERT_CHANGED, Subject.of(row), changed, now=now)
