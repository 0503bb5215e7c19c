"""Thirty units on a line at 9,600 baud, played by the simulator in real time: one is dead, or the line is noisy.

The long form, ten minutes of noise, is ``covercode bench bus``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.bus_health import BusHealth, UnitHealth
from tests.street_bus import DEAD_AND_NOISY, Street, polled, truth_of

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("street at wire speed")]

DEAD = "dead-000007"


class Played(NamedTuple):
    """What two cycles of thirty units came to: on the sound line, on the one with a dead unit, on the noisy one."""

    health: dict[str, BusHealth]
    units: dict[str, list[UnitHealth]]
    kept: dict[tuple[str, int], dict[str, float]]
    answered: dict[tuple[str, int], dict[str, float]]
    damaged: int


def noisy(answers: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of the noisy line."""
    return [name for name in answers if name[0].startswith("noisy")]


def of_the_sound(units: Iterable[UnitHealth]) -> int:
    """How often the units other than the one that may be dead have answered."""
    return sum(unit.answers for unit in units if unit.address != 7)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder: Path = tmp_path_factory.mktemp("street")
    # On the noisy line a timeout that no stall of this computer reaches: what comes too late counts as silence.
    timeouts_s = {"sound": 0.3, "dead": 0.3, "noisy": 1.0}
    with Street(folder, buses=tuple(timeouts_s), units=30, events=DEAD_AND_NOISY) as street:
        with polled(street, poll_every_s=2.5, timeouts_s=timeouts_s) as buses:
            street.wait_until(lambda: len(noisy(street.kept.answers())) >= 40)
            units: dict[str, list[UnitHealth]] = {}

            def as_far_as_the_sound() -> bool:
                # at some moment after two cycles: each line has its own phase, and a busy computer holds up either
                units.update({name: bus.units() for name, bus in buses.items()})
                sound = of_the_sound(units["sound"])
                return sound >= 2 * 29 and of_the_sound(units["dead"]) >= 0.95 * sound

            street.wait_until(as_far_as_the_sound)
        health = {name: bus.health() for name, bus in buses.items()}
        damaged = street.end()["damaged"]
    return Played(health, units, street.kept.answers(), truth_of(street), damaged)


def test_one_dead_unit_among_thirty_costs_the_others_no_more_than_one_poll_in_twenty(played):
    assert of_the_sound(played.units["dead"]) >= 0.95 * of_the_sound(played.units["sound"])
    assert [unit.serial for unit in played.units["dead"] if unit.silent] == [DEAD]
    assert played.health["dead"].units_silent == [7]


def test_the_time_a_line_takes_is_told_and_so_is_how_many_units_it_has_time_for(played):
    assert all(0.3 < health.busy <= 1.0 for health in played.health.values())
    assert 15 <= played.health["sound"].units_fit <= 60
    assert played.health["noisy"].units_fit < played.health["sound"].units_fit  # asking again takes time


def test_on_a_noisy_line_no_wrong_value_is_kept_and_every_damaged_frame_is_counted(played):
    assert len(noisy(played.kept)) >= 40
    assert played.kept == {name: played.answered[name] for name in played.kept}, "a value was kept that no unit gave"
    assert played.health["noisy"].crc_errors == played.damaged > 10
    assert played.health["noisy"].noise_bytes > 0
