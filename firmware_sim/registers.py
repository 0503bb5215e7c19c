"""The unit's register map: sixteen 16-bit input registers, big endian, and the simulator's own way to fill them.

``values_of`` says what those registers mean, by the same table, so that the truth file holds what went over the wire
after rounding and not what physics meant. The gateway reads the map from its device profile; the two never share code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_sim.physics import Kind, Sensed

REGISTER_COUNT = 16
NOT_FITTED = 0xFFFF
FIRMWARE_VERSION = 120
KIND_NUMBER: dict[Kind, int] = {"cover": 1, "pole": 2}

STATUS_TILT = 1 << 0
STATUS_VIBRATION = 1 << 1
STATUS_WATER = 1 << 2
STATUS_BATTERY = 1 << 3

Value = float | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where one point lives: first register, type, and how many steps make one unit (100 for 0.01 deg)."""

    point: str
    register: int
    type: Literal["u16", "s16", "u32"]
    steps: int = 1

    @property
    def width(self) -> int:
        """How many registers it takes."""
        return 2 if self.type == "u32" else 1


CELLS: tuple[Cell, ...] = (
    Cell(point="sample_count", register=2, type="u32"),
    Cell(point="uptime", register=4, type="u32"),
    Cell(point="tilt_x", register=6, type="s16", steps=100),
    Cell(point="tilt_y", register=7, type="s16", steps=100),
    Cell(point="tilt_z", register=8, type="s16", steps=100),
    Cell(point="displacement", register=9, type="s16", steps=10),
    Cell(point="vibration", register=10, type="u16", steps=10),
    Cell(point="water_level", register=11, type="u16"),
    Cell(point="temperature", register=12, type="s16", steps=10),
    Cell(point="battery", register=14, type="u16"),
)


def encode(kind: Kind, sensed: Sensed, *, sample_count: int, uptime_s: int) -> tuple[int, ...]:
    """The sixteen registers, each 0 to 65535. Values beyond a register stop at its end, as the firmware does."""
    level_mm = sensed.water_level_mm
    count = sample_count & 0xFFFF_FFFF
    up = uptime_s & 0xFFFF_FFFF
    return (
        KIND_NUMBER[kind],
        FIRMWARE_VERSION,
        count >> 16,
        count & 0xFFFF,
        up >> 16,
        up & 0xFFFF,
        _signed(sensed.tilt_x_deg * 100),
        _signed(sensed.tilt_y_deg * 100),
        _signed(sensed.tilt_z_deg * 100),
        _signed(sensed.displacement_mm * 10),
        _unsigned(sensed.vibration_mm_s * 10),
        NOT_FITTED if level_mm is None else min(_unsigned(level_mm), NOT_FITTED - 1),
        _signed(sensed.temperature_c * 10),
        _unsigned(sensed.battery_mv),
        _unsigned(sensed.battery_pct),
        _status(sensed),
    )


def values_of(registers: tuple[int, ...], *, start: int = 0) -> dict[str, Value]:
    """The points wholly contained in ``registers`` (the first of which is number ``start``), in their units."""
    values: dict[str, Value] = {}
    for cell in CELLS:
        at = cell.register - start
        if at < 0 or at + cell.width > len(registers):
            continue
        raw = registers[at] if cell.width == 1 else registers[at] << 16 | registers[at + 1]
        if cell.point == "water_level" and raw == NOT_FITTED:
            continue
        if cell.type == "s16" and raw >= 0x8000:
            raw -= 0x10000
        values[cell.point] = raw if cell.steps == 1 else raw / cell.steps
    return values


def _signed(steps: float) -> int:
    return max(-0x8000, min(0x7FFF, round(steps))) & 0xFFFF


def _unsigned(steps: float) -> int:
    return max(0, min(0xFFFF, round(steps)))


def _status(sensed: Sensed) -> int:
    status = STATUS_TILT if sensed.leaning else 0
    status |= STATUS_VIBRATION if round(sensed.vibration_mm_s, 1) >= 10.0 else 0
    status |= STATUS_BATTERY if round(sensed.battery_pct) <= 20 else 0
    return status | (STATUS_WATER if sensed.flooded else 0)
