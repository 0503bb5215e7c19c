"""Silences (静默): which alerts tell nobody for a while. They mute notices, never state. Pure.

A device that says nothing is something else: no data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity

LONGEST = timedelta(days=30)
"""What is to be quiet for longer is no silence but a wrong rule: change its numbers, or take the sensor off."""

FARTHEST = timedelta(days=90)
"""How far ahead a silence may be written down."""

MAX_REASON = 500


class Phase(StrEnum):
    """Where a silence stands: in force, still to come, over; withdrawn before it began."""

    CURRENT = "current"
    COMING = "coming"
    PAST = "past"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a silence looks at of an alert; ``asset_id`` None: it is about a whole cabinet or bus."""

    rule_key: str
    severity: int
    asset_id: int | None = None
    area_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Empty fields mean any; the others must all hold. Alerts worse than ``severity`` are not muted."""

    id: int
    severity: int
    starts_at: datetime
    ends_at: datetime
    asset_id: int | None = None
    area_code: str = ""
    rule_key: str = ""


def matches(silence: Silence, alert: Subject) -> bool:
    """Whether the alert is one of those the silence is about, whatever the time."""
    if alert.severity > silence.severity:
        return False
    if silence.asset_id is not None and silence.asset_id != alert.asset_id:
        return False
    if silence.rule_key and silence.rule_key != alert.rule_key:
        return False
    return alert.area_code.startswith(silence.area_code)


def muted_by(alert: Subject, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The silence that mutes the alert now: of several the one that lasts longest. None: it may be told."""
    fitting = [
        silence for silence in silences if silence.starts_at <= now < silence.ends_at and matches(silence, alert)
    ]
    return max(fitting, key=lambda silence: silence.ends_at, default=None)


def phase_of(starts_at: datetime, ends_at: datetime, *, now: datetime) -> Phase:
    """Where it stands at ``now``."""
    if ends_at <= starts_at:
        return Phase.WITHDRAWN
    if now < starts_at:
        return Phase.COMING
    return Phase.CURRENT if now < ends_at else Phase.PAST


def check_times(starts_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Raise ``InvalidInput`` unless it ends after it begins and after now, lasts 30 days at most and begins soon."""
    if ends_at <= starts_at:
        raise InvalidInput("ends_at", "must be later than the beginning; choose another end")
    if ends_at <= now:
        raise InvalidInput("ends_at", "is over already; choose a later end")
    if ends_at - starts_at > LONGEST:
        raise InvalidInput(
            "ends_at",
            "is more than {most} days after the beginning; for longer than that change the rule instead",
            most=LONGEST.days,
        )
    if starts_at - now > FARTHEST:
        raise InvalidInput("starts_at", "is more than {most} days away; begin it sooner", most=FARTHEST.days)


def check_width(silence: Silence) -> None:
    """Raise ``InvalidInput`` for one that would mute the whole city, and for a severity that does not exist."""
    if silence.asset_id is None and not silence.area_code and not silence.rule_key:
        raise InvalidInput("rule_key", "choose an asset, an area or a rule: a silence of everything hides what is true")
    if silence.severity not in set(Severity):
        raise InvalidInput("severity", "{given} must be 1, 2 or 3", given=silence.severity)
