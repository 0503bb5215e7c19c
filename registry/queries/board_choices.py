"""What can be chosen above a board: areas, units, classes, families, cabinets and kinds whole; assets and devices by
search."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine, select

from registry.domain.kinds import Family
from registry.queries.areas import area_choices
from registry.queries.asset_filters import AssetFilter, begins, digits_begin
from registry.queries.assets import list_assets
from registry.queries.board_values import Said, Word
from registry.queries.standard import standard_of
from registry.storage.database import reading
from registry.storage.tables import asset, asset_class, cabinet, device, unit

MOST_FOUND = 20
_MOST = 2_000


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to choose and what it is called."""

    value: str | int
    name: Said


def choices(engine: Engine, *, scope: str, lang: str) -> dict[str, list[Choice]]:
    """All that can be chosen of the variables that are few enough to be listed."""

    def called(zh: str, en: str) -> str:
        return zh if lang == "zh" else en or zh

    found = area_choices(engine, scope=scope)
    areas = [Choice(value=each.code, name=f"{each.code} {called(each.name, each.name_en)}") for each in found]
    with reading(engine) as tx:
        every = select(unit).order_by(unit.c.name).limit(_MOST)
        units = [Choice(value=row.id, name=called(row.name, row.name_en)) for row in tx.execute(every)]
        known = select(asset_class).order_by(asset_class.c.scheme, asset_class.c.code).limit(_MOST)
        classes = [
            Choice(
                value=f"{row.scheme}:{row.code}",
                name=f"{row.code} {called(row.name_zh, row.name_en)} ({row.scheme})",
            )
            for row in tx.execute(known)
        ]
        names = select(cabinet.c.id, cabinet.c.name).order_by(cabinet.c.name).limit(_MOST)
        cabinets = [Choice(value=row.id, name=row.name) for row in tx.execute(names)]
    return {
        "area": areas,
        "unit": units,
        "class": classes,
        "family": [Choice(value=family.value, name=Word(f"family.{family}")) for family in Family],
        "cabinet": cabinets,
        "kind": [Choice(value=key, name=Word(f"kind.{key}")) for key in standard_of(engine).lines],
    }


def found_assets(engine: Engine, q: str, *, scope: str, ids: Sequence[int] = ()) -> list[Choice]:
    """Assets that ``q`` names (or those of ``ids``), as far as the visitor may see them."""
    if ids:
        query = select(asset.c.id, asset.c.name, asset.c.road).where(asset.c.id.in_(ids[:MOST_FOUND]))
        if scope:
            query = query.where(digits_begin(asset.c.area_code, scope))
        with reading(engine) as tx:
            return [Choice(value=row.id, name=f"{row.name} {row.road}".strip()) for row in tx.execute(query)]
    scopes = (scope,) if scope else ()
    page = list_assets(engine, AssetFilter(q=q.strip()[:120], scopes=scopes), limit=MOST_FOUND)
    return [Choice(value=each.id, name=f"{each.name} {each.road} {each.code}".strip()) for each in page.items]


def found_devices(engine: Engine, q: str, *, scope: str, ids: Sequence[int] = ()) -> list[Choice]:
    """Fitted devices whose serial begins with ``q`` (or those of ``ids``), as far as the visitor may see them."""
    joined = device.outerjoin(asset, asset.c.id == device.c.asset_id)
    query = select(device.c.id, device.c.serial, asset.c.name).select_from(joined).where(device.c.removed_at.is_(None))
    if scope:
        query = query.where(digits_begin(asset.c.area_code, scope))
    with reading(engine) as tx:
        if ids:
            query = query.where(device.c.id.in_(ids[:MOST_FOUND]))
        else:
            query = query.where(*begins(tx, device.c.serial, q.strip()[:60])) if q.strip() else query
        rows = tx.execute(query.order_by(device.c.serial).limit(MOST_FOUND))
        return [Choice(value=row.id, name=f"{row.serial} {row.name or ''}".strip()) for row in rows]
