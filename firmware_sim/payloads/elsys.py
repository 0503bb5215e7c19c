"""ELSYS: one byte of tag, a value, and so on; big-endian."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_sim.payloads.packing import signed_be, unsigned_be

_STEPS_A_G = 63


def tilt_report(temperature_c: float, gravity: Sequence[float], *, contact: bool, battery_v: float) -> bytes:
    """What an ELT or EMS sends: ``gravity`` in g on x, y, z."""
    return (
        b"\x01"
        + signed_be(temperature_c, 0.1)
        + b"\x03"
        + b"".join(signed_be(each, 1 / _STEPS_A_G, 1) for each in gravity)
        + bytes((0x0D, contact))
        + b"\x07"
        + unsigned_be(battery_v, 0.001)
    )


def level_report(distance_mm: int, external_c: float, wetness: int) -> bytes:
    """What one with a distance sensor sends."""
    return b"\x0e" + unsigned_be(distance_mm) + b"\x0c" + signed_be(external_c, 0.1) + bytes((0x12, wetness))
