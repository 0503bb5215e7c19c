"""Keeping the map's cells: what the database marked is added to them, every second, by the worker.

Marks carry what changes (one more here, one less there), so that nothing has to be counted again, and taking them away
and adding them up happen in one transaction: a cell is right for every mark that is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Integer, and_, cast, delete, func, insert, select, text

from registry.domain.kinds import AssetState
from registry.domain.map_grid import FINEST, KEPT_LEVELS, STEP, areas_of, cell_of
from registry.storage.database import reading, writing
from registry.storage.tables import asset, map_cell, map_counted, map_mark

BATCH = 4_000
_Key = tuple[int, str, int, int]
_UNITS = 10_000_000
_FAMILIES = {"cover": 0, "light": 1, "other": 2}


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """How many marks were folded into how many cells."""

    marks: int
    cells: int


def fold_marks(engine: Engine, *, ends: Callable[[], bool] = lambda: False) -> Folded:
    """Add every mark to its cells, a batch a transaction, until none is left or ``ends`` says so."""
    marks = cells = 0
    # one look that locks nothing, since nearly always there is nothing
    while not ends() and _waits(engine):
        with writing(engine) as tx:
            taken = _take(tx) + (_take_new(tx) if tx.dialect.name == "sqlite" else [])
            changed = _sums(taken)
            _add(tx, changed)
        marks, cells = marks + len(taken), cells + len(changed)
    return Folded(marks=marks, cells=cells)


def count_anew(engine: Engine) -> int:
    """Count every cell from the assets, and forget the marks; how many cells there are. For repairs and bulk loads."""
    with writing(engine) as tx:
        if tx.dialect.name == "postgresql":
            # nobody may add a mark between the count and the end of the marks
            tx.execute(text("LOCK TABLE map_mark IN EXCLUSIVE MODE"))
        tx.execute(delete(map_mark))
        tx.execute(delete(map_cell))
        tx.execute(text(_count_finest(tx.dialect.name)))
        for level in KEPT_LEVELS[:-1]:
            tx.execute(text(_COARSER), {"finer": level, "level": level + STEP})
        if tx.dialect.name == "sqlite":
            _count_until(tx, tx.execute(select(func.max(asset.c.id))).scalar() or 0)
        return int(tx.execute(text("SELECT COUNT(*) FROM map_cell")).scalar_one())


def _waits(engine: Engine) -> bool:
    with reading(engine) as tx:
        if tx.execute(select(map_mark.c.id).limit(1)).first() is not None:
            return True
        return tx.dialect.name == "sqlite" and (tx.execute(select(func.max(asset.c.id))).scalar() or 0) > _last(tx)


def _last(tx: Connection) -> int:
    return tx.execute(select(map_counted.c.last_id)).scalar() or 0


def _count_until(tx: Connection, asset_id: int) -> None:
    tx.execute(delete(map_counted))
    tx.execute(insert(map_counted).values(id=1, last_id=asset_id))


def _take_new(tx: Connection) -> list[Any]:
    """What is new on SQLite: the assets behind the last one that was counted; places as the triggers write them."""
    lon, lat = (cast(func.round(asset.c[name] * _UNITS), Integer).label(name) for name in ("lon", "lat"))
    shown = and_(asset.c.state != AssetState.ABANDONED.value, asset.c.merged_into_id.is_(None)).label("shown")
    query = select(asset.c.id, asset.c.family, asset.c.area_code, lon, lat, shown).where(asset.c.id > _last(tx))
    rows = tx.execute(query.order_by(asset.c.id).limit(BATCH)).all()
    if rows:
        _count_until(tx, rows[-1].id)
    return [(1, row.family, row.area_code, row.lon, row.lat) for row in rows if row.shown]


def _take(tx: Connection) -> list[Any]:
    oldest = select(map_mark.c.id).order_by(map_mark.c.id).limit(BATCH)
    taken = delete(map_mark).where(map_mark.c.id.in_(oldest))
    columns = (map_mark.c.n, map_mark.c.family, map_mark.c.area_code, map_mark.c.lon, map_mark.c.lat)
    return list(tx.execute(taken.returning(*columns)).all())


def _sums(marks: Iterable[Any]) -> dict[_Key, list[int]]:
    """What to add, by (level, area, y, x): of each family, and the two sums."""
    finest: dict[tuple[str, int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for n, family, area_code, lon, lat in marks:
        x, y = cell_of(lon, lat, FINEST)
        found = finest[area_code[:9], y, x]
        found[_FAMILIES[family]] += n
        found[3] += n * lon
        found[4] += n * lat
    sums: dict[_Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for (area_code, y, x), more in finest.items():
        if not any(more):
            continue  # came and went
        for area in areas_of(area_code):
            for level in KEPT_LEVELS:
                down = level - FINEST
                found = sums[level, area, y >> down, x >> down]
                for place, each in enumerate(more):
                    found[place] += each
    return sums


def _add(tx: Connection, changed: dict[_Key, list[int]]) -> None:
    # in one order everywhere: two who add at once wait for each other instead of breaking each other off
    keys = sorted(changed)
    if keys:
        tx.execute(text(_UPSERT), [dict(zip((*_KEY, *_SUMMED), (*key, *changed[key]), strict=True)) for key in keys])
    if emptied := [dict(zip(_KEY, key, strict=True)) for key in keys if min(changed[key][:3]) < 0]:
        tx.execute(text(_REMOVE_EMPTY), emptied)


_KEY = ("level", "area", "y", "x")
_SUMMED = ("cover", "light", "other", "lon_sum", "lat_sum")
_INTO = f"INSERT INTO map_cell (level, area, y, x, {', '.join(_SUMMED)}) "
_UPSERT = (
    f"{_INTO} VALUES (:level, :area, :y, :x, {', '.join(f':{name}' for name in _SUMMED)}) "
    "ON CONFLICT (level, area, y, x) DO UPDATE SET "
    + ", ".join(f"{name} = map_cell.{name} + excluded.{name}" for name in _SUMMED)
)
_REMOVE_EMPTY = (
    "DELETE FROM map_cell WHERE level = :level AND area = :area AND y = :y AND x = :x "
    "AND cover = 0 AND light = 0 AND other = 0"
)
_SUMS = ", ".join(f"SUM({name})" for name in _SUMMED)
_COARSER = (
    f"{_INTO} SELECT :level, area, y / 8, x / 8, {_SUMS} FROM map_cell WHERE level = :finer "  # noqa: S608  # our names
    "GROUP BY area, y / 8, x / 8"
)


def _count_finest(dialect: str) -> str:
    cast = "ROUND({0} * 10000000)::bigint" if dialect == "postgresql" else "CAST(ROUND({0} * 10000000) AS INTEGER)"
    # a parameter of SQLAlchemy's begins with a colon
    lon, lat = (cast.format(name).replace(":", r"\:") for name in ("lon", "lat"))
    families = ", ".join(f"SUM(CASE WHEN family = '{one}' THEN 1 ELSE 0 END) AS {one}" for one in _FAMILIES)
    return (
        f"WITH placed AS (SELECT family, SUBSTR(area_code, 1, 9) AS area, {lon} AS lon, {lat} AS lat "  # noqa: S608
        "FROM asset WHERE state <> 'abandoned' AND merged_into_id IS NULL), "
        "counted AS MATERIALIZED (SELECT area, (lat + 900000000) / 40000 AS y, (lon + 1800000000) / 40000 AS x, "
        f"{families}, SUM(lon) AS lon_sum, SUM(lat) AS lat_sum FROM placed GROUP BY 1, 2, 3) {_INTO}"
        f"SELECT 2, '', y, x, {_SUMS} FROM counted GROUP BY y, x "
        f"UNION ALL SELECT 2, SUBSTR(area, 1, 6), y, x, {_SUMS} FROM counted WHERE LENGTH(area) >= 6 "
        "GROUP BY SUBSTR(area, 1, 6), y, x "
        f"UNION ALL SELECT 2, area, y, x, {', '.join(_SUMMED)} FROM counted WHERE LENGTH(area) = 9"
    )
