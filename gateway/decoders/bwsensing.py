"""BWSENSING BWM826 dual-axis inclinometer on RS-485: its own frames with a sum, angles as packed decimal digits. Pure.

Source: BWSENSING's protocol document. The third angle of a dual-axis unit says nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.decoders.layout import Layout
from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import Setting

START = 0x77
AROUND = 6  # start, length, address (2), command, sum
_ANGLES, _ZERO, _BAUD = 0x84, 0x85, 0x8B
_ANGLES_BYTES = 12
_ACKS = {0x00: "ok", 0xFF: "failed"}


def checksum(between: bytes) -> int:
    """The sum of all bytes between the start and itself, low byte."""
    return sum(between) & 0xFF


def _read(payload: bytes, port: int, settings: Mapping[str, Setting], found: Found) -> None:
    if len(payload) < AROUND:
        raise Refusal("too_short", f"{len(payload)} bytes; the shortest frame has {AROUND}")
    if payload[0] != START:
        raise Refusal("bad_frame", f"begins with {payload[0]:02X} and not with 77")
    if payload[1] != len(payload) - 1:
        raise Refusal("bad_length", f"says {payload[1]} bytes after the first; {len(payload) - 1} came")
    if checksum(payload[1:-1]) != payload[-1]:
        raise Refusal("bad_check", f"sum {payload[-1]:02X}; its bytes add up to {checksum(payload[1:-1]):02X}")
    found.facts["address"] = payload[2:4].hex().upper()
    command, body = payload[4], payload[5:-1]
    if command == _ANGLES:
        if len(body) != _ANGLES_BYTES:
            raise Refusal("bad_length", f"{len(body)} bytes of angles; three take {_ANGLES_BYTES}")
        found.add("tilt_x", _angle(body[0:4]))
        found.add("tilt_y", _angle(body[4:8]))
    elif command in (_ZERO, _BAUD):
        if len(body) != 1 or body[0] not in _ACKS:
            raise Refusal("bad_value", f"answer {body.hex().upper()} is neither 00 (ok) nor FF (failed)")
        found.facts["zero" if command == _ZERO else "baud"] = _ACKS[body[0]]
    else:
        raise Refusal("unknown_type", f"command {command:02X} is none of 84 (angles), 85 (zero), 8B (baud)")


def _angle(packed: bytes) -> float:
    """Eight decimal digits S XXX YYY 0: sign, whole degrees, thousandths."""
    digits = packed.hex()
    if not digits.isdecimal() or digits[0] not in "01":
        raise Refusal("bad_value", f"{digits.upper()} are not eight decimal digits with a sign of 0 or 1")
    size = int(digits[1:7]) / 1000
    return -size if digits[0] == "1" else size


LAYOUTS: Mapping[str, Layout] = {"bwsensing-bwm826": Layout(read=_read, points={"tilt_x": "deg", "tilt_y": "deg"})}
