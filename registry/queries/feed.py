"""What just happened, for the live pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, func, select

from registry.storage.database import reading
from registry.storage.tables import feed


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One event; ``kind`` is a word of ``registry.services.feed.FeedKind``, ``body`` what a list row shows."""

    id: int
    at: datetime
    kind: str
    body: dict[str, Any]


def since(engine: Engine, last_id: int, limit: int = 200) -> list[FeedItem]:
    """At most ``limit`` events with an id above ``last_id``, oldest first."""
    with reading(engine) as tx:
        rows = tx.execute(select(feed).where(feed.c.id > last_id).order_by(feed.c.id).limit(limit)).all()
    return [FeedItem(id=row.id, at=row.at, kind=row.kind, body=row.body) for row in rows]


def newest_id(engine: Engine) -> int:
    """The highest id there is; 0 when nothing has happened yet."""
    with reading(engine) as tx:
        return tx.scalar(select(func.max(feed.c.id))) or 0
