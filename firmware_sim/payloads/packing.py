"""Whole numbers into bytes: rounded to the field's step and stopped at its ends."""

from __future__ import annotations

import struct


def steps(value: float, step: float, bits: int, *, signed: bool) -> int:
    """How many ``step`` make ``value``, within a field of so many ``bits``."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return max(low, min(high, round(value / step)))


def signed_le(value: float, step: float = 1, size: int = 2) -> bytes:
    """Little-endian, two's complement."""
    return steps(value, step, 8 * size, signed=True).to_bytes(size, "little", signed=True)


def unsigned_le(value: float, step: float = 1, size: int = 2) -> bytes:
    """Little-endian, never below zero."""
    return steps(value, step, 8 * size, signed=False).to_bytes(size, "little")


def signed_be(value: float, step: float = 1, size: int = 2) -> bytes:
    """Big-endian, two's complement."""
    return steps(value, step, 8 * size, signed=True).to_bytes(size, "big", signed=True)


def unsigned_be(value: float, step: float = 1, size: int = 2) -> bytes:
    """Big-endian, never below zero."""
    return steps(value, step, 8 * size, signed=False).to_bytes(size, "big")


def brain_le(value: float) -> bytes:
    """The upper half of a single-precision float, low byte first: what Netvox's accelerometers send."""
    return struct.pack("<f", value)[2:]
