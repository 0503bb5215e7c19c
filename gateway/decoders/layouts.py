"""Every vendor layout that we ship, by the name that a profile writes as ``layout``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.decoders import bwsensing, decentlab, dingtek, dragino, netvox
from gateway.decoders.layout import Layout
from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import DeviceProfile

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {**bwsensing.LAYOUTS, **decentlab.LAYOUTS, **dingtek.LAYOUTS, **dragino.LAYOUTS, **netvox.LAYOUTS}
)


def read(profile: DeviceProfile, payload: bytes, port: int, found: Found) -> None:
    """Notes what the profile's layout finds. Raises ``Refusal``."""
    layout = LAYOUTS.get(profile.layout)
    if layout is None:  # the checks of a profile don't let it come so far
        raise Refusal("unknown_type", f"no layout {profile.layout!r} is known")
    layout.read(payload, port, {**layout.settings, **profile.settings}, found)
