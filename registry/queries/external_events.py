"""What other platforms said: the occurrences behind a virtual device, as evidence of its alerts."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Engine, or_, select

from registry.domain.kinds import Severity
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import event_inbox, user

MOST = 20
_EARLY = timedelta(minutes=10)


class ExternalOccurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence as its sender tells it. ``ends_at`` None: it goes on; ``heard``: how often it was sent."""

    id: int
    name: str
    severity: Severity
    starts_at: datetime
    ends_at: datetime | None
    first_heard_at: datetime
    heard_at: datetime
    heard: int
    labels: dict[str, str]
    annotations: dict[str, str]
    source_url: str
    sender: str
    by_name: str


def occurrences(
    engine: Engine, device_id: int, *, since: datetime | None = None, until: datetime | None = None
) -> list[ExternalOccurrence]:
    """The newest of a virtual device, at most 20; with a span only those that went on within it."""
    inbox = event_inbox.c
    query = select(event_inbox, user.c.name.label("by_name")).outerjoin(user, user.c.id == inbox.by_user_id)
    query = query.where(inbox.device_id == device_id).order_by(inbox.id.desc()).limit(MOST)
    if since is not None:
        query = query.where(or_(inbox.over_at.is_(None), inbox.over_at >= since - _EARLY))
    if until is not None:
        query = query.where(inbox.starts_at <= until + _EARLY)
    with reading(engine) as tx:
        rows = tx.execute(query).mappings().all()
    return [
        as_view(row, ExternalOccurrence, by_name=row["by_name"] or "", severity=Severity(row["severity"]))
        for row in rows
    ]
