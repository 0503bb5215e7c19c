"""Reading links for screens: which there are, until when, and when each was last shown."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from registry.queries.asset_filters import digits_begin
from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import kiosk_link, user


class KioskLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link; ``prefix`` is how its word begins. ``seen_at`` None: no screen has shown it yet."""

    id: int
    name: str
    area_code: str
    prefix: str
    created_at: datetime
    created_by_name: str | None
    expires_at: datetime | None
    seen_at: datetime | None
    revoked_at: datetime | None


def kiosk_links(engine: Engine, *, scope: str = "", with_ended: bool = False) -> list[KioskLink]:
    """The links to screens of what lies within the area ``scope``, the newest first."""
    names = [column for column in kiosk_link.c if column.name in KioskLink.__struct_fields__]
    query = (
        select(*names, user.c.name.label("created_by_name"))
        .select_from(kiosk_link.outerjoin(user, user.c.id == kiosk_link.c.created_by))
        .order_by(kiosk_link.c.id.desc())
    )
    if scope:
        query = query.where(digits_begin(kiosk_link.c.area_code, scope))
    if not with_ended:
        query = query.where(kiosk_link.c.revoked_at.is_(None))
    with reading(engine) as tx:
        return all_views(tx, query, KioskLink)
