"""Which tables hold anything about a case: one statement, so that its page asks only those that do.

Most cases have few of these: asking each table costs a case's page more than all that it shows.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, select

from registry.storage.tables import (
    alert,
    campaign_item,
    case_repeat,
    case_request,
    case_task,
    consultation_case,
    inspection,
    inspection_item,
    mandate,
    patrol_finding,
    patrol_warning,
    photo,
    recheck,
    report,
    supervision_item,
    typical_case,
)


class Mark(StrEnum):
    """What there can be about a case, beside its own row and timeline."""

    ALERT = "alert"
    PHOTO = "photo"
    REPORT = "report"
    TASK = "task"
    REQUEST = "request"
    SUPERVISION = "supervision"
    RECHECK = "recheck"
    INSPECTION = "inspection"
    REPEAT = "repeat"
    TYPICAL = "typical"
    CONSULTATION = "consultation"
    CAMPAIGN = "campaign"
    MANDATE = "mandate"
    PATROL_ROUND = "patrol_round"
    WARNINGS = "warnings"
    INSPECTED = "inspected"


_NAMED_BY: dict[Mark, ColumnElement[Any]] = {
    Mark.ALERT: alert.c.case_id,
    Mark.PHOTO: photo.c.case_id,
    Mark.REPORT: report.c.case_id,
    Mark.TASK: case_task.c.case_id,
    Mark.REQUEST: case_request.c.case_id,
    Mark.SUPERVISION: supervision_item.c.case_id,
    Mark.RECHECK: recheck.c.case_id,
    Mark.INSPECTION: inspection.c.case_id,
    Mark.REPEAT: case_repeat.c.case_id,
    Mark.TYPICAL: typical_case.c.case_id,
    Mark.CONSULTATION: consultation_case.c.case_id,
    Mark.CAMPAIGN: campaign_item.c.case_id,
    Mark.MANDATE: mandate.c.case_id,
    Mark.PATROL_ROUND: patrol_finding.c.case_id,
    Mark.WARNINGS: patrol_warning.c.case_id,
    Mark.INSPECTED: inspection_item.c.case_id,
}


def marks_of(tx: Connection, case_id: int) -> frozenset[Mark]:
    """What there is about the case; nothing for a case that does not exist."""
    row = tx.execute(_statement(), {"of_id": case_id}).one()
    return frozenset(mark for mark, there in zip(Mark, row, strict=True) if there)


@cache
def _statement() -> Select[Any]:
    one: BindParameter[int] = bindparam("of_id")
    there: list[ColumnElement[Any]] = [select(1).where(_NAMED_BY[mark] == one).exists().label(mark) for mark in Mark]
    return select(*there)
