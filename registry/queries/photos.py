"""The photos of an asset, the newest first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Select, select

from registry.domain.errors import NotFound
from registry.queries.asset_views import AssetPhoto
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import asset, photo, user


def photos_of(asset_id: int) -> Select[Any]:
    """Those that nobody took off the file."""
    return (
        select(photo, user.c.name.label("taken_by_name"))
        .outerjoin_from(photo, user, user.c.id == photo.c.taken_by)
        .where(photo.c.asset_id == asset_id, photo.c.removed_at.is_(None))
        .order_by(photo.c.id.desc())
    )


def list_photos(engine: Engine, asset_id: int, *, after: str | None = None, limit: int = 50) -> Page[AssetPhoto]:
    """A page of them. Raises ``NotFound`` for an asset that there is not."""
    query = photos_of(asset_id).limit(check_limit(limit) + 1)
    if after is not None:
        query = query.where(photo.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = all_views(tx, query, AssetPhoto)
        if not rows and tx.scalar(select(asset.c.id).where(asset.c.id == asset_id)) is None:
            raise NotFound("asset", asset_id)
    return page_of(rows, limit, lambda row: (row.id,))
