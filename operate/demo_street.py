"""The demo's streets: a small made-up quarter with named roads, covers in the carriageway and lamps along the kerb."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import NamedTuple

from sqlalchemy import Connection

from registry.services.assets import NewAsset, Parties, register_asset
from registry.services.demo_people import DEMO_ACCOUNTS
from registry.services.units import ensure_unit

# metres to degrees at the quarter's latitude
_LON_M = 1 / 95_100
_LAT_M = 1 / 110_900
CORNER = (120.6185, 31.3050)
_BLOCK_M = 260.0
QUARTER_M = _BLOCK_M * 4
"""The quarter's length and width."""

_EAST_WEST = ("人民路", "观前街", "干将路", "十梓街", "竹辉路")
_NORTH_SOUTH = ("临顿路", "凤凰街", "五卅路", "养育巷", "平江路")

# class code, name: the covers one finds in a street, water and rain first
_COVERS = (
    ("0101", "上水井盖"),
    ("0102", "污水井盖"),
    ("0103", "雨水井盖"),
    ("0104", "雨水箅子"),
    ("0105", "电力井盖"),
    ("0107", "通讯井盖"),
    ("0111", "燃气井盖"),
)
_LAMP = ("0118", "路灯")
DIVISION = "320508"


def degrees_of(x_m: float, y_m: float) -> tuple[float, float]:
    """Metres to the east and to the north in the quarter, as degrees of longitude and latitude."""
    return x_m * _LON_M, y_m * _LAT_M


class _Site(NamedTuple):
    road: str
    class_code: str
    class_name: str
    lon: float
    lat: float


def demo_assets(tx: Connection, sensors: int, rng: Random, *, now: datetime) -> None:
    """Three assets for each sensor, so that most of the city is silent, as cities are."""
    units = _units(tx)
    sites = list(_sites(max(90, sensors * 3), rng))
    numbers: dict[tuple[str, str], int] = {}
    for site in sites:
        key = (site.road, site.class_code)
        numbers[key] = numbers.get(key, 0) + 1
        new = NewAsset(
            division=DIVISION,
            class_code=site.class_code,
            name=f"{site.road}{site.class_name}{numbers[key]:02d}",
            lon=site.lon,
            lat=site.lat,
            road=site.road,
            depth_mm=None if site.class_code == _LAMP[0] else 2400,
            parties=units[site.class_code == _LAMP[0]],
        )
        register_asset(tx, new, now=now)


def _units(tx: Connection) -> dict[bool, Parties]:
    """Who answers for covers (False) and for lamps (True): the units of the demo's crews."""
    unit_of = {account.login: ensure_unit(tx, account.unit) for account in DEMO_ACCOUNTS if account.unit is not None}
    return {
        lamps: Parties(
            supervisor_unit_id=unit_of["dispatcher"], owner_unit_id=unit_of[crew], maintainer_unit_id=unit_of[crew]
        )
        for lamps, crew in ((False, "crew1"), (True, "crew2"))
    }


def _sites(count: int, rng: Random) -> Iterator[_Site]:
    roads = [(name, number, True) for number, name in enumerate(_EAST_WEST)]
    roads += [(name, number, False) for number, name in enumerate(_NORTH_SOUTH)]
    length_m = QUARTER_M
    for number in range(count):
        name, place, along_x = roads[number % len(roads)]
        lamp = (number // len(roads)) % 5 in {1, 3}
        step = number // len(roads) + 0.5
        along_m = length_m * step / (count / len(roads)) + rng.uniform(-4, 4)
        across_m = _BLOCK_M * place + (rng.choice((-9.0, 9.0)) if lamp else rng.uniform(-5, 5))
        x, y = (along_m, across_m) if along_x else (across_m, along_m)
        class_code, class_name = _LAMP if lamp else rng.choice(_COVERS)
        east, north = degrees_of(x, y)
        yield _Site(name, class_code, class_name, CORNER[0] + east, CORNER[1] + north)
