"""Telling the story of a case: its timeline, folded. Pure.

The timeline is the truth. The columns of ``case_file`` are ``fold`` of it, the moves decide on it, and the figures of a
month are counted from it: one function for all three. What an entry's ``detail`` holds, by move:

- *collect*: source, severity, deadline_at, desk_due_at; *file*, *reopen*: deadline_at, desk_due_at, limits (what the
  clocks of this life are made of); *dispatch*: unit_id, assignee_id, with the first one deadline_at and secure_due_at;
  *confirmed* with one that follows a return nobody had confirmed;
- *accept*, *return*, *refuse_return*: unit_id and assignee_id where they change;
- *ask_check*, *ask_verification*: due_at, looker_id, looker_unit_id; *check*: passed;
- *hand_back*, *self_handle*: quantity, quantity_unit, cause; *rework*, *extend*, *resume*: deadline_at; *suspend*:
  until; *resume*: resumed_at, the moment the clock went on; *request_…*: request_id, until;
- *merge*: into_id; *overdue*: deadline_at; *severity_raised*: to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from registry.domain.case_story import Asked, CaseStory, Dispatching, Handing, Line, Look, Stay
from registry.domain.kinds import ClosedHow, RequestKind, Stage, TaskKind
from registry.domain.moves import WORK_STAGES, EventName, MoveName
from registry.domain.working_time import Pause

COLUMNS = [
    "severity",
    "stage",
    "stage_before_suspension",
    "standard_version",
    "deadline_at",
    "overdue_at",
    "filed_at",
    "desk_due_at",
    "first_dispatched_at",
    "dispatched_at",
    "accepted_at",
    "returned_at",
    "secure_due_at",
    "secured_at",
    "handed_back_at",
    "handed_back_by",
    "check_due_at",
    "checked_at",
    "verify_due_at",
    "verified_at",
    "verified_by",
    "suspended_at",
    "suspended_until",
    "supervised_at",
    "ended_at",
    "closed_how",
    "merged_into_id",
    "exempt",
    "appealed_at",
    "dispatches",
    "second_dispatches",
    "returns",
    "misdispatches",
    "reworks",
    "extensions",
    "suspensions",
    "supervisions",
    "reopens",
    "quantity",
    "quantity_unit",
    "cause",
    "unit_id",
    "assignee_id",
]
"""The columns of ``case_file`` that are the story's, by the same names."""

_STANDING = frozenset(EventName)
"""What leaves the case where it is, whatever stage its writer saw: the intake does not wait for who moves the case."""

_FIELDS = tuple(field.name for field in fields(CaseStory))
_Facts = dict[str, Any]


def fold(lines: Iterable[Line]) -> CaseStory:
    """The story of a timeline, oldest entry first. Raises ``ValueError`` for an empty one."""
    facts: _Facts = {}
    for line in lines:
        _tell(facts, line)
    if not facts:
        raise ValueError("a case without any entry has no story")
    return CaseStory(**facts)


def told(story: CaseStory, line: Line) -> CaseStory:
    """The story with one more entry."""
    facts = {name: getattr(story, name) for name in _FIELDS}
    _tell(facts, line)
    return CaseStory(**facts)


def moment_text(at: datetime) -> str:
    """A moment as details hold it: in whole milliseconds, as columns do, so that the fold is theirs to the last."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000).isoformat()


def _tell(f: _Facts, line: Line) -> None:
    if not f:
        f.update(opened_at=line.at, stage=line.to_stage, stays=(), collected_by=line.by_user_id)
    tell = _TELL.get(line.move)
    if tell is not None:
        tell(f, line)
    if not f["stays"]:
        _move_on(f, line)
    elif line.move not in _STANDING and line.to_stage is not f["stage"]:
        _move_on(f, line)
        f["stage"] = line.to_stage


def _move_on(f: _Facts, line: Line) -> None:
    stays: tuple[Stay, ...] = f["stays"]
    if stays:
        last = stays[-1]
        stays = (*stays[:-1], Stay(stage=last.stage, since=last.since, until=line.at))
    f["stays"] = (*stays, Stay(stage=line.to_stage, since=line.at))
    if line.to_stage not in WORK_STAGES:
        kept = (each for each in f.get("asked", ()) if each.kind is RequestKind.APPEAL)
        f["asked"] = tuple(kept)
    if line.to_stage is not Stage.COLLECTED:
        _give_up(f, TaskKind.CHECK, line)
    if line.to_stage is not Stage.HANDED_BACK:
        _give_up(f, TaskKind.VERIFY, line)


def _moment(line: Line, name: str) -> datetime | None:
    text = line.detail.get(name)
    return None if text is None else datetime.fromisoformat(text)


def _count(f: _Facts, name: str) -> None:
    f[name] = f.get(name, 0) + 1


def _deadline(f: _Facts, line: Line) -> None:
    due = _moment(line, "deadline_at")
    if due is not None:
        f["deadline_at"] = due


def _whose(f: _Facts, line: Line) -> None:
    for name in ("unit_id", "assignee_id"):
        if name in line.detail:
            f[name] = line.detail[name]


def _collect(f: _Facts, line: Line) -> None:
    _deadline(f, line)
    f["desk_due_at"] = _moment(line, "desk_due_at")
    if "severity" in line.detail:
        f["severity"] = line.detail["severity"]


def _file(f: _Facts, line: Line) -> None:
    f.update(filed_at=line.at, filed_by=line.by_user_id, overdue_at=None, desk_due_at=_moment(line, "desk_due_at"))
    f["limits"] = line.detail.get("limits")
    f["standard_version"] = (f["limits"] or {}).get("version")
    _deadline(f, line)


def _dispatch(f: _Facts, line: Line) -> None:
    first = f.get("first_dispatched_at") is None
    if first:
        f["first_dispatched_at"] = line.at
        f["secure_due_at"] = _moment(line, "secure_due_at")
        if "deadline_at" in line.detail:
            f["overdue_at"] = None
            _deadline(f, line)
    else:
        _count(f, "second_dispatches")
    if line.detail.get("confirmed"):
        _confirm_return(f, line)
    # timelines of the first releases name only what changed
    f["unit_id"] = line.detail.get("unit_id", f.get("unit_id"))
    f["assignee_id"] = line.detail.get("assignee_id", f.get("assignee_id"))
    f.update(dispatched_at=line.at, accepted_at=None, returned_at=None)
    _count(f, "dispatches")
    sent = Dispatching(
        at=line.at,
        unit_id=f["unit_id"],
        assignee_id=f["assignee_id"],
        by_user_id=line.by_user_id,
        second=not first,
    )
    f["dispatchings"] = (*f.get("dispatchings", ()), sent)


def _recall(f: _Facts, line: Line) -> None:
    # undone before anybody went: as if it had not been sent
    sent: tuple[Dispatching, ...] = f.get("dispatchings", ())
    if sent:
        f["dispatchings"] = sent[:-1]
        f["dispatches"] -= 1
        if sent[-1].second:
            f["second_dispatches"] -= 1
        else:
            f.update(first_dispatched_at=None, secure_due_at=None)
            _deadline(f, line)
    f.update(unit_id=None, assignee_id=None, dispatched_at=None)


def _accept(f: _Facts, line: Line) -> None:
    _whose(f, line)
    f["accepted_at"] = line.at


def _return(f: _Facts, line: Line) -> None:
    f.update(returned_at=line.at, returned_unit_id=f.get("unit_id"), returned_assignee_id=f.get("assignee_id"))
    f.update(unit_id=None, assignee_id=None, dispatched_at=None, accepted_at=None)
    _count(f, "returns")
    _last_dispatching(f, returned_at=line.at)


def _confirm_return(f: _Facts, _line: Line) -> None:
    f["returned_at"] = None
    _count(f, "misdispatches")
    _last_dispatching(f, wrong=True)


def _refuse_return(f: _Facts, line: Line) -> None:
    f.update(returned_at=None, dispatched_at=line.at)
    _whose(f, line)


def _last_dispatching(f: _Facts, **changes: Any) -> None:
    sent: tuple[Dispatching, ...] = f.get("dispatchings", ())
    if sent:
        f["dispatchings"] = (*sent[:-1], replace(sent[-1], **changes))


def _secure(f: _Facts, line: Line) -> None:
    f["secured_at"] = line.at


def _done_what(f: _Facts, line: Line) -> None:
    for name in ("quantity", "quantity_unit", "cause"):
        if name in line.detail:
            f[name] = line.detail[name]


def _hand_back(f: _Facts, line: Line) -> None:
    f.update(handed_back_at=line.at, handed_back_by=line.by_user_id, verify_due_at=None)
    if f.get("secure_due_at") is not None and f.get("secured_at") is None:
        # what is mended is secured
        f["secured_at"] = line.at
    _done_what(f, line)
    done = Handing(at=line.at, by_user_id=line.by_user_id, unit_id=f.get("unit_id"), deadline_at=f.get("deadline_at"))
    f["handings"] = (*f.get("handings", ()), done)


def _rework(f: _Facts, line: Line) -> None:
    back: datetime | None = f.get("handed_back_at")
    if back is not None:
        f["pauses"] = (*f.get("pauses", ()), Pause(back, line.at))
    f.update(handed_back_at=None, accepted_at=None, verified_at=None, verified_by=None)
    _count(f, "reworks")
    _deadline(f, line)
    _look_done(f, TaskKind.VERIFY, line, passed=False)
    handings: tuple[Handing, ...] = f.get("handings", ())
    if handings:
        f["handings"] = (*handings[:-1], replace(handings[-1], failed=True))


def _ask_look(kind: TaskKind, due: str) -> Callable[[_Facts, Line], None]:
    def ask(f: _Facts, line: Line) -> None:
        # asked again: the one before is given up
        _give_up(f, kind, line)
        f[due] = _moment(line, "due_at")
        look = Look(
            kind=kind,
            asked_at=line.at,
            due_at=f[due],
            looker_id=line.detail.get("looker_id"),
            looker_unit_id=line.detail.get("looker_unit_id"),
        )
        f["looks"] = (*f.get("looks", ()), look)

    return ask


def _look_done(f: _Facts, kind: TaskKind, line: Line, *, passed: bool | None) -> None:
    looks: tuple[Look, ...] = f.get("looks", ())
    f["looks"] = tuple(
        replace(each, done_at=line.at, done_by=line.by_user_id, passed=passed)
        if each.kind is kind and each.done_at is None
        else each
        for each in looks
    )


def _give_up(f: _Facts, kind: TaskKind, line: Line) -> None:
    if f.get("looks"):
        _look_done(f, kind, line, passed=None)


def _check(f: _Facts, line: Line) -> None:
    f.update(checked_at=line.at, check_passed=line.detail.get("passed"))
    _look_done(f, TaskKind.CHECK, line, passed=line.detail.get("passed"))


def _verify(f: _Facts, line: Line) -> None:
    f.update(verified_at=line.at, verified_by=line.by_user_id)
    _look_done(f, TaskKind.VERIFY, line, passed=True)


def _end(how: ClosedHow) -> Callable[[_Facts, Line], None]:
    def end(f: _Facts, line: Line) -> None:
        # timelines of the first releases close what was void by the move alone
        f.update(ended_at=line.at, ended_by=line.by_user_id, closed_how=how, stage_before_suspension=None)
        f.update(suspended_at=None, suspended_until=None, returned_at=None)
        f["merged_into_id"] = line.detail.get("into_id")
        _done_what(f, line)

    return end


def _reopen(f: _Facts, line: Line) -> None:
    f.update(dict.fromkeys(_OF_ONE_LIFE))
    f.update(pauses=(), extended=0, was_suspended=False, asked=(), exempt=False)
    _count(f, "reopens")
    _file(f, line)


def _extend(f: _Facts, line: Line) -> None:
    _count(f, "extensions")
    _count(f, "extended")
    _answered(f, RequestKind.EXTENSION)
    _deadline(f, line)
    overdue: datetime | None = f.get("overdue_at")
    if overdue is not None and f["deadline_at"] > overdue:
        # asked for in time and granted after it: then it was not late
        f["overdue_at"] = None


def _suspend(f: _Facts, line: Line) -> None:
    f.update(stage_before_suspension=f["stage"], suspended_at=line.at, suspended_until=_moment(line, "until"))
    f["was_suspended"] = True
    _count(f, "suspensions")
    _answered(f, RequestKind.SUSPENSION)


def _resume(f: _Facts, line: Line) -> None:
    since: datetime | None = f.get("suspended_at")
    if since is not None:
        f["pauses"] = (*f.get("pauses", ()), Pause(since, _moment(line, "resumed_at") or line.at))
    f.update(suspended_at=None, suspended_until=None, stage_before_suspension=None)
    _deadline(f, line)


def _ask(kind: RequestKind) -> Callable[[_Facts, Line], None]:
    def ask(f: _Facts, line: Line) -> None:
        new = Asked(kind=kind, at=line.at, by_user_id=line.by_user_id, until=_moment(line, "until"))
        f["asked"] = (*f.get("asked", ()), new)
        if kind is RequestKind.APPEAL:
            f["appealed_at"] = line.at

    return ask


def _answered(f: _Facts, kind: RequestKind) -> None:
    f["asked"] = tuple(each for each in f.get("asked", ()) if each.kind is not kind)


def _refuse(kind: RequestKind) -> Callable[[_Facts, Line], None]:
    return lambda f, _line: _answered(f, kind)


def _grant_appeal(f: _Facts, _line: Line) -> None:
    _answered(f, RequestKind.APPEAL)
    f["exempt"] = True


def _supervise(f: _Facts, line: Line) -> None:
    f["supervised_at"] = line.at
    _count(f, "supervisions")


def _overdue(f: _Facts, line: Line) -> None:
    f["overdue_at"] = _moment(line, "deadline_at")


def _raise(f: _Facts, line: Line) -> None:
    f["severity"] = line.detail["to"]


_OF_ONE_LIFE = [
    "stage_before_suspension",
    "overdue_at",
    "first_dispatched_at",
    "dispatched_at",
    "accepted_at",
    "returned_at",
    "returned_unit_id",
    "returned_assignee_id",
    "secure_due_at",
    "secured_at",
    "handed_back_at",
    "handed_back_by",
    "verify_due_at",
    "verified_at",
    "verified_by",
    "suspended_at",
    "suspended_until",
    "ended_at",
    "ended_by",
    "closed_how",
    "merged_into_id",
    "unit_id",
    "assignee_id",
]

_TELL: dict[str, Callable[[_Facts, Line], None]] = {
    EventName.COLLECT: _collect,
    EventName.OVERDUE: _overdue,
    EventName.SEVERITY_RAISED: _raise,
    MoveName.ASK_CHECK: _ask_look(TaskKind.CHECK, "check_due_at"),
    MoveName.CHECK: _check,
    MoveName.FILE: _file,
    MoveName.DECLINE: _end(ClosedHow.DECLINED),
    MoveName.SELF_HANDLE: _end(ClosedHow.SELF_HANDLED),
    MoveName.DISPATCH: _dispatch,
    MoveName.RECALL: _recall,
    MoveName.ACCEPT: _accept,
    MoveName.RETURN: _return,
    MoveName.CONFIRM_RETURN: _confirm_return,
    MoveName.REFUSE_RETURN: _refuse_return,
    MoveName.SECURE: _secure,
    MoveName.HAND_BACK: _hand_back,
    MoveName.ASK_VERIFICATION: _ask_look(TaskKind.VERIFY, "verify_due_at"),
    MoveName.VERIFY: _verify,
    MoveName.REWORK: _rework,
    MoveName.CLOSE: _end(ClosedHow.REPAIRED),
    MoveName.REQUEST_EXTENSION: _ask(RequestKind.EXTENSION),
    MoveName.EXTEND: _extend,
    MoveName.REFUSE_EXTENSION: _refuse(RequestKind.EXTENSION),
    MoveName.REQUEST_SUSPENSION: _ask(RequestKind.SUSPENSION),
    MoveName.SUSPEND: _suspend,
    MoveName.REFUSE_SUSPENSION: _refuse(RequestKind.SUSPENSION),
    MoveName.RESUME: _resume,
    MoveName.SUPERVISE: _supervise,
    MoveName.MERGE: _end(ClosedHow.MERGED),
    MoveName.VOID: _end(ClosedHow.VOID),
    MoveName.REOPEN: _reopen,
    MoveName.APPEAL: _ask(RequestKind.APPEAL),
    MoveName.GRANT_APPEAL: _grant_appeal,
    MoveName.REFUSE_APPEAL: _refuse(RequestKind.APPEAL),
}
"""What each entry tells; any other (a note, an alert that joined) leaves the facts as they are."""

TELLING = tuple(str(word) for word in _TELL)
"""The entries that tell something: enough of a timeline to fold it."""
