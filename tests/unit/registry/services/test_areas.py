"""Areas on file: changed by people, ended, and joined to responsibility grids."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import InvalidInput, NotAllowed, NotFound
from registry.domain.geo import Place
from registry.domain.kinds import PlaceJobKind, Role
from registry.domain.people import Actor
from registry.services.areas import AreaChange, NewGrid, change_area, end_area, locate, make_grid, reopen_area
from registry.services.place_jobs import latest_job
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import area, area_cell

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)
FIRST, SECOND, CORNER = (f"32050800100200{number}" for number in (1, 2, 3))


@pytest.fixture
def cells(engine: Engine) -> dict[str, int]:
    """Two cells side by side, and a third that touches the second at a corner only."""
    ids = {}
    with writing(engine) as tx:
        for code, west, south in ((FIRST, 120.0, 31.0), (SECOND, 120.001, 31.0), (CORNER, 120.002, 31.001)):
            east, north = round(west + 0.001, 6), round(south + 0.001, 6)
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
            row = {"level": "cell", "code": code, "name": code[-3:], "shape": shape, "updated_at": NOW}
            ids[code] = int(tx.execute(insert(area).values(row).returning(area.c.id)).scalar_one())
    return ids


def test_an_area_is_named_and_given_a_unit(engine: Engine, cells: dict[str, int]):
    with writing(engine) as tx:
        street = add_unit(tx, NewUnit(name="街道办"))
    change_area(engine, cells[FIRST], AreaChange(name=" 一 ", unit_id=street, grade="A"), by=BY, now=NOW)
    with reading(engine) as tx:
        row = tx.execute(select(area).where(area.c.id == cells[FIRST])).one()
    assert (row.name, row.unit_id, row.grade) == ("一", street, "A")
    for new, field in ((AreaChange(name=""), "name"), (AreaChange(name="x", unit_id=99), "unit_id")):
        with pytest.raises(InvalidInput) as refused:
            change_area(engine, cells[FIRST], new, by=BY, now=NOW)
        assert refused.value.field == field
    with pytest.raises(NotFound):
        change_area(engine, 99, AreaChange(name="x"), by=BY, now=NOW)
    bound = Actor(user_id=None, name="邻", role=Role.REGISTRAR, unit_id=None, area_code="320508002")
    with pytest.raises(NotAllowed):
        change_area(engine, cells[FIRST], AreaChange(name="x"), by=bound, now=NOW)


def test_an_ended_area_takes_nothing_in_until_it_is_opened_again(engine: Engine, cells: dict[str, int]):
    spot = [Place(120.0005, 31.0005)]
    job_id = end_area(engine, cells[FIRST], on=date(2026, 3, 1), by=BY, now=NOW)
    job = latest_job(engine, PlaceJobKind.RELOCATE)
    assert job is not None
    assert job.id == job_id
    with reading(engine) as tx:
        assert locate(tx, spot)[0].grid_cell == ""
    reopen_area(engine, cells[FIRST], by=BY, now=NOW)
    with reading(engine) as tx:
        assert locate(tx, spot)[0].grid_cell == FIRST


def test_a_grid_is_made_of_adjacent_cells_and_changed_by_its_code(engine: Engine, cells: dict[str, int]):
    grid_id = make_grid(engine, NewGrid(code="Z-1", name="一格", cells=[FIRST]), by=BY, now=NOW)
    assert make_grid(engine, NewGrid(code="Z-1", name="一格", cells=[FIRST, SECOND]), by=BY, now=NOW) == grid_id
    with reading(engine) as tx:
        row = tx.execute(select(area).where(area.c.id == grid_id)).one()
        kept = tx.execute(select(area_cell.c.cell_code).where(area_cell.c.area_id == grid_id)).scalars().all()
    assert (row.west, row.east, sorted(kept)) == (120.0, 120.002, [FIRST, SECOND])
    for code, wanted, problem in (
        ("Z-2", [SECOND], "belong to the responsibility grid Z-1"),
        ("Z-1", [SECOND, CORNER], "not adjacent"),
        ("Z-2", ["320508001002099"], "not on file"),
        ("Z-2", [], "needs the codes of its cells"),
        ("", [CORNER], "has no code"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            make_grid(engine, NewGrid(code=code, name="", cells=wanted), by=BY, now=NOW)
