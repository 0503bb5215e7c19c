"""What somebody drew a line around on the map: kept for a week, as a list that can be exported or made a campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import shapely
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, or_, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.geo import Box, Place, check_place, place_cells
from registry.domain.kinds import AlertState, AssetState, Family
from registry.domain.people import Actor
from registry.queries.asset_filters import digits_begin
from registry.storage.database import reading, writing
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, asset, case, map_selection, map_selection_item

KEPT = timedelta(days=7)
MOST_KEPT = 20_000
"""Assets that a selection holds; the count tells all."""
MOST_LOOKED_AT = 400_000
MOST_CORNERS = 2_000
MOST_OF_ONE = 50
"""Selections of one person; the oldest go first."""
_ROWS_ASKED_ONE_BY_ONE = 100
_HAIR_DEG = 1e-7
_BATCH = 10_000


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """A selection that was just made; ``truncated``: only ``listed`` of ``count`` are in its list.

    ``outline``: the ring that counted, closed, in WGS-84; not the one that was drawn where that crossed itself.
    """

    id: int
    count: int
    listed: int
    truncated: bool
    by_family: dict[str, int]
    outline: list[tuple[float, float]]


def add_selection(
    engine: Engine,
    outline: Sequence[Place],
    *,
    families: Collection[Family] | None = None,
    severity: int = 0,
    by: Actor,
    now: datetime,
) -> Selected:
    """Keep the assets that stand inside ``outline`` (WGS-84, closed or not) and in the person's own area.

    ``families``: of these alone (None: of all). ``severity``: only what is wrong at least so severely (0: everything).
    Raises ``InvalidInput`` for an outline that is none, or around too much to look at each asset.
    """
    shape = _shape(outline)
    ids: list[int] = []
    counts: Counter[str] = Counter()
    with reading(engine) as tx:
        for part in _near(tx, shape, _wanted(families, severity, by.area_code)):
            lon, lat = (np.fromiter((row[place] for row in part), np.float64, len(part)) for place in (2, 3))
            inside = [row for row, is_in in zip(part, shapely.contains_xy(shape, lon, lat), strict=True) if is_in]
            counts.update(row.family for row in inside)
            ids += [row.id for row in inside[: MOST_KEPT - len(ids)]]
    many = counts.total()
    counted = [(round(lon, 7), round(lat, 7)) for lon, lat in shape.exterior.coords]
    values = {
        "made_at": now,
        "made_by": by.user_id,
        "ends_at": now + KEPT,
        "outline": counted,
        "count": many,
        "truncated": many > len(ids),
        "by_family": dict(counts),
    }
    with writing(engine) as tx:
        _make_room(tx, by)
        kept = insert(map_selection).values(values).returning(map_selection.c.id)
        selection_id = int(tx.execute(kept).scalar_one())
        if ids:
            tx.execute(insert(map_selection_item), [{"selection_id": selection_id, "asset_id": each} for each in ids])
    return Selected(
        id=selection_id,
        count=many,
        listed=len(ids),
        truncated=many > len(ids),
        by_family=dict(counts),
        outline=counted,
    )


def check_selection(tx: Connection, selection_id: int, by: Actor, *, now: datetime) -> None:
    """Raises ``NotFound`` unless it is the person's own and has not ended."""
    mine = (map_selection.c.id == selection_id, map_selection.c.made_by == by.user_id)
    if tx.scalar(select(map_selection.c.id).where(*mine, map_selection.c.ends_at > now)) is None:
        raise NotFound("selection", selection_id)


def remove_selection(engine: Engine, selection_id: int, *, by: Actor, now: datetime) -> None:
    """Let go of one's own selection. Raises ``NotFound``."""
    with writing(engine) as tx:
        check_selection(tx, selection_id, by, now=now)
        _remove(tx, [selection_id])


def forget_selections(engine: Engine, *, now: datetime) -> int:
    """Remove those that have ended; how many they were."""
    with reading(engine) as tx:
        ended = list(tx.execute(select(map_selection.c.id).where(map_selection.c.ends_at <= now)).scalars())
    for selection_id in ended:
        with writing(engine) as tx:
            _remove(tx, [selection_id])
    return len(ended)


def _remove(tx: Connection, ids: Sequence[int]) -> None:
    tx.execute(delete(map_selection_item).where(map_selection_item.c.selection_id.in_(ids)))
    tx.execute(delete(map_selection).where(map_selection.c.id.in_(ids)))


def _make_room(tx: Connection, by: Actor) -> None:
    mine = select(map_selection.c.id).where(map_selection.c.made_by == by.user_id).order_by(map_selection.c.id.desc())
    _remove(tx, list(tx.execute(mine.offset(MOST_OF_ONE - 1)).scalars()))


def _shape(outline: Sequence[Place]) -> shapely.Polygon:
    if not 3 <= len(outline) <= MOST_CORNERS:
        raise InvalidInput("polygon", "must have 3 to {most} corners", most=MOST_CORNERS)
    corners = [check_place(*corner) for corner in outline]
    shape = shapely.Polygon(corners)
    if not shape.is_valid:
        shape = _gone_around(corners)
    if shape.geom_type != "Polygon" or shape.area == 0.0:
        raise InvalidInput("polygon", "goes around nothing; draw it around some assets")
    shapely.prepare(shape)
    return shape


def _gone_around(corners: Sequence[tuple[float, float]]) -> shapely.Polygon:
    """What a hand went around that crossed its own line: every loop of it, and nothing beside them."""
    line = shapely.union_all(shapely.LineString([*corners, corners[0]]))
    loops = shapely.union_all(shapely.polygonize([line]))
    # loops touch in points; a hair's breadth makes them one ring
    joined = shapely.buffer(loops, _HAIR_DEG, join_style="mitre")
    return shapely.Polygon(joined.exterior) if joined.geom_type == "Polygon" else shapely.Polygon()


def _wanted(families: Collection[Family] | None, severity: int, scope: str) -> list[ColumnElement[bool]]:
    """What of the assets on the map is meant, wherever it stands."""
    fits: list[ColumnElement[bool]] = [asset.c.state != AssetState.ABANDONED.value, asset.c.merged_into_id.is_(None)]
    if families is not None:
        fits.append(asset.c.family.in_([family.value for family in families]))
    if severity > 0:
        cases = select(case.c.asset_id).where(IS_OPEN, case.c.severity >= severity)
        firing = (alert.c.state == AlertState.FIRING.value, alert.c.severity >= severity)
        fits.append(or_(asset.c.id.in_(cases), asset.c.id.in_(select(alert.c.asset_id).where(*firing))))
    return [*fits, digits_begin(asset.c.area_code, scope)] if scope else fits


def _near(tx: Connection, shape: shapely.Polygon, wanted: Sequence[ColumnElement[bool]]) -> Any:
    """Assets in the box around ``shape``, a batch at a time, as (id, family, lon, lat)."""
    box = Box(*shape.bounds)
    spans = place_cells(box)
    query = select(asset.c.id, asset.c.family, asset.c.lon, asset.c.lat).where(*wanted)
    if len(spans) <= _ROWS_ASKED_ONE_BY_ONE:
        near = or_(*(asset.c.place_cell.between(*span) for span in spans))
    else:
        near = asset.c.place_cell.between(spans[0][0], spans[-1][1])
    query = query.where(near, asset.c.lat.between(box.south, box.north), asset.c.lon.between(box.west, box.east))
    counted = select(func.count()).select_from(query.limit(MOST_LOOKED_AT + 1).subquery())
    if tx.execute(counted).scalar_one() > MOST_LOOKED_AT:
        raise InvalidInput("polygon", "holds more than {most} assets; draw a smaller one", most=MOST_LOOKED_AT)
    return tx.execute(query).partitions(_BATCH)
