"""Which counts a case is in, in a given month: the rule behind every figure of a bulletin. Pure.

The month sees the timeline up to its last moment and nothing after it, so that it can be counted late, or again, and
comes out the same. Only an appeal (申诉), which follows the closing, counts until the month is counted.

*Due for handling (应处置)*: dispatched, and its deadline falls in the month, or it fell before and the case was not
handed back when the month began (carried over). *Due for closing (应结案)*: the same, but carried over until it is
closed. What was void, merged, declined or handled on the spot is in neither. A suspended case (缓办), whose clock
stands still, is due for closing, marked as suspended, and not due for handling; one late before that is due for both.
So handled on time + handled late + open and overdue = due for handling, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from registry.domain.case_clock import desk_deadline
from registry.domain.case_standard import Step
from registry.domain.case_story import CaseStory, Line
from registry.domain.case_telling import fold
from registry.domain.kinds import ClosedHow, Severity, Source, Stage, TaskKind
from registry.domain.month_counts import Count, bit_of
from registry.domain.months import Month
from registry.domain.moves import MoveName
from registry.domain.working_time import WorkCalendar

_BIT = {count: bit_of(count) for count in Count}
_NOT_WORK = frozenset({ClosedHow.VOID, ClosedHow.MERGED, ClosedHow.DECLINED, ClosedHow.SELF_HANDLED})
_CRITICAL = int(Severity.CRITICAL)
_SOURCES: dict[str, int] = {
    Source.PATROL.value: _BIT[Count.FOUND_COLLECTOR],
    Source.CITIZEN.value: _BIT[Count.FOUND_PUBLIC],
    Source.HOTLINE.value: _BIT[Count.FOUND_PUBLIC],
    Source.PLATFORM.value: _BIT[Count.FOUND_PUBLIC],
    Source.SENSOR.value: _BIT[Count.FOUND_SENSOR],
    Source.ABOVE.value: _BIT[Count.FOUND_ABOVE],
}
# what simply happened in the month: the move, and the count of the case
_HAPPENED: tuple[tuple[str, int], ...] = (
    (MoveName.FILE.value, _BIT[Count.FILED]),
    (MoveName.EXTEND.value, _BIT[Count.EXTENDED]),
    (MoveName.REWORK.value, _BIT[Count.REWORKED]),
    (MoveName.SUPERVISE.value, _BIT[Count.SUPERVISED]),
)
_ENDED: dict[ClosedHow, int] = {
    ClosedHow.DECLINED: _BIT[Count.DECLINED],
    ClosedHow.SELF_HANDLED: _BIT[Count.SELF_HANDLED],
    ClosedHow.MERGED: _BIT[Count.MERGED],
    ClosedHow.VOID: _BIT[Count.VOIDED],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A month of the city's calendar as two moments; ``calendar`` has its working hours."""

    starts: datetime
    ends: datetime
    zone: tzinfo
    calendar: WorkCalendar

    @classmethod
    def of(cls, month: Month, zone: tzinfo, calendar: WorkCalendar) -> Period:
        """That month."""
        return cls(starts=month.starts(zone), ends=month.ends(zone), zone=zone, calendar=calendar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A case in a month. ``unit_id`` had it last; ``handled_s``: from the first dispatch to the hand-back, of those
    that were due for handling and handled."""

    mask: int
    unit_id: int | None
    handled_s: int | None


def counted(lines: Sequence[Line], period: Period, *, source: str, recurring: bool) -> Counted:
    """The counts of the case with this timeline (whole, oldest entry first). ``recurring``: the same asset had a case
    of the same kind that was closed shortly before. A mask of 0: the month has nothing to do with the case."""
    ends = period.ends
    seen = [line for line in lines if line.at < ends]
    if not seen:
        return Counted(mask=0, unit_id=None, handled_s=None)
    story = fold(seen)
    moves = {line.move for line in seen if line.at >= period.starts}
    exempt = story.exempt or any(line.move == MoveName.GRANT_APPEAL.value for line in lines[len(seen) :])
    mask = _found(story, period, source=source, recurring=recurring)
    mask |= _happened(story, moves, period)
    handling = _handling(story, period, hotline=source == Source.HOTLINE.value, exempt=exempt)
    mask |= handling | _closing(story, period, exempt=exempt) | _looks(story, moves, period)
    handled_s = None
    if handling & _BIT[Count.HANDLED] and story.handed_back_at and story.first_dispatched_at:
        handled_s = int((story.handed_back_at - story.first_dispatched_at).total_seconds())
    return Counted(mask=mask, unit_id=_unit(story), handled_s=handled_s)


def _unit(story: CaseStory) -> int | None:
    if story.unit_id is not None or not story.dispatchings:
        return story.unit_id
    return story.dispatchings[-1].unit_id


def _found(story: CaseStory, period: Period, *, source: str, recurring: bool) -> int:
    if not period.starts <= story.opened_at < period.ends:
        return 0
    mask = _BIT[Count.FOUND] | _SOURCES.get(source, 0)
    if recurring:
        mask |= _BIT[Count.RECURRING]
    done = story.closed_how in (ClosedHow.REPAIRED, ClosedHow.SELF_HANDLED)
    if done and story.ended_at is not None and _day(story.ended_at, period) == _day(story.opened_at, period):
        mask |= _BIT[Count.SAME_DAY]
    return mask


def _day(moment: datetime, period: Period) -> object:
    return moment.astimezone(period.zone).date()


def _happened(story: CaseStory, moves: set[str], period: Period) -> int:
    mask = 0
    for move, bit in _HAPPENED:
        if move in moves:
            mask |= bit
    if story.ended_at is not None and story.ended_at >= period.starts and story.closed_how is not None:
        mask |= _ENDED.get(story.closed_how, 0)
    if MoveName.REWORK.value in moves and story.reworks >= 3:
        mask |= _BIT[Count.FAILED_THRICE]
    if MoveName.SUPERVISE.value in moves and story.handed_back_at is not None:
        mask |= _BIT[Count.SUPERVISED_DONE]
        if story.deadline_at is not None and story.handed_back_at <= story.deadline_at:
            mask |= _BIT[Count.SUPERVISED_ON_TIME]
    for sent in story.dispatchings:
        if sent.second and sent.at >= period.starts:
            mask |= _BIT[Count.REDISPATCHED]
        if sent.wrong and sent.returned_at is not None and sent.returned_at >= period.starts:
            mask |= _BIT[Count.RETURNED]
    return mask | _desk(story, moves, period)


def _desk(story: CaseStory, moves: set[str], period: Period) -> int:
    """Filing and dispatching: on time, and rightly."""
    mask, sent = 0, story.first_dispatched_at
    if sent is not None and sent >= period.starts:
        mask |= _BIT[Count.DISPATCHED]
    if MoveName.FILE.value not in moves or story.filed_at is None:
        return mask
    if story.closed_how not in _NOT_WORK or story.closed_how is ClosedHow.SELF_HANDLED:
        mask |= _BIT[Count.FILED_RIGHT]
    checked = story.checked_at
    since = checked if checked is not None and story.opened_at < checked <= story.filed_at else story.opened_at
    if story.filed_at <= desk_deadline(Step.FILE, since, Severity(story.severity), period.calendar):
        mask |= _BIT[Count.FILED_ON_TIME]
    due = story.desk_due_at
    if sent is None and (due is None or due >= period.ends or story.closed_how in _NOT_WORK):
        return mask
    mask |= _BIT[Count.DUE_DISPATCH]
    if sent is not None and (due is None or sent <= due):
        mask |= _BIT[Count.DISPATCHED_ON_TIME]
    if sent is not None and not story.misdispatches:
        mask |= _BIT[Count.DISPATCHED_RIGHT]
    return mask


def _handling(story: CaseStory, period: Period, *, hotline: bool, exempt: bool) -> int:
    due, back = story.deadline_at, story.handed_back_at
    if not _is_work(story) or due is None or due >= period.ends or _stands_still(story):
        return 0
    if due < period.starts and back is not None and back < period.starts:
        return 0
    mask = _BIT[Count.DUE_HANDLING]
    if hotline:
        mask |= _BIT[Count.HOTLINE_DUE]
    if back is None:
        return mask | _BIT[Count.OPEN_OVERDUE]
    mask |= _BIT[Count.HANDLED]
    if back <= due:
        return mask | _BIT[Count.HANDLED_ON_TIME] | (_BIT[Count.HOTLINE_ON_TIME] if hotline else 0)
    return mask | _BIT[Count.HANDLED_LATE] | (_BIT[Count.EXEMPT] if exempt else 0)


def _closing(story: CaseStory, period: Period, *, exempt: bool) -> int:
    due, ended = story.deadline_at, story.ended_at
    if not _is_work(story) or due is None or due >= period.ends:
        return 0
    if due < period.starts and ended is not None and ended < period.starts:
        return 0
    urgent = story.severity >= _CRITICAL
    mask = _BIT[Count.DUE_CLOSING] | (_BIT[Count.URGENT_DUE] if urgent else 0)
    if ended is None:
        return mask | (_BIT[Count.SUSPENDED] if _stands_still(story) else 0)
    mask |= _BIT[Count.CLOSED] | (_BIT[Count.URGENT_CLOSED] if urgent else 0)
    if story.handed_back_at is not None and story.handed_back_at <= due:
        return mask | _BIT[Count.CLOSED_ON_TIME] | (_BIT[Count.URGENT_ON_TIME] if urgent else 0)
    return mask | _BIT[Count.CLOSED_LATE] | (_BIT[Count.EXEMPT_CLOSED] if exempt else 0)


def _is_work(story: CaseStory) -> bool:
    return story.first_dispatched_at is not None and story.closed_how not in _NOT_WORK


def _stands_still(story: CaseStory) -> bool:
    """Whether it is suspended and was not late when that began."""
    since, due = story.suspended_at, story.deadline_at
    return story.stage is Stage.SUSPENDED and since is not None and due is not None and since <= due


def _looks(story: CaseStory, moves: set[str], period: Period) -> int:
    mask = 0
    for look in story.looks:
        given_up = look.done_at is not None and look.passed is None
        if given_up or look.due_at is None or not period.starts <= look.due_at < period.ends:
            continue
        in_time = look.done_at is not None and look.done_at <= look.due_at
        if look.kind is TaskKind.CHECK:
            mask |= _BIT[Count.DUE_CHECK] | (_BIT[Count.CHECKED_ON_TIME] if in_time else 0)
        else:
            mask |= _BIT[Count.DUE_VERIFYING] | (_BIT[Count.VERIFIED_ON_TIME] if in_time else 0)
    looked = MoveName.VERIFY.value in moves or MoveName.REWORK.value in moves
    if looked and not any(look.kind is TaskKind.VERIFY for look in story.looks):
        # verified without being sent: there was no time to keep
        mask |= _BIT[Count.DUE_VERIFYING] | _BIT[Count.VERIFIED_ON_TIME]
    if mask & _BIT[Count.DUE_VERIFYING] and story.verified_at is not None:
        mask |= _BIT[Count.VERIFIED_PASSED]
    return mask
