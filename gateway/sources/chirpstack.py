"""Uplinks of ChirpStack v4, from its MQTT or HTTP integration. Pure.

Its JSON is protobuf's: fields that are zero, false or empty are left out, 64-bit numbers may be text, bytes are base64,
and further fields may come at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.sources.frames import (
    Damaged,
    Found,
    Frame,
    Unreadable,
    base64_bytes,
    part,
    parts,
    read_object,
    text,
    time_ms,
    whole,
)

TOPICS = ("application/+/device/+/event/up",)

_DEV_EUI = re.compile(r"[0-9a-f]{16}")
_TOPIC = re.compile(r"(?:.+/)?application/[^/]+/device/([^/]+)/event/up")
_CLOCKS_AGREE_MS = 60_000  # a gateway whose clock is farther off than this from its server is not believed


def read(topic: str, body: bytes) -> list[Found]:
    """The frame in one ``up`` event, or why there is none."""
    where = _TOPIC.fullmatch(topic)
    device = where[1].lower() if where else ""
    try:
        event = read_object(body)
        info = part(event, "deviceInfo")
        device = (text(info, "devEui") or text(event, "devEui") or device).lower()
        if not _DEV_EUI.fullmatch(device):
            raise Damaged(f"bad_envelope: {device!r} is no DevEUI")
        fields = event.get("object")
        return [
            Frame(
                device=device,
                payload=base64_bytes(event, "data"),
                port=whole(event, "fPort"),
                document=msgspec.json.encode(fields) if fields else b"",
                measured_ms=_measured_ms(event),
                key=text(event, "deduplicationId"),
            )
        ]
    except Damaged as damage:
        return [Unreadable(reason=str(damage), body=body, device=device)]


def _measured_ms(event: Mapping[str, Any]) -> int | None:
    """When the best gateway heard it, if its clock agrees with the network server's; else what the server says."""
    heard = max(parts(event, "rxInfo"), key=_goodness, default={})
    server_ms = time_ms(event.get("time")) or time_ms(heard.get("nsTime"))
    for name in ("gwTime", "time"):
        gateway_ms = time_ms(heard.get(name))
        if gateway_ms and (server_ms is None or abs(gateway_ms - server_ms) < _CLOCKS_AGREE_MS):
            return gateway_ms
    return time_ms(heard.get("nsTime")) or server_ms


def _goodness(heard: Mapping[str, Any]) -> tuple[float, float]:
    """SNR first, then RSSI; zero is left out in this JSON."""
    return _number(heard.get("snr")), _number(heard.get("rssi"))


def _number(found: object) -> float:
    return float(found) if isinstance(found, int | float) else 0.0
