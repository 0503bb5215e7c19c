"""Tags that all devices of a vendor share, and frames that stand around a stream of tags. Pure.

Sources: Milesight user guides of the EM300, EM310, EM320, EM400 and EM500 series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.decoders.outcome import Found
from gateway.decoders.profile import Tag, TagField


def _fact(name: str, tag: str, length: int, **field: object) -> Tag:
    return Tag(id=tag, length=length, field=(TagField(fact=name, **field),))  # type: ignore[arg-type]


_MILESIGHT = (
    Tag(id="01 75", length=1, field=(TagField(type="u8", point="battery"),)),
    _fact("protocol_version", "FF 01", 1, text="nibbles"),
    # byte 0 in hex, and the upper half of byte 1
    Tag(
        id="FF 09",
        length=2,
        field=(TagField(fact="hardware_version", text="version"),),
    ),
    _fact("firmware_version", "FF 0A", 2, text="version"),
    _fact("tsl_version", "FF FF", 2, text="version"),
    _fact("serial_number", "FF 16", 8, text="hex"),
    _fact("lorawan_class", "FF 0F", 1),
    _fact("reset_event", "FF FE", 1),
    _fact("powered_on", "FF 0B", 1),
    # echoes of downlinks: what was set
    *(
        _fact(name, f"{channel} {kind}", length, text="hex")
        for channel in ("FE", "FF")
        for kind, length, name in (
            ("02", 2, "echo_collecting_interval"),
            ("03", 2, "echo_reporting_interval"),
            ("06", 9, "echo_alarm_setting"),
            ("10", 1, "echo_reboot"),
            ("28", 1, "echo_query"),
        )
    ),
)

COMMON: Mapping[str, tuple[Tag, ...]] = MappingProxyType({"": (), "milesight": _MILESIGHT})
"""By the word that a profile writes as ``tlv.common``."""

AROUND: Mapping[str, Callable[[bytes, Found], bytes]] = MappingProxyType({})
"""By the word that a profile writes as ``tlv.around``: takes the frame, gives what is in it, or raises ``Refusal``."""
