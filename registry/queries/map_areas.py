"""Outlines of areas as vector tiles: districts, streets, communities, the unit grid, responsibility grids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, Engine, select

from registry.domain.geo import Box, Crs
from registry.domain.kinds import AreaLevel
from registry.domain.vector_tile import BUFFER, EXTENT, Layer, Spot, TileFrame, tile_of
from registry.queries.asset_filters import digits_begin
from registry.queries.map_tiles import Tile
from registry.storage.database import reading
from registry.storage.tables import area, area_cell

MOST_AREAS = 3_000
"""In one tile; beyond that the largest."""
_SMALLEST = 12  # units: what is smaller on the screen than 1.5 pixels is left out
_SIMPLE = 4.0  # units that a line may be off: half a pixel
_BY_ZOOM = ((9, AreaLevel.DISTRICT), (12, AreaLevel.STREET), (14, AreaLevel.COMMUNITY))


def usual_level(zoom: int) -> AreaLevel:
    """The areas that a zoom shows where none are named."""
    return next((level for most, level in _BY_ZOOM if zoom <= most), AreaLevel.CELL)


def area_tile(
    engine: Engine, spot: Spot, level: AreaLevel | None, *, scope: str = "", crs: Crs = Crs.WGS84, known: str = ""
) -> Tile:
    """The areas of one level in a tile; ``scope`` leaves out what lies elsewhere."""
    frame = TileFrame(spot, crs)
    with reading(engine) as tx:
        rows = _rows(tx, frame.box(), level or usual_level(spot.z), scope)
        shown = (spot, crs, [(row.id, row.updated_at) for row in rows])
        etag = hashlib.blake2b(repr(shown).encode(), digest_size=12).hexdigest()
        if etag == known:
            return Tile(etag, None)
        ids = [row.id for row in rows if _is_seen(frame, row)]
        shapes = {row.id: row.shape for row in tx.execute(select(area.c.id, area.c.shape).where(area.c.id.in_(ids)))}
    layer, names = Layer("areas"), Layer("names")
    for row in rows:
        if row.id in shapes:
            rings = list(_rings(frame, _shape(row.id, str(row.updated_at), shapes[row.id])))
            if rings:
                tags = layer.tag("code", row.code) + layer.tag("name", row.name) + layer.tag("level", row.level)
                layer.add_polygon(rings, tags, feature_id=row.id)
            # written once, in the tile that holds the middle: one for each piece of the outline would stand many times
            middle = _shape(row.id, str(row.updated_at), shapes[row.id]).representative_point()
            x, y = frame.point(middle.x, middle.y)
            if 0 <= x < EXTENT and 0 <= y < EXTENT:
                names.add_point(x, y, names.tag("name", row.name) + names.tag("level", row.level), feature_id=row.id)
    return Tile(etag, tile_of(layer, names))


def _rows(tx: Connection, box: Box, level: AreaLevel, scope: str) -> list[Any]:
    columns = (area.c.id, area.c.code, area.c.name, area.c.level, area.c.updated_at)
    edges = (area.c.west, area.c.south, area.c.east, area.c.north)
    query = select(*columns, *edges).where(
        area.c.level == level.value,
        area.c.ended_on.is_(None),
        area.c.shape.is_not(None),
        area.c.south <= box.north,
        area.c.north >= box.south,
        area.c.west <= box.east,
        area.c.east >= box.west,
    )
    if scope:
        own = digits_begin(area.c.code, scope)
        cells = select(area_cell.c.area_id).where(digits_begin(area_cell.c.cell_code, scope))
        query = query.where(area.c.id.in_(cells) if level is AreaLevel.DUTY else own)
    return list(tx.execute(query.order_by(area.c.area_m2.desc(), area.c.id).limit(MOST_AREAS)))


def _is_seen(frame: TileFrame, row: Any) -> bool:
    west, north = frame.point(row.west, row.north)
    east, south = frame.point(row.east, row.south)
    return east - west >= _SMALLEST or south - north >= _SMALLEST


@lru_cache(maxsize=2_000)
def _shape(area_id: int, version: str, shape: str) -> BaseGeometry:
    """Read once for all the tiles that show it; ``version`` so that a changed outline is read again."""
    return shapely.from_geojson(shape)


def _rings(frame: TileFrame, shape: BaseGeometry) -> Iterator[list[tuple[int, int]]]:
    """The outline in units of the tile, cut to it and as simple as the eye allows; outer rings clockwise."""

    def placed(points: Any) -> Any:
        return np.array([frame.exactly(lon, lat) for lon, lat in points], dtype=float).reshape(-1, 2)

    box = frame.box(BUFFER * 4)
    near = shapely.clip_by_rect(shape, box.west, box.south, box.east, box.north)
    drawn = shapely.transform(near, placed).simplify(_SIMPLE)
    if not drawn.is_valid:
        drawn = shapely.make_valid(drawn)
    drawn = shapely.clip_by_rect(drawn, -BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)
    for part in shapely.get_parts(drawn):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        # y grows downwards in a tile: what is counter-clockwise there runs clockwise on the screen
        part = shapely.orient_polygons(part, exterior_cw=False)
        for number, ring in enumerate((part.exterior, *part.interiors)):
            points = [(int(x), int(y)) for x, y in np.rint(shapely.get_coordinates(ring))]
            plain = [point for index, point in enumerate(points[:-1]) if point != points[index - 1] or index == 0]
            if len(plain) >= 3:
                yield plain
            elif number == 0:
                break  # a hole of nothing
