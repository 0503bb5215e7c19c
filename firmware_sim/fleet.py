"""Reads fleet and scenario files (TOML) and says everything that is wrong with them at once.

The format is the simulator's own; each problem names the place in the file and what to write instead.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sim.events import Area, Event, read_event
from firmware_sim.fields import Fields
from firmware_sim.physics import Kind

MAX_ADDRESS = 247


class FleetProblem(Exception):
    """The files can't be used; ``problems`` holds one line for each thing to mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlan:
    """One sensor unit of the fleet: where it answers, what it is fitted to."""

    address: int
    serial: str
    kind: Kind
    lon: float
    lat: float
    depth_mm: float
    height_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPlan:
    """One serial line: ``link`` is the symlink that leads to its pseudo-terminal."""

    name: str
    link: Path
    baud: int
    paced: bool
    units: tuple[UnitPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All that the simulator plays: the buses and, in the order of the files, the events."""

    seed: int
    buses: tuple[BusPlan, ...]
    events: tuple[Event, ...]

    def targets_of(self, event: Event) -> tuple[str, ...]:
        """The serials an event concerns."""
        if event.target is not None:
            return (event.target,)
        units = [(bus.name, unit) for bus in self.buses for unit in bus.units]
        if event.bus is not None:
            return tuple(unit.serial for name, unit in units if name == event.bus)
        area = event.area
        return tuple(unit.serial for _, unit in units if area is not None and area.holds(unit.lon, unit.lat))


def read_fleet(fleet_path: Path, scenario_path: Path | None = None) -> Fleet:
    """The fleet in ``fleet_path`` with its own events, followed by those of the scenario file.

    Raises ``FleetProblem`` with every problem of both files.
    """
    problems: list[str] = []
    root = Fields(_toml(fleet_path, problems), fleet_path.name, problems)
    seed = root.integer("seed", default=0)
    buses = tuple(_read_bus(fields) for fields in root.tables("bus"))
    event_tables = root.tables("event")
    root.refuse_the_rest()
    if not buses and not problems:
        problems.append(f"{fleet_path.name}: bus: there is none; add a [[bus]] with its [[bus.unit]] tables")
    if scenario_path is not None:
        scenario = Fields(_toml(scenario_path, problems), scenario_path.name, problems)
        event_tables += scenario.tables("event")
        scenario.refuse_the_rest()
    _refuse_doubles(buses, fleet_path.name, problems)
    kinds = {unit.serial: unit.kind for bus in buses for unit in bus.units}
    names = {bus.name for bus in buses}
    events = tuple(read_event(fields, index, kinds, names) for index, fields in enumerate(event_tables))
    if problems:
        raise FleetProblem(problems)
    return Fleet(seed=seed, buses=buses, events=events)


def _toml(path: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        problems.append(f"{path}: can't be read ({error.strerror}); give the path of an existing TOML file")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path}: is not TOML ({error}); mend the place named")
    return {}


def _read_bus(fields: Fields) -> BusPlan:
    bus = BusPlan(
        name=fields.text("name"),
        link=Path(fields.text("link")),
        baud=fields.integer("baud", default=9600, low=300, high=4_000_000),
        paced=fields.boolean("paced", default=False),
        units=tuple(_read_unit(unit) for unit in fields.tables("unit")),
    )
    if not bus.units:
        fields.problem("unit", "there is none; add at least one [[bus.unit]]")
    fields.refuse_the_rest()
    return bus


def _read_unit(fields: Fields) -> UnitPlan:
    kind: Kind = "pole" if fields.choice("kind", ("cover", "pole")) == "pole" else "cover"
    unit = UnitPlan(
        address=fields.integer("address", low=1, high=MAX_ADDRESS),
        serial=fields.text("serial"),
        kind=kind,
        lon=fields.number("lon", low=-180.0, high=180.0),
        lat=fields.number("lat", low=-90.0, high=90.0),
        depth_mm=fields.number("depth_mm", default=2400.0, low=200.0, high=20_000.0),
        height_m=fields.number("height_m", default=8.0, low=1.0, high=60.0),
    )
    fields.refuse_the_rest()
    return unit


def _refuse_doubles(buses: Iterable[BusPlan], file: str, problems: list[str]) -> None:
    seen: dict[tuple[str, object], str] = {}

    def once(what: str, value: object, place: str) -> None:
        first = seen.setdefault((what, value), place)
        if first != place:
            problems.append(f"{file}: {place}.{what}: {str(value)!r} is already used by {first}; give each its own")

    for b, bus in enumerate(buses):
        if bus.name:
            once("name", bus.name, f"bus[{b}]")
        once("link", bus.link, f"bus[{b}]")
        addresses: dict[int, str] = {}
        for u, unit in enumerate(bus.units):
            place = f"bus[{b}].unit[{u}]"
            if unit.serial:
                once("serial", unit.serial, place)
            first = addresses.setdefault(unit.address, place)
            if first != place and unit.address:
                problems.append(
                    f"{file}: {place}.address: {unit.address} is already used by {first}; "
                    "give each unit of a bus its own address"
                )


__all__ = ["Area", "BusPlan", "Event", "Fleet", "FleetProblem", "UnitPlan", "read_fleet"]
