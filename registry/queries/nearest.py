"""The assets nearest to a place: a phone's, a caller's, a drawing's.

The search goes out in rings, each twice as wide as the last, until enough are found, so that a street with many covers
costs no more than an empty one. Within a ring each row of place cells is one range of an index, and the database hands
over the nearest only: of the hundreds that a wide ring holds, reading each would take longer than finding them.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Float, Integer, Select, bindparam, or_, select

from registry.domain.errors import InvalidInput
from registry.domain.geo import Box, Place, box_around, check_place, distance_m, place_cells
from registry.domain.kinds import AssetState, Family
from registry.queries.asset_filters import digits_begin
from registry.storage.database import reading
from registry.storage.tables import asset

MOST = 100
FARTHEST_M = 5_000.0
_RINGS_M = (80.0, 160.0, 320.0, 640.0, 1_280.0, 2_560.0)
# The database ranks by a flat map, the answer by the ground: near ties may change places.
_SPARE = 5


class NearAsset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset and how far it is from the place, along the ground."""

    id: int
    code: str
    name: str
    family: Family
    state: AssetState
    road: str
    lon: float
    lat: float
    distance_m: float


def nearest_assets(
    engine: Engine,
    *,
    lon: float,
    lat: float,
    within_m: float = 500.0,
    limit: int = 10,
    family: Family | None = None,
    scope: str = "",
) -> list[NearAsset]:
    """At most ``limit`` assets within ``within_m`` of a WGS-84 place, the nearest first; not those that are merged.

    ``scope`` is an area's code: what lies elsewhere is left out. Raises ``InvalidInput`` for a place that is nowhere
    and for limits beyond ``MOST`` and ``FARTHEST_M``.
    """
    place = check_place(lon, lat)
    if not 1 <= limit <= MOST:
        raise InvalidInput("limit", "{given} must be between 1 and {most}", given=limit, most=MOST)
    if not 0 < within_m <= FARTHEST_M:
        raise InvalidInput(
            "within_m", "{given:g} must be more than 0 and at most {most:g} metres", given=within_m, most=FARTHEST_M
        )
    found: list[NearAsset] = []
    with reading(engine) as tx:
        for ring_m in (*(ring for ring in _RINGS_M if ring < within_m), within_m):
            found = _within(tx, place, ring_m, limit=limit, family=family, scope=scope)
            if len(found) >= limit:
                break
    return found[:limit]


def _within(
    tx: Connection, place: Place, radius_m: float, *, limit: int, family: Family | None, scope: str
) -> list[NearAsset]:
    around = box_around(place, radius_m)
    box = Box(max(around.west, -180), max(around.south, -90), min(around.east, 180), min(around.north, 90))
    spans = place_cells(box)
    asked: dict[str, object] = {"south": box.south, "north": box.north, "west": box.west, "east": box.east}
    asked |= {"lon": place.lon, "lat": place.lat, "narrow": math.cos(math.radians(place.lat)) ** 2}
    asked |= {"most": limit + _SPARE}
    asked |= {f"first_{row}": first for row, (first, _) in enumerate(spans)}
    asked |= {f"last_{row}": last for row, (_, last) in enumerate(spans)}
    query = _in_box(len(spans))
    if family is not None:
        query = query.where(asset.c.family == family.value)
    if scope:
        query = query.where(digits_begin(asset.c.area_code, scope))
    rows = tx.execute(query, asked).all()
    near = (
        NearAsset(
            id=row.id,
            code=row.code,
            name=row.name,
            family=Family(row.family),
            state=AssetState(row.state),
            road=row.road,
            lon=row.lon,
            lat=row.lat,
            distance_m=round(distance_m(place, Place(row.lon, row.lat)), 2),
        )
        for row in rows
    )
    return sorted((one for one in near if one.distance_m <= radius_m), key=lambda one: (one.distance_m, one.id))


@cache
def _in_box(rows: int) -> Select[Any]:
    """What lies in a box that touches so many rows of cells; each number of rows is built once."""
    columns = (asset.c.id, asset.c.code, asset.c.name, asset.c.family, asset.c.state, asset.c.road)
    cells = (asset.c.place_cell.between(bindparam(f"first_{row}"), bindparam(f"last_{row}")) for row in range(rows))
    east, north = asset.c.lon - bindparam("lon", type_=Float), asset.c.lat - bindparam("lat", type_=Float)
    return (
        select(*columns, asset.c.lon, asset.c.lat)
        .where(
            or_(*cells),
            asset.c.merged_into_id.is_(None),
            asset.c.lat.between(bindparam("south"), bindparam("north")),
            asset.c.lon.between(bindparam("west"), bindparam("east")),
        )
        .order_by(north * north + east * east * bindparam("narrow", type_=Float), asset.c.id)
        .limit(bindparam("most", type_=Integer))
    )
