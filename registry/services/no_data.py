"""The watch for what says nothing: it must work when everything that should be heard is dead.

Whole cabinets and buses come first (``no_data_whole``): while one of them is silent nobody is told of its devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from registry.domain.deadlines import CHINA_TIME
from registry.domain.no_data import BUS_RULE, CABINET_RULE, WHOLE_RULES, is_back, limit, may_be_the_bus, silent_since
from registry.domain.rules import NoDataCondition, Rule
from registry.domain.rules.hours import is_open
from registry.domain.seasons import effective
from registry.services import alerts
from registry.services.no_data_whole import watch_buses, watch_cabinets
from registry.services.no_data_words import Bus, condition_of, hearing_of, live_whole, on_buses, silent, speaking
from registry.services.rules import rules_in_force
from registry.services.seasons import seasons_now
from registry.storage.database import reading, writing
from registry.storage.times import to_ms

__all__ = ["Watched", "watch_no_data"]


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
        back = {rule.key: [row.device_id for row in tx.execute(speaking(rule))] for rule in devices}
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
                cleared += sum(_clear(tx, rule, row, now) for row in tx.execute(speaking(rule, some)))
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
            fired += sum(_fire(tx, rule, row, now, zone) for row in still)
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


def _fire(tx: Connection, rule: Rule, row: Any, now: datetime, zone: tzinfo) -> int:
    condition = condition_of(rule)
    hearing = hearing_of(row)
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
        zone=zone,
    )
    return 0 if alert_id is None else 1


def _clear(tx: Connection, rule: Rule, row: Any, now: datetime) -> int:
    hearing = hearing_of(row)
    cleared_at = row.removed_at or hearing.last_received_at
    gone = row.removed_at is not None
    if not gone and not is_back(hearing, condition_of(rule), alert_began_at=row.began_at, now=now):
        return 0
    subject = alerts.Subject(point_id=row.alert_point_id)
    evidence = {"taken_off": True} if gone else {"heard_at": (cleared_at or now).isoformat()}
    return alerts.clear(tx, rule.key, subject, cleared_at=cleared_at or now, level=None, now=now, detail=evidence)


def _batches(ids: Sequence[int], size: int) -> list[Sequence[int]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
