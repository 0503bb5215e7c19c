"""A registry of generated covers and lamps, written past the services so that a million takes a minute, not an hour.

The file is kept under ``var/`` and used again. It holds what a city has after some years: an alias and a plate for each
asset, cases and alerts on some, scans, devices in one district.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.schema import CreateIndex

from registry.domain.geo import place_cell
from registry.domain.kinds import Role
from registry.domain.points import POINTS
from registry.domain.tokens import new_token
from registry.services.classes import load_classes
from registry.services.map_counts import count_anew
from registry.services.people import NewUser, add_user
from registry.services.rules import install_shipped_rules
from registry.services.units import NewUnit, add_unit
from registry.storage.database import open_database, writing
from registry.storage.schema import upgrade
from registry.storage.tables import metadata
from registry.storage.times import to_ms

CLASSES = (("0101", "cover", "上水井盖"), ("0102", "cover", "污水井盖"), ("0103", "cover", "雨水井盖"))
LIGHT = ("0118", "light", "路灯")
DIVISIONS = ("440802", "440803", "440804", "440811")
WEST, SOUTH, WIDE, HIGH = 110.20, 21.10, 0.40, 0.30
ROADS = 3_000
DEVICES = 5_000
CASES = 40_000
SCANS = 200_000
LOGIN, PASSWORD = "bench", "four words kept for measuring"
_NAMES = "椹川人民解放海滨赤坎霞山湖光康顺百园体育观海军民友谊乐山"
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
_BATCH = 10_000


def registry_of(assets: int, folder: Path) -> Path:
    """The database file with ``assets`` assets; made when it is not there."""
    path = folder / f"lookup-{assets}-{shape()}.db"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".making")
    fresh.unlink(missing_ok=True)
    _furnish(fresh)
    _fill(fresh, assets)
    engine = open_database(f"sqlite:///{fresh}")
    count_anew(engine)
    engine.dispose()
    fresh.rename(path)
    return path


def shape() -> str:
    """What the tables look like: a file made for others is not used."""
    columns = sorted(f"{column.table.name}.{column.name}" for each in metadata.sorted_tables for column in each.c)
    indexes = sorted(str(CreateIndex(index)) for each in metadata.sorted_tables for index in each.indexes)
    return hashlib.blake2b(" ".join(["counted", *columns, *indexes]).encode(), digest_size=4).hexdigest()


def code_of(number: int) -> str:
    """The component code of the ``number``-th asset, from 0."""
    class_code = LIGHT[0] if number % 7 == 0 else CLASSES[number % 3][0]
    return f"{DIVISIONS[number % len(DIVISIONS)]}{class_code}{number // len(DIVISIONS) + 1:06d}"


def alias_of(number: int) -> str:
    """Its owner's number."""
    return f"GC-{number:07d}"


def tokens(assets: int) -> Iterator[str]:
    """The tokens of all plates, in the order of their assets; the same ones each time."""
    rng, seen = Random(71), set[str]()
    while len(seen) < assets:
        token = new_token(rng)
        if token not in seen:
            seen.add(token)
            yield token


def place_of(number: int) -> tuple[float, float]:
    """Longitude and latitude: along streets, a cover every 20 metres or so."""
    rng = Random(number)
    road = number % ROADS
    along = rng.random()
    across = (road // 2) / (ROADS / 2) + rng.uniform(-0.00005, 0.00005)
    x, y = (along, across) if road % 2 else (across, along)
    return round(WEST + WIDE * x, 6), round(SOUTH + HIGH * y, 6)


def road_of(number: int) -> str:
    """The road it stands on."""
    road = number % ROADS
    return f"{_NAMES[road % len(_NAMES)]}{_NAMES[road // 7 % len(_NAMES)]}{road:04d}路"


def _furnish(path: Path) -> None:
    engine = open_database(f"sqlite:///{path}")
    upgrade(engine)
    now = datetime.now(UTC)
    with writing(engine) as tx:
        load_classes(tx)
        install_shipped_rules(tx, now=now)
        for number in range(30):
            add_unit(tx, NewUnit(name=f"养护单位 {number}", phone="0759-000000"))
        add_user(tx, NewUser(login=LOGIN, name="Bench", role=Role.ADMINISTRATOR, password=PASSWORD), now=now)
    engine.dispose()


def _fill(path: Path, assets: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;")
        _insert(connection, "asset", (asset_row(number) for number in range(assets)))
        _insert(connection, "road", ({"name": road_of(number)} for number in range(min(assets, ROADS))))
        aliases = ({"kind": "owner", "value": alias_of(n), "asset_id": n + 1} for n in range(assets))
        _insert(connection, "asset_alias", aliases)
        _insert(connection, "tag", (_tag(number, token) for number, token in enumerate(tokens(assets))))
        _insert(connection, "asset_change", (_change(number) for number in range(0, assets, 4)))
        _fill_devices(connection, min(DEVICES, assets))
        _fill_cases(connection, min(CASES, assets))
        _insert(connection, "scan", (_scan(number, assets) for number in range(min(SCANS, assets))))
        connection.commit()
        connection.execute("PRAGMA journal_mode=WAL")


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    while batch := list(islice(rows, _BATCH)):
        names = list(batch[0])
        places = ", ".join(f":{name}" for name in names)
        connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", batch)  # noqa: S608


def asset_row(number: int) -> dict[str, Any]:
    """The ``number``-th asset as a row, times in ms."""
    _, family, name = LIGHT if number % 7 == 0 else (*CLASSES[number % 3][:2], CLASSES[number % 3][2])
    lon, lat = place_of(number)
    code = code_of(number)
    at = to_ms(BEGAN + timedelta(seconds=number * 60))
    state = ("damaged", "lost", "abandoned")[number % 3] if number % 50 == 0 else "intact"
    area = f"{code[:6]}{number % 12:03d}{number % 40:03d}"
    return {
        "id": number + 1,
        "code": code,
        "version": 1,
        "scheme": "cjt214-2007",
        "class_code": code[6:10],
        "family": family,
        "name": f"{name} {code[10:]}",
        "state": state,
        "lon": lon,
        "lat": lat,
        "place_cell": place_cell(lon, lat),
        "accuracy": "C" if number % 97 == 0 else "A",
        "source_crs": "wgs84",
        "road": "" if number % 211 == 0 else road_of(number),
        "address": f"{road_of(number)}{number % 400}号",
        "area_code": area,
        "grid_cell": "" if number % 31 == 0 else f"{area}{number % 25:03d}",
        "maintainer_unit_id": None if number % 41 == 0 else number % 30 + 1,
        "details": json.dumps({"load": "d400"}),
        "created_at": at,
        "updated_at": at,
    }


def _tag(number: int, token: str) -> dict[str, Any]:
    at = to_ms(BEGAN + timedelta(seconds=number * 60))
    return {
        "id": number + 1,
        "token": token,
        "asset_id": number + 1,
        "state": "active",
        "created_at": at,
        "bound_at": at,
    }


def _change(number: int) -> dict[str, Any]:
    at = to_ms(BEGAN + timedelta(seconds=number * 60))
    return {"asset_id": number + 1, "at": at, "action": "register", "changes": '{"code": [null, "x"]}', "note": ""}


def _scan(number: int, assets: int) -> dict[str, Any]:
    asset_id = number * 7919 % assets + 1
    at = to_ms(BEGAN + timedelta(seconds=number * 120))
    flag = "far" if number % 500 == 0 else ""
    return {"at": at, "token": "scanned", "asset_id": asset_id, "finding": "active", "flag": flag}


def _fill_devices(connection: sqlite3.Connection, devices: int) -> None:
    at = to_ms(BEGAN)
    names = [name for name, spec in POINTS.items() if "cover" in spec.families and spec.usual]
    rows = (
        {"id": n + 1, "serial": f"BN-{n:05d}", "profile": "cc-cover-1", "asset_id": n * 7 + 2, "heartbeat_s": 600.0}
        | {"cabinet_id": f"b{n % 50}", "bus": "b1", "fitted_at": at}
        for n in range(devices)
        if n * 7 + 2 <= devices * 7
    )
    _insert(connection, "device", rows)
    points = (
        {"id": n * len(names) + index + 1, "device_id": n + 1, "name": name, "unit": POINTS[name].unit, "baseline": 0.0}
        for n in range(devices)
        for index, name in enumerate(names)
    )
    _insert(connection, "point", points)


def _fill_cases(connection: sqlite3.Connection, cases: int) -> None:
    kinds = ("cover_displaced", "cover_loose", "water_high", "battery_low")
    _insert(connection, "case_file", (_case(number, kinds[number % 4]) for number in range(cases)))
    alerts = (
        {"case_id": n + 1, "rule_key": "cover_tilt", "rule_version": 1, "point_id": n + 1, "device_id": n % DEVICES + 1}
        | {"asset_id": n * 11 % cases + 1, "severity": n % 3 + 1, "state": "firing" if n % 40 == 0 else "cleared"}
        | {"began_at": to_ms(BEGAN), "fired_at": to_ms(BEGAN), "recorded_at": to_ms(BEGAN), "value": 20.0, "peak": 30.0}
        for n in range(min(cases, DEVICES * 5))
    )
    _insert(connection, "alert", alerts)


def _case(number: int, kind: str) -> dict[str, Any]:
    at = to_ms(BEGAN + timedelta(hours=number))
    still_open = number % 20 == 0
    return {
        "id": number + 1,
        "number": f"20200101{number:06d}",
        "asset_id": number + 1,
        "kind": kind,
        "stage": "dispatched" if still_open else "closed",
        "severity": number % 3 + 1,
        "source": "sensor",
        "opened_at": at,
        "deadline_at": at + 7_200_000,
        "ended_at": None if still_open else at + 3_600_000,
        "overdue_at": at + 7_200_000 if still_open and number % 3 == 0 else None,
        "version": 3,
    }
