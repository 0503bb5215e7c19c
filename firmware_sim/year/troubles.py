"""What befalls single units in a year: faults of the street, weaknesses of sensors, works at and beside covers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware_sim.chance import uniform
from firmware_sim.faults import FAULTS, Fault, frozen_at, level_at
from firmware_sim.physics import Sensed, State
from firmware_sim.year.city import Unit

REAL_FAULTS = ("opened", "stolen", "hit", "leaning", "knocking", "water")
"""What a city is there for."""

URGENT = frozenset({"opened", "stolen", "hit", "unpermitted"})
"""What must be known within seconds."""

UPKEEP = ("battery", "dead", "drift", "stuck", "noisy")
"""What ails the sensors themselves."""

_FAULT_OF = {
    "opened": "cover_opened",
    "stolen": "cover_stolen",
    "hit": "pole_hit",
    "leaning": "pole_leaning",
    "knocking": "cover_knocking",
    "water": "water_rising",
    "battery": "battery_running_out",
    "stuck": "unit_stuck",
    "permitted": "cover_opened",
    "unpermitted": "cover_opened",
    "left_open": "cover_opened",
    "left_askew": "cover_opened",
}
_LEAN_STEPS, _WATER_STEPS = 6, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """An opening that was announced by scanning the plate. ``ends_s`` is when the permit runs out by its own terms;
    ``ended_s`` when the crew says that it is done (None: they forget)."""

    starts_s: float
    ends_s: float
    ended_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong with one unit from ``start_s`` until it is mended at ``end_s``.

    ``amount``: degrees that a drifting sensor drifts a day, deviation in degrees of a noisy one, degrees by which a
    cover is askew. ``shut_s`` is when a cover that was opened on purpose is closed again (rightly or not).
    """

    number: int
    kind: str
    serial: str
    start_s: float
    end_s: float
    key: int
    ramp_s: float = 0.0
    amount: float = 0.0
    permit: Permit | None = None
    shut_s: float | None = None
    storm: int | None = None

    @property
    def fault(self) -> Fault | None:
        """What the body makes of it; None where only the sensor is concerned."""
        name = _FAULT_OF.get(self.kind)
        if name is None:
            return None
        ends = self.end_s if self.shut_s is None else self.shut_s
        return Fault(kind=name, key=self.key, start_s=self.start_s, end_s=ends, ramp_s=self.ramp_s)

    def bend(self, state: State, unit: Unit, t_s: float) -> State:
        """``state`` with this trouble, before the sensors look at it."""
        fault = self.fault
        if fault is not None:
            bend = FAULTS[fault.kind].bend
            level = level_at(fault, t_s)
            if bend is not None and level > 0.0:
                state = bend(state, unit.body, fault, level, t_s)
        if self.kind == "drift":
            return self._leant(state, self.amount * (t_s - self.start_s) / 86_400.0)
        if self.kind == "left_askew" and self.shut_s is not None and self.shut_s <= t_s:
            return self._leant(state, self.amount)
        return state

    def blur(self, sensed: Sensed, unit: Unit, t_s: float) -> Sensed:
        """What a noisy sensor makes of it."""
        if self.kind != "noisy":
            return sensed
        tick = int(t_s * 1000)
        more = [self.amount * 2.0 * (uniform(self.key, 70 + axis, tick) - 0.5) for axis in range(3)]
        return replace(
            sensed,
            tilt_x_deg=sensed.tilt_x_deg + more[0],
            tilt_y_deg=sensed.tilt_y_deg + more[1],
            tilt_z_deg=abs(sensed.tilt_z_deg + more[2]),
        )

    def silences(self, t_s: float) -> bool:
        """Whether the unit says nothing at all: dead, or its battery is used up."""
        return self.kind == "dead" or (self.kind == "battery" and t_s >= self.start_s + self.ramp_s)

    def seen_s(self, t_s: float) -> float:
        """The moment that the sensor's element still lives in."""
        fault = self.fault
        return t_s if fault is None else frozen_at((fault,), t_s)

    def is_shown(self, t_s: float) -> bool:
        """Whether a reading of that moment shows it in full (kinds that a reading can show)."""
        if self.kind == "left_askew":
            return self.shut_s is not None and self.shut_s + 5.0 <= t_s < self.end_s
        if self.kind == "left_open" and (self.permit is None or t_s < self.permit.ends_s):
            return False
        fault = self.fault
        if fault is None or FAULTS[fault.kind].bend is None:
            return False
        return t_s < fault.end_s and level_at(fault, t_s) >= 0.95

    def stirs(self) -> list[float]:
        """When the unit wakes by itself because of it."""
        return _STIRS.get(self.kind, _at_both_ends)(self)

    def _leant(self, state: State, by_deg: float) -> State:
        side = 2 * math.pi * uniform(self.key, 40)
        return replace(
            state,
            lean_x_deg=state.lean_x_deg + by_deg * math.cos(side),
            lean_y_deg=state.lean_y_deg + by_deg * math.sin(side),
        )


def _at_both_ends(trouble: Trouble) -> list[float]:
    shut = [] if trouble.shut_s is None else [trouble.shut_s]
    return [trouble.start_s, *shut, trouble.end_s]


def _in_steps(steps: int) -> Callable[[Trouble], list[float]]:
    def stirs(trouble: Trouble) -> list[float]:
        rising = [trouble.start_s + trouble.ramp_s * (n + 1) / steps for n in range(steps)]
        return [*(t for t in rising if t < trouble.end_s), trouble.end_s]

    return stirs


def _now_and_then(trouble: Trouble) -> list[float]:
    """A sensor that sees ghosts wakes by them a few times a day."""
    days = int((trouble.end_s - trouble.start_s) / 86_400.0)
    return [trouble.start_s + 86_400.0 * (day + uniform(trouble.key, 80, day)) for day in range(days)]


def _never(_trouble: Trouble) -> list[float]:
    return []


_STIRS: dict[str, Callable[[Trouble], list[float]]] = {
    "leaning": _in_steps(_LEAN_STEPS),
    "water": _in_steps(_WATER_STEPS),
    "noisy": _now_and_then,
    "battery": _never,
    "dead": _never,
    "drift": _never,
    "stuck": _never,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Road works with hammers and rollers near covers that nobody opens."""

    number: int
    x_m: float
    y_m: float
    reach_m: float
    start_s: float
    end_s: float

    def reaches(self, unit: Unit) -> bool:
        """Whether the unit feels it."""
        return math.hypot(unit.x_m - self.x_m, unit.y_m - self.y_m) <= self.reach_m

    def bend(self, state: State, unit: Unit, t_s: float) -> State:
        """``state`` while the ground shakes: steadily, and for less than two seconds when a roller passes."""
        slot = math.floor(t_s / 8.0)
        steady = 2.0 + 4.0 * uniform(unit.key, 90, slot)
        into_s = t_s - 8.0 * slot
        if uniform(unit.key, 91, slot) < 0.2 and into_s < 1.8:
            steady = 9.0 + 6.0 * uniform(unit.key, 92, slot)
        return replace(state, vibration_mm_s=max(state.vibration_mm_s, steady))

    def stirs(self, unit: Unit) -> list[float]:
        """When the unit wakes because of it."""
        apart_s = 1800.0
        first = self.start_s + 300.0 * uniform(unit.key, 93)
        return [first + n * apart_s for n in range(1 + int(max(0.0, self.end_s - first) // apart_s))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A cabinet without power, a cabinet whose line to the city is down (it keeps what it hears), a bus that is torn.

    ``what``: power, line or bus; ``bus`` is named for a bus only.
    """

    what: str
    cabinet: str
    bus: str
    start_s: float
    end_s: float
