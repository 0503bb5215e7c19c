"""The clocks of one case: when each step is due, when to warn, when to tell somebody higher, what is left. Pure.

Everything follows from stored times, so a worker that stood still changes nothing:

- the desk files within its limit from the opening, and dispatches within its limit from the filing;
- the handling clock starts at the *first* dispatch: what was sent back (回退) goes on counting, so that a unit gains
  nothing by returning a case; it stands still while the case is suspended (挂账), and from a hand-back until its rework
  (the unit is not charged for the time the desk takes to look);
- a granted extension adds one original limit;
- a line of two steps has a second, short clock for securing the site, which starts at the first dispatch too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from registry.domain.case_standard import DESK_LIMITS, CaseLine, Step
from registry.domain.kinds import Severity
from registry.domain.working_time import UNIT_LENGTH, Limit, Pause, WorkCalendar, before, deadline, used_time

WARN_SHARE = 0.2
"""A warning comes when a fifth of the limit is left, on the limit's own clock."""

ESCALATE_SHARES = (0.5, 1.0)
"""After the deadline somebody higher is told when half the limit, and when the whole of it, has passed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTimes:
    """What the timeline of a case says, as far as its clocks care; of its present life, if it was reopened.

    ``pauses``: suspensions and the spans from a hand-back to its rework; one that still lasts has its planned end.
    ``extensions``: how many were granted. ``grade`` and ``seasons`` choose among the limits of the line: as they were
    when the clock started.
    """

    opened_at: datetime
    filed_at: datetime | None = None
    dispatched_at: datetime | None = None
    pauses: Sequence[Pause] = ()
    extensions: int = 0
    severity: Severity = Severity.ALARM
    grade: str = ""
    seasons: Sequence[str] = ()


def desk_due_at(times: CaseTimes, calendar: WorkCalendar) -> datetime:
    """Until when the desk has to have filed it, or, filed, to have dispatched it."""
    if times.filed_at is None:
        return desk_deadline(Step.FILE, times.opened_at, times.severity, calendar)
    return desk_deadline(Step.DISPATCH, times.filed_at, times.severity, calendar)


def desk_deadline(step: Step, since: datetime, severity: Severity, calendar: WorkCalendar) -> datetime:
    """When a step of the desk that began at ``since`` is due: filing, dispatch, 核实 or 核查."""
    return deadline(since, DESK_LIMITS[step].of(severity), calendar)


def repair_due_at(times: CaseTimes, line: CaseLine, calendar: WorkCalendar) -> datetime:
    """Until when it has to be mended. Not yet dispatched: as if it were dispatched on the desk's last moment."""
    limit = line.repair_limit(grade=times.grade, seasons=times.seasons)
    since = times.dispatched_at or _expected_dispatch(times, calendar)
    return deadline(since, limit, calendar, pauses=times.pauses, extended=times.extensions)


def secure_due_at(times: CaseTimes, line: CaseLine, calendar: WorkCalendar) -> datetime | None:
    """Until when the site has to be secured; None for a line of one step and before the first dispatch.

    Nothing extends or pauses it: a hole in the road waits for nobody.
    """
    limit = line.limit(Step.SECURE, grade=times.grade, seasons=times.seasons)
    if limit is None or times.dispatched_at is None:
        return None
    return deadline(times.dispatched_at, limit, calendar)


def warning_at(due_at: datetime, limit: Limit, calendar: WorkCalendar, *, share: float = WARN_SHARE) -> datetime:
    """When ``share`` of the limit is left until ``due_at``."""
    return before(due_at, limit.amount * share, limit.unit, calendar)


def escalations_at(due_at: datetime, limit: Limit, calendar: WorkCalendar) -> tuple[datetime, ...]:
    """When to tell somebody higher that nothing has happened since ``due_at``; each later than the one before."""
    return tuple(
        deadline(due_at, Limit(amount=limit.amount * share, unit=limit.unit), calendar) for share in ESCALATE_SHARES
    )


def watch_moments(due_at: datetime, limit: Limit, calendar: WorkCalendar) -> tuple[datetime, ...]:
    """When to look after a case that is due then: the warning first, then the escalations."""
    return (warning_at(due_at, limit, calendar), *escalations_at(due_at, limit, calendar))


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a limit on its own clock; negative: how much too late. ``share`` of the (extended) limit."""

    time: timedelta
    limit: Limit
    share: float

    @property
    def amount(self) -> float:
        """The same in the unit of the limit: 3.5 工作时."""
        return self.time / UNIT_LENGTH[self.limit.unit]


def left(
    since: datetime,
    limit: Limit,
    calendar: WorkCalendar,
    *,
    now: datetime,
    pauses: Sequence[Pause] = (),
    extended: int = 0,
) -> Left:
    """What is left at ``now`` of a limit whose clock started at ``since``."""
    whole = limit.length * (1 + extended)
    rest = whole - used_time(since, now, limit.unit, calendar, pauses)
    return Left(time=rest, limit=limit, share=rest / whole)


def left_until(due_at: datetime, limit: Limit, calendar: WorkCalendar, *, now: datetime) -> Left:
    """What is left at ``now`` until a kept deadline, counted as the limit counts: 3 working hours, not a weekend."""
    if now <= due_at:
        rest = used_time(now, due_at, limit.unit, calendar)
    else:
        rest = -used_time(due_at, now, limit.unit, calendar)
    return Left(time=rest, limit=limit, share=rest / limit.length)


def _expected_dispatch(times: CaseTimes, calendar: WorkCalendar) -> datetime:
    filed = times.filed_at or desk_deadline(Step.FILE, times.opened_at, times.severity, calendar)
    return desk_deadline(Step.DISPATCH, filed, times.severity, calendar).astimezone(UTC)
