"""The demo's script: which faults happen when, and which case each must raise. Data and pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


class BadWish(Exception):
    """What was asked of the demo can't be done; the message says what can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFault:
    """A fault of the simulator, the case it must raise (None: none at all) and how long that takes at most.

    ``concerns``: what the simulator aims it at (cover, pole, unit of either, bus, area).
    """

    kind: str
    concerns: str
    case_kind: str | None
    needs_s: float
    zh: str
    en: str
    ramp_s: float = 0.0
    lasts_s: float = 0.0


# needs_s = ramp + the rule's hold time + a few polls, seen from the fault's start
DEMO_FAULTS: dict[str, DemoFault] = {
    fault.kind: fault
    for fault in (
        DemoFault(
            kind="cover_opened", concerns="cover", case_kind="cover_displaced", needs_s=8,
            zh="井盖被打开", en="a cover is opened",
        ),
        DemoFault(
            kind="pole_hit", concerns="pole", case_kind="pole_leaning", needs_s=14,
            zh="灯杆被撞", en="a lamp post is hit",
        ),
        DemoFault(
            kind="cover_stolen", concerns="cover", case_kind="cover_displaced", needs_s=8,
            zh="井盖被盗", en="a cover is stolen",
        ),
        DemoFault(
            kind="cover_knocking", concerns="cover", case_kind="cover_loose", needs_s=18,
            zh="井盖松动弹跳", en="a cover rattles under traffic",
        ),
        DemoFault(
            kind="water_rising", concerns="cover", case_kind="water_high", needs_s=28, ramp_s=8,
            zh="井内水位上涨", en="water rises in a well",
        ),
        DemoFault(
            kind="pole_leaning", concerns="pole", case_kind="pole_leaning", needs_s=22, ramp_s=8,
            zh="灯杆缓慢倾斜", en="a lamp post leans slowly",
        ),
        DemoFault(
            kind="battery_running_out", concerns="unit", case_kind="battery_low", needs_s=18, ramp_s=8,
            zh="设备电量耗尽", en="a battery runs out",
        ),
        DemoFault(
            kind="unit_dead", concerns="unit", case_kind="device_silent", needs_s=20,
            zh="设备失联", en="a unit dies",
        ),
        DemoFault(
            kind="unit_stuck", concerns="unit", case_kind="device_stuck", needs_s=32,
            zh="传感器卡死", en="a sensor freezes",
        ),
        DemoFault(
            kind="storm", concerns="area", case_kind=None, needs_s=0, lasts_s=25,
            zh="片区暴雨大风（不应立案）", en="a storm over one area (must raise nothing)",
        ),
        DemoFault(
            kind="bus_crc_errors", concerns="bus", case_kind=None, needs_s=0, lasts_s=15,
            zh="总线校验错误（不应立案）", en="damaged answers on a bus (must raise nothing)",
        ),
        DemoFault(
            kind="bus_noise", concerns="bus", case_kind=None, needs_s=0, lasts_s=15,
            zh="总线噪声（不应立案）", en="noise on a bus (must raise nothing)",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSpot:
    """A simulated unit and the asset it sits on."""

    serial: str
    family: str
    asset_id: int
    asset_name: str
    lon: float
    lat: float
    bus: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One scripted fault; ``target`` is a serial, a bus name, or empty for an area round ``lon``, ``lat``."""

    fault: DemoFault
    at_s: float
    target: str = ""
    asset_id: int | None = None
    asset_name: str = ""
    lon: float = 0.0
    lat: float = 0.0

    def table(self) -> Iterator[str]:
        """Its ``[[event]]`` in the simulator's fleet file."""
        yield "[[event]]"
        yield f'kind = "{self.fault.kind}"'
        yield f"at_s = {self.at_s:.1f}"
        if self.fault.concerns == "area":
            yield f"centre = [{self.lon:.6f}, {self.lat:.6f}]"
            yield "radius_m = 250.0"
        else:
            yield f'{"bus" if self.fault.concerns == "bus" else "target"} = "{self.target}"'
        if self.fault.ramp_s:
            yield f"ramp_s = {self.fault.ramp_s:.1f}"
        if self.fault.lasts_s:
            yield f"duration_s = {self.fault.lasts_s:.1f}"
        if self.fault.kind == "bus_crc_errors":
            yield "strength = 0.2"


def chosen_faults(names: str) -> list[DemoFault]:
    """The faults a wish names: ``all``, ``none`` or a list. Raises ``BadWish``."""
    if names == "all":
        return list(DEMO_FAULTS.values())
    if names == "none":
        return []
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in DEMO_FAULTS]
    if unknown:
        known = ", ".join(DEMO_FAULTS)
        raise BadWish(f"--faults: no such fault: {', '.join(unknown)}; there are all, none and {known}")
    return [DEMO_FAULTS[name] for name in wanted]


FIRST_AT_S = 6.0
APART_S = 1.0
ENDLESS_FAULTS = 120


def plan_faults(
    faults: Sequence[DemoFault],
    spots: Sequence[SensorSpot],
    rng: Random,
    duration_s: float | None,
    apart_s: float = APART_S,
) -> list[PlannedFault]:
    """Every fault once on an asset of its own; those that a short run can't show are left out.

    Without a duration the first round is spread out so that a person can follow, and goes on with one fault about every
    minute and a half.
    """
    free = list(spots)
    rng.shuffle(free)
    if duration_s is None:
        return _endless(faults, free, rng)
    fitting = [fault for fault in faults if FIRST_AT_S + max(fault.needs_s, fault.lasts_s) + 2 <= duration_s]
    slowest_first = sorted(fitting, key=lambda fault: -fault.needs_s)
    planned, at_s = [], FIRST_AT_S
    for fault in slowest_first:
        latest_s = duration_s - fault.needs_s - 2
        chosen = _aim(fault, free, rng, min(at_s, latest_s))
        if chosen is not None:
            planned.append(chosen)
            at_s += apart_s
    return sorted(planned, key=lambda one: one.at_s)


def _endless(faults: Sequence[DemoFault], free: list[SensorSpot], rng: Random) -> list[PlannedFault]:
    planned: list[PlannedFault] = []
    at_s = 25.0
    for number in range(ENDLESS_FAULTS if faults else 0):
        fault = faults[number % len(faults)]
        chosen = _aim(fault, free, rng, at_s)
        if chosen is not None:
            planned.append(chosen)
            at_s += 20.0 if number < len(faults) else rng.uniform(60.0, 120.0)
    return planned


def _aim(fault: DemoFault, free: list[SensorSpot], rng: Random, at_s: float) -> PlannedFault | None:
    if fault.concerns in {"bus", "area"}:
        if not free:
            return None
        spot = rng.choice(free)
        target = spot.bus if fault.concerns == "bus" else ""
        return PlannedFault(fault=fault, at_s=at_s, target=target, lon=spot.lon, lat=spot.lat)
    family = {"cover": "cover", "pole": "light"}.get(fault.concerns)
    for place, spot in enumerate(free):
        if family is None or spot.family == family:
            del free[place]
            return PlannedFault(
                fault=fault, at_s=at_s, target=spot.serial, asset_id=spot.asset_id, asset_name=spot.asset_name
            )
    return None
