"""What is wrong in the city, with its places, held in memory for the map: few things next to a million assets.

A process reads all of it once and then what the live feed names; each tile takes what lies in it from there.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, bindparam, func, select

from registry.domain.geo import Box
from registry.domain.kinds import AlertState, AssetState
from registry.domain.map_grid import to_units
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, asset, case, feed

_ALL_AGAIN_S = 60.0
"""However quiet the feed, all is read anew after this: what was written past it shows too."""
_SHARE = 0.02  # of the time, at most, is spent reading all of it
_MOST_CHANGES = 500
_OVERLAP = 200  # rows of the feed that are looked at again: one may be committed after a later one
_SLICE = 500
_MOST_DRAWN = 200
"""Tiles that a process keeps: some five megabytes."""


class WrongThing(NamedTuple):
    """One asset with an open case or a live alert, or a place with an open case and no asset (``asset_id`` None).

    ``severity`` is the worst of them, ``case_id`` the worst open case and ``case_kind`` its kind ("" without one).
    ``counted``: among the cells of the map too.
    """

    asset_id: int | None
    severity: int
    case_id: int | None
    case_kind: str
    lon: float
    lat: float
    family: str
    class_code: str
    state: str
    name: str
    road: str
    area_code: str
    counted: bool

    @property
    def key(self) -> int:
        """What it is known by: the asset, or less than zero for a case without one."""
        return self.asset_id if self.asset_id is not None else -(self.case_id or 0)


class Wrong:
    """All of it at one moment; never changed."""

    def __init__(self, things: dict[int, WrongThing]) -> None:
        self.things = things
        # the worst first, and always in the same order
        self._rows = sorted(things.values(), key=lambda each: (-each.severity, each.key))
        self._lon = np.fromiter((each.lon for each in self._rows), np.float64, len(self._rows))
        self._lat = np.fromiter((each.lat for each in self._rows), np.float64, len(self._rows))
        self._areas: dict[str, NDArray[np.bool_]] = {}

    def inside(self, box: Box, scope: str = "") -> list[WrongThing]:
        """What lies in ``box`` and in the area ``scope``, the worst first."""
        here = (self._lon >= box.west) & (self._lon <= box.east) & (self._lat >= box.south) & (self._lat <= box.north)
        if scope:
            here &= self._in_area(scope)
        return [self._rows[index] for index in np.flatnonzero(here)]

    def _in_area(self, scope: str) -> NDArray[np.bool_]:
        kept = self._areas.get(scope)
        if kept is None:
            fits = (each.area_code.startswith(scope) for each in self._rows)
            kept = self._areas[scope] = np.fromiter(fits, np.bool_, len(self._rows))
        return kept


class Drawn:
    """The tiles drawn last, by their ETags, which say all that is in them; for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()

    def get(self, etag: str) -> bytes | None:
        """The tile, if it is among them."""
        with self._lock:
            body = self._bodies.get(etag)
            if body is not None:
                self._bodies.move_to_end(etag)
            return body

    def keep(self, etag: str, body: bytes) -> None:
        """Add one; the one that was asked for longest ago goes."""
        with self._lock:
            self._bodies[etag] = body
            while len(self._bodies) > _MOST_DRAWN:
                self._bodies.popitem(last=False)


class WrongOnMap:
    """Keeps ``Wrong`` up to the newest row of the feed; one for each process, used by all of its threads."""

    def __init__(self) -> None:
        self.drawn = Drawn()
        self._lock = threading.Lock()
        self._held = Wrong({})
        self._newest = -1
        self._seen: frozenset[int] = frozenset()
        self._read_at_s = float("-inf")
        self._again_after_s = 0.0

    def now(self, tx: Connection) -> Wrong:
        """What is wrong, as ``tx`` sees it or a little later."""
        newest = tx.execute(_NEWEST).scalar() or 0
        with self._lock:
            began_s = time.monotonic()
            stale = self._newest < 0 or began_s - self._read_at_s > self._again_after_s
            if not stale and newest > self._newest:
                stale = not self._follow(tx)
            if stale:
                self._seen = frozenset(tx.execute(_IDS_SINCE, {"since": newest - _OVERLAP}).scalars())
                self._held = Wrong({each.key: each for each in _read(tx, None, None)})
                self._newest = max(self._seen, default=newest)
                self._read_at_s = time.monotonic()
                self._again_after_s = max(_ALL_AGAIN_S, (self._read_at_s - began_s) / _SHARE)
            return self._held

    def _follow(self, tx: Connection) -> bool:
        """Read again what the new rows of the feed name; False when they are too many for that."""
        rows = tx.execute(_SINCE, {"since": self._newest - _OVERLAP, "most": _MOST_CHANGES + 1}).all()
        fresh = [row for row in rows if row.id not in self._seen]
        if len(rows) > _MOST_CHANGES:
            return False
        assets = {int(row.body["asset_id"]) for row in fresh if row.body.get("asset_id")}
        cases = {int(row.body["case_id"]) for row in fresh if row.body.get("case_id")}
        if assets or cases:
            gone = assets | {-case_id for case_id in cases}
            things = {key: each for key, each in self._held.things.items() if key not in gone}
            things |= {each.key: each for each in _read(tx, assets, cases)}
            self._held = Wrong(things)
        self._newest = max((row.id for row in rows), default=self._newest)
        self._seen = frozenset(row.id for row in rows if row.id > self._newest - _OVERLAP)
        return True


_NEWEST = select(func.max(feed.c.id))
_IDS_SINCE = select(feed.c.id).where(feed.c.id > bindparam("since"))
_SINCE = (
    select(feed.c.id, feed.c.body).where(feed.c.id > bindparam("since")).order_by(feed.c.id).limit(bindparam("most"))
)
_ASSET = (asset.c.lon, asset.c.lat, asset.c.family, asset.c.class_code, asset.c.state, asset.c.name, asset.c.road)


def _cases() -> Select[Any]:
    joined = case.join(asset, asset.c.id == case.c.asset_id)
    columns = (case.c.asset_id, case.c.severity, case.c.id.label("case_id"), case.c.kind, *_ASSET, asset.c.area_code)
    return (
        select(*columns, asset.c.merged_into_id)
        .select_from(joined)
        .where(IS_OPEN)
        .order_by(case.c.severity.desc(), case.c.id)
    )


def _alerts() -> Select[Any]:
    joined = alert.join(asset, asset.c.id == alert.c.asset_id)
    columns = (alert.c.asset_id, func.max(alert.c.severity).label("severity"), *_ASSET, asset.c.area_code)
    return (
        select(*columns, asset.c.merged_into_id)
        .select_from(joined)
        .where(alert.c.state == AlertState.FIRING.value)
        .group_by(alert.c.asset_id, *_ASSET, asset.c.area_code, asset.c.merged_into_id)
    )


def _places() -> Select[Any]:
    columns = (case.c.id, case.c.severity, case.c.kind, case.c.lon, case.c.lat, case.c.place, case.c.area_code)
    return select(*columns).where(IS_OPEN, case.c.asset_id.is_(None))


def _read(tx: Connection, assets: Collection[int] | None, cases: Collection[int] | None) -> Iterable[WrongThing]:
    """Everything, or what there is of these assets and of these cases that have none."""
    found: dict[int, WrongThing] = {}
    for row in _each(tx, _cases(), case.c.asset_id, assets):
        if row.asset_id not in found:
            found[row.asset_id] = _thing(row, row.severity, row.case_id, row.kind)
    for row in _each(tx, _alerts(), alert.c.asset_id, assets):
        known = found.get(row.asset_id)
        if known is None:
            found[row.asset_id] = _thing(row, row.severity, None, "")
        elif known.severity < row.severity:
            found[row.asset_id] = known._replace(severity=row.severity)
    yield from found.values()
    for row in _each(tx, _places(), case.c.id, cases):
        here = (row.lon, row.lat, "other", "", "", row.place, "", row.area_code)
        yield WrongThing(None, row.severity, row.id, row.kind, *here, counted=False)


def _each(tx: Connection, query: Select[Any], column: Any, wanted: Collection[int] | None) -> Iterable[Any]:
    if wanted is None:
        yield from tx.execute(query)
        return
    ids: Sequence[int] = sorted(wanted)
    for start in range(0, len(ids), _SLICE):
        yield from tx.execute(query.where(column.in_(ids[start : start + _SLICE])))


def _thing(row: Any, severity: int, case_id: int | None, case_kind: str) -> WrongThing:
    return WrongThing(
        asset_id=row.asset_id,
        severity=severity,
        case_id=case_id,
        case_kind=case_kind,
        lon=row.lon,
        lat=row.lat,
        family=row.family,
        class_code=row.class_code,
        state=row.state,
        name=row.name,
        road=row.road,
        area_code=row.area_code,
        counted=row.merged_into_id is None and row.state != AssetState.ABANDONED.value,
    )


def units_of(thing: WrongThing) -> tuple[int, int]:
    """Its place in the units of the map's cells."""
    return to_units(thing.lon), to_units(thing.lat)
