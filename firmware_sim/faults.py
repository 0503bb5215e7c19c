"""What can go wrong on the street: a table of fault kinds, each a pure change of a body's state.

A fault is made to be seen by the one rule it belongs to and by no other: thresholds it must cross are crossed clearly,
all others are kept well away from, whatever the strength. ``strength`` (0 to 1) picks the place in a kind's range; a
fault without one has its place drawn from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from firmware_sim.chance import uniform, wander
from firmware_sim.physics import Body, Kind, State, swing

Concerns = Literal["unit", "bus", "area"]

POLE_LEAN_DEG = 12.0
WATER_TOP_SHARE = 0.97
BATTERY_END_PCT = 8.0
STORM_WATER_SHARE = (0.10, 0.30)
STORM_COVER_MM_S = 3.9
STORM_GUST_DEG = 3.0
DEFAULT_RAMP_S = 15.0
DEFAULT_SHARE = 0.3
STORM_RISE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One event as one unit feels it, in seconds after the start; ``end_s`` is infinite where nobody mends it."""

    kind: str
    key: int
    start_s: float
    end_s: float = math.inf
    ramp_s: float = DEFAULT_RAMP_S
    strength: float | None = None

    def place(self, low: float, high: float, stream: int = 0) -> float:
        """The fault's own number between ``low`` and ``high``."""
        part = uniform(self.key, stream) if self.strength is None else self.strength
        return low + (high - low) * part


Bend = Callable[[State, Body, Fault, float, float], State]
"""``(state, body, fault, level, t_s) → state``; level is 0 (not there) to 1 (fully there)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One row of the table: what it concerns, which units can have it, how fast it comes and goes, what it does.

    ``rise_s`` None means the event's own ``ramp_s``. ``bend`` None means that it is no matter of physics: the unit or
    the bus acts on it.
    """

    key: str
    concerns: Concerns
    units: frozenset[Kind] = frozenset({"cover", "pole"})
    rise_s: float | None = 0.0
    fall_s: float = 0.0
    bend: Bend | None = None


def _leant(state: State, away_deg: float, side: float, level: float) -> State:
    """The lasting lean moved from where it is towards ``away_deg`` on ``side`` by ``level``."""
    return replace(
        state,
        lean_x_deg=state.lean_x_deg + (away_deg * math.cos(side) - state.lean_x_deg) * level,
        lean_y_deg=state.lean_y_deg + (away_deg * math.sin(side) - state.lean_y_deg) * level,
    )


def _side(fault: Fault) -> float:
    return 2 * math.pi * uniform(fault.key, 40)


def _shaken(state: State, level: float, peak_mm_s: float) -> State:
    """Handling: a shake that is strongest half way and gone when the movement is over."""
    shake = peak_mm_s * math.sin(math.pi * level)
    return replace(state, vibration_mm_s=max(min(state.vibration_mm_s, peak_mm_s), shake))


def _opened(state: State, _body: Body, fault: Fault, level: float, _t_s: float) -> State:
    moved = _leant(state, fault.place(56.0, 79.0, 41), _side(fault), level)
    moved = replace(moved, displacement_mm=state.displacement_mm + fault.place(41.0, 88.0, 42) * level)
    return _shaken(moved, level, 8.0)


def _stolen(state: State, _body: Body, fault: Fault, level: float, _t_s: float) -> State:
    moved = _leant(state, fault.place(100.0, 165.0, 41), _side(fault), level)
    moved = replace(moved, displacement_mm=state.displacement_mm + fault.place(330.0, 900.0, 42) * level)
    # Out of the road, no traffic shakes it any more.
    return _shaken(moved, level, 8.0) if level < 1.0 else replace(moved, vibration_mm_s=0.2)


def _knocking(state: State, _body: Body, fault: Fault, _level: float, t_s: float) -> State:
    # A loose cover is hit again and again within the second that the rms is taken over, so it never reads quiet.
    beat = 0.5 * abs(math.sin(2 * math.pi * 0.37 * t_s)) + 0.5 * wander(fault.key, 43, t_s, 1.3)
    return replace(
        state,
        vibration_mm_s=16.0 + fault.place(8.0, 23.0, 41) * beat,
        sway_x_deg=0.8 * math.sin(2 * math.pi * 1.7 * t_s),
        sway_y_deg=0.4 * math.sin(2 * math.pi * 2.3 * t_s),
    )


def _hit(state: State, _body: Body, fault: Fault, level: float, t_s: float) -> State:
    moved = _leant(state, fault.place(13.5, 23.5, 41), _side(fault), level)
    ring = 80.0 * math.exp(-(t_s - fault.start_s) / 0.8)
    return replace(moved, vibration_mm_s=max(state.vibration_mm_s, ring))


def _leaning(state: State, _body: Body, fault: Fault, level: float, _t_s: float) -> State:
    side = _side(fault)
    return replace(
        state,
        lean_x_deg=state.lean_x_deg + POLE_LEAN_DEG * level * math.cos(side),
        lean_y_deg=state.lean_y_deg + POLE_LEAN_DEG * level * math.sin(side),
    )


def _storm(state: State, body: Body, fault: Fault, level: float, t_s: float) -> State:
    strength = fault.place(0.6, 1.0, 41)
    if body.kind == "cover":
        low, high = STORM_WATER_SHARE
        rain = STORM_COVER_MM_S * strength * (0.4 + 0.6 * wander(fault.key, 44, t_s, 5.0))
        calm = min(state.vibration_mm_s, STORM_COVER_MM_S)
        return replace(
            state,
            vibration_mm_s=max(calm, rain * level),
            water_share=state.water_share + (low + (high - low) * strength) * level,
        )
    gust = level * strength * (0.3 + 0.7 * wander(body.wind_key, 22, t_s, 6.0))
    # Pushed one degree down the wind, and swinging two more about that: together never more than the gust's limit.
    reach = gust * (1.0 + (STORM_GUST_DEG - 1.0) * swing(body, t_s))
    return replace(
        state,
        sway_x_deg=state.sway_x_deg * (1 - level) + reach * math.cos(body.heading_rad),
        sway_y_deg=state.sway_y_deg * (1 - level) + reach * math.sin(body.heading_rad),
        vibration_mm_s=state.vibration_mm_s + 2.0 * gust,
    )


def _water(state: State, _body: Body, _fault: Fault, level: float, _t_s: float) -> State:
    return replace(state, water_share=state.water_share + (WATER_TOP_SHARE - state.water_share) * level)


def _battery(state: State, _body: Body, _fault: Fault, level: float, _t_s: float) -> State:
    return replace(state, battery_pct=state.battery_pct + (BATTERY_END_PCT - state.battery_pct) * level)


_COVER: frozenset[Kind] = frozenset({"cover"})
_POLE: frozenset[Kind] = frozenset({"pole"})

FAULTS: dict[str, FaultKind] = {
    kind.key: kind
    for kind in (
        FaultKind(key="cover_opened", concerns="unit", units=_COVER, rise_s=0.8, fall_s=1.0, bend=_opened),
        FaultKind(key="cover_stolen", concerns="unit", units=_COVER, rise_s=1.0, fall_s=1.0, bend=_stolen),
        FaultKind(key="cover_knocking", concerns="unit", units=_COVER, bend=_knocking),
        FaultKind(key="pole_hit", concerns="unit", units=_POLE, rise_s=0.3, fall_s=2.0, bend=_hit),
        FaultKind(key="pole_leaning", concerns="unit", units=_POLE, rise_s=None, fall_s=2.0, bend=_leaning),
        FaultKind(key="storm", concerns="area", rise_s=STORM_RISE_S, fall_s=STORM_RISE_S, bend=_storm),
        FaultKind(key="water_rising", concerns="unit", units=_COVER, rise_s=None, fall_s=5.0, bend=_water),
        FaultKind(key="battery_running_out", concerns="unit", rise_s=None, bend=_battery),
        FaultKind(key="unit_dead", concerns="unit"),
        FaultKind(key="unit_stuck", concerns="unit"),
        FaultKind(key="bus_crc_errors", concerns="bus"),
        FaultKind(key="bus_noise", concerns="bus"),
    )
}


def level_at(fault: Fault, t_s: float) -> float:
    """How much of ``fault`` is there at ``t_s``: rises linearly, stays, falls after its end."""
    kind = FAULTS[fault.kind]
    if t_s < fault.start_s:
        return 0.0
    rise_s = fault.ramp_s if kind.rise_s is None else kind.rise_s
    grown = 1.0 if rise_s <= 0 else min(1.0, (min(t_s, fault.end_s) - fault.start_s) / rise_s)
    if t_s < fault.end_s:
        return grown
    if kind.fall_s <= 0:
        return 0.0
    return grown * max(0.0, 1.0 - (t_s - fault.end_s) / kind.fall_s)


def applied(state: State, body: Body, faults: Sequence[Fault], t_s: float) -> State:
    """``state`` with every fault that is there at ``t_s``, in the order given."""
    for fault in faults:
        bend = FAULTS[fault.kind].bend
        if bend is not None and (level := level_at(fault, t_s)) > 0.0:
            state = bend(state, body, fault, level, t_s)
    return state


def is_on(kind: str, faults: Sequence[Fault], t_s: float) -> bool:
    """Whether a fault of ``kind`` lasts at ``t_s``."""
    return any(fault.kind == kind and fault.start_s <= t_s < fault.end_s for fault in faults)


def frozen_at(faults: Sequence[Fault], t_s: float) -> float:
    """The moment the sensor element still lives in: the start of a ``unit_stuck`` that lasts, or ``t_s`` itself."""
    starts = [f.start_s for f in faults if f.kind == "unit_stuck" and f.start_s <= t_s < f.end_s]
    return min(starts, default=t_s)
