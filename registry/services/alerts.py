"""Writing alerts: a verdict becomes an alert with its case, or ends one. Joined to the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import AlertState, Severity, Source
from registry.domain.moves import EventName
from registry.services import cases, feed
from registry.storage.tables import alert, asset


def fire(
    tx: Connection,
    *,
    rule_key: str,
    rule_version: int,
    case_kind: str | None,
    severity: Severity,
    point_id: int,
    device_id: int,
    asset_id: int,
    began_at: datetime,
    fired_at: datetime,
    trigger_received_at: datetime | None,
    value: float | None,
    now: datetime,
    zone: tzinfo = CHINA_TIME,
) -> int | None:
    """A live alert for (rule, point) with its case; answers its id, or None when one is live already.

    ``value`` is the level the rule saw. A person closing the case leaves the alert firing; the asset's next verdict
    then opens a new case.
    """
    live = select(alert.c.id).where(
        alert.c.rule_key == rule_key, alert.c.point_id == point_id, alert.c.state == AlertState.FIRING
    )
    if tx.scalar(live) is not None:
        return None
    case_id = None
    if case_kind is not None:
        case_id = cases.open_or_attach(
            tx, asset_id=asset_id, kind=case_kind, severity=severity, source=Source.SENSOR, now=now, zone=zone
        ).case_id
    alert_id = int(
        tx.execute(
            insert(alert)
            .values(
                rule_key=rule_key,
                rule_version=rule_version,
                point_id=point_id,
                device_id=device_id,
                asset_id=asset_id,
                case_id=case_id,
                severity=severity,
                state=AlertState.FIRING,
                began_at=began_at,
                fired_at=fired_at,
                trigger_received_at=trigger_received_at,
                recorded_at=now,
                value=value,
                peak=value,
            )
            .returning(alert.c.id)
        ).scalar_one()
    )
    detail = {"alert_id": alert_id, "rule_key": rule_key, "severity": int(severity), "value": value}
    if case_id is not None:
        cases.note_alert(tx, case_id=case_id, move=EventName.ALERT_ATTACHED, detail=detail, now=now)
    feed.publish(tx, "alert_fired", {**_about(tx, asset_id), **detail, "kind": case_kind, "case_id": case_id}, now=now)
    return alert_id


def clear(
    tx: Connection, *, rule_key: str, point_id: int, cleared_at: datetime, value: float | None, now: datetime
) -> int:
    """End the live alert of (rule, point), if there is one; the case stays open for people. Answers 1 or 0."""
    found = tx.execute(
        update(alert)
        .where(alert.c.rule_key == rule_key, alert.c.point_id == point_id, alert.c.state == AlertState.FIRING)
        .values(state=AlertState.CLEARED, cleared_at=cleared_at, cleared_value=value)
        .returning(alert.c.id, alert.c.case_id, alert.c.asset_id, alert.c.severity)
    ).one_or_none()
    if found is None:
        return 0
    detail = {"alert_id": found.id, "rule_key": rule_key, "severity": found.severity, "value": value}
    if found.case_id is not None:
        cases.note_alert(tx, case_id=found.case_id, move=EventName.ALERT_CLEARED, detail=detail, now=now)
    feed.publish(tx, "alert_cleared", {**_about(tx, found.asset_id), **detail, "case_id": found.case_id}, now=now)
    return 1


def worsen(tx: Connection, *, rule_key: str, point_id: int, value: float) -> None:
    """Note a clearly worse level on the live alert."""
    tx.execute(
        update(alert)
        .where(alert.c.rule_key == rule_key, alert.c.point_id == point_id, alert.c.state == AlertState.FIRING)
        .values(peak=value)
    )


def note_committed(tx: Connection, alert_ids: Sequence[int], *, at: datetime) -> None:
    """Note when the transaction that made these alerts was durable, so that latency is measured, not guessed."""
    tx.execute(update(alert).where(alert.c.id.in_(alert_ids)).values(committed_at=at))


def _about(tx: Connection, asset_id: int) -> dict[str, Any]:
    row = tx.execute(select(asset.c.id, asset.c.name, asset.c.road).where(asset.c.id == asset_id)).one()
    return {"asset_id": row.id, "asset_name": row.name, "road": row.road}
