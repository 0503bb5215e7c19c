"""Values that no device sends but that follow from those it sends, by the name a profile writes in ``derive``. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.decoders.outcome import Found
from gateway.decoders.profile import DeviceProfile, Setting
from gateway.decoders.setting import number_setting

_STANDARD_GRAVITY = 9.80665
_REST_WITHIN = 0.15  # share of 1 g by which a sensor at rest may err
_MM_PER_HPA = 10.1972  # of water of density 1 kg/l
_STEEPEST_DEG = 89.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """``work`` takes the values of ``needs`` in order and the settings; None: nothing follows from them.

    ``needs`` and ``gives`` are names with their units. ``settings``: name to the type of a setting it asks for.
    """

    needs: Mapping[str, str]
    gives: tuple[str, str]
    work: Callable[[tuple[float, ...], Mapping[str, Setting]], float | None]
    settings: tuple[str, ...] = ()
    help: str


def _tilt_from_acceleration(values: tuple[float, ...], settings: Mapping[str, Setting]) -> float | None:
    x, y, z = values
    size = math.hypot(x, y, z)
    if not abs(size - _STANDARD_GRAVITY) <= _REST_WITHIN * _STANDARD_GRAVITY:
        return None  # it was being moved: gravity alone would be 1 g
    return round(math.degrees(math.atan2(math.hypot(x, y), z)), 2)


def _tilt_from_xy(values: tuple[float, ...], settings: Mapping[str, Setting]) -> float | None:
    if not all(abs(value) <= _STEEPEST_DEG for value in values):
        return None
    x, y = (math.tan(math.radians(value)) for value in values)
    return round(math.degrees(math.atan(math.hypot(x, y))), 3)


def _open_from_contact(values: tuple[float, ...], settings: Mapping[str, Setting]) -> float | None:
    open_when = number_setting(settings, "open_when")
    return None if open_when is None else float(values[0] == open_when)


def _level_from_distance(values: tuple[float, ...], settings: Mapping[str, Setting]) -> float | None:
    height_mm = number_setting(settings, "sensor_height_mm")
    return None if height_mm is None else height_mm - values[0]


def _level_from_pressure(values: tuple[float, ...], settings: Mapping[str, Setting]) -> float | None:
    density = number_setting(settings, "density", above_zero=True) or 1.0
    return round(values[0] * _MM_PER_HPA / density, 1)


DERIVATIONS: Mapping[str, Derivation] = MappingProxyType(
    {
        "tilt_from_acceleration": Derivation(
            needs=dict.fromkeys(("acceleration_x", "acceleration_y", "acceleration_z"), "m/s2"),
            gives=("tilt_z", "deg"),
            work=_tilt_from_acceleration,
            help="angle to the vertical, while nothing but gravity acts",
        ),
        "tilt_from_xy": Derivation(
            needs=dict.fromkeys(("tilt_x", "tilt_y"), "deg"),
            gives=("tilt_z", "deg"),
            work=_tilt_from_xy,
            help="angle to the vertical from two axes",
        ),
        "open_from_contact": Derivation(
            needs={"contact": "1"},
            gives=("open", "1"),
            work=_open_from_contact,
            settings=("open_when",),
            help="open = 1 when the contact is settings.open_when (0 or 1), which depends on the mounting",
        ),
        "level_from_distance": Derivation(
            needs={"distance": "mm"},
            gives=("water_level", "mm"),
            work=_level_from_distance,
            settings=("sensor_height_mm",),
            help="settings.sensor_height_mm above the bottom, less the distance to the surface",
        ),
        "level_from_pressure": Derivation(
            needs={"pressure": "hPa"},
            gives=("water_level", "mm"),
            work=_level_from_pressure,
            settings=("density",),
            help="water column of settings.density kg/l (1 when not set)",
        ),
    }
)


def derive(profile: DeviceProfile, found: Found) -> None:
    """Notes what follows from what was found, for each time apart; what the device itself gave is left alone.

    Raises ``Refusal`` for a setting that can't be used.
    """
    for word in profile.derive:
        derivation = DERIVATIONS[word]
        for at_s, values in _by_time(found).items():
            needed = tuple(values[name] for name in derivation.needs if name in values)
            if len(needed) < len(derivation.needs) or derivation.gives[0] in values:
                continue
            value = derivation.work(needed, profile.settings)
            if value is not None:
                found.add(derivation.gives[0], value, at_s)


def _by_time(found: Found) -> dict[float | None, dict[str, float]]:
    times: dict[float | None, dict[str, float]] = {}
    for name, value, at_s in found.values:
        times.setdefault(at_s, {})[name] = value
    return times
