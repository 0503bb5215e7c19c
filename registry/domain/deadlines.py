"""How long a case may take: the continuous (紧急) clock of the case standard, nights and holidays included.

The clock runs from filing until the work is handed back. A returned case goes on counting, a suspended one stands
still.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from registry.domain.errors import InvalidInput
from registry.domain.kinds import CASE_KINDS, CaseKind, Stage

CHINA_TIME = timezone(timedelta(hours=8), "CST")
"""The one time zone of all Chinese cities: the day in a case's number is a day of this calendar."""

RUNNING_STAGES = frozenset({Stage.COLLECTED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND})
"""Where the clock runs: somebody still has to do something for the street."""

MAX_EXTENSIONS = 2


def case_kind(key: str) -> CaseKind:
    """The line of the case standard. Raises ``InvalidInput`` for a kind that is not in it."""
    try:
        return CASE_KINDS[key]
    except KeyError:
        raise InvalidInput(
            "kind", "{given!r} is not a case kind; known are {known}", given=key, known=", ".join(CASE_KINDS)
        ) from None


def time_limit(kind: str) -> timedelta:
    """How long mending may take."""
    return timedelta(minutes=case_kind(kind).limit_min)


def is_overdue(stage: Stage, deadline_at: datetime, overdue_at: datetime | None, *, now: datetime) -> bool:
    """Whether the case missed its deadline, marked or not: the stored times decide, not the worker's punctuality."""
    return overdue_at is not None or (stage in RUNNING_STAGES and deadline_at <= now)
