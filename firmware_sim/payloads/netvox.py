"""Netvox: eleven bytes; port 6 reports, port 7 answers."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_sim.payloads.packing import brain_le, signed_be, unsigned_be

R311A, R718DA, R718E, R718MBA = 0x02, 0x1A, 0x1C, 0x27


def switch(device: int, battery_v: float, *, is_on: bool, is_low: bool = False) -> bytes:
    """R311A contact, R718DA tilt, R718MBA activity: one state. For port 6."""
    return _padded(bytes((1, device, 1)) + _battery(battery_v, is_low) + bytes((is_on,)))


def acceleration(battery_v: float, xyz: Sequence[float], *, is_low: bool = False) -> bytes:
    """R718E, m/s². For port 6."""
    return _padded(bytes((1, R718E, 1)) + _battery(battery_v, is_low) + b"".join(map(brain_le, xyz)))


def velocity(xyz: Sequence[float], temperature_c: float) -> bytes:
    """R718E, mm/s, with the temperature. For port 6."""
    return _padded(bytes((1, R718E, 2)) + b"".join(map(brain_le, xyz)) + signed_be(temperature_c, 0.1))


def start_up(device: int, software: float, hardware: int, date: str) -> bytes:
    """What a device says when it starts; ``date``: eight digits. For port 6."""
    return _padded(bytes((1, device, 0, round(software * 10), hardware)) + bytes.fromhex(date))


def settings_answer(device: int, min_s: int, max_s: int, battery_change_v: float) -> bytes:
    """The answer to a question for the settings. For port 7."""
    times = unsigned_be(min_s) + unsigned_be(max_s)
    return _padded(bytes((0x82, device)) + times + unsigned_be(battery_change_v, 0.1, 1))


def _battery(volts: float, is_low: bool) -> bytes:
    return bytes((is_low << 7 | round(volts * 10),))


def _padded(frame: bytes) -> bytes:
    return frame.ljust(11, b"\0")
