"""The configuration from the city: what it may change, what is wrong with one, and what it makes of ``cabinet.toml``.

It is a TOML text in the words of ``cabinet.toml`` that holds only what differs. Buses are found by their name, single
units by their serial (``[unit."CV-000001"]``). Identity, secrets, files and the wiring stay the cabinet's own. Pure;
used in the cabinet and, to say the same thing before anything is sent, in the city.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
    UplinkSettings,
    problems,
)

LONGEST_TEXT = 128 * 1024

S = TypeVar("S")

# msgspec must not learn a shape in two threads at once: it knows this one and all it holds from here on
msgspec.json.Decoder(CabinetSettings)

# What of each table stays the cabinet's own: who it is, its secrets, its files and what is screwed to it.
_OWN: Mapping[type, frozenset[str]] = {
    BrokerSettings: frozenset({"username", "password", "tls_ca", "tls_cert", "tls_key"}),
    SpoolSettings: frozenset({"path"}),
    UplinkSettings: frozenset(),
    BusSettings: frozenset({"port", "unit"}),
    UnitSettings: frozenset({"serial"}),
}
_TABLES = ("broker", "spool", "uplink")
_KNOWN = (*_TABLES, "bus", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a configuration makes of the cabinet's own settings; usable only when ``problems`` is empty."""

    settings: CabinetSettings
    problems: list[str]


def hash_of(text: str) -> str:
    """By which city and cabinet know that they speak of the same text."""
    return hashlib.sha256(text.encode()).hexdigest()


def apply_configuration(own: CabinetSettings, text: str) -> Applied:
    """``own`` with what ``text`` changes, and everything that is wrong with that as ``field: problem``."""
    if len(text.encode()) > LONGEST_TEXT:
        said = f"text: is longer than {LONGEST_TEXT} bytes; leave out what is as it was"
        return Applied(settings=own, problems=[said])
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Applied(settings=own, problems=[f"text: is not valid TOML: {error}"])
    faults: list[str] = []
    for name in tables:
        if name not in _KNOWN:
            named = {each.name for each in dataclasses.fields(CabinetSettings)}
            faults.append(_barred(name) if name in named else f"{name}: unknown table; known are {', '.join(_KNOWN)}")
    changed = own
    for name in _TABLES:
        if isinstance(tables.get(name, {}), dict):
            changed = replace(changed, **{name: _changed(getattr(own, name), tables.get(name, {}), name, faults)})
        else:
            faults.append(f"{name}: must be a table, [{name}]")
    changed = replace(changed, bus=_buses(own.bus, tables.get("bus", []), faults))
    changed = replace(changed, bus=_single_units(changed.bus, tables.get("unit", {}), faults))
    return Applied(settings=changed, problems=faults or problems(changed))


def assumed_settings(cabinet_id: str, text: str) -> CabinetSettings:
    """Stand-in for the settings of a cabinet that has not described itself: it has every bus and unit named."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        tables = {}
    lines = _tables(tables.get("bus", []))
    listed = {unit.get("serial") for line in lines for unit in _tables(line.get("unit", []))}
    serials = [serial for serial in _keys(tables.get("unit")) if serial not in listed]
    names = [line["name"] for line in lines if isinstance(line.get("name"), str)]
    buses = [BusSettings(name=name, port=f"/dev/{number}") for number, name in enumerate(dict.fromkeys(names))]
    units = [UnitSettings(address=place % 247 + 1, serial=one, profile="-") for place, one in enumerate(serials)]
    buses += [
        BusSettings(name=f"assumed-{at}", port=f"/dev/assumed-{at}", unit=tuple(units[at : at + 247]))
        for at in range(0, len(units), 247)
    ]
    return CabinetSettings(
        cabinet=CabinetIdentity(id=cabinet_id), broker=BrokerSettings(host="broker"), bus=tuple(buses)
    )


def described(settings: CabinetSettings) -> dict[str, Any]:
    """All settings in use as plain values, secrets left out."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    for section in dataclasses.fields(settings):
        part = getattr(settings, section.name)
        if dataclasses.is_dataclass(part):
            for item in dataclasses.fields(part):
                if item.metadata.get("secret"):
                    told[section.name].pop(item.name, None)
    return told


def settings_of(told: Mapping[str, Any]) -> CabinetSettings | None:
    """``described`` read back; None when another version of the program told it and it can't be read."""
    try:
        return msgspec.convert(told, CabinetSettings)
    except msgspec.ValidationError:
        return None


def _changed(
    before: S, table: Mapping[str, Any], at: str, faults: list[str], *, but: frozenset[str] = frozenset()
) -> S:
    kind = type(before)
    hints = get_type_hints(kind)
    secret = {item.name for item in dataclasses.fields(kind) if item.metadata.get("secret")}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for name, value in table.items():
        if name in but:
            continue
        if name not in hints:
            faults.append(f"{at}.{name}: unknown setting; check its spelling")
        elif name in _OWN[kind] or name in secret:
            faults.append(_barred(f"{at}.{name}"))
        else:
            faults.extend(_strangers(value, hints[name], f"{at}.{name}"))
            try:
                changes[name] = msgspec.convert(value, hints[name])
            except msgspec.ValidationError as error:
                faults.append(f"{at}.{name}: {_plain(error)}")
    return replace(before, **changes)  # type: ignore[type-var]


def _buses(own: tuple[BusSettings, ...], tables: Any, faults: list[str]) -> tuple[BusSettings, ...]:
    buses = {bus.name: bus for bus in own}
    seen: set[str] = set()
    for place, table in enumerate(_tables(tables, "bus", faults)):
        name, at = table.get("name"), f"bus[{place}]"
        if not isinstance(name, str) or name not in buses:
            there = ", ".join(buses) or "none"
            faults.append(f"{at}.name: {name!r} is no bus of this cabinet, which has {there}; a bus is added on site")
            continue
        if name in seen:
            faults.append(f"{at}.name: {name!r} stands twice; write one table for each bus")
        seen.add(name)
        bus = _changed(buses[name], table, at, faults, but=frozenset({"name", "unit"}))
        if "unit" in table:
            bus = replace(bus, unit=tuple(_units(table["unit"], at, faults)))
        buses[name] = bus
    return tuple(buses.values())


def _units(tables: Any, at: str, faults: list[str]) -> Iterable[UnitSettings]:
    hints = get_type_hints(UnitSettings)
    for number, table in enumerate(_tables(tables, f"{at}.unit", faults)):
        where = f"{at}.unit[{number}]"
        for name, value in table.items():
            if name in hints:
                faults.extend(_strangers(value, hints[name], f"{where}.{name}"))
            else:
                faults.append(f"{where}.{name}: unknown setting; check its spelling")
        try:
            yield msgspec.convert(table, UnitSettings)
        except msgspec.ValidationError as error:
            faults.append(f"{where}: {_plain(error)}")


def _single_units(buses: tuple[BusSettings, ...], tables: Any, faults: list[str]) -> tuple[BusSettings, ...]:
    if not isinstance(tables, dict):
        faults.append('unit: must hold one table for each serial, [unit."CV-000001"]')
        return buses
    known = {unit.serial for bus in buses for unit in bus.unit}
    changed: dict[str, UnitSettings] = {}
    for serial, table in tables.items():
        if serial not in known:
            faults.append(f"unit.{serial}: no bus of this cabinet has a unit with this serial; check it")
        elif not isinstance(table, dict):
            faults.append(f'unit.{serial}: must be a table, [unit."{serial}"]')
        else:
            unit = next(unit for bus in buses for unit in bus.unit if unit.serial == serial)
            changed[serial] = _changed(unit, table, f"unit.{serial}", faults)
    return tuple(replace(bus, unit=tuple(changed.get(unit.serial, unit) for unit in bus.unit)) for bus in buses)


def _strangers(value: Any, hint: Any, at: str) -> Iterable[str]:
    """Names that no setting has, in tables of tables (``report``); msgspec passes over them."""
    kind = next((each for each in get_args(hint) if dataclasses.is_dataclass(each)), None)
    if kind is not None and isinstance(value, dict):
        known = {item.name for item in dataclasses.fields(kind)}
        for key, table in value.items():
            for name in table if isinstance(table, dict) else ():
                if name not in known:
                    yield f"{at}.{key}.{name}: unknown setting; check its spelling"


def _tables(value: Any, at: str = "", faults: list[str] | None = None) -> list[dict[str, Any]]:
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    if faults is not None:
        faults.append(f"{at}: must be a list of tables, [[{at.split('[')[0]}]]")
    return []


def _keys(value: Any) -> Iterable[str]:
    return value if isinstance(value, dict) else ()


def _barred(at: str) -> str:
    return f"{at}: may not be changed from afar; it is set in the cabinet's own file"


def _plain(error: msgspec.ValidationError) -> str:
    said = str(error)
    return said[:1].lower() + said[1:]
