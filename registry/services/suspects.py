"""Suspect sensors: marked while their own rules say so, or while they contradict their neighbours.

A mark changes nothing of what rules do: a suspect sensor on an open cover is still right about the cover. It tells the
people who look at its alerts, and puts the sensor on the list of repairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Engine, Select, bindparam, select, update

from registry.domain.kinds import AlertState
from registry.domain.neighbours import Felt, odd_ones
from registry.domain.suspects import BY_RULE, Suspicion, read, written
from registry.storage.database import reading, writing
from registry.storage.tables import alert, asset, device, latest, point

log = structlog.get_logger(__name__)

SAME_HOUR = timedelta(hours=1)
_TEMPERATURE = "temperature"
_BY_ALERTS = frozenset(BY_RULE.values())


class Suspected(NamedTuple):
    """How many sensors became suspect, and how many are trusted again."""

    marked: int
    trusted: int


def suspect_by_alerts(engine: Engine, *, now: datetime) -> Suspected:
    """Mark the sensors whose rules hold an alert about the sensor itself, and trust those again that are quiet."""
    with reading(engine) as tx:
        before = _marked(tx)
        rows = tx.execute(
            select(alert.c.device_id, alert.c.rule_key).where(
                alert.c.state == AlertState.FIRING, alert.c.rule_key.in_(BY_RULE), alert.c.device_id.is_not(None)
            )
        )
        said: dict[int, set[Suspicion]] = defaultdict(set)
        for row in rows:
            said[row.device_id].add(BY_RULE[row.rule_key])
    others = {key: {each for each in reasons if each not in _BY_ALERTS} for key, reasons in before.items()}
    after = {key: said.get(key, set()) | others.get(key, set()) for key in {*before, *said}}
    return _write(engine, before, after, now=now)


def suspect_by_neighbours(engine: Engine, *, now: datetime) -> Suspected:
    """Compare the newest temperatures of the last hour with those around; one query over the newest values."""
    with reading(engine) as tx:
        before = _marked(tx)
        felt = [Felt(*row) for row in tx.execute(_felt(now))]
    odd = {each.device_id for each in odd_ones(felt)}
    compared = {each.device_id for each in felt}
    after = {key: set(reasons) for key, reasons in before.items()}
    for key in {*before, *odd}:
        reasons = after.setdefault(key, set())
        if key in odd:
            reasons.add(Suspicion.ODD_TEMPERATURE)
        elif key in compared:  # one that says nothing just now is not sound for that
            reasons.discard(Suspicion.ODD_TEMPERATURE)
    return _write(engine, before, after, now=now)


def _felt(now: datetime) -> Select[Any]:
    return (
        select(device.c.id, asset.c.lon, asset.c.lat, latest.c.value)
        .join_from(latest, point, point.c.id == latest.c.point_id)
        .join(device, device.c.id == point.c.device_id)
        .join(asset, asset.c.id == device.c.asset_id)
        .where(point.c.name == _TEMPERATURE, latest.c.measured_at > now - SAME_HOUR, device.c.removed_at.is_(None))
        .order_by(device.c.id)
    )


def _marked(tx: Connection) -> dict[int, set[Suspicion]]:
    marked = select(device.c.id, device.c.suspect_why).where(device.c.suspect_since.is_not(None))
    return {row.id: set(read(row.suspect_why)) for row in tx.execute(marked)}


def _write(
    engine: Engine, before: Mapping[int, set[Suspicion]], after: Mapping[int, set[Suspicion]], *, now: datetime
) -> Suspected:
    changed = {key: reasons for key, reasons in after.items() if reasons != before.get(key, set())}
    if not changed:
        return Suspected(0, 0)
    marked = [{"row_id": key, "why": written(reasons)} for key, reasons in changed.items() if reasons]
    trusted = [{"row_id": key} for key, reasons in changed.items() if not reasons]
    with writing(engine) as tx:
        same = device.c.id == bindparam("row_id")
        if marked:
            tx.execute(update(device).where(same).values(suspect_why=bindparam("why")), marked)
            ids = [row["row_id"] for row in marked]
            fresh_ones = device.c.id.in_(ids), device.c.suspect_since.is_(None)
            tx.execute(update(device).where(*fresh_ones).values(suspect_since=now))
        if trusted:
            tx.execute(update(device).where(same).values(suspect_since=None, suspect_why=""), trusted)
    fresh = sum(not before.get(key) for key, reasons in changed.items() if reasons)
    log.info("suspects_changed", marked=fresh, trusted=len(trusted))
    return Suspected(fresh, len(trusted))
