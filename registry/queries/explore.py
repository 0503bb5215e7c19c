"""Any point against any other: finding points by what people know of them, and their curves with figures beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, case, or_, select

from registry.domain.boards import Annotation
from registry.domain.points import POINTS
from registry.queries.asset_filters import AssetFilter, begins, digits_begin
from registry.queries.assets import list_assets
from registry.queries.board_marks import Mark, marks
from registry.queries.board_series import curves_of, mean_of, newest, points_by_ids
from registry.queries.board_values import Asked, Curve
from registry.storage.database import reading
from registry.storage.tables import asset, device, point

MOST_EXPLORED = 20
MOST_FOUND = 40
_ASSETS_LOOKED_AT = 10
_USUAL_FIRST = {name: at for at, name in enumerate(POINTS)}


class FoundPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point and what it is of; ``point`` is its name as a word of ``point.…``."""

    point_id: int
    point: str
    unit: str
    decimals: int
    device_id: int
    device: str
    asset_id: int | None
    asset: str
    road: str
    cabinet: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one curve: its extremes with the beginning of the slice they lie in, its mean, and the newest value kept."""

    point_id: int
    readings: int
    min: float
    min_at_ms: int
    max: float
    max_at_ms: int
    mean: float
    last: float
    last_ms: int


def find_points(asked: Asked, q: str, *, limit: int = MOST_FOUND) -> list[FoundPoint]:
    """The points of the devices and assets that ``q`` names: a serial's beginning, a code, a name, a road, a plate."""
    words = q.strip()[:120]
    if not words:
        return []
    scopes = (asked.scope,) if asked.scope else ()
    page = list_assets(asked.engine, AssetFilter(q=words, scopes=scopes), limit=_ASSETS_LOOKED_AT)
    ids = [each.id for each in page.items]
    with reading(asked.engine) as tx:
        serials = select(device.c.id).where(device.c.removed_at.is_(None), *begins(tx, device.c.serial, words))
        devices = list(tx.execute(serials.order_by(device.c.serial).limit(_ASSETS_LOOKED_AT)).scalars())
        rows = _rows(tx, or_(device.c.id.in_(devices), device.c.asset_id.in_(ids)), asked)
    place = {asset_id: at for at, asset_id in enumerate(ids)}
    found = [_found(row) for row in rows]
    found.sort(
        key=lambda each: (
            each.device_id not in devices,
            place.get(each.asset_id or 0, len(place)),
            each.device,
            _USUAL_FIRST.get(each.point, 999),
        )
    )
    return found[:limit]


def points_named(asked: Asked, ids: Sequence[int]) -> list[FoundPoint]:
    """These points, as far as the visitor may see them, in the order given."""
    with reading(asked.engine) as tx:
        found = {row.point_id: _found(row) for row in _rows(tx, point.c.id.in_(ids), asked)}
    return [found[each] for each in ids if each in found]


def explored(asked: Asked, ids: Sequence[int]) -> tuple[list[Curve], list[Figures]]:
    """The curves of these points and their figures; points that the visitor may not see are left out."""
    with reading(asked.engine) as tx:
        meant = points_by_ids(tx, ids[:MOST_EXPLORED], asked)
    curves = curves_of(meant, asked)
    filled = [curve for curve in curves if curve.t]
    with reading(asked.engine) as tx:
        last = newest(tx, filled, asked)
    return curves, [_figures(curve, *last[curve.point_id]) for curve in filled]


def happened(asked: Asked, ids: Sequence[int], wanted: Iterable[Annotation]) -> tuple[list[Mark], bool]:
    """What happened meanwhile to the assets that these points are of, as ``marks`` tells it."""
    with reading(asked.engine) as tx:
        meant = points_by_ids(tx, ids[:MOST_EXPLORED], asked)
    assets = sorted({each.asset_id for each in meant if each.asset_id is not None})
    return marks(wanted, replace(asked, chosen={"asset": tuple(assets)})) if assets else ([], False)


def _figures(curve: Curve, last: float, last_ms: int) -> Figures:
    low, high = min(curve.min), max(curve.max)
    return Figures(
        point_id=curve.point_id,
        readings=sum(curve.readings),
        min=low,
        min_at_ms=curve.t[curve.min.index(low)],
        max=high,
        max_at_ms=curve.t[curve.max.index(high)],
        mean=round(mean_of(curve), 4),
        last=last,
        last_ms=last_ms,
    )


def _rows(tx: Connection, wanted: Any, asked: Asked) -> Sequence[Any]:
    tables = device.join(point, point.c.device_id == device.c.id).outerjoin(asset, asset.c.id == device.c.asset_id)
    seen = (digits_begin(asset.c.area_code, asked.scope),) if asked.scope else ()
    removed = case((device.c.removed_at.is_(None), 0), else_=1)
    return tx.execute(
        select(
            *(point.c.id.label("point_id"), point.c.name.label("point"), point.c.unit, device.c.id.label("device_id")),
            *(device.c.serial, device.c.cabinet_id, device.c.asset_id, asset.c.name.label("asset_name"), asset.c.road),
        )
        .select_from(tables)
        .where(wanted, *seen)
        .order_by(removed, device.c.id, point.c.id)
        .limit(10 * MOST_FOUND)
    ).all()


def _found(row: Any) -> FoundPoint:
    spec = POINTS.get(row.point)
    return FoundPoint(
        point_id=row.point_id,
        point=row.point,
        unit=row.unit,
        decimals=2 if spec is None else spec.decimals,
        device_id=row.device_id,
        device=row.serial,
        asset_id=row.asset_id,
        asset=row.asset_name or "",
        road=row.road or "",
        cabinet=row.cabinet_id,
    )
