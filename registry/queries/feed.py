"""What just happened, for the live pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, func, select

from registry.storage.database import reading
from registry.storage.tables import asset, feed
from registry.storage.tables import case as case_file

# kinds whose subject is the case; an alert without an asset is of a cabinet, whatever its case
_OF_A_CASE = frozenset({"case_opened", "case_moved", "case_overdue", "supervision_reminded", "recheck_due"})


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One event; ``kind`` is a word of ``registry.services.feed.FeedKind``, ``body`` what a list row shows.

    ``area_code``: where its asset or its case lies today, or the smallest area around its group; "" when that is not
    known; None for what is of no place.
    """

    id: int
    at: datetime
    kind: str
    body: dict[str, Any]
    area_code: str | None = None


def since(engine: Engine, last_id: int, limit: int = 200) -> list[FeedItem]:
    """At most ``limit`` events with an id above ``last_id``, oldest first."""
    tables = feed.outerjoin(asset, asset.c.id == feed.c.body["asset_id"].as_integer()).outerjoin(
        case_file, case_file.c.id == feed.c.body["case_id"].as_integer()
    )
    query = select(feed, asset.c.area_code, case_file.c.lies_in).select_from(tables).where(feed.c.id > last_id)
    with reading(engine) as tx:
        rows = tx.execute(query.order_by(feed.c.id).limit(limit)).all()
    return [FeedItem(id=row.id, at=row.at, kind=row.kind, body=row.body, area_code=_area(row)) for row in rows]


def _area(row: Any) -> str | None:
    if row.body.get("asset_id") is not None:
        return row.area_code or ""
    if row.body.get("group_id") is not None:
        return row.body.get("area_code") or ""
    if row.kind in _OF_A_CASE and row.body.get("case_id") is not None:
        return row.lies_in or ""
    return None


def newest_id(engine: Engine) -> int:
    """The highest id there is; 0 when nothing has happened yet."""
    with reading(engine) as tx:
        return tx.scalar(select(func.max(feed.c.id))) or 0
