"""Patrols (巡查): which points of a route were really visited, and whether a plan was walked often enough. Pure.

Presence is proven by scanning a plate, or by the phone's position beside the point; nobody ticks a box. The first
presence at a point counts, and a point counts once in a round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from registry.domain.geo import Place, distance_m

USUAL_RADIUS_M = 50.0
MOST_RADIUS_M = 500.0
WORST_ACCURACY_M = 100.0
"""A position that is less exact proves nothing."""

USUAL_WEEKLY = 3
"""全要素巡护: at least three days a week (Dongying)."""

MOST_STOPS = 300


class Proof(StrEnum):
    """What shows that somebody was there."""

    SCAN = "scan"
    PLACE = "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A point of a route; ``key``: 重点点位. Where it is an asset, scanning its plate is the best proof."""

    id: int
    lon: float
    lat: float
    radius_m: float = USUAL_RADIUS_M
    asset_id: int | None = None
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Somebody was somewhere: they scanned the plate of ``asset_id``, or their phone told its position."""

    at: datetime
    asset_id: int | None = None
    scan_id: int | None = None
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A point that was visited. ``distance_m``: between the phone and the point; None: the phone told nothing."""

    stop_id: int
    at: datetime
    how: Proof
    distance_m: float | None = None
    scan_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of a route was visited."""

    stops: int
    visited: int
    key_stops: int
    key_visited: int

    @property
    def share(self) -> float | None:
        """Visited of all points, 0 to 1; None for a route without points."""
        return self.visited / self.stops if self.stops else None


def visits_of(stops: Sequence[Stop], presences: Iterable[Presence]) -> list[Visit]:
    """The first visit of each point that was visited, in the order of time."""
    found: dict[int, Visit] = {}
    for presence in sorted(presences, key=lambda each: each.at):
        for stop in stops:
            if stop.id not in found and (visit := _visit(stop, presence)) is not None:
                found[stop.id] = visit
    return sorted(found.values(), key=lambda visit: visit.at)


def coverage(stops: Sequence[Stop], visits: Iterable[Visit]) -> Coverage:
    """How much of ``stops`` the visits reach."""
    reached = {visit.stop_id for visit in visits}
    return Coverage(
        stops=len(stops),
        visited=sum(stop.id in reached for stop in stops),
        key_stops=sum(stop.key for stop in stops),
        key_visited=sum(stop.key and stop.id in reached for stop in stops),
    )


def _visit(stop: Stop, presence: Presence) -> Visit | None:
    away = None
    if presence.lon is not None and presence.lat is not None:
        away = distance_m(Place(stop.lon, stop.lat), Place(presence.lon, presence.lat))
    scanned = presence.scan_id is not None
    if scanned and stop.asset_id is not None and presence.asset_id == stop.asset_id:
        return Visit(stop_id=stop.id, at=presence.at, how=Proof.SCAN, distance_m=away, scan_id=presence.scan_id)
    exact = presence.accuracy_m is None or presence.accuracy_m <= WORST_ACCURACY_M
    if away is None or not exact or away > stop.radius_m:
        return None
    how = Proof.SCAN if scanned else Proof.PLACE
    return Visit(stop_id=stop.id, at=presence.at, how=how, distance_m=away, scan_id=presence.scan_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week of a plan, from Monday. ``lacking``: days too few; 0 also while there is time left to walk them."""

    monday: date
    days: int
    wanted: int
    lacking: int

    @property
    def kept(self) -> bool:
        """Whether it was walked on as many days as the plan wants."""
        return self.days >= self.wanted


def weeks(days: Iterable[date], *, wanted: int, first: date, today: date, last: date | None = None) -> list[Week]:
    """Each week from the one of ``first`` to this one (or the one of ``last``), the newest first.

    Only whole weeks of the plan ask for all of ``wanted``; one that the plan cuts asks for no more than it has days.
    """
    walked = Counter(monday_of(day) for day in set(days))
    end = min(today, last) if last is not None else today
    found = []
    monday = monday_of(end)
    while monday >= monday_of(first):
        begins, ends = max(first, monday), monday + timedelta(days=6)
        if last is not None:
            ends = min(ends, last)
        in_plan = (ends - begins).days + 1
        asked = min(wanted, max(in_plan, 0))
        left = max((ends - max(today, begins)).days + 1, 0) if ends >= today else 0
        # somebody who walked today can't walk another day today
        short = max(asked - walked[monday] - left, 0)
        found.append(Week(monday=monday, days=walked[monday], wanted=asked, lacking=short))
        monday -= timedelta(days=7)
    return found


def monday_of(day: date) -> date:
    """The Monday of the week that holds ``day``."""
    return day - timedelta(days=day.weekday())


def route_length_m(places: Sequence[tuple[float, float]]) -> float:
    """Metres from the first to the last (lon, lat) as the crow flies between neighbours."""
    return sum(distance_m(Place(*one), Place(*other)) for one, other in pairwise(places))


def short_walk(places: Sequence[tuple[float, float]]) -> list[int]:
    """An order of the points that is a short walk from the first one: the nearest that is left, again and again."""
    left = set(range(1, len(places)))
    order = [0] if places else []
    while left:
        here = Place(*places[order[-1]])
        nearest = min(left, key=lambda index: (distance_m(here, Place(*places[index])), index))
        order.append(nearest)
        left.remove(nearest)
    return order
