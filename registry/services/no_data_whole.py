"""Whole cabinets and buses that say nothing: one alert each, about the cabinet's own asset where it has one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, and_, false, or_, select

from registry.domain.kinds import AlertState
from registry.domain.no_data import bus_back_at, bus_silent_since, cabinet_limit, silent_since
from registry.domain.rules import Rule
from registry.domain.rules.hours import is_open
from registry.services import alerts
from registry.services.no_data_words import Bus, OnBus, condition_of, live_whole, on_buses
from registry.storage.database import reading, writing
from registry.storage.tables import alert, cabinet, device
from registry.storage.times import to_ms


class _Silent(NamedTuple):
    """A cabinet or bus to fire for: since when, when that was too long, the evidence."""

    subject: alerts.Subject
    began_at: datetime
    fired_at: datetime
    detail: dict[str, Any]


class _Back(NamedTuple):
    """A cabinet or bus whose alert is over: since when, the evidence."""

    subject: alerts.Subject
    at: datetime
    detail: dict[str, Any]


Found = tuple[Sequence[_Silent], Sequence[_Back]]


def watch_cabinets(engine: Engine, rule: Rule, *, now: datetime, zone: tzinfo) -> tuple[int, int]:
    """Alerts for cabinets that are away for too long, and the end of those that are back; how many of each."""
    return _watch(engine, rule, lambda tx: _cabinets(tx, rule, now), now=now, zone=zone)


def watch_buses(
    engine: Engine, rule: Rule, suspects: Collection[Bus], *, now: datetime, zone: tzinfo
) -> tuple[int, int]:
    """The same for buses; ``suspects`` are those with a device that is silent and has no alert."""
    return _watch(engine, rule, lambda tx: _buses(tx, rule, suspects, now), now=now, zone=zone)


def _watch(
    engine: Engine, rule: Rule, look: Callable[[Connection], Found], *, now: datetime, zone: tzinfo
) -> tuple[int, int]:
    may_begin = is_open(rule.hours, to_ms(now), zone)
    with reading(engine) as tx:
        quiet, back = look(tx)
    if not back and not (quiet and may_begin):
        return 0, 0
    with writing(engine) as tx:
        alerts.take_turn(tx)
        quiet, back = look(tx)
        fired = sum(_fire(tx, rule, each, now, zone) for each in quiet) if may_begin else 0
        cleared = sum(
            alerts.clear(tx, rule.key, each.subject, cleared_at=each.at, level=None, now=now, detail=each.detail)
            for each in back
        )
    return fired, cleared


def _fire(tx: Connection, rule: Rule, found: _Silent, now: datetime, zone: tzinfo) -> int:
    alert_id = alerts.fire(
        tx,
        rule,
        found.subject,
        began_at=found.began_at,
        fired_at=found.fired_at,
        now=now,
        detail=found.detail,
        zone=zone,
    )
    return 0 if alert_id is None else 1


def _cabinets(tx: Connection, rule: Rule, now: datetime) -> Found:
    """Those that were gone for longer than the limit, with devices on them; those with an alert that are not gone."""
    patience = cabinet_limit(condition_of(rule))
    fitted = select(device.c.id).where(device.c.cabinet_id == cabinet.c.id, device.c.removed_at.is_(None))
    live = and_(
        alert.c.rule_key == rule.key,
        alert.c.state == AlertState.FIRING.value,
        alert.c.cabinet_id == cabinet.c.id,
        alert.c.point_id.is_(None),
    )
    columns = (cabinet, alert.c.id.label("alert_id"), alert.c.began_at, fitted.exists().label("has_devices"))
    seen = select(*columns).select_from(cabinet.outerjoin(alert, live)).order_by(cabinet.c.id)
    quiet, back = [], []
    for row in tx.execute(seen.where(or_(cabinet.c.online == false(), alert.c.id.is_not(None)))):
        subject = alerts.Subject(cabinet_id=row.id, asset_id=row.asset_id)
        gone = not row.online and row.has_devices
        if row.alert_id is not None and not gone:
            back.append(_cabinet_back(row, subject, now))
        elif row.alert_id is None and gone and row.state_at is not None and now - row.state_at >= patience:
            told = {"last_word_at": row.state_at.isoformat()}
            quiet.append(_Silent(subject, row.state_at, row.state_at + patience, told))
    return quiet, back


def _cabinet_back(row: Any, subject: alerts.Subject, now: datetime) -> _Back:
    """It spoke again, or nothing is wired to it any more."""
    if not row.online:
        return _Back(subject, now, {"taken_off": True})
    at = max(row.online_since or row.state_at or now, row.began_at)
    return _Back(subject, at, {"online_since": at.isoformat(), "away_s": round((at - row.began_at).total_seconds())})


def _buses(tx: Connection, rule: Rule, suspects: Collection[Bus], now: datetime) -> Found:
    """Buses with a device that is silent now, and those with an alert; the rest is not looked at."""
    condition = condition_of(rule)
    live = {(row.cabinet_id, row.bus): row.began_at for row in live_whole(tx, rule.key)}
    suspect = set(suspects) - set(live)
    fitted = on_buses(tx, suspect | set(live))
    quiet, back = [], []
    for bus, began_at in live.items():
        ended = _bus_back(fitted[bus], condition, began_at, now)
        if ended is not None:
            back.append(_Back(alerts.Subject(cabinet_id=bus[0], bus=bus[1]), *ended))
    assets = _assets_of(tx, suspect)
    for bus in sorted(suspect):
        hearings = [each.hearing for each in fitted[bus]]
        since = bus_silent_since(hearings, condition, now=now)
        if since is not None:
            subject = alerts.Subject(cabinet_id=bus[0], bus=bus[1], asset_id=assets.get(bus[0]))
            dead = sum(silent_since(each, condition, now=now) is not None for each in hearings)
            quiet.append(_Silent(subject, *since, {"silent": dead, "fitted": len(hearings)}))
    return quiet, back


def _bus_back(
    fitted: Sequence[OnBus], condition: Any, began_at: datetime, now: datetime
) -> tuple[datetime, dict[str, Any]] | None:
    if not fitted:
        return now, {"taken_off": True}
    at = bus_back_at([each.hearing for each in fitted], condition, alert_began_at=began_at, now=now)
    return None if at is None else (at, {"fitted": len(fitted)})


def _assets_of(tx: Connection, buses: set[Bus]) -> dict[str, int | None]:
    names = sorted({name for name, _ in buses})
    return {
        row.id: row.asset_id
        for row in tx.execute(select(cabinet.c.id, cabinet.c.asset_id).where(cabinet.c.id.in_(names)))
    }
