"""What a case of a place may be about: the assets near by, and the open case that each has of that kind already."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine, select

from registry.domain.kinds import Family
from registry.queries.nearest import NearAsset, nearest_assets
from registry.services.standard import standard_in_force
from registry.storage.database import reading
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import case

WITHIN_M = 100.0
MOST = 4


class Nameable(msgspec.Struct, frozen=True, kw_only=True):
    """An asset near the place; ``open_case_id``: where it has an open case of that kind, to merge into."""

    asset: NearAsset
    open_case_id: int | None
    open_case_number: str


def nameable(engine: Engine, case_id: int, *, scope: str = "") -> list[Nameable]:
    """The nearest assets that the case may be about, the nearest first; none for a case that has an asset or ended."""
    with reading(engine) as tx:
        row = tx.execute(
            select(case.c.kind, case.c.asset_id, case.c.lon, case.c.lat).where(case.c.id == case_id, IS_OPEN)
        )
        found = row.one_or_none()
        if found is None or found.asset_id is not None:
            return []
        line = standard_in_force(tx).lines.get(found.kind)
    family = None if line is None or line.family is Family.OTHER else line.family
    near = nearest_assets(
        engine, lon=found.lon, lat=found.lat, within_m=WITHIN_M, limit=MOST, family=family, scope=scope
    )
    with reading(engine) as tx:
        of_it = select(case.c.asset_id, case.c.id, case.c.number).where(
            case.c.asset_id.in_([each.id for each in near]), case.c.kind == found.kind, IS_OPEN
        )
        taken = {row.asset_id: row for row in tx.execute(of_it)} if near else {}
    return [
        Nameable(
            asset=each,
            open_case_id=taken[each.id].id if each.id in taken else None,
            open_case_number=taken[each.id].number if each.id in taken else "",
        )
        for each in near
    ]
