"""The ledger of supervision: items are opened, answered with evidence, struck off by somebody else, and reminded of.

The only writer of ``supervision_item`` and its timeline; numbered notices: ``supervision_notices``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, insert, or_, select, update

from registry.domain.areas import read_area_path
from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import ENDED_STAGES, CaseEventKind, CaseRole, Stage, SupervisionState
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area
from registry.domain.supervision import (
    REMINDERS,
    Item,
    ItemEvent,
    ItemMove,
    ItemOrder,
    check_deadline,
    check_text,
    level_at,
    move_item,
    read_item_move,
)
from registry.services import audit
from registry.services.case_events import CaseEvent, keep_events
from registry.services.evidence import MOST_FILES, Evidence
from registry.services.feed import FeedKind, publish_all
from registry.storage.database import writing
from registry.storage.tables import asset, case, supervision_entry, supervision_file, supervision_item, unit

DEFAULT_DAYS = 7
_ORDERING = frozenset({CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER})
_COLUMNS = ("state", "deadline_at", "level", "replied_at", "replied_by", "ended_at", "ended_by", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """What is put under supervision: a case, an asset, or a place in words; by whom it has to be put right until when.

    ``unit_id`` None: the case's unit, or the asset's maintainer. Where a case or an asset is named, its area and place
    are taken from there.
    """

    problem: str
    deadline_at: datetime
    demand: str = ""
    unit_id: int | None = None
    case_id: int | None = None
    asset_id: int | None = None
    area_code: str = ""
    place: str = ""


def check_orders(by: Actor) -> None:
    """Raise ``NotAllowed`` unless this person may put something under supervision and issue notices."""
    if not by.case_roles & _ORDERING:
        raise NotAllowed(f"supervision is ordered by the shift supervisor or the dispatcher; {by.name} is neither")


def open_item(tx: Connection, new: NewItem, *, by: Actor, now: datetime) -> int:
    """An item's id, in the caller's transaction, whoever ``by`` is; raises as ``supervising.add_item``."""
    values = _read_new(tx, new, now=now)
    check_area(by, values["area_code"])
    if new.case_id is not None and live_item_of(tx, new.case_id) is not None:
        raise Conflict("this case is under supervision already; go on there")
    values |= {"state": SupervisionState.OPEN.value, "opened_at": now, "opened_by": by.user_id}
    values |= {"level": level_at(values["deadline_at"], now=now)}
    item_id = int(tx.execute(insert(supervision_item).values(values).returning(supervision_item.c.id)).scalar_one())
    detail = {"deadline_at": values["deadline_at"].isoformat(), "unit_id": values["unit_id"]}
    write_entry(tx, item_id, ItemEvent.OPENED, by=by, now=now, note=values["problem"], detail=detail)
    if values["unit_id"] is not None:
        _tell(tx, CaseEventKind.ITEM_OPENED, item_id, new.case_id, now=now, unit_id=values["unit_id"])
    return item_id


def live_item_of(tx: Connection, case_id: int) -> int | None:
    """The open or answered item of that case, if it is under supervision."""
    live = supervision_item.c.state.in_([SupervisionState.OPEN.value, SupervisionState.REPLIED.value])
    found = select(supervision_item.c.id).where(supervision_item.c.case_id == case_id, live)
    return tx.scalar(found.order_by(supervision_item.c.came_along, supervision_item.c.id).limit(1))


def move_supervised(
    engine: Engine,
    item_id: int,
    move: str,
    *,
    by: Actor,
    expected_version: int,
    now: datetime,
    note: str = "",
    deadline_at: datetime | None = None,
    files: Sequence[Evidence] = (),
) -> SupervisionState:
    """Carry out one move of ``ITEM_MOVES``: the item, its entry and its evidence, or nothing. The state it is in then.

    Raises ``NotFound``, ``Conflict`` when somebody was first, and what ``move_item`` refuses.
    """
    order_move = read_item_move(move)
    if files and order_move not in (ItemMove.REPLY, ItemMove.NOTE, ItemMove.REFUSE):
        raise InvalidInput("file", "goes with an answer or a note; this step takes none")
    if len(files) > MOST_FILES:
        raise InvalidInput("file", "{count} files are too many; send at most {most}", count=len(files), most=MOST_FILES)
    with writing(engine) as tx:
        row = _load(tx, item_id)
        check_area(by, row.area_code)
        if row.version != expected_version:
            raise Conflict("this item has changed meanwhile. Load it again and decide anew")
        before = _item(row)
        open_case = row.case_stage is not None and Stage(row.case_stage) not in ENDED_STAGES
        order = ItemOrder(move=order_move, note=note, deadline_at=deadline_at, case_open=open_case)
        after = move_item(before, order, by=by, now=now)
        _save(tx, before, after)
        detail = {"deadline_at": after.deadline_at.isoformat()} if after.deadline_at != before.deadline_at else {}
        entry_id = write_entry(tx, item_id, order_move, by=by, now=now, note=note.strip(), detail=detail)
        _keep_files(tx, item_id, entry_id, files, by=by, now=now)
        if order_move is ItemMove.REPLY and row.opened_by is not None:
            _tell(tx, CaseEventKind.ITEM_ANSWERED, item_id, row.case_id, now=now, user_id=row.opened_by, note=note)
        what = {"state": after.state.value, "version": after.version}
        audit.record(
            tx, by=by, action=f"supervision.{order_move}", subject=f"supervision:{item_id}", detail=what, now=now
        )
    return after.state


def answer_of_case(tx: Connection, case_id: int, *, by: Actor, now: datetime, handled_by: int | None) -> None:
    """The case was closed: its open items are answered by that, in the name of who handed it back."""
    rows = tx.execute(
        select(supervision_item.c.id, supervision_item.c.version, supervision_item.c.opened_by)
        .where(supervision_item.c.case_id == case_id, supervision_item.c.state == SupervisionState.OPEN.value)
        .order_by(supervision_item.c.id)
        .with_for_update()
    ).all()
    values = {"state": SupervisionState.REPLIED.value, "replied_at": now, "replied_by": handled_by}
    for row in rows:
        mine = update(supervision_item).where(supervision_item.c.id == row.id)
        tx.execute(mine.values(values | {"version": row.version + 1}))
        write_entry(tx, row.id, ItemMove.REPLY, by=by, now=now, detail={"case_closed": case_id})
        if row.opened_by is not None and row.opened_by != by.user_id:
            _tell(tx, CaseEventKind.ITEM_ANSWERED, row.id, case_id, now=now, user_id=row.opened_by)


def remind(engine: Engine, *, now: datetime, batch: int = 500) -> int:
    """Write the reminders that are due into the timelines of open items; how many. Repeating it writes none.

    An item that nobody looked at for a week gets the highest one only: what counts is how late it is now.
    """
    reminded = 0
    while True:
        with writing(engine) as tx:
            step = _remind_some(tx, now, batch)
        reminded += step
        if step < batch:
            return reminded


def _remind_some(tx: Connection, now: datetime, batch: int) -> int:
    columns = supervision_item.c
    due = or_(*(and_(columns.level < level, columns.deadline_at <= now - after) for level, after in REMINDERS))
    soonest = now - min(after for _, after in REMINDERS)
    rows = tx.execute(
        select(supervision_item)
        .where(columns.state == SupervisionState.OPEN.value, columns.deadline_at <= soonest, due)
        .order_by(columns.deadline_at)
        .limit(batch)
        .with_for_update()
    ).all()
    bodies = []
    entries = []
    events = []
    for row in rows:
        level = level_at(row.deadline_at, now=now)
        tx.execute(update(supervision_item).where(columns.id == row.id).values(level=level))
        detail = {"level": level, "deadline_at": row.deadline_at.isoformat()}
        entries.append(_entry_row(row.id, ItemEvent.REMINDED, by=SYSTEM, now=now, detail=detail))
        body = {"item_id": row.id, "level": level, "unit_id": row.unit_id, "problem": row.problem[:80]}
        bodies.append(body | {"case_id": row.case_id, "deadline_at": row.deadline_at.isoformat()})
        late = {"case_id": row.case_id, "item_id": row.id, "level": level, "unit_id": row.unit_id}
        events.append(CaseEvent(kind=CaseEventKind.ITEM_LATE, **late))
    keep_events(tx, events, now=now)
    if entries:
        tx.execute(insert(supervision_entry), entries)
        publish_all(tx, FeedKind.SUPERVISION_REMINDED, bodies, now=now)
    return len(rows)


def _tell(
    tx: Connection,
    kind: CaseEventKind,
    item_id: int,
    case_id: int | None,
    *,
    now: datetime,
    user_id: int | None = None,
    unit_id: int | None = None,
    note: str = "",
) -> None:
    event = CaseEvent(kind=kind, item_id=item_id, case_id=case_id, user_id=user_id, unit_id=unit_id, note=note)
    keep_events(tx, [event], now=now)


def write_entry(
    tx: Connection,
    item_id: int,
    move: str,
    *,
    by: Actor,
    now: datetime,
    note: str = "",
    detail: dict[str, Any] | None = None,
) -> int:
    """Append a line to an item's timeline; its id."""
    values = _entry_row(item_id, move, by=by, now=now, note=note, detail=detail)
    return int(tx.execute(insert(supervision_entry).values(values).returning(supervision_entry.c.id)).scalar_one())


def _entry_row(
    item_id: int, move: str, *, by: Actor, now: datetime, note: str = "", detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    plain = {"item_id": item_id, "at": now, "move": str(move), "by_user_id": by.user_id}
    return plain | {"note": note, "detail": detail or {}}


def _read_new(tx: Connection, new: NewItem, *, now: datetime) -> dict[str, Any]:
    check_deadline(new.deadline_at, now=now)
    about = _about(tx, new)
    unit_id = about["unit_id"] if new.unit_id is None else new.unit_id
    if unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == unit_id)) is None:
        raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=unit_id)
    return {
        "case_id": new.case_id,
        "asset_id": about["asset_id"],
        "unit_id": unit_id,
        "area_code": about["area_code"] or read_area_path(new.area_code),
        "place": check_text("place", new.place, required=False, most=200) or about["place"],
        "problem": check_text("problem", new.problem),
        "demand": check_text("demand", new.demand, required=False),
        "deadline_at": new.deadline_at,
    }


def _about(tx: Connection, new: NewItem) -> dict[str, Any]:
    """Unit, area and place of what the item is about; empty for something that is on no file."""
    columns = (asset.c.name, asset.c.road, asset.c.address, asset.c.maintainer_unit_id)
    if new.case_id is not None:
        own = (case.c.asset_id, case.c.unit_id, case.c.place, case.c.area_code.label("case_area"), asset.c.area_code)
        row = tx.execute(
            select(*own, *columns)
            .select_from(case.outerjoin(asset, asset.c.id == case.c.asset_id))
            .where(case.c.id == new.case_id)
        ).one_or_none()
        if row is None:
            raise NotFound("case", new.case_id)
        unit_id = row.maintainer_unit_id if row.unit_id is None else row.unit_id
        area_code = row.area_code or row.case_area
        return {"asset_id": row.asset_id, "unit_id": unit_id, "area_code": area_code, "place": _place(row, row.place)}
    if new.asset_id is not None:
        found = tx.execute(select(asset.c.area_code, *columns).where(asset.c.id == new.asset_id)).one_or_none()
        if found is None:
            raise NotFound("asset", new.asset_id)
        unit_id, area_code = found.maintainer_unit_id, found.area_code
        return {"asset_id": new.asset_id, "unit_id": unit_id, "area_code": area_code, "place": _place(found)}
    return {"asset_id": None, "unit_id": None, "area_code": "", "place": ""}


def _place(row: Any, words: str = "") -> str:
    named = " ".join(part for part in (row.road, row.address, row.name) if part)
    return (words or named)[:200]


def _load(tx: Connection, item_id: int) -> Any:
    row = tx.execute(
        select(supervision_item, case.c.stage.label("case_stage"))
        .select_from(supervision_item.outerjoin(case, case.c.id == supervision_item.c.case_id))
        .where(supervision_item.c.id == item_id)
        .with_for_update(of=supervision_item)
    ).one_or_none()
    if row is None:
        raise NotFound("supervised item", item_id)
    return row


def _item(row: Any) -> Item:
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return Item(id=row.id, unit_id=row.unit_id, **(columns | {"state": SupervisionState(row.state)}))


def _save(tx: Connection, before: Item, after: Item) -> None:
    values = {name: getattr(after, name) for name in _COLUMNS}
    mine = (supervision_item.c.id == before.id, supervision_item.c.version == before.version)
    if tx.execute(update(supervision_item).where(*mine).values(values)).rowcount != 1:
        raise Conflict("this item has changed meanwhile. Load it again and decide anew")


def _keep_files(
    tx: Connection, item_id: int, entry_id: int, files: Sequence[Evidence], *, by: Actor, now: datetime
) -> None:
    rows = [
        {
            "item_id": item_id,
            "entry_id": entry_id,
            "name": file.name,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "added_at": now,
            "added_by": by.user_id,
        }
        for file in files
    ]
    if rows:
        tx.execute(insert(supervision_file), rows)


def usual_deadline(now: datetime) -> datetime:
    """Until when an item has to be put right where nobody says otherwise."""
    return now + timedelta(days=DEFAULT_DAYS)
