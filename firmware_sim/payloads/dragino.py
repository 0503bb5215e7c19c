"""Dragino: fixed frames, big-endian."""

from __future__ import annotations

from firmware_sim.payloads.packing import signed_be, unsigned_be

WL03A, DS03A = 0x1D, 0x1B


def event(state: bool, count: int, last_min: int, at: int, *, alarm: bool = False, counts_parts: bool = False) -> bytes:
    """WL03A-LB (leak) and DS03A-LB (open): now, how often, how long the last was. For port 2; several for port 3."""
    flags = counts_parts << 3 | alarm << 1 | state
    return bytes((flags,)) + unsigned_be(count, size=3) + unsigned_be(last_min, size=3) + unsigned_be(at, size=4)


def status(model: int, battery_v: float, firmware: tuple[int, int, int] = (1, 0, 3), band: int = 0x0B) -> bytes:
    """For port 5."""
    first, second, third = firmware
    return bytes((model, first, second << 4 | third, band, 0xFF)) + unsigned_be(battery_v, 0.001)


def ldds75(distance_mm: int, battery_v: float, probe_c: float | None = None) -> bytes:
    """Ultrasonic distance; ``probe_c`` where a temperature probe is connected."""
    return (
        unsigned_be(battery_v, 0.001)
        + unsigned_be(distance_mm)
        + b"\0"
        + signed_be(0 if probe_c is None else probe_c, 0.1)
        + bytes((probe_c is not None,))
    )


def lds02_door(is_open: bool, count: int, last_min: int, battery_v: float, *, alarm: bool = False) -> bytes:
    """Door contact in mode 1."""
    head = is_open << 15 | round(battery_v * 1000)
    return (
        head.to_bytes(2, "big") + b"\x01" + unsigned_be(count, size=3) + unsigned_be(last_min, size=3) + bytes((alarm,))
    )
