"""Events of a scenario as the files say them, and as the units feel them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass

from firmware_sim.chance import key_of
from firmware_sim.faults import DEFAULT_RAMP_S, FAULTS, Fault
from firmware_sim.fields import Fields
from firmware_sim.physics import Kind

_EARTH_M = 6_371_000.0
_LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A circle on the ground."""

    lon: float
    lat: float
    radius_m: float

    def holds(self, lon: float, lat: float) -> bool:
        """Whether a place lies in it (great-circle distance)."""
        p1, p2 = math.radians(self.lat), math.radians(lat)
        half = math.sin((p2 - p1) / 2) ** 2
        half += math.cos(p1) * math.cos(p2) * math.sin(math.radians(lon - self.lon) / 2) ** 2
        return 2 * _EARTH_M * math.asin(math.sqrt(min(1.0, half))) <= self.radius_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One timed event; exactly one of ``target`` (a serial), ``bus`` and ``area`` says whom it concerns."""

    index: int
    kind: str
    at_s: float
    duration_s: float
    ramp_s: float
    strength: float | None
    target: str | None = None
    bus: str | None = None
    area: Area | None = None

    @property
    def end_s(self) -> float:
        """When it is over, in seconds after the start; infinite when nobody mends it."""
        return self.at_s + self.duration_s

    def felt_by(self, serial: str, seed: int) -> Fault:
        """The event as one unit feels it."""
        return Fault(
            kind=self.kind,
            key=key_of(seed, "event", self.index, self.kind, serial),
            start_s=self.at_s,
            end_s=self.end_s,
            ramp_s=self.ramp_s,
            strength=self.strength,
        )


def read_event(fields: Fields, index: int, kinds: Mapping[str, Kind], buses: Set[str]) -> Event:
    """One ``[[event]]`` table; ``kinds`` are the known serials, ``buses`` the known names."""
    kind = FAULTS[fields.choice("kind", tuple(FAULTS))]
    known = not fields.has("kind") or fields.raw["kind"] in FAULTS
    target = bus = area = None
    if not known:
        # Whom it concerns can't be judged without a kind: take all fields as said, the kind's problem is noted.
        for key in ("target", "bus", "centre", "radius_m"):
            if fields.has(key):
                fields.ignore(key)
    elif kind.concerns == "unit":
        target = _target(fields, kind.key, kind.units, kinds)
    elif kind.concerns == "bus":
        bus = fields.text("bus")
        if bus and bus not in buses:
            fields.problem(
                "bus", f"{bus!r} is not a bus of the fleet; use one of: {', '.join(sorted(buses)) or 'none'}"
            )
    else:
        centre = fields.pair("centre")
        radius_m = fields.number("radius_m", low=1.0, high=1_000_000.0)
        area = Area(lon=centre[0], lat=centre[1], radius_m=radius_m) if centre else None
    event = Event(
        index=index,
        kind=kind.key,
        at_s=fields.number("at_s", low=0.0, high=_LONGEST_S),
        duration_s=fields.number("duration_s", low=0.1, high=_LONGEST_S) if fields.has("duration_s") else math.inf,
        ramp_s=fields.number("ramp_s", default=DEFAULT_RAMP_S, low=0.0, high=_LONGEST_S),
        strength=fields.number("strength", low=0.0, high=1.0) if fields.has("strength") else None,
        target=target,
        bus=bus,
        area=area,
    )
    for key in ("duration_s", "strength"):
        fields.ignore(key)
    fields.refuse_the_rest()
    return event


def _target(fields: Fields, event_kind: str, units: Set[Kind], kinds: Mapping[str, Kind]) -> str:
    serial = fields.text("target")
    if not serial:
        return serial
    if serial not in kinds:
        fields.problem("target", f"{serial!r} is not a unit of the fleet; give the serial of a [[bus.unit]]")
    elif kinds[serial] not in units:
        fields.problem(
            "target",
            f"{serial!r} is a {kinds[serial]} and {event_kind} needs a {' or '.join(sorted(units))}; "
            "name another unit or use another kind",
        )
    return serial
