"""The seasons of a year, and storms that cross the town: what they do to a cover or a pole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from firmware_sim.chance import key_of, uniform, wander
from firmware_sim.physics import State, swing
from firmware_sim.year.city import Unit

DAY_S = 86_400.0
GUST_DEG = 3.0
TYPHOON_GUST_DEG = 5.5
_RAIN_MM_S = 3.9
_WARMEST_DAY = 200.0
# what wells of sewers and drains show when they fill: the steps at which a level sensor speaks without being asked
RISING_STEPS = (0.7, 0.85, 0.92)
FALLING_STEPS = (0.8, 0.6)


def season_of(unit: Unit, state: State, t_s: float, day_of_year: float) -> State:
    """The body in its season: cold winters, which batteries feel, and a bracket that gives with the warmth."""
    day = day_of_year + t_s / DAY_S
    colder = 16.0 + 12.0 * math.cos(2 * math.pi * (day - _WARMEST_DAY) / 365.0) - 24.0
    temperature_c = state.temperature_c + colder
    give = 0.015 * (2.0 * uniform(unit.key, 60) - 1.0) * (temperature_c - 16.0)
    return replace(
        state,
        lean_x_deg=state.lean_x_deg + give,
        temperature_c=temperature_c,
        battery_pct=state.battery_pct - 0.3 * max(0.0, 8.0 - temperature_c),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """A storm whose centre goes straight from one place (metres) to another; ``strength`` is 0.6 to 1."""

    number: int
    start_s: float
    end_s: float
    from_m: tuple[float, float]
    to_m: tuple[float, float]
    radius_m: float
    strength: float
    typhoon: bool

    def over(self, unit: Unit) -> tuple[float, float] | None:
        """When it comes over the unit and when it leaves it; None when it passes it by."""
        (x0, y0), (x1, y1) = self.from_m, self.to_m
        dx, dy = x1 - x0, y1 - y0
        fx, fy = x0 - unit.x_m, y0 - unit.y_m
        a, b, c = dx * dx + dy * dy, 2 * (fx * dx + fy * dy), fx * fx + fy * fy - self.radius_m**2
        root = b * b - 4 * a * c
        if root <= 0.0:
            return None
        enters, leaves = ((-b + sign * math.sqrt(root)) / (2 * a) for sign in (-1.0, 1.0))
        if leaves <= 0.0 or enters >= 1.0:
            return None
        lasts_s = self.end_s - self.start_s
        return self.start_s + max(0.0, enters) * lasts_s, self.start_s + min(1.0, leaves) * lasts_s


@dataclass(frozen=True, slots=True, kw_only=True)
class StormPass:
    """One storm as one unit feels it: gusts from ``enter_s`` to ``leave_s``, and water that comes and goes later.

    ``peak`` is the share of the well that is under water at its worst; a well that ``hovers`` can't make up its mind.
    """

    storm: Storm
    key: int
    enter_s: float
    leave_s: float
    rises_s: float
    full_s: float
    falls_s: float
    end_s: float
    peak: float
    hovers: bool

    @property
    def start_s(self) -> float:
        """When the unit first feels it."""
        return self.enter_s

    @property
    def floods(self) -> bool:
        """Whether the well runs nearly over."""
        return self.peak >= 0.93

    def bend(self, state: State, unit: Unit, t_s: float) -> State:
        """``state`` in this storm."""
        if unit.kind == "pole":
            return self._swayed(state, unit, t_s)
        if self.enter_s <= t_s < self.leave_s:
            rain = _RAIN_MM_S * self.storm.strength * (0.4 + 0.6 * wander(self.key, 44, t_s, 5.0))
            state = replace(state, vibration_mm_s=max(min(state.vibration_mm_s, _RAIN_MM_S), rain))
        return replace(state, water_share=max(state.water_share, self._water(state.water_share, t_s)))

    def stirs(self, unit: Unit) -> list[float]:
        """When the unit speaks of it by itself."""
        if unit.kind == "pole":
            apart_s = 2700.0
            first = self.enter_s + 600.0 * uniform(self.key, 50)
            return [first + n * apart_s for n in range(1 + int(max(0.0, self.leave_s - first) // apart_s))]
        base = 0.2
        span = self.peak - base
        up = [
            self.rises_s + (step - base) / span * (self.full_s - self.rises_s)
            for step in RISING_STEPS
            if step < self.peak
        ]
        down = [
            self.falls_s + (self.peak - step) / span * (self.end_s - self.falls_s)
            for step in FALLING_STEPS
            if step < self.peak
        ]
        return up + down

    def _swayed(self, state: State, unit: Unit, t_s: float) -> State:
        if not self.enter_s <= t_s < self.leave_s:
            return state
        most = TYPHOON_GUST_DEG if self.storm.typhoon else GUST_DEG
        gust = self.storm.strength * (0.3 + 0.7 * wander(unit.body.wind_key, 22, t_s, 6.0))
        reach = gust * (1.0 + (most - 1.0) * swing(unit.body, t_s))
        heading = unit.body.heading_rad
        return replace(
            state,
            sway_x_deg=reach * math.cos(heading),
            sway_y_deg=reach * math.sin(heading),
            vibration_mm_s=state.vibration_mm_s + 2.0 * gust,
        )

    def _water(self, base: float, t_s: float) -> float:
        peak = self.peak + (0.08 * (wander(self.key, 51, t_s, 600.0) - 0.5) if self.hovers else 0.0)
        if t_s <= self.rises_s or t_s >= self.end_s:
            return base
        if t_s < self.full_s:
            part = (t_s - self.rises_s) / (self.full_s - self.rises_s)
        elif t_s < self.falls_s:
            part = 1.0
        else:
            part = (self.end_s - t_s) / (self.end_s - self.falls_s)
        return min(1.0, base + (peak - base) * part)


def pass_over(storm: Storm, unit: Unit) -> StormPass | None:
    """What the storm does to the unit: low-lying wells under a strong storm run over, some stand at the brink."""
    spell = storm.over(unit)
    if spell is None:
        return None
    enter_s, leave_s = spell
    key = key_of(unit.key, "storm", storm.number)
    brink = uniform(key, 1) < 0.05
    flooded = unit.low_lying + 0.3 * (uniform(key, 2) - 0.5) < 0.35 + 0.5 * storm.strength
    peak = 0.87 if brink else 0.93 + 0.09 * uniform(key, 3) if flooded else 0.4 + 0.42 * uniform(key, 3)
    rises_s = enter_s + 300.0 + 2400.0 * uniform(key, 4)
    full_s = rises_s + 900.0 + 2700.0 * uniform(key, 5)
    falls_s = max(full_s, leave_s) + 3600.0 + 7200.0 * uniform(key, 6)
    return StormPass(
        storm=storm,
        key=key,
        enter_s=enter_s,
        leave_s=leave_s,
        rises_s=rises_s,
        full_s=full_s,
        falls_s=falls_s,
        end_s=falls_s + 3600.0 + 10800.0 * uniform(key, 7),
        peak=peak,
        hovers=brink,
    )
