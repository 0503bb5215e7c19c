"""On which days somebody is away altogether (leave, illness): they are sent nowhere, and B stands in on their post."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection, Engine, delete, insert, or_, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import absence, user

MOST_NOTE = 120


def add_absence(
    engine: Engine, user_id: int, first: date, last: date | None, *, note: str = "", by: Actor, now: datetime
) -> int:
    """Somebody is away from ``first`` until ``last``, both included (None: until further notice). Its id.

    Raises ``InvalidInput`` naming the field, ``NotFound``, and ``OutsideArea`` for people of another area.
    """
    if last is not None and last < first:
        raise InvalidInput(
            "last_on", "{given} is before {first}; the last day comes after the first", given=last, first=first
        )
    note = note.strip()
    if len(note) > MOST_NOTE:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MOST_NOTE)
    with writing(engine) as tx:
        _check_own(tx, user_id, by)
        row = {
            "user_id": user_id,
            "first_on": first.isoformat(),
            "last_on": None if last is None else last.isoformat(),
            "note": note,
            "created_at": now,
            "created_by": by.user_id,
        }
        added = int(tx.execute(insert(absence).values(row).returning(absence.c.id)).scalar_one())
        # the audit trail is kept for ever: that somebody was away, and not why
        detail = {"user_id": user_id, "from": row["first_on"], "until": row["last_on"]}
        audit.record(tx, by=by, action="absence.add", subject=f"absence:{added}", detail=detail, now=now)
    return added


def remove_absence(engine: Engine, absence_id: int, *, by: Actor, now: datetime) -> int:
    """They are back, or were never away; whose it was. Raises ``NotFound``, ``OutsideArea``."""
    with writing(engine) as tx:
        user_id = tx.scalar(select(absence.c.user_id).where(absence.c.id == absence_id))
        if user_id is None:
            raise NotFound("absence", absence_id)
        _check_own(tx, user_id, by)
        tx.execute(delete(absence).where(absence.c.id == absence_id))
        audit.record(
            tx, by=by, action="absence.remove", subject=f"absence:{absence_id}", detail={"user_id": user_id}, now=now
        )
    return int(user_id)


def away_on(tx: Connection, today: date) -> frozenset[int]:
    """The ids of everybody who is away on that day of the city's calendar."""
    day = today.isoformat()
    holds = (absence.c.first_on <= day, or_(absence.c.last_on.is_(None), absence.c.last_on >= day))
    return frozenset(tx.scalars(select(absence.c.user_id).where(*holds)))


def _check_own(tx: Connection, user_id: int, by: Actor) -> None:
    area_code = tx.scalar(select(user.c.area_code).where(user.c.id == user_id))
    if area_code is None:
        raise NotFound("person", user_id)
    check_area(by, area_code)
