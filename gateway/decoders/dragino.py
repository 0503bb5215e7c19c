"""Dragino WL03A-LB, DS03A-LB, LDDS75 and LDS02: fixed frames, big-endian. Pure.

Source: Dragino's user manuals. The examples that device repositories publish for LDDS75 and LDS02 are cut short.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gateway.decoders.layout import Layout, need_length
from gateway.decoders.numbers import integer, masked
from gateway.decoders.outcome import EARLIEST_S, Found, Refusal
from gateway.decoders.profile import Setting

_EVENT_PORT, _LOG_PORT, _CONFIG_PORT, _STATUS_PORT = 2, 3, 4, 5
_EVENT_BYTES, _STATUS_BYTES = 11, 7
_MINUTE_S = 60
_BATTERY_MV = 0x3FFF
_BANDS = {
    0x01: "EU868", 0x02: "US915", 0x03: "IN865", 0x04: "AU915", 0x05: "KZ865", 0x06: "RU864", 0x07: "AS923",
    0x08: "AS923_1", 0x09: "AS923_2", 0x0A: "AS923_3", 0x0B: "CN470", 0x0C: "EU433", 0x0D: "KR920", 0x0E: "MA869",
}  # fmt: skip
_NO_SUB_BAND = 0xFF
_DOOR, _LEAK, _BOTH = 1, 2, 3


def _read_event_device(
    payload: bytes, port: int, settings: Mapping[str, Setting], found: Found, *, model: int, state: str
) -> None:
    if port == _STATUS_PORT:
        _status(payload, model, found)
    elif port == _CONFIG_PORT:
        _configuration(payload, found)
    elif port == _LOG_PORT:
        if not payload or len(payload) % _EVENT_BYTES:
            raise Refusal("bad_length", f"{len(payload)} bytes are not a whole number of {_EVENT_BYTES}-byte records")
        for at in range(0, len(payload), _EVENT_BYTES):
            _event(payload[at : at + _EVENT_BYTES], state, found, is_log=True)
    elif port == _EVENT_PORT:
        need_length(payload, _EVENT_BYTES)
        _event(payload, state, found, is_log=False)
    else:
        raise Refusal("unknown_port", f"port {port}; events 2, log 3, settings 4, status 5")


def _status(payload: bytes, model: int, found: Found) -> None:
    need_length(payload, _STATUS_BYTES)
    if payload[0] != model:
        raise Refusal("other_kind", f"model {payload[0]:02X}; this profile's is {model:02X}")
    if payload[3] not in _BANDS:
        raise Refusal("bad_value", f"frequency band {payload[3]:02X} is not known")
    found.facts |= {
        "firmware_version": f"{payload[1] & 15}.{payload[2] >> 4}.{payload[2] & 15}",
        "band": _BANDS[payload[3]],
    }
    if payload[4] != _NO_SUB_BAND:
        found.facts["sub_band"] = str(payload[4])
    found.add("battery_voltage", integer(payload, 5, "u16") / 1000)


def _configuration(payload: bytes, found: Found) -> None:
    if len(payload) < 4:
        raise Refusal("too_short", f"{len(payload)} bytes; interval and alarm setting take 4")
    found.facts |= {
        "interval_s": str(integer(payload, 0, "u24")),
        "alarm": "off" if payload[3] & 1 else "on",
        "more_settings": payload[4:].hex().upper(),  # keep status, keep time, alarm time: differ between models
    }


def _event(record: bytes, state: str, found: Found, *, is_log: bool) -> None:
    at_s: float | None = integer(record, 7, "u32")
    if at_s is not None and at_s < EARLIEST_S:
        if is_log:
            found.fault(state, f"a record without a usable time ({at_s:.0f})")
            return
        at_s = None  # the device does not know the time, but it speaks of now
    found.add(state, record[0] & 1, at_s)
    found.add("device_alarm", masked(record[0], 2), at_s)
    found.add(f"{state}_count", integer(record, 1, "u24"), at_s)
    found.add(f"{state}_duration", integer(record, 4, "u24") * _MINUTE_S, at_s)
    found.facts["counting"] = "part" if record[0] & 8 else "sum"
    found.facts["sent_by"] = "interval" if record[0] & 4 else "event"


def _read_distance(payload: bytes, port: int, settings: Mapping[str, Setting], found: Found) -> None:
    need_length(payload, 8)
    found.add("battery_voltage", (integer(payload, 0, "u16") & _BATTERY_MV) / 1000)
    distance_mm = integer(payload, 2, "u16")
    if distance_mm:
        found.add("distance", distance_mm)
    else:
        found.fault("distance", "no sensor")
    found.add("device_alarm", masked(payload[4], 0xFF))
    if payload[7]:
        found.add("external_temperature", integer(payload, 5, "s16") / 10)


def _read_door(payload: bytes, port: int, settings: Mapping[str, Setting], found: Found) -> None:
    need_length(payload, 10)
    mode = payload[2]
    if mode not in (_DOOR, _LEAK, _BOTH):
        raise Refusal("unknown_type", f"mode {mode:02X} is none of 01 (door), 02 (leak), 03 (both)")
    head = integer(payload, 0, "u16")
    found.add("battery_voltage", (head & _BATTERY_MV) / 1000)
    if mode != _LEAK:
        found.add("open", head >> 15)
    if mode != _DOOR:
        found.add("leak", head >> 14 & 1)
    if mode != _BOTH:  # of both it is not told whose count it is
        state = "open" if mode == _DOOR else "leak"
        found.add(f"{state}_count", integer(payload, 3, "u24"))
        found.add(f"{state}_duration", integer(payload, 6, "u24") * _MINUTE_S)
    found.add("device_alarm", payload[9] & 1)


def _event_layout(model: int, state: str) -> Layout:
    return Layout(
        read=partial(_read_event_device, model=model, state=state),
        points={
            state: "1",
            f"{state}_count": "1",
            f"{state}_duration": "s",
            "device_alarm": "1",
            "battery_voltage": "V",
        },
    )


LAYOUTS: Mapping[str, Layout] = {
    "dragino-wl03a": _event_layout(0x1D, "leak"),
    "dragino-ds03a": _event_layout(0x1B, "open"),
    "dragino-ldds75": Layout(
        read=_read_distance,
        points={"distance": "mm", "external_temperature": "Cel", "device_alarm": "1", "battery_voltage": "V"},
    ),
    "dragino-lds02": Layout(
        read=_read_door,
        points={
            **dict.fromkeys(("open", "leak"), "1"),
            **{f"{state}_count": "1" for state in ("open", "leak")},
            **{f"{state}_duration": "s" for state in ("open", "leak")},
            "device_alarm": "1",
            "battery_voltage": "V",
        },
    ),
}
