"""The nearest assets: the same as measuring the way to every one, whatever lies around."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, update

from registry.domain.geo import Place, distance_m, place_cell
from registry.domain.kinds import Family
from registry.queries.nearest import nearest_assets
from registry.storage.database import writing
from registry.storage.tables import asset

MIDDLE = Place(110.36, 21.27)
COUNT = 600


@pytest.fixture
def places() -> dict[int, Place]:
    """Crowded in the middle, sparse outside."""
    rng = Random(7)
    return {
        number: Place(MIDDLE.lon + rng.gauss(0, 1) ** 3 * 0.004, MIDDLE.lat + rng.gauss(0, 1) ** 3 * 0.003)
        for number in range(1, COUNT + 1)
    }


@pytest.fixture
def town(engine: Engine, places: dict[int, Place], now: datetime) -> Engine:
    with writing(engine) as tx:
        tx.execute(insert(asset), [_row(number, place, now) for number, place in places.items()])
        tx.execute(update(asset).where(asset.c.id == COUNT).values(merged_into_id=1))
    return engine


def _row(number: int, place: Place, now: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "code": f"4408030101{number:06d}",
        "scheme": "cjt214-2007",
        "class_code": "0101",
        "family": "light" if number % 3 == 0 else "cover",
        "name": f"井盖 {number:06d}",
        "state": "intact",
        "lon": place.lon,
        "lat": place.lat,
        "place_cell": place_cell(place.lon, place.lat),
        "road": "人民路",
        "address": "",
        "area_code": f"44080300{number % 2}",
        "details": {},
        "created_at": now,
        "updated_at": now,
    }


@pytest.mark.parametrize("limit", [1, 10, 100])
@pytest.mark.parametrize("within_m", [50.0, 500.0, 5000.0])
def test_they_are_those_that_measuring_every_way_finds(
    town: Engine, places: dict[int, Place], within_m: float, limit: int
) -> None:
    rng = Random(3)
    for _ in range(10):
        here = Place(MIDDLE.lon + rng.uniform(-0.02, 0.02), MIDDLE.lat + rng.uniform(-0.02, 0.02))
        ways = sorted((distance_m(here, place), number) for number, place in places.items() if number != COUNT)
        wanted = [number for way_m, number in ways if way_m <= within_m][:limit]
        found = nearest_assets(town, lon=here.lon, lat=here.lat, within_m=within_m, limit=limit)
        assert [one.id for one in found] == wanted


def test_a_family_and_an_area_narrow_them(town: Engine, places: dict[int, Place]) -> None:
    found = nearest_assets(
        town, lon=MIDDLE.lon, lat=MIDDLE.lat, within_m=2000.0, limit=5, family=Family.LIGHT, scope="440803001"
    )
    ways = sorted((distance_m(MIDDLE, place), number) for number, place in places.items() if number % 6 == 3)
    assert [one.id for one in found] == [number for _, number in ways[:5]]


def test_no_more_rows_are_read_than_are_asked_for(town: Engine) -> None:
    asked: list[Any] = []

    def note(_c: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if "place_cell" in statement:
            asked.append((statement, parameters))

    event.listen(town, "before_cursor_execute", note)
    nearest_assets(town, lon=MIDDLE.lon, lat=MIDDLE.lat, within_m=500.0, limit=3)
    event.remove(town, "before_cursor_execute", note)
    ((statement, parameters),) = asked
    with town.connect() as db:
        assert len(db.exec_driver_sql(statement, parameters).all()) <= 8
        plan = " ".join(str(row) for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
    assert "ix_asset_place_cell (place_cell>? AND place_cell<?)" in plan, plan
