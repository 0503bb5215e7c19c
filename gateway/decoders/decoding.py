"""One door to all decoders: a profile, the bytes and the port in; what they mean, or why not, out. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.decoders import json_paths, layouts, registers, tlv
from gateway.decoders.derived import derive
from gateway.decoders.outcome import Decoded, Found, Measured, Refusal, Rejected
from gateway.decoders.profile import DeviceProfile, Kind

_READERS: Mapping[Kind, Callable[[DeviceProfile, bytes, int, Found], None]] = MappingProxyType(
    {"registers": registers.read, "frames": layouts.read, "tlv": tlv.read, "json": json_paths.read}
)


def decode(profile: DeviceProfile, payload: bytes, *, port: int = 0) -> Decoded | Rejected:
    """What ``payload`` says, in the units of the profile's points, or why it can't be used; never raises.

    ``port`` is the LoRaWAN port, 0 where there is none. For ``kind = "registers"`` the payload is the block of
    registers that the profile asks for.
    """
    found = Found()
    try:
        if profile.ports and port not in profile.ports:
            known = ", ".join(map(str, profile.ports))
            raise Refusal("unknown_port", f"port {port}; {profile.title} uses {known}")
        _READERS[profile.kind](profile, payload, port, found)
        derive(profile, found)
    except Refusal as refusal:
        return Rejected(
            reason=refusal.reason, detail=refusal.detail, points=_measured(profile, found), facts=found.facts
        )
    points = _measured(profile, found)
    if not (found.values or found.facts or found.faults):
        return Rejected(reason="nothing_in_it", detail=f"{len(payload)} bytes in which nothing stands")
    return Decoded(points=points, facts=found.facts, faults=tuple(found.faults))


def _measured(profile: DeviceProfile, found: Found) -> tuple[Measured, ...]:
    """What the profile has a point for. Device, point and time are a reading's identity, so the last of equals wins."""
    points = {point.name: point for point in profile.point}
    kept: dict[tuple[str, float | None], Measured] = {}
    for name, value, at_s in found.values:
        point = points.get(name)
        if point is None:
            continue
        if not math.isfinite(value):
            found.fault(name, "not a number")
            continue
        value = float(value)
        kept[name, at_s] = Measured(point=point, value=value, sane=point.sane[0] <= value <= point.sane[1], at_s=at_s)
    return tuple(kept.values())
