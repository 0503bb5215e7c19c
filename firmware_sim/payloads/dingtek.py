"""Dingtek: frames from 80 to 81 that tell their length; integers big-endian, floats little-endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from firmware_sim.payloads.packing import signed_be, unsigned_be

Place = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What the device itself thinks."""

    full: bool = False
    fire: bool = False
    tilt: bool = False
    battery: bool = False


_CALM = Alarms()


def df702(
    distance_mm: int,
    temperature_c: int,
    angle_deg: int,
    counter: int,
    *,
    alarms: Alarms = _CALM,
    place: Place | None = None,
) -> bytes:
    """Distance, temperature and one signed angle; ``place``: longitude and latitude."""
    tail = (
        signed_be(temperature_c, size=1)
        + bytes((0x01 if angle_deg < 0 else 0x00, abs(angle_deg)))
        + bytes((alarms.full << 4 | alarms.fire, alarms.tilt << 4 | alarms.battery))
        + unsigned_be(counter)
        + b"\0"
    )
    return _frame(0x01, 0x02, unsigned_be(distance_mm), place, tail)


def df555(
    distance_mm: int, temperature_c: int, counter: int, *, alarms: Alarms = _CALM, place: Place | None = None
) -> bytes:
    """Distance and temperature."""
    tail = (
        signed_be(temperature_c, size=1)
        + b"\0\0"
        + bytes((alarms.full << 4, alarms.battery))
        + unsigned_be(counter)
        + b"\0"
    )
    return _frame(0x01, 0x01, unsigned_be(distance_mm), place, tail)


def df556(
    level_mm: int, battery_v: float, counter: int, *, alarms: Alarms = _CALM, place: Place | None = None
) -> bytes:
    """Level by pressure, and the battery in volts."""
    tail = b"\0\0\0" + bytes((alarms.full << 4, alarms.battery)) + unsigned_be(battery_v, 0.01) + unsigned_be(counter)
    return _frame(0x01, 0x01, unsigned_be(level_mm), place, tail)


def df702_parameters(firmware: tuple[int, int], *, upload_h: int, detect_min: int, tilt_deg: int) -> bytes:
    """What is set in a DF702."""
    body = bytes((*firmware, upload_h, detect_min, 30, 70, tilt_deg, 1, 0))
    return _sealed(0x01, 0x03, body + bytes(25 - 6 - len(body)))


def _frame(model: int, kind: int, value: bytes, place: Place | None, tail: bytes) -> bytes:
    where = b"\0" if place is None else b"\x01" + struct.pack("<ff", *place)
    return _sealed(model, kind, value + where + tail)


def _sealed(model: int, kind: int, body: bytes) -> bytes:
    return bytes((0x80, 0x00, model, kind, len(body) + 6)) + body + b"\x81"
