"""What is stored about sick machinery, for ``registry.domain.repairs`` to judge: one statement a sign, each bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, func, or_, select

from registry.domain.external_events import EXTERNAL_PROFILE
from registry.domain.kinds import AlertState, Reject, RuleKind
from registry.domain.link_test import CENTRED
from registry.domain.repairs import CabinetFacts, Repair, RepairKind, RepairReason, SensorFacts, find_repairs
from registry.queries.asset_filters import digits_begin
from registry.queries.health import cabinets
from registry.services.cabinets import read_told
from registry.storage.database import reading
from registry.storage.tables import alert, asset, baseline, cabinet, dead_letter, device, latest, point, rule

MOST_SENSORS = 500
"""Sensors looked at for each sign: a list that nobody can work through in a week helps nobody."""

_DAY = timedelta(days=1)
_YOUNG = timedelta(minutes=10)
_WEAK_PERCENT = 20.0
_UNREADABLE = (Reject.UNDECODABLE, Reject.OUT_OF_RANGE, Reject.NOT_A_NUMBER)
_MISDATED = (Reject.TOO_OLD, Reject.IN_FUTURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairFilter:
    """What the list is narrowed to; None or "": not narrowed."""

    kind: RepairKind | None = None
    reason: RepairReason | None = None
    cabinet: str = ""

    def said(self) -> dict[str, str]:
        """What narrows."""
        parts = {"kind": self.kind or "", "reason": self.reason or "", "cabinet": self.cabinet}
        return {name: str(value) for name, value in parts.items() if value}

    def leaves(self, one: Repair) -> bool:
        """Whether ``one`` is among them."""
        return (
            self.kind in (None, one.kind) and self.reason in (None, one.reason) and self.cabinet in ("", one.cabinet_id)
        )


class Repairs(msgspec.Struct, frozen=True, kw_only=True):
    """The list, and how many of each kind there are before it is narrowed."""

    items: list[Repair]
    counts: dict[str, int]


def repairs(engine: Engine, wanted: RepairFilter = RepairFilter(), *, now: datetime, scope: str = "") -> Repairs:
    """What is sick within the area ``scope``, worst first. A cabinet is in it when one of its sensors is."""
    with reading(engine) as tx:
        columns = (cabinet.c.clock_set, cabinet.c.clock_off_s, cabinet.c.aside_seen)
        told: dict[str, dict[str, Any]] = {
            row.id: {"told": read_told(row.told)} | {column.name: getattr(row, column.name) for column in columns}
            for row in tx.execute(select(cabinet.c.id, cabinet.c.told, *columns))
        }
        near = _cabinets_in(tx, scope)
        signs = [_rows(tx, query, scope) for query in _signs(now)]
    seen = [
        CabinetFacts(
            id=each.id,
            name=each.name,
            online=each.online,
            heard_at=each.state_at,
            dropped=each.dropped,
            devices=each.devices,
            **told.get(each.id, {}),
        )
        for each in cabinets(engine, now)
        if near is None or each.id in near
    ]
    found = find_repairs(seen, _merged(signs), now=now)
    counts = {kind.value: sum(one.kind is kind for one in found) for kind in RepairKind}
    return Repairs(items=[one for one in found if wanted.leaves(one)], counts=counts)


def _cabinets_in(tx: Connection, scope: str) -> set[str] | None:
    if not scope:
        return None
    query = (
        select(device.c.cabinet_id)
        .join(asset, asset.c.id == device.c.asset_id)
        .where(device.c.removed_at.is_(None), digits_begin(asset.c.area_code, scope))
        .distinct()
    )
    return set(tx.execute(query).scalars())


def _signs(now: datetime) -> list[Select[Any]]:
    return [_never_seen(now), _silent(), _batteries(), _drifts(now), _letters(now), _suspects()]


def _sensors(*columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            device.c.id.label("device_id"),
            device.c.serial,
            device.c.cabinet_id,
            device.c.bus.label("line"),
            device.c.asset_id,
            asset.c.name.label("asset_name"),
            device.c.fitted_at,
            *columns,
        )
        .join(asset, asset.c.id == device.c.asset_id)
        .where(device.c.removed_at.is_(None), device.c.profile != EXTERNAL_PROFILE)
        .limit(MOST_SENSORS)
    )


def _never_seen(now: datetime) -> Select[Any]:
    heard = (
        select(latest.c.point_id).join(point, point.c.id == latest.c.point_id).where(point.c.device_id == device.c.id)
    )
    return _sensors().where(device.c.fitted_at < now - _YOUNG, ~heard.exists()).order_by(device.c.fitted_at)


def _silent() -> Select[Any]:
    silence = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA)
    last = (
        select(func.max(latest.c.received_at))
        .join(point, point.c.id == latest.c.point_id)
        .where(point.c.device_id == device.c.id)
        .scalar_subquery()
    )
    return (
        _sensors(alert.c.began_at.label("silent_since"), last.label("last_heard_at"))
        .join(alert, alert.c.device_id == device.c.id)
        .where(alert.c.state == AlertState.FIRING, alert.c.rule_key.in_(silence))
        .order_by(alert.c.began_at)
    )


def _suspects() -> Select[Any]:
    columns = (device.c.suspect_since, device.c.suspect_why)
    return _sensors(*columns).where(device.c.suspect_since.is_not(None)).order_by(device.c.suspect_since)


def _batteries() -> Select[Any]:
    # a sensor that only says "low" has no percentage: it counts as empty
    percent = case((point.c.name == "battery", latest.c.value), else_=0.0)
    weak = or_(
        and_(point.c.name == "battery", latest.c.value < _WEAK_PERCENT),
        and_(point.c.name == "battery_low", latest.c.value > 0),
    )
    return (
        _sensors(percent.label("battery"))
        .join(point, point.c.device_id == device.c.id)
        .join(latest, latest.c.point_id == point.c.id)
        .where(weak)
        .order_by(percent)
    )


def _drifts(now: datetime) -> Select[Any]:
    """Points that rest away from their zero, but not so far that a rule has fired for them."""
    off = latest.c.value - point.c.baseline
    # one list for all points: asked point by point, SQLite would look through every firing alert each time
    firing = select(alert.c.point_id).where(alert.c.state == AlertState.FIRING, alert.c.point_id.is_not(None))
    set_lately = select(baseline.c.id).where(baseline.c.point_id == point.c.id, baseline.c.set_at > now - _DAY)
    crept = [and_(point.c.name == name, func.abs(off) > far) for name, far in CENTRED.items()]
    return (
        _sensors(off.label("drift"), point.c.name.label("drift_point"), point.c.unit.label("drift_unit"))
        .join(point, point.c.device_id == device.c.id)
        .join(latest, latest.c.point_id == point.c.id)
        .where(or_(*crept), device.c.fitted_at < now - _DAY, point.c.id.not_in(firing), ~set_lately.exists())
        .order_by(func.abs(off).desc())
    )


def _letters(now: datetime) -> Select[Any]:
    def counted(reasons: Sequence[Reject]) -> ColumnElement[Any]:
        return func.sum(case((dead_letter.c.reason.in_(reasons), dead_letter.c.stands_for), else_=0))

    letters = (
        select(
            dead_letter.c.device,
            counted(_UNREADABLE).label("unreadable"),
            counted(_MISDATED).label("misdated"),
        )
        .where(
            dead_letter.c.at > now - _DAY, dead_letter.c.device != "", dead_letter.c.reason.in_(_UNREADABLE + _MISDATED)
        )
        .group_by(dead_letter.c.device)
        .subquery()
    )
    return (
        _sensors(letters.c.unreadable, letters.c.misdated)
        .join(letters, letters.c.device == device.c.serial)
        .order_by((letters.c.unreadable + letters.c.misdated).desc())
    )


def _rows(tx: Connection, query: Select[Any], scope: str) -> list[dict[str, Any]]:
    if scope:
        query = query.where(digits_begin(asset.c.area_code, scope))
    return [{str(name): value for name, value in row.items()} for row in tx.execute(query).mappings()]


def _merged(signs: Sequence[list[dict[str, Any]]]) -> list[SensorFacts]:
    """One sensor once, with all its signs; of several drifts the farthest, which comes first."""
    facts: dict[int, dict[str, Any]] = {}
    for number, rows in enumerate(signs):
        for row in rows:
            said = {name: value for name, value in row.items() if value is not None}
            known = facts.get(row["device_id"], {"asset_id": None, "last_heard_at": None, "never_seen": number == 0})
            facts[row["device_id"]] = said | {name: value for name, value in known.items() if value is not None}
    return [SensorFacts(**{"asset_id": None, "last_heard_at": None, **each}) for each in facts.values()]
