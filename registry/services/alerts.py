"""Writing alerts: a verdict becomes an alert with its case, changes one, or ends it, in the caller's transaction.

Every change also writes a row of ``alert_event``, which is the alert's timeline and what notices are planned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import AlertEventKind, AlertState, PermitState, Severity
from registry.domain.moves import EventName
from registry.domain.rules import Rule
from registry.services import cases
from registry.services.acknowledging import acknowledge, take_back_acknowledgement
from registry.services.alert_cases import is_of_group, open_case, raise_group, waits_until
from registry.services.alert_events import Subject, publish, take_turn, write_event
from registry.services.feed import FeedKind
from registry.storage.tables import alert, permit

__all__ = [
    "Subject",
    "acknowledge",
    "clear",
    "fire",
    "hold",
    "note_committed",
    "overrun",
    "remember",
    "step",
    "take_back_acknowledgement",
    "take_turn",
    "worsen",
]

_INSERTS: dict[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}

PERMIT_SLACK = timedelta(minutes=1)
"""A plate is scanned by the city's clock and a cover opened by its cabinet's; they may differ by this much."""


def fire(
    tx: Connection,
    rule: Rule,
    subject: Subject,
    *,
    began_at: datetime,
    fired_at: datetime,
    now: datetime,
    severity: Severity | None = None,
    trigger_received_at: datetime | None = None,
    level: float | None = None,
    memory: str = "",
    detail: Mapping[str, Any] | None = None,
    zone: tzinfo = CHINA_TIME,
) -> int | None:
    """A live alert of ``rule`` about ``subject``; answers its id, or None when one is live already.

    ``severity`` None is the rule's own. ``level`` is what the rule saw, ``memory`` what it remembered then, as JSON.
    Its case is opened or joined at once, save where the rule lets it wait for company (``case_due_at``; see
    ``services.grouping``), where the rule raises none, where there is no asset to have one, or where a permit covers
    it: then it is *expected*. A person who closes the case leaves the alert firing; the asset's next verdict then opens
    a new case.
    """
    worst = rule.severity if severity is None else severity
    permit_id = _open_permit(tx, rule, subject, fired_at)
    waits = None if permit_id is not None else waits_until(rule, subject, worst, now=now)
    row = {
        **subject.columns(),
        "rule_key": rule.key,
        "rule_version": rule.version,
        "permit_id": permit_id,
        "case_due_at": waits,
        "severity": int(worst),
        "peak_severity": int(worst),
        "state": AlertState.FIRING.value,
        "memory": memory,
        "began_at": began_at,
        "fired_at": fired_at,
        "trigger_received_at": trigger_received_at,
        "recorded_at": now,
        "value": level,
        "peak": level,
    }
    alert_id = _insert(tx, row)
    if alert_id is None:
        return None
    kind = AlertEventKind.FIRED if permit_id is None else AlertEventKind.EXPECTED
    told = {"began_at": began_at.isoformat(), "rule_version": rule.version, **(detail or {})}
    if permit_id is not None:
        told["permit_id"] = permit_id
    write_event(tx, alert_id, kind, at=fired_at, severity=worst, level=level, detail=told, now=now)
    case_id = None
    if permit_id is None and waits is None:
        case_id = open_case(tx, rule, alert_id, subject.asset_id, severity=worst, level=level, now=now, zone=zone)
    body = {"alert_id": alert_id, "rule_key": rule.key, "severity": int(worst), "value": level}
    body |= {"kind": rule.case_kind, "case_id": case_id, "permit_id": permit_id}
    publish(tx, FeedKind.ALERT_FIRED, subject, body, now=now)
    return alert_id


def step(
    tx: Connection,
    rule: Rule,
    subject: Subject,
    *,
    severity: Severity,
    at: datetime,
    level: float | None,
    now: datetime,
    zone: tzinfo = CHINA_TIME,
) -> bool:
    """The live alert becomes more or less severe; its case only more. Answers whether anything changed.

    One that waited for company and is too severe for that now gets its case at once; so does a group's member.
    """
    row = tx.execute(select(alert).where(*_live(rule.key, subject))).one_or_none()
    if row is None or row.severity == severity:
        return False
    up = severity > row.severity
    changed = {"severity": int(severity), "peak_severity": max(row.peak_severity, row.severity, int(severity))}
    if up and level is not None:
        changed["peak"] = level
    tx.execute(update(alert).where(alert.c.id == row.id).values(changed))
    kind = AlertEventKind.STEP_UP if up else AlertEventKind.STEP_DOWN
    told = {"from": row.severity, "to": int(severity)}
    write_event(tx, row.id, kind, at=at, severity=severity, level=level, detail=told, now=now)
    # while a permit covers it, it has no case; one that overran has
    if up and (row.permit_id is None or row.case_id is not None):
        _deepen(tx, rule, row, severity, level=level, now=now, zone=zone)
    body = {"alert_id": row.id, "rule_key": rule.key, "severity": int(severity), "change": kind.value}
    publish(tx, FeedKind.ALERT_CHANGED, Subject.of(row), body | {"case_id": row.case_id}, now=now)
    return True


def hold(tx: Connection, rule: Rule, subject: Subject, *, at: datetime, level: float | None, now: datetime) -> bool:
    """The live alert would have cleared and fired too often: it is held open, and says since when and how often.

    The first time writes an event; after that only ``fires`` counts on.
    """
    row = tx.execute(select(alert).where(*_live(rule.key, subject))).one_or_none()
    if row is None:
        return False
    since = at if row.flapping_since is None else row.flapping_since
    changed = {"flapping_since": since, "fires": row.fires + 1}
    tx.execute(update(alert).where(alert.c.id == row.id).values(changed))
    if row.flapping_since is not None:
        return True
    told = {"fires": row.fires + 1}
    kind = AlertEventKind.FLAPPING
    write_event(tx, row.id, kind, at=at, severity=Severity(row.severity), level=level, detail=told, now=now)
    body = {"alert_id": row.id, "rule_key": rule.key, "severity": row.severity, "change": kind.value}
    publish(tx, FeedKind.ALERT_CHANGED, Subject.of(row), body | {"case_id": row.case_id}, now=now)
    return True


def remember(tx: Connection, rule: Rule, subject: Subject, memory: str) -> None:
    """Keep with the live alert what its rule remembers of it, where no ``rule_memory`` does."""
    tx.execute(update(alert).where(*_live(rule.key, subject)).values(memory=memory))


def worsen(tx: Connection, rule: Rule, subject: Subject, *, at: datetime, level: float, now: datetime) -> bool:
    """Note a clearly worse level on the live alert."""
    changed = update(alert).where(*_live(rule.key, subject)).values(peak=level)
    row = tx.execute(changed.returning(alert.c.id, alert.c.severity)).one_or_none()
    if row is None:
        return False
    severity = Severity(row.severity)
    write_event(tx, row.id, AlertEventKind.WORSENED, at=at, severity=severity, level=level, now=now)
    return True


def clear(
    tx: Connection,
    rule_key: str,
    subject: Subject,
    *,
    cleared_at: datetime,
    level: float | None,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """End the live alert of (rule, subject), if there is one; the case stays open for people. Answers 1 or 0.

    ``detail`` is the evidence that it is over. The case of a group hears of its members' end once, when all are over.
    """
    found = tx.execute(
        update(alert)
        .where(*_live(rule_key, subject))
        .values(state=AlertState.CLEARED.value, cleared_at=cleared_at, cleared_value=level)
        .returning(alert)
    ).one_or_none()
    if found is None:
        return 0
    severity = Severity(found.severity)
    kind = AlertEventKind.CLEARED
    write_event(tx, found.id, kind, at=cleared_at, severity=severity, level=level, detail=detail, now=now)
    body = {"alert_id": found.id, "rule_key": rule_key, "severity": found.severity, "value": level}
    if found.case_id is not None and not is_of_group(tx, found.group_id, found.case_id):
        cases.note_alert(tx, case_id=found.case_id, move=EventName.ALERT_CLEARED, detail=body, now=now)
    publish(tx, FeedKind.ALERT_CLEARED, Subject.of(found), body | {"case_id": found.case_id}, now=now)
    return 1


def overrun(
    tx: Connection, rule: Rule, alert_id: int, *, at: datetime, now: datetime, zone: tzinfo = CHINA_TIME
) -> bool:
    """The permit that covered this live alert is over and the alert is not: it counts from now on, with its case.

    ``at`` is when the permit ended. Answers False when the alert is over too, or was never expected.
    """
    live = (alert.c.id == alert_id, alert.c.state == AlertState.FIRING.value, alert.c.permit_id.is_not(None))
    row = tx.execute(select(alert).where(*live)).one_or_none()
    if row is None or row.case_id is not None:
        return False
    severity = Severity(row.severity)
    kind = AlertEventKind.OVERRUN
    told = {"permit_id": row.permit_id}
    write_event(tx, alert_id, kind, at=at, severity=severity, level=row.peak, detail=told, now=now)
    level = row.peak
    case_id = open_case(tx, rule, alert_id, row.asset_id, severity=severity, level=level, now=now, zone=zone)
    subject = Subject.of(row)
    body = {"alert_id": alert_id, "rule_key": rule.key, "severity": row.severity, "value": level}
    publish(tx, FeedKind.ALERT_FIRED, subject, body | {"kind": rule.case_kind, "case_id": case_id}, now=now)
    return True


def note_committed(tx: Connection, alert_ids: Sequence[int], *, at: datetime) -> None:
    """Note when the transaction that made these alerts was durable, so that latency is measured, not guessed."""
    tx.execute(update(alert).where(alert.c.id.in_(alert_ids)).values(committed_at=at))


def _insert(tx: Connection, row: Mapping[str, Any]) -> int | None:
    """The new alert's id; None when the indexes of live alerts know one already."""
    made = _INSERTS[tx.dialect.name](alert).values(row).on_conflict_do_nothing().returning(alert.c.id)
    alert_id: int | None = tx.scalar(made)
    return alert_id


def _live(rule_key: str, subject: Subject) -> tuple[Any, ...]:
    firing = (alert.c.rule_key == rule_key, alert.c.state == AlertState.FIRING.value)
    if subject.point_id is not None:
        return (*firing, alert.c.point_id == subject.point_id)
    whole = (alert.c.point_id.is_(None), alert.c.cabinet_id == subject.cabinet_id, alert.c.bus == subject.bus)
    return (*firing, *whole)


def _open_permit(tx: Connection, rule: Rule, subject: Subject, fired_at: datetime) -> int | None:
    """The permit that runs for the asset now and was started before the alert fired."""
    if not rule.permit or subject.asset_id is None:
        return None
    running = (permit.c.asset_id == subject.asset_id, permit.c.state == PermitState.OPEN.value)
    return tx.scalar(select(permit.c.id).where(*running, permit.c.started_at <= fired_at + PERMIT_SLACK))


def _deepen(
    tx: Connection, rule: Rule, row: Any, severity: Severity, *, level: float | None, now: datetime, zone: tzinfo
) -> None:
    """What a more severe alert means for its case."""
    alone = rule.grouping is None or severity >= rule.grouping.alone_from
    if alone:
        open_case(tx, rule, row.id, row.asset_id, severity=severity, level=level, now=now, zone=zone)
    elif row.group_id is not None:
        raise_group(tx, row.group_id, severity, now=now)
    elif row.case_id is not None:
        open_case(tx, rule, row.id, row.asset_id, severity=severity, level=level, now=now, zone=zone)
