"""Every asset as a dot on the map, in one go: small enough and fast enough for a whole district."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, or_, select

from registry.domain.geo import Box, place_cells
from registry.domain.kinds import ENDED_STAGES, AlertState, AssetState
from registry.queries.asset_filters import digits_begin
from registry.storage.database import reading
from registry.storage.tables import alert, asset, case


class _Properties(msgspec.Struct, frozen=True, gc=False):
    id: int
    f: str
    s: int
    n: str
    r: str
    c: int | None


class _Geometry(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="Point"):
    coordinates: tuple[float, float]


class _Feature(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="Feature"):
    geometry: _Geometry
    properties: _Properties


class _Collection(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="FeatureCollection"):
    at: datetime
    truncated: bool
    features: msgspec.Raw


# Encoded in slices: tens of thousands of rows held at once wake the garbage collector, which costs more than the work.
_SLICE = 1_000
_SPANS = 60  # rows of cells asked for one by one: a box of 6 km from south to north


def map_features(
    engine: Engine, *, now: datetime, bbox: Box | None = None, scope: str = "", limit: int = 50_000
) -> bytes:
    """GeoJSON of the assets in use within the area ``scope``, WGS-84, as bytes ready to send; what is wrong first.

    At most ``limit``: ``truncated`` says that there are more (ask for a smaller ``bbox``), and what is wrong is never
    cut off before what is well. Properties: ``id``, ``f`` family, ``n`` name, ``s`` severity of the worst open case or
    live alert (0: all is well), ``r`` road, ``c`` the id of the worst open case or null. Also ``at``.
    """
    with reading(engine) as tx:
        worst = _worst(tx)
        wrong = _rows(tx, _query(bbox, scope), limit, among=sorted(worst, key=lambda each: -worst[each][0]))
        slices = [_encoded(wrong, worst)]
        left = limit - len(wrong)
        seen = {row.id for row in wrong}
        for part in _in_slices(tx, bbox, scope, left + len(seen) + 1):
            well = [row for row in part if row.id not in seen]
            slices.append(_encoded(well[: max(left, 0)], worst))
            left -= len(well)
    features = b",".join(each for each in slices if each)
    return msgspec.json.encode(_Collection(now, left < 0, msgspec.Raw(b"[" + features + b"]")))


def _query(bbox: Box | None, scope: str) -> Select[Any]:
    query = select(asset.c.id, asset.c.family, asset.c.lon, asset.c.lat, asset.c.name, asset.c.road).where(
        asset.c.state != AssetState.ABANDONED.value, asset.c.merged_into_id.is_(None)
    )
    if scope:
        query = query.where(digits_begin(asset.c.area_code, scope))
    if bbox is None:
        return query
    inside = (asset.c.lat.between(bbox.south, bbox.north), asset.c.lon.between(bbox.west, bbox.east))
    spans = place_cells(bbox)
    if len(spans) <= _SPANS:
        return query.where(or_(*(asset.c.place_cell.between(*span) for span in spans)), *inside)
    # the whole rows of cells between south and north: one range of the index, whatever the box's size
    return query.where(asset.c.place_cell.between(spans[0][0], spans[-1][1]), *inside)


def _rows(tx: Connection, query: Select[Any], limit: int, *, among: Sequence[int]) -> list[Any]:
    """Those of the ids that the query knows, a slice at a time: a database takes only so many values at once."""
    found: list[Any] = []
    for start in range(0, len(among), _SLICE):
        found += tx.execute(query.where(asset.c.id.in_(among[start : start + _SLICE]))).all()
    return found[:limit]


def _in_slices(tx: Connection, bbox: Box | None, scope: str, limit: int) -> Iterator[Sequence[Any]]:
    query = _query(bbox, scope)
    ordered = query.order_by(asset.c.id) if bbox is None else query
    return tx.execute(ordered.limit(limit)).partitions(_SLICE)


def _encoded(rows: Sequence[Any], worst: dict[int, tuple[int, int | None]]) -> bytes:
    """The features of ``rows``, separated by commas, without the brackets of a list."""
    well: tuple[int, int | None] = (0, None)
    features = [
        _Feature(
            _Geometry((lon, lat)),
            _Properties(asset_id, family, (wrong := worst.get(asset_id, well))[0], name, road, wrong[1]),
        )
        for asset_id, family, lon, lat, name, road in rows
    ]
    return msgspec.json.encode(features)[1:-1]


def _worst(tx: Connection) -> dict[int, tuple[int, int | None]]:
    """Asset id → (worst severity, its worst open case); only assets where something is wrong."""
    ended = [stage.value for stage in ENDED_STAGES]
    found: dict[int, tuple[int, int | None]] = {}
    cases: Iterable[Any] = tx.execute(
        select(case.c.asset_id, case.c.severity, case.c.id)
        .where(case.c.stage.not_in(ended))
        .order_by(case.c.severity.desc(), case.c.id)
    )
    for asset_id, severity, case_id in cases:
        found.setdefault(asset_id, (severity, case_id))
    alerts: Iterable[Any] = tx.execute(
        select(alert.c.asset_id, alert.c.severity).where(alert.c.state == AlertState.FIRING.value)
    )
    for asset_id, severity in alerts:
        so_far, case_id = found.get(asset_id, (0, None))
        found[asset_id] = (max(so_far, severity), case_id)
    return found
