"""Decentlab protocol 2: version, device, flags, words; big-endian. For port 1."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def mbx(device: int, distance_mm: int, samples: int, battery_v: float) -> bytes:
    """Ultrasonic distance."""
    return _frame(device, (distance_mm, samples), battery_v)


def rad(device: int, distance_mm: int, temperature_c: float, reliability_db: float, battery_v: float) -> bytes:
    """Radar distance."""
    words = (distance_mm, _centred(temperature_c, 100), _centred(reliability_db, 100), 0)
    return _frame(device, words, battery_v)


def pr26(device: int, bar: float, temperature_c: float, battery_v: float, span: tuple[float, float] = (0, 1)) -> bytes:
    """Pressure within ``span`` (bar)."""
    share = (bar - span[0]) / (span[1] - span[0])
    return _frame(device, (round(16384 + share * 32768), round((temperature_c + 50) / 0.003125 + 384)), battery_v)


def pr36(device: int, bar: float, temperature_c: float, battery_v: float, kp: int = 8192) -> bytes:
    """Pressure, ``kp`` steps a bar."""
    return _frame(device, (_centred(bar, kp), _centred(temperature_c, 256)), battery_v)


def ctd10(
    device: int, depth_mm: int, temperature_c: float, conductivity_us: int, battery_v: float, *, freezing: bool
) -> bytes:
    """Depth, temperature and conductivity (µS/cm)."""
    words = (_centred(depth_mm, 1), _centred(temperature_c, 10), conductivity_us, freezing)
    return _frame(device, words, battery_v)


def lpw(device: int, extension_pct: float, battery_v: float) -> bytes:
    """How far the rod is out."""
    raw = round((extension_pct / 100 + 1) * 8388608)
    return _frame(device, (raw & 0xFFFF, raw >> 16), battery_v)


def lid(device: int, statistic: Sequence[int], battery_v: float) -> bytes:
    """Laser distance: average, least, most, median, 10th, 25th, 75th, 90th percentile, mode, samples, time (DL-LID),
    and total samples (DL-LID2)."""
    return _frame(device, statistic, battery_v)


def battery_only(device: int, battery_v: float) -> bytes:
    """The sensor gave nothing; the radio still speaks."""
    return struct.pack(">BHHH", 2, device, 2, round(battery_v * 1000))


def _frame(device: int, words: Sequence[int], battery_v: float) -> bytes:
    return struct.pack(f">BHH{len(words) + 1}H", 2, device, 3, *words, round(battery_v * 1000))


def _centred(value: float, steps: int) -> int:
    return round(value * steps) + 32768
