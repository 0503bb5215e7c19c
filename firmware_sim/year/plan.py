"""The seeded plan of a year: the town, its storms, and all that goes wrong in it. The same seed plans the same year."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from firmware_sim.chance import key_of
from firmware_sim.physics import Kind
from firmware_sim.year.city import Unit, found_town, side_m
from firmware_sim.year.sizes import Size
from firmware_sim.year.troubles import Outage, Permit, Site, Trouble
from firmware_sim.year.weather import DAY_S, Storm, StormPass, pass_over

NEW_YEAR_UNIX_S = 1_767_196_800.0
"""2026-01-01 00:00 in China: day 0 of every year that is played."""

_HOUR_S = 3600.0
_STORM_DAYS = (75.0, 320.0)
_STORM_MODE = 205.0
_CALM_BEFORE_END_S = 2 * DAY_S
_TRIES = 2000


@dataclass(frozen=True, kw_only=True)
class Year:
    """All that will happen. Nothing in it depends on what anybody does about it."""

    seed: int
    size: Size
    units: tuple[Unit, ...]
    storms: tuple[Storm, ...]
    troubles: tuple[Trouble, ...]
    sites: tuple[Site, ...]
    outages: tuple[Outage, ...]

    @property
    def started_s(self) -> float:
        """The Unix time of its first midnight."""
        return NEW_YEAR_UNIX_S + self.size.first_day * DAY_S

    @property
    def lasts_s(self) -> float:
        """Its length."""
        return self.size.days * DAY_S

    @cached_property
    def unit_of(self) -> dict[str, Unit]:
        """Units by serial."""
        return {unit.serial: unit for unit in self.units}

    @cached_property
    def passes(self) -> dict[str, tuple[StormPass, ...]]:
        """Each storm as each unit feels it, by serial."""
        found = ((unit.serial, [pass_over(storm, unit) for storm in self.storms]) for unit in self.units)
        return {serial: tuple(each for each in some if each is not None) for serial, some in found}

    @cached_property
    def troubles_of(self) -> dict[str, tuple[Trouble, ...]]:
        """Troubles by serial."""
        found: dict[str, list[Trouble]] = {}
        for trouble in self.troubles:
            found.setdefault(trouble.serial, []).append(trouble)
        return {serial: tuple(some) for serial, some in found.items()}


def plan_year(seed: int, size: Size | None = None) -> Year:
    """The year of that seed."""
    size = size or Size()
    units = found_town(seed, size.assets)
    storms = tuple(_storms(seed, size))
    drawing = _Drawing(seed, size, units, storms)
    # the faults that storms bring first: they need units that the storm passes over
    for kind, count in {**size.faults, **size.works, **size.upkeep}.items():
        for index in range(count):
            drawing.add(kind, index)
    return Year(
        seed=seed,
        size=size,
        units=units,
        storms=storms,
        troubles=tuple(sorted(drawing.troubles, key=lambda each: each.start_s)),
        sites=tuple(_sites(seed, size)),
        outages=tuple(_outages(seed, size, units, drawing.troubles)),
    )


def _storms(seed: int, size: Size) -> list[Storm]:
    """Mostly in summer, at least four days apart where the year has room; every fourth of them a typhoon."""
    rng = Random(key_of(seed, "storms"))
    low = max(_STORM_DAYS[0], size.first_day + 2.0) - size.first_day
    high = min(_STORM_DAYS[1], size.first_day + size.days - 3.0) - size.first_day
    apart = min(4.0, (high - low) / (2 * max(1, size.storms)))
    days: list[float] = []
    while len(days) < size.storms:
        day = rng.triangular(low, high, min(max(_STORM_MODE - size.first_day, low), high))
        if all(abs(day - other) >= apart for other in days):
            days.append(day)
    wide = side_m(size.assets)
    return [_storm(rng, number, day, wide) for number, day in enumerate(sorted(days))]


def _storm(rng: Random, number: int, day: float, wide: float) -> Storm:
    heading, radius = rng.uniform(0, 2 * math.pi), rng.uniform(0.28, 0.40) * wide
    aside = rng.uniform(-0.12, 0.12) * wide
    reach = wide * 0.75 + radius
    east, north = math.cos(heading), math.sin(heading)
    middle = (-north * aside, east * aside)
    length, speed = 2 * reach, rng.uniform(1.2, 3.0)
    start_s = day * DAY_S
    return Storm(
        number=number,
        start_s=start_s,
        end_s=start_s + length / speed,
        from_m=(middle[0] - east * reach, middle[1] - north * reach),
        to_m=(middle[0] + east * reach, middle[1] + north * reach),
        radius_m=radius,
        strength=rng.uniform(0.7, 1.0),
        typhoon=number % 4 == 2,
    )


# kind → which units, for how long it lasts (hours), how long it takes to grow (hours), its amount
_SHAPES: dict[str, tuple[frozenset[Kind], tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "opened": (frozenset({"cover"}), (1.0, 6.0), (0, 0), (0, 0)),
    "stolen": (frozenset({"cover"}), (3.0, 24.0), (0, 0), (0, 0)),
    "hit": (frozenset({"pole"}), (6.0, 48.0), (0, 0), (0, 0)),
    "leaning": (frozenset({"pole"}), (24.0, 48.0), (6.0, 96.0), (0, 0)),
    "knocking": (frozenset({"cover"}), (24.0, 96.0), (0, 0), (0, 0)),
    "water": (frozenset({"cover"}), (4.0, 24.0), (1.0, 5.0), (0, 0)),
    "permitted": (frozenset({"cover"}), (0.5, 6.0), (0, 0), (0, 0)),
    "unpermitted": (frozenset({"cover"}), (0.4, 2.0), (0, 0), (0, 0)),
    "left_open": (frozenset({"cover"}), (0.5, 3.0), (0, 0), (0, 0)),
    "left_askew": (frozenset({"cover"}), (0.5, 3.0), (0, 0), (5.0, 9.0)),
    "battery": (frozenset({"cover", "pole"}), (72.0, 240.0), (20 * 24.0, 60 * 24.0), (0, 0)),
    "dead": (frozenset({"cover", "pole"}), (96.0, 240.0), (0, 0), (0, 0)),
    "drift": (frozenset({"cover", "pole"}), (20 * 24.0, 30 * 24.0), (0, 0), (0.1, 0.16)),
    "stuck": (frozenset({"cover", "pole"}), (10 * 24.0, 16 * 24.0), (0, 0), (0, 0)),
    "noisy": (frozenset({"cover", "pole"}), (20 * 24.0, 40 * 24.0), (0, 0), (2.0, 5.0)),
}
_BY_DAY = frozenset({"permitted", "unpermitted", "left_open", "left_askew"})
_OF_STORMS = frozenset({"opened", "hit", "knocking"})


class _Drawing:
    """Draws one trouble after the other, each on a unit that has none yet."""

    def __init__(self, seed: int, size: Size, units: Sequence[Unit], storms: Sequence[Storm]) -> None:
        self.troubles: list[Trouble] = []
        self._seed, self._size, self._units, self._storms = seed, size, units, storms
        self._taken: set[str] = set()

    def add(self, kind: str, index: int) -> None:
        """One more of its kind."""
        rng = Random(key_of(self._seed, "trouble", kind, index))
        kinds, lasts_h, ramp_h, amount = _SHAPES[kind]
        # a short play has no room for what takes weeks
        most_h = 24.0 * self._size.days * 0.6
        ramp_s = min(rng.uniform(*ramp_h), most_h * 0.6) * _HOUR_S
        lasts_s = min(ramp_s / _HOUR_S + rng.uniform(*lasts_h), most_h) * _HOUR_S
        storm = self._storm_for(kind, index, rng)
        unit, start_s = self._place(kind, kinds, lasts_s, storm, rng)
        self._taken.add(unit.serial)
        trouble = Trouble(
            number=len(self.troubles),
            kind=kind,
            serial=unit.serial,
            start_s=start_s,
            end_s=start_s + lasts_s,
            key=key_of(self._seed, "trouble", kind, index, "key"),
            ramp_s=ramp_s,
            amount=rng.uniform(*amount),
            storm=None if storm is None else storm.number,
        )
        self.troubles.append(_with_works(trouble, rng))

    def _storm_for(self, kind: str, index: int, rng: Random) -> Storm | None:
        if kind not in _OF_STORMS or not self._storms or index >= self._size.faults[kind] * self._size.faults_in_storms:
            return None
        return rng.choice(self._storms)

    def _place(
        self, kind: str, kinds: frozenset[Kind], lasts_s: float, storm: Storm | None, rng: Random
    ) -> tuple[Unit, float]:
        """A free unit and a moment: under the storm where there is one, else (for water) away from all storms."""
        while True:
            unit = rng.choice(self._units)
            if unit.serial in self._taken or unit.kind not in kinds:
                continue
            if storm is not None:
                spell = storm.over(unit)
                if spell is not None:
                    return unit, rng.uniform(*spell)
                continue
            start_s = self._moment(kind, lasts_s, rng)
            if not (kind == "water" and self._is_wet(start_s, lasts_s)):
                return unit, start_s

    def _moment(self, kind: str, lasts_s: float, rng: Random) -> float:
        latest_s = max(DAY_S * 1.2, self._size.days * DAY_S - lasts_s - _CALM_BEFORE_END_S)
        start_s = rng.uniform(DAY_S, latest_s)
        if kind in _BY_DAY:
            start_s = math.floor(start_s / DAY_S) * DAY_S + rng.uniform(8.5, 16.0) * _HOUR_S
        return start_s

    def _is_wet(self, start_s: float, lasts_s: float) -> bool:
        """A pipe that is blocked while everything is under water can't be told from the storm."""
        return any(
            storm.start_s - 6 * _HOUR_S < start_s + lasts_s and start_s < storm.end_s + 12 * _HOUR_S
            for storm in self._storms
        )


def _with_works(trouble: Trouble, rng: Random) -> Trouble:
    """Permits of works, and what goes wrong at their end."""
    if trouble.kind not in _BY_DAY or trouble.kind == "unpermitted":
        return trouble
    scanned_s = trouble.start_s - rng.uniform(60.0, 300.0)
    shut_s = trouble.end_s
    if trouble.kind == "permitted":
        ended_s = shut_s + rng.uniform(60.0, 600.0)
        return replace(
            trouble,
            permit=Permit(starts_s=scanned_s, ends_s=ended_s + rng.uniform(300.0, 3600.0), ended_s=ended_s),
            shut_s=shut_s,
        )
    if trouble.kind == "left_open":
        found_s = shut_s + rng.uniform(1.0, 5.0) * _HOUR_S
        permit = Permit(starts_s=scanned_s, ends_s=shut_s, ended_s=None)
        return replace(trouble, permit=permit, shut_s=found_s, end_s=found_s)
    ended_s = shut_s + rng.uniform(60.0, 600.0)
    permit = Permit(starts_s=scanned_s, ends_s=ended_s + rng.uniform(300.0, 3600.0), ended_s=ended_s)
    return replace(trouble, permit=permit, shut_s=shut_s, end_s=ended_s + rng.uniform(4.0, 30.0) * _HOUR_S)


def _sites(seed: int, size: Size) -> list[Site]:
    rng = Random(key_of(seed, "sites"))
    wide = side_m(size.assets)
    found = []
    for number in range(size.sites):
        start_s = (math.floor(rng.uniform(1, max(2, size.days - 2))) * 24 + rng.uniform(8, 13)) * _HOUR_S
        found.append(
            Site(
                number=number,
                x_m=rng.uniform(-wide / 2, wide / 2),
                y_m=rng.uniform(-wide / 2, wide / 2),
                reach_m=rng.uniform(80.0, 160.0),
                start_s=start_s,
                end_s=start_s + rng.uniform(2, 6) * _HOUR_S,
            )
        )
    return found


def _outages(seed: int, size: Size, units: Sequence[Unit], troubles: Sequence[Trouble]) -> list[Outage]:
    """Where nothing else goes wrong meanwhile: what nobody could hear is no miss. A line that is down only delays."""
    rng = Random(key_of(seed, "outages"))
    unit_of = {unit.serial: unit for unit in units}
    buses = sorted({(unit.cabinet, unit.bus) for unit in units})
    found: list[Outage] = []
    wanted = [what for what, count in size.outages.items() for _ in range(count)]
    for what in wanted:
        for _ in range(_TRIES):
            cabinet, bus = rng.choice(buses)
            start_s = rng.uniform(DAY_S, (size.days - 2) * DAY_S)
            lasts_s = rng.uniform(2, 10 if what == "line" else 30) * _HOUR_S
            one = Outage(
                what=what, cabinet=cabinet, bus=bus if what == "bus" else "", start_s=start_s, end_s=start_s + lasts_s
            )
            if _has_room(one, found, [each for each in troubles if _is_in(unit_of[each.serial], one)]):
                found.append(one)
                break
        else:
            raise ValueError(f"{size.days} days of {size.assets} assets have no room for all outages: plan fewer")
    return sorted(found, key=lambda each: each.start_s)


def _is_in(unit: Unit, outage: Outage) -> bool:
    return unit.cabinet == outage.cabinet and outage.bus in ("", unit.bus)


def _has_room(one: Outage, found: Sequence[Outage], troubles: Sequence[Trouble]) -> bool:
    around = [each for each in found if each.cabinet == one.cabinet]
    if any(each.start_s - DAY_S < one.end_s and one.start_s < each.end_s + DAY_S for each in around):
        return False
    return one.what == "line" or not any(_meets(each, one.start_s, one.end_s) for each in troubles)


def _meets(trouble: Trouble, start_s: float, end_s: float) -> bool:
    slow = trouble.kind in ("battery", "drift", "stuck", "noisy", "dead")
    return not slow and trouble.start_s - DAY_S < end_s and start_s < trouble.end_s + DAY_S
