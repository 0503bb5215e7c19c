"""What an alert means for cases: one opened or joined at once, later, or none."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from sqlalchemy import Connection, select, update

from registry.domain.kinds import AlertEventKind, Severity, Source
from registry.domain.moves import EventName
from registry.domain.rules import Rule
from registry.services import cases
from registry.services.alert_events import Subject, write_event
from registry.services.case_opening import raise_severity
from registry.storage.tables import alert, alert_group


def waits_until(rule: Rule, subject: Subject, severity: Severity, *, now: datetime) -> datetime | None:
    """Until when an alert waits for company before it opens a case of its own; None: it does not."""
    policy = rule.grouping
    if policy is None or severity >= policy.alone_from or subject.asset_id is None:
        return None
    return now + timedelta(seconds=policy.wait_s)


def open_case(
    tx: Connection,
    rule: Rule,
    alert_id: int,
    asset_id: int | None,
    *,
    severity: Severity,
    level: float | None,
    now: datetime,
    zone: tzinfo,
) -> int | None:
    """The case of this alert alone: opened or joined, noted on both; None where the rule raises none.

    The alert waits no more.
    """
    if rule.case_kind is None or asset_id is None:
        tx.execute(update(alert).where(alert.c.id == alert_id).values(case_due_at=None))
        return None
    opened = cases.open_or_attach(
        tx, asset_id=asset_id, kind=rule.case_kind, severity=severity, source=Source.SENSOR, now=now, zone=zone
    )
    had = tx.scalar(select(alert.c.case_id).where(alert.c.id == alert_id))
    tx.execute(update(alert).where(alert.c.id == alert_id).values(case_id=opened.case_id, case_due_at=None))
    if had == opened.case_id:
        return opened.case_id
    detail = {"alert_id": alert_id, "rule_key": rule.key, "severity": int(severity), "value": level}
    cases.note_alert(tx, case_id=opened.case_id, move=EventName.ALERT_ATTACHED, detail=detail, now=now)
    told = {"case_id": opened.case_id, "opened": opened.opened}
    write_event(tx, alert_id, AlertEventKind.CASE, at=now, severity=severity, level=level, detail=told, now=now)
    return opened.case_id


def raise_group(tx: Connection, group_id: int, severity: Severity, *, now: datetime) -> None:
    """Make the group and its case at least as severe as its worst member."""
    worse = update(alert_group).where(alert_group.c.id == group_id, alert_group.c.severity < int(severity))
    raised = tx.execute(worse.values(severity=int(severity)).returning(alert_group.c.case_id)).one_or_none()
    if raised is not None and raised.case_id is not None:
        raise_severity(tx, raised.case_id, severity, now=now)


def is_of_group(tx: Connection, group_id: int | None, case_id: int) -> bool:
    """Whether the case is the one of the whole group rather than of this member."""
    if group_id is None:
        return False
    return (
        tx.scalar(select(alert_group.c.id).where(alert_group.c.id == group_id, alert_group.c.case_id == case_id))
        is not None
    )
