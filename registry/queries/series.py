"""A point's curve for a chart: thinned on the server so that no peak is lost, with the alerts that lie over it."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, or_, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.points import POINTS
from registry.storage.database import reading
from registry.storage.series import SeriesStore
from registry.storage.tables import alert, point
from registry.storage.times import to_ms

MAX_POINTS = 5_000
_MOST_BANDS = 500


class AlertBand(msgspec.Struct, frozen=True, kw_only=True):
    """The time an alert's condition held, cut to the span asked for, in Unix ms; ``until`` is None: still firing.

    ``severity`` is the worst it was: one that is over went down its steps before.
    """

    alert_id: int
    rule_key: str
    severity: int
    from_: int = msgspec.field(name="from")
    until: int | None


class SeriesView(msgspec.Struct, frozen=True, kw_only=True):
    """The curve in columns of equal length: slice starts in Unix ms, and each slice's least, greatest and mean value.

    Values are in the point's own ``unit``, before the baseline is subtracted.
    """

    point_id: int
    name: str
    unit: str
    decimals: int
    baseline: float
    full_scale: float | None
    since_ms: int
    until_ms: int
    times_ms: list[int]
    min: list[float]
    max: list[float]
    mean: list[float]
    bands: list[AlertBand]


def series(
    store: SeriesStore, engine: Engine, *, point_id: int, since: datetime, until: datetime, max_points: int = 1000
) -> SeriesView:
    """The readings of ``point_id`` with since ≤ measured < until, in at most ``max_points`` slices.

    Raises ``NotFound`` for the point and ``InvalidInput`` for a span or a number of slices that makes no sense.
    """
    if since >= until:
        raise InvalidInput("since", "must be before until")
    if not 1 <= max_points <= MAX_POINTS:
        raise InvalidInput("points", "{given} must be between 1 and {most}", given=max_points, most=MAX_POINTS)
    with reading(engine) as tx:
        row = tx.execute(select(point).where(point.c.id == point_id)).first()
        if row is None:
            raise NotFound("point", point_id)
        bands = _bands(tx, point_id, since, until)
    slices = store.buckets(point_id, to_ms(since), to_ms(until), max_points)
    return SeriesView(
        point_id=point_id,
        name=row.name,
        unit=row.unit,
        decimals=POINTS[row.name].decimals if row.name in POINTS else 2,
        baseline=row.baseline,
        full_scale=row.full_scale,
        since_ms=to_ms(since),
        until_ms=to_ms(until),
        times_ms=[each.at_ms for each in slices],
        min=[each.low for each in slices],
        max=[each.high for each in slices],
        mean=[each.mean for each in slices],
        bands=bands,
    )


def _bands(tx: Connection, point_id: int, since: datetime, until: datetime) -> list[AlertBand]:
    query = (
        select(alert)
        .where(
            alert.c.point_id == point_id,
            alert.c.began_at < until,
            or_(alert.c.cleared_at.is_(None), alert.c.cleared_at > since),
        )
        .order_by(alert.c.began_at.desc())
        .limit(_MOST_BANDS)
    )
    return [
        AlertBand(
            alert_id=row.id,
            rule_key=row.rule_key,
            severity=max(row.peak_severity, row.severity),
            from_=to_ms(max(row.began_at, since)),
            until=None if row.cleared_at is None else to_ms(min(row.cleared_at, until)),
        )
        for row in reversed(tx.execute(query).all())
    ]
