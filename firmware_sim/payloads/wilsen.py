"""Pepperl+Fuchs WILSEN.sonic.level: blocks of length, two bytes of id, value; big-endian. For port 1."""

from __future__ import annotations

import struct

from firmware_sim.payloads.packing import signed_be, unsigned_be


def report(distance_mm: int, fill_pct: int, temperature_c: float, battery_v: float) -> bytes:
    """The usual report."""
    return (
        _block(0x0B02, unsigned_be(distance_mm))
        + _block(0x0B06, unsigned_be(fill_pct, size=1))
        + _block(0x0201, struct.pack(">f", temperature_c))
        + _block(0x5101, unsigned_be(battery_v, 0.1, 1))
    )


def position(latitude: float, longitude: float) -> bytes:
    """Where it is."""
    return _block(0x5001, signed_be(latitude, 1e-6, 4)) + _block(0x5002, signed_be(longitude, 1e-6, 4))


def identity(serial: str, measurements: int) -> bytes:
    """Who it is (14 characters), and how often it has measured."""
    return _block(0x2A25, serial.encode("ascii")) + _block(0x3103, unsigned_be(measurements, size=4))


def foreign_block() -> bytes:
    """A block of a kind that no table names; readers pass over it."""
    return _block(0x7F7F, b"\x01\x02\x03")


def _block(kind: int, value: bytes) -> bytes:
    return bytes((len(value) + 2,)) + kind.to_bytes(2, "big") + value
