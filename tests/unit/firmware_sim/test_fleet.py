from __future__ import annotations

import math
from pathlib import Path

import pytest

import firmware_sim
from firmware_sim.faults import FAULTS
from firmware_sim.fleet import FleetProblem, read_fleet

STREET = Path(firmware_sim.__file__).parent / "scenarios" / "street.toml"

GOOD = """
seed = 7
[[bus]]
name = "b1"
link = "/run/x/b1.tty"
  [[bus.unit]]
  address = 1
  serial = "CV-000001"
  kind = "cover"
  lon = 113.3
  lat = 23.1
  depth_mm = 2400
  [[bus.unit]]
  address = 2
  serial = "PL-000001"
  kind = "pole"
  lon = 113.31
  lat = 23.1
  height_m = 8.0
[[bus]]
name = "b2"
link = "/run/x/b2.tty"
baud = 19200
paced = true
  [[bus.unit]]
  address = 1
  serial = "CV-000002"
  kind = "cover"
  lon = 113.3
  lat = 23.2
"""


def written(tmp_path: Path, text: str, name: str = "fleet.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(FleetProblem) as caught:
        read_fleet(written(tmp_path, text))
    return list(caught.value.problems)


def test_a_fleet_is_read_with_its_defaults(tmp_path):
    fleet = read_fleet(written(tmp_path, GOOD))
    assert fleet.seed == 7
    assert [(bus.name, bus.baud, bus.paced, len(bus.units)) for bus in fleet.buses] == [
        ("b1", 9600, False, 2),
        ("b2", 19200, True, 1),
    ]
    assert fleet.buses[0].link == Path("/run/x/b1.tty")
    assert fleet.events == ()


def test_the_shipped_street_can_be_played():
    fleet = read_fleet(STREET)
    assert len(fleet.buses) == 2
    assert fleet.events
    assert all(fleet.targets_of(event) for event in fleet.events)


def test_the_shipped_street_explains_every_kind_of_event():
    text = STREET.read_text(encoding="utf-8")
    assert [kind for kind in FAULTS if kind not in text] == []


def test_the_events_of_a_scenario_file_follow_those_of_the_fleet(tmp_path):
    fleet_path = written(tmp_path, GOOD + '[[event]]\nkind="unit_dead"\ntarget="CV-000001"\nat_s=1\n')
    scenario = written(tmp_path, '[[event]]\nkind="bus_noise"\nbus="b2"\nat_s=2.5\nduration_s=3\n', "scenario.toml")
    first, second = read_fleet(fleet_path, scenario).events
    assert (first.index, first.kind, first.target, first.end_s) == (0, "unit_dead", "CV-000001", math.inf)
    assert (second.index, second.kind, second.bus, second.end_s) == (1, "bus_noise", "b2", 5.5)


def test_a_storm_reaches_the_units_in_its_circle_only(tmp_path):
    text = GOOD + '[[event]]\nkind="storm"\ncentre=[113.3, 23.1]\nradius_m={}\nat_s=1\n'
    near = read_fleet(written(tmp_path, text.format(500)))
    wide = read_fleet(written(tmp_path, text.format(1100)))
    assert near.targets_of(near.events[0]) == ("CV-000001",)
    assert wide.targets_of(wide.events[0]) == ("CV-000001", "PL-000001")


def test_a_bus_fault_concerns_every_unit_of_the_bus(tmp_path):
    fleet = read_fleet(written(tmp_path, GOOD + '[[event]]\nkind="bus_noise"\nbus="b1"\nat_s=1\n'))
    assert fleet.targets_of(fleet.events[0]) == ("CV-000001", "PL-000001")


def test_all_problems_are_told_at_once_each_with_its_place_and_cure(tmp_path):
    problems = problems_of(
        tmp_path,
        """
sed = 7
[[bus]]
name = "b1"
link = "/run/x/b1.tty"
baud = "fast"
paced = 1
  [[bus.unit]]
  address = 300
  kind = "lamp"
  lon = 1130.3
  lat = true
  depht_mm = 2400
[[bus]]
name = ""
link = "/run/x/b1.tty"
[[event]]
kind = "earthquake"
at_s = -1
strength = 2
""",
    )
    for place, cure in (
        ("fleet.toml: sed", "not a known field"),
        ("fleet.toml: bus[0].baud", "whole number"),
        ("fleet.toml: bus[0].paced", "true nor false"),
        ("fleet.toml: bus[0].unit[0].address", "1 to 247"),
        ("fleet.toml: bus[0].unit[0].serial", "is missing"),
        ("fleet.toml: bus[0].unit[0].kind", "cover, pole"),
        ("fleet.toml: bus[0].unit[0].lon", "-180 to 180"),
        ("fleet.toml: bus[0].unit[0].lat", "-90 to 90"),
        ("fleet.toml: bus[0].unit[0].depht_mm", "depth_mm"),
        ("fleet.toml: bus[1].name", "not empty"),
        ("fleet.toml: bus[1].unit", "at least one"),
        ("fleet.toml: bus[1].link", "already used by bus[0]"),
        ("fleet.toml: event[0].kind", "cover_opened"),
        ("fleet.toml: event[0].at_s", "number from 0"),
        ("fleet.toml: event[0].strength", "0 to 1"),
    ):
        assert [p for p in problems if p.startswith(place + ":") and cure in p], (place, cure, problems)
    assert len(problems) == 15


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ('kind="cover_opened"\ntarget="CV-9"', "event[0].target: 'CV-9' is not a unit of the fleet"),
        ('kind="cover_opened"\ntarget="PL-000001"', "event[0].target: 'PL-000001' is a pole and cover_opened needs"),
        ('kind="pole_hit"\ntarget="CV-000001"', "event[0].target: 'CV-000001' is a cover and pole_hit needs"),
        ('kind="pole_hit"\nbus="b1"', "event[0].target: is missing"),
        ('kind="bus_noise"\nbus="b9"', "event[0].bus: 'b9' is not a bus of the fleet; use one of: b1, b2"),
        ('kind="storm"\ncentre=[113.3]\nradius_m=5', "event[0].centre: [113.3] is not a place"),
        ('kind="storm"\ncentre=[113.3, 23.1]', "event[0].radius_m: is missing"),
        ('kind="unit_dead"\ntarget="CV-000001"\nduration_s=0', "event[0].duration_s: 0 is not usable"),
    ],
)
def test_an_event_that_can_not_happen_is_refused(tmp_path, event, said):
    problems = problems_of(tmp_path, GOOD + f"[[event]]\nat_s=1\n{event}\n")
    assert any(said in problem for problem in problems), problems


def test_the_same_serial_or_address_twice_is_refused(tmp_path):
    text = GOOD.replace('"PL-000001"', '"CV-000001"').replace("address = 2", "address = 1")
    problems = problems_of(tmp_path, text)
    assert any("bus[0].unit[1].serial: 'CV-000001' is already used by bus[0].unit[0]" in p for p in problems)
    assert any("bus[0].unit[1].address: 1 is already used by bus[0].unit[0]" in p for p in problems)


def test_the_same_address_on_another_bus_is_fine(tmp_path):
    assert read_fleet(written(tmp_path, GOOD)).buses[1].units[0].address == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("seed = ", "is not TOML"), ("", "bus: there is none"), ("bus = 3", "write each one under its own [[bus]]")],
)
def test_a_file_that_is_no_fleet_says_what_to_write(tmp_path, text, said):
    assert any(said in problem for problem in problems_of(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FleetProblem, match=r"nothing\.toml: can't be read"):
        read_fleet(tmp_path / "nothing.toml")
