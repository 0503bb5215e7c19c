"""Calibrations: the worker looks at the readings of newly fitted sensors and gives them their baselines.

Begun when a sensor is fitted without measured baselines (``registry.services.devices``) or when somebody starts it
again; what it found can be refused, which puts the old baselines back. Every change raises the revision ``directory``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy import Connection, Engine, bindparam, insert, or_, select, update

from registry.domain.calibration import STILL, CalibrationProblem, Judgement, judge, looked_back
from registry.domain.errors import InvalidMove
from registry.domain.kinds import AlertState, CalibrationState, Quality
from registry.domain.people import SYSTEM, Actor
from registry.services import audit, revisions
from registry.services.assets import asset_to_change, write_change
from registry.services.devices import device_to_handle, end_calibrations, set_baseline
from registry.storage.database import reading, writing
from registry.storage.series import SeriesStore, Span
from registry.storage.tables import alert, baseline, calibration, device, point
from registry.storage.times import to_ms

log = structlog.get_logger(__name__)

LOOKS_EVERY = timedelta(minutes=1)
AT_ONCE = 200
_NOT_GOOD = frozenset({Quality.SUSPECT})
_LEAST_CHANGE = 0.005
_WRITTEN_AT_ONCE = 25
"""Each that ends has a line in its asset's history and in the trail: many in one go would hold up the intake."""

_Judged = tuple[Any, Judgement]


class Calibrated(NamedTuple):
    """What one round did: sensors looked at, calibrations that found a baseline, those that ended in vain."""

    looked_at: int
    done: int
    failed: int


def calibrate(engine: Engine, store: SeriesStore, *, now: datetime, limit: int = AT_ONCE) -> Calibrated:
    """Look at the readings of the sensors that wait longest, at most ``limit``; each is looked at once a minute.

    A sensor that holds an alert waits: what its rules call wrong is no rest. Raises ``StoreDown``.
    """
    with reading(engine) as tx:
        rows = tx.execute(_collecting(now).limit(limit)).all()
        points = _points(tx, [row.device_id for row in rows])
        alarmed = _alarmed(tx, [row.device_id for row in rows])
    if not rows:
        return Calibrated(0, 0, 0)
    found = [(row, _look(row, points[row.device_id], some, now)) for row, some in _samples(store, rows, points, now)]
    done = failed = 0
    for begin in range(0, len(found), _WRITTEN_AT_ONCE):
        some_done, some_failed = _write(engine, found[begin : begin + _WRITTEN_AT_ONCE], points, alarmed, now=now)
        done, failed = done + some_done, failed + some_failed
    return Calibrated(len(rows), done, failed)


def restart_calibration(engine: Engine, device_id: int, *, by: Actor, now: datetime) -> int:
    """Let the sensor find its baselines anew, from now on; the calibration's id. Its present ones hold until then.

    Raises ``NotFound``, ``NotAllowed``, and ``InvalidMove`` for a sensor that is off or has no zero.
    """
    with writing(engine) as tx:
        fitted = device_to_handle(tx, device_id, by=by)
        if not _points(tx, [device_id])[device_id]:
            raise InvalidMove("nothing on this sensor has a zero; there is nothing to calibrate")
        end_calibrations(tx, device_id, CalibrationProblem.REFUSED, by=by, now=now)
        row = {"device_id": device_id, "state": CalibrationState.COLLECTING, "started_at": now, "found": {}}
        made = insert(calibration).values(**row, by_user_id=by.user_id).returning(calibration.c.id)
        calibration_id = int(tx.execute(made).scalar_one())
        _record(tx, fitted, {"calibration": "started"}, by=by, now=now)
    return calibration_id


def refuse_calibration(engine: Engine, device_id: int, *, by: Actor, now: datetime) -> int:
    """End the newest calibration in vain: the baselines it found are put back; how many.

    Raises ``NotFound``, ``NotAllowed``, ``InvalidMove`` when there is nothing to refuse.
    """
    with writing(engine) as tx:
        fitted = device_to_handle(tx, device_id, by=by)
        newest = select(calibration).where(calibration.c.device_id == device_id).order_by(calibration.c.id.desc())
        row = tx.execute(newest.limit(1)).first()
        if row is None or row.state == CalibrationState.FAILED:
            raise InvalidMove("there is no calibration to refuse; load the page again")
        back = _found_values(tx, row.id) if row.applied else {}
        changes = {}
        for each in _points(tx, [device_id])[device_id]:
            if each.name in back and each.baseline == back[each.name]:  # nobody has zeroed it since
                old = row.found[each.name]["old"]
                set_baseline(tx, each.id, old, by=by.user_id, now=now)
                changes[f"baseline.{each.name}"] = [each.baseline, old]
        tx.execute(
            update(calibration)
            .where(calibration.c.id == row.id)
            .values(
                state=CalibrationState.FAILED,
                problem=CalibrationProblem.REFUSED,
                applied=False,
                ended_at=now,
                by_user_id=by.user_id,
            )
        )
        _record(tx, fitted, {"calibration": "refused", "put_back": len(changes)}, by=by, now=now)
        if changes:
            _tell(tx, fitted, changes, by=by, now=now)
    return len(changes)


def _collecting(now: datetime) -> Any:
    c = calibration.c
    return (
        select(calibration, device.c.heartbeat_s, device.c.serial, device.c.asset_id)
        .join(device, device.c.id == c.device_id)
        .where(
            c.state == CalibrationState.COLLECTING,
            or_(c.checked_at.is_(None), c.checked_at <= now - LOOKS_EVERY),
            device.c.removed_at.is_(None),
        )
        .order_by(c.checked_at.is_not(None), c.checked_at, c.id)
    )


def _points(tx: Connection, devices: Sequence[int]) -> dict[int, list[Any]]:
    query = select(point).where(point.c.device_id.in_(devices), point.c.name.in_(STILL)).order_by(point.c.id)
    found: dict[int, list[Any]] = defaultdict(list)
    for row in tx.execute(query):
        found[row.device_id].append(row)
    return found


def _alarmed(tx: Connection, devices: Sequence[int]) -> set[int]:
    """Devices of which a point that is to be zeroed holds an alert."""
    query = (
        select(alert.c.device_id)
        .join(point, point.c.id == alert.c.point_id)
        .where(alert.c.device_id.in_(devices), alert.c.state == AlertState.FIRING, point.c.name.in_(STILL))
    )
    return {int(row.device_id) for row in tx.execute(query)}


def _samples(
    store: SeriesStore, rows: Sequence[Any], points: Mapping[int, list[Any]], now: datetime
) -> list[tuple[Any, dict[str, list[tuple[int, float]]]]]:
    """Each row with the good readings of its points by name; asked of the store all at once."""
    spans = [
        Span(each.id, to_ms(looked_back(row.started_at, row.heartbeat_s, now=now)), to_ms(now) + 1)
        for row in rows
        for each in points[row.device_id]
    ]
    read = iter(store.samples(spans))
    return [
        (
            row,
            {
                each.name: [(at, value) for at, value, quality in next(read) if quality not in _NOT_GOOD]
                for each in points[row.device_id]
            },
        )
        for row in rows
    ]


def _look(row: Any, points: Sequence[Any], samples: dict[str, list[tuple[int, float]]], now: datetime) -> Judgement:
    old = {each.name: each.baseline for each in points}
    return judge(samples, old, started_at=row.started_at, heartbeat_s=row.heartbeat_s, now=now)


def _write(
    engine: Engine, found: Sequence[_Judged], points: Mapping[int, list[Any]], alarmed: set[int], *, now: datetime
) -> tuple[int, int]:
    """What was found of some sensors, in one transaction; how many are done, and how many ended in vain."""
    with writing(engine) as tx:
        going_on = select(calibration.c.id).where(
            calibration.c.id.in_([row.id for row, _ in found]), calibration.c.state == CalibrationState.COLLECTING
        )
        live = set(tx.execute(going_on.with_for_update()).scalars())
        tx.execute(update(calibration).where(calibration.c.id.in_(live)).values(checked_at=now))
        told = [
            (row, judgement)
            for row, judgement in found
            if row.id in live and (row.device_id not in alarmed or judgement.problem is not None)
        ]
        if told:
            same = calibration.c.id == bindparam("row_id")
            columns = ("found", "readings", "state", "problem", "applied", "ended_at")
            values = {name: bindparam(f"new_{name}", type_=calibration.c[name].type) for name in columns}
            tx.execute(update(calibration).where(same).values(values), [_as_row(each, now) for each in told])
        _apply(tx, [each for each in told if each[1].done], points, now=now)
    return sum(each.done for _, each in told), sum(each.problem is not None for _, each in told)


def _as_row(judged: _Judged, now: datetime) -> dict[str, Any]:
    row, judgement = judged
    ended = judgement.done or judgement.problem is not None
    state = CalibrationState.DONE if judgement.done else CalibrationState.FAILED if ended else row.state
    return {
        "row_id": row.id,
        "new_found": msgspec.to_builtins(judgement.rests),
        "new_readings": judgement.readings,
        "new_state": state,
        "new_problem": judgement.problem or "",
        "new_applied": judgement.done,
        "new_ended_at": now if ended else None,
    }


def _apply(tx: Connection, done: Sequence[_Judged], points: Mapping[int, list[Any]], *, now: datetime) -> None:
    """The baselines that were found, all in one statement; in the history of each asset a line."""
    fresh: list[dict[str, Any]] = []
    for row, judgement in done:
        changes = {}
        for each in points[row.device_id]:
            found = judgement.rests[each.name].median
            if abs(found - each.baseline) >= _LEAST_CHANGE:
                fresh.append({"point_id": each.id, "value": found, "set_at": now, "calibration_id": row.id})
                changes[f"baseline.{each.name}"] = [each.baseline, found]
        if changes:
            _tell(tx, row, changes, by=SYSTEM, now=now)
    if fresh:
        tx.execute(insert(baseline), fresh)
        tx.execute(
            update(point).where(point.c.id == bindparam("row_id")).values(baseline=bindparam("found")),
            [{"row_id": each["point_id"], "found": each["value"]} for each in fresh],
        )
        revisions.bump(tx, revisions.DIRECTORY)


def _found_values(tx: Connection, calibration_id: int) -> dict[str, float]:
    query = (
        select(point.c.name, baseline.c.value)
        .join(point, point.c.id == baseline.c.point_id)
        .where(baseline.c.calibration_id == calibration_id)
    )
    return {row.name: row.value for row in tx.execute(query)}


def _tell(tx: Connection, fitted: Any, changes: dict[str, Any], *, by: Actor, now: datetime) -> None:
    """Into the history of the asset, and into the trail."""
    carrier = asset_to_change(tx, fitted.asset_id, expected_version=None, by=by)
    note = f"{fitted.serial}: calibration"
    write_change(tx, carrier, changes, action="rezero", audited="device.rezero", by=by, now=now, note=note)


def _record(tx: Connection, fitted: Any, detail: dict[str, Any], *, by: Actor, now: datetime) -> None:
    subject = f"asset:{fitted.asset_id}"
    audit.record(
        tx, by=by, action="device.calibrate", subject=subject, detail=detail | {"device": fitted.serial}, now=now
    )
