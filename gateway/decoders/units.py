"""From the units that devices write to ours: a factor and an offset for each pair. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_GRAVITY = 9.80665

CONVERSIONS: Mapping[tuple[str, str], tuple[float, float]] = MappingProxyType(
    {
        ("m", "mm"): (1000.0, 0.0),
        ("dm", "mm"): (100.0, 0.0),
        ("cm", "mm"): (10.0, 0.0),
        ("km", "mm"): (1e6, 0.0),
        ("in", "mm"): (25.4, 0.0),
        ("ft", "mm"): (304.8, 0.0),
        ("um", "mm"): (0.001, 0.0),
        ("rad", "deg"): (57.29577951308232, 0.0),
        ("mrad", "deg"): (0.05729577951308232, 0.0),
        ("degF", "Cel"): (5 / 9, -160 / 9),
        ("K", "Cel"): (1.0, -273.15),
        ("mV", "V"): (0.001, 0.0),
        ("Pa", "hPa"): (0.01, 0.0),
        ("kPa", "hPa"): (10.0, 0.0),
        ("bar", "hPa"): (1000.0, 0.0),
        ("mbar", "hPa"): (1.0, 0.0),
        ("psi", "hPa"): (68.94757, 0.0),
        ("/", "%"): (100.0, 0.0),
        ("/", "%EL"): (100.0, 0.0),
        ("/", "%RH"): (100.0, 0.0),
        ("%", "%EL"): (1.0, 0.0),
        ("%", "%RH"): (1.0, 0.0),
        ("m/s", "mm/s"): (1000.0, 0.0),
        ("cm/s", "mm/s"): (10.0, 0.0),
        ("g", "m/s2"): (_GRAVITY, 0.0),
        ("mg", "m/s2"): (_GRAVITY / 1000, 0.0),
        ("ms", "s"): (0.001, 0.0),
        ("min", "s"): (60.0, 0.0),
        ("h", "s"): (3600.0, 0.0),
        ("d", "s"): (86400.0, 0.0),
        ("uS/cm", "S/m"): (1e-4, 0.0),
        ("mS/cm", "S/m"): (0.1, 0.0),
    }
)
"""(their unit, ours) to (factor, offset): ours = theirs * factor + offset."""


def convert(value: float, unit: str, to: str) -> float:
    """``value`` in ``unit`` as so many ``to``. Raises ``KeyError`` for a pair that is not in the table."""
    if not unit or unit == to:
        return value
    factor, offset = CONVERSIONS[unit, to]
    return float(f"{value * factor + offset:.12g}")  # without the crumbs of binary fractions
