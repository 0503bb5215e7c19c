"""What another platform says about a report later: kept with the report, and shown in the timeline of its case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select

from registry.domain.errors import InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import Source
from registry.domain.moves import EventName
from registry.domain.people import Actor
from registry.domain.report_numbers import report_number
from registry.services.case_opening import write_event
from registry.storage.database import writing
from registry.storage.tables import report, report_update

MAX_TEXT = 4000
MAX_STATUS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUpdate:
    """``foreign_id`` is what the platform calls it: the same one is taken once. ``at``: when it was said there."""

    report_id: int
    text: str
    at: datetime
    status: str = ""
    media_url: str = ""
    foreign_id: str | None = None


def take_update(engine: Engine, new: NewUpdate, *, by: Actor, now: datetime) -> int:
    """Keep what the platform of ``by`` says about a report that it brought; answers the update's id.

    Raises ``NotFound``, ``NotAllowed`` for somebody else's report, and ``InvalidInput``.
    """
    said = new.text.strip()
    if not said and not new.status and not new.media_url:
        raise InvalidInput("description", "is missing; an update without words says nothing")
    if len(said) > MAX_TEXT:
        raise InvalidInput(
            "description",
            "has {count} characters; at most {most} fit, please shorten it",
            count=len(said),
            most=MAX_TEXT,
        )
    foreign_id = (new.foreign_id or "").strip()[:120] or None
    with writing(engine) as tx:
        row = tx.execute(select(report.c.case_id, report.c.brought_by).where(report.c.id == new.report_id)).first()
        if row is None:
            raise NotFound("service request", report_number(new.report_id))
        if row.brought_by != by.user_id:
            raise NotAllowed("another platform handed this request over; only that one may update it")
        if foreign_id is not None:
            same = (report_update.c.brought_by == by.user_id, report_update.c.foreign_id == foreign_id)
            earlier = tx.scalar(select(report_update.c.id).where(*same))
            if earlier is not None:
                return int(earlier)
        values = {
            "report_id": new.report_id,
            "at": min(new.at, now),
            "recorded_at": now,
            "status": new.status.strip()[:MAX_STATUS],
            "text": said,
            "media_url": new.media_url.strip()[:2000],
            "brought_by": by.user_id,
            "foreign_id": foreign_id,
        }
        update_id = int(tx.execute(insert(report_update).values(values).returning(report_update.c.id)).scalar_one())
        detail = {"source": Source.PLATFORM.value, "update_id": update_id, "status": values["status"]}
        write_event(tx, row.case_id, EventName.REPORT, now=now, by=by, note=said, detail=detail)
    return update_id
