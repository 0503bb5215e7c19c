"""Areas on file: districts, streets, communities, unit grid cells, responsibility grids; which one holds a place.

They come in by import (``registry.services.area_import``); here one is renamed, given a unit, ended, and responsibility
grids are made of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import shapely
from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.areas import read_area_code
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import AreaLevel, PlaceJobKind
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit, revisions
from registry.services.area_checks import cell_shapes, grid_remarks, taken_cells
from registry.services.area_index import AREAS, Located, locate
from registry.services.area_shapes import joined, square_metres, to_text
from registry.services.place_jobs import ask_for_job
from registry.storage.database import writing
from registry.storage.tables import area, area_cell, unit, user

__all__ = ["AREAS", "AreaChange", "Located", "change_area", "end_area", "locate", "make_grid", "reopen_area"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaChange:
    """What a person may say about an area: its names, grade, and who answers for it (属地兜底)."""

    name: str
    name_en: str = ""
    grade: str = ""
    unit_id: int | None = None
    collector_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrid:
    """A responsibility grid: the city's own code, a name, its cells, and who walks it."""

    code: str
    name: str
    cells: Sequence[str]
    collector_id: int | None = None


def change_area(engine: Engine, area_id: int, new: AreaChange, *, by: Actor, now: datetime) -> None:
    """Change what a person may say about an area. Raises ``NotFound``, ``InvalidInput``, ``OutsideArea``."""
    with writing(engine) as tx:
        _row(tx, area_id, by)
        values = _checked(tx, new)
        tx.execute(update(area).where(area.c.id == area_id).values(**values, updated_at=now))
        audit.record(tx, by=by, action="area.change", subject=f"area:{area_id}", detail=values, now=now)


def end_area(engine: Engine, area_id: int, *, on: date, by: Actor, now: datetime) -> int:
    """End an area: it stays on file and takes no assets in any more. The job that finds theirs anew.

    Raises ``NotFound``, ``OutsideArea``.
    """
    return _set_end(engine, area_id, on, by=by, now=now)


def reopen_area(engine: Engine, area_id: int, *, by: Actor, now: datetime) -> int:
    """Take back the end of an area. Raises ``NotFound``, ``OutsideArea``."""
    return _set_end(engine, area_id, None, by=by, now=now)


def make_grid(engine: Engine, new: NewGrid, *, by: Actor, now: datetime) -> int:
    """Make a responsibility grid of adjacent cells, or change the one of that code; its id.

    Raises ``InvalidInput`` when a cell is not on file, belongs to another grid, or lies apart from the others.
    """
    code = read_area_code(new.code, AreaLevel.DUTY).code
    name = new.name.strip()[:120] or code
    cells = list(dict.fromkeys(cell.strip() for cell in new.cells if cell.strip()))
    with writing(engine) as tx:
        for cell in cells:
            check_area(by, cell)
        shapes = cell_shapes(tx, set(cells))
        remarks = grid_remarks(code, cells, shapes, taken_cells(tx, set(cells)))
        if remarks:
            raise remarks[0].refusal("cells")
        _check_collector(tx, new.collector_id)
        values = _shape_values([shapes[cell] for cell in cells]) | {"name": name, "collector_id": new.collector_id}
        grid_id = _save_grid(tx, code, values, now=now)
        keep_cells(tx, grid_id, cells)
        audit.record(
            tx, by=by, action="area.grid", subject=f"area:{grid_id}", detail={"code": code, "cells": cells}, now=now
        )
    return grid_id


def keep_cells(tx: Connection, grid_id: int, cells: Sequence[str]) -> None:
    """Say which cells a responsibility grid is made of."""
    tx.execute(delete(area_cell).where(area_cell.c.area_id == grid_id))
    tx.execute(insert(area_cell), [{"cell_code": cell, "area_id": grid_id} for cell in cells])


def _save_grid(tx: Connection, code: str, values: dict[str, Any], *, now: datetime) -> int:
    there = tx.execute(select(area.c.id).where(area.c.level == AreaLevel.DUTY.value, area.c.code == code)).scalar()
    if there is not None:
        tx.execute(update(area).where(area.c.id == there).values(**values, updated_at=now))
        return int(there)
    row = {"level": AreaLevel.DUTY.value, "code": code, "updated_at": now} | values
    return int(tx.execute(insert(area).values(row).returning(area.c.id)).scalar_one())


def _shape_values(shapes: Sequence[Any]) -> dict[str, Any]:
    whole = joined(shapes)[0]
    west, south, east, north = (round(float(edge), 8) for edge in shapely.bounds(whole))
    box = {"west": west, "south": south, "east": east, "north": north}
    return box | {"shape": to_text(whole), "area_m2": round(square_metres(whole), 1)}


def _set_end(engine: Engine, area_id: int, on: date | None, *, by: Actor, now: datetime) -> int:
    ended = None if on is None else on.isoformat()
    with writing(engine) as tx:
        _row(tx, area_id, by)
        tx.execute(update(area).where(area.c.id == area_id).values(ended_on=ended, updated_at=now))
        revisions.bump(tx, AREAS)
        job_id = ask_for_job(tx, PlaceJobKind.RELOCATE, by=by, now=now)
        audit.record(tx, by=by, action="area.end", subject=f"area:{area_id}", detail={"ended_on": ended}, now=now)
    return job_id


def _row(tx: Connection, area_id: int, by: Actor) -> Any:
    row = tx.execute(select(area.c.level, area.c.code).where(area.c.id == area_id)).first()
    if row is None:
        raise NotFound("area", area_id)
    cells = select(area_cell.c.cell_code).where(area_cell.c.area_id == area_id)
    codes = tx.execute(cells).scalars().all() if row.level == AreaLevel.DUTY.value else [row.code]
    for code in codes:
        check_area(by, code)
    return row


def _checked(tx: Connection, new: AreaChange) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, most in (("name", 120), ("name_en", 120), ("grade", 20)):
        values[name] = getattr(new, name).strip()
        if len(values[name]) > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)
    if not values["name"]:
        raise InvalidInput("name", "an area needs a name")
    if new.unit_id is not None and tx.execute(select(unit.c.id).where(unit.c.id == new.unit_id)).first() is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    _check_collector(tx, new.collector_id)
    return values | {"unit_id": new.unit_id, "collector_id": new.collector_id}


def _check_collector(tx: Connection, collector_id: int | None) -> None:
    if collector_id is not None and tx.execute(select(user.c.id).where(user.c.id == collector_id)).first() is None:
        raise InvalidInput("collector_id", "names no account that exists; choose one of the list")
