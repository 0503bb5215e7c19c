"""Uplinks of The Things Stack v3, from its MQTT server or a webhook. Pure. Empty fields are left out."""

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

TOPICS = ("v3/+/devices/+/up",)

_DEV_EUI = re.compile(r"[0-9a-f]{16}")


def read(_topic: str, body: bytes) -> list[Found]:
    """The frame in one ``up`` message, or why there is none.

    A simulated uplink is marked as such. Repeats are known by session and frame counter.
    """
    device = ""
    try:
        message = read_object(body)
        ids, uplink = part(message, "end_device_ids"), part(message, "uplink_message")
        device = text(ids, "dev_eui").lower()
        if not _DEV_EUI.fullmatch(device):
            raise Damaged(f"bad_envelope: {device!r} is no DevEUI (device {text(ids, 'device_id')!r})")
        if not uplink:
            raise Damaged("bad_envelope: there is no uplink_message")
        fields, session = uplink.get("decoded_payload"), text(uplink, "session_key_id")
        return [
            Frame(
                device=device,
                payload=base64_bytes(uplink, "frm_payload"),
                port=whole(uplink, "f_port"),
                document=msgspec.json.encode(fields) if fields else b"",
                measured_ms=_measured_ms(message, uplink),
                simulated=message.get("simulated") is True,
                key=f"{device}/{session}/{whole(uplink, 'f_cnt')}" if session else "",
            )
        ]
    except Damaged as damage:
        return [Unreadable(reason=str(damage), body=body, device=device)]


def _measured_ms(message: Mapping[str, Any], uplink: Mapping[str, Any]) -> int | None:
    """When the network server received it, else the application server, else what the first gateway says."""
    told = (uplink.get("received_at"), message.get("received_at"))
    heard = (one.get("time") for one in parts(uplink, "rx_metadata"))
    return next((ms for ms in map(time_ms, (*told, *heard)) if ms is not None), None)
