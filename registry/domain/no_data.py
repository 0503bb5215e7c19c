"""When a device has been silent for too long, and when nobody can know.

A cabinet that is away, or has not delivered everything yet, makes all its devices look silent. So silence is judged at
the moment up to which the cabinet is known to have delivered, never at the moment of looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.domain.rules import NoDataCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetWord:
    """What a cabinet last said of itself. ``oldest_unsent_s``: the age of its oldest undelivered reading."""

    online: bool
    state_at: datetime | None
    oldest_unsent_s: float
    online_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What is known of one device. ``cabinet`` None with ``has_cabinet``: its cabinet never spoke."""

    fitted_at: datetime
    last_received_at: datetime | None
    heartbeat_s: float
    has_cabinet: bool
    cabinet: CabinetWord | None


def known_until(hearing: Hearing, *, now: datetime) -> datetime | None:
    """Up to when everything the device said has arrived; None while its cabinet is away."""
    if not hearing.has_cabinet:
        return now
    word = hearing.cabinet
    if word is None or not word.online or word.state_at is None:
        return None
    return min(now, word.state_at - timedelta(seconds=word.oldest_unsent_s))


def limit(hearing: Hearing, condition: NoDataCondition) -> timedelta:
    """How long this device may be silent."""
    return timedelta(seconds=max(hearing.heartbeat_s * condition.heartbeats, condition.min_s))


def silent_since(hearing: Hearing, condition: NoDataCondition, *, now: datetime) -> datetime | None:
    """When the silence began that is too long by now; None: not silent, or not to be known.

    It counts from the last word of the device, from its fitting, or from its cabinet's coming back, whichever is later:
    a cabinet that was switched off has heard nothing meanwhile.
    """
    until = known_until(hearing, now=now)
    if until is None:
        return None
    began = hearing.last_received_at or hearing.fitted_at
    if hearing.cabinet is not None and hearing.cabinet.online_since is not None:
        began = max(began, hearing.cabinet.online_since)
    return began if until - began >= limit(hearing, condition) else None


def is_silent(hearing: Hearing, condition: NoDataCondition, *, now: datetime) -> bool:
    """Whether the device has been silent for too long, as far as can be known."""
    return silent_since(hearing, condition, now=now) is not None


def is_back(hearing: Hearing, condition: NoDataCondition, *, alert_began_at: datetime, now: datetime) -> bool:
    """Whether a silent device speaks again: something new came, and lately; a cabinet's return alone is no word."""
    last = hearing.last_received_at
    until = known_until(hearing, now=now)
    if last is None or until is None or last <= alert_began_at:
        return False
    return until - last < limit(hearing, condition)
