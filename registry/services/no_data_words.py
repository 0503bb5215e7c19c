"""What is known of each device's and cabinet's last word: the statements of the watch for what says nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
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

from registry.domain.external_events import EXTERNAL_PROFILE
from registry.domain.kinds import AlertState
from registry.domain.no_data import CabinetWord, Hearing
from registry.domain.rules import NoDataCondition, Rule
from registry.storage.tables import alert, asset, cabinet, device, latest, point
from registry.storage.times import to_ms

UPTIME = "uptime"

Bus = tuple[str, str]
"""A cabinet and the name of one of its buses."""


class OnBus(NamedTuple):
    """A device that is fitted on a bus, and what was heard of it."""

    device_id: int
    hearing: Hearing


def condition_of(rule: Rule) -> NoDataCondition:
    """The rule's condition. Raises ``TypeError`` for a rule of another kind."""
    if not isinstance(rule.condition, NoDataCondition):
        raise TypeError(f"rule {rule.key} looks at readings, not at devices that say nothing")
    return rule.condition


def silent(rule: Rule, now: datetime, ids: Sequence[int] | None = None) -> Select[Any]:
    """Fitted devices that the rule watches, seem silent and have no live alert of it.

    The same judgement as ``domain.no_data.silent_since``, which has the last word, done by the database: of a hundred
    thousand devices only the silent ones should travel.
    """
    condition = condition_of(rule)
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
    live = select(alert.c.device_id).where(
        alert.c.state == AlertState.FIRING, alert.c.rule_key == rule.key, alert.c.device_id.is_not(None)
    )
    conditions: list[ColumnElement[bool]] = [
        device.c.removed_at.is_(None),
        device.c.profile != EXTERNAL_PROFILE,  # another platform speaks when it has something to say
        device.c.profile != EXTERNAL_PROFILE,
        _ms(device.c.fitted_at) <= bound_ms,
        or_(cabinet.c.online_since.is_(None), _ms(cabinet.c.online_since) <= bound_ms),
        not_(spoke.exists()),
        device.c.id.not_in(live),
        *_watched(rule),
    ]
    if ids is not None:
        conditions.append(device.c.id.in_(ids))
    tables = device.join(asset, asset.c.id == device.c.asset_id).outerjoin(cabinet, cabinet.c.id == device.c.cabinet_id)
    return select(*_heard(), device.c.asset_id, _speaker()).select_from(tables).where(*conditions)


def speaking(rule: Rule, ids: Sequence[int] | None = None) -> Select[Any]:
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
    columns += (alert.c.flapping_since, alert.c.memory)
    return select(*columns).select_from(tables).where(*conditions)


def on_buses(tx: Connection, buses: Collection[Bus]) -> dict[Bus, list[OnBus]]:
    """The devices that are fitted on each of these buses; a bus without any is in it too."""
    found: dict[Bus, list[OnBus]] = defaultdict(list, {bus: [] for bus in buses})
    if buses:
        tables = device.outerjoin(cabinet, cabinet.c.id == device.c.cabinet_id)
        cabinets = sorted({name for name, _ in buses})
        fitted = (device.c.cabinet_id.in_(cabinets), device.c.bus != "", device.c.removed_at.is_(None))
        for row in tx.execute(select(*_heard()).select_from(tables).where(*fitted).order_by(device.c.id)):
            if (row.cabinet_id, row.bus) in found:
                found[row.cabinet_id, row.bus].append(OnBus(row.device_id, hearing_of(row)))
    return found


def live_whole(tx: Connection, rule_key: str) -> Sequence[Any]:
    """The live alerts of a rule about whole cabinets or buses."""
    live = select(alert.c.cabinet_id, alert.c.bus, alert.c.began_at).where(
        alert.c.rule_key == rule_key, alert.c.state == AlertState.FIRING.value, alert.c.point_id.is_(None)
    )
    return tx.execute(live.order_by(alert.c.id)).all()


def hearing_of(row: Any) -> Hearing:
    """A row of these statements as the domain judges it."""
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


def _watched(rule: Rule) -> list[ColumnElement[bool]]:
    """``domain.rules.watched.does_watch`` as conditions."""
    watches = rule.watches
    found: list[ColumnElement[bool]] = []
    if rule.family is not None:
        found.append(asset.c.family == rule.family)
    if watches.classes:
        named = asset.c.scheme + ":" + asset.c.class_code
        found.append(or_(asset.c.scheme.in_(watches.classes), named.in_(watches.classes)))
    if watches.area:
        found.append(asset.c.area_code.startswith(watches.area, autoescape=True))
    if watches.assets:
        found.append(asset.c.id.in_(watches.assets))
    if watches.devices:
        found.append(device.c.serial.in_(watches.devices))
    return found


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
        device.c.bus,
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


def _ms(column: Any) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)
