"""What may happen to a case: one table of moves, and one function that carries a move out.

``MOVES`` is the whole truth about stages and roles. ``carry_out`` refuses a bad move before anything is saved, with a
message that says why and what is possible instead. Pure: the case and ``now`` come in, the changed case comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from registry.domain.deadlines import MAX_EXTENSIONS, RUNNING_STAGES, time_limit
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import ENDED_STAGES, Role, Stage
from registry.domain.people import Actor

MAX_NOTE = 2000


class MoveName(StrEnum):
    """The moves, by the words in entries, forms and catalogues."""

    FILE = "file"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    RETURN = "return"
    HAND_BACK = "hand_back"
    REWORK = "rework"
    VERIFY = "verify"
    CLOSE = "close"
    REOPEN = "reopen"
    VOID = "void"
    EXTEND = "extend"
    SUSPEND = "suspend"
    RESUME = "resume"
    SUPERVISE = "supervise"
    NOTE = "note"


class EventName(StrEnum):
    """What stands in a timeline beside the moves: things that happened to the case without a person moving it."""

    COLLECT = "collect"
    REPORT = "report"
    ALERT_ATTACHED = "alert_attached"
    ALERT_CLEARED = "alert_cleared"
    GROUPED = "grouped"
    SEVERITY_RAISED = "severity_raised"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One line of the table. ``to_stage`` None: the stage stays, or is the one before suspension (``resume``)."""

    name: MoveName
    from_stages: frozenset[Stage]
    to_stage: Stage | None
    roles: frozenset[Role]
    note_required: bool = False
    note_or_photo: bool = False
    assignment_required: bool = False


_OPEN = frozenset(Stage) - ENDED_STAGES
_WORK = frozenset({Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND})
_DESK = frozenset({Role.ADMINISTRATOR, Role.DISPATCHER})
_FIELD = frozenset({Role.ADMINISTRATOR, Role.CREW})
_ALL = _DESK | _FIELD


def _move(
    name: MoveName,
    from_stages: Iterable[Stage],
    to_stage: Stage | None,
    roles: frozenset[Role],
    *,
    note: bool = False,
    note_or_photo: bool = False,
    assignment: bool = False,
) -> tuple[MoveName, Move]:
    return name, Move(
        name=name,
        from_stages=frozenset(from_stages),
        to_stage=to_stage,
        roles=roles,
        note_required=note,
        note_or_photo=note_or_photo,
        assignment_required=assignment,
    )


# fmt: off
MOVES: dict[MoveName, Move] = dict((
    _move(MoveName.FILE,      {Stage.COLLECTED},                 Stage.FILED,       _DESK),
    _move(MoveName.DISPATCH,  _WORK,                             Stage.DISPATCHED,  _DESK, assignment=True),
    _move(MoveName.ACCEPT,    {Stage.DISPATCHED},                Stage.IN_HAND,     _FIELD),
    _move(MoveName.RETURN,    {Stage.DISPATCHED, Stage.IN_HAND}, Stage.FILED,       _FIELD, note=True),
    _move(MoveName.HAND_BACK, {Stage.IN_HAND},                   Stage.HANDED_BACK, _FIELD, note_or_photo=True),
    _move(MoveName.REWORK,    {Stage.HANDED_BACK, Stage.VERIFIED}, Stage.DISPATCHED, _DESK, note=True),
    _move(MoveName.VERIFY,    {Stage.HANDED_BACK},               Stage.VERIFIED,    _DESK),
    _move(MoveName.CLOSE,     {Stage.VERIFIED},                  Stage.CLOSED,      _DESK),
    _move(MoveName.REOPEN,    ENDED_STAGES,                      Stage.FILED,       _DESK, note=True),
    _move(MoveName.VOID,      _OPEN - {Stage.VERIFIED},          Stage.VOID,        _DESK, note=True),
    _move(MoveName.EXTEND,    _WORK,                             None,              _DESK, note=True),
    _move(MoveName.SUSPEND,   _WORK,                             Stage.SUSPENDED,   _DESK, note=True),
    _move(MoveName.RESUME,    {Stage.SUSPENDED},                 None,              _DESK),
    _move(MoveName.SUPERVISE, _OPEN,                             None,              _DESK, note=True),
    _move(MoveName.NOTE,      Stage,                             None,              _ALL, note_or_photo=True),
))
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseState:
    """A case as far as moves care; the last four fields are read from its timeline since it was last opened."""

    id: int
    number: str
    kind: str
    stage: Stage
    stage_before_suspension: Stage | None
    deadline_at: datetime
    overdue_at: datetime | None
    dispatched_at: datetime | None
    handed_back_at: datetime | None
    ended_at: datetime | None
    unit_id: int | None
    assignee_id: int | None
    version: int
    extensions: int = 0
    suspended_at: datetime | None = None
    accepted_at: datetime | None = None
    handed_back_by: int | None = None


class Assigned(Protocol):
    """As much of a case as says who may touch it."""

    @property
    def stage(self) -> Stage:
        """Where it is."""

    @property
    def assignee_id(self) -> int | None:
        """The person it was dispatched to."""

    @property
    def unit_id(self) -> int | None:
        """The unit it was dispatched to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOrder:
    """What somebody asks for. ``photos``: how many pictures come with it or were added since the work was accepted.

    ``limit`` is how long mending may take in the seasons in force; None: as the case standard says.
    """

    move: MoveName
    note: str = ""
    assignee_id: int | None = None
    unit_id: int | None = None
    photos: int = 0
    limit: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMove:
    """One earlier entry, as far as it matters for what may come next."""

    move: str
    at: datetime
    by_user_id: int | None


def read_move(text: str) -> MoveName:
    """The move of that name. Raises ``InvalidInput`` for any other word."""
    try:
        return MoveName(text)
    except ValueError:
        raise InvalidInput(
            "move", "{given!r} is not a move; known are {known}", given=text, known=", ".join(MoveName)
        ) from None


def allowed(stage: Stage, role: Role | None) -> list[Move]:
    """The moves somebody of that role may make from that stage, in the table's order."""
    return [move for move in MOVES.values() if role in move.roles and stage in move.from_stages]


def with_history(case: CaseState, past: Iterable[PastMove]) -> CaseState:
    """The case with what its timeline (oldest first) says about extensions, suspension, acceptance and hand-back."""
    for entry in past:
        if entry.move == MoveName.REOPEN:
            case = replace(case, extensions=0, suspended_at=None, accepted_at=None, handed_back_by=None)
        elif entry.move == MoveName.EXTEND:
            case = replace(case, extensions=case.extensions + 1)
        elif entry.move == MoveName.SUSPEND:
            case = replace(case, suspended_at=entry.at)
        elif entry.move == MoveName.ACCEPT:
            case = replace(case, accepted_at=entry.at)
        elif entry.move == MoveName.HAND_BACK:
            case = replace(case, handed_back_by=entry.by_user_id)
    return case


def open_to(case: Assigned, by: Actor) -> list[Move]:
    """The moves this very person may make on this case now; that another one verifies is seen only when they try."""
    moves = allowed(case.stage, by.role)
    return moves if by.role is not Role.CREW or is_theirs(case, by) else []


def is_theirs(case: Assigned, by: Actor) -> bool:
    """Whether a crew member may touch the case: theirs, their unit's, or dispatched and nobody's yet."""
    if by.user_id is not None and case.assignee_id == by.user_id:
        return True
    if case.unit_id is not None:
        return case.unit_id == by.unit_id
    return case.assignee_id is None and case.stage is Stage.DISPATCHED


def became_overdue(case: CaseState, *, now: datetime) -> CaseState:
    """The case with its missed deadline recorded if it has just been missed; otherwise the same object."""
    if case.overdue_at is None and case.stage in RUNNING_STAGES and case.deadline_at <= now:
        return replace(case, overdue_at=case.deadline_at)
    return case


def carry_out(case: CaseState, order: MoveOrder, *, by: Actor, now: datetime) -> CaseState:
    """The case after the move, one version on.

    Raises ``NotAllowed`` when this person may never do that (or not to this case), ``InvalidMove`` when the case's
    stage or history does not permit it, ``InvalidInput`` when something that the move needs is missing.
    """
    move = MOVES[order.move]
    _check_person(case, move, by)
    if case.stage not in move.from_stages:
        raise InvalidMove(_wrong_stage(case, move, by))
    _check_order(move, order)
    changed = _EFFECTS.get(move.name, _only_stage)(case, order, by, now)
    if move.to_stage is not None:
        changed = replace(changed, stage=move.to_stage)
    return replace(changed, version=case.version + 1)


def _check_person(case: CaseState, move: Move, by: Actor) -> None:
    if by.role not in move.roles:
        may = " or ".join(sorted(role.value for role in move.roles))
        raise NotAllowed(f"{move.name} is for {may}; {by.name} is {by.role or 'nobody with a role'}")
    if by.role is Role.CREW and not is_theirs(case, by):
        raise NotAllowed(f"case {case.number} is assigned to somebody else; ask the dispatcher to dispatch it to you")


def _wrong_stage(case: CaseState, move: Move, by: Actor) -> str:
    needed = ", ".join(stage.value for stage in Stage if stage in move.from_stages)
    possible = ", ".join(other.name.value for other in allowed(case.stage, by.role)) or "nothing"
    return (
        f"{move.name} needs a case that is {needed}, but {case.number} is {case.stage.value}; possible now: {possible}"
    )


def _check_order(move: Move, order: MoveOrder) -> None:
    note = order.note.strip()
    if len(note) > MAX_NOTE:
        raise InvalidInput(
            "note", "has {count} characters; at most {most} fit, shorten it", count=len(note), most=MAX_NOTE
        )
    if move.note_required and not note:
        raise InvalidInput("note", "{given} needs a reason; write why in a few words", given=move.name)
    if move.note_or_photo and not note and not order.photos:
        raise InvalidInput(
            "note", "{given} needs a note or a photo; write what was done or take a picture", given=move.name
        )
    if move.assignment_required and order.assignee_id is None and order.unit_id is None:
        raise InvalidInput("assignee_id", "say who shall go: choose a crew member or a unit")


def _only_stage(case: CaseState, _order: MoveOrder, _by: Actor, _now: datetime) -> CaseState:
    return case


def _limit(case: CaseState, order: MoveOrder) -> timedelta:
    return time_limit(case.kind) if order.limit is None else order.limit


def _file(case: CaseState, order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    # the limit of the standard counts from filing; that the desk was late stays in the timeline
    return replace(case, deadline_at=now + _limit(case, order), overdue_at=None)


def _dispatch(case: CaseState, order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    return replace(case, assignee_id=order.assignee_id, unit_id=order.unit_id, dispatched_at=now)


def _accept(case: CaseState, _order: MoveOrder, by: Actor, now: datetime) -> CaseState:
    assignee_id = by.user_id if case.assignee_id is None else case.assignee_id
    return replace(case, assignee_id=assignee_id, accepted_at=now)


def _return(case: CaseState, _order: MoveOrder, _by: Actor, _now: datetime) -> CaseState:
    return replace(case, assignee_id=None, unit_id=None, dispatched_at=None)


def _hand_back(case: CaseState, _order: MoveOrder, by: Actor, now: datetime) -> CaseState:
    return replace(became_overdue(case, now=now), handed_back_at=now, handed_back_by=by.user_id)


def _rework(case: CaseState, _order: MoveOrder, _by: Actor, _now: datetime) -> CaseState:
    return replace(case, handed_back_at=None)


def _verify(case: CaseState, _order: MoveOrder, by: Actor, _now: datetime) -> CaseState:
    if by.user_id is not None and by.user_id == case.handed_back_by:
        raise NotAllowed(f"{by.name} handed {case.number} back; another person has to verify it")
    return case


def _end(case: CaseState, _order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    return replace(became_overdue(case, now=now), ended_at=now, stage_before_suspension=None)


def _reopen(case: CaseState, order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    return replace(
        case,
        deadline_at=now + _limit(case, order),
        overdue_at=None,
        dispatched_at=None,
        handed_back_at=None,
        ended_at=None,
        unit_id=None,
        assignee_id=None,
        extensions=0,
        suspended_at=None,
        accepted_at=None,
        handed_back_by=None,
    )


def _extend(case: CaseState, order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    if became_overdue(case, now=now).overdue_at is not None:
        raise InvalidMove(f"{case.number} is overdue already; an extension has to be granted before the deadline")
    if case.extensions >= MAX_EXTENSIONS:
        raise InvalidMove(
            f"{case.number} was extended {case.extensions} times; more than {MAX_EXTENSIONS} is not possible"
        )
    return replace(case, deadline_at=case.deadline_at + _limit(case, order), extensions=case.extensions + 1)


def _suspend(case: CaseState, _order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    return replace(became_overdue(case, now=now), stage_before_suspension=case.stage, suspended_at=now)


def _resume(case: CaseState, _order: MoveOrder, _by: Actor, now: datetime) -> CaseState:
    if case.stage_before_suspension is None or case.suspended_at is None:
        raise InvalidMove(f"{case.number} does not say where it was suspended; void it and open a new one")
    return replace(
        case,
        stage=case.stage_before_suspension,
        stage_before_suspension=None,
        deadline_at=case.deadline_at + (now - case.suspended_at),
        suspended_at=None,
    )


_EFFECTS: dict[MoveName, Callable[[CaseState, MoveOrder, Actor, datetime], CaseState]] = {
    MoveName.FILE: _file,
    MoveName.DISPATCH: _dispatch,
    MoveName.ACCEPT: _accept,
    MoveName.RETURN: _return,
    MoveName.HAND_BACK: _hand_back,
    MoveName.REWORK: _rework,
    MoveName.VERIFY: _verify,
    MoveName.CLOSE: _end,
    MoveName.VOID: _end,
    MoveName.REOPEN: _reopen,
    MoveName.EXTEND: _extend,
    MoveName.SUSPEND: _suspend,
    MoveName.RESUME: _resume,
}
