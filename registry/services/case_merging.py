"""并案: one case becomes part of another. What belongs to it goes along, so that nothing is lost.

Every column of the schema that names a case is either in ``GO_ALONG``, in ``IF_IT_HAS_NONE``, or in ``STAY`` with the
reason; a test asks the schema for them, so that a table of tomorrow can't be forgotten.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, select, update

from registry.domain.errors import InvalidInput, InvalidMove
from registry.domain.kinds import ENDED_STAGES, Severity, Stage
from registry.domain.moves import EventName
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services.case_opening import raise_severity, write_event
from registry.services.case_writing import load
from registry.storage.tables import (
    alert,
    alert_group,
    campaign_item,
    case,
    case_repeat,
    consultation_case,
    inspection,
    inspection_item,
    mandate,
    patrol_finding,
    patrol_warning,
    permit,
    photo,
    report,
    reward,
    supervision_item,
)

GO_ALONG: tuple[Table, ...] = (
    alert,
    alert_group,
    photo,
    report,
    reward,
    permit,
    mandate,
    patrol_finding,
    patrol_warning,
    campaign_item,
    inspection_item,
    supervision_item,
)
"""Whatever names a case as the one it belongs to, and follows it into another."""

IF_IT_HAS_NONE: tuple[tuple[Table, Column[Any] | None], ...] = (
    (inspection, None),
    (case_repeat, None),
    (consultation_case, consultation_case.c.item_id),
)
"""What a case has once (for each of what the second names): it goes along where the other one has none."""

STAY = {
    "entry.case_id": "its own timeline says what happened to it; the other's says that it came",
    "case_request.case_id": "what was asked for it was withdrawn when it ended",
    "case_task.case_id": "a look that nobody took was given up when it ended",
    "case_file.merged_into_id": "follows from its own timeline; who asks goes from one to the next",
    "dispatch_look.case_id": "nobody dispatches it any more",
    "case_event.case_id": "what was told was told of it, by its number",
    "notice.case_id": "what was told was told of it, by its number",
    "recheck.case_id": "looks after a closing of its own, dropped when it was reopened",
    "case_repeat.earlier_case_id": "what came again came after its own closing",
    "typical_case.case_id": "tells how it went itself",
    "month_case.case_id": "a closed month counts what was true when it ended",
    "month_correction.case_id": "a closed month counts what was true when it ended",
    "unit_award.case_id": "given or asked for what was done about it itself",
}
"""Columns that go on naming the merged case, and why."""


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
    tx.execute(update(supervision_item).where(supervision_item.c.case_id == row.id).values(came_along=True))
    for table in GO_ALONG:
        tx.execute(update(table).where(table.c.case_id == row.id).values(case_id=into.id))
    for table, of_each in IF_IT_HAS_NONE:
        _one_along(tx, table, of_each, row.id, into.id)
    about = {"from_id": row.id, "from_number": row.number, "source": row.source}
    write_event(tx, into.id, EventName.MERGED_IN, now=now, by=by, note=note, detail=about)
    raise_severity(tx, into.id, Severity(row.severity), now=now, by=by)


def _one_along(tx: Connection, table: Table, of_each: Column[Any] | None, case_id: int, into_id: int) -> None:
    other = table.alias("other")
    has = select(other.c.case_id).where(other.c.case_id == into_id)
    if of_each is not None:
        has = has.where(other.c[of_each.name] == of_each)
    tx.execute(update(table).where(table.c.case_id == case_id, ~has.exists()).values(case_id=into_id))
