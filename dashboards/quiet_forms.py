"""The forms of permits, silences and seasons, read once into what their services take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards import forms
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity
from registry.domain.muting import MAX_REASON
from registry.domain.permits import MAX_TEXT
from registry.services.permits import NewPermit
from registry.services.silences import NewSilence

LASTS_MIN = (60, 240, 480, 1440, 3 * 1440, 7 * 1440, 30 * 1440)
"""The choices for how long a silence lasts, in minutes."""


def read_permit(form: Mapping[str, str], asset_id: int, *, scanned: bool) -> NewPermit:
    """What somebody wants to do at an asset. Raises ``InvalidInput`` naming the field."""
    return NewPermit(
        asset_id=asset_id,
        work=forms.text(form, "work", most=MAX_TEXT),
        people=_given(form, "people"),
        minutes=_given(form, "minutes"),
        case_id=forms.optional_int(form, "case_id"),
        note=forms.text(form, "note", most=MAX_TEXT),
        scanned=scanned,
    )


def read_minutes(form: Mapping[str, str]) -> int:
    """By how much a permit is prolonged. Raises ``InvalidInput``."""
    return _given(form, "minutes")


def read_silence(form: Mapping[str, str], zone: ZoneInfo, *, now: datetime) -> NewSilence:
    """What shall be quiet: an end, or how long it lasts. Raises ``InvalidInput`` naming the field."""
    starts_at = local_moment(form, "starts_at", zone)
    ends_at = local_moment(form, "ends_at", zone)
    if ends_at is None:
        lasts = forms.optional_int(form, "lasts")
        if lasts is None:
            raise InvalidInput("ends_at", "say how long it lasts, or when it ends")
        ends_at = (starts_at or now) + timedelta(minutes=min(max(lasts, 0), 525_600))
    severity = forms.choice(form, "severity", [str(int(level)) for level in Severity])
    return NewSilence(
        asset_id=forms.optional_int(form, "asset_id"),
        area_code=forms.text(form, "area_code", most=20),
        rule_key=forms.text(form, "rule_key", most=60),
        severity=int(severity or Severity.ALARM),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=forms.text(form, "reason", most=MAX_REASON),
    )


def _given(form: Mapping[str, str], name: str) -> int:
    number = forms.optional_int(form, name)
    if number is None:
        raise InvalidInput(name, "is missing; choose one")
    return number


def local_moment(form: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    """A moment as browsers send it: the city's wall clock, without a zone."""
    written = form.get(name, "").strip()
    if not written:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise InvalidInput(name, "{given!r} is no moment; write it as 2026-03-02T12:00", given=written[:40]) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
