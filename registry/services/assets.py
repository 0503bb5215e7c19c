"""Assets and what is fitted to them: the file of each cover and lamp, its parties, state, devices and baselines.

Every change of devices, points, baselines or parties raises the revision ``directory``, by which the running ingest
learns that it must load its directory again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.geo import PLACE_DECIMALS, Crs, Place, check_place, place_cell, to_wgs84
from registry.domain.kinds import AssetState, Family
from registry.domain.points import POINTS
from registry.services import revisions
from registry.services.classes import CJT214_2007, find_class
from registry.services.codes import issue_codes
from registry.services.tags import bind_tag, issue_tag, record_scan
from registry.storage.tables import asset, asset_alias, baseline, device, point

__all__ = [
    "NewAsset",
    "NewDevice",
    "Parties",
    "bind_tag",
    "fit_device",
    "issue_tag",
    "record_scan",
    "register_asset",
    "set_baseline",
    "set_parties",
    "set_state",
]


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
    class's Chinese name and the serial. ``aliases`` are (kind, value), the names other systems know it by.
    """

    division: str
    class_code: str
    lon: float
    lat: float
    scheme: str = CJT214_2007
    crs: Crs = Crs.WGS84
    name: str = ""
    road: str = ""
    address: str = ""
    grid_cell: str = ""
    state: AssetState = AssetState.INTACT
    parties: Parties = field(default_factory=Parties)
    depth_mm: int | None = None
    aliases: Sequence[tuple[str, str]] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """Hardware to be fitted to an asset. ``points`` empty: all points that the asset's family has.

    ``heartbeat_s``: how often it normally speaks; silence is judged by it. ``baselines``: point name to the value it
    shows when all is well (road camber), 0 where not given.
    """

    serial: str
    profile: str
    asset_id: int
    heartbeat_s: float
    cabinet_id: str = ""
    bus: str = ""
    bus_address: int | None = None
    points: Sequence[str] = ()
    baselines: Mapping[str, float] = field(default_factory=dict)


def register_asset(tx: Connection, new: NewAsset, *, now: datetime) -> int:
    """Give ``new`` its code and its file; returns the asset's id.

    Raises ``InvalidInput`` naming the field, and ``Conflict`` when an alias belongs to another asset.
    """
    place = check_place(new.lon, new.lat)
    kept = to_wgs84(place, new.crs)
    of_class = find_class(tx, new.scheme, new.class_code)
    if new.depth_mm is not None and not 0 < new.depth_mm <= 50_000:
        raise InvalidInput("depth_mm", f"{new.depth_mm} must be between 1 and 50000 mm")
    _check_lengths(new)
    _check_aliases_free(tx, new.aliases)
    code = issue_codes(tx, new.division, new.class_code, 1)[0]
    values = _values_of(new, place, kept, now=now)
    values |= {"code": code, "family": of_class.family.value, "name": new.name or f"{of_class.name_zh} {code[10:]}"}
    asset_id = int(tx.execute(insert(asset).values(values).returning(asset.c.id)).scalar_one())
    if new.aliases:
        tx.execute(
            insert(asset_alias),
            [{"kind": kind, "value": value, "asset_id": asset_id} for kind, value in new.aliases],
        )
    return asset_id


def _values_of(new: NewAsset, place: Place, kept: Place, *, now: datetime) -> dict[str, Any]:
    """The columns of ``new`` that need no look-up; ``place`` is as given, ``kept`` the same in WGS-84."""
    return {
        "scheme": new.scheme,
        "class_code": new.class_code,
        "state": new.state.value,
        "lon": round(kept.lon, PLACE_DECIMALS),
        "lat": round(kept.lat, PLACE_DECIMALS),
        "place_cell": place_cell(kept.lon, kept.lat),
        "area_code": new.division,
        "source_crs": new.crs.value,
        "source_x": place.lon,
        "source_y": place.lat,
        "road": new.road,
        "address": new.address,
        "grid_cell": new.grid_cell,
        "supervisor_unit_id": new.parties.supervisor_unit_id,
        "owner_unit_id": new.parties.owner_unit_id,
        "maintainer_unit_id": new.parties.maintainer_unit_id,
        "depth_mm": new.depth_mm,
        "details": dict(new.details),
        "created_at": now,
        "updated_at": now,
    }


def set_parties(tx: Connection, asset_id: int, parties: Parties, *, now: datetime) -> None:
    """Say who supervises, owns and maintains an asset from now on. Raises ``NotFound``."""
    _change_asset(
        tx,
        asset_id,
        {
            "supervisor_unit_id": parties.supervisor_unit_id,
            "owner_unit_id": parties.owner_unit_id,
            "maintainer_unit_id": parties.maintainer_unit_id,
        },
        now=now,
    )
    revisions.bump(tx, revisions.DIRECTORY)


def set_state(tx: Connection, asset_id: int, state: AssetState, *, now: datetime) -> None:
    """Record 完好, 破损, 丢失 or 废弃. An abandoned asset keeps its code for ever. Raises ``NotFound``."""
    _change_asset(tx, asset_id, {"state": state.value}, now=now)
    revisions.bump(tx, revisions.DIRECTORY)


def fit_device(tx: Connection, new: NewDevice, *, now: datetime) -> int:
    """Fit ``new`` to its asset and make its points; returns the device's id.

    A water level's full scale is the well's depth. Raises ``NotFound`` for the asset, ``Conflict`` for a serial that is
    fitted already, ``InvalidInput`` for points the asset's family does not have.
    """
    family, depth_mm = _carrier(tx, new.asset_id)
    if not new.serial.strip():
        raise InvalidInput("serial", "a device needs the serial that its readings carry")
    if new.heartbeat_s <= 0:
        raise InvalidInput("heartbeat_s", f"{new.heartbeat_s} must be more than 0 seconds")
    fitted = tx.execute(select(device.c.asset_id).where(device.c.serial == new.serial)).first()
    if fitted is not None:
        raise Conflict(f"device {new.serial!r} is fitted to asset {fitted.asset_id} already")
    names = _points_of(family, new)
    device_id = int(
        tx.execute(
            insert(device)
            .values(
                serial=new.serial,
                profile=new.profile,
                asset_id=new.asset_id,
                cabinet_id=new.cabinet_id,
                bus=new.bus,
                bus_address=new.bus_address,
                heartbeat_s=new.heartbeat_s,
                fitted_at=now,
            )
            .returning(device.c.id)
        ).scalar_one()
    )
    made = tx.execute(
        insert(point).returning(point.c.id, point.c.baseline),
        [
            {
                "device_id": device_id,
                "name": name,
                "unit": POINTS[name].unit,
                "baseline": new.baselines.get(name, 0.0),
                "full_scale": depth_mm if name == "water_level" else None,
            }
            for name in names
        ],
    ).all()
    tx.execute(insert(baseline), [{"point_id": row.id, "value": row.baseline, "set_at": now} for row in made])
    revisions.bump(tx, revisions.DIRECTORY)
    return device_id


def set_baseline(tx: Connection, point_id: int, value: float, *, by: int | None, now: datetime) -> None:
    """Re-zero a point: from now on ``value`` (in the point's unit) counts as "all is well"; the old one stays on file.

    ``by`` is the id of the authorised person. Raises ``NotFound``, and ``InvalidInput`` for an impossible value.
    """
    name = tx.execute(select(point.c.name).where(point.c.id == point_id)).scalar()
    if name is None:
        raise NotFound("point", point_id)
    low, high = POINTS[name].sane
    if not low <= value <= high:
        raise InvalidInput("value", f"{value} is outside {low} to {high} {POINTS[name].unit}, which {name} can have")
    tx.execute(update(point).where(point.c.id == point_id).values(baseline=value))
    tx.execute(insert(baseline).values(point_id=point_id, value=value, set_at=now, set_by=by))
    revisions.bump(tx, revisions.DIRECTORY)


def _carrier(tx: Connection, asset_id: int) -> tuple[Family, int | None]:
    row = tx.execute(select(asset.c.family, asset.c.depth_mm).where(asset.c.id == asset_id)).first()
    if row is None:
        raise NotFound("asset", asset_id)
    return Family(row.family), row.depth_mm


def _change_asset(tx: Connection, asset_id: int, values: Mapping[str, Any], *, now: datetime) -> None:
    changed = tx.execute(update(asset).where(asset.c.id == asset_id).values(updated_at=now, **values))
    if changed.rowcount == 0:
        raise NotFound("asset", asset_id)


def _points_of(family: Family, new: NewDevice) -> list[str]:
    had = [name for name, spec in POINTS.items() if family in spec.families]
    names = list(new.points) or had
    foreign = sorted((set(names) | set(new.baselines)) - set(had))
    if foreign:
        raise InvalidInput("points", f"{', '.join(foreign)}: a {family} asset has only {', '.join(had) or 'no points'}")
    if not names:
        raise InvalidInput("asset_id", f"assets of the family {family} carry no sensors")
    if len(set(names)) != len(names):
        raise InvalidInput("points", "a point stands twice; name each once")
    return names


def _check_lengths(new: NewAsset) -> None:
    for name, most in (("name", 120), ("road", 120), ("address", 200), ("grid_cell", 16)):
        if len(getattr(new, name)) > most:
            raise InvalidInput(name, f"is longer than {most} characters; shorten it")


def _check_aliases_free(tx: Connection, aliases: Sequence[tuple[str, str]]) -> None:
    for kind, value in aliases:
        holder = tx.execute(
            select(asset_alias.c.asset_id).where(asset_alias.c.kind == kind, asset_alias.c.value == value)
        ).scalar()
        if holder is not None:
            raise Conflict(f"{kind} {value!r} belongs to asset {holder} already")
