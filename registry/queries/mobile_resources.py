"""Reading mobile resources: the list with where each is, and how many of each kind are on line."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, case, func, select

from registry.domain.mobile import ONLINE_WITHIN, MobileKind, is_online
from registry.queries.asset_filters import digits_begin
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import mobile_resource, unit

MOST_LISTED = 2_000


class MobileResource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource. ``lon``, ``lat`` (WGS-84) and ``placed_at`` None: it never told where it was."""

    id: int
    kind: MobileKind
    number: str
    name: str
    unit_id: int | None
    unit_name: str | None
    area_code: str
    lon: float | None
    lat: float | None
    placed_at: datetime | None
    speed_kmh: float | None
    heading: float | None
    online: bool


class MobileTally(msgspec.Struct, frozen=True, kw_only=True):
    """How many of one kind there are, and how many of them are on line."""

    kind: MobileKind
    total: int
    online: int


def mobile_resources(
    engine: Engine,
    *,
    now: datetime,
    scope: str = "",
    kinds: Collection[MobileKind] = (),
    online: bool | None = None,
    since: datetime | None = None,
) -> list[MobileResource]:
    """What is listed within the area ``scope``, what was heard last at the top; at most ``MOST_LISTED``.

    ``kinds``: of these alone; none given: of all. ``since``: only those that told a place after it.
    """
    query = _listed(scope).order_by(mobile_resource.c.placed_at.desc().nulls_last(), mobile_resource.c.number)
    query = query.limit(MOST_LISTED)
    if kinds:
        query = query.where(mobile_resource.c.kind.in_([kind.value for kind in kinds]))
    if online is not None:
        fresh = mobile_resource.c.placed_at > now - ONLINE_WITHIN
        query = query.where(fresh if online else fresh.is_not(True))
    if since is not None:
        query = query.where(mobile_resource.c.placed_at > since)
    with reading(engine) as tx:
        return [
            as_view(row._mapping, MobileResource, online=is_online(row.placed_at, now)) for row in tx.execute(query)
        ]


def mobile_resource_of(engine: Engine, resource_id: int, *, now: datetime, scope: str = "") -> MobileResource | None:
    """One that is listed within the area ``scope``, or None."""
    with reading(engine) as tx:
        row = tx.execute(_listed(scope).where(mobile_resource.c.id == resource_id)).first()
    return None if row is None else as_view(row._mapping, MobileResource, online=is_online(row.placed_at, now))


def _listed(scope: str) -> Select[Any]:
    query = (
        select(mobile_resource, unit.c.name.label("unit_name"))
        .select_from(mobile_resource.outerjoin(unit, unit.c.id == mobile_resource.c.unit_id))
        .where(mobile_resource.c.retired_at.is_(None))
    )
    return query.where(digits_begin(mobile_resource.c.area_code, scope)) if scope else query


def mobile_tallies(engine: Engine, *, now: datetime, scope: str = "") -> list[MobileTally]:
    """How many there are of each kind that is listed, and on line."""
    online = func.sum(case((mobile_resource.c.placed_at > now - ONLINE_WITHIN, 1), else_=0))
    query = select(mobile_resource.c.kind, func.count(), online).where(mobile_resource.c.retired_at.is_(None))
    if scope:
        query = query.where(digits_begin(mobile_resource.c.area_code, scope))
    with reading(engine) as tx:
        rows = {
            kind: (int(total), int(fresh)) for kind, total, fresh in tx.execute(query.group_by(mobile_resource.c.kind))
        }
    return [
        MobileTally(kind=kind, total=rows[kind.value][0], online=rows[kind.value][1])
        for kind in MobileKind
        if kind.value in rows
    ]
