from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.physics import Sensed
from firmware_sim.registers import CELLS, REGISTER_COUNT, encode, values_of

SEEN = Sensed(
    tilt_x_deg=-1.234,
    tilt_y_deg=0.996,
    tilt_z_deg=101.5,
    displacement_mm=-2.26,
    vibration_mm_s=12.34,
    water_level_mm=1234.4,
    temperature_c=-7.06,
    battery_mv=3456.4,
    battery_pct=19.6,
    leaning=True,
    flooded=False,
)


def test_a_known_state_gives_the_registers_of_the_map():
    """Written out by hand from the register map, not by the encoder."""
    registers = encode("cover", SEEN, sample_count=0x0001_86A1, uptime_s=0x0002_0003)
    assert registers == (
        1,
        120,
        0x0001,
        0x86A1,
        0x0002,
        0x0003,
        0x10000 - 123,
        100,
        10150,
        0x10000 - 23,
        123,
        1234,
        0x10000 - 71,
        3456,
        20,
        0b1011,
    )


def test_the_values_are_those_on_the_wire_after_rounding():
    registers = encode("cover", SEEN, sample_count=100_001, uptime_s=131_075)
    assert values_of(registers) == {
        "sample_count": 100_001,
        "uptime": 131_075,
        "tilt_x": -1.23,
        "tilt_y": 1.0,
        "tilt_z": 101.5,
        "displacement": -2.3,
        "vibration": 12.3,
        "water_level": 1234,
        "temperature": -7.1,
        "battery": 20,
    }


def test_a_pole_has_no_water_level():
    registers = encode("pole", replace(SEEN, water_level_mm=None), sample_count=1, uptime_s=1)
    assert registers[0] == 2
    assert registers[11] == 0xFFFF
    assert "water_level" not in values_of(registers)


def test_a_part_of_the_registers_gives_the_points_wholly_in_it():
    registers = encode("cover", SEEN, sample_count=5, uptime_s=6)
    assert values_of(registers[3:8], start=3) == {"uptime": 6, "tilt_x": -1.23, "tilt_y": 1.0}


@given(
    st.builds(
        Sensed,
        **{
            name: st.floats(-1e6, 1e6)
            for name in (
                "tilt_x_deg",
                "tilt_y_deg",
                "tilt_z_deg",
                "displacement_mm",
                "vibration_mm_s",
                "temperature_c",
                "battery_mv",
                "battery_pct",
            )
        },
        water_level_mm=st.none() | st.floats(-1e6, 1e6),
        leaning=st.booleans(),
        flooded=st.booleans(),
    )
)
def test_whatever_is_sensed_fits_into_the_registers(seen):
    registers = encode("cover", seen, sample_count=2**33, uptime_s=2**33)
    assert len(registers) == REGISTER_COUNT
    assert all(0 <= register <= 0xFFFF for register in registers)


def test_no_two_points_share_a_register():
    taken = [cell.register + extra for cell in CELLS for extra in range(cell.width)]
    assert len(taken) == len(set(taken))
    assert max(taken) < REGISTER_COUNT


@pytest.mark.parametrize(("battery_pct", "low"), [(20.4, True), (21.0, False)])
def test_the_battery_bit_follows_the_register(battery_pct, low):
    registers = encode("pole", replace(SEEN, battery_pct=battery_pct), sample_count=1, uptime_s=1)
    assert bool(registers[15] & 8) is low
