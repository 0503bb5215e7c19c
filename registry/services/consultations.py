"""Consultations (会商): numbered each year, with members, items, decisions with owner and day, and their cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from registry.domain.areas import read_area_path
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import case, consultation, consultation_case, consultation_item, unit

MOST_ITEMS = 50
MOST_MEMBERS = 100
MOST_CASES = 100
MOST_MINUTES = 20_000
MOST_TEXT = 2000

# One statement, so that two who open a consultation at once can't take the same number.
_TAKE_SERIAL = text(
    "INSERT INTO number_counter (day, last_serial) VALUES (:day, 1) "
    "ON CONFLICT (day) DO UPDATE SET last_serial = number_counter.last_serial + 1 RETURNING last_serial"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsultation:
    """A consultation: what about, when and where, who presided, who was there, and what was said."""

    subject: str
    held_at: datetime
    place: str = ""
    chair: str = ""
    members: Sequence[str] = ()
    minutes: str = ""
    area_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """One item: what about, what was decided, who does it until when, and the cases it is about. ``id``: one there."""

    subject: str
    decision: str = ""
    unit_id: int | None = None
    owner: str = ""
    due_on: date | None = None
    case_numbers: Sequence[str] = ()
    id: int | None = None


def save_consultation(
    engine: Engine,
    consultation_id: int | None,
    new: NewConsultation,
    items: Sequence[NewItem],
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
    zone: tzinfo = CHINA_TIME,
) -> int:
    """Add a consultation (``consultation_id`` None; it gets the year's next number) or change one; its id.

    The items become ``items``, in that order. Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict``
    when it has changed meanwhile, ``OutsideArea``.
    """
    row = _checked(new)
    if len(items) > MOST_ITEMS:
        raise InvalidInput("items", "{count} are too many; at most {most}", count=len(items), most=MOST_ITEMS)
    rows = [_item_row(number, item) for number, item in enumerate(items, start=1)]
    with writing(engine) as tx:
        check_area(by, row["area_code"])
        if consultation_id is None:
            year = new.held_at.astimezone(zone).year
            serial = tx.execute(_TAKE_SERIAL, {"day": f"HS{year}"}).scalar_one()
            added = insert(consultation).values(**row, year=year, serial=serial, created_by=by.user_id, updated_at=now)
            consultation_id = int(tx.execute(added.returning(consultation.c.id)).scalar_one())
        else:
            was = _own(tx, consultation_id, by, version=version)
            values = {**row, "version": was.version + 1, "updated_at": now}
            tx.execute(update(consultation).where(consultation.c.id == consultation_id).values(values))
        _set_items(tx, consultation_id, items, rows)
        detail = {"subject": row["subject"], "items": len(items)}
        subject = f"consultation:{consultation_id}"
        audit.record(tx, by=by, action="consultation.set", subject=subject, detail=detail, now=now)
    return consultation_id


def finish_item(engine: Engine, item_id: int, *, done: bool, note: str = "", by: Actor, now: datetime) -> int:
    """Say that a decision was carried out (with a word how), or take that back; the consultation's id."""
    said = note.strip()
    if len(said) > MOST_TEXT:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=MOST_TEXT)
    if done and not said:
        raise InvalidInput("note", "say in a few words how it was carried out")
    with writing(engine) as tx:
        row = tx.execute(select(consultation_item).where(consultation_item.c.id == item_id)).one_or_none()
        if row is None:
            raise NotFound("item", item_id)
        was = _own(tx, row.consultation_id, by)
        values = {"done_at": now if done else None, "done_by": by.user_id if done else None, "done_note": said}
        tx.execute(update(consultation_item).where(consultation_item.c.id == item_id).values(values))
        bumped = {"version": was.version + 1, "updated_at": now}
        tx.execute(update(consultation).where(consultation.c.id == was.id).values(bumped))
        action = "consultation.done" if done else "consultation.open"
        detail = {"item": row.position}
        audit.record(tx, by=by, action=action, subject=f"consultation:{was.id}", detail=detail, now=now)
        return int(was.id)


def _set_items(tx: Connection, consultation_id: int, items: Sequence[NewItem], rows: Sequence[dict[str, Any]]) -> None:
    of_it = consultation_item.c.consultation_id == consultation_id
    there = set(tx.scalars(select(consultation_item.c.id).where(of_it)))
    kept = [item.id for item in items if item.id is not None]
    if not set(kept) <= there or len(set(kept)) < len(kept):
        raise InvalidInput("items", "names an item that is not one of this consultation; load the page again")
    _check_units(tx, {item.unit_id for item in items if item.unit_id is not None})
    cases = _cases_of(tx, items)
    tx.execute(delete(consultation_case).where(consultation_case.c.item_id.in_(there)))
    tx.execute(delete(consultation_item).where(of_it, consultation_item.c.id.not_in(kept)))
    for item, row in zip(items, rows, strict=True):
        item_id = item.id
        if item_id is None:
            added = insert(consultation_item).values(**row, consultation_id=consultation_id)
            item_id = int(tx.execute(added.returning(consultation_item.c.id)).scalar_one())
        else:
            tx.execute(update(consultation_item).where(consultation_item.c.id == item_id).values(row))
        linked = [
            {"item_id": item_id, "case_id": cases[number]} for number in dict.fromkeys(_numbers(item.case_numbers))
        ]
        if linked:
            tx.execute(insert(consultation_case), linked)


def _cases_of(tx: Connection, items: Sequence[NewItem]) -> dict[str, int]:
    wanted = {number for item in items for number in _numbers(item.case_numbers)}
    if len(wanted) > MOST_CASES:
        raise InvalidInput("cases", "{count} are too many; at most {most}", count=len(wanted), most=MOST_CASES)
    query = select(case.c.number, case.c.id).where(case.c.number.in_(wanted))
    found = {row.number: row.id for row in tx.execute(query)} if wanted else {}
    if missing := sorted(wanted - set(found)):
        raise InvalidInput(
            "cases", "{given!r} is no case number; look it up in the list of cases", given=missing[0][:40]
        )
    return found


def _numbers(written: Sequence[str]) -> list[str]:
    return [each.strip() for each in written if each.strip()]


def _check_units(tx: Connection, units: set[int]) -> None:
    if units and set(tx.scalars(select(unit.c.id).where(unit.c.id.in_(units)))) != units:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")


def _checked(new: NewConsultation) -> dict[str, Any]:
    row: dict[str, Any] = {"held_at": new.held_at, "area_code": read_area_path(new.area_code)}
    for name, most in (("subject", 120), ("place", 120), ("chair", 80), ("minutes", MOST_MINUTES)):
        row[name] = getattr(new, name).strip()
        if len(row[name]) > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)
    if not row["subject"]:
        raise InvalidInput("subject", "say in a few words what it is about")
    members = list(dict.fromkeys(each.strip() for each in new.members if each.strip()))
    if len(members) > MOST_MEMBERS or any(len(each) > 80 for each in members):
        raise InvalidInput("members", "give at most {most} people, each in at most 80 characters", most=MOST_MEMBERS)
    return row | {"members": members}


def _item_row(number: int, item: NewItem) -> dict[str, Any]:
    subject, decision = item.subject.strip(), item.decision.strip()
    if not 1 <= len(subject) <= MOST_TEXT or len(decision) > MOST_TEXT:
        raise InvalidInput(
            "items",
            "item {number} needs a subject; subject and decision have at most {most} characters each",
            number=number,
            most=MOST_TEXT,
        )
    return {
        "position": number,
        "subject": subject,
        "decision": decision,
        "unit_id": item.unit_id,
        "owner": item.owner.strip()[:80],
        "due_on": None if item.due_on is None else item.due_on.isoformat(),
    }


def _own(tx: Connection, consultation_id: int, by: Actor, *, version: int | None = None) -> Any:
    query = select(consultation).where(consultation.c.id == consultation_id).with_for_update()
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("consultation", consultation_id)
    check_area(by, row.area_code)
    if version is not None and row.version != version:
        raise Conflict("this consultation has changed meanwhile; load it again and decide anew")
    return row
