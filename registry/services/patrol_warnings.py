"""Early warnings (预警): what a patrol tells a unit before it becomes a case, and what the unit answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.areas import read_area_path
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Role, Severity, Source
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services.case_opening import Opened, open_or_attach
from registry.storage.database import writing
from registry.storage.tables import asset, patrol_plan, patrol_round, patrol_warning, unit

MOST_TEXT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWarning:
    """What a unit is told, and until which day it shall answer."""

    unit_id: int
    text: str
    due_on: date
    plan_id: int | None = None
    round_id: int | None = None
    asset_id: int | None = None
    area_code: str = ""


def send_warning(engine: Engine, new: NewWarning, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME) -> int:
    """Tell a unit; the warning's id. Raises ``InvalidInput`` naming the field, ``OutsideArea``."""
    text = new.text.strip()
    if not text:
        raise InvalidInput("text", "say in a few words what threatens, and where")
    if len(text) > MOST_TEXT:
        raise InvalidInput("text", "is longer than {most} characters; shorten it", most=MOST_TEXT)
    if new.due_on < now.astimezone(zone).date():
        raise InvalidInput("due_on", "is over; choose today or later")
    with writing(engine) as tx:
        row = _placed(tx, new, read_area_path(new.area_code))
        check_area(by, row["area_code"])
        values = {**row, "text": text, "due_on": new.due_on.isoformat(), "sent_at": now, "sent_by": by.user_id}
        return int(tx.execute(insert(patrol_warning).values(values).returning(patrol_warning.c.id)).scalar_one())


def answer_warning(engine: Engine, warning_id: int, answer: str, *, by: Actor, now: datetime) -> None:
    """Say what was done: the unit does, or the desk for it. Raises ``InvalidInput``, ``InvalidMove``, ``NotFound``."""
    said = answer.strip()
    if not said:
        raise InvalidInput("answer", "say in a few words what was done")
    if len(said) > MOST_TEXT:
        raise InvalidInput("answer", "is longer than {most} characters; shorten it", most=MOST_TEXT)
    with writing(engine) as tx:
        row = _load(tx, warning_id, by)
        if row.answered_at is not None:
            raise InvalidMove("this warning was answered already")
        if by.role is Role.CREW and by.unit_id != row.unit_id:
            raise NotAllowed("this warning is for another unit")
        values = {"answer": said, "answered_at": now, "answered_by": by.user_id}
        tx.execute(update(patrol_warning).where(patrol_warning.c.id == warning_id).values(values))


def make_case(
    engine: Engine, warning_id: int, kind: str, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME
) -> Opened:
    """What was warned of has become a case of ``kind``. Raises ``InvalidMove`` without an asset or with a case."""
    with writing(engine) as tx:
        row = _load(tx, warning_id, by)
        if row.case_id is not None:
            raise InvalidMove("this warning has a case already")
        if row.asset_id is None:
            raise InvalidMove("this warning names no asset; open the case where the thing stands")
        opened = open_or_attach(
            tx,
            asset_id=row.asset_id,
            kind=kind,
            severity=Severity.ALARM,
            source=Source.PATROL,
            now=now,
            by=by,
            note=row.text,
            detail={"warning_id": warning_id},
            zone=zone,
        )
        tx.execute(update(patrol_warning).where(patrol_warning.c.id == warning_id).values(case_id=opened.case_id))
        return opened


def _placed(tx: Connection, new: NewWarning, area_code: str) -> dict[str, Any]:
    if tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    plan_id = new.plan_id
    if new.round_id is not None:
        plan_id = tx.scalar(select(patrol_round.c.plan_id).where(patrol_round.c.id == new.round_id))
        if plan_id is None:
            raise InvalidInput("round_id", "names no round")
    elif plan_id is not None and tx.scalar(select(patrol_plan.c.id).where(patrol_plan.c.id == plan_id)) is None:
        raise InvalidInput("plan_id", "names no patrol plan; choose one of the list")
    if new.asset_id is not None:
        found = tx.scalar(select(asset.c.area_code).where(asset.c.id == new.asset_id))
        if found is None:
            raise InvalidInput("asset_id", "is no asset on file; scan its plate or choose it from the list")
        area_code = found
    return {
        "unit_id": new.unit_id,
        "plan_id": plan_id,
        "round_id": new.round_id,
        "asset_id": new.asset_id,
        "area_code": area_code,
    }


def _load(tx: Connection, warning_id: int, by: Actor) -> Any:
    row = tx.execute(select(patrol_warning).where(patrol_warning.c.id == warning_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("warning", warning_id)
    check_area(by, row.area_code)
    return row
