"""The story of a case: the facts that its timeline tells. Pure; ``case_telling`` folds a timeline into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry.domain.kinds import ClosedHow, RequestKind, Stage, TaskKind
from registry.domain.working_time import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of the timeline."""

    at: datetime
    move: str
    to_stage: Stage
    by_user_id: int | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How long the case was in a stage; ``until`` None: it still is."""

    stage: Stage
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatching:
    """One dispatch. ``second``: a 二次派遣, after the first of this life; ``wrong``: sent back, and that was right."""

    at: datetime
    unit_id: int | None
    assignee_id: int | None
    by_user_id: int | None
    second: bool
    returned_at: datetime | None = None
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handing:
    """One hand-back, with the deadline it had to meet; ``failed``: it led to a rework."""

    at: datetime
    by_user_id: int | None
    unit_id: int | None
    deadline_at: datetime | None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A 核实 or 核查 that somebody was sent to do; ``passed`` None: not done, or given up at ``done_at``."""

    kind: TaskKind
    asked_at: datetime
    due_at: datetime | None
    looker_id: int | None
    looker_unit_id: int | None
    done_at: datetime | None = None
    done_by: int | None = None
    passed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that waits for its chain."""

    kind: RequestKind
    at: datetime
    by_user_id: int | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStory:
    """The facts of a case at the end of its timeline. Times are aware; counts are over its whole life.

    What begins anew when a case is reopened (dispatches, hand-backs, the deadline, pauses, ``extended``) is of the
    present life; ``stays``, ``dispatchings``, ``handings`` and ``looks`` hold all of them.
    """

    opened_at: datetime
    stage: Stage
    collected_by: int | None = None
    severity: int = 1
    stage_before_suspension: Stage | None = None
    deadline_at: datetime | None = None
    overdue_at: datetime | None = None
    filed_at: datetime | None = None
    filed_by: int | None = None
    desk_due_at: datetime | None = None
    limits: Mapping[str, Any] | None = None
    standard_version: int | None = None
    first_dispatched_at: datetime | None = None
    dispatched_at: datetime | None = None
    accepted_at: datetime | None = None
    returned_at: datetime | None = None
    returned_unit_id: int | None = None
    returned_assignee_id: int | None = None
    secure_due_at: datetime | None = None
    secured_at: datetime | None = None
    handed_back_at: datetime | None = None
    handed_back_by: int | None = None
    check_due_at: datetime | None = None
    checked_at: datetime | None = None
    check_passed: bool | None = None
    verify_due_at: datetime | None = None
    verified_at: datetime | None = None
    verified_by: int | None = None
    suspended_at: datetime | None = None
    suspended_until: datetime | None = None
    supervised_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: int | None = None
    closed_how: ClosedHow | None = None
    merged_into_id: int | None = None
    exempt: bool = False
    appealed_at: datetime | None = None
    dispatches: int = 0
    second_dispatches: int = 0
    returns: int = 0
    misdispatches: int = 0
    reworks: int = 0
    extensions: int = 0
    suspensions: int = 0
    supervisions: int = 0
    reopens: int = 0
    quantity: float | None = None
    quantity_unit: str = ""
    cause: str = ""
    unit_id: int | None = None
    assignee_id: int | None = None
    pauses: tuple[Pause, ...] = ()
    extended: int = 0
    was_suspended: bool = False
    asked: tuple[Asked, ...] = ()
    stays: tuple[Stay, ...] = ()
    dispatchings: tuple[Dispatching, ...] = ()
    handings: tuple[Handing, ...] = ()
    looks: tuple[Look, ...] = ()

    def look(self, kind: TaskKind) -> Look | None:
        """The look of that kind that somebody still has to take."""
        return next((each for each in self.looks if each.kind is kind and each.done_at is None), None)

    def waiting(self, kind: RequestKind) -> Asked | None:
        """The request of that kind that waits for a decision."""
        return next((each for each in self.asked if each.kind is kind), None)
