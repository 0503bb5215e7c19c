"""What people say of an asset, and the columns that it becomes: checked, with the place and the area it lies in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, select

from registry.domain.asset_facts import check_depth, check_details, read_day
from registry.domain.errors import InvalidInput
from registry.domain.geo import PLACE_DECIMALS, Crs, Place, check_place, place_cell, to_wgs84
from registry.domain.kinds import AssetState, Family
from registry.services.area_index import locate
from registry.services.classes import CJT214_2007
from registry.storage.tables import unit

ACCURACIES = ("", "A", "B", "C")
"""How well a place was surveyed: A within 0.5 m, B within 1 m, C within 10 m; "" is not known."""

_LENGTHS = {"name": 120, "road": 120, "address": 200, "grid_cell": 16, "material": 40, "size": 60}
PARTY_FIELDS = ("supervisor_unit_id", "owner_unit_id", "maintainer_unit_id")
"""The columns of the three parties."""

_DAYS = ("installed_on", "warranty_until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who answers for an asset: 主管 supervises, 权属 owns, 养护 maintains. Unit ids."""

    supervisor_unit_id: int | None = None
    owner_unit_id: int | None = None
    maintainer_unit_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAsset:
    """A cover, grate, lamp or other component to be given a code and a file.

    ``lon`` and ``lat`` are degrees in ``crs``; the registry keeps them beside their WGS-84 values. ``name`` empty: the
    class's Chinese name and the serial. ``aliases`` are (kind, value), the names other systems know it by. Area and
    cell are found by the place where areas are on file; ``grid_cell`` given here wins.
    """

    division: str
    class_code: str
    lon: float
    lat: float
    scheme: str = CJT214_2007
    crs: Crs = Crs.WGS84
    accuracy: str = ""
    name: str = ""
    road: str = ""
    address: str = ""
    grid_cell: str = ""
    state: AssetState = AssetState.INTACT
    parties: Parties = field(default_factory=Parties)
    depth_mm: int | None = None
    material: str = ""
    size: str = ""
    installed_on: str = ""
    warranty_until: str = ""
    aliases: Sequence[tuple[str, str]] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class GivenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place as somebody states it: degrees in ``crs``."""

    lon: float
    lat: float
    crs: Crs = Crs.WGS84


class AssetChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; what is left unset stays. ``details`` are laid over those on file (None removes one)."""

    name: str | UnsetType = UNSET
    road: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    place: GivenPlace | UnsetType = UNSET
    accuracy: str | UnsetType = UNSET
    grid_cell: str | UnsetType = UNSET
    supervisor_unit_id: int | UnsetType | None = UNSET
    owner_unit_id: int | UnsetType | None = UNSET
    maintainer_unit_id: int | UnsetType | None = UNSET
    depth_mm: int | UnsetType | None = UNSET
    material: str | UnsetType = UNSET
    size: str | UnsetType = UNSET
    installed_on: str | UnsetType | None = UNSET
    warranty_until: str | UnsetType | None = UNSET
    details: dict[str, Any] | UnsetType = UNSET


def values_of(new: NewAsset) -> dict[str, Any]:
    """The columns of ``new`` that need no look-up, not checked yet."""
    return {
        "scheme": new.scheme,
        "class_code": new.class_code,
        "state": new.state.value,
        "name": new.name,
        "road": new.road,
        "address": new.address,
        "grid_cell": new.grid_cell,
        "accuracy": new.accuracy,
        "supervisor_unit_id": new.parties.supervisor_unit_id,
        "owner_unit_id": new.parties.owner_unit_id,
        "maintainer_unit_id": new.parties.maintainer_unit_id,
        "depth_mm": new.depth_mm,
        "material": new.material,
        "size": new.size,
        "installed_on": new.installed_on,
        "warranty_until": new.warranty_until,
        "details": dict(new.details),
    }


def wanted_values(tx: Connection, row: Any, change: AssetChange) -> dict[str, Any]:
    """The columns that ``change`` sets, checked; those that follow from a new place with them."""
    given = {name: getattr(change, name) for name in change.__struct_fields__}
    place = given.pop("place")
    set_ones = {name: value for name, value in given.items() if value is not UNSET}
    if "details" in set_ones:
        laid_over = {**(row.details or {}), **set_ones["details"]}
        set_ones["details"] = {name: value for name, value in laid_over.items() if value is not None}
    if not str(set_ones.get("name", "?")).strip():
        raise InvalidInput("name", "an asset needs a name, e.g. its class and number")
    wanted = checked_values(tx, set_ones, Family(row.family))
    if isinstance(place, GivenPlace):
        moved = place_values(tx, check_place(place.lon, place.lat), place.crs)
        moved["area_code"] = moved["area_code"] or row.area_code
        moved["grid_cell"] = moved["grid_cell"] or row.grid_cell
        wanted = moved | wanted
    return wanted


def checked_values(tx: Connection, given: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Columns as they may be written. Raises ``InvalidInput`` naming the first that may not."""
    values: dict[str, Any] = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
    for name, most in _LENGTHS.items():
        if len(values.get(name) or "") > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)
    if values.get("accuracy", "") not in ACCURACIES:
        raise InvalidInput("accuracy", "{given!r} must be A, B, C or empty", given=values["accuracy"])
    for name in _DAYS:
        if name in values:
            values[name] = read_day(name, values[name] or "")
    installed, until = values.get("installed_on"), values.get("warranty_until")
    if installed and until and until < installed:
        raise InvalidInput(
            "warranty_until", "{given} is before it was installed ({installed})", given=until, installed=installed
        )
    check_depth(values.get("depth_mm"))
    if "details" in values:
        values["details"] = check_details(family, values["details"])
    _check_units(tx, values)
    return values


def _check_units(tx: Connection, values: Mapping[str, Any]) -> None:
    named = {name: values[name] for name in PARTY_FIELDS if values.get(name) is not None}
    if named:
        known = set(tx.execute(select(unit.c.id).where(unit.c.id.in_(set(named.values())))).scalars())
        for name, unit_id in named.items():
            if unit_id not in known:
                raise InvalidInput(
                    name, "there is no unit {unit_id}; choose one of the list or add it first", unit_id=unit_id
                )


def place_values(tx: Connection, place: Place, crs: Crs) -> dict[str, Any]:
    """The columns that hold a place: as given, in WGS-84, and the area and cell it lies in ("" where none is known)."""
    kept = to_wgs84(place, crs)
    (located,) = locate(tx, [kept])
    return {
        "lon": round(kept.lon, PLACE_DECIMALS),
        "lat": round(kept.lat, PLACE_DECIMALS),
        "place_cell": place_cell(kept.lon, kept.lat),
        "source_crs": crs.value,
        "source_x": place.lon,
        "source_y": place.lat,
        "area_code": located.area_code,
        "grid_cell": located.grid_cell,
    }
