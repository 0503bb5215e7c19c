"""Reading assets: the list, one file, what a scanned plate shows."""

from __future__ import annotations

from sqlalchemy import Engine, select

from registry.domain.codes import read_code
from registry.domain.tokens import read_token
from registry.queries.asset_file import asset_file
from registry.queries.asset_filters import EVERYTHING, AssetFilter, Gap
from registry.queries.asset_map import map_features
from registry.queries.asset_rows import asset_rows, class_names, open_cases, units_by_id, with_class, worst_alert
from registry.queries.asset_views import (
    Alias,
    AssetAlert,
    AssetCase,
    AssetFile,
    AssetPhoto,
    AssetRow,
    DeviceView,
    PointValue,
    ScanView,
    TagView,
    UnitView,
)
from registry.queries.asset_walks import find_page
from registry.queries.paging import Page, check_limit
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset, tag

__all__ = [
    "Alias",
    "AssetAlert",
    "AssetCase",
    "AssetFile",
    "AssetFilter",
    "AssetPhoto",
    "AssetRow",
    "DeviceView",
    "Gap",
    "PointValue",
    "ScanView",
    "TagView",
    "UnitView",
    "asset_by_token",
    "asset_file",
    "list_assets",
    "map_features",
]


def list_assets(
    engine: Engine,
    wanted: AssetFilter = EVERYTHING,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[AssetRow]:
    """A page of ``wanted`` along the index that fits it best; by id where nothing else is asked for.

    A page looks at a bounded number of assets, so it can be short, even empty, while ``next`` says that more may
    follow. Raises ``InvalidInput`` for a cursor, a limit or a filter that is none.
    """
    check_limit(limit)
    with reading(engine) as tx:
        found = find_page(tx, wanted, after=after, limit=limit)
        rows = {row.id: row for row in all_views(tx, asset_rows().where(asset.c.id.in_(found.ids)), AssetRow)}
    return Page(items=[rows[each] for each in found.ids if each in rows], next=found.next)


def asset_by_token(engine: Engine, token: str) -> ScanView | None:
    """What a scanned plate shows; None when it was never issued or is not bound to anything yet.

    A plate that was lost or replaced still leads to its asset, and one of a merged asset to the one that was kept;
    ``tag_state`` says so. Raises ``InvalidInput`` for text that can't be a token (misread).
    """
    query = (
        with_class(
            select(
                tag.c.token,
                tag.c.state.label("tag_state"),
                asset.c.id.label("asset_id"),
                asset.c.code,
                asset.c.name,
                asset.c.family,
                asset.c.state,
                asset.c.road,
                asset.c.maintainer_unit_id,
                open_cases().label("open_cases"),
                worst_alert().label("severity"),
                *class_names(),
            )
        )
        .join(tag, tag.c.asset_id == asset.c.id)
        .where(tag.c.token == read_token(token))
    )
    with reading(engine) as tx:
        row = tx.execute(query).mappings().first()
        if row is None:
            return None
        maintainer = units_by_id(tx, [row["maintainer_unit_id"]]).get(row["maintainer_unit_id"])
    return as_view(row, ScanView, code_grouped=read_code(row["code"]).grouped, maintainer=maintainer)
