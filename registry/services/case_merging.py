"""并案: one case becomes part of another. Its reports, photos, alerts and groups go along, so that nothing is lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select, update

from registry.domain.errors import InvalidInput, InvalidMove
from registry.domain.kinds import ENDED_STAGES, Severity, Stage
from registry.domain.moves import EventName
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services.case_opening import raise_severity, write_event
from registry.services.case_writing import load
from registry.storage.tables import alert, alert_group, case, photo, report

GO_ALONG: tuple[Table, ...] = (alert, alert_group, photo, report)
"""Whatever names a case as the one it belongs to, and follows it into another."""


def lock_both(tx: Connection, case_id: int, into_id: int) -> None:
    """Keep two cases for this transaction, always in the same order: two merges can't wait for each other."""
    tx.execute(select(case.c.id).where(case.c.id.in_([case_id, into_id])).order_by(case.c.id).with_for_update())


def check_target(tx: Connection, into_id: int, *, by: Actor) -> Any:
    """The row of the case to merge into. Raises ``InvalidInput`` for none, ``InvalidMove`` for an ended one."""
    found = tx.scalar(select(case.c.id).where(case.c.id == into_id))
    if found is None:
        raise InvalidInput("into_id", "there is no case {given}; look its number up in the list", given=into_id)
    row = load(tx, into_id)
    check_area(by, row.lies_in)
    if Stage(row.stage) in ENDED_STAGES:
        raise InvalidMove(f"{row.number} is {row.stage} already; merge into a case that is open")
    return row


def go_along(tx: Connection, row: Any, into: Any, *, by: Actor, note: str, now: datetime) -> None:
    """Everything of the merged case belongs to the other one, which says so and is as severe as the worse of both."""
    for table in GO_ALONG:
        tx.execute(update(table).where(table.c.case_id == row.id).values(case_id=into.id))
    about = {"from_id": row.id, "from_number": row.number, "source": row.source}
    write_event(tx, into.id, EventName.MERGED_IN, now=now, by=by, note=note, detail=about)
    raise_severity(tx, into.id, Severity(row.severity), now=now, by=by)
