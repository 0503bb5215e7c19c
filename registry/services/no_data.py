"""The watch for devices that say nothing: it must work when everything that should be heard is dead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    type_coerce,
)

from registry.domain.kinds import AlertState
from registry.domain.no_data import CabinetWord, Hearing, is_back, limit, silent_since
from registry.domain.rules import NoDataCondition, Rule
from registry.services import alerts
from registry.services.rules import rules_in_force
from registry.storage.database import reading, writing
from registry.storage.tables import alert, asset, cabinet, device, latest, point
from registry.storage.times import to_ms

UPTIME = "uptime"


class Watched(NamedTuple):
    """What one round of the watch changed."""

    fired: int
    cleared: int


def watch_no_data(engine: Engine, *, now: datetime, batch: int = 200) -> Watched:
    """Fire an alert for each device that is silent for too long by the "no data" rules, clear those that speak again.

    Looks without holding up any writer; only what seems to change is looked at again in a transaction that writes.
    """
    fired = cleared = 0
    with reading(engine) as tx:
        rules = [rule for rule in rules_in_force(tx) if isinstance(rule.condition, NoDataCondition)]
        silent = {rule.key: _ids(tx, _silent(rule, now)) for rule in rules}
        back = {rule.key: _ids(tx, _speaking(rule)) for rule in rules}
    for rule in rules:
        for some in _batches(silent[rule.key], batch):
            with writing(engine) as tx:
                fired += sum(_fire(tx, rule, row, now) for row in tx.execute(_silent(rule, now, some)))
        for some in _batches(back[rule.key], batch):
            with writing(engine) as tx:
                cleared += sum(_clear(tx, rule, row, now) for row in tx.execute(_speaking(rule, some)))
    return Watched(fired, cleared)


def _fire(tx: Connection, rule: Rule, row: Any, now: datetime) -> int:
    condition = _condition(rule)
    hearing = _hearing(row)
    began_at = silent_since(hearing, condition, now=now)
    if began_at is None or row.point_id is None:
        return 0
    alert_id = alerts.fire(
        tx,
        rule,
        alerts.Subject(point_id=row.point_id, device_id=row.device_id, asset_id=row.asset_id),
        began_at=began_at,
        fired_at=began_at + limit(hearing, condition),
        now=now,
    )
    return 0 if alert_id is None else 1


def _clear(tx: Connection, rule: Rule, row: Any, now: datetime) -> int:
    hearing = _hearing(row)
    cleared_at = row.removed_at or hearing.last_received_at
    gone = row.removed_at is not None
    if not gone and not is_back(hearing, _condition(rule), alert_began_at=row.began_at, now=now):
        return 0
    subject = alerts.Subject(point_id=row.alert_point_id)
    return alerts.clear(tx, rule.key, subject, cleared_at=cleared_at or now, level=None, now=now)


def _condition(rule: Rule) -> NoDataCondition:
    if not isinstance(rule.condition, NoDataCondition):
        raise TypeError(f"rule {rule.key} looks at readings, not at devices that say nothing")
    return rule.condition


def _silent(rule: Rule, now: datetime, ids: Sequence[int] | None = None) -> Select[Any]:
    """Fitted devices of the rule's family that seem silent and have no live alert of it.

    The same judgement as ``domain.no_data.silent_since``, which has the last word, done by the database: of a hundred
    thousand devices only the silent ones should travel.
    """
    condition = _condition(rule)
    patience_ms = 1000 * case(
        (device.c.heartbeat_s * condition.heartbeats > condition.min_s, device.c.heartbeat_s * condition.heartbeats),
        else_=condition.min_s,
    )
    now_ms = literal(to_ms(now), BigInteger)
    heard_until_ms = case(
        (device.c.cabinet_id == "", now_ms),
        (cabinet.c.online == true(), _ms(cabinet.c.state_at) - 1000 * cabinet.c.oldest_unsent_s),
    )
    bound_ms = heard_until_ms - patience_ms
    spoke = (
        select(latest.c.point_id)
        .select_from(point.join(latest, latest.c.point_id == point.c.id))
        .where(point.c.device_id == device.c.id, _ms(latest.c.received_at) > bound_ms)
        .correlate(device, cabinet)
    )
    live = select(alert.c.device_id).where(alert.c.state == AlertState.FIRING, alert.c.rule_key == rule.key)
    conditions: list[ColumnElement[bool]] = [
        device.c.removed_at.is_(None),
        _ms(device.c.fitted_at) <= bound_ms,
        or_(cabinet.c.online_since.is_(None), _ms(cabinet.c.online_since) <= bound_ms),
        not_(spoke.exists()),
        device.c.id.not_in(live),
    ]
    if rule.family is not None:
        conditions.append(asset.c.family == rule.family)
    if ids is not None:
        conditions.append(device.c.id.in_(ids))
    tables = device.join(asset, asset.c.id == device.c.asset_id).outerjoin(cabinet, cabinet.c.id == device.c.cabinet_id)
    return select(*_heard(), device.c.asset_id, _speaker()).select_from(tables).where(*conditions)


def _speaking(rule: Rule, ids: Sequence[int] | None = None) -> Select[Any]:
    """Devices with a live alert of the rule that have said something since it began, or were taken away."""
    tables = alert.join(device, device.c.id == alert.c.device_id).outerjoin(
        cabinet, cabinet.c.id == device.c.cabinet_id
    )
    newer = (
        select(latest.c.point_id)
        .select_from(point.join(latest, latest.c.point_id == point.c.id))
        .where(point.c.device_id == device.c.id, latest.c.received_at > alert.c.began_at)
        .correlate(device, alert)
    )
    conditions: list[ColumnElement[bool]] = [
        alert.c.state == AlertState.FIRING,
        alert.c.rule_key == rule.key,
        or_(device.c.removed_at.is_not(None), newer.exists()),
    ]
    if ids is not None:
        conditions.append(device.c.id.in_(ids))
    columns = (*_heard(), device.c.removed_at, alert.c.began_at, alert.c.point_id.label("alert_point_id"))
    return select(*columns).select_from(tables).where(*conditions)


def _heard() -> tuple[Any, ...]:
    last = (
        select(func.max(latest.c.received_at))
        .select_from(point.join(latest, latest.c.point_id == point.c.id))
        .where(point.c.device_id == device.c.id)
        .correlate(device)
        .scalar_subquery()
    )
    return (
        device.c.id.label("device_id"),
        device.c.fitted_at,
        device.c.heartbeat_s,
        device.c.cabinet_id,
        last.label("last_received_at"),
        cabinet.c.id.label("spoken_cabinet"),
        cabinet.c.online,
        cabinet.c.state_at,
        cabinet.c.oldest_unsent_s,
        cabinet.c.online_since,
    )


def _speaker() -> Any:
    """The point such an alert is written for: the device's uptime, else its first."""
    of_device = point.c.device_id == device.c.id
    uptime = select(func.min(point.c.id)).where(and_(of_device, point.c.name == UPTIME)).correlate(device)
    first = select(func.min(point.c.id)).where(of_device).correlate(device)
    return func.coalesce(uptime.scalar_subquery(), first.scalar_subquery()).label("point_id")


def _hearing(row: Any) -> Hearing:
    word = None
    if row.spoken_cabinet is not None:
        word = CabinetWord(
            online=row.online,
            state_at=row.state_at,
            oldest_unsent_s=row.oldest_unsent_s,
            online_since=row.online_since,
        )
    return Hearing(
        fitted_at=row.fitted_at,
        last_received_at=row.last_received_at,
        heartbeat_s=row.heartbeat_s,
        has_cabinet=row.cabinet_id != "",
        cabinet=word,
    )


def _ms(column: Any) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def _ids(tx: Connection, statement: Select[Any]) -> list[int]:
    return [row.device_id for row in tx.execute(statement)]


def _batches(ids: Sequence[int], size: int) -> list[Sequence[int]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
