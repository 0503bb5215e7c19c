"""When a device, a bus or a cabinet has been silent for too long, and when nobody can know.

A cabinet that is away, or has not delivered everything yet, makes all its devices look silent. So silence is judged at
the moment up to which the cabinet is known to have delivered, never at the moment of looking. Devices that fall silent
together on one bus are one fault, and a cabinet that is away another: nobody wants to hear of each device then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from registry.domain.rules import NoDataCondition

"""The rules that look at a whole cabinet or bus; all others of their kind look at single devices."""

CABINET_PERIOD_S = 10.0
"""How often a cabinet tells its state: its heartbeat."""

BUS_AT_LEAST = 3
BUS_SHARE = 0.8
"""Of fewer devices than these nobody can say whether it is the bus."""


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


class Return(StrEnum):
    """What becomes of the alert of a silent device by what was heard since."""

    NOTHING = "nothing"
    CLEARED = "cleared"
    CALM_BEGINS = "calm_begins"
    RELAPSED = "relapsed"


def judge_return(
    hearing: Hearing,
    condition: NoDataCondition,
    quiet: timedelta | None,
    *,
    alert_began_at: datetime,
    calm_since: datetime | None,
    now: datetime,
) -> Return:
    """Whether the alert is over. ``quiet``: it flaps, and must be heard for so long without a gap; None: it does not.

    ``calm_since`` is since when a flapping one has been heard without a gap, as far as was noted.
    """
    if quiet is not None and calm_since is not None and is_silent(hearing, condition, now=now):
        return Return.RELAPSED
    if not is_back(hearing, condition, alert_began_at=alert_began_at, now=now):
        return Return.NOTHING
    if quiet is None:
        return Return.CLEARED
    if calm_since is None:
        return Return.CALM_BEGINS
    return Return.CLEARED if now - calm_since >= quiet else Return.NOTHING


def cabinet_limit(condition: NoDataCondition) -> timedelta:
    """How long a cabinet may be away."""
    return timedelta(seconds=max(CABINET_PERIOD_S * condition.heartbeats, condition.min_s))


def silent_on_a_bus(fitted: int) -> int:
    """How many of the devices fitted on a bus must be silent for the bus to be."""
    return max(BUS_AT_LEAST, math.ceil(BUS_SHARE * fitted))


def bus_silent_since(
    fitted: Sequence[Hearing], condition: NoDataCondition, *, now: datetime
) -> tuple[datetime, datetime] | None:
    """Since when so many of a bus's devices are silent that it must be the bus, and when that had lasted too long."""
    needed = silent_on_a_bus(len(fitted))
    began = {at: each for at, each in enumerate(silent_since(each, condition, now=now) for each in fitted) if each}
    if len(began) < needed:
        return None
    since = sorted(began.values())[needed - 1]
    too_long = sorted(each + limit(fitted[at], condition) for at, each in began.items())[needed - 1]
    return since, too_long


def bus_back_at(
    fitted: Sequence[Hearing], condition: NoDataCondition, *, alert_began_at: datetime, now: datetime
) -> datetime | None:
    """When more than half of a silent bus's devices had spoken again; None: not yet."""
    back = sorted(
        each.last_received_at
        for each in fitted
        if each.last_received_at is not None and is_back(each, condition, alert_began_at=alert_began_at, now=now)
    )
    half = len(fitted) // 2
    return back[half] if len(back) > half else None


def may_be_the_bus(
    silent: Hearing, others: Sequence[Hearing], condition: NoDataCondition, bus: NoDataCondition, *, now: datetime
) -> bool:
    """Whether a silent device may be the first of a bus that is silent: too few of the others have spoken since.

    A bus is asked in turn, so what another said within one period of this device's last word tells nothing. When the
    bus rule would have spoken long ago it is the device.
    """
    until, began = known_until(silent, now=now), silent_since(silent, condition, now=now)
    fitted = len(others) + 1
    if until is None or began is None or fitted < BUS_AT_LEAST:
        return False
    if until - began >= limit(silent, condition) + limit(silent, bus):
        return False
    round_over = began + timedelta(seconds=silent.heartbeat_s)
    alive = sum(1 for each in others if each.last_received_at is not None and each.last_received_at > round_over)
    return alive <= fitted - silent_on_a_bus(fitted)
