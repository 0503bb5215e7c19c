"""Readings for a panel: which points are meant, and their slices, all curves in one call of the store.

A chart holds at most so many slices that what is read for it stays small (``_MOST_READ``): fifty curves over a year are
drawn by the day, one by the hours. Each slice keeps the true extremes whatever its width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import gcd
from operator import mul
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, select

from registry.domain.boards import SeriesSource, Show
from registry.domain.errors import InvalidInput, StoreDown
from registry.domain.kinds import AlertState
from registry.domain.points import POINTS
from registry.queries.board_things import asset_fulfils
from registry.queries.board_values import Asked, Column, Curve, Curves, Nothing, Said, Spark, Stat, Table, To, Word
from registry.storage.database import reading
from registry.storage.series import Columns
from registry.storage.tables import alert, asset, device, latest, point
from registry.storage.times import to_ms

_MOST_READ = 30_000
"""Slots that are read for one answer at most: about 50 ms."""

_WIDEST, _NARROWEST = 2_000, 50
_DAY_MS, _HOUR_MS, _FIVE_MS, _READING_MS = 86_400_000, 3_600_000, 300_000, 60_000
_MEAN_DECIMALS = 4
_OF_ASSETS = frozenset({"area", "family", "class"})
MOST_POINTS = 200
_MOST_COUNTED = 60_000
"""Slices that are counted for one answer at most: about 100 ms."""


class Meant(NamedTuple):
    """A point of a chart, with what it is of."""

    id: int
    name: str
    unit: str
    asset_id: int | None
    asset_name: str
    serial: str


def curves(source: SeriesSource, asked: Asked) -> Curves:
    """The curves of a chart. Raises ``Nothing`` where nothing is chosen, ``InvalidInput`` and ``StoreDown``."""
    with reading(asked.engine) as tx:
        meant, left_out = points_of(tx, source, asked)
    return Curves(series=curves_of(meant, asked), left_out=left_out, show=source.show)


def curves_of(meant: Sequence[Meant], asked: Asked) -> list[Curve]:
    """Each point's curve, in the order given; one without readings is there, and empty."""
    found = _read(meant, asked)
    names = _names(meant)
    return [_curve(each, names[each.id], found.get(each.id)) for each in meant]


def _read(meant: Sequence[Meant], asked: Asked) -> dict[int, Columns]:
    """The slices of each point. Where roll-ups serve, the span is widened to whole slots: its edges cost no look at
    the readings then, and nobody sees half a slot."""
    slices = slices_for(len(meant), asked)
    width_ms = (asked.until_ms - asked.since_ms) // slices
    slot_ms = max([1, *(each for each in (_FIVE_MS, _HOUR_MS, _DAY_MS) if each <= width_ms)])
    since_ms, until_ms = asked.since_ms // slot_ms * slot_ms, -(-asked.until_ms // slot_ms) * slot_ms
    # one slice more than there are whole slots, and the store would make them of the next finer level
    slots = (until_ms - since_ms) // slot_ms
    most = slots if slots <= slices + 2 else slices
    return _slices([each.id for each in meant], since_ms, until_ms, most, asked)


def _slices(ids: Sequence[int], since_ms: int, until_ms: int, most: int, asked: Asked) -> dict[int, Columns]:
    """What the store has. Raises ``StoreDown``: one panel waits for a store that is away, not each of them in turn."""
    if asked.shared.series_down is not None:
        raise StoreDown(str(asked.shared.series_down))
    try:
        return asked.store.many_buckets(ids, since_ms, until_ms, most)
    except StoreDown as error:
        asked.shared.series_down = error
        raise


def slices_for(curves: int, asked: Asked) -> int:
    """How many slices each of so many curves gets."""
    wanted = max(_NARROWEST, min(asked.width_px, _WIDEST))
    span_ms = asked.until_ms - asked.since_ms
    # what a slot of each level stands for; readings are taken to come by the minute at most
    for slot_ms in (_READING_MS, _FIVE_MS, _HOUR_MS, _DAY_MS):
        # the finest level that can be read in time is the one that the slices may be made of
        if span_ms / slot_ms * curves <= _MOST_READ:
            # rounded down: a slice that is shorter than a slot would be made of the next finer level
            return max(1, min(wanted, span_ms // slot_ms if slot_ms > _READING_MS else wanted))
    return max(1, min(wanted, _MOST_READ // max(curves, 1)))


def series_stat(source: SeriesSource, asked: Asked) -> Stat:
    """One number of the readings: the newest (of ``range``), the mean, or the greatest of all of them."""
    found = curves(source, asked)
    filled = [curve for curve in found.series if curve.t]
    if not filled:
        return Stat(value=None, unit=found.series[0].unit if found.series else "1")
    first = filled[0]
    spark = Spark(t=first.t, value=first.max if source.show is Show.MAX else first.mean)
    if source.show is Show.MAX:
        value = max(max(curve.max) for curve in filled)
    elif source.show is Show.MEAN:
        value = sum(map(mean_of, filled)) / len(filled)
    else:
        with reading(asked.engine) as tx:
            value, _ = newest(tx, [first], asked)[first.point_id]
    to = None if first.asset_id is None else To("asset", {"asset_id": first.asset_id})
    return Stat(value=value, unit=first.unit, decimals=first.decimals, spark=spark, to=to)


def mean_of(curve: Curve) -> float:
    """The mean of all readings of a curve that is not empty: a slice counts by how many it holds."""
    total: float = sum(map(mul, curve.mean, curve.readings))
    return total / sum(curve.readings)


def newest(tx: Connection, curves: Iterable[Curve], asked: Asked) -> dict[int, tuple[float, int]]:
    """By point the newest value of curves that are not empty and when it was (ms): the newest reading of all where it
    lies in the span, else what the last slice says."""
    known = {curve.point_id: (curve.mean[-1], curve.t[-1]) for curve in curves}
    in_span = (latest.c.measured_at >= asked.since, latest.c.measured_at < asked.until)
    query = select(latest.c.point_id, latest.c.value, latest.c.measured_at)
    for row in tx.execute(query.where(latest.c.point_id.in_(list(known)), *in_span)):
        known[row.point_id] = (row.value, to_ms(row.measured_at))
    return known


def series_table(source: SeriesSource, asked: Asked) -> Table:
    """Least, mean and greatest value of each curve; where their units differ, each row says its own."""
    found = curves(source, asked)
    filled = [curve for curve in found.series if curve.t]
    units = {curve.unit for curve in filled}
    unit = units.pop() if len(units) == 1 else ""
    columns = [Column(key="name", name=Word("board.column.name"), kind="link")]
    columns += [
        Column(key=key, name=Word(f"board.column.{key}"), kind="number", unit=unit) for key in ("min", "mean", "max")
    ]
    rows: list[list[Any]] = [
        [curve.name, min(curve.min), round(mean_of(curve), _MEAN_DECIMALS), max(curve.max)] for curve in filled
    ]
    if units:
        columns.append(Column(key="unit", name=Word("board.column.unit")))
        rows = [[*row, Word(f"unit.{curve.unit}")] for row, curve in zip(rows, filled, strict=True)]
    return Table(
        columns=columns, rows=rows, to=[_to_asset(each.asset_id) for each in filled], more=bool(found.left_out)
    )


def points_of(tx: Connection, source: SeriesSource, asked: Asked) -> tuple[list[Meant], int]:
    """The points that a source means within the visitor's area, and how many more there are at least."""
    if source.points:
        return points_by_ids(tx, source.points, asked, *narrowed(source.where, asked)), 0
    chosen = [*_chosen(source, asked), *_seen(asked), *narrowed(source.where, asked)]
    # those about which there is something first, by the few alerts that are live
    live = select(alert.c.point_id).where(alert.c.state == AlertState.FIRING.value, alert.c.point_id.is_not(None))
    most = source.most + 1
    alarming = _points().where(point.c.name == source.point, *chosen, point.c.id.in_(live)).order_by(point.c.id)
    rows = list(tx.execute(alarming.limit(most)))
    if len(rows) < most:
        calm = _points(source.point).where(*chosen, point.c.id.not_in(live)).order_by(device.c.id)
        rows += tx.execute(calm.limit(most - len(rows)))
    return [_meant(row) for row in rows[: source.most]], max(0, len(rows) - source.most)


def points_by_ids(tx: Connection, ids: Sequence[int], asked: Asked, *more: ColumnElement[bool]) -> list[Meant]:
    """These points as far as the visitor may see them, in the order given, also of devices that were taken off."""
    rows = tx.execute(_points(fitted=False).where(point.c.id.in_(ids), *_seen(asked), *more))
    found = {row.id: _meant(row) for row in rows}
    return [found[each] for each in dict.fromkeys(ids) if each in found]


def readings_between(where: Any, asked: Asked, edges: Sequence[int]) -> list[int]:
    """How many readings of the points that a condition means (``MOST_POINTS`` at most) lie in each step between two
    edges (ms).

    Raises ``Nothing`` where it isn't narrowed: nobody counts all readings of a city for a panel.
    """
    conditions = narrowed(where, asked)
    if not conditions:
        raise Nothing("narrow")
    with reading(asked.engine) as tx:
        query = _points().where(*conditions, *_seen(asked)).order_by(point.c.id).limit(MOST_POINTS + 1)
        ids = [row.id for row in tx.execute(query)]
    slices = 1 if len(edges) == 2 else (edges[-1] - edges[0]) // _within_steps(edges)
    if len(ids) > MOST_POINTS or len(ids) * slices > _MOST_COUNTED:
        raise Nothing("narrow")
    value = np.zeros(len(edges) - 1, dtype=np.int64)
    for each in _slices(ids, edges[0], edges[-1], slices, asked).values():
        places = np.searchsorted(edges, each.at_ms, side="right") - 1
        np.add.at(value, places, each.readings)
    return [int(each) for each in value]


def _within_steps(edges: Sequence[int]) -> int:
    """The width of slices of which each lies in one step.

    The store lays slices out along its own slots, those of UTC, and takes the coarsest that fit into one. So they are
    made too narrow for slots that would cut across steps: days where the city's begin at 16:00 UTC.
    """
    width = gcd(*(two - one for one, two in pairwise(edges)))
    cutting = [slot_ms for slot_ms in (_FIVE_MS, _HOUR_MS, _DAY_MS) if any(edge % slot_ms for edge in edges)]
    return cutting[0] // 2 if cutting and width >= cutting[0] else width


def narrowed(where: Any, asked: Asked) -> list[ColumnElement[bool]]:
    """What devices and their assets must fulfil beside what the visitor may see. Raises ``InvalidInput``."""
    given = {name: value for name, value in where.items() if asked.words(value)}
    found: list[ColumnElement[bool]] = []
    for name, value in given.items():
        if name == "asset":
            found.append(device.c.asset_id.in_(asked.numbers("where.asset", value)))
        elif name == "device":
            found.append(device.c.id.in_(asked.numbers("where.device", value)))
        elif name == "cabinet":
            found.append(device.c.cabinet_id.in_(asked.words(value)))
        elif name not in _OF_ASSETS:
            raise InvalidInput(f"where.{name}", "can't narrow these")
    return [*found, *asset_fulfils(device, device.c.asset_id, given, asked, scope="")]


def _chosen(source: SeriesSource, asked: Asked) -> list[ColumnElement[bool]]:
    """What the one ``of_…`` of a source asks for. Raises ``Nothing`` where nothing is chosen."""
    given = {
        "asset": source.of_assets,
        "device": source.of_devices,
        "family": source.of_family,
        "class": source.of_class,
    }
    conditions = narrowed({name: value for name, value in given.items() if value}, asked)
    if not conditions:
        raise Nothing("choose")
    return conditions


def _points(named: str = "", *, fitted: bool = True) -> Select[Any]:
    """Points with what they are of. ``named``: that of this name of each device, so that SQLite walks along the devices
    and stops when it has enough; it would go through all points of the city otherwise."""
    of_device = point.c.device_id == device.c.id
    if named:
        its = point.alias("named")
        found = select(its.c.id).where(its.c.device_id == device.c.id, its.c.name == named)
        of_device = point.c.id == found.correlate(device).scalar_subquery()
    query = select(
        *(point.c.id, point.c.name, point.c.unit, device.c.asset_id, device.c.serial),
        asset.c.name.label("asset_name"),
    ).select_from(device.join(point, of_device).outerjoin(asset, asset.c.id == device.c.asset_id))
    return query.where(device.c.removed_at.is_(None)) if fitted else query


def _seen(asked: Asked) -> tuple[ColumnElement[bool], ...]:
    return asset_fulfils(device, device.c.asset_id, {}, asked, scope=asked.scope)


def _meant(row: Any) -> Meant:
    return Meant(row.id, row.name, row.unit, row.asset_id, row.asset_name or "", row.serial)


def _names(meant: Sequence[Meant]) -> dict[int, Said]:
    """What each curve is called: the asset, with the device or the quantity where that alone would not tell."""
    many = Counter((each.asset_name, each.name) for each in meant)
    quantities = len({each.name for each in meant}) > 1
    found: dict[int, Said] = {}
    for each in meant:
        own = each.asset_name or each.serial
        name: tuple[str | Word, ...] = (own,) if many[each.asset_name, each.name] == 1 else (own, each.serial)
        found[each.id] = (*name, Word(f"point.{each.name}")) if quantities else name
    return found


def _curve(of: Meant, name: Said, found: Columns | None) -> Curve:
    spec = POINTS.get(of.name)
    return Curve(
        name=name,
        unit=of.unit,
        decimals=2 if spec is None else spec.decimals,
        point_id=of.id,
        asset_id=of.asset_id,
        t=[] if found is None else found.at_ms.tolist(),
        min=[] if found is None else found.low.tolist(),
        max=[] if found is None else found.high.tolist(),
        mean=[] if found is None else found.mean.round(_MEAN_DECIMALS).tolist(),
        readings=[] if found is None else found.readings.tolist(),
    )


def _to_asset(asset_id: int | None) -> To | None:
    return None if asset_id is None else To("asset", {"asset_id": asset_id})
