"""Netvox R311A, R718DA, R718MBA and R718E: eleven bytes, port 6 reports, port 7 answers to settings. Pure.

Source: Netvox's application command documents. Which contact state means an open cover depends on the mounting: the
profile says it (``derive = ["open_from_contact"]``, ``settings.open_when``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from gateway.decoders.layout import Layout, need_length
from gateway.decoders.numbers import integer, number
from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import Setting

_BYTES = 11
_REPORT_PORT, _ANSWER_PORT = 6, 7
_VERSION = 1
_BATTERY = {"battery_voltage": "V", "battery_low": "1"}
_MOTION = {
    **{f"acceleration_{axis}": "m/s2" for axis in "xyz"},
    **{f"velocity_{axis}": "mm/s" for axis in "xyz"},
    "temperature": "Cel",
}
_R311A, _R718DA, _R718MBA, _R718E = 0x02, 0x1A, 0x27, 0x1C
_SET, _READ, _SET_LIMIT, _READ_LIMIT, _SET_RESTORE, _READ_RESTORE = 0x81, 0x82, 0x83, 0x84, 0x87, 0x88

Reports = Mapping[int, Callable[[bytes, Found], None]]


def _read(
    payload: bytes, port: int, settings: Mapping[str, Setting], found: Found, *, kind: int, reports: Reports
) -> None:
    need_length(payload, _BYTES)
    if payload[1] != kind:
        raise Refusal("other_kind", f"device type {payload[1]:02X}; this profile's is {kind:02X}")
    if port == _ANSWER_PORT:
        _read_answer(payload, kind, found)
    elif port == _REPORT_PORT:
        if payload[0] != _VERSION:
            raise Refusal("unknown_type", f"protocol version {payload[0]:02X}; known is 01")
        report = reports.get(payload[2])
        if report is None:
            raise Refusal("unknown_type", f"report type {payload[2]:02X} of device type {kind:02X} is not known")
        report(payload, found)
    else:
        raise Refusal("unknown_port", f"port {port}; reports come on 6, answers on 7")


def _start_up(payload: bytes, found: Found) -> None:
    found.facts |= {
        "software_version": f"{payload[3] / 10:g}",
        "hardware_version": str(payload[4]),
        "date_code": payload[5:9].hex(),  # eight BCD digits
    }


def _battery(payload: bytes, found: Found) -> None:
    found.add("battery_voltage", (payload[3] & 0x7F) / 10)
    found.add("battery_low", payload[3] >> 7)


def _switch(payload: bytes, found: Found, *, point: str) -> None:
    _battery(payload, found)
    if payload[4] > 1:
        raise Refusal("bad_value", f"status {payload[4]:02X} is neither 00 (off) nor 01 (on)")
    found.add(point, payload[4])


def _acceleration(payload: bytes, found: Found) -> None:
    _battery(payload, found)
    for place, axis in enumerate("xyz"):
        found.add(f"acceleration_{axis}", number(payload, 4 + 2 * place, "bf16", "little"))


def _velocity(payload: bytes, found: Found) -> None:
    for place, axis in enumerate("xyz"):
        found.add(f"velocity_{axis}", number(payload, 3 + 2 * place, "bf16", "little"))
    found.add("temperature", integer(payload, 9, "s16") / 10)


def _read_answer(payload: bytes, kind: int, found: Found) -> None:
    command = payload[0]
    if command in (_SET, _SET_LIMIT, _SET_RESTORE):
        found.facts[f"answer_{command:02x}"] = "success" if payload[2] == 0 else f"failure {payload[2]:02X}"
    elif command == _READ:
        found.facts |= {
            "min_time_s": str(integer(payload, 2, "u16")),
            "max_time_s": str(integer(payload, 4, "u16")),
            "battery_change_v": f"{payload[6] / 10:g}",
        }
        if kind == _R718E:
            found.facts["acceleration_change"] = str(integer(payload, 7, "u16"))
    elif command == _READ_LIMIT and kind in _LIMIT_NAMES:
        first, second = _LIMIT_NAMES[kind]
        found.facts |= {first: str(integer(payload, 2, "u16")), second: str(integer(payload, 4, "u16"))}
    elif command == _READ_RESTORE:
        found.facts["restore"] = payload[2:].hex().upper()
    else:
        raise Refusal("unknown_type", f"answer {command:02X} of device type {kind:02X} is not known")


_LIMIT_NAMES = {
    _R311A: ("on_duration", "off_duration"),
    _R718E: ("active_threshold", "inactive_threshold"),
}


def _switch_layout(kind: int, point: str) -> Layout:
    reports: Reports = {0: _start_up, 1: partial(_switch, point=point)}
    return Layout(read=partial(_read, kind=kind, reports=reports), points={**_BATTERY, point: "1"})


LAYOUTS: Mapping[str, Layout] = {
    "netvox-r311a": _switch_layout(_R311A, "contact"),
    "netvox-r718da": _switch_layout(_R718DA, "tilted"),
    "netvox-r718mba": _switch_layout(_R718MBA, "moving"),
    "netvox-r718e": Layout(
        read=partial(_read, kind=_R718E, reports={0: _start_up, 1: _acceleration, 2: _velocity}),
        points={**_BATTERY, **_MOTION},
    ),
}
