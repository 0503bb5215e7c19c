"""What people say of groups: that an alert does not belong, what the cause was, that somebody sees to all of it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import AlertEventKind, AlertState, Severity
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.services.acknowledging import alert_to_change, check_note
from registry.services.alert_cases import is_of_group, open_case
from registry.services.alert_events import take_turn, write_event, write_events
from registry.services.group_writing import end, is_open, publish_group, refresh
from registry.services.rules import read_rule
from registry.storage.database import writing
from registry.storage.tables import alert, alert_event, alert_group, rule

MAX_CAUSE = 40


def take_out(
    engine: Engine, alert_id: int, *, by: Actor, now: datetime, note: str = "", zone: tzinfo = CHINA_TIME
) -> int | None:
    """The alert has another cause than its group: it stands alone from now on, with a case of its own; its id.

    It joins no group again. Raises ``NotFound``, ``OutsideArea``, ``InvalidMove`` when it is in none, and
    ``InvalidInput`` for a note that is too long.
    """
    note = check_note(note)
    with writing(engine) as tx:
        row = alert_to_change(tx, alert_id, by)
        group_id = row.group_id
        if group_id is None:
            raise InvalidMove("this alert is in no group; load the page again")
        of_group = row.case_id is not None and is_of_group(tx, group_id, row.case_id)
        case_id = None if of_group else row.case_id
        tx.execute(update(alert).where(alert.c.id == alert_id).values(group_id=None, case_id=case_id))
        told = {"taken_out_of": group_id} | ({"note": note} if note else {})
        kind, severity = AlertEventKind.GROUPED, Severity(row.severity)
        write_event(tx, alert_id, kind, at=now, severity=severity, by=by, detail=told, now=now)
        if case_id is None:
            case_id = _own_case(tx, row, severity, now=now, zone=zone)
        if not refresh(tx, group_id):
            end(tx, group_id, now=now)
        else:
            publish_group(tx, group_id, now=now)
        audit.record(tx, by=by, action="alert.take_out", subject=f"alert:{alert_id}", detail=told, now=now)
    return case_id


def put_back(engine: Engine, alert_id: int, *, by: Actor, now: datetime) -> None:
    """Undo ``take_out``: the alert belongs to that group after all. The case that it got goes on.

    Raises ``NotFound``, ``OutsideArea``, and ``InvalidMove`` when nobody took it out or its group has ended.
    """
    with writing(engine) as tx:
        row = alert_to_change(tx, alert_id, by)
        of_alert = (alert_event.c.alert_id == alert_id, alert_event.c.kind == AlertEventKind.GROUPED.value)
        last = select(alert_event.c.detail).where(*of_alert).order_by(alert_event.c.id.desc()).limit(1)
        group_id = (tx.scalar(last) or {}).get("taken_out_of")
        if row.group_id is not None or group_id is None:
            raise InvalidMove("this alert was not taken out of a group; load the page again")
        if not is_open(tx, group_id):
            raise InvalidMove("its group has ended; the alert stays alone")
        tx.execute(update(alert).where(alert.c.id == alert_id).values(group_id=group_id))
        told = {"group_id": group_id, "put_back": True}
        kind, severity = AlertEventKind.GROUPED, Severity(row.severity)
        write_event(tx, alert_id, kind, at=now, severity=severity, by=by, detail=told, now=now)
        refresh(tx, group_id)
        publish_group(tx, group_id, now=now)
        audit.record(tx, by=by, action="alert.put_back", subject=f"alert:{alert_id}", detail=told, now=now)


def name_cause(engine: Engine, group_id: int, cause: str, *, by: Actor, now: datetime) -> None:
    """Say what the group was: a storm, a flood, a power cut; empty takes it back.

    Raises ``NotFound``, ``OutsideArea``, and ``InvalidInput`` for more than 40 characters.
    """
    cause = cause.strip()
    if len(cause) > MAX_CAUSE:
        raise InvalidInput("cause", "is longer than {most} characters; shorten it", most=MAX_CAUSE)
    with writing(engine) as tx:
        row = _group_to_change(tx, group_id, by)
        if row.cause == cause:
            return
        tx.execute(update(alert_group).where(alert_group.c.id == group_id).values(cause=cause))
        publish_group(tx, group_id, now=now)
        told = {"from": row.cause, "to": cause}
        audit.record(tx, by=by, action="group.cause", subject=f"group:{group_id}", detail=told, now=now)


def acknowledge_group(engine: Engine, group_id: int, *, by: Actor, now: datetime, note: str = "") -> int:
    """``by`` sees to all live alerts of the group that nobody has acknowledged; answers how many.

    Raises ``NotFound``, ``OutsideArea`` and ``InvalidInput`` for a note that is too long.
    """
    note = check_note(note)
    with writing(engine) as tx:
        row = _group_to_change(tx, group_id, by)
        live = (alert.c.group_id == group_id, alert.c.state == AlertState.FIRING.value)
        seen = {"acknowledged_at": now, "acknowledged_by": by.user_id}
        changed = update(alert).where(*live, alert.c.acknowledged_at.is_(None)).values(seen)
        taken = [(each.id, each.severity) for each in tx.execute(changed.returning(alert.c.id, alert.c.severity))]
        if not taken:
            return 0
        told = {"group_id": row.id} | ({"note": note} if note else {})
        write_events(tx, taken, AlertEventKind.ACKNOWLEDGED, at=now, by=by, detail=told, now=now)
        publish_group(tx, group_id, now=now, by=by.name)
        counted = told | {"alerts": len(taken)}
        audit.record(tx, by=by, action="group.acknowledge", subject=f"group:{group_id}", detail=counted, now=now)
    return len(taken)


def _group_to_change(tx: Connection, group_id: int, by: Actor) -> Any:
    take_turn(tx)
    row = tx.execute(select(alert_group).where(alert_group.c.id == group_id)).one_or_none()
    if row is None:
        raise NotFound("group", group_id)
    check_area(by, row.area_code)
    return row


def _own_case(tx: Connection, row: Any, severity: Severity, *, now: datetime, zone: tzinfo) -> int | None:
    """By the rule as it was when the alert fired."""
    then = select(rule).where(rule.c.key == row.rule_key, rule.c.version == row.rule_version)
    kept = tx.execute(then).mappings().one_or_none()
    if kept is None:
        return None
    level = row.value
    return open_case(tx, read_rule(kept), row.id, row.asset_id, severity=severity, level=level, now=now, zone=zone)
