"""Reading what waits about cases: looks that somebody was sent to take, requests with the steps of their chains."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from registry.queries.case_views import CaseRequest, CaseTask, RequestStep
from registry.queries.rows import as_view
from registry.storage.tables import case_request, case_task, unit, user

_ASKER, _LOOKER, _DOER = user.alias("asker"), user.alias("looker"), user.alias("doer")


def tasks_of(tx: Connection, case_id: int) -> list[CaseTask]:
    """The looks of one case, oldest first."""
    rows = tx.execute(
        select(
            case_task,
            _ASKER.c.name.label("asked_by_name"),
            _LOOKER.c.name.label("assignee_name"),
            _DOER.c.name.label("done_by_name"),
            unit.c.name.label("unit_name"),
        )
        .select_from(
            case_task.outerjoin(_ASKER, _ASKER.c.id == case_task.c.asked_by)
            .outerjoin(_LOOKER, _LOOKER.c.id == case_task.c.assignee_id)
            .outerjoin(_DOER, _DOER.c.id == case_task.c.done_by)
            .outerjoin(unit, unit.c.id == case_task.c.unit_id)
        )
        .where(case_task.c.case_id == case_id)
        .order_by(case_task.c.id)
    )
    return [as_view(row._mapping, CaseTask) for row in rows]


def requests_of(tx: Connection, case_id: int) -> list[CaseRequest]:
    """What was asked for one case, the newest first."""
    rows = tx.execute(
        select(case_request, _ASKER.c.name.label("asked_by_name"))
        .select_from(case_request.outerjoin(_ASKER, _ASKER.c.id == case_request.c.asked_by))
        .where(case_request.c.case_id == case_id)
        .order_by(case_request.c.id.desc())
    ).all()
    ids = {step["by_user_id"] for row in rows for step in row.steps if step["by_user_id"] is not None}
    names: dict[int, str] = {}
    if ids:
        names = {row.id: row.name for row in tx.execute(select(user.c.id, user.c.name).where(user.c.id.in_(ids)))}
    return [as_view(row._mapping, CaseRequest, steps=[_step(step, names) for step in row.steps]) for row in rows]


def _step(kept: dict[str, Any], names: dict[int, str]) -> RequestStep:
    return RequestStep(
        roles=kept["roles"],
        by_user_id=kept["by_user_id"],
        by_name=names.get(kept["by_user_id"]),
        at=None if kept["at"] is None else datetime.fromisoformat(kept["at"]),
        granted=kept["granted"],
        note=kept["note"],
    )
