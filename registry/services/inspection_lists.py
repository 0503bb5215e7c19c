"""The list of an analogous inspection: which assets are like that of a case, in its unit's own part of the district.

Each likeness is asked of one index (road, import, place, cases), a bounded number of rows each, and the union is
ranked: what has most in common first, then the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select

from registry.domain.aftercare import Aftercare, Likeness
from registry.domain.geo import Place, box_around, distance_m, place_cells
from registry.domain.kinds import AssetState, InspectionResult, InspectionState
from registry.domain.people import Actor
from registry.storage.tables import asset, case, inspection, inspection_item

_NEAR_M = 1_000.0
_LOOKED_AT = 1_000
_DISTRICT = 6
_CAUSE_DAYS = 365


def begin_inspection(tx: Connection, row: Any, line: Aftercare, *, by: Actor, now: datetime) -> int | None:
    """The list for the case ``row`` (with its asset's ``maintainer_unit_id`` and ``asset_area``); its id.

    None when the case has a list already, is of no asset, or nothing is like its asset.
    """
    if row.asset_id is None or tx.scalar(select(inspection.c.id).where(inspection.c.case_id == row.id)) is not None:
        return None
    alike = assets_alike(tx, row, line, now=now)
    if not alike:
        return None
    kept = alike[: line.inspect_most]
    values = {
        "case_id": row.id,
        "unit_id": row.maintainer_unit_id if row.unit_id is None else row.unit_id,
        "area_code": row.asset_area,
        "likes": [like.value for like in line.inspect_like],
        "state": InspectionState.OPEN.value,
        "gate": line.inspect_gate,
        "opened_at": now,
        "opened_by": by.user_id,
        "due_at": now + timedelta(days=line.inspect_days),
        "cut": len(alike) > len(kept),
    }
    inspection_id = int(tx.execute(insert(inspection).values(values).returning(inspection.c.id)).scalar_one())
    waiting = InspectionResult.WAITING.value
    rows = [
        {
            "inspection_id": inspection_id,
            "asset_id": asset_id,
            "likes": [like.value for like in likes],
            "result": waiting,
        }
        for asset_id, likes in kept
    ]
    tx.execute(insert(inspection_item), rows)
    return inspection_id


def assets_alike(tx: Connection, row: Any, line: Aftercare, *, now: datetime) -> list[tuple[int, tuple[Likeness, ...]]]:
    """Assets like the one of the case and what they have in common with it; most alike first, then the nearest."""
    own = tx.execute(select(asset).where(asset.c.id == row.asset_id)).one()
    found: dict[int, tuple[set[Likeness], float]] = {}
    here = Place(own.lon, own.lat)
    for like in line.inspect_like:
        condition = _condition(like, row, own, now)
        if condition is None:
            continue
        query = select(asset.c.id, asset.c.lon, asset.c.lat).where(condition, *_same_duty(row, own)).limit(_LOOKED_AT)
        for other in tx.execute(query):
            away = distance_m(here, Place(other.lon, other.lat))
            found.setdefault(other.id, (set(), away))[0].add(like)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1][0]), item[1][1], item[0]))
    return [(asset_id, tuple(like for like in Likeness if like in likes)) for asset_id, (likes, _) in ranked]


def _same_duty(row: Any, own: Any) -> Iterator[ColumnElement[bool]]:
    """Other assets that stand, in the same district, and of the same unit where that is known."""
    yield asset.c.id != own.id
    yield asset.c.merged_into_id.is_(None)
    yield asset.c.state != AssetState.ABANDONED.value
    if len(own.area_code) >= _DISTRICT:
        district = own.area_code[:_DISTRICT]
        yield asset.c.area_code.between(district, district + "9" * 9)
    if own.maintainer_unit_id is not None:
        yield asset.c.maintainer_unit_id == own.maintainer_unit_id


def _condition(like: Likeness, row: Any, own: Any, now: datetime) -> ColumnElement[bool] | None:
    """What an asset must be to be alike in that way; None where nothing is known that could be compared."""
    match like:
        case Likeness.CLASS:
            box = box_around(Place(own.lon, own.lat), _NEAR_M)
            cells = or_(*(asset.c.place_cell.between(first, last) for first, last in place_cells(box)))
            return and_(cells, asset.c.scheme == own.scheme, asset.c.class_code == own.class_code)
        case Likeness.ROAD:
            return and_(asset.c.road == own.road, asset.c.family == own.family) if own.road else None
        case Likeness.BATCH:
            if own.import_id is None:
                return None
            return and_(asset.c.import_id == own.import_id, asset.c.class_code == own.class_code)
        case Likeness.CAUSE:
            if not row.cause:
                return None
            since = now - timedelta(days=_CAUSE_DAYS)
            same = (case.c.kind == row.kind, case.c.cause == row.cause, case.c.opened_at >= since)
            recent = select(case.c.asset_id).where(*same, case.c.id != row.id, case.c.asset_id.is_not(None))
            return asset.c.id.in_(recent.order_by(case.c.id.desc()).limit(_LOOKED_AT))
