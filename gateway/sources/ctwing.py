"""What China Telecom's CTWing (AEP) pushes by HTTP: NB-IoT devices' data, transparent or by a product's profile. Pure.

The platform signs nothing: a secret path protects the door. It repeats a push up to three times, so the time in it is
what makes a repeat the same reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.sources.frames import Damaged, Found, Frame, Unreadable, base64_bytes, read_json, text, time_ms

_DATA = "dataReport"


def read(body: bytes) -> list[Found]:
    """The frames in one push, a single report or a list of them; on/off-line notes and answers hold none."""
    try:
        document = read_json(body)
    except Damaged as damage:
        return [Unreadable(reason=str(damage), body=body)]
    found: list[Found] = []
    for report in document if isinstance(document, list) else [document]:
        if not isinstance(report, dict):
            found.append(
                Unreadable(reason="bad_envelope: a report is no JSON object", body=msgspec.json.encode(report))
            )
        elif report.get("messageType", _DATA) == _DATA:
            found.append(_frame(report))
    return found


def _frame(report: Mapping[str, Any]) -> Found:
    device = text(report, "IMEI") or text(report, "imei") or text(report, "deviceId")
    payload = report.get("payload")
    try:
        if not device:
            raise Damaged("bad_envelope: it names neither IMEI nor deviceId")
        if not isinstance(payload, dict):
            raise Damaged("bad_envelope: payload is no JSON object")
        if "APPdata" in payload:
            return Frame(device=device, payload=base64_bytes(payload, "APPdata"), measured_ms=_measured_ms(report))
        fields = payload.get("serviceData", payload)
        return Frame(device=device, document=msgspec.json.encode(fields), measured_ms=_measured_ms(report))
    except Damaged as damage:
        return Unreadable(reason=str(damage), body=msgspec.json.encode(report), device=device)


def _measured_ms(report: Mapping[str, Any]) -> int | None:
    return time_ms(report.get("timestamp"))
