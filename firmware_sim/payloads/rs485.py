"""Sensors on RS-485: BWSENSING's own frames, and register blocks of Modbus sensors."""

from __future__ import annotations

import struct

from firmware_sim.payloads.packing import signed_be, unsigned_be

_GRAVITY = 9.80665


def bwm826(x_deg: float, y_deg: float, address: int = 0) -> bytes:
    """The answer to "read both axes": angles as packed decimal digits."""
    body = address.to_bytes(2, "big") + b"\x84" + _decimal(x_deg) + _decimal(y_deg) + bytes(4)
    return _bwsensing(body)


def bwm826_zeroed(address: int = 0, *, is_done: bool = True) -> bytes:
    """The answer to "take this for zero"."""
    return _bwsensing(address.to_bytes(2, "big") + b"\x85" + (b"\0" if is_done else b"\xff"))


def witmotion(roll_deg: float, pitch_deg: float, temperature_c: float) -> bytes:
    """Registers 34 to 40 (hex): acceleration, rate, field, angles, temperature of a unit at rest."""
    words = [0, 0, round(32768 / 16), *([0] * 6), round(roll_deg / 180 * 32768), round(pitch_deg / 180 * 32768), 0]
    return struct.pack(">12h", *words) + signed_be(temperature_c, 0.01)


def wt53r(distance_mm: int) -> bytes:
    """Register 34 (hex)."""
    return unsigned_be(distance_mm)


def qdy30a(level_mm: float, *, unit: int = 0x11, decimals: int = 1) -> bytes:
    """Registers 2 to 4: unit, decimals, value; 11 centimetres, 12 metres (hex)."""
    size_mm = {0x11: 10.0, 0x12: 1000.0}[unit] / 10**decimals
    return unsigned_be(unit) + unsigned_be(decimals) + signed_be(level_mm, size_mm)


def level_cm(level_cm: int) -> bytes:
    """Register 0."""
    return unsigned_be(level_cm)


def tilt_s16(x_deg: float, y_deg: float) -> bytes:
    """Registers 0 and 1, hundredths."""
    return signed_be(x_deg, 0.01) + signed_be(y_deg, 0.01)


def tilt_s32(x_deg: float, y_deg: float) -> bytes:
    """Registers 0 to 3, thousandths."""
    return signed_be(x_deg, 0.001, 4) + signed_be(y_deg, 0.001, 4)


def _decimal(degrees: float) -> bytes:
    """Sign, three digits, three decimals, a zero: eight digits in four bytes."""
    return bytes.fromhex(f"{int(degrees < 0)}{round(abs(degrees) * 1000):06d}0")


def _bwsensing(body: bytes) -> bytes:
    counted = bytes((len(body) + 2,)) + body
    return b"\x77" + counted + bytes((sum(counted) % 256,))
