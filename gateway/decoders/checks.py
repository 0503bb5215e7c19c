"""What is wrong with a profile whose file has the right shape: each fault with its field, value and fix. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType

from gateway.decoders.derived import DERIVATIONS
from gateway.decoders.json_paths import steps
from gateway.decoders.layouts import LAYOUTS
from gateway.decoders.numbers import WIDTH
from gateway.decoders.profile import DeviceProfile, Kind, PointProfile, Setting, Tag, TagField, TlvTable
from gateway.decoders.registers import WORDS
from gateway.decoders.shape import Problem, quoted
from gateway.decoders.streams import FORMATS
from gateway.decoders.units import CONVERSIONS
from gateway.decoders.vendor_tags import AROUND, COMMON

VERSION = 1
_MOST_REGISTERS = 125  # Modbus application protocol V1.1b3 §6.4
_LAST_REGISTER = 65535
_LAST_PORT = 255
_LONGEST_TAG = 255
_ID_BYTES = {"tag": 1, "channel-type": 2, "length-id": 2}
_TIME_BYTES = 4
_OF_KIND = {
    "count": "registers",
    "identity": "registers",
    "layout": "frames",
    "tlv": "tlv",
    "tag": "tlv",
    "json": "json",
}
_AROUND_GIVES = {"rssi": "dBm"}


def problems(profile: DeviceProfile) -> list[Problem]:
    """Everything that would make ``profile`` read wrongly, or not at all."""
    return [
        *_general(profile),
        *_points(profile),
        *_derive(profile),
        *_settings(profile),
        *_OWN_CHECKS[profile.kind](profile),
    ]


def _general(profile: DeviceProfile) -> Iterator[Problem]:
    if profile.version != VERSION:
        yield Problem(field="version", value=f"is {profile.version}", fix=f"this program knows version {VERSION}")
    if not profile.title.strip():
        yield Problem(field="title", value="is empty", fix="write the maker's name for the device")
    if not 0 <= profile.heartbeat_s < math.inf:
        yield _wrong("heartbeat_s", profile.heartbeat_s, "write seconds, or leave it out when it is not known")
    for place, port in enumerate(profile.ports):
        if not 0 <= port <= _LAST_PORT:
            yield _wrong(f"ports[{place}]", port, f"a port is 0 (none) to {_LAST_PORT}")
    if profile.stream and profile.stream not in FORMATS:
        yield _wrong("stream", profile.stream, f"use one of {', '.join(FORMATS)}, or leave it out")
    for name, kind in _OF_KIND.items():
        if profile.kind != kind and getattr(profile, name):
            yield Problem(field=name, value=f"belongs to kind {kind}", fix=f'leave it out, or write kind = "{kind}"')
    battery = profile.battery
    if battery is not None and battery.point not in {point.name for point in profile.point}:
        yield _wrong("battery.point", battery.point, "name one of the profile's points")


def _points(profile: DeviceProfile) -> Iterator[Problem]:
    if not profile.point:
        yield Problem(
            field="point", value="there is none", fix="name what the device measures, each with unit and sane"
        )
    counts = Counter(point.name for point in profile.point)
    for place, point in enumerate(profile.point):
        at = _at(place, point)
        if counts[point.name] > 1:
            yield _wrong(at, point.name, "the name is used twice; every point needs a name of its own")
        if not point.name or "/" in point.name:
            yield _wrong(f"{at}.name", point.name, "a name must not be empty or hold a slash")
        if not point.scale or not math.isfinite(point.scale):
            yield _wrong(f"{at}.scale", point.scale, "scale must not be 0; leave it out for 1")
        if not -math.inf < point.sane[0] < point.sane[1] < math.inf:
            yield _wrong(f"{at}.sane", list(point.sane), "sane must be [lowest, highest]")
        if profile.kind in ("frames", "tlv") and point.register >= 0:
            yield _wrong(f"{at}.register", point.register, f"leave it out: kind {profile.kind} has no registers")
        if profile.kind != "json" and point.path:
            yield _wrong(f"{at}.path", point.path, 'leave it out, or write kind = "json"')


def _derive(profile: DeviceProfile) -> Iterator[Problem]:
    units = {point.name: point.unit for point in profile.point}
    for place, word in enumerate(profile.derive):
        at = f"derive[{place}]"
        derivation = DERIVATIONS.get(word)
        if derivation is None:
            yield _wrong(at, word, f"use one of {', '.join(DERIVATIONS)}")
            continue
        name, unit = derivation.gives
        if units.get(name, unit) != unit:
            yield _wrong(f"{at} {word}", units[name], f"it gives {name} in {unit}; write that unit at the point")
        for needed, needed_unit in derivation.needs.items():
            if profile.kind != "frames" and units.get(needed, needed_unit) != needed_unit:
                yield _wrong(
                    f"{at} {word}", units[needed], f"it needs {needed} in {needed_unit}; let the point have it"
                )


def _settings(profile: DeviceProfile) -> Iterator[Problem]:
    layout = LAYOUTS.get(profile.layout)
    known: dict[str, Setting] = dict(layout.settings) if layout else {}
    known |= {name: 0.0 for word in profile.derive if word in DERIVATIONS for name in DERIVATIONS[word].settings}
    above_zero = (layout.above_zero if layout else frozenset()) | {"density"}
    for name, value in profile.settings.items():
        at = f"settings.{name}"
        if name not in known:
            yield _wrong(at, value, f"nothing asks for it; known are {', '.join(known) or 'none'}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            yield _wrong(at, value, "write a number")
        elif name in above_zero and value <= 0:
            yield _wrong(at, value, "must be above 0")


# --- by kind --------------------------------------------------------------------------------------------------------


def _check_registers(profile: DeviceProfile) -> Iterator[Problem]:
    if not 1 <= profile.count <= _MOST_REGISTERS:
        yield _wrong("count", profile.count, f"one request can read 1 to {_MOST_REGISTERS} registers")
    end = profile.start + profile.count
    block = f"the block {profile.start} to {end - 1}"
    if not 0 <= profile.start <= _LAST_REGISTER or end > _LAST_REGISTER + 1:
        yield _wrong("start", profile.start, f"registers go from 0 to {_LAST_REGISTER}")
    if profile.identity is not None and not profile.start <= profile.identity.register < end:
        yield _wrong("identity.register", profile.identity.register, f"is outside {block}")
    derived = _derived(profile)
    for place, point in enumerate(profile.point):
        at = _at(place, point)
        if point.register < 0:
            if point.name not in derived:
                yield _wrong(
                    f"{at}: register", point.register, f"({point.type}) write the register's number, in {block}"
                )
            continue
        if not profile.start <= point.register <= end - WORDS[point.type]:
            yield Problem(
                field=f"{at}: register {point.register} ({point.type})",
                value=f"is outside {block}",
                fix="correct it, or read a larger block with start and count",
            )
        if point.type == "f32" and (point.mask is not None or point.shift):
            yield _wrong(f"{at}.mask", point.mask, "a float has no bits to cut out; leave mask and shift out")
        yield from _check_shift(at, point.mask, point.shift)
        for name, register in (
            ("decimals_register", point.decimals_register),
            ("scale_by.register", point.scale_by.register if point.scale_by else None),
        ):
            if register is not None and not profile.start <= register < end:
                yield _wrong(f"{at}.{name}", register, f"is outside {block}")
        if point.scale_by is not None:
            yield from _whole_keys(f"{at}.scale_by.factors", point.scale_by.factors)


def _check_frames(profile: DeviceProfile) -> Iterator[Problem]:
    layout = LAYOUTS.get(profile.layout)
    if layout is None:
        yield _wrong("layout", profile.layout, f"use one of {', '.join(LAYOUTS)}")
        return
    yield from _check_given(profile, {**layout.points, **_derived(profile)}, f"the layout {profile.layout}")


def _check_tlv(profile: DeviceProfile) -> Iterator[Problem]:
    table = profile.tlv
    if table is None:
        yield Problem(
            field="tlv", value="is missing", fix='write [tlv] with head = "tag", "channel-type" or "length-id"'
        )
        return
    if table.common not in COMMON:
        yield _wrong("tlv.common", table.common, f"use one of {', '.join(filter(None, COMMON))}, or leave it out")
    if table.around and table.around not in AROUND:
        yield _wrong("tlv.around", table.around, f"use one of {', '.join(AROUND)}, or leave it out")
    if table.unknown == "skip" and table.head != "length-id":
        yield _wrong("tlv.unknown", table.unknown, 'only head = "length-id" tells how far to skip; write "reject"')
    if not profile.tag and not COMMON.get(table.common):
        yield Problem(field="tag", value="there is none", fix="write one [[tag]] block for each tag")
    for place, tag in enumerate(profile.tag):
        yield from _check_tag(f"tag[{place}]", tag, table)
    for name, count in Counter(tag.id.replace(" ", "").upper() for tag in profile.tag).items():
        if count > 1:
            yield _wrong("tag", name, "the id is used twice; put all its fields into one [[tag]]")
    tags = chain(profile.tag, COMMON.get(table.common, ()))
    units = {point.name: point.unit for point in profile.point}
    given = {field.point: units.get(field.point, "") for tag in tags for field in tag.field if field.point}
    around = _AROUND_GIVES if table.around else {}
    yield from _check_given(profile, {**given, **around, **_derived(profile)}, "the table of tags")


def _check_tag(at: str, tag: Tag, table: TlvTable) -> Iterator[Problem]:
    try:
        size = len(bytes.fromhex(tag.id))
    except ValueError:
        size = -1
    if size != _ID_BYTES[table.head]:
        yield _wrong(f"{at}.id", tag.id, f'head "{table.head}" has ids of {_ID_BYTES[table.head]} bytes, in hex')
    if not 0 <= tag.length <= _LONGEST_TAG:
        yield _wrong(f"{at}.length", tag.length, f"write the number of bytes after the id, 0 to {_LONGEST_TAG}")
    if tag.time_at is not None and not 0 <= tag.time_at <= tag.length - _TIME_BYTES:
        yield _wrong(f"{at}.time_at", tag.time_at, f"a time takes {_TIME_BYTES} of the tag's {tag.length} bytes")
    for place, field in enumerate(tag.field):
        yield from _check_field(f"{at}.field[{place}]", field, tag)


def _check_field(at: str, field: TagField, tag: Tag) -> Iterator[Problem]:
    if bool(field.point) == bool(field.fact):
        yield Problem(
            field=at, value="", fix="write point = (a measured value) or fact = (about the device), one of them"
        )
    width = WIDTH[field.type] if field.point or field.text == "number" else 2 if field.text == "hardware" else 1
    if not 0 <= field.at <= tag.length - width:
        yield _wrong(f"{at}.at", field.at, f"{field.type} takes {width} of the tag's {tag.length} bytes")
    if not field.scale or not math.isfinite(field.scale):
        yield _wrong(f"{at}.scale", field.scale, "scale must not be 0; leave it out for 1")
    if field.type in ("f32", "bf16") and (field.mask is not None or field.shift):
        yield _wrong(f"{at}.mask", field.mask, "a float has no bits to cut out; leave mask and shift out")
    yield from _check_shift(at, field.mask, field.shift)
    yield from _whole_keys(f"{at}.faults", field.faults)
    yield from _whole_keys(f"{at}.values", field.values)


def _check_json(profile: DeviceProfile) -> Iterator[Problem]:
    table = profile.json
    if table is not None:
        if steps(table.records) is None:
            yield _wrong("json.records", table.records, _PATH_FIX)
        if table.time is not None and not steps(table.time.path):
            yield _wrong("json.time.path", table.time.path, _PATH_FIX)
        if table.time is not None and table.time.zone_h is not None and not -14 <= table.time.zone_h <= 14:
            yield _wrong("json.time.zone_h", table.time.zone_h, "write hours east of UTC, as 8 for China")
    derived = _derived(profile)
    for place, point in enumerate(profile.point):
        at = _at(place, point)
        if not point.path and point.name not in derived:
            yield Problem(
                field=f"{at}.path", value="is missing", fix="write where it stands in the document, as data.level"
            )
        elif steps(point.path) is None:
            yield _wrong(f"{at}.path", point.path, _PATH_FIX)
        if point.from_unit and point.from_unit != point.unit and (point.from_unit, point.unit) not in CONVERSIONS:
            known = ", ".join(theirs for theirs, ours in CONVERSIONS if ours == point.unit) or "none"
            yield _wrong(f"{at}.from_unit", point.from_unit, f"to {point.unit} we convert from {known}; or use scale")


_PATH_FIX = 'write names and places as in data.levels[0].mm; a name that holds a dot in quotes: params."a.b"'
_OWN_CHECKS: Mapping[Kind, Callable[[DeviceProfile], Iterator[Problem]]] = MappingProxyType(
    {"registers": _check_registers, "frames": _check_frames, "tlv": _check_tlv, "json": _check_json}
)


# --- shared ---------------------------------------------------------------------------------------------------------


def _check_given(profile: DeviceProfile, given: Mapping[str, str], giver: str) -> Iterator[Problem]:
    """Points that nothing gives, or in another unit."""
    for place, point in enumerate(profile.point):
        if point.name not in given:
            yield _wrong(_at(place, point), point.name, f"{giver} gives none; it gives {', '.join(sorted(given))}")
        elif given[point.name] != point.unit:
            yield _wrong(f"{_at(place, point)}.unit", point.unit, f"{giver} gives it in {given[point.name]}")


def _derived(profile: DeviceProfile) -> dict[str, str]:
    return dict(DERIVATIONS[word].gives for word in profile.derive if word in DERIVATIONS)


def _check_shift(at: str, mask: int | None, shift: int) -> Iterator[Problem]:
    if not 0 <= shift < 32:
        yield _wrong(f"{at}.shift", shift, "write 0 to 31 bits")
    if mask is not None and mask <= 0:
        yield _wrong(f"{at}.mask", mask, "write the bits to keep, as 0x0F")


def _whole_keys(at: str, table: Mapping[str, object]) -> Iterator[Problem]:
    for key in table:
        if not key.removeprefix("-").isdecimal():
            yield _wrong(at, key, "write the raw number on the left, as 65535 =")


def _at(place: int, point: PointProfile) -> str:
    return f"point[{place}] {point.name}"


def _wrong(field: str, value: object, fix: str) -> Problem:
    return Problem(field=field, value=f"is {quoted(value)}", fix=fix)
