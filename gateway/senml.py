"""Packs on the wire: SenML (RFC 8428) in JSON or CBOR, with a pack's epoch and sequence as records of its own.

Pure: bytes in, values out, no clock. Decoding is the city's hot path, so a well-formed JSON pack goes through typed
structs in one pass; anything else (CBOR, a damaged record, NaN) takes the patient way, record by record, so that one
bad record leaves the others alone.

Our extensions, which RFC 8428 lets other readers ignore: ``q`` (quality, absent = good) and ``rx`` (received at, Unix
seconds, absent = when measured). Times are kept as they stand: RFC 8428 reads values below 2**28 s as relative to the
receiver's now, but then a repeated pack would carry other times, and the time is part of a reading's identity. The
intake finds such readings too old.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import cbor2
import msgspec

WireFormat = Literal["json", "cbor"]

# What intake stores: serial, point, measured_ms, received_ms, value, quality.
WireReading = tuple[str, str, int, int, float, int]

_SUSPECT = 1
_WORST_QUALITY = 3
_LARGEST = 1.7976931348623157e308  # the largest finite double: NaN and the infinities fall outside ±this
_LATEST_S = 4e11  # about the year 14,600: milliseconds of anything within ± this fit 64 bits
_NO_TIME = -(2**63)
_SENML_VERSION = 10
_CBOR_ARRAY = 4  # the major type in the first byte's upper three bits
_LAST_SEQ = 2**53  # beyond it a double can't count in ones
_LONGEST_EPOCH = 64
_MAX_PACK_DEPTH = 8
_MAX_QUOTED = 500  # characters of a bad record kept for people to read
_HEADER_NAMES = frozenset({"pack_epoch", "pack_seq", "pack_after"})
_UNDECODED = "undecoded"  # the name of the record that carries what no decoder could read
_CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_CBOR_LABEL_OF = {name: label for label, name in _CBOR_LABELS.items()}


class BadPack(Exception):
    """The pack as a whole can't be used (sending it again would not help); ``reason`` is fit for the dead letters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value a unit gave, ready for the wire; times in Unix ms, ``quality`` as in DESIGN §5 (0 good, 1 suspect)."""

    serial: str
    point: str
    unit: str
    measured_ms: int
    value: float
    quality: int = 0
    received_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecoded:
    """What a device sent and no decoder could read, on its way to the city's dead letters.

    ``payload`` is hex; ``reason`` begins with a stable word (``unknown_port: …``); ``received_ms`` is Unix ms.
    ``stands_for`` counts it and those like it before it that were not sent themselves.
    """

    device: str
    port: int
    payload: str
    reason: str
    received_ms: int
    stands_for: int = 1


Item = Reading | Undecoded  # what a spool keeps and a pack carries


class DecodedPack(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pack as the city takes it: where it stands in its lane, its readings, and what could not be used.

    ``readings`` are ``(serial, point, measured_ms, received_ms, value, quality)``; ``bad`` are
    ``(record as text, reason)``, where the reason begins with ``undecodable:`` or ``not_a_number:``.
    """

    epoch: str
    seq: int
    after: int
    readings: list[WireReading]
    bad: list[tuple[str, str]]


class _Record(msgspec.Struct, omit_defaults=True, gc=False):
    """One SenML record; the field order is the order on the wire."""

    bn: str | None = None
    bt: float | None = None
    bu: str | None = None
    bv: float | None = None
    n: str | None = None
    u: str | None = None
    v: float | None = None
    vs: str | None = None
    t: float | None = None
    rx: float | None = None
    q: int | None = None


_BASE_FIELDS = ("bn", "bt", "bu", "bv")
_json_pack = msgspec.json.Decoder(list[_Record])
_json_records = msgspec.json.Encoder()
_json_letter = msgspec.json.Decoder(Undecoded)

# A time that is none yet: seconds of a clock that only counts from the machine's start, moved far before any calendar,
# so that it can neither be taken for a date nor be written as 1970. The clock guard makes them, the spool dates them.
UNDATED_S = -1e12
_UNDATED_BELOW_MS = -(9 * 10**14)


# --- encoding (cabinet) ---------------------------------------------------------------------------------------------


def is_undated(item: Item) -> bool:
    """Whether ``item`` carries a time of a clock that was not set yet."""
    if isinstance(item, Undecoded):
        return item.received_ms < _UNDATED_BELOW_MS
    return item.measured_ms < _UNDATED_BELOW_MS or (item.received_ms or 0) < _UNDATED_BELOW_MS


def dated(item: Item, *, add_ms: int, suspect: bool = False) -> Item:
    """``item`` with its undated times moved by ``add_ms``; ``suspect`` where that is a guess."""
    if isinstance(item, Undecoded):
        return replace(item, received_ms=_moved(item.received_ms, add_ms))
    return replace(
        item,
        measured_ms=_moved(item.measured_ms, add_ms),
        received_ms=None if item.received_ms is None else _moved(item.received_ms, add_ms),
        quality=max(item.quality, _SUSPECT) if suspect else item.quality,
    )


def _moved(ms: int, add_ms: int) -> int:
    return ms + add_ms if ms < _UNDATED_BELOW_MS else ms


def encode_readings(readings: Sequence[Item], wire: WireFormat) -> bytes:
    """The records of ``readings`` as they go on the wire, without the array around them.

    Pieces can be joined with ``join_records``: each begins with its own base name and time.
    """
    records = list(_records(readings))
    if wire == "json":
        return _json_records.encode(records)[1:-1]
    return b"".join(_to_cbor(record) for record in records)


def join_records(pieces: Iterable[bytes], wire: WireFormat) -> bytes:
    """Several results of ``encode_readings`` as one run of records."""
    return (b"," if wire == "json" else b"").join(pieces)


def compose_pack(
    records: bytes, *, count: int, cabinet: str, epoch: str, seq: int, after: int, wire: WireFormat
) -> bytes:
    """The pack to publish: a header of three records, then ``records`` (``count`` of them)."""
    header = [
        _Record(bn=f"{cabinet}/", n="pack_epoch", vs=epoch),
        _Record(n="pack_seq", v=seq),
        _Record(n="pack_after", v=after),
    ]
    if wire == "json":
        head = _json_records.encode(header)[:-1]
        return head + b"," + records + b"]" if records else head + b"]"
    return _cbor_array_of(len(header) + count) + b"".join(map(_to_cbor, header)) + records


def read_back(records: bytes, wire: WireFormat, *, count: int) -> list[Item]:
    """What ``encode_readings`` (or ``join_records``) wrote. Raises ``BadPack`` when it is damaged."""
    try:
        if wire == "json":
            found = _json_pack.decode(b"[" + records + b"]")
        else:
            raw = cbor2.loads(_cbor_array_of(count) + records, max_depth=_MAX_PACK_DEPTH)
            found = [msgspec.convert({_CBOR_LABELS.get(key, key): item[key] for key in item}, _Record) for item in raw]
        return list(_items(found))
    except (msgspec.MsgspecError, cbor2.CBORDecodeError, ValueError, TypeError, AttributeError) as error:
        raise BadPack(f"the records are damaged: {error}") from error


def _items(records: Iterable[_Record]) -> Iterable[Item]:
    serial, measured_ms = "", 0
    for record in records:
        if record.bn is not None:
            serial, measured_ms = record.bn[:-1], round((record.bt or 0) * 1000)
        if record.n == _UNDECODED and record.vs is not None:
            # The record's time may have been moved since; what stands inside was written once.
            yield replace(_json_letter.decode(record.vs), received_ms=measured_ms)
            continue
        if record.n is None or record.u is None or record.v is None:
            raise ValueError("a record lacks its name, unit or value")
        yield Reading(
            serial=serial,
            point=record.n,
            unit=record.u,
            measured_ms=measured_ms,
            value=record.v,
            quality=record.q or 0,
            received_ms=None if record.rx is None else round(record.rx * 1000),
        )


def _records(readings: Sequence[Item]) -> Iterable[_Record]:
    serial, measured_ms = None, None
    for reading in readings:
        if isinstance(reading, Undecoded):
            serial = None
            yield _letter(reading)
            continue
        record = _Record(n=reading.point, u=reading.unit, v=_short(reading.value))
        if reading.serial != serial or reading.measured_ms != measured_ms:
            serial, measured_ms = reading.serial, reading.measured_ms
            record.bn, record.bt = f"{serial}/", _short(measured_ms / 1000)
        if reading.received_ms is not None and reading.received_ms != reading.measured_ms:
            record.rx = _short(reading.received_ms / 1000)
        if reading.quality:
            record.q = reading.quality
        yield record


def _letter(letter: Undecoded) -> _Record:
    owner = "".join(character if character.isalnum() or character in "-._:" else "_" for character in letter.device)
    text = _json_records.encode(letter).decode()
    return _Record(bn=f"{owner}/", bt=_short(letter.received_ms / 1000), n=_UNDECODED, vs=text)


def _short(value: float) -> float:
    # 87 instead of 87.0: two bytes less for every whole number, and CBOR integers instead of doubles.
    return int(value) if value == int(value) else value


def _to_cbor(record: _Record) -> bytes:
    return cbor2.dumps({_CBOR_LABEL_OF.get(name, name): value for name, value in msgspec.to_builtins(record).items()})


def _cbor_array_of(count: int) -> bytes:
    if count < 24:
        return bytes((0x80 | count,))
    if count < 0x100:
        return bytes((0x98, count))
    return b"\x99" + count.to_bytes(2, "big") if count < 0x10000 else b"\x9a" + count.to_bytes(4, "big")


# --- decoding (city) ------------------------------------------------------------------------------------------------


def decode(body: bytes) -> DecodedPack:
    """What stands in one pack; raises ``BadPack`` when it can't be read at all or its place in the lane is unknown."""
    if not body:
        raise BadPack("the pack is empty")
    if body[0] != 0x5B and body[0] >> 5 != _CBOR_ARRAY:
        raise BadPack("the pack is neither a JSON array nor a CBOR array")
    # Escapes may hide what a database refuses (NUL, lone surrogates); a label ending in "_" must be understood.
    # The version is rare and may forbid the whole pack.
    if body[0] == 0x5B and b"\\u" not in body and b'_"' not in body and b'"bver"' not in body:
        try:
            return _resolve(_json_pack.decode(body), [])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass  # something in it is wrong: find out what, and save the rest
    bad: list[tuple[str, str]] = []
    return _resolve(list(_typed(_loose(body), bad)), bad)


def _loose(body: bytes) -> list[Any]:
    try:
        pack = json.loads(body) if body[0] == 0x5B else _loads_cbor(body)
    except (ValueError, TypeError, OverflowError, ArithmeticError, RecursionError, cbor2.CBORDecodeError) as error:
        raise BadPack(f"the pack is cut off or damaged: {error}") from error
    if not isinstance(pack, list):
        raise BadPack("the pack is not an array of records")
    return pack


def _loads_cbor(body: bytes) -> Any:
    return cbor2.loads(body, max_depth=_MAX_PACK_DEPTH)


def _typed(pack: list[Any], bad: list[tuple[str, str]]) -> Iterable[_Record]:
    for raw in pack:
        if not isinstance(raw, dict):
            bad.append((_quoted(raw), "undecodable: a record must be an object"))
            continue
        named = {
            _CBOR_LABELS.get(key, key) if isinstance(key, int) else key: _plain(value) for key, value in raw.items()
        }
        if named.get("bver", _SENML_VERSION) != _SENML_VERSION:
            raise BadPack(f"the pack is SenML version {named['bver']}; this reader knows version {_SENML_VERSION}")
        problem = _problem(named)
        if problem is None:
            yield msgspec.convert(named, _Record)
            continue
        bad.append((_quoted(named), problem))
        base = {name: named[name] for name in _BASE_FIELDS if name in named}
        if not base:
            continue
        try:  # the records after a bad one still hang on its base fields
            yield msgspec.convert(base, _Record)
        except msgspec.ValidationError as error:
            raise BadPack(f"a base field that later records depend on is unusable: {error}") from error


def _problem(named: dict[Any, Any]) -> str | None:
    """Why this record can't be used, or None."""
    unknown = next((key for key in named if isinstance(key, str) and key.endswith("_")), None)
    if unknown is not None:
        return f"undecodable: the field {unknown!r} must be understood and is not"
    for key in ("bn", "n", "vs"):
        text = named.get(key, "")
        if isinstance(text, str) and not _storable(text):
            return f"undecodable: {key} holds characters that can't be stored"
    value = named.get("v", 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        return f"not_a_number: v is {_quoted(value)}"
    try:
        msgspec.convert(named, _Record)
    except msgspec.ValidationError as error:
        return f"undecodable: {error}"
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):  # RFC 8428 §6 allows decimal fractions in CBOR
        return float(value) if value.is_finite() and -400 < value.adjusted() < 400 else math.nan
    return value


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _quoted(raw: object) -> str:
    return json.dumps(raw, default=repr, skipkeys=True)[:_MAX_QUOTED]


def _header(records: Sequence[_Record]) -> tuple[str, int, int, int]:
    """Epoch, seq, after, and how many records the header takes up."""
    stated: dict[str, _Record] = {}
    count = 0
    for record in records:
        name = (record.n or record.bn or "").rpartition("/")[2]
        if name not in _HEADER_NAMES:
            break
        stated[name] = record
        count += 1
    try:
        epoch, seq, after = stated["pack_epoch"].vs, stated["pack_seq"].v, stated["pack_after"].v
    except KeyError as missing:
        raise BadPack(f"the pack has no {missing.args[0]}: its place in the lane is unknown") from None
    if not epoch or len(epoch) > _LONGEST_EPOCH:
        raise BadPack(f"pack_epoch must be text of 1 to {_LONGEST_EPOCH} characters")
    if seq is None or after is None or not (0 <= after < seq <= _LAST_SEQ and seq == int(seq) and after == int(after)):
        raise BadPack(f"pack_seq {seq} and pack_after {after} must be whole numbers with 0 <= after < seq")
    return epoch, int(seq), int(after), count


def _resolve(records: list[_Record], bad: list[tuple[str, str]]) -> DecodedPack:
    """Walks the records once, carrying the base fields along."""
    epoch, seq, after, header_count = _header(records)
    readings: list[WireReading] = []
    add = readings.append
    base = owner = ""  # owner: what stands before the slash that ends the base name
    base_s = base_value = 0.0
    time_s, measured_ms = math.nan, 0  # most records share the time of the one before
    for place, record in enumerate(records):
        name = record.bn
        if name is not None:
            base, owner = name, name[:-1] if name.endswith("/") else ""
        seconds = record.bt
        if seconds is not None:
            base_s = seconds
        if record.bv is not None:
            base_value = record.bv
        if place < header_count:
            continue
        seconds = record.t
        seconds = base_s if seconds is None else base_s + seconds
        if seconds != time_s:
            time_s, measured_ms = seconds, _ms(seconds)
        serial, name, value = owner, record.n, record.v
        if not serial or not name or "/" in name:
            serial, _, name = (base + (name or "")).rpartition("/")
        if value is not None:
            value += base_value
        # A finite number taken from itself leaves 0; infinity and NaN leave NaN, which counts as true.
        if value is None or value - value or not serial or not name or measured_ms == _NO_TIME:
            if any(field is not None for field in (record.n, record.v, record.vs, record.t)):
                bad.append(_unusable(record, serial, name, measured_ms))
            continue
        if record.rx is None and record.q is None:
            add((serial, name, measured_ms, measured_ms, value, 0))
        else:
            add((serial, name, measured_ms, *_extras(record, measured_ms, value)))
    return DecodedPack(epoch=epoch, seq=seq, after=after, readings=readings, bad=bad)


def _dead_letter(text: str, received_ms: int) -> tuple[str, str]:
    """What a cabinet could not decode, with its own words for why."""
    try:
        letter = replace(_json_letter.decode(text), received_ms=received_ms)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return text[:_MAX_QUOTED], "undecodable: the cabinet could not read this, and its reason is damaged"
    return _json_records.encode(letter).decode(), f"undecodable: {letter.reason}"


def _extras(record: _Record, measured_ms: int, value: float) -> tuple[int, float, int]:
    """When it was received, the value, and its quality; one that we don't know is suspect."""
    quality = record.q or 0
    return (
        measured_ms if record.rx is None else max(_ms(record.rx), 0),
        value,
        quality if 0 <= quality <= _WORST_QUALITY else _SUSPECT,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000) if -_LATEST_S < seconds < _LATEST_S else _NO_TIME


def _unusable(record: _Record, serial: str, name: str, measured_ms: int) -> tuple[str, str]:
    if name == _UNDECODED and record.vs is not None:
        return _dead_letter(record.vs, measured_ms)
    return _json_records.encode(record).decode(), _why_unusable(record, serial, name, measured_ms)


def _why_unusable(record: _Record, serial: str, name: str, measured_ms: int) -> str:
    if record.v is None:
        return "undecodable: the record has no value v"
    if not serial or not name:
        return "undecodable: the record's name is not serial/point"
    if measured_ms == _NO_TIME:
        return "undecodable: the record has a time no calendar has"
    return f"not_a_number: base value and v together are beyond what a number can hold ({record.v})"
