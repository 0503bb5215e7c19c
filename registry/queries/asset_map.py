"""Every asset as a dot on the map, in one go: small enough and fast enough for a whole district."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select

from registry.domain.geo import Box, place_cells
from registry.domain.kinds import ENDED_STAGES, AlertState, AssetState
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


def map_features(engine: Engine, *, now: datetime, bbox: Box | None = None, limit: int = 50_000) -> bytes:
    """GeoJSON of all assets that are not abandoned, WGS-84, as bytes ready to send.

    Properties: ``id``, ``f`` family, ``n`` name, ``s`` severity of the worst open case or live alert (0: all is well),
    ``r`` road, ``c`` the id of the worst open case or null. Members of the collection: ``at``, and ``truncated`` when
    cut.
    """
    query = select(asset.c.id, asset.c.family, asset.c.lon, asset.c.lat, asset.c.name, asset.c.road).where(
        asset.c.state != AssetState.ABANDONED.value
    )
    if bbox is not None:
        query = query.where(
            # the whole rows of cells between south and north: one range of the index, whatever the box's size
            asset.c.place_cell.between(place_cells(bbox)[0][0], place_cells(bbox)[-1][1]),
            asset.c.lat.between(bbox.south, bbox.north),
            asset.c.lon.between(bbox.west, bbox.east),
        )
    with reading(engine) as tx:
        worst = _worst(tx)
        rows = tx.execute(query.order_by(asset.c.id).limit(limit + 1))
        slices: list[bytes] = []
        left = limit
        for part in rows.partitions(_SLICE):
            slices.append(_encoded(part[:left], worst))
            left -= len(part)
    features = b",".join(each for each in slices if each)
    return msgspec.json.encode(_Collection(now, left < 0, msgspec.Raw(b"[" + features + b"]")))


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
