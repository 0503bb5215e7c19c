"""The map's tiles: bubbles with counts, single assets near the viewer, and at every zoom what is wrong.

A tile is first read (a few hundred counted cells, or the assets of a few blocks), then compared with what the asker
has, and drawn only where that differs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, bindparam, func, or_, select, text

from registry.domain.geo import Box, Crs, place_cells
from registry.domain.kinds import AssetState
from registry.domain.map_grid import (
    FINEST,
    SINGLE_ZOOM,
    Cells,
    box_of,
    cell_of,
    cells_in,
    finer,
    kept_level,
    shown_level,
    to_degrees,
    to_units,
)
from registry.domain.vector_tile import EXTENT, Layer, Spot, TileFrame, tile_of, within
from registry.queries.asset_filters import digits_begin
from registry.queries.map_wrong import Wrong, WrongOnMap, WrongThing, units_of
from registry.shapes import shaped_json
from registry.storage.database import reading
from registry.storage.tables import asset, map_cell

MOST_SINGLE = 2_500
"""A tile with more assets shows them counted, block by block, whatever the zoom."""
MOST_WRONG = 500
_SHAPE = b"2"  # of the tiles: to be changed with what they hold, so that no browser keeps old ones
_FAMILIES = ("cover", "light", "other")
_BLOCK = 0  # the level of asset.place_cell
_ON_MAP = (asset.c.state != AssetState.ABANDONED.value, asset.c.merged_into_id.is_(None))


class Tile(NamedTuple):
    """A tile as it is sent: ``body`` is None where the asker has this very one already."""

    etag: str
    body: bytes | None


class Cluster(NamedTuple):
    """A counted cell: (x, y) of its level, of each family how many, and where they stand in the mean."""

    x: int
    y: int
    cover: int
    light: int
    other: int
    lon: float
    lat: float


def draw_tile(
    engine: Engine,
    wrong: WrongOnMap,
    spot: Spot,
    *,
    scope: str = "",
    crs: Crs = Crs.WGS84,
    known: str = "",
    public: bool = False,
) -> Tile:
    """The tile at ``spot`` of what lies within the area ``scope``; ``known`` is the ETag that the asker has.

    ``public``: without what a person wrote, which is how a place without an asset is told of. The layers and their
    properties stand in docs/map.md.
    """
    frame = TileFrame(spot, crs)
    box = frame.box()
    with reading(engine) as tx:
        found = wrong.now(tx)
        clusters: list[Cluster] = []
        single: list[tuple[Any, ...]] = []
        level = _BLOCK
        if spot.z < SINGLE_ZOOM:
            level = shown_level(spot.z)
            clusters = _clusters(tx, box, level, scope)
        else:
            single = _single(tx, box, scope, MOST_SINGLE + 1)
            if len(single) > MOST_SINGLE:
                single, clusters = [], _blocks(tx, box, scope)
    here = found.inside(_widened(box, level) if clusters else box, scope)
    if public:
        here = [each._replace(name="") if each.asset_id is None else each for each in here]
    etag = _etag(spot, crs, clusters, single, here)
    if etag == known:
        return Tile(etag, None)
    # what shows the same is the same, whoever asks: a screen of a quiet city is drawn once
    body = wrong.drawn.get(etag)
    if body is None:
        bubbles = _cluster_layer(frame, clusters, level, here)
        body = tile_of(bubbles, _single_layer(frame, single, found), *_wrong_layers(frame, here))
        wrong.drawn.keep(etag, body)
    return Tile(etag, body)


def _at_once(tx: Connection, query: Select[Any], known: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of ``query`` in one step of the database.

    SQLite's driver hands the interpreter on and takes it back for each row: beside threads that are drawing, a thousand
    rows waited for a thousand turns.
    """
    if tx.dialect.name != "sqlite":
        return [tuple(row) for row in tx.execute(query, known or {})]
    rows = query.subquery()
    written = tx.execute(select(func.json_group_array(func.json_array(*rows.c))), known or {}).scalar_one()
    return shaped_json(written, list[tuple[Any, ...]])


def _etag(spot: Spot, crs: Crs, clusters: Any, single: Sequence[tuple[Any, ...]], here: list[WrongThing]) -> str:
    shown = msgspec.msgpack.encode((spot, crs, clusters, single, here))
    return hashlib.blake2b(_SHAPE + shown, digest_size=12).hexdigest()


def _widened(box: Box, level: int) -> Box:
    """The box of the whole cells that touch ``box``: what is wrong is counted for whole cells."""
    return box_of(cells_in(box, level), level)


# --- counted ---------------------------------------------------------------------------------------------------------

_KEPT = select(
    *(map_cell.c[name] for name in ("x", "y", *_FAMILIES, "lon_sum", "lat_sum")),
).where(
    map_cell.c.level == bindparam("level"),
    map_cell.c.area.in_(bindparam("areas", expanding=True)),
    map_cell.c.y.in_(bindparam("rows", expanding=True)),
    map_cell.c.x.between(bindparam("west"), bindparam("east")),
)


def _clusters(tx: Connection, box: Box, level: int, scope: str) -> list[Cluster]:
    """The cells of ``level`` that touch the box, out of the kept ones."""
    if len(scope) > 9:
        return _live_clusters(tx, box, level, scope)
    kept = kept_level(level)
    cells = finer(cells_in(box, level), level, kept)
    known = {
        "level": kept,
        "areas": _areas(tx, scope),
        "rows": list(range(cells.south, cells.north + 1)),
        "west": cells.west,
        "east": cells.east,
    }
    if not known["areas"]:
        return []
    return _folded(_at_once(tx, _KEPT, known), level - kept)


def _areas(tx: Connection, scope: str) -> list[str]:
    """Whose cells make up ``scope``: its own, or for a prefix between two levels those below it."""
    if len(scope) in (0, 6, 9):
        return [scope]
    length, coarsest = (6, 11) if len(scope) < 6 else (9, 11)
    query = select(map_cell.c.area).where(
        map_cell.c.level == coarsest, digits_begin(map_cell.c.area, scope), func.length(map_cell.c.area) == length
    )
    return sorted(set(tx.execute(query).scalars()))


def _folded(rows: Iterable[Any], down: int) -> list[Cluster]:
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for x, y, *more in rows:
        found = sums[x >> down, y >> down]
        for place, each in enumerate(more):
            found[place] += each
    return [
        Cluster(x, y, cover, light, other, to_degrees(lon / many), to_degrees(lat / many))
        for (x, y), (cover, light, other, lon, lat) in sorted(sums.items())
        if (many := cover + light + other) > 0
    ]


def _live_clusters(tx: Connection, box: Box, level: int, scope: str) -> list[Cluster]:
    """For a community or a grid cell: its assets are few, and found by their area."""
    query = select(asset.c.family, asset.c.lon, asset.c.lat).where(digits_begin(asset.c.area_code, scope), *_ON_MAP)
    wanted = cells_in(box, level)
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for family, lon_deg, lat_deg in tx.execute(query):
        lon, lat = to_units(lon_deg), to_units(lat_deg)
        x, y = cell_of(lon, lat, level)
        if wanted.west <= x <= wanted.east and wanted.south <= y <= wanted.north:
            found = sums[x, y]
            found[_FAMILIES.index(family)] += 1
            found[3] += lon
            found[4] += lat
    return _folded(((x, y, *more) for (x, y), more in sums.items()), 0)


def _blocks(tx: Connection, box: Box, scope: str) -> list[Cluster]:
    """Counted cells of 0.001°, for a place with too many assets to draw each: the database counts them."""
    many = [func.count().filter(asset.c.family == family) for family in _FAMILIES]
    query = select(asset.c.place_cell, *many, func.avg(asset.c.lon), func.avg(asset.c.lat))
    rows = tx.execute(query.where(*_standing_in(box, scope)).group_by(asset.c.place_cell))
    return sorted(
        Cluster(cell % 1_000_000, cell // 1_000_000, int(cover), int(light), int(other), lon, lat)
        for cell, cover, light, other, lon, lat in rows
    )


def _cluster_layer(frame: TileFrame, clusters: Iterable[Cluster], level: int, here: Iterable[WrongThing]) -> Layer:
    troubled: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for thing in here:
        if thing.counted:
            found = troubled[cell_of(*units_of(thing), level)]
            found[0] += 1
            found[1] = max(found[1], thing.severity)
    layer = Layer("clusters")
    for each in clusters:
        x, y = frame.point(each.lon, each.lat)
        if not within(x, y):
            continue
        counts = {"cover": each.cover, "light": each.light, "other": each.other}
        w, s = troubled.get((each.x, each.y), (0, 0))
        tags = [layer.tag("n", sum(counts.values()))]
        tags += [layer.tag(f"n_{family}", n) for family, n in counts.items() if n > 0]
        tags += (layer.tag("w", w), layer.tag("s", s))
        # a bubble keeps its id while it grows, so that a map can move it instead of blinking
        layer.add_point(x, y, b"".join(tags), feature_id=each.y << 20 | each.x)
    return layer


# --- one by one ------------------------------------------------------------------------------------------------------


def _standing_in(box: Box, scope: str) -> list[ColumnElement[bool]]:
    fits: list[ColumnElement[bool]] = [or_(*(asset.c.place_cell.between(*span) for span in place_cells(box)))]
    fits.append(and_(asset.c.lat.between(box.south, box.north), asset.c.lon.between(box.west, box.east)))
    fits += _ON_MAP
    return [*fits, digits_begin(asset.c.area_code, scope)] if scope else fits


def _single(tx: Connection, box: Box, scope: str, most: int) -> list[tuple[Any, ...]]:
    columns = (asset.c.id, asset.c.family, asset.c.class_code, asset.c.state, asset.c.name, asset.c.road)
    return _at_once(tx, select(*columns, asset.c.lon, asset.c.lat).where(*_standing_in(box, scope)).limit(most))


def _single_layer(frame: TileFrame, rows: Iterable[Any], found: Wrong) -> Layer:
    layer = Layer("assets")
    things = found.things
    kinds: dict[tuple[str, str, str], bytes] = {}
    for asset_id, family, class_code, state, name, road, lon, lat in rows:
        x, y = frame.point(lon, lat)
        if within(x, y):
            kind = kinds.get((family, class_code, state))
            if kind is None:
                kind = kinds[family, class_code, state] = _kind(layer, family, class_code, state)
            own = layer.tag_once("id", asset_id) + layer.tag_once("n", name) + layer.tag("r", road) + kind
            layer.add_point(x, y, own + _trouble(layer, things.get(asset_id)), feature_id=asset_id)
    return layer


def _wrong_layers(frame: TileFrame, here: Iterable[WrongThing]) -> tuple[Layer, Layer]:
    """What is wrong, the worst first, and where there is more of it ``cut``: how severe the worst left out is."""
    layer, cut = Layer("wrong"), Layer("cut")
    for each in here:
        x, y = frame.point(each.lon, each.lat)
        if not within(x, y):
            continue
        if len(layer) >= MOST_WRONG:
            cut.add_point(EXTENT // 2, EXTENT // 2, cut.tag("s", each.severity))
            break
        # a case at a place without an asset has no asset's id
        own = b"" if each.asset_id is None else layer.tag_once("id", each.asset_id)
        own += layer.tag_once("n", each.name) + layer.tag("r", each.road)
        own += _kind(layer, each.family, each.class_code, each.state)
        layer.add_point(x, y, own + _trouble(layer, each), feature_id=each.asset_id)
    return layer, cut


def _kind(layer: Layer, family: str, class_code: str, state: str) -> bytes:
    return layer.tag("f", family) + layer.tag("c", class_code) + layer.tag("st", state)


def _trouble(layer: Layer, wrong: WrongThing | None) -> bytes:
    if wrong is None:
        return layer.tag("s", 0)
    severity = layer.tag("s", wrong.severity)
    if wrong.case_id is None:
        return severity
    return severity + layer.tag_once("k", wrong.case_id) + layer.tag("ck", wrong.case_kind)


# --- the whole -------------------------------------------------------------------------------------------------------


class MapFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a map needs to begin with: how many assets, and the box around them (None: there are none)."""

    assets: int
    box: Box | None


def map_facts(engine: Engine, *, scope: str = "") -> MapFacts:
    """How much there is to see within the area ``scope``: as the cells count it, in a community its assets."""
    with reading(engine) as tx:
        if len(scope) > 9:
            many = select(func.count()).select_from(asset).where(digits_begin(asset.c.area_code, scope), *_ON_MAP)
            return MapFacts(assets=int(tx.execute(many).scalar_one()), box=_box_of_assets(tx, scope))
        areas = _areas(tx, scope)
        if not areas:
            return MapFacts(assets=0, box=None)
        coarse = tx.execute(_EXTENT, {"level": _COARSE, "areas": areas}).one()
        # as near to the assets as looking at a few thousand cells allows
        level = FINEST if coarse.cells <= _FEW_CELLS else _COARSE
        found = coarse if level == _COARSE else tx.execute(_EXTENT, {"level": level, "areas": areas}).one()
    if not found.many:
        return MapFacts(assets=0, box=None)
    # of whole cells, so that the outermost asset is in it too
    edges = Cells(found.west, found.south, found.east, found.north)
    return MapFacts(assets=int(found.many), box=box_of(edges, level))


_COARSE, _FEW_CELLS = 5, 400
_EXTENT = text(
    "SELECT COUNT(*) AS cells, SUM(cover + light + other) AS many, MIN(x) AS west, MAX(x) AS east, "
    "MIN(y) AS south, MAX(y) AS north "
    "FROM map_cell WHERE level = :level AND area IN :areas AND cover + light + other > 0"
).bindparams(bindparam("areas", expanding=True))


def _box_of_assets(tx: Connection, scope: str) -> Box | None:
    edges = (func.min(asset.c.lon), func.min(asset.c.lat), func.max(asset.c.lon), func.max(asset.c.lat))
    row = tx.execute(select(*edges).where(digits_begin(asset.c.area_code, scope), *_ON_MAP)).one()
    return None if row[0] is None else Box(*row)
