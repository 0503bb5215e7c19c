"""Finding the area and the cell of every asset anew, after areas have changed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from registry.domain.geo import Place
from registry.domain.kinds import AreaLevel
from registry.services import asset_changes
from registry.services.area_index import Located, locate
from registry.services.place_jobs import JobView, Step
from registry.storage.tables import area, asset

BATCH = 5_000

ACTION = "relocate"
"""The word of the asset's history for an area found anew."""


def relocate_batch(tx: Connection, job: JobView, after_id: int, *, now: datetime) -> Step:
    """Find where the next assets lie, and change those that lie elsewhere than their file says.

    An asset in no area keeps the division of its code. A cell that came with a census table is kept until the cells of
    that community are on file themselves. Counts: ``located``, ``outside``, ``moved_area``, ``moved_cell``.
    """
    query = (
        select(asset.c.id, asset.c.code, asset.c.lon, asset.c.lat, asset.c.area_code, asset.c.grid_cell)
        .where(asset.c.id > after_id)
        .order_by(asset.c.id)
        .limit(BATCH)
    )
    rows = tx.execute(query).all()
    found = locate(tx, [Place(row.lon, row.lat) for row in rows])
    cells = _cells_on_file(tx, {row.grid_cell for row in rows} - {""})
    counts: Counter[str] = Counter()
    changes: list[tuple[Any, str, str]] = []
    for row, place in zip(rows, found, strict=True):
        area_code, cell = _belongs(row, place, cells)
        counts["located" if place.area_code or place.grid_cell else "outside"] += 1
        counts["moved_area"] += area_code != row.area_code
        counts["moved_cell"] += cell != row.grid_cell
        if (area_code, cell) != (row.area_code, row.grid_cell):
            changes.append((row, area_code, cell))
    _write(tx, changes, by=job.created_by, now=now)
    last = rows[-1].id if len(rows) == BATCH else None
    return Step(next_id=last, seen=len(rows), changed=len(changes), counts=+counts)


def _belongs(row: Any, place: Located, cells_on_file: set[str]) -> tuple[str, str]:
    division = row.code[:6]
    area_code = division if division.startswith(place.area_code) else place.area_code
    cell = place.grid_cell or ("" if row.grid_cell in cells_on_file else row.grid_cell)
    return area_code, cell


def _cells_on_file(tx: Connection, codes: set[str]) -> set[str]:
    found: set[str] = set()
    wanted = sorted(codes)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        query = select(area.c.code).where(area.c.level == AreaLevel.CELL.value, area.c.code.in_(part))
        found.update(tx.execute(query).scalars())
    return found


def _write(tx: Connection, changes: list[tuple[Any, str, str]], *, by: int | None, now: datetime) -> None:
    if not changes:
        return
    tx.execute(
        update(asset)
        .where(asset.c.id == bindparam("asset_id"))
        .values(
            area_code=bindparam("new_area"),
            grid_cell=bindparam("new_cell"),
            version=asset.c.version + 1,
            updated_at=now,
        ),
        [{"asset_id": row.id, "new_area": area_code, "new_cell": cell} for row, area_code, cell in changes],
    )
    asset_changes.record_many(
        tx,
        [
            asset_changes.ChangeRow(
                asset_id=row.id,
                action=ACTION,
                changes={
                    name: [old, new]
                    for name, old, new in (
                        ("area_code", row.area_code, area_code),
                        ("grid_cell", row.grid_cell, cell),
                    )
                    if old != new
                },
                by=by,
                now=now,
            )
            for row, area_code, cell in changes
        ],
    )
