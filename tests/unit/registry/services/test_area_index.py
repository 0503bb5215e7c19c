"""Where a place lies: the deepest area on file, the same answer every time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, update

from registry.domain.geo import Place
from registry.services import revisions
from registry.services.areas import AREAS, Located, locate
from registry.storage.database import reading, writing
from registry.storage.tables import area

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def add_area(tx: Connection, level: str, code: str, west: float, south: float, east: float, north: float) -> None:
    """A rectangle on file."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
    tx.execute(insert(area).values(level=level, code=code, name=code, shape=shape, updated_at=NOW))
    revisions.bump(tx, AREAS)


def at(engine: Engine, *places: tuple[float, float]) -> list[Located]:
    with reading(engine) as tx:
        return locate(tx, [Place(*each) for each in places])


def test_the_deepest_area_wins_and_outside_there_is_none(engine: Engine):
    with writing(engine) as tx:
        add_area(tx, "district", "320508", 120, 31, 121, 32)
        add_area(tx, "street", "320508001", 120, 31, 120.5, 32)
        add_area(tx, "community", "320508001002", 120, 31, 120.5, 31.5)
        add_area(tx, "cell", "320508001002003", 120, 31, 120.1, 31.1)
    cell, community, street, district, outside = at(
        engine, (120.05, 31.05), (120.2, 31.2), (120.2, 31.8), (120.9, 31.8), (122, 31)
    )
    assert cell == Located("320508001002003", "320508001002003")
    assert community == Located("320508001002", "")
    assert street == Located("320508001", "")
    assert district == Located("320508", "")
    assert outside == Located("", "")


def test_on_a_border_the_lowest_code_wins_whatever_the_order_of_filing(engine: Engine):
    with writing(engine) as tx:
        add_area(tx, "cell", "320508001002004", 120.1, 31, 120.2, 31.1)
        add_area(tx, "cell", "320508001002003", 120, 31, 120.1, 31.1)
    assert at(engine, (120.1, 31.05), (120.1, 31.1))[0].grid_cell == "320508001002003"
    assert at(engine, (120.15, 31.05))[0].grid_cell == "320508001002004"


def test_without_areas_nothing_is_located(engine: Engine):
    assert at(engine, (120, 31)) == [Located("", "")]
    assert at(engine) == []


def test_a_change_is_seen_by_the_next_look_and_an_ended_area_takes_nothing_in(engine: Engine):
    assert at(engine, (120.05, 31.05)) == [Located("", "")]
    with writing(engine) as tx:
        add_area(tx, "cell", "320508001002003", 120, 31, 120.1, 31.1)
    assert at(engine, (120.05, 31.05))[0].grid_cell == "320508001002003"
    with writing(engine) as tx:
        tx.execute(update(area).values(ended_on="2026-03-01"))
        revisions.bump(tx, AREAS)
    assert at(engine, (120.05, 31.05)) == [Located("", "")]


def test_a_cell_with_a_code_of_the_citys_own_leaves_the_area_to_the_community_around_it(engine: Engine):
    with writing(engine) as tx:
        add_area(tx, "community", "320508001002", 120, 31, 120.5, 31.5)
        add_area(tx, "cell", "平江-07", 120, 31, 120.1, 31.1)
        add_area(tx, "cell", "22020600100109", 120.1, 31, 120.2, 31.1)
        add_area(tx, "cell", "城外-01", 130, 31, 130.1, 31.1)
    own, old, alone = at(engine, (120.05, 31.05), (120.15, 31.05), (130.05, 31.05))
    assert own == Located("320508001002", "平江-07")
    assert old == Located("22020600100109", "22020600100109")
    assert alone == Located("", "城外-01")


def test_a_responsibility_grid_is_no_place_of_an_asset(engine: Engine):
    with writing(engine) as tx:
        add_area(tx, "duty", "Z-01", 120, 31, 121, 32)
    assert at(engine, (120.05, 31.05)) == [Located("", "")]
