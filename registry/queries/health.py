"""How the machinery is: cabinets, devices that have gone quiet, what could not be used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, func, select

from registry.domain.kinds import AlertState, Reject, RuleKind
from registry.queries.asset_filters import digits_begin
from registry.queries.overview import CABINET_FRESH
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import alert, asset, cabinet, dead_letter, device, latest, point, rule

_BODY_SHOWN = 2000
_MOST_SILENT = 500


class CabinetHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A street cabinet. ``online`` needs a fresh word of its own; ``state_at`` None: never heard of."""

    id: str
    name: str
    online: bool
    state_at: datetime | None
    program_version: str
    oldest_unsent_s: float
    queued: int
    dropped: int
    devices: int
    devices_silent: int


class SilentDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device with a live "nothing is heard" alert. ``last_heard_at`` None: never since it was fitted."""

    device_id: int
    serial: str
    asset_id: int
    asset_name: str
    road: str
    cabinet_id: str
    bus: str
    bus_address: int | None
    alert_id: int
    case_id: int | None
    since: datetime
    last_heard_at: datetime | None
    silent_s: float


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could not be used, with the reason; ``body`` is its beginning."""

    id: int
    at: datetime
    cabinet_id: str
    lane: str
    epoch: str
    seq: int
    reason: Reject
    detail: str
    body: str


def cabinets(engine: Engine, now: datetime) -> list[CabinetHealth]:
    """Every cabinet that has spoken, and every one that devices are said to be wired to, by name."""
    silence = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA)
    quiet = (
        select(device.c.cabinet_id, func.count(device.c.id.distinct()).label("silent"))
        .select_from(alert.join(device, device.c.id == alert.c.device_id))
        .where(alert.c.state == AlertState.FIRING, alert.c.rule_key.in_(silence))
        .group_by(device.c.cabinet_id)
    )
    wired = (
        select(device.c.cabinet_id, func.count().label("devices"))
        .where(device.c.removed_at.is_(None), device.c.cabinet_id != "")
        .group_by(device.c.cabinet_id)
    )
    with reading(engine) as tx:
        known = {row.id: row for row in tx.execute(select(cabinet))}
        fitted = {row.cabinet_id: int(row.devices) for row in tx.execute(wired)}
        silent = {row.cabinet_id: int(row.silent) for row in tx.execute(quiet)}
    found = [
        _cabinet(cabinet_id, known.get(cabinet_id), fitted.get(cabinet_id, 0), silent.get(cabinet_id, 0), now)
        for cabinet_id in known.keys() | fitted.keys()
    ]
    return sorted(found, key=lambda one: (one.name, one.id))


def silent_devices(engine: Engine, now: datetime, *, scope: str = "") -> list[SilentDevice]:
    """Devices within the area ``scope`` that are overdue with a word, the longest silent first; at most 500."""
    silence = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA)
    heard = (
        select(func.max(latest.c.received_at))
        .select_from(point.join(latest, latest.c.point_id == point.c.id))
        .where(point.c.device_id == device.c.id)
    )
    statement = (
        select(
            device.c.id.label("device_id"),
            device.c.serial,
            device.c.cabinet_id,
            device.c.bus,
            device.c.bus_address,
            asset.c.id.label("asset_id"),
            asset.c.name.label("asset_name"),
            asset.c.road,
            alert.c.id.label("alert_id"),
            alert.c.case_id,
            alert.c.began_at.label("since"),
            heard.scalar_subquery().label("last_heard_at"),
        )
        .select_from(alert.join(device, device.c.id == alert.c.device_id).join(asset, asset.c.id == alert.c.asset_id))
        .where(alert.c.state == AlertState.FIRING, alert.c.rule_key.in_(silence))
        .order_by(alert.c.began_at, alert.c.id)
        .limit(_MOST_SILENT)
    )
    if scope:
        statement = statement.where(digits_begin(asset.c.area_code, scope))
    with reading(engine) as tx:
        rows = tx.execute(statement).all()
    return [as_view(row._mapping, SilentDevice, silent_s=(now - row.since).total_seconds()) for row in rows]


def dead_letters(
    engine: Engine, *, reason: Reject | None = None, after: str | None = None, limit: int = 50
) -> Page[DeadLetter]:
    """What could not be used, the newest first. Raises ``InvalidInput`` for a place in no list."""
    conditions: list[ColumnElement[bool]] = []
    if reason is not None:
        conditions.append(dead_letter.c.reason == Reject(reason))
    if after is not None:
        conditions.append(dead_letter.c.id < decode_id(after))
    columns = [column for column in dead_letter.c if column.name != "body"]
    body = func.substr(dead_letter.c.body, 1, _BODY_SHOWN).label("body")
    statement = (
        select(*columns, body).where(*conditions).order_by(dead_letter.c.id.desc()).limit(check_limit(limit) + 1)
    )
    with reading(engine) as tx:
        rows = [as_view(row._mapping, DeadLetter) for row in tx.execute(statement)]
    return page_of(rows, limit, lambda row: (row.id,))


def _cabinet(cabinet_id: str, row: Any, devices: int, silent: int, now: datetime) -> CabinetHealth:
    if row is None:
        return CabinetHealth(
            id=cabinet_id,
            name=cabinet_id,
            online=False,
            state_at=None,
            program_version="",
            oldest_unsent_s=0.0,
            queued=0,
            dropped=0,
            devices=devices,
            devices_silent=silent,
        )
    return CabinetHealth(
        id=row.id,
        name=row.name,
        online=row.online and row.state_at is not None and row.state_at > now - CABINET_FRESH,
        state_at=row.state_at,
        program_version=row.program_version,
        oldest_unsent_s=row.oldest_unsent_s,
        queued=row.queued,
        dropped=row.dropped,
        devices=devices,
        devices_silent=silent,
    )
