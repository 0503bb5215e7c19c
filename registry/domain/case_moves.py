"""Carrying out a move: who may, whether it is possible now, and what the entry has to say. Pure.

``carry_out`` refuses before anything is saved, with a message that says why and what is possible instead. It answers
the detail of the entry; what the move makes of the case is ``case_story.told`` with that entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from registry.domain.case_limits import CaseLimits
from registry.domain.case_story import CaseStory, Line, Look
from registry.domain.case_telling import moment_text, told
from registry.domain.deadlines import MAX_EXTENSIONS, RUNNING_STAGES
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import CaseRole, ClosedHow, RequestKind, Stage, TaskKind
from registry.domain.moves import DESK_ROLES, MOVES, Move, MoveName, Must, allowed, holds
from registry.domain.people import SYSTEM, Actor

MAX_NOTE = 2000
LONGEST_SUSPENSION = timedelta(days=365)


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
class CaseState:
    """A case as far as moves care."""

    id: int
    number: str
    kind: str
    version: int
    story: CaseStory

    @property
    def stage(self) -> Stage:
        """Where it is."""
        return self.story.stage

    @property
    def unit_id(self) -> int | None:
        """The unit it was dispatched to."""
        return self.story.unit_id

    @property
    def assignee_id(self) -> int | None:
        """The person it was dispatched to."""
        return self.story.assignee_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOrder:
    """What somebody asks for.

    ``photos``: how many pictures come with it, or were added since the work was accepted; ``photo_kinds``: what the
    pictures of the case show. ``passed``: the verdict of a check. ``into_id``: the case it becomes part of.
    ``live_alerts``: how many of its alerts still fire; ``needs``: what has to be done before it may be closed.
    ``by_chain``: the chain of a request has decided it, ``request_id`` says of which. ``detail`` goes into the entry.
    """

    move: MoveName
    note: str = ""
    assignee_id: int | None = None
    unit_id: int | None = None
    until: datetime | None = None
    into_id: int | None = None
    passed: bool | None = None
    quantity: float | None = None
    quantity_unit: str = ""
    cause: str = ""
    photos: int = 0
    photo_kinds: frozenset[str] = frozenset()
    live_alerts: int = 0
    needs: tuple[str, ...] = ()
    request_id: int | None = None
    by_chain: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


def carry_out(
    case: CaseState, order: MoveOrder, limits: CaseLimits, *, by: Actor, now: datetime
) -> tuple[Stage, dict[str, Any]]:
    """The stage after the move, and what its entry says.

    Raises ``NotAllowed`` when this person may never do that (or not to this case), ``InvalidMove`` when the case's
    stage or history does not permit it, ``InvalidInput`` when something that the move needs is missing.
    """
    move = MOVES[order.move]
    _check_person(case, move, order, by)
    if case.stage not in move.from_stages:
        raise InvalidMove(_wrong_stage(case, move, by))
    if move.must is not None:
        problem = _MUSTS[move.must](case.story)
        if problem:
            raise InvalidMove(problem.format(number=case.number))
    _check_order(move, order, now)
    to_stage = move.to_stage or case.stage
    if move.name is MoveName.RESUME:
        to_stage = case.story.stage_before_suspension or Stage.FILED
    detail = dict(order.detail)
    detail |= _EFFECTS.get(move.name, _nothing)(case, order, limits, by, now)
    return to_stage, detail


def open_to(case: CaseState, by: Actor) -> list[Move]:
    """The moves this very person may make on this case now; that another one verifies is seen only when they try."""
    return [
        move
        for move in allowed(case.stage, by.case_roles)
        if (move.must is None or not _MUSTS[move.must](case.story))
        and _in_reach(case.story, move, by)
        and _makes_sense(case.story, move)
    ]


def is_theirs(case: Assigned, by: Actor) -> bool:
    """Whether somebody in the street may touch the case: theirs, their unit's, or dispatched and nobody's yet."""
    if by.user_id is not None and case.assignee_id == by.user_id:
        return True
    if case.unit_id is not None:
        return case.unit_id == by.unit_id
    return case.assignee_id is None and case.stage is Stage.DISPATCHED


def is_late(story: CaseStory, *, now: datetime) -> bool:
    """Whether the deadline was missed just now: the clock runs, it has passed, and nobody has marked it yet."""
    due = story.deadline_at
    return story.overdue_at is None and story.stage in RUNNING_STAGES and due is not None and due <= now


def looks_for(look: Look | None, by: Actor) -> bool:
    """Whether that look is theirs to take: sent to them, to their unit, or to whoever is near."""
    if look is None:
        return False
    if look.looker_id is not None:
        return look.looker_id == by.user_id
    return look.looker_unit_id is None or look.looker_unit_id == by.unit_id


def _in_street(by: Actor) -> bool:
    return not by.case_roles & DESK_ROLES


_LOOKING = {
    MoveName.CHECK: TaskKind.CHECK,
    MoveName.VERIFY: TaskKind.VERIFY,
    MoveName.REWORK: TaskKind.VERIFY,
}


def _in_reach(story: CaseStory, move: Move, by: Actor) -> bool:
    """Whether the case is theirs as far as this move asks; the desk may touch all."""
    if by == SYSTEM or not _in_street(by) or move.name is MoveName.SELF_HANDLE:
        return True
    if move.name in _LOOKING:
        return looks_for(story.look(_LOOKING[move.name]), by)
    if is_theirs(story, by):
        return True
    if move.name is MoveName.NOTE:
        mine = by.user_id is not None and story.collected_by == by.user_id
        return mine or any(looks_for(each, by) for each in story.looks if each.done_at is None)
    if move.name is MoveName.APPEAL:
        return story.unit_id is not None and story.unit_id == by.unit_id
    return False


def _makes_sense(story: CaseStory, move: Move) -> bool:
    """Whether a page should offer it: what would be refused for its history is not."""
    if move.name is MoveName.APPEAL:
        return story.appealed_at is None and story.overdue_at is not None
    if move.name in (MoveName.EXTEND, MoveName.REQUEST_EXTENSION):
        asked = story.waiting(RequestKind.EXTENSION) is not None
        return story.extended < MAX_EXTENSIONS and story.overdue_at is None and not asked
    if move.name in (MoveName.SUSPEND, MoveName.REQUEST_SUSPENSION):
        return not story.was_suspended and story.waiting(RequestKind.SUSPENSION) is None
    return not (move.name is MoveName.REOPEN and story.closed_how is ClosedHow.MERGED)


def _check_person(case: CaseState, move: Move, order: MoveOrder, by: Actor) -> None:
    if order.by_chain or (by == SYSTEM and move.system):
        return
    if move.by_chain:
        raise NotAllowed(f"{move.name} is decided through its chain; decide the request that waits instead")
    if not holds(move, by.case_roles):
        may = (" and " if move.together else " or ").join(role.value for role in CaseRole if role in move.roles)
        has = " and ".join(role.value for role in CaseRole if role in by.case_roles)
        raise NotAllowed(f"{move.name} is for {may}; {by.name} is {has or by.role or 'nobody with a role'}")
    if not _in_reach(case.story, move, by):
        if move.name in _LOOKING:
            raise NotAllowed(f"nobody sent {by.name} to look at {case.number}; ask the receptionist for the task")
        raise NotAllowed(f"case {case.number} is assigned to somebody else; ask the dispatcher to dispatch it to you")


def _wrong_stage(case: CaseState, move: Move, by: Actor) -> str:
    needed = ", ".join(stage.value for stage in Stage if stage in move.from_stages)
    possible = ", ".join(other.name.value for other in open_to(case, by)) or "nothing"
    return (
        f"{move.name} needs a case that is {needed}, but {case.number} is {case.stage.value}; possible now: {possible}"
    )


_MUSTS: dict[Must, Callable[[CaseStory], str]] = {
    Must.LOOK_CHECK: lambda story: (
        "" if story.look(TaskKind.CHECK) else "nobody was asked to check {number}; send somebody first"
    ),
    Must.LOOK_VERIFY: lambda story: (
        "" if story.look(TaskKind.VERIFY) else "nobody was asked to verify {number}; send somebody first"
    ),
    Must.RETURNED: lambda story: "" if story.returned_at else "{number} was not sent back; dispatch it instead",
    Must.NOT_SECURED: lambda story: "the site of {number} is secured already; go on" if story.secured_at else "",
    Must.ASKED_EXTENSION: lambda story: (
        "" if story.waiting(RequestKind.EXTENSION) else "nobody asked for an extension of {number}"
    ),
    Must.ASKED_SUSPENSION: lambda story: (
        "" if story.waiting(RequestKind.SUSPENSION) else "nobody asked for a suspension of {number}"
    ),
    Must.ASKED_APPEAL: lambda story: "" if story.waiting(RequestKind.APPEAL) else "nobody appealed about {number}",
    Must.ASKED: lambda story: "" if story.asked else "nothing waits for a decision about {number}",
}


def _check_order(move: Move, order: MoveOrder, now: datetime) -> None:
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
    if move.before_and_after and not {"before", "after"} <= order.photo_kinds:
        raise InvalidInput("photo", "show it before and after: two pictures, one of each kind")
    if move.target_required and order.into_id is None:
        raise InvalidInput("into_id", "say which case it belongs to: give its number")
    if move.verdict_required and order.passed is None:
        raise InvalidInput("passed", "say what you found: whether it is there")
    if move.until_required:
        _check_until(order.until, now)
    if order.quantity is not None and not 0 < order.quantity < 1e6:
        raise InvalidInput("quantity", "must be more than 0 and less than a million; leave it empty if unknown")
    if len(order.cause) > 80:
        raise InvalidInput("cause", "is longer than 80 characters; a few words are enough")


def _check_until(until: datetime | None, now: datetime) -> None:
    if until is None:
        raise InvalidInput("until", "say until when; a suspension ends on its day by itself")
    if until <= now:
        raise InvalidInput("until", "has passed already; choose a later day")
    if until > now + LONGEST_SUSPENSION:
        raise InvalidInput("until", "is more than a year away; choose an earlier day")


_Effect = Callable[[CaseState, MoveOrder, CaseLimits, Actor, datetime], dict[str, Any]]


def _nothing(*_about: object) -> dict[str, Any]:
    return {}


def _written(at: datetime | None) -> str | None:
    return None if at is None else moment_text(at)


def _clocks(story: CaseStory, limits: CaseLimits) -> dict[str, Any]:
    """The deadlines of a life that begins."""
    due = {"deadline_at": _written(limits.repair_due(story)), "desk_due_at": _written(limits.desk_due(story))}
    return {**due, "limits": limits.told()}


def _file(case: CaseState, _o: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
    return _clocks(replace(case.story, filed_at=now), limits)


def _reopen(case: CaseState, _o: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
    if case.story.closed_how is ClosedHow.MERGED:
        raise InvalidMove(f"{case.number} is part of another case now; go on there")
    anew = told(case.story, Line(at=now, move=MoveName.REOPEN, to_stage=Stage.FILED, by_user_id=None, detail={}))
    return _clocks(anew, limits)


def _dispatch(case: CaseState, order: MoveOrder, limits: CaseLimits, by: Actor, now: datetime) -> dict[str, Any]:
    story = case.story
    detail: dict[str, Any] = {"unit_id": order.unit_id, "assignee_id": order.assignee_id}
    if story.returned_at is not None:
        if by != SYSTEM and CaseRole.SHIFT_SUPERVISOR not in by.case_roles:
            raise InvalidMove(f"{case.number} was sent back; the shift supervisor has to confirm that first")
        detail["confirmed"] = True
    if story.first_dispatched_at is None:
        sent = replace(story, first_dispatched_at=now)
        detail["deadline_at"] = _written(limits.repair_due(sent))
        secure = limits.secure_due(sent)
        if secure is not None:
            detail["secure_due_at"] = _written(secure)
    return detail


def _recall(case: CaseState, _o: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
    detail: dict[str, Any] = {"unit_id": None, "assignee_id": None}
    sent = case.story.dispatchings
    if sent and (sent[-1].second or sent[-1].returned_at is not None):
        return detail
    undone = replace(case.story, first_dispatched_at=None)
    return detail | {"deadline_at": _written(limits.repair_due(undone))}


def _accept(case: CaseState, _o: MoveOrder, _limits: CaseLimits, by: Actor, _now: datetime) -> dict[str, Any]:
    return {"assignee_id": by.user_id} if case.assignee_id is None else {}


def _refuse_return(case: CaseState, _o: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    return {"unit_id": case.story.returned_unit_id, "assignee_id": case.story.returned_assignee_id}


def _ask_look(kind: TaskKind) -> _Effect:
    def ask(case: CaseState, order: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
        due = limits.look_due(kind, case.story, now)
        return {"due_at": _written(due), "looker_id": order.assignee_id, "looker_unit_id": order.unit_id}

    return ask


def _check(_case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    return {"passed": order.passed}


def _done(_case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if order.quantity is not None:
        detail |= {"quantity": order.quantity, "quantity_unit": order.quantity_unit}
    if order.cause:
        detail["cause"] = order.cause
    return detail


def _verify(case: CaseState, _o: MoveOrder, _limits: CaseLimits, by: Actor, _now: datetime) -> dict[str, Any]:
    if by.user_id is not None and by.user_id == case.story.handed_back_by:
        raise NotAllowed(f"{by.name} handed {case.number} back; another person has to verify it")
    return {}


def _rework(case: CaseState, _o: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
    again = told(case.story, Line(at=now, move=MoveName.REWORK, to_stage=Stage.DISPATCHED, by_user_id=None, detail={}))
    return {"deadline_at": _written(limits.repair_due(again))}


def _close(case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    if order.needs:
        raise InvalidMove(f"{case.number} can't be closed yet: " + "; ".join(order.needs))
    if order.live_alerts and not order.note.strip():
        raise InvalidInput(
            "note", "its sensor still reports {count} alerts; write why it is closed all the same",
            count=order.live_alerts,
        )  # fmt: skip
    return {"live_alerts": order.live_alerts} if order.live_alerts else {}


def _check_extension(case: CaseState, now: datetime) -> None:
    story = case.story
    if story.overdue_at is not None or is_late(story, now=now):
        raise InvalidMove(f"{case.number} is overdue already; an extension has to be asked for before the deadline")
    _check_extensions_left(case)


def _check_extensions_left(case: CaseState) -> None:
    if case.story.extended >= MAX_EXTENSIONS:
        raise InvalidMove(
            f"{case.number} was extended {case.story.extended} times; more than {MAX_EXTENSIONS} is not possible"
        )


def _request(kind: RequestKind, order: MoveOrder, case: CaseState) -> dict[str, Any]:
    if case.story.waiting(kind) is not None:
        raise InvalidMove(f"the same was asked for {case.number} already and waits for a decision")
    return {"request_id": order.request_id} if order.request_id is not None else {}


def _request_extension(
    case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, now: datetime
) -> dict[str, Any]:
    _check_extension(case, now)
    return _request(RequestKind.EXTENSION, order, case)


def _extend(case: CaseState, order: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
    if case.story.waiting(RequestKind.EXTENSION) is None:
        _check_extension(case, now)
    _check_extensions_left(case)
    longer = replace(case.story, extended=case.story.extended + 1)
    return _about(order) | {"deadline_at": _written(limits.repair_due(longer))}


def _about(order: MoveOrder) -> dict[str, Any]:
    return {} if order.request_id is None else {"request_id": order.request_id}


def _check_suspension(case: CaseState) -> None:
    if case.story.was_suspended:
        raise InvalidMove(f"{case.number} was suspended once already; a second time is not possible")


def _request_suspension(
    case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime
) -> dict[str, Any]:
    _check_suspension(case)
    return _request(RequestKind.SUSPENSION, order, case) | {"until": _written(order.until)}


def _suspend(case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    _check_suspension(case)
    return _about(order) | {"until": _written(order.until)}


def _resume(case: CaseState, _o: MoveOrder, limits: CaseLimits, _by: Actor, now: datetime) -> dict[str, Any]:
    until = case.story.suspended_until
    # who looks late resumes from the day it was for: a stopped worker gives nobody more time
    at = now if until is None else min(now, until)
    line = Line(at=at, move=MoveName.RESUME, to_stage=case.stage, by_user_id=None, detail={})
    return {"resumed_at": _written(at), "deadline_at": _written(limits.repair_due(told(case.story, line)))}


def _appeal(case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    if case.story.appealed_at is not None:
        raise InvalidMove(f"there was an appeal about {case.number} already; a second one is not possible")
    return _request(RequestKind.APPEAL, order, case)


def _decided(_case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    return _about(order)


def _merge(case: CaseState, order: MoveOrder, _limits: CaseLimits, _by: Actor, _now: datetime) -> dict[str, Any]:
    if order.into_id == case.id:
        raise InvalidInput("into_id", "is this very case; give the number of another one")
    return {"into_id": order.into_id}


_EFFECTS: dict[MoveName, _Effect] = {
    MoveName.ASK_CHECK: _ask_look(TaskKind.CHECK),
    MoveName.CHECK: _check,
    MoveName.FILE: _file,
    MoveName.SELF_HANDLE: _done,
    MoveName.DISPATCH: _dispatch,
    MoveName.RECALL: _recall,
    MoveName.ACCEPT: _accept,
    MoveName.REFUSE_RETURN: _refuse_return,
    MoveName.HAND_BACK: _done,
    MoveName.ASK_VERIFICATION: _ask_look(TaskKind.VERIFY),
    MoveName.VERIFY: _verify,
    MoveName.REWORK: _rework,
    MoveName.CLOSE: _close,
    MoveName.REQUEST_EXTENSION: _request_extension,
    MoveName.EXTEND: _extend,
    MoveName.REFUSE_EXTENSION: _decided,
    MoveName.REQUEST_SUSPENSION: _request_suspension,
    MoveName.SUSPEND: _suspend,
    MoveName.REFUSE_SUSPENSION: _decided,
    MoveName.RESUME: _resume,
    MoveName.MERGE: _merge,
    MoveName.REOPEN: _reopen,
    MoveName.APPEAL: _appeal,
    MoveName.GRANT_APPEAL: _decided,
    MoveName.REFUSE_APPEAL: _decided,
    MoveName.APPROVE: _decided,
}
