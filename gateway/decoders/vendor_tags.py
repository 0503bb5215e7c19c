"""Tags that all devices of a vendor share, and frames that stand around a stream of tags. Pure.

Sources: Milesight user guides of the EM300, EM310, EM320, EM400 and EM500 series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import Tag, TagField


def _fact(name: str, tag: str, length: int, **field: object) -> Tag:
    return Tag(id=tag, length=length, field=(TagField(fact=name, **field),))  # type: ignore[arg-type]


_MILESIGHT = (
    Tag(id="01 75", length=1, field=(TagField(type="u8", point="battery"),)),
    _fact("protocol_version", "FF 01", 1, text="nibbles"),
    _fact("hardware_version", "FF 09", 2, text="hardware"),
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

NBIOT_HEAD = 86
NBIOT_START = 0x02
# name, first byte, length; all ASCII
_NBIOT_TEXTS = (
    ("firmware_version", 9, 4),
    ("hardware_version", 13, 4),
    ("serial_number", 17, 16),
    ("imei", 33, 15),
    ("imsi", 48, 15),
    ("iccid", 63, 20),
)
_NBIOT_CSQ = 83
_NBIOT_LENGTH = 84
_CSQ_UNKNOWN = 99
_CSQ_BEST = 31


def is_nbiot_head(head: bytes) -> bool:
    """Whether ``head`` can be the begin of a frame: what should be letters and digits is."""
    return head[:1] == bytes((NBIOT_START,)) and all(
        _is_text(head[at : at + length]) for _, at, length in _NBIOT_TEXTS if at < len(head)
    )


def _is_text(field: bytes) -> bool:
    """Letters and digits, padded at the end."""
    text = field.rstrip(b"\0 ")
    return text.isalnum() or not text


def _milesight_nbiot(frame: bytes, found: Found) -> bytes:
    """What is in the frame that NB-IoT models send over TCP, UDP or MQTT; the frame's IMEI is the device's identity."""
    if frame[:1] != bytes((NBIOT_START,)):
        raise Refusal("bad_frame", f"begins with {frame[:1].hex().upper() or 'nothing'} and not with 02")
    if len(frame) < NBIOT_HEAD:
        raise Refusal("too_short", f"{len(frame)} bytes; the frame's head alone has {NBIOT_HEAD}")
    for name, at, length in _NBIOT_TEXTS:
        field = frame[at : at + length]
        if not _is_text(field):
            raise Refusal("bad_value", f"{name} at byte {at} is {field.hex().upper()} and not letters and digits")
        found.facts[name] = field.rstrip(b"\0 ").decode("ascii")
    csq = frame[_NBIOT_CSQ]
    if csq <= _CSQ_BEST:
        found.add("rssi", -113.0 + 2 * csq)  # 3GPP TS 27.007 §8.5
    elif csq != _CSQ_UNKNOWN:
        raise Refusal("bad_value", f"signal quality {csq} is neither 0 to 31 nor 99")
    length = int.from_bytes(frame[_NBIOT_LENGTH:NBIOT_HEAD], "big")
    payload = frame[NBIOT_HEAD:]
    if len(payload) != length:
        raise Refusal("bad_length", f"says {length} bytes of payload; {len(payload)} follow")
    return payload


AROUND: Mapping[str, Callable[[bytes, Found], bytes]] = MappingProxyType({"milesight-nbiot": _milesight_nbiot})
"""By the word that a profile writes as ``tlv.around``: takes the frame, gives what is in it, or raises ``Refusal``."""
