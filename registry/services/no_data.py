"""The watch for what says nothing: it must work when everything that should be heard is dead.

Whole cabinets and buses come first (``no_data_whole``): while one of them is silent nobody is told of its devices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.no_data import (
    Return,
    judge_return,
    limit,
    may_be_the_bus,
    silent_since,
)
from registry.domain.rules import NoDataCondition, Rule
from registry.domain.rules.hours import is_open
from registry.domain.rules.shipped import BUS_RULE, CABINET_RULE, WHOLE_RULES
from registry.domain.seasons import effective
from registry.services import alerts
from registry.services.no_data_whole import watch_buses, watch_cabinets
from registry.services.no_data_words import Bus, condition_of, hearing_of, live_whole, on_buses, silent, speaking
from registry.services.rules import rules_in_force
from registry.services.seasons import seasons_now
from registry.storage.database import reading, writing
from registry.storage.tables import alert
from registry.storage.times import to_ms

__all__ = ["Watched", "watch_no_data"]


CALM_SINCE = "calm_since"


class Watched(NamedTuple):
    """What one round of the watch changed."""

    fired: int
    cleared: int


def watch_no_data(engine: Engine, *, now: datetime, batch: int = 200, zone: tzinfo = CHINA_TIME) -> Watched:
    """Fire an alert for each device, bus and cabinet that is silent for too long, clear those that speak again.

    Looks without holding up any writer; only what seems to change is looked at again in a transaction that writes.
    """
    with reading(engine) as tx:
        seasons = seasons_now(tx, now=now, zone=zone)
        found = [rule for rule in rules_in_force(tx) if isinstance(rule.condition, NoDataCondition)]
        rules = {rule.key: effective(rule, seasons) for rule in found}
        devices = [rule for key, rule in rules.items() if key not in WHOLE_RULES]
        quiet = {rule.key: list(tx.execute(silent(rule, now))) for rule in devices}
        back = {rule.key: [row.device_id for row, _ in _returning(tx, rule, now)] for rule in devices}
    fired = cleared = 0
    of_cabinets, of_buses = rules.get(CABINET_RULE), rules.get(BUS_RULE)
    if of_cabinets is not None:
        fired, cleared = watch_cabinets(engine, of_cabinets, now=now, zone=zone)
    if of_buses is not None:
        suspects = {bus for rows in quiet.values() for bus in map(_bus, rows) if bus is not None}
        more, less = watch_buses(engine, of_buses, suspects, now=now, zone=zone)
        fired, cleared = fired + more, cleared + less
    for rule in devices:
        fired += _tell(engine, rule, of_buses, quiet[rule.key], now=now, batch=batch, zone=zone)
        for some in _batches(back[rule.key], batch):
            with writing(engine) as tx:
                alerts.take_turn(tx)
                cleared += sum(_settle(tx, rule, *each, now) for each in _returning(tx, rule, now, some))
    return Watched(fired, cleared)


def _tell(
    engine: Engine, rule: Rule, of_buses: Rule | None, rows: Sequence[Any], *, now: datetime, batch: int, zone: tzinfo
) -> int:
    """Alerts for those of the silent devices that are a fault of their own."""
    if not rows or not is_open(rule.hours, to_ms(now), zone):
        return 0
    with reading(engine) as tx:
        alone = [row.device_id for row in _alone(tx, rule, of_buses, rows, now)]
    fired = 0
    for some in _batches(alone, batch):
        with writing(engine) as tx:
            alerts.take_turn(tx)
            still = _alone(tx, rule, of_buses, list(tx.execute(silent(rule, now, some))), now)
            recent = _recently_told(tx, rule, still, now)
            fired += sum(_fire(tx, rule, row, recent, now, zone) for row in still)
    return fired


def _alone(tx: Connection, rule: Rule, of_buses: Rule | None, rows: Sequence[Any], now: datetime) -> Sequence[Any]:
    """Without those whose whole bus is silent, or may be."""
    buses = {bus for bus in map(_bus, rows) if bus is not None}
    if of_buses is None or not buses:
        return rows
    explained = {(each.cabinet_id, each.bus) for each in live_whole(tx, BUS_RULE)}
    fitted = on_buses(tx, buses)
    condition, of_bus = condition_of(rule), condition_of(of_buses)

    def is_alone(row: Any) -> bool:
        bus = _bus(row)
        if bus is None:
            return True
        others = [each.hearing for each in fitted[bus] if each.device_id != row.device_id]
        return bus not in explained and not may_be_the_bus(hearing_of(row), others, condition, of_bus, now=now)

    return [row for row in rows if is_alone(row)]


def _bus(row: Any) -> Bus | None:
    return (row.cabinet_id, row.bus) if row.cabinet_id and row.bus else None


def _recently_told(tx: Connection, rule: Rule, rows: Sequence[Any], now: datetime) -> dict[int, int]:
    """How many alerts each of these points had of the rule lately, within the time of its flap policy."""
    if rule.flapping is None or not rows:
        return {}
    since = now - timedelta(seconds=rule.flapping.within_s)
    points = [row.point_id for row in rows]
    lately = (alert.c.rule_key == rule.key, alert.c.fired_at > since, alert.c.point_id.in_(points))
    counted = select(alert.c.point_id, func.count().label("fired")).where(*lately).group_by(alert.c.point_id)
    return {row.point_id: row.fired for row in tx.execute(counted)}


def _fire(tx: Connection, rule: Rule, row: Any, recent: Mapping[int, int], now: datetime, zone: tzinfo) -> int:
    condition = condition_of(rule)
    hearing = hearing_of(row)
    began_at = silent_since(hearing, condition, now=now)
    if began_at is None or row.point_id is None:
        return 0
    subject = alerts.Subject(point_id=row.point_id, device_id=row.device_id, asset_id=row.asset_id)
    fired_at = began_at + limit(hearing, condition)
    alert_id = alerts.fire(tx, rule, subject, began_at=began_at, fired_at=fired_at, now=now, zone=zone)
    if alert_id is None:
        return 0
    if rule.flapping is not None and recent.get(row.point_id, 0) + 1 >= rule.flapping.fires:
        alerts.hold(tx, rule, subject, at=fired_at, level=None, now=now)
    return 1


def _returning(tx: Connection, rule: Rule, now: datetime, ids: Sequence[int] | None = None) -> list[tuple[Any, Return]]:
    """Devices with a live alert that spoke since, or were taken off, and what that changes."""
    found = ((row, _judge_return(rule, row, now)) for row in tx.execute(speaking(rule, ids)))
    return [(row, judged) for row, judged in found if judged is not Return.NOTHING]


def _judge_return(rule: Rule, row: Any, now: datetime) -> Return:
    if row.removed_at is not None:
        return Return.CLEARED
    flaps = row.flapping_since is not None and rule.flapping is not None
    quiet = timedelta(seconds=rule.flapping.quiet_s) if flaps and rule.flapping is not None else None
    remembered = json.loads(row.memory) if row.memory else {}
    calm_since = datetime.fromisoformat(remembered[CALM_SINCE]) if CALM_SINCE in remembered else None
    times = {"alert_began_at": row.began_at, "calm_since": calm_since, "now": now}
    return judge_return(hearing_of(row), condition_of(rule), quiet, **times)


def _settle(tx: Connection, rule: Rule, row: Any, judged: Return, now: datetime) -> int:
    """Write what the return changes; 1 when the alert is over. One that flaps remembers since when it is calm."""
    subject = alerts.Subject(point_id=row.alert_point_id)
    heard_at = row.removed_at or row.last_received_at or now
    if judged is Return.CALM_BEGINS:
        alerts.remember(tx, rule, subject, json.dumps({CALM_SINCE: heard_at.isoformat()}))
        return 0
    if judged is Return.RELAPSED:
        alerts.remember(tx, rule, subject, "")
        alerts.hold(tx, rule, subject, at=heard_at, level=None, now=now)
        return 0
    gone = row.removed_at is not None
    evidence = {"taken_off": True} if gone else {"heard_at": heard_at.isoformat()}
    return alerts.clear(tx, rule.key, subject, cleared_at=heard_at, level=None, now=now, detail=evidence)


def _batches(ids: Sequence[int], size: int) -> list[Sequence[int]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
