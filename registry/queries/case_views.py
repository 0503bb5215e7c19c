"""What pages are shown of a case: frozen values, JSON-encodable, times aware."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from registry.domain.kinds import ClosedHow, RequestKind, RequestState, Severity, Source, Stage, TaskKind
from registry.queries.alerts import AlertRow


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list of cases. ``overdue``: its deadline was missed, also if it was mended since.

    A case of a place where nothing of the register stands has no ``asset_id``; its name is the place in words then.
    """

    id: int
    number: str
    kind: str
    severity: Severity
    stage: Stage
    source: Source
    opened_at: datetime
    deadline_at: datetime
    overdue: bool
    ended_at: datetime | None
    unit_id: int | None
    unit_name: str | None
    assignee_id: int | None
    assignee_name: str | None
    asset_id: int | None
    asset_name: str
    asset_code: str
    road: str
    lon: float
    lat: float
    area_code: str
    secure_due_at: datetime | None
    secured_at: datetime | None
    returned_at: datetime | None
    suspended_until: datetime | None
    supervised_at: datetime | None
    version: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline. ``detail`` names people and units beside their ids."""

    id: int
    at: datetime
    move: str
    from_stage: Stage | None
    to_stage: Stage
    by_user_id: int | None
    by_name: str | None
    note: str
    detail: dict[str, Any]


class CasePhoto(msgspec.Struct, frozen=True, kw_only=True):
    """A photo in the case; the picture itself is served by id."""

    id: int
    width_px: int
    height_px: int
    recorded_at: datetime
    taken_by_name: str | None
    distance_m: float | None
    kind: str
    taken_at: datetime | None
    sha256: str


class CaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a citizen said. ``contact`` is for staff who handle the case, and nobody else."""

    id: int
    at: datetime
    text: str
    contact: str
    photo_id: int | None


class CaseTask(msgspec.Struct, frozen=True, kw_only=True):
    """A 核实 or 核查 that somebody was sent to do."""

    id: int
    kind: TaskKind
    asked_at: datetime
    asked_by_name: str | None
    due_at: datetime
    assignee_name: str | None
    unit_name: str | None
    note: str
    done_at: datetime | None
    done_by_name: str | None
    passed: bool | None


class RequestStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a chain: who may decide it, and what was decided."""

    roles: list[str]
    by_user_id: int | None
    at: datetime | None
    granted: bool | None
    note: str
    by_name: str | None = None


class CaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked for a case, with its chain."""

    id: int
    kind: RequestKind
    state: RequestState
    asked_at: datetime
    asked_by: int | None
    asked_by_name: str | None
    reason: str
    until: datetime | None
    decided_at: datetime | None
    steps: list[RequestStep]


class CaseFile(CaseRow, frozen=True, kw_only=True):
    """A case with its whole story: entries oldest first, photos, alerts (newest first), reports, looks, requests."""

    stage_before_suspension: Stage | None
    filed_at: datetime | None
    desk_due_at: datetime | None
    first_dispatched_at: datetime | None
    dispatched_at: datetime | None
    handed_back_at: datetime | None
    verified_at: datetime | None
    overdue_at: datetime | None
    suspended_at: datetime | None
    closed_how: ClosedHow | None
    merged_into_id: int | None
    exempt: bool
    dispatches: int
    second_dispatches: int
    returns: int
    misdispatches: int
    reworks: int
    extensions: int
    reopens: int
    quantity: float | None
    quantity_unit: str
    cause: str
    merged_into_number: str | None
    entries: list[Entry]
    photos: list[CasePhoto]
    alerts: list[AlertRow]
    reports: list[CaseReport]
    tasks: list[CaseTask]
    requests: list[CaseRequest]


class CrewMember(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be sent, with how much they have in hand."""

    user_id: int
    name: str
    unit_id: int | None
    unit_name: str | None
    open_cases: int


class ReportStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a citizen hears back: what they said, and how far the case is. Never who works on it."""

    number: str
    at: datetime
    text: str
    stage: Stage
    asset_class_zh: str
    asset_class_en: str
    road: str
    filed_at: datetime | None
    dispatched_at: datetime | None
    handed_back_at: datetime | None
    ended_at: datetime | None
