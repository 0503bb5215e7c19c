"""The city of a simulated year: its book of assets with their sensors, and the few people who look after them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from firmware_sim.year.city import CENTRE, Unit
from firmware_sim.year.plan import Year
from registry.domain.geo import place_cell
from registry.domain.kinds import Family, Role
from registry.domain.people import Actor
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.services.people import NewUser, add_user, find_user
from registry.services.rules import install_shipped_rules
from registry.services.seasons import install_shipped_seasons
from registry.services.units import NewUnit, add_unit
from registry.storage.bulk import insert_rows
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.series.port import SeriesStore
from registry.storage.series.sqlite import SqliteSeries
from registry.storage.tables import asset, cabinet

_SCHEME = "cjt214-2007"
_CLASS = {"cover": "0102", "pole": "0118"}
_BOX_CLASS = "0125"
_FAMILY = {"cover": Family.COVER, "pole": Family.LIGHT}
_DIVISION = "440802"
_PASSWORD = "four words kept for measuring"  # noqa: S105 - of people who live for one run
_COLUMNS = (
    "id",
    "code",
    "scheme",
    "class_code",
    "family",
    "name",
    "state",
    "lon",
    "lat",
    "place_cell",
    "area_code",
    "maintainer_unit_id",
    "depth_mm",
    "details",
    "created_at",
    "updated_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Stores and people. ``assets``: serial to asset, ``started_at``: the year's first midnight."""

    engine: Engine
    series: SeriesStore
    started_at: datetime
    assets: dict[str, int]
    boxes: dict[str, int]
    desk: Actor
    crew: Actor

    def at(self, ms: int) -> datetime:
        """The moment that many milliseconds into the year."""
        return self.started_at + timedelta(milliseconds=ms)

    def ms(self, at: datetime) -> int:
        """How many milliseconds into the year a moment is."""
        return round((at - self.started_at).total_seconds() * 1000)

    def close(self) -> None:
        """Let go of the files."""
        self.series.close()
        self.engine.dispose()


def found_city(folder: Path, year: Year) -> City:
    """A fresh city in ``folder`` for the units of the year, the day before it begins, with the shipped rules."""
    engine = open_database(f"sqlite:///{folder / 'city.db'}")
    upgrade(engine)
    started_at = datetime.fromtimestamp(year.started_s, UTC)
    now = started_at - timedelta(days=1)
    with writing(engine) as tx:
        load_classes(tx)
        install_shipped_seasons(tx)
        install_shipped_rules(tx, now=now)
        unit_id = add_unit(tx, NewUnit(name="市政设施养护处", phone="0759-000000"))
        roles = {"desk": Role.DISPATCHER, "crew": Role.CREW}
        users = {
            login: add_user(
                tx, NewUser(login=login, name=login, role=role, password=_PASSWORD, unit_id=unit_id), now=now
            )
            for login, role in roles.items()
        }
        insert_rows(tx, asset, _COLUMNS, (_asset(number, unit, unit_id, now) for number, unit in _numbered(year)))
    boxes = _fit(engine, year, unit_id, now)
    actors = {login: find_user(engine, user_id) for login, user_id in users.items()}
    desk, crew = actors["desk"], actors["crew"]
    if desk is None or crew is None:
        raise LookupError("the people of the year were not kept")
    return City(
        engine=engine,
        series=SqliteSeries(folder / "series.db"),
        started_at=started_at,
        assets={unit.serial: number for number, unit in _numbered(year)},
        boxes=boxes,
        desk=desk,
        crew=crew,
    )


def _numbered(year: Year) -> Iterator[tuple[int, Unit]]:
    return enumerate(year.units, start=1)


def _asset(number: int, unit: Unit, unit_id: int, now: datetime) -> tuple[Any, ...]:
    lon, lat = round(unit.lon, 6), round(unit.lat, 6)
    depth_mm = round(unit.depth_mm) if unit.kind == "cover" else None
    place: tuple[Any, ...] = (lon, lat, place_cell(lon, lat), f"{_DIVISION}001")
    class_code = _CLASS[unit.kind]
    code = f"{_DIVISION}{class_code}{number:06d}"
    kind = (_SCHEME, class_code, _FAMILY[unit.kind].value, unit.serial, "intact")
    return (number, code, *kind, *place, unit_id, depth_mm, {}, now, now)


def _fit(engine: Engine, year: Year, unit_id: int, now: datetime) -> dict[str, int]:
    """Cabinets with their boxes as assets, and a sensor on every asset, its baseline as it was fitted."""
    boxes: dict[str, int] = {}
    with writing(engine) as tx:
        for number, name in enumerate(sorted({unit.cabinet for unit in year.units}), start=len(year.units) + 1):
            lon, lat = CENTRE[0] + number * 1e-5, CENTRE[1]
            row = (number, f"{_DIVISION}{_BOX_CLASS}{number:06d}", _SCHEME, _BOX_CLASS, Family.OTHER.value, name)
            place: tuple[Any, ...] = ("intact", lon, lat, place_cell(lon, lat), f"{_DIVISION}001")
            insert_rows(tx, asset, _COLUMNS, [(*row, *place, unit_id, None, {}, now, now)])
            tx.execute(insert(cabinet).values(id=name, name=name, asset_id=number))
            boxes[name] = number
        for number, unit in _numbered(year):
            put_on(tx, _device(number, unit), now=now)
    with reading(engine) as tx:
        kept = len(tx.scalars(select(asset.c.id)).all())
    if kept != len(year.units) + len(boxes):
        raise LookupError(f"{kept} assets were kept of {len(year.units) + len(boxes)}")
    return boxes


def _device(number: int, unit: Unit) -> NewDevice:
    x, y = unit.body.offset_x_deg, unit.body.offset_y_deg
    names = ("tilt_x", "tilt_y", "tilt_z", "displacement", "vibration", "temperature", "battery")
    return NewDevice(
        serial=unit.serial,
        profile="cc-cover-1" if unit.kind == "cover" else "cc-pole-1",
        asset_id=number,
        heartbeat_s=unit.beat_s,
        cabinet_id=unit.cabinet,
        bus=unit.bus,
        points=(*names, "water_level") if unit.kind == "cover" else names,
        baselines={"tilt_x": x, "tilt_y": y, "tilt_z": float((x * x + y * y) ** 0.5), "displacement": 0.4},
    )
