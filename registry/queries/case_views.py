"""What pages are shown of a case: frozen values, JSON-encodable, times aware."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from registry.domain.kinds import Role, Severity, Source, Stage
from registry.domain.moves import Move, allowed
from registry.queries.alerts import AlertRow


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list of cases. ``overdue``: its deadline was missed, also if it was mended since."""

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
    asset_id: int
    asset_name: str
    asset_code: str
    road: str
    lon: float
    lat: float
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


class CaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a citizen said. ``contact`` is for staff who handle the case, and nobody else."""

    id: int
    at: datetime
    text: str
    contact: str
    photo_id: int | None


class CaseFile(CaseRow, frozen=True, kw_only=True):
    """A case with its whole story: entries oldest first, photos, alerts (newest first), reports."""

    stage_before_suspension: Stage | None
    dispatched_at: datetime | None
    handed_back_at: datetime | None
    overdue_at: datetime | None
    entries: list[Entry]
    photos: list[CasePhoto]
    alerts: list[AlertRow]
    reports: list[CaseReport]

    def moves_for(self, role: Role | None) -> list[Move]:
        """The moves that somebody of that role may make now."""
        return allowed(self.stage, role)


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
