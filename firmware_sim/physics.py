"""What a healthy cover or pole does in ordinary weather: pure functions of the body, the seed and the time.

No clock, no I/O. Leans are small vectors in degrees (how far, towards which side), so that several of them add up; they
become the three inclinations only when the unit senses them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from firmware_sim.chance import bell, key_of, uniform, wander

Kind = Literal["cover", "pole"]

TILT_SIGMA_DEG = 0.05
MAX_OFFSET_DEG: dict[Kind, float] = {"cover": 2.0, "pole": 0.6}
MAX_SWAY_DEG = 1.0
MAX_TRAFFIC_MM_S = 5.0
MAX_TRAFFIC_S = 2.0
WATER_SHARE = (0.05, 0.40)
BATTERY_PCT = (70.0, 100.0)
TRAFFIC_SLOT_S = 8.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One fitted unit: what the seed decided about it once and for all.

    ``offset_*_deg`` is how it was fitted (road camber, a pole that was never quite straight), ``eigen_hz`` the pole's
    own frequency, ``day_start_s`` the local time of day at t = 0, ``wind_key`` what all poles of a street share.
    """

    key: int
    wind_key: int
    kind: Kind
    depth_mm: float
    offset_x_deg: float
    offset_y_deg: float
    eigen_hz: float
    sway_deg: float
    heading_rad: float
    battery_pct: float
    temperature_c: float
    day_start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The body at one moment, before any sensor looks at it.

    ``lean_*_deg`` lasts, ``sway_*_deg`` comes and goes; both are vectors in degrees. ``water_share`` is the part of the
    well's depth that is under water.
    """

    lean_x_deg: float
    lean_y_deg: float
    sway_x_deg: float
    sway_y_deg: float
    displacement_mm: float
    vibration_mm_s: float
    water_share: float
    temperature_c: float
    battery_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensed:
    """What the unit's sensors make of a state; ``water_level_mm`` is None where no level sensor is fitted (poles)."""

    tilt_x_deg: float
    tilt_y_deg: float
    tilt_z_deg: float
    displacement_mm: float
    vibration_mm_s: float
    water_level_mm: float | None
    temperature_c: float
    battery_mv: float
    battery_pct: float
    leaning: bool
    flooded: bool


def fit(
    seed: int, serial: str, kind: Kind, *, depth_mm: float = 0.0, height_m: float = 8.0, solar_s: float = 0.0
) -> Body:
    """Fit a unit: the same seed and serial always give the same body. ``solar_s`` is the time of day at t = 0."""
    key = key_of(seed, serial)
    offset = MAX_OFFSET_DEG[kind] * math.sqrt(uniform(key, 1))
    towards = 2 * math.pi * uniform(key, 2)
    low, high = BATTERY_PCT
    return Body(
        key=key,
        wind_key=key_of(seed, "wind"),
        kind=kind,
        depth_mm=depth_mm,
        offset_x_deg=offset * math.cos(towards),
        offset_y_deg=offset * math.sin(towards),
        # A slender steel pole of 8 m swings about once a second; a taller one more slowly.
        eigen_hz=8.0 / max(height_m, 2.0) * (0.85 + 0.3 * uniform(key, 3)),
        sway_deg=MAX_SWAY_DEG * (0.5 + 0.5 * uniform(key, 4)) if kind == "pole" else 0.0,
        heading_rad=0.6 * (uniform(key, 5) - 0.5),
        battery_pct=low + 4.0 + (high - low - 4.0) * uniform(key, 6),
        temperature_c=3.0 * (uniform(key, 7) - 0.5),
        day_start_s=solar_s,
    )


def at_rest(body: Body, t_s: float) -> State:
    """The body at ``t_s`` seconds after the start, with nothing wrong."""
    tick = int(t_s * 1000)
    temperature_c = _temperature_c(body, t_s)
    sway_x, sway_y = _sway(body, t_s)
    # The bracket gives a little with the heat; far below anything a rule looks at.
    warmth = 1.0 + 0.01 * (temperature_c - 24.0)
    low, high = BATTERY_PCT
    return State(
        lean_x_deg=body.offset_x_deg * warmth,
        lean_y_deg=body.offset_y_deg * warmth,
        sway_x_deg=sway_x,
        sway_y_deg=sway_y,
        displacement_mm=0.2 * bell(body.key, 10, tick) + 0.8 * wander(body.key, 11, t_s, 3600.0),
        vibration_mm_s=_vibration_mm_s(body, t_s, tick),
        water_share=_water_share(body, t_s) if body.kind == "cover" else 0.0,
        temperature_c=temperature_c,
        battery_pct=min(high, max(low, body.battery_pct - 0.02 * t_s / _DAY_S)),
    )


def sense(body: Body, state: State, t_s: float) -> Sensed:
    """What the sensors say about ``state`` at ``t_s``: geometry of the inclinometer, and the noise of its three axes.

    Without that noise, gravity seen from the plate is ``(sin tilt_x, sin tilt_y, cos tilt_z)``, a vector of length one:
    the three angles belong together, as those of a real three-axis inclinometer do.
    """
    tick = int(t_s * 1000)
    x_deg = state.lean_x_deg + state.sway_x_deg
    y_deg = state.lean_y_deg + state.sway_y_deg
    away_deg = min(math.hypot(x_deg, y_deg), 180.0)
    side = math.atan2(y_deg, x_deg)
    reach = math.sin(math.radians(away_deg))
    bent_deg = math.hypot(state.lean_x_deg - body.offset_x_deg, state.lean_y_deg - body.offset_y_deg)
    return Sensed(
        tilt_x_deg=math.degrees(math.asin(reach * math.cos(side))) + TILT_SIGMA_DEG * bell(body.key, 12, tick),
        tilt_y_deg=math.degrees(math.asin(reach * math.sin(side))) + TILT_SIGMA_DEG * bell(body.key, 13, tick),
        tilt_z_deg=min(abs(away_deg + TILT_SIGMA_DEG * bell(body.key, 9, tick)), 180.0),
        displacement_mm=state.displacement_mm,
        vibration_mm_s=max(0.0, state.vibration_mm_s),
        water_level_mm=state.water_share * body.depth_mm if body.kind == "cover" else None,
        temperature_c=state.temperature_c + 0.1 * bell(body.key, 14, tick),
        battery_mv=3000.0 + 6.0 * state.battery_pct + 2.0 * bell(body.key, 15, tick),
        battery_pct=state.battery_pct,
        leaning=bent_deg >= 5.0,
        flooded=state.water_share >= 0.9,
    )


def wind(body: Body, t_s: float) -> float:
    """How hard it blows on this street, 0 to 1; poles of one street feel the same wind."""
    return wander(body.wind_key, 20, t_s, 45.0) * (0.6 + 0.4 * wander(body.wind_key, 21, t_s, 7.0))


def swing(body: Body, t_s: float) -> float:
    """Where in its swing a pole stands, -1 to 1."""
    return math.sin(2 * math.pi * (body.eigen_hz * t_s + uniform(body.key, 8)))


def _sway(body: Body, t_s: float) -> tuple[float, float]:
    if body.kind != "pole":
        return 0.0, 0.0
    reach = body.sway_deg * wind(body, t_s) * swing(body, t_s)
    return reach * math.cos(body.heading_rad), reach * math.sin(body.heading_rad)


def _temperature_c(body: Body, t_s: float) -> float:
    # Coldest at three in the morning, warmest at three in the afternoon.
    hour_angle = 2 * math.pi * ((body.day_start_s + t_s) / _DAY_S - 9.0 / 24.0)
    daily_c = 24.0 + 5.0 * math.sin(hour_angle)
    return daily_c + body.temperature_c + 1.6 * (wander(body.key, 16, t_s, 900.0) - 0.5)


def _vibration_mm_s(body: Body, t_s: float, tick: int) -> float:
    hum = 0.25 + 0.04 * bell(body.key, 17, tick)
    if body.kind == "pole":
        return hum + 0.8 * wind(body, t_s)
    slot = math.floor(t_s / TRAFFIC_SLOT_S)
    if uniform(body.key, 30, slot) < 0.55:
        return hum
    lasts_s = 0.4 + (MAX_TRAFFIC_S - 0.5) * uniform(body.key, 31, slot)
    into_s = t_s - slot * TRAFFIC_SLOT_S - uniform(body.key, 32, slot) * (TRAFFIC_SLOT_S - lasts_s)
    if not 0.0 <= into_s <= lasts_s:
        return hum
    peak = 0.5 + (MAX_TRAFFIC_MM_S - 1.0) * uniform(body.key, 33, slot)
    return hum + peak * math.sin(math.pi * into_s / lasts_s)


def _water_share(body: Body, t_s: float) -> float:
    low, high = WATER_SHARE
    level = 0.85 * wander(body.key, 18, t_s, 4 * 3600.0) + 0.15 * wander(body.key, 19, t_s, 600.0)
    return low + (high - low) * level
