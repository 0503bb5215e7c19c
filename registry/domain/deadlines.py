"""When a case is late: where its clock runs, and the one time zone of Chinese cities.

How long a step may take stands in ``case_standard``, how time is counted in ``working_time``, and the deadlines of one
case follow in ``case_clock``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from registry.domain.kinds import Stage

CHINA_TIME = timezone(timedelta(hours=8), "CST")
"""The one time zone of all Chinese cities: the day in a case's number is a day of this calendar."""

RUNNING_STAGES = frozenset({Stage.COLLECTED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND})
"""Where the clock runs: somebody still has to do something for the street."""

MAX_EXTENSIONS = 2


def is_overdue(stage: Stage, deadline_at: datetime, overdue_at: datetime | None, *, now: datetime) -> bool:
    """Whether the case missed its deadline, marked or not: the stored times decide, not the worker's punctuality."""
    return overdue_at is not None or (stage in RUNNING_STAGES and deadline_at <= now)
