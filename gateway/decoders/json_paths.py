"""A JSON document, read by the paths in the profile. Pure.

A path is names and list places with dots between: ``data.levels[0].mm``. A name that holds a dot stands in quotes:
``params."a.b"``. A path that leads nowhere, or to null, means that nothing was measured, unless the point says
``omitted = "zero"`` (protobuf-JSON leaves zeros out).
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import msgspec

from gateway.decoders.numbers import is_missing
from gateway.decoders.outcome import EARLIEST_S, Found, Refusal
from gateway.decoders.profile import DeviceProfile, JsonTable, JsonTime, PointProfile
from gateway.decoders.units import convert

_STEP = re.compile(r'(?:^|\.)(?:"([^"]+)"|([^."\[\]]+))|\[(\d{1,4})\]')
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_MOST_RECORDS = 1000
_MOST_COUNTED = 2**64
_LATEST_S = 253_402_300_000  # the year 9999
_WHERE_QUOTED = 60  # characters of a wrong value shown to people


def steps(path: str) -> tuple[str | int, ...] | None:
    """The names and places of ``path``; None when it is no path. The empty path is the document itself."""
    found: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        quoted, name, place = match.groups()
        found.append(int(place) if place is not None else quoted or name)
        at = match.end()
    return tuple(found)


def read(profile: DeviceProfile, payload: bytes, port: int, found: Found) -> None:
    """Notes every point of every record of the document; ``port`` says nothing here. Raises ``Refusal``."""
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("not_json", str(error)) from error
    table = profile.json or JsonTable()
    for record in _records(table, document):
        at_s = None if table.time is None else _time(table.time, record)
        for point in profile.point:
            if point.path:
                _read_point(point, record, at_s, found)
    if not (found.values or found.faults):
        raise Refusal("nothing_in_it", "no path of the profile leads to a value")


def _records(table: JsonTable, document: Any) -> list[Any]:
    if not table.records:
        return [document]
    records = _at(document, table.records)
    if not isinstance(records, list):
        raise Refusal("bad_value", f"{table.records} is no list")
    if len(records) > _MOST_RECORDS:
        raise Refusal("too_long", f"{len(records)} records; more than {_MOST_RECORDS} in one document are not read")
    return records


def _read_point(point: PointProfile, record: Any, at_s: float | None, found: Found) -> None:
    raw = _at(record, point.path)
    if raw is None:
        if point.omitted == "zero":
            found.add(point.name, 0.0, at_s)
        return
    word = _word(raw)
    if word in point.values:
        found.add(point.name, point.values[word], at_s)
        return
    value = _number(raw)
    if value is None or (point.values and isinstance(raw, str)):
        raise Refusal("bad_value", f"{point.path} is {_quoted(raw)} and no number")
    if is_missing(value, point.missing):
        return
    value = convert(value, point.from_unit, point.unit) * point.scale + point.offset
    found.add(point.name, float(f"{value:.12g}") if math.isfinite(value) else value, at_s)


def _word(raw: Any) -> str | None:
    """As a value may be written in the profile's table ``values``: text, ``true``, ``false``, or a whole number."""
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, int):
        return str(raw) if abs(raw) <= _MOST_COUNTED else None
    return raw if isinstance(raw, str) else None


def _number(raw: Any) -> float | None:
    """A number, a yes or no, or a number written as text; None for anything else, and for what no float can hold."""
    if isinstance(raw, str):
        text = raw.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if not isinstance(raw, bool | int | float):
        return None
    try:
        return float(raw)
    except OverflowError:
        return None


def _time(table: JsonTime, record: Any) -> float | None:
    """The device's own time, Unix seconds; None where it sent none."""
    raw = _at(record, table.path)
    if raw is None:
        return None
    at_s = _iso(raw, table.zone_h) if table.format == "iso" else _number(raw)
    if at_s is not None and table.format == "unix-ms":
        at_s /= 1000
    if at_s is None or not EARLIEST_S <= at_s <= _LATEST_S:
        raise Refusal("bad_value", f"{table.path} is {_quoted(raw)} and no time of these years in {table.format}")
    return at_s


def _iso(raw: Any, zone_h: float | None) -> float | None:
    if not isinstance(raw, str):
        return None
    # Python reads microseconds at most; the servers of LoRaWAN write nanoseconds
    text = re.sub(r"(\.\d{6})\d+", r"\1", raw.strip())
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC if zone_h is None else timezone(timedelta(hours=zone_h)))
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return None


def _at(record: Any, path: str) -> Any:
    """What stands at ``path``; None where it leads nowhere."""
    for step in _steps(path):
        if isinstance(step, int):
            record = record[step] if isinstance(record, list) and step < len(record) else None
        else:
            record = record.get(step) if isinstance(record, dict) else None
    return record


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str | int, ...]:
    return steps(path) or ()


def _quoted(raw: Any) -> str:
    """A wrong value, short enough to be shown."""
    if isinstance(raw, list | dict):
        return "a list" if isinstance(raw, list) else "an object"
    if isinstance(raw, int) and abs(raw) > _MOST_COUNTED:
        return "a number beyond all measure"
    return repr(raw[:_WHERE_QUOTED] if isinstance(raw, str) else raw)
