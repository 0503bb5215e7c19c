"""Dingtek DF702/DF703, DF555 and DF556: frames from 80 to 81 that tell their own length. Pure.

Source: Dingtek's protocol documents. Integers are big-endian, floats little-endian. The sign of the angle follows the
table there: a public decoder has it wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.decoders.layout import Layout
from gateway.decoders.numbers import integer, number
from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import Setting

_START, _END = 0x80, 0x81
_TELEMETRY = (1, 2)  # periodic; of newer firmware, or an alarm
_PARAMETERS = 3
_GPS_AT, _GPS_BYTES = 7, 8
_SHORTEST = 5

Body = Callable[[bytes, Found], None]


def _read(payload: bytes, found: Found, *, length: int, parameters_length: int, body: Body, parameters: Body) -> None:
    if len(payload) < _SHORTEST:
        raise Refusal("too_short", f"{len(payload)} bytes; a frame has at least {length}")
    if payload[0] != _START or payload[-1] != _END:
        raise Refusal("bad_frame", f"goes from {payload[0]:02X} to {payload[-1]:02X} and not from 80 to 81")
    if payload[4] != len(payload):
        raise Refusal("bad_length", f"says {payload[4]} bytes; {len(payload)} came")
    kind = payload[3]
    if kind == _PARAMETERS:
        _expect(payload, parameters_length)
        parameters(payload, found)
        return
    if kind not in _TELEMETRY:
        raise Refusal("unknown_type", f"packet type {kind:02X} is none of 01, 02, 03")
    if len(payload) <= _GPS_AT or payload[_GPS_AT] not in (0, 1):
        raise Refusal("bad_value", "byte 7 says neither 00 (no position) nor 01 (a position follows)")
    has_position = payload[_GPS_AT] == 1
    _expect(payload, length + _GPS_BYTES * has_position)
    if has_position:
        found.add("longitude", number(payload, 8, "f32", "little"))
        found.add("latitude", number(payload, 12, "f32", "little"))
    # what follows the position stands where it stands in a frame without one
    body(payload[: _GPS_AT + 1] + payload[_GPS_AT + 1 + _GPS_BYTES * has_position :], found)


def _expect(payload: bytes, length: int) -> None:
    if len(payload) != length:
        raise Refusal("bad_length", f"{len(payload)} bytes; this type of frame has {length}")


def _df702(frame: bytes, found: Found) -> None:
    found.add("distance", integer(frame, 5, "u16"))
    found.add("temperature", integer(frame, 8, "s8"))
    found.add("tilt_z", -frame[10] if frame[9] & 0x0F else frame[10])
    found.add("level_alarm", _upper(frame[11]))
    found.add("fire_alarm", _lower(frame[11]))
    found.add("tilt_alarm", _upper(frame[12]))
    found.add("battery_low", _lower(frame[12]))
    found.add("sample_count", integer(frame, 13, "u16"))


def _df702_parameters(frame: bytes, found: Found) -> None:
    _common_parameters(frame, found)
    found.facts |= {
        "full_threshold_cm": str(frame[9]),
        "fire_threshold_cel": str(frame[10]),
        "tilt_threshold_deg": str(frame[11]),
        "tilt_detection": "on" if frame[12] else "off",
        "range_mm": "5000" if frame[13] else "2000",
    }


def _df555(frame: bytes, found: Found) -> None:
    found.add("distance", integer(frame, 5, "u16"))
    found.add("temperature", integer(frame, 8, "s8"))
    found.add("level_alarm", _upper(frame[11]))
    found.add("battery_low", _lower(frame[12]))
    found.add("sample_count", integer(frame, 13, "u16"))


def _df555_parameters(frame: bytes, found: Found) -> None:
    _common_parameters(frame, found)
    found.facts["level_threshold_cm"] = str(frame[9])


def _df556(frame: bytes, found: Found) -> None:
    found.add("water_level", integer(frame, 5, "u16"))
    found.add("level_alarm", _upper(frame[11]))
    found.add("battery_low", _lower(frame[12]))
    found.add("battery_voltage", integer(frame, 13, "u16") / 100)
    found.add("sample_count", integer(frame, 15, "u16"))


def _common_parameters(frame: bytes, found: Found) -> None:
    found.facts |= {
        "firmware_version": f"{frame[5]}.{frame[6]}",
        "upload_interval_h": str(frame[7]),
        "detect_interval_min": str(frame[8]),
    }


def _upper(byte: int) -> int:
    return int(byte >> 4 != 0)


def _lower(byte: int) -> int:
    return int(byte & 0x0F != 0)


def _layout(length: int, parameters_length: int, body: Body, parameters: Body, points: Mapping[str, str]) -> Layout:
    def read(payload: bytes, port: int, settings: Mapping[str, Setting], found: Found) -> None:
        _read(payload, found, length=length, parameters_length=parameters_length, body=body, parameters=parameters)

    return Layout(read=read, points={**points, **_POINTS})


_POINTS = {"longitude": "lon", "latitude": "lat", "level_alarm": "1", "battery_low": "1", "sample_count": "1"}
_ULTRASONIC = {"distance": "mm", "temperature": "Cel"}

LAYOUTS: Mapping[str, Layout] = {
    "dingtek-df702": _layout(
        17, 25, _df702, _df702_parameters, {**_ULTRASONIC, "tilt_z": "deg", "fire_alarm": "1", "tilt_alarm": "1"}
    ),
    "dingtek-df555": _layout(17, 17, _df555, _df555_parameters, _ULTRASONIC),
    "dingtek-df556": _layout(18, 17, _df556, _df555_parameters, {"water_level": "mm", "battery_voltage": "V"}),
}
