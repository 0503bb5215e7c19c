"""Reading what somebody drew a line around: one's own selections, and the list of one."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from registry.domain.errors import NotFound
from registry.domain.people import Actor
from registry.queries.asset_filters import digits_begin
from registry.queries.asset_rows import asset_rows
from registry.queries.asset_views import AssetRow
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset, map_selection, map_selection_item


class MapSelection(msgspec.Struct, frozen=True, kw_only=True):
    """One selection: how many assets stood inside when it was drawn, and until when it is kept."""

    id: int
    made_at: datetime
    ends_at: datetime
    outline: list[tuple[float, float]]
    count: int
    truncated: bool
    by_family: dict[str, int]


def list_selections(engine: Engine, by: Actor, *, now: datetime) -> list[MapSelection]:
    """One's own, the newest first."""
    query = select(map_selection).where(map_selection.c.made_by == by.user_id, map_selection.c.ends_at > now)
    with reading(engine) as tx:
        return all_views(tx, query.order_by(map_selection.c.id.desc()), MapSelection)


def selection(engine: Engine, selection_id: int, by: Actor, *, now: datetime) -> MapSelection:
    """One's own selection. Raises ``NotFound`` for another's, and for one that has ended."""
    query = select(map_selection).where(
        map_selection.c.id == selection_id, map_selection.c.made_by == by.user_id, map_selection.c.ends_at > now
    )
    with reading(engine) as tx:
        row = tx.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("selection", selection_id)
    return as_view(row, MapSelection)


def selected_assets(
    engine: Engine, selection_id: int, *, after: str | None, limit: int = 100, scope: str = ""
) -> Page[AssetRow]:
    """Its assets that lie in the area ``scope`` today, by id. Whose it is has been checked by ``selection``."""
    ids = select(map_selection_item.c.asset_id).where(map_selection_item.c.selection_id == selection_id)
    if scope:
        ids = ids.join(asset, asset.c.id == map_selection_item.c.asset_id)
        ids = ids.where(digits_begin(asset.c.area_code, scope))
    if after is not None:
        ids = ids.where(map_selection_item.c.asset_id > decode_id(after))
    ids = ids.order_by(map_selection_item.c.asset_id).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        wanted = list(tx.execute(ids).scalars())
        rows = all_views(tx, asset_rows().where(asset.c.id.in_(wanted)).order_by(asset.c.id), AssetRow)
    return page_of(rows, limit, lambda row: (row.id,))
