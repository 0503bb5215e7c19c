"""The map's search box: a code, a plate, an owner's number, a road, an address, an area, or plain coordinates."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, func, or_, select

from registry.domain.geo import Box
from registry.domain.written_places import read_place
from registry.queries.asset_filters import (
    begins,
    code_digits,
    code_range,
    digits_begin,
    named_exactly,
    roads_with,
    typed,
)
from registry.storage.database import reading
from registry.storage.tables import area, asset, road

MOST_FOUND = 10
LONGEST = 80
_EACH = 5
_SHORTEST_CODE = 6
MOST_OF_ROAD = 3_000
"""Assets of a road that are looked at."""
_MOST_ROADS = 2_000
_SHORTEST_PART = 2


class FoundPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One place: ``kind`` is asset, road, area or place; ``asset_id`` and ``box`` where there are any; WGS-84.

    ``count``: assets of a road, ``MOST_OF_ROAD`` where there are as many or more; ``box`` is around these.
    """

    kind: str
    name: str
    detail: str
    lon: float
    lat: float
    asset_id: int | None = None
    area_id: int | None = None
    count: int | None = None
    box: Box | None = None


def search_map(engine: Engine, words: str, *, scope: str = "") -> list[FoundPlace]:
    """What ``words`` may mean within the area ``scope``, best first, at most ``MOST_FOUND``."""
    q = typed(words)[:LONGEST]
    if not q:
        return []
    place = read_place(q)
    if place is not None:
        return [
            FoundPlace(kind="place", name=f"{place.lon:.6f}, {place.lat:.6f}", detail="", lon=place.lon, lat=place.lat)
        ]
    found: list[FoundPlace] = []
    with reading(engine) as tx:
        ids = named_exactly(tx, q)[:_EACH]
        if ids:
            found += _assets(tx, _asset_rows(scope).where(asset.c.id.in_(ids)))
        if len(code_digits(q)) < 16:
            found += _areas(tx, q, scope)
            found += _roads(tx, q, scope)
            found += _beginning(tx, q, scope, {each.asset_id for each in found})
            found += _along_roads(tx, q, scope, {each.asset_id for each in found})
    return found[:MOST_FOUND]


def _asset_rows(scope: str) -> Select[Any]:
    columns = (asset.c.id, asset.c.code, asset.c.name, asset.c.road, asset.c.address, asset.c.lon, asset.c.lat)
    query = select(*columns).where(asset.c.merged_into_id.is_(None)).limit(_EACH)
    return query.where(digits_begin(asset.c.area_code, scope)) if scope else query


def _assets(tx: Connection, query: Select[Any]) -> list[FoundPlace]:
    return [
        FoundPlace(
            kind="asset",
            name=row.name,
            detail=" · ".join(filter(None, (row.code, row.address or row.road))),
            lon=row.lon,
            lat=row.lat,
            asset_id=row.id,
        )
        for row in tx.execute(query)
    ]


def _areas(tx: Connection, q: str, scope: str) -> list[FoundPlace]:
    named = or_(area.c.name.icontains(q, autoescape=True), area.c.name_en.icontains(q, autoescape=True))
    query = select(area).where(or_(named, area.c.code == q), area.c.west.is_not(None), area.c.ended_on.is_(None))
    if scope:
        query = query.where(digits_begin(area.c.code, scope))
    # the largest first, of those whose name is just that before the others
    rows = tx.execute(query.order_by(area.c.name != q, func.length(area.c.code), area.c.code).limit(_EACH))
    return [
        FoundPlace(
            kind="area",
            name=row.name,
            detail=row.code,
            lon=(row.west + row.east) / 2,
            lat=(row.south + row.north) / 2,
            area_id=row.id,
            box=Box(row.west, row.south, row.east, row.north),
        )
        for row in rows
    ]


def _roads(tx: Connection, q: str, scope: str) -> list[FoundPlace]:
    ranked = roads_with(q).order_by(road.c.name != q, ~road.c.name.startswith(q, autoescape=True), road.c.name)
    found = []
    names: list[str] = [row.name for row in tx.execute(ranked.limit(_EACH)).all()]
    for name in names:
        some = select(asset.c.lon, asset.c.lat).where(asset.c.road == name, asset.c.merged_into_id.is_(None))
        if scope:
            some = some.where(digits_begin(asset.c.area_code, scope))
        part = some.limit(MOST_OF_ROAD).subquery()
        edges = (func.min(part.c.lon), func.min(part.c.lat), func.max(part.c.lon), func.max(part.c.lat))
        west, south, east, north, many = tx.execute(select(*edges, func.count())).one()
        if many:
            lon, lat, box = (west + east) / 2, (south + north) / 2, Box(west, south, east, north)
            found.append(FoundPlace(kind="road", name=name, detail="", lon=lon, lat=lat, count=many, box=box))
    return found


def _beginning(tx: Connection, q: str, scope: str, known: set[int | None]) -> list[FoundPlace]:
    """Assets whose code, address or name begins so: each along its own index."""
    rows = _asset_rows(scope)
    digits = code_digits(q)
    found: list[FoundPlace] = []
    if len(digits) >= _SHORTEST_CODE:
        found += _assets(tx, rows.where(asset.c.code.between(*code_range(digits))).order_by(asset.c.code))
    for column in (asset.c.address, asset.c.name):
        found += _assets(tx, rows.where(*begins(tx, column, q)))
    return _fresh(found, known)


def _along_roads(tx: Connection, q: str, scope: str, known: set[int | None]) -> list[FoundPlace]:
    """Assets by a part of their road's name, and a part of their own name or address after it (人民路 12).

    A part of any name among a million can't be looked up: indexes of pieces begin at three characters, and Chinese
    words have two. Roads are few, and so are the assets of one.
    """
    found: list[FoundPlace] = []
    names, rest = _parted(tx, q)
    for name in names if rest else ():
        of_road = _asset_rows(scope).where(asset.c.road == name).limit(MOST_OF_ROAD).subquery()
        parts = (of_road.c[column].icontains(rest, autoescape=True) for column in ("name", "address"))
        found += _assets(tx, select(of_road).where(or_(*parts)).limit(_EACH))
    return _fresh(found, known)


def _parted(tx: Connection, q: str) -> tuple[list[str], str]:
    """The roads whose names hold the longest beginning of ``q``, and what comes after it."""
    words, longest = q.lower(), 0
    roads: list[str] = []
    for row in tx.execute(roads_with(q[:_SHORTEST_PART]).limit(_MOST_ROADS)):
        name = str(row.name)
        length = len(words)
        while words[:length] not in name.lower():
            length -= 1
        if length > longest:
            longest, roads = length, []
        if length and length == longest:
            roads.append(name)
    return roads[:_EACH], q[longest:].strip()


def _fresh(found: list[FoundPlace], known: set[int | None]) -> list[FoundPlace]:
    fresh: dict[int | None, FoundPlace] = {each.asset_id: each for each in found if each.asset_id not in known}
    return list(fresh.values())
