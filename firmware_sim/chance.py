"""Chance without memory: every draw is a pure function of a key, a stream and a tick.

A unit asked twice at the same moment feels the same weather, in whatever order and however often it is asked. That is
what lets a frozen sensor be "the same unit, seen at an earlier time", and what makes a seed reproduce a street.
"""

from __future__ import annotations

import hashlib
import math

_MASK = (1 << 64) - 1
_SQRT3 = math.sqrt(3.0)


def key_of(*parts: object) -> int:
    """A 64-bit key from any printable parts; the same parts give the same key on every machine."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _mixed(key: int, stream: int, tick: int) -> int:
    """The splitmix64 finaliser (Steele, Lea, Flood 2014) over the three numbers."""
    z = (key + stream * 0x9E3779B97F4A7C15 + tick * 0xD1B54A32D192ED03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def uniform(key: int, stream: int, tick: int = 0) -> float:
    """A number in [0, 1)."""
    return _mixed(key, stream, tick) / (1 << 64)


def bell(key: int, stream: int, tick: int) -> float:
    """Noise of mean 0 and deviation 1 that never leaves ±3.47 (the sum of four uniform draws).

    Bounded on purpose: a simulated year may not raise an alert by one draw from a Gaussian's tail.
    """
    z = _mixed(key, stream, tick)
    total = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48)
    return (total / 65536.0 - 2.0) * _SQRT3


def wander(key: int, stream: int, t_s: float, period_s: float) -> float:
    """A smooth random walk in [0, 1] that takes about ``period_s`` to change its mind."""
    place = t_s / period_s
    tick = math.floor(place)
    part = place - tick
    part = part * part * (3.0 - 2.0 * part)
    return uniform(key, stream, tick) * (1.0 - part) + uniform(key, stream, tick + 1) * part
