"""督查通知单: one paper to one unit about items of the ledger, numbered per year of the city's calendar.

The number is taken in the transaction that issues the notice: two people who issue at once get two numbers, and a
transaction that fails leaves no gap. What was issued is never changed; a wrong notice is withdrawn, its number stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection, Engine, insert, select, text, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import SupervisionState
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.supervision import ItemEvent, check_deadline, check_text, notice_number
from registry.services import audit
from registry.services.supervision import check_orders, write_entry
from registry.storage.database import writing
from registry.storage.tables import supervision_item, supervision_notice, unit

MOST_ITEMS = 200
_TAKE_SERIAL = text(
    "INSERT INTO supervision_counter (year, last_serial) VALUES (:year, 1) "
    "ON CONFLICT (year) DO UPDATE SET last_serial = supervision_counter.last_serial + 1 RETURNING last_serial"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A notice to ``unit_id`` about items that it has to put right; ``issuer``: the body in whose name it goes out."""

    unit_id: int
    item_ids: Sequence[int]
    title: str
    demand: str
    issuer: str
    reply_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A notice that went out: its id and what it is called."""

    id: int
    number: str


def issue_notice(engine: Engine, new: NewNotice, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME) -> Issued:
    """Number a notice and tie its items to it.

    Raises ``NotAllowed``, ``InvalidInput`` naming the field, ``InvalidMove`` for an item that is not open, is on
    another notice, or is another unit's.
    """
    check_orders(by)
    title = check_text("title", new.title, most=120)
    demand = check_text("demand", new.demand)
    issuer = check_text("issuer", new.issuer, most=120)
    check_deadline(new.reply_by, now=now, field="reply_by")
    wanted = sorted(set(new.item_ids))
    if not 1 <= len(wanted) <= MOST_ITEMS:
        raise InvalidInput("item_ids", "{count} items: choose 1 to {most}", count=len(wanted), most=MOST_ITEMS)
    year = now.astimezone(zone).year
    with writing(engine) as tx:
        if tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
            raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=new.unit_id)
        _check_items(tx, wanted, new.unit_id, by)
        serial = int(tx.execute(_TAKE_SERIAL, {"year": year}).scalar_one())
        values = {"year": year, "serial": serial, "unit_id": new.unit_id, "title": title, "demand": demand}
        values |= {"issuer": issuer, "issued_at": now, "issued_by": by.user_id, "reply_by": new.reply_by}
        row = insert(supervision_notice).values(values).returning(supervision_notice.c.id)
        notice_id = int(tx.execute(row).scalar_one())
        mine = supervision_item.c.id.in_(wanted)
        tied = {"notice_id": notice_id, "unit_id": new.unit_id, "version": supervision_item.c.version + 1}
        tx.execute(update(supervision_item).where(mine).values(tied))
        number = notice_number(year, serial)
        for item_id in wanted:
            write_entry(tx, item_id, ItemEvent.NOTICED, by=by, now=now, detail={"number": number, "id": notice_id})
        audit.record(
            tx,
            by=by,
            action="supervision.issue",
            subject=f"supervision_notice:{notice_id}",
            detail={"number": number, "items": wanted},
            now=now,
        )
    return Issued(id=notice_id, number=number)


def withdraw_notice(engine: Engine, notice_id: int, why: str, *, by: Actor, now: datetime) -> None:
    """Withdraw a notice: its number stays used, its items can go onto another one. Withdrawing twice does it once.

    Raises ``NotFound``, ``NotAllowed``, ``InvalidInput`` without a reason, ``InvalidMove`` when an item was struck off.
    """
    check_orders(by)
    reason = check_text("why", why)
    with writing(engine) as tx:
        row = tx.execute(
            select(supervision_notice).where(supervision_notice.c.id == notice_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFound("supervision notice", notice_id)
        if row.withdrawn_at is not None:
            return
        items = tx.execute(select(supervision_item).where(supervision_item.c.notice_id == notice_id)).all()
        for item in items:
            check_area(by, item.area_code)
        if any(item.state == SupervisionState.STRUCK_OFF for item in items):
            raise InvalidMove("an item of this notice was struck off on its strength; it can't be withdrawn any more")
        stamp = {"withdrawn_at": now, "withdrawn_by": by.user_id, "withdrawn_why": reason}
        tx.execute(update(supervision_notice).where(supervision_notice.c.id == notice_id).values(stamp))
        freed = {"notice_id": None, "version": supervision_item.c.version + 1}
        tx.execute(update(supervision_item).where(supervision_item.c.notice_id == notice_id).values(freed))
        number = notice_number(row.year, row.serial)
        for item in items:
            detail = {"number": number, "id": notice_id, "withdrawn": True}
            write_entry(tx, item.id, ItemEvent.NOTICED, by=by, now=now, note=reason, detail=detail)
        subject = f"supervision_notice:{notice_id}"
        audit.record(tx, by=by, action="supervision.withdraw_notice", subject=subject, detail={"why": reason}, now=now)


def _check_items(tx: Connection, wanted: Sequence[int], unit_id: int, by: Actor) -> None:
    rows = tx.execute(select(supervision_item).where(supervision_item.c.id.in_(wanted)).with_for_update()).all()
    if len(rows) != len(wanted):
        missing = sorted(set(wanted) - {row.id for row in rows})
        raise NotFound("supervised item", missing[0])
    for row in rows:
        check_area(by, row.area_code)
        if row.state != SupervisionState.OPEN:
            raise InvalidMove(f"item {row.id} is {row.state}; a notice is about open items only")
        if row.notice_id is not None:
            raise InvalidMove(f"item {row.id} is on a notice already; withdraw that one first")
        if row.unit_id not in (None, unit_id):
            raise InvalidMove(f"item {row.id} is for another unit; a notice goes to one unit")
