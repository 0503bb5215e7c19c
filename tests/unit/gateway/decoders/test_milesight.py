"""Milesight frames, worked out by hand from the layout: channel, type, value; numbers little-endian."""

from __future__ import annotations

from gateway.decoders import Decoded, decode
from gateway.device_profiles import load_profiles

PROFILES = load_profiles()


def values(profile: str, frame: str, port: int = 85) -> dict[str, float]:
    outcome = decode(PROFILES[profile], bytes.fromhex(frame), port=port)
    assert isinstance(outcome, Decoded), outcome
    return {measured.name: measured.value for measured in outcome.points}


def test_em310_tilt():
    # 0x57 = 87 %; FEBB = 65211 - 65536 = -325 -> -3.25; 04D2 = 1234 -> 12.34; 1DE2 = 7650 -> 76.50; 02 = bit 1 = y
    assert values("milesight-em310-tilt", "01 75 57 03 CF BB FE D2 04 E2 1D 02") == {
        "battery": 87,
        "tilt_x": -3.25,
        "tilt_y": 12.34,
        "tilt_z": 76.5,
        "tilt_alarm_x": 0,
        "tilt_alarm_y": 1,
        "tilt_alarm_z": 0,
    }
