"""Devices: what is fitted to an asset, taken off, exchanged, and what counts as "all is well" for each of its points.

A device that is taken off keeps its points, readings and baselines on file; fitted again, it begins a new life with
points of its own. Every change raises the revision ``directory``, by which the running ingest learns of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.calibration import CalibrationProblem
from registry.domain.device_kinds import DEVICE_KINDS
from registry.domain.done_at import when_done
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import AlertState, AssetState, CalibrationState, Family, Role
from registry.domain.link_test import ZEROED
from registry.domain.people import SYSTEM, Actor
from registry.domain.points import POINTS
from registry.services import alerts, revisions
from registry.services.assets import asset_to_change, write_change
from registry.storage.database import writing
from registry.storage.tables import alert, asset, baseline, calibration, device, point, rule_memory

MAX_NOTE = 500
HANDLERS = frozenset({Role.REGISTRAR, Role.DISPATCHER, Role.ADMINISTRATOR})
"""Who may fit, take off and re-zero anywhere in their area; crew may on the assets that their own unit answers for."""

COUNTERS = frozenset({"uptime", "sample_count", "battery", "temperature"})
"""Points whose value has no "all is well" that could be measured at fitting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """Hardware to be fitted to an asset. ``points`` empty: those of its kind, or the usual ones.

    ``heartbeat_s``: how often it normally speaks; silence is judged by it. ``baselines``: point name to the value it
    shows when all is well (road camber), 0 where not given. ``done_at``: when it was screwed on, where a phone without
    a signal tells it later.
    """

    serial: str
    profile: str
    asset_id: int
    heartbeat_s: float
    cabinet_id: str = ""
    bus: str = ""
    bus_address: int | None = None
    points: Sequence[str] = ()
    baselines: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    done_at: datetime | None = None


def fit_device(engine: Engine, new: NewDevice, *, by: Actor, now: datetime) -> int:
    """``put_on`` in a transaction of its own, by a person. Raises ``NotAllowed`` too."""
    with writing(engine) as tx:
        return put_on(tx, new, by=by, now=now)


def put_on(tx: Connection, new: NewDevice, *, now: datetime, by: Actor = SYSTEM) -> int:
    """Fit ``new`` to its asset and make its points; returns the device's id.

    A water level's full scale is the well's depth. Raises ``NotFound`` for the asset, ``Conflict`` for a serial that is
    fitted already, ``InvalidInput`` for points the asset's family does not have.
    """
    row = _carrier(tx, new.asset_id, by)
    device_id, serial = _put_on(tx, row, new, by=by, now=now)
    changes = {"device": [None, serial]}
    write_change(tx, row, changes, action="fit", audited="device.fit", by=by, now=now, note=new.note)
    return device_id


def _put_on(tx: Connection, row: Any, new: NewDevice, *, by: Actor, now: datetime) -> tuple[int, str]:
    """The device with its points and baselines, without the asset's history."""
    if row.state == AssetState.ABANDONED.value:
        raise InvalidMove("the asset is abandoned; nothing is fitted to it any more")
    new = _checked(tx, new)
    names = _points_of(Family(row.family), new)
    fitted_at = when_done(new.done_at, now=now)
    device_id = _insert(tx, new, by=by, fitted_at=fitted_at)
    made = tx.execute(
        insert(point).returning(point.c.id, point.c.baseline),
        [
            {
                "device_id": device_id,
                "name": name,
                "unit": POINTS[name].unit,
                "baseline": _sane(name, new.baselines.get(name, 0.0)),
                "full_scale": row.depth_mm if name == "water_level" else None,
            }
            for name in names
        ],
    ).all()
    tx.execute(
        insert(baseline),
        [{"point_id": each.id, "value": each.baseline, "set_at": fitted_at, "set_by": by.user_id} for each in made],
    )
    _calibrate(tx, device_id, [name for name in names if name in ZEROED and name not in new.baselines], now=now)
    revisions.bump(tx, revisions.DIRECTORY)
    return device_id, new.serial


def _calibrate(tx: Connection, device_id: int, names: Sequence[str], *, now: datetime) -> None:
    """Let it find the baselines that nobody measured when it was fitted."""
    if names:
        collecting = {"device_id": device_id, "state": CalibrationState.COLLECTING, "started_at": now, "found": {}}
        tx.execute(insert(calibration).values(collecting))


def end_calibrations(tx: Connection, device_id: int, problem: CalibrationProblem, *, by: Actor, now: datetime) -> None:
    """Whatever calibration of the device still collects readings is over, in vain."""
    tx.execute(
        update(calibration)
        .where(calibration.c.device_id == device_id, calibration.c.state == CalibrationState.COLLECTING)
        .values(state=CalibrationState.FAILED, problem=problem, ended_at=now, by_user_id=by.user_id)
    )


def remove_device(engine: Engine, device_id: int, *, reason: str, by: Actor, now: datetime) -> None:
    """Take a device off; its history stays. Raises ``NotFound``, ``InvalidMove`` (off already), ``InvalidInput``."""
    with writing(engine) as tx:
        why = _reason(reason)
        row, fitted = _take_off(tx, device_id, reason=why, by=by, now=now)
        changes = {"device": [fitted.serial, None]}
        write_change(tx, row, changes, action="remove", audited="device.remove", by=by, now=now, note=why)


def swap_device(
    engine: Engine,
    device_id: int,
    serial: str,
    *,
    reason: str,
    by: Actor,
    now: datetime,
    done_at: datetime | None = None,
) -> int:
    """Put the device ``serial`` in the place of another, on the same bus and address; returns the new one's id.

    Baselines begin at 0 and are found anew: another sensor sits differently. ``done_at``: when it was exchanged, where
    a phone without a signal tells it later. Raises what ``fit_device`` and
    ``remove_device`` raise.
    """
    with writing(engine) as tx:
        why = _reason(reason)
        row, old = _take_off(tx, device_id, reason=why, by=by, now=now, done_at=done_at)
        names = tx.execute(select(point.c.name).where(point.c.device_id == device_id).order_by(point.c.id)).scalars()
        new = NewDevice(
            serial=serial,
            profile=old.profile,
            asset_id=old.asset_id,
            heartbeat_s=old.heartbeat_s,
            cabinet_id=old.cabinet_id,
            bus=old.bus,
            bus_address=old.bus_address,
            points=list(names),
            note=why,
            done_at=done_at,
        )
        new_id, new_serial = _put_on(tx, row, new, by=by, now=now)
        changes = {"device": [old.serial, new_serial]}
        write_change(tx, row, changes, action="swap", audited="device.swap", by=by, now=now, note=why)
        return new_id


def rezero_device(
    engine: Engine,
    device_id: int,
    baselines: Mapping[str, float],
    *,
    reason: str,
    by: Actor,
    now: datetime,
    done_at: datetime | None = None,
) -> int:
    """Let ``baselines`` (point name to value in its unit) count as "all is well" from now on; how many were changed.

    The old ones stay on file. ``done_at``: when somebody stood there and said so, where a phone tells it later. Raises
    ``NotFound``, ``NotAllowed``, ``InvalidMove`` for a device that is off, ``InvalidInput`` naming the point, and
    ``Conflict`` where it was zeroed again since then: what is newer holds.
    """
    with writing(engine) as tx:
        return rezero_in(tx, device_id, baselines, reason=reason, by=by, now=now, done_at=done_at)


def rezero_in(
    tx: Connection,
    device_id: int,
    baselines: Mapping[str, float],
    *,
    reason: str,
    by: Actor,
    now: datetime,
    done_at: datetime | None = None,
) -> int:
    """``rezero_device`` in the caller's transaction."""
    set_at = when_done(done_at, now=now)
    fitted = _fitted(tx, device_id)
    row = _carrier(tx, fitted.asset_id, by)
    why = _reason(reason)
    if done_at is not None:
        _check_newest(tx, device_id, set_at)
    points = {each.name: each for each in tx.execute(select(point).where(point.c.device_id == device_id))}
    changes: dict[str, list[float]] = {}
    for name, value in baselines.items():
        if name not in points:
            raise InvalidInput(name, "sensor {serial} has no point {name}", serial=fitted.serial, name=name)
        if _sane(name, value) != points[name].baseline:
            changes[name] = [points[name].baseline, value]
            set_baseline(tx, points[name].id, value, by=by.user_id, now=set_at)
    end_calibrations(tx, device_id, CalibrationProblem.BY_HAND, by=by, now=now)
    if changes:
        told = {f"baseline.{name}": pair for name, pair in changes.items()}
        note = f"{fitted.serial}: {why}"
        write_change(tx, row, told, action="rezero", audited="device.rezero", by=by, now=now, note=note)
    return len(changes)


def _check_newest(tx: Connection, device_id: int, set_at: datetime) -> None:
    since = select(baseline.c.id).join(point, point.c.id == baseline.c.point_id)
    if tx.execute(since.where(point.c.device_id == device_id, baseline.c.set_at > set_at).limit(1)).first() is not None:
        raise Conflict("the sensor was zeroed again after that; look at its values, and zero it anew if they are wrong")


def device_to_handle(tx: Connection, device_id: int, *, by: Actor) -> Any:
    """The row of a fitted device that ``by`` may handle. Raises ``NotFound``, ``InvalidMove`` and ``NotAllowed``."""
    fitted = _fitted(tx, device_id)
    _carrier(tx, fitted.asset_id, by)
    return fitted


def set_baseline(
    tx: Connection, point_id: int, value: float, *, by: int | None, now: datetime, calibration_id: int | None = None
) -> None:
    """Re-zero a point: from now on ``value`` (in the point's unit) counts as "all is well"; the old one stays on file.

    ``by`` is the id of the authorised person, ``calibration_id`` the calibration that found the value. Raises
    ``NotFound``, and ``InvalidInput`` for an impossible value.
    """
    name = tx.execute(select(point.c.name).where(point.c.id == point_id)).scalar()
    if name is None:
        raise NotFound("point", point_id)
    tx.execute(update(point).where(point.c.id == point_id).values(baseline=_sane(name, value)))
    row = {"point_id": point_id, "value": value, "set_at": now, "set_by": by, "calibration_id": calibration_id}
    tx.execute(insert(baseline).values(row))
    revisions.bump(tx, revisions.DIRECTORY)


def may_handle(by: Actor, parties: Sequence[int | None]) -> bool:
    """Whether ``by`` may fit, take off and re-zero on an asset whose parties are ``parties`` (unit ids)."""
    if by.role is None or by.role in HANDLERS:
        return True
    return by.role is Role.CREW and by.unit_id is not None and by.unit_id in parties


def _take_off(
    tx: Connection, device_id: int, *, reason: str, by: Actor, now: datetime, done_at: datetime | None = None
) -> tuple[Any, Any]:
    """The asset's row and the device's, without the asset's history."""
    alerts.take_turn(
        tx
    )  # before the asset is locked: who writes an alert about it has its turn, and waits for the asset
    fitted = _fitted(tx, device_id)
    row = _carrier(tx, fitted.asset_id, by)
    tx.execute(
        update(device)
        .where(device.c.id == device_id)
        .values(
            removed_at=max(when_done(done_at, now=now), fitted.fitted_at),
            removed_by=by.user_id,
            note=_joined(fitted.note, reason),
        )
    )
    _end_alerts(tx, device_id, now=now)
    end_calibrations(tx, device_id, CalibrationProblem.REMOVED, by=by, now=now)
    revisions.bump(tx, revisions.DIRECTORY)
    return row, fitted


def _end_alerts(tx: Connection, device_id: int, *, now: datetime) -> None:
    """What it fired would fire for ever: nobody hears from it any more. Their cases stay open, for people to decide."""
    points = select(point.c.id).where(point.c.device_id == device_id)
    firing = select(alert.c.rule_key, alert.c.point_id).where(
        alert.c.device_id == device_id, alert.c.state == AlertState.FIRING.value
    )
    for row in tx.execute(firing).all():
        subject = alerts.Subject(point_id=row.point_id)
        taken_off = {"taken_off": True}
        alerts.clear(tx, row.rule_key, subject, cleared_at=now, level=None, now=now, detail=taken_off)
    tx.execute(delete(rule_memory).where(rule_memory.c.point_id.in_(points)))


def _fitted(tx: Connection, device_id: int) -> Any:
    row = tx.execute(select(device).where(device.c.id == device_id)).first()
    if row is None:
        raise NotFound("device", device_id)
    if row.removed_at is not None or row.asset_id is None:
        raise InvalidMove(f"sensor {row.serial} is not fitted any more; load the page again")
    return row


def _carrier(tx: Connection, asset_id: int, by: Actor) -> Any:
    row = asset_to_change(tx, asset_id, expected_version=None, by=by)
    if not may_handle(by, (row.supervisor_unit_id, row.owner_unit_id, row.maintainer_unit_id)):
        raise NotAllowed("this asset is not in your unit's care; a registrar, a dispatcher or its own unit can do it")
    return row


def _checked(tx: Connection, new: NewDevice) -> NewDevice:
    serial = new.serial.strip()
    if not serial:
        raise InvalidInput("serial", "a device needs the serial that its readings carry")
    if len(serial) > 60:
        raise InvalidInput("serial", "is longer than 60 characters; check what was scanned")
    if not new.profile.strip():
        raise InvalidInput("profile", "choose the kind of sensor: its profile says how its readings are understood")
    if not 0 < new.heartbeat_s <= 31 * 86_400:
        raise InvalidInput(
            "heartbeat_s", "{given} must be more than 0 seconds and at most a month", given=new.heartbeat_s
        )
    if new.bus_address is not None and not 0 <= new.bus_address <= 247:
        raise InvalidInput("bus_address", "{given} must be between 0 and 247", given=new.bus_address)
    if len(new.note) > MAX_NOTE:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MAX_NOTE)
    holder = tx.execute(
        select(device.c.asset_id, asset.c.name, asset.c.code)
        .outerjoin_from(device, asset, asset.c.id == device.c.asset_id)
        .where(device.c.serial == serial, device.c.removed_at.is_(None))
    ).first()
    if holder is not None:
        raise Conflict(f"device {serial!r} is fitted to {holder.name} ({holder.code}) already; take it off there first")
    return replace(new, serial=serial, profile=new.profile.strip(), note=new.note.strip())


def _insert(tx: Connection, new: NewDevice, *, by: Actor, fitted_at: datetime) -> int:
    values = {
        "serial": new.serial,
        "profile": new.profile,
        "asset_id": new.asset_id,
        "cabinet_id": new.cabinet_id,
        "bus": new.bus,
        "bus_address": new.bus_address,
        "heartbeat_s": new.heartbeat_s,
        "fitted_at": fitted_at,
        "fitted_by": by.user_id,
        "note": new.note,
    }
    return int(tx.execute(insert(device).values(values).returning(device.c.id)).scalar_one())


def _points_of(family: Family, new: NewDevice) -> list[str]:
    had = [name for name, spec in POINTS.items() if family in spec.families]
    kind = DEVICE_KINDS.get(new.profile)
    usual = [name for name in had if (name in (*kind.points, *kind.occasional) if kind else POINTS[name].usual)]
    names = list(new.points) or usual
    foreign = sorted((set(names) | set(new.baselines)) - set(had))
    if foreign:
        raise InvalidInput(
            "points",
            "{given}: a {family} asset has only {known}",
            given=", ".join(foreign),
            family=family,
            known=", ".join(had) or "no points",
        )
    if not names:
        raise InvalidInput("asset_id", "assets of the family {family} carry no sensors", family=family)
    if len(set(names)) != len(names):
        raise InvalidInput("points", "a point stands twice; name each once")
    return names


def _sane(name: str, value: float) -> float:
    low, high = POINTS[name].sane
    if not low <= value <= high:
        raise InvalidInput(
            "value",
            "{given} is outside {low} to {high} {unit}, which {name} can have",
            given=value,
            low=low,
            high=high,
            unit=POINTS[name].unit,
            name=name,
        )
    return value


def _reason(reason: str) -> str:
    said = reason.strip()
    if not said:
        raise InvalidInput("reason", "say why in a few words")
    if len(said) > MAX_NOTE:
        raise InvalidInput("reason", "is longer than {most} characters; shorten it", most=MAX_NOTE)
    return said


def _joined(note: str, more: str) -> str:
    return f"{note}\n{more}".strip()
