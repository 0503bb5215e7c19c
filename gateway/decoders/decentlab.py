"""Decentlab protocol 2: a version, a device number, flags, then groups of 16-bit words, the battery last. Pure.

Source: Decentlab's payload specification. Bit k of the flags tells whether group k is there; every group has a fixed
number of words. All numbers are big-endian.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.decoders.layout import Layout
from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import Setting
from gateway.decoders.setting import number_setting

_VERSION = 2
_HEAD = 5
_HPA_PER_BAR = 1000
_MM_PER_BAR = 10197.2  # of water of density 1 kg/l
_S_PER_M = 1e-4  # one µS/cm

Group = Callable[[Sequence[int], Mapping[str, Setting], Found], None]


def _read(
    payload: bytes, port: int, settings: Mapping[str, Setting], found: Found, *, words: int, group: Group
) -> None:
    if len(payload) < _HEAD:
        raise Refusal("too_short", f"{len(payload)} bytes; the head alone has {_HEAD}")
    if payload[0] != _VERSION:
        raise Refusal("unknown_type", f"protocol version {payload[0]:02X}; known is 02")
    found.facts["device_id"] = str(int.from_bytes(payload[1:3], "big"))
    flags = int.from_bytes(payload[3:5], "big")
    if flags & ~0b11:
        raise Refusal("unknown_type", f"flags {flags:04X} announce sensors that this device does not have")
    here = (words if flags & 1 else 0) + (1 if flags & 2 else 0)
    if len(payload) != _HEAD + 2 * here:
        reason = "too_short" if len(payload) < _HEAD + 2 * here else "too_long"
        raise Refusal(reason, f"the flags announce {here} words; {(len(payload) - _HEAD) / 2:g} came")
    came = [int.from_bytes(payload[at : at + 2], "big") for at in range(_HEAD, len(payload), 2)]
    if flags & 1:
        group(came[:words], settings, found)
    if flags & 2:
        found.add("battery_voltage", came[-1] / 1000)


def _ultrasonic(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    found.add("distance", x[0])
    found.add("valid_samples", x[1])


def _radar(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    found.add("distance", x[0])
    found.add("temperature", (x[1] - 32768) / 100)
    found.add("reliability", (x[2] - 32768) / 100)
    found.facts["status"] = str(x[3])


def _pressure_pr26(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    low, high = _set(settings, "p_min_bar"), _set(settings, "p_max_bar")
    _pressure((x[0] - 16384) / 32768 * (high - low) + low, settings, found)
    found.add("temperature", round((x[1] - 384) * 0.003125 - 50, 3))


def _pressure_pr36(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    _pressure((x[0] - 32768) / _set(settings, "kp", above_zero=True), settings, found)
    found.add("temperature", round((x[1] - 32768) / 256, 3))


def _pressure(bar: float, settings: Mapping[str, Setting], found: Found) -> None:
    found.add("pressure", round(bar * _HPA_PER_BAR, 2))
    found.add("water_level", round(bar * _MM_PER_BAR / _set(settings, "density", above_zero=True), 1))


def _set(settings: Mapping[str, Setting], name: str, *, above_zero: bool = False) -> float:
    """A setting that has a default."""
    return number_setting(settings, name, above_zero=above_zero) or 0.0


def _depth_and_conductivity(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    found.add("water_level", x[0] - 32768)
    found.add("temperature", (x[1] - 32768) / 10)
    found.add("conductivity", round(x[2] * _S_PER_M, 4))
    found.add("freezing", x[3])


def _linear(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    share = (x[0] + x[1] * 65536) / 8388608 - 1
    found.add("extension", round(share * 100, 4))
    stroke_mm = _set(settings, "stroke_mm")
    if stroke_mm > 0:
        found.add("displacement", round(share * stroke_mm, 3))


_LASER_NAMES = ("distance", "distance_min", "distance_max", "distance_median")


def _laser(x: Sequence[int], settings: Mapping[str, Setting], found: Found) -> None:
    for name, value in zip(_LASER_NAMES, x, strict=False):
        found.add(name, value)
    found.add("valid_samples", x[9])
    found.facts |= {
        "percentiles_mm": " ".join(str(value) for value in x[4:8]),  # 10th, 25th, 75th, 90th
        "mode_mm": str(x[8]),
        "acquisition_ms": f"{x[10] / 1.024:.0f}",
    }
    if len(x) > 11:
        found.facts["total_samples"] = str(x[11])


def _layout(words: int, group: Group, points: Mapping[str, str], **settings: Setting) -> Layout:
    return Layout(
        read=partial(_read, words=words, group=group),
        points={**points, "battery_voltage": "V"},
        settings=settings,
        above_zero=frozenset({"density", "kp"} & set(settings)),
    )


_DISTANCE = {"distance": "mm"}
_PRESSURE = {"pressure": "hPa", "water_level": "mm", "temperature": "Cel"}
_LASER = {**dict.fromkeys(_LASER_NAMES, "mm"), "valid_samples": "1"}
_DEPTH = {"water_level": "mm", "temperature": "Cel", "conductivity": "S/m", "freezing": "1"}

LAYOUTS: Mapping[str, Layout] = {
    "decentlab-mbx": _layout(2, _ultrasonic, {**_DISTANCE, "valid_samples": "1"}),
    "decentlab-rad": _layout(4, _radar, {**_DISTANCE, "temperature": "Cel", "reliability": "dB"}),
    "decentlab-pr26": _layout(2, _pressure_pr26, _PRESSURE, p_min_bar=0.0, p_max_bar=1.0, density=1.0),
    "decentlab-pr36": _layout(2, _pressure_pr36, _PRESSURE, kp=8192.0, density=1.0),
    "decentlab-ctd10": _layout(4, _depth_and_conductivity, _DEPTH),
    "decentlab-lpw": _layout(2, _linear, {"extension": "%", "displacement": "mm"}, stroke_mm=0.0),
    "decentlab-lid": _layout(11, _laser, _LASER),
    "decentlab-lid2": _layout(12, _laser, _LASER),
}
