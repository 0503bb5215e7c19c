"""Reading a sensor's newest calibration: how far it is, what it rests on, what it changed."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from registry.domain.calibration import LEAST_READINGS, LEAST_SPAN, STILL, CalibrationProblem, Rest
from registry.domain.kinds import CalibrationState
from registry.domain.points import POINTS
from registry.shapes import shaped
from registry.storage.database import reading
from registry.storage.tables import calibration, user


class CalibratedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One point: the baseline before, the median, and the spread of the readings beside the one that is allowed."""

    name: str
    unit: str
    decimals: int
    old: float
    median: float
    spread: float
    allowed: float
    quiet: bool


class CalibrationView(msgspec.Struct, frozen=True, kw_only=True):
    """A calibration as the sensor's page shows it. ``needed`` readings over ``needed_s`` seconds make a baseline.

    ``problem`` None: it goes on, or it found one. ``by_name``: who started it, or who ended it.
    """

    id: int
    state: CalibrationState
    started_at: datetime
    ended_at: datetime | None
    checked_at: datetime | None
    readings: int
    needed: int
    needed_s: float
    problem: CalibrationProblem | None
    applied: bool
    by_name: str
    points: list[CalibratedPoint]


def newest_calibration(engine: Engine, device_id: int) -> CalibrationView | None:
    """The sensor's newest calibration; None: it never had one."""
    query = (
        select(calibration, user.c.name.label("by_name"))
        .outerjoin(user, user.c.id == calibration.c.by_user_id)
        .where(calibration.c.device_id == device_id)
        .order_by(calibration.c.id.desc())
        .limit(1)
    )
    with reading(engine) as tx:
        row = tx.execute(query).first()
    if row is None:
        return None
    return CalibrationView(
        id=row.id,
        state=CalibrationState(row.state),
        started_at=row.started_at,
        ended_at=row.ended_at,
        checked_at=row.checked_at,
        readings=row.readings,
        needed=LEAST_READINGS,
        needed_s=LEAST_SPAN.total_seconds(),
        problem=CalibrationProblem(row.problem) if row.problem else None,
        applied=row.applied,
        by_name=row.by_name or "",
        points=[_point(name, shaped(found, Rest)) for name, found in row.found.items() if name in STILL],
    )


def _point(name: str, found: Rest) -> CalibratedPoint:
    return CalibratedPoint(
        name=name,
        unit=POINTS[name].unit,
        decimals=POINTS[name].decimals,
        old=found.old,
        median=found.median,
        spread=found.high - found.low,
        allowed=STILL[name].spread,
        quiet=found.quiet,
    )
