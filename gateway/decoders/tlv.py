"""A stream of tags, read by the table in the profile. Pure.

A tag's length is in the table or in the frame. Where the table must give it, a tag that is not in the table makes all
that follows unreadable, so the frame is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from gateway.decoders.numbers import WIDTH, cut, is_missing, number, scaled
from gateway.decoders.outcome import EARLIEST_S, Found, Refusal
from gateway.decoders.profile import ByteOrder, DeviceProfile, Tag, TagField, TlvTable
from gateway.decoders.vendor_tags import AROUND, COMMON

_HEAD_BYTES = {"tag": 1, "channel-type": 2}
_ID_BYTES = 2


def read(profile: DeviceProfile, payload: bytes, port: int, found: Found) -> None:
    """Notes what every tag says, on whichever ``port``. Raises ``Refusal`` at the first that can't be read."""
    table = profile.tlv
    if table is None:  # the checks of a profile don't let it come so far
        raise Refusal("bad_frame", f"the profile {profile.name} has no table of tags")
    if table.around:
        payload = AROUND[table.around](payload, found)
    tags = {bytes.fromhex(tag.id): tag for tag in chain(COMMON.get(table.common, ()), profile.tag)}
    at = 0
    while at < len(payload):
        at = _read_tag(table, tags, payload, at, found)


def _read_tag(table: TlvTable, tags: Mapping[bytes, Tag], payload: bytes, at: int, found: Found) -> int:
    """Notes the tag at ``at``; returns where the next one begins."""
    if table.head == "length-id":
        length = payload[at] - _ID_BYTES
        begin = at + 1 + _ID_BYTES
        name = payload[at + 1 : begin]
        if length < 0:
            raise Refusal("bad_length", f"byte {at}: a block of {payload[at]} bytes has no room for its id")
    else:
        begin = at + _HEAD_BYTES[table.head]
        name = payload[at:begin]
        length = -1
    tag = tags.get(name)
    if tag is None and (length < 0 or table.unknown == "reject"):
        raise Refusal("unknown_tag", f"byte {at}: {name.hex(' ').upper()} is not in the profile's table")
    if tag is not None and length < 0:
        length = tag.length
    end = begin + length
    if end > len(payload):
        raise Refusal(
            "too_short", f"byte {at}: {name.hex(' ').upper()} needs {length} bytes; {len(payload) - begin} came"
        )
    if tag is not None:
        if tag.length != length:
            raise Refusal("bad_length", f"byte {at}: {name.hex(' ').upper()} has {length} bytes and not {tag.length}")
        _read_value(tag, payload[begin:end], table.byte_order, found)
    return end


def _read_value(tag: Tag, value: bytes, order: ByteOrder, found: Found) -> None:
    at_s = None
    if tag.time_at is not None:
        at_s = number(value, tag.time_at, "u32", order)
        if at_s < EARLIEST_S:
            found.fault(tag.title or tag.id, f"a record without a usable time ({at_s:.0f})")
            return
    for field in tag.field:
        if field.fact:
            found.facts[field.fact] = _text(field, value, order)
            continue
        raw = cut(number(value, field.at, field.type, field.byte_order or order), field.mask, field.shift)
        if is_missing(raw, field.missing):
            continue
        key = str(int(raw)) if raw == raw and abs(raw) < 2**32 else ""
        if key in field.faults:
            found.fault(field.point, field.faults[key])
            continue
        found.add(
            field.point, field.values[key] if key in field.values else scaled(raw, field.scale, field.offset), at_s
        )


def _text(field: TagField, value: bytes, order: ByteOrder) -> str:
    if field.text == "ascii":
        return value[field.at :].decode("ascii", "replace").strip("\0 ")
    if field.text == "hex":
        return value[field.at :].hex().upper()
    if field.text == "version":
        return ".".join(f"{byte:x}" for byte in value[field.at :])
    if field.text == "hardware":
        return f"{value[field.at]:x}.{value[field.at + 1] >> 4:x}"
    if field.text == "nibbles":
        return f"{value[field.at] >> 4}.{value[field.at] & 15}"
    raw = number(value[: field.at + WIDTH[field.type]], field.at, field.type, field.byte_order or order)
    shown = scaled(cut(raw, field.mask, field.shift), field.scale, field.offset)
    return f"{shown:g}" if abs(shown) < 1e6 else f"{shown:.0f}"
