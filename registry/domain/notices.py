"""Who is told of an alert and when: routes, escalation, quiet hours, digests, limits, retries. Pure.

Nothing is decided here from how often somebody looked: every moment is computed from stored times, so that a planner
that was away for an hour plans what it would have planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

import msgspec

from registry.domain.kinds import NoticeState, Severity
from registry.domain.rules.rule import Hours

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
LONGEST_CRITICAL_PAUSE = timedelta(minutes=2)
"""A notice that could not be sent is tried again after 1, 2, 4 … minutes, never later than this."""

GIVE_UP_AFTER = timedelta(hours=24)
"""After that nobody tries any more; the repairs page says so."""

CHANNEL_PAUSE = timedelta(seconds=30)
"""While a channel is out of order, one notice is tried this often; when it gets through, the others follow at once."""

HELD_CRITICAL = timedelta(minutes=1)
HELD_OTHERS = timedelta(minutes=10)
"""How long notices beyond a person's limit are gathered before one message tells them all."""

MOST_STEPS = 10


class Matter(StrEnum):
    """What routes may name beside the keys of rules: matters of cases and of supervision."""

    CASE_WARNED = "case_warned"
    CASE_LATE = "case_late"
    SUPERVISION_LATE = "supervision_late"


CASE_WATCHED = frozenset({Matter.CASE_WARNED})
"""What only a route that names it takes: whose the case is hears of it anyway."""

DAY_MIN = 1440


class RouteStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of escalation: ``after_s`` seconds after the first, these are told if nobody has acknowledged.

    ``posts``: whoever of them is on duty; ``unit_on_duty``: whoever of the responsible unit is on duty for the place.
    """

    after_s: int = 0
    contacts: tuple[int, ...] = ()
    posts: tuple[int, ...] = ()
    unit_on_duty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts it takes (empty fields: any; ``severity`` or worse), whom it tells, and whether the next may too."""

    id: int
    name: str
    severity: int
    steps: tuple[RouteStep, ...]
    unit_id: int | None = None
    area_code: str = ""
    rule_key: str = ""
    hours: tuple[Hours, ...] = ()
    digest: bool = False
    goes_on: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What routes look at of an alert or a group; ``unit_id``: who answers for the place (None: nobody is named)."""

    rule_key: str
    severity: int
    area_code: str = ""
    unit_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A contact as planning sees it. ``person`` is False for programs: they are never held, limited or digested."""

    id: int
    person: bool = True
    language: str = "zh"
    quiet_from_min: int = 0
    quiet_until_min: int = 0
    per_hour: int = 20
    digest_min: int = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What becomes of a notice at first: its state, when it is due, and why it is not simply sent."""

    state: NoticeState
    due_at: datetime
    reason: str = ""


def in_hours(hours: Sequence[Hours], local: datetime) -> bool:
    """Whether ``local`` (a moment in the city's zone) lies in one of the spans; no span at all is always."""
    if not hours:
        return True
    minute, day = local.hour * 60 + local.minute, local.isoweekday()
    before = 7 if day == 1 else day - 1
    for span in hours:
        if span.until_min > span.from_min:
            if day in span.days and span.from_min <= minute < span.until_min:
                return True
        elif (day in span.days and minute >= span.from_min) or (before in span.days and minute < span.until_min):
            return True
    return False


def routes_for(about: About, routes: Iterable[Route], local: datetime) -> list[Route]:
    """The routes that take it, in their order: the first that fits, and those after it for as long as each goes on."""
    taken = []
    for route in routes:
        if _fits(route, about, local):
            taken.append(route)
            if not route.goes_on:
                break
    return taken


def _fits(route: Route, about: About, local: datetime) -> bool:
    return (
        route.enabled
        and about.severity >= route.severity
        and (route.unit_id is None or route.unit_id == about.unit_id)
        and about.area_code.startswith(route.area_code)
        and (not route.rule_key or route.rule_key == about.rule_key)
        and in_hours(route.hours, local)
    )


def due_steps(steps: Sequence[RouteStep], *, last: int, since: datetime, now: datetime) -> list[int]:
    """Numbers of the steps after ``last`` whose time has come, counted from ``since``, when the first was planned."""
    return [
        number for number, step in enumerate(steps) if number > last and since + timedelta(seconds=step.after_s) <= now
    ]


def quiet_until(listener: Listener, now: datetime, zone: tzinfo) -> datetime | None:
    """When the quiet hours that hold now end; None: it is no quiet hour."""
    first, last = listener.quiet_from_min, listener.quiet_until_min
    if first == last:
        return None
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    quiet = first <= minute < last if first < last else (minute >= first or minute < last)
    return _next(last, now, zone) if quiet else None


def digest_at(listener: Listener, now: datetime, zone: tzinfo) -> datetime:
    """The contact's next digest."""
    return _next(listener.digest_min, now, zone)


def _next(minute: int, now: datetime, zone: tzinfo) -> datetime:
    """The next time after ``now`` at which the clocks of ``zone`` show that minute of the day."""
    local = now.astimezone(zone)
    at = local.replace(hour=minute // 60 % 24, minute=minute % 60, second=0, microsecond=0)
    if at <= local:
        at += timedelta(days=1)
    return at.astimezone(now.tzinfo)


def treat(
    listener: Listener,
    severity: int,
    *,
    digest: bool,
    told_this_hour: int,
    muted: str,
    now: datetime,
    zone: tzinfo,
) -> Treatment:
    """Whether a notice is sent now, held for a digest, or muted (``muted`` says by what; "": not).

    What is critical waits for no digest and no morning. Beyond ``per_hour`` it is gathered for a minute only.
    """
    if muted:
        return Treatment(state=NoticeState.MUTED, due_at=now, reason=muted)
    if not listener.person:
        return Treatment(state=NoticeState.WAITING, due_at=now)
    critical = severity >= Severity.CRITICAL
    if digest and not critical:
        return Treatment(state=NoticeState.HELD, due_at=digest_at(listener, now, zone), reason="digest")
    morning = None if critical else quiet_until(listener, now, zone)
    if morning is not None:
        return Treatment(state=NoticeState.HELD, due_at=morning, reason="quiet")
    if told_this_hour >= listener.per_hour:
        pause = HELD_CRITICAL if critical else HELD_OTHERS
        return Treatment(state=NoticeState.HELD, due_at=now + pause, reason="limit")
    return Treatment(state=NoticeState.WAITING, due_at=now)


def pause_after(attempts: int, severity: int) -> timedelta:
    """How long to wait after the ``attempts``-th try has failed."""
    longest = LONGEST_CRITICAL_PAUSE if severity >= Severity.CRITICAL else LONGEST_PAUSE
    doublings = min(max(0, attempts - 1), 10)
    return min(FIRST_PAUSE * (1 << doublings), longest)
