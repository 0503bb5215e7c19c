"""Milesight: channel, type, value; numbers little-endian."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from firmware_sim.payloads.packing import signed_le, unsigned_le


def battery(percent: int) -> bytes:
    """The tag that begins most reports."""
    return b"\x01\x75" + unsigned_le(percent, size=1)


def join(serial: str, *, firmware: tuple[int, int], hardware: tuple[int, int]) -> bytes:
    """What a device says about itself when it joins: no measurement at all. ``serial``: 16 hex digits."""
    return (
        b"\xff\x0b\xff"
        + b"\xff\x01\x01"
        + b"\xff\x16"
        + bytes.fromhex(serial)
        + bytes((0xFF, 0x09, hardware[0], hardware[1] << 4))
        + bytes((0xFF, 0x0A, *firmware))
        + b"\xff\x0f\x00"
    )


def em310_tilt(angles_deg: Sequence[float], over: Sequence[bool], battery_pct: int) -> bytes:
    """Three angles and, for each axis, whether it is over its threshold."""
    flags = sum(1 << axis for axis, is_over in enumerate(over) if is_over)
    return battery(battery_pct) + b"\x03\xcf" + b"".join(signed_le(each, 0.01) for each in angles_deg) + bytes((flags,))


def em320_tilt(angles_deg: Sequence[float], over: Sequence[bool], battery_pct: int) -> bytes:
    """Three words of fifteen bits of angle and one of flag."""
    words = [round(angle * 100) << 1 | is_over for angle, is_over in zip(angles_deg, over, strict=True)]
    return battery(battery_pct) + b"\x03\xd4" + struct.pack("<3h", *words)


def em310_udl(distance_mm: int, *, tilted: bool, battery_pct: int) -> bytes:
    """Distance, and whether the sensor hangs askew."""
    return battery(battery_pct) + b"\x03\x82" + unsigned_le(distance_mm) + bytes((0x04, 0x00, tilted))


def em400(temperature_c: float, distance_mm: int, *, tilted: bool, battery_pct: int) -> bytes:
    """EM400-MUD and EM400-UDL: a periodic report."""
    return (
        battery(battery_pct)
        + b"\x03\x67"
        + signed_le(temperature_c, 0.1)
        + b"\x04\x82"
        + unsigned_le(distance_mm)
        + bytes((0x05, 0x00, tilted))
    )


def em400_alarm(distance_mm: int, *, is_over: bool) -> bytes:
    """EM400: the distance crossed its threshold, or came back."""
    return b"\x84\x82" + unsigned_le(distance_mm) + bytes((is_over,))


def em400_position(latitude: float, longitude: float, *, motion: int, fence: int) -> bytes:
    """EM400 over NB-IoT: where it is. ``motion``: 0 to 3, ``fence``: 0 to 3."""
    return b"\x06\x88" + signed_le(latitude, 1e-6, 4) + signed_le(longitude, 1e-6, 4) + bytes((fence << 4 | motion,))


def nbiot(tags: bytes, *, imei: str, csq: int, frame_count: int = 1) -> bytes:
    """The frame that the NB-IoT models put around their tags. ``imei``: 15 digits."""
    texts = b"".join(
        text.encode().ljust(size, b"\0")
        for text, size in (
            ("0101", 4),
            ("0110", 4),
            ("6791D19604050004", 16),
            (imei, 15),
            ("460040000000001", 15),
            ("89860400000000000001", 20),
        )
    )
    body = struct.pack(">BHB", 0, frame_count, 1) + texts + struct.pack(">BH", csq, len(tags)) + tags
    return struct.pack(">BHH", 0x02, 1, len(body)) + body


def em500_swl(depth_cm: int | None, battery_pct: int, history: Sequence[tuple[int, int]] = ()) -> bytes:
    """Water column; None: the probe could not be read. ``history``: (Unix seconds, cm)."""
    raw = b"\xff\xff" if depth_cm is None else unsigned_le(depth_cm)
    records = b"".join(b"\x20\xce" + struct.pack("<IH", at, value) for at, value in history)
    return battery(battery_pct) + b"\x03\x77" + raw + records


def em500_udl(distance_mm: int, battery_pct: int, history: Sequence[tuple[int, int]] = ()) -> bytes:
    """Ultrasonic distance; ``history``: (Unix seconds, mm)."""
    records = b"".join(b"\x20\xce" + struct.pack("<IH", at, value) for at, value in history)
    return battery(battery_pct) + b"\x03\x82" + unsigned_le(distance_mm) + records


def em500_udl_change(distance_mm: int, change_mm: int, *, is_over: bool) -> bytes:
    """A sudden change of the distance."""
    return b"\x83\xe9" + unsigned_le(distance_mm) + unsigned_le(change_mm) + bytes((is_over,))


def em410_rdl(temperature_c: float, distance_mm: int, signal: float, *, tilted: bool, battery_pct: int) -> bytes:
    """Radar distance with the strength of its echo."""
    return (
        battery(battery_pct)
        + b"\x03\x67"
        + signed_le(temperature_c, 0.1)
        + b"\x04\x82"
        + signed_le(distance_mm)
        + bytes((0x05, 0x00, tilted))
        + b"\x06\xc7"
        + signed_le(signal, 0.01)
    )


def em410_rdl_history(at: int, distance_mm: int, temperature_c: float, mutation_mm: int, events: int) -> bytes:
    """A radar record of the time ``at`` (Unix seconds)."""
    return (
        b"\x20\xce"
        + struct.pack("<I", at)
        + signed_le(distance_mm)
        + signed_le(temperature_c, 0.1)
        + signed_le(mutation_mm)
        + bytes((events,))
    )


def em300_mcs(temperature_c: float, humidity_pct: float, *, is_open: bool, battery_pct: int) -> bytes:
    """Magnetic contact with climate."""
    return (
        battery(battery_pct)
        + b"\x03\x67"
        + signed_le(temperature_c, 0.1)
        + b"\x04\x68"
        + unsigned_le(humidity_pct, 0.5, 1)
        + bytes((0x06, 0x00, is_open))
    )
