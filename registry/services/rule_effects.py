"""What becomes of live alerts and of what rules remember when a rule changes: in the transaction that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from registry.domain.kinds import AlertState, Family
from registry.domain.people import SYSTEM, Actor
from registry.domain.rules import Rule
from registry.domain.rules.watched import Thing, does_watch, keeps_memory
from registry.services import alerts
from registry.storage.tables import alert, asset, device, rule_memory

RULE_CHANGED = "rule_changed"
"""The evidence of an alert that ended because its rule did, not because the street is calm."""


def settle_alerts(tx: Connection, before: Rule, after: Rule | None, *, now: datetime, by: Actor = SYSTEM) -> int:
    """End the live alerts of ``before`` that ``after`` (None: switched off, retired) can't end; answers how many.

    While the kind of condition and its points stay, what is remembered stays, and alerts go on under the new numbers;
    those of things that are no longer watched end. Otherwise all of them end, and the memory begins anew.
    """
    keeps = after is not None and keeps_memory(before, after)
    gone = [row for row in _live(tx, before.key) if not keeps or not _still_watched(after, row)]
    if not keeps:
        tx.execute(delete(rule_memory).where(rule_memory.c.rule_key == before.key))
    elif points := [row.point_id for row in gone if row.point_id is not None]:
        tx.execute(delete(rule_memory).where(rule_memory.c.rule_key == before.key, rule_memory.c.point_id.in_(points)))
    detail = {
        "why": RULE_CHANGED,
        "from_version": before.version,
        "to_version": None if after is None else after.version,
        "by": by.name,
    }
    for row in gone:
        subject = alerts.Subject.of(row)
        alerts.clear(tx, before.key, subject, cleared_at=now, level=None, now=now, detail=detail)
    return len(gone)


def _live(tx: Connection, key: str) -> Sequence[Any]:
    return tx.execute(
        select(alert, asset.c.family, asset.c.scheme, asset.c.class_code, asset.c.area_code, device.c.serial)
        .outerjoin(asset, asset.c.id == alert.c.asset_id)
        .outerjoin(device, device.c.id == alert.c.device_id)
        .where(alert.c.rule_key == key, alert.c.state == AlertState.FIRING)
        .order_by(alert.c.id)
    ).all()


def _still_watched(after: Rule | None, row: Any) -> bool:
    if after is None:
        return False
    if row.device_id is None:  # a whole cabinet or bus, whatever its sensors are fitted to
        return True
    family = None if row.family is None else Family(row.family)
    thing = Thing(row.asset_id, family, row.scheme or "", row.class_code or "", row.area_code or "", row.serial or "")
    return does_watch(after, thing)
