"""What arrives in a year: each unit's report every few hours, and at once when something stirs it.

Between reports a unit sleeps, as battery sensors do: a stir (something moved, water rose, a lorry struck) wakes it, and
it reports at once and in a burst of seconds until all is calm, then now and again while it is not. The air swallows
some uplinks, doubles others and brings a few late; what a unit reports awake it sends again until it is heard.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from firmware_sim.chance import bell, key_of, uniform
from firmware_sim.physics import Sensed, State, at_rest, sense
from firmware_sim.year.city import Unit
from firmware_sim.year.plan import Year
from firmware_sim.year.troubles import Outage, Site, Trouble
from firmware_sim.year.weather import DAY_S, StormPass, season_of

BURST_S = (0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 22.0, 30.0)
"""When a waking unit reports, in seconds after it woke; two calm reports after the first end it."""

AGAIN_S = (0.0, 4.0)
AGAIN_EVERY_S, AGAIN_SELDOM_S, AGAIN_OFTEN, AGAIN_MOST = 1800.0, 3 * 3600.0, 6, 14
SHOCKS_A_DAY = 0.035
# part of a day's heavy traffic in each hour
_BY_HOUR = (1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 6, 6, 6, 7, 7, 7, 8, 9, 8, 6, 4, 3, 2, 1)
_UPTO_HOUR = [sum(_BY_HOUR[: hour + 1]) / sum(_BY_HOUR) for hour in range(24)]
_BY_WEEKDAY = (1.15, 1.15, 1.15, 1.15, 1.2, 0.7, 0.5)
_THURSDAY = 3  # the weekday of 2026-01-01


class Uplink(NamedTuple):
    """One report as it arrives in the city. Times are whole milliseconds since the year began.

    ``received_ms`` is when the cabinet heard it, ``arrived_ms`` when the city did. ``awake``: sent in a burst.
    ``shows``: numbers of the troubles that a reading of this moment shows in full.
    """

    arrived_ms: int
    serial: str
    measured_ms: int
    received_ms: int
    values: tuple[tuple[str, float], ...]
    awake: bool
    shows: tuple[int, ...]


class _Shock(NamedTuple):
    """A heavy lorry strikes a cover: it shakes, and may rock, for less than two seconds."""

    start_s: float
    lasts_s: float
    vibration_mm_s: float
    rock_deg: float
    side: float

    def bend(self, state: State, t_s: float) -> State:
        into_s = t_s - self.start_s
        if not 0.0 <= into_s <= self.lasts_s:
            return state
        part = math.sin(math.pi * into_s / self.lasts_s)
        return replace(
            state,
            vibration_mm_s=max(state.vibration_mm_s, self.vibration_mm_s * part),
            sway_x_deg=state.sway_x_deg + self.rock_deg * part * math.cos(self.side),
            sway_y_deg=state.sway_y_deg + self.rock_deg * part * math.sin(self.side),
            displacement_mm=state.displacement_mm + 8.0 * part,
        )


def uplinks(year: Year) -> Iterator[Uplink]:
    """All of the year in the order of arrival."""
    air = _Air(year)
    sensors = [_Sensor(year, unit, air) for unit in year.units]
    waiting: list[Uplink] = []
    for day in range(year.size.days):
        for sensor in sensors:
            waiting += sensor.day(day)
        until_ms = round((day + 1) * DAY_S * 1000)
        waiting.sort()
        count = bisect_left(waiting, (until_ms,))
        yield from waiting[:count]
        del waiting[:count]
    yield from waiting


class _Air:
    """Between the units and the city: what gets lost, doubled or late, and cabinets that are down."""

    def __init__(self, year: Year) -> None:
        self._outages: dict[str, list[Outage]] = {}
        for outage in year.outages:
            self._outages.setdefault(outage.cabinet, []).append(outage)

    def carry(self, unit: Unit, uplink: Uplink) -> list[Uplink]:
        """The uplink as often and whenever it arrives."""
        tick = uplink.measured_ms
        late_ms = 150 + int(1500 * uniform(unit.key, 100, tick))
        if uniform(unit.key, 101, tick) < unit.loss:
            if not uplink.awake:
                return []
            # what a unit reports awake wants an answer: it tries again, and in the end keeps it for later
            late_ms += 3000 + int(4000 * uniform(unit.key, 102, tick))
            if uniform(unit.key, 103, tick) < unit.loss:
                late_ms += 600_000 + int(3_000_000 * uniform(unit.key, 104, tick))
        elif uniform(unit.key, 105, tick) < 0.004:
            late_ms += int(600_000 * uniform(unit.key, 106, tick))
        heard = self._heard(unit, uplink, tick + late_ms)
        if heard and uniform(unit.key, 107, tick) < 0.01:
            heard.append(heard[0]._replace(arrived_ms=heard[0].arrived_ms + 1000 + int(9000 * uniform(unit.key, 108))))
        return heard

    def _heard(self, unit: Unit, uplink: Uplink, received_ms: int) -> list[Uplink]:
        arrived_ms = received_ms + 100 + int(900 * uniform(unit.key, 109, received_ms))
        for outage in self._outages.get(unit.cabinet, ()):
            if not outage.start_s <= received_ms / 1000 < outage.end_s:
                continue
            if outage.what == "power" or (outage.what == "bus" and outage.bus == unit.bus):
                return []
            if outage.what == "line":
                arrived_ms = round(outage.end_s * 1000) + 2000 + int(20_000 * uniform(unit.key, 110, received_ms))
        return [uplink._replace(received_ms=received_ms, arrived_ms=arrived_ms)]


class _Sensor:
    """One unit through the year, a day at a time."""

    def __init__(self, year: Year, unit: Unit, air: _Air) -> None:
        self._year, self._unit, self._air = year, unit, air
        self._troubles = year.troubles_of.get(unit.serial, ())
        self._passes = year.passes[unit.serial]
        self._sites = tuple(site for site in year.sites if unit.kind == "cover" and site.reaches(unit))
        stirs = [t for trouble in self._troubles for t in trouble.stirs()]
        stirs += [t for storm in self._passes for t in storm.stirs(unit)]
        stirs += [t for site in self._sites for t in site.stirs(unit)]
        self._stirs = sorted(stirs)
        # (when, how often it has reported again since it was stirred)
        self._again: list[tuple[float, int]] = []
        self._zero = (unit.body.offset_x_deg, unit.body.offset_y_deg)

    def day(self, day: int) -> list[Uplink]:
        """What it sends of that day, as it arrives."""
        begins_s, ends_s = day * DAY_S, (day + 1) * DAY_S
        now = _Today(
            troubles=tuple(each for each in self._troubles if _concerns(each, begins_s, ends_s)),
            passes=tuple(each for each in self._passes if _concerns(each, begins_s, ends_s)),
            sites=tuple(each for each in self._sites if _concerns(each, begins_s, ends_s)),
            shocks=_shocks(self._unit, day, self._year.size.first_day),
        )
        queue: list[tuple[float, int]] = [(t, -1) for t in self._beats(begins_s, ends_s)]
        first, last = bisect_left(self._stirs, begins_s), bisect_left(self._stirs, ends_s)
        queue += [(t, 0) for t in self._stirs[first:last]]
        queue += [(shock.start_s, 0) for shock in now.shocks]
        queue += [each for each in self._again if each[0] < ends_s]
        self._again = [each for each in self._again if each[0] >= ends_s]
        heapq.heapify(queue)
        sent: list[Uplink] = []
        while queue:
            at_s, again = heapq.heappop(queue)
            if any(trouble.silences(at_s) for trouble in now.troubles if trouble.start_s <= at_s < trouble.end_s):
                continue
            if again < 0:
                sent.append(self._report(at_s, now, awake=False)[0])
                continue
            calm = self._burst(at_s, again, now, sent)
            if not calm and again < AGAIN_MOST:
                later = (at_s + (AGAIN_EVERY_S if again < AGAIN_OFTEN else AGAIN_SELDOM_S), again + 1)
                if later[0] < ends_s:
                    heapq.heappush(queue, later)
                else:
                    self._again.append(later)
        return [heard for each in sent for heard in self._air.carry(self._unit, each)]

    def _beats(self, begins_s: float, ends_s: float) -> list[float]:
        unit = self._unit
        first = math.ceil((begins_s - unit.beat_at_s) / unit.beat_s)
        last = math.ceil((ends_s - unit.beat_at_s) / unit.beat_s)
        # a sensor's own clock is no quartz of a laboratory
        return [unit.beat_at_s + n * unit.beat_s + 30.0 * uniform(unit.key, 120, n) for n in range(first, last)]

    def _burst(self, at_s: float, again: int, now: _Today, sent: list[Uplink]) -> bool:
        """Report until calm; answers whether it is calm at the end."""
        wakes_s = at_s + (0.2 + 0.6 * uniform(self._unit.key, 121, int(at_s)))
        calm_ones = 0
        offsets = BURST_S
        for count, offset_s in enumerate(offsets):
            uplink, sensed = self._report(wakes_s + offset_s, now, awake=True)
            sent.append(uplink)
            shaking, upset = self._upset(sensed)
            calm_ones = 0 if upset else calm_ones + 1
            if calm_ones >= 2 and count >= 2:
                break
            if again and not shaking and count + 1 >= len(AGAIN_S):
                break
        return calm_ones > 0

    def _upset(self, sensed: Sensed) -> tuple[bool, bool]:
        """Whether the unit finds that it shakes, and whether it finds anything out of order, by its own lights."""
        unit = self._unit
        shaking = sensed.vibration_mm_s >= 8.0
        away = math.hypot(sensed.tilt_x_deg - self._zero[0], sensed.tilt_y_deg - self._zero[1])
        away = max(away, sensed.tilt_z_deg - math.hypot(*self._zero))
        wet = sensed.water_level_mm is not None and sensed.water_level_mm >= 0.85 * unit.depth_mm
        moved = sensed.displacement_mm >= 15.0 or away >= (3.0 if unit.kind == "cover" else 2.5)
        return shaking, shaking or moved or wet

    def _report(self, at_s: float, now: _Today, *, awake: bool) -> tuple[Uplink, Sensed]:
        unit = self._unit
        measured_ms = round(at_s * 1000)
        sensed = self._sensed(measured_ms / 1000, now)
        values = [
            ("tilt_x", round(sensed.tilt_x_deg, 2)),
            ("tilt_y", round(sensed.tilt_y_deg, 2)),
            ("tilt_z", round(min(sensed.tilt_z_deg, 180.0), 2)),
            ("displacement", round(sensed.displacement_mm, 1)),
            ("vibration", round(sensed.vibration_mm_s, 1)),
            ("temperature", round(sensed.temperature_c, 1)),
            ("battery", float(round(min(max(sensed.battery_pct, 0.0), 100.0)))),
        ]
        if sensed.water_level_mm is not None:
            values.append(("water_level", float(round(sensed.water_level_mm))))
        shows = tuple(each.number for each in now.troubles if each.start_s <= at_s and each.is_shown(at_s))
        return Uplink(measured_ms, unit.serial, measured_ms, measured_ms, tuple(values), awake, shows), sensed

    def _sensed(self, t_s: float, now: _Today) -> Sensed:
        unit = self._unit
        active = [each for each in now.troubles if each.start_s <= t_s < each.end_s + 2.0]
        seen_s = min((each.seen_s(t_s) for each in active), default=t_s)
        state = season_of(unit, at_rest(unit.body, seen_s), seen_s, float(self._year.size.first_day))
        for storm in now.passes:
            if storm.start_s <= seen_s < storm.end_s:
                state = storm.bend(state, unit, seen_s)
        for site in now.sites:
            if site.start_s <= seen_s < site.end_s:
                state = site.bend(state, unit, seen_s)
        for shock in now.shocks:
            state = shock.bend(state, seen_s)
        for trouble in active:
            state = trouble.bend(state, unit, seen_s)
        sensed = sense(unit.body, state, seen_s)
        for trouble in active:
            sensed = trouble.blur(sensed, unit, seen_s)
        return sensed


def _concerns(each: Trouble | StormPass | Site, begins_s: float, ends_s: float) -> bool:
    # a burst that began at midnight goes on for half a minute, and what is mended falls back for seconds
    return each.start_s < ends_s + 60.0 and begins_s <= each.end_s + 5.0


class _Today(NamedTuple):
    """What may concern a unit on one day."""

    troubles: tuple[Trouble, ...]
    passes: tuple[StormPass, ...]
    sites: tuple[Site, ...]
    shocks: tuple[_Shock, ...]


def _shocks(unit: Unit, day: int, first_day: int) -> tuple[_Shock, ...]:
    """The heavy lorries that strike a cover on that day: more on weekdays, in the morning and in the evening."""
    if unit.kind != "cover":
        return ()
    key = key_of(unit.key, "shock", day) if uniform(unit.key, 130, day) < 4 * SHOCKS_A_DAY else 0
    expected = SHOCKS_A_DAY * 3.0 * unit.busy * _BY_WEEKDAY[(_THURSDAY + first_day + day) % 7]
    if not key or uniform(key, 0) >= expected / (4 * SHOCKS_A_DAY):
        return ()
    hour = bisect_left(_UPTO_HOUR, uniform(key, 1))
    rocks = uniform(key, 2) < 0.3
    return (
        _Shock(
            start_s=day * DAY_S + 3600.0 * (min(hour, 23) + uniform(key, 3)),
            lasts_s=0.5 + 1.3 * uniform(key, 4),
            vibration_mm_s=9.0 + 16.0 * uniform(key, 5),
            rock_deg=4.0 + 16.0 * uniform(key, 6) if rocks else 0.3 * abs(bell(key, 7, 0)),
            side=2 * math.pi * uniform(key, 8),
        ),
    )


__all__ = ["BURST_S", "Outage", "Site", "Uplink", "uplinks"]
