"""Undoing an import after areas changed: a place job that found areas anew has not worked on anybody's asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.errors import Conflict
from registry.domain.kinds import ImportState, PlaceJobKind, PlaceJobState
from registry.services import revisions
from registry.services.area_index import AREAS
from registry.services.asset_changes import record
from registry.services.imports import undo_obstacles
from registry.services.place_jobs import JobView, latest_job
from registry.services.place_work import relocate_assets
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, asset_change
from tests.census import NOW, Importer, census, covers, whole_registry

AREA_TABLES = {"area", "place_job", "gap_count", "asset_doubt"}


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    return Importer(engine, tmp_path / "data")


def a_street(engine: Engine, code: str, west: float) -> None:
    """A square of 0.1° that begins at ``west`` and 31.25 N."""
    ring = f"[[{west},31.25],[{west + 0.1},31.25],[{west + 0.1},31.35],[{west},31.35],[{west},31.25]]"
    with writing(engine) as tx:
        shape = f'{{"type":"Polygon","coordinates":[{ring}]}}'
        tx.execute(insert(area).values(level="street", code=code, name=code, shape=shape, updated_at=NOW))
        revisions.bump(tx, AREAS)


def relocate(importer: Importer) -> JobView:
    return relocate_assets(importer.engine, by=importer.by, holder="here", clock=importer.clock)


def registry_without_areas(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows for name, rows in whole_registry(engine).items() if name not in AREA_TABLES}


def one(engine: Engine) -> Any:
    with reading(engine) as tx:
        return tx.execute(select(asset).order_by(asset.c.id)).first()


def test_an_import_is_undone_after_its_assets_were_relocated(importer: Importer, engine: Engine):
    before = registry_without_areas(engine)
    view = importer.run(census(covers(3)))
    a_street(engine, "320508001", 120.55)
    assert relocate(importer).changed == 3
    assert one(engine).area_code == "320508001"

    assert undo_obstacles(engine, view.id) == []
    importer.undo(view.id)
    assert importer.view(view.id).state is ImportState.UNDONE
    assert registry_without_areas(engine) == before


def test_what_an_import_changed_is_put_back_and_keeps_the_area_of_today(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    second = importer.run(census([("A-1", "雨水井盖", "120.6", "31.3001", "干将路")]))
    a_street(engine, "320508001", 120.55)
    relocate(importer)
    was = one(engine)

    importer.undo(second.id)
    row = one(engine)
    assert (row.road, row.area_code) == ("人民路", "320508001")
    assert row.version == was.version - 1  # the import's change is taken back, the relocation stays counted
    with reading(engine) as tx:
        assert tx.execute(select(asset_change.c.action)).scalars().all() == ["relocate"]


def test_an_asset_that_goes_back_to_its_old_place_is_located_again(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    second = importer.run(census([("A-1", "雨水井盖", "120.75", "31.3001", "人民路")]))
    a_street(engine, "320508001", 120.55)
    a_street(engine, "320508002", 120.7)
    relocate(importer)
    assert one(engine).area_code == "320508002"

    importer.undo(second.id)
    asked = latest_job(engine, PlaceJobKind.RELOCATE)
    assert asked is not None
    assert asked.state is PlaceJobState.WAITING
    relocate(importer)
    assert one(engine).area_code == "320508001"


def test_somebodys_change_beside_a_relocation_still_stands_in_the_way(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    second = importer.run(census([("A-1", "雨水井盖", "120.6", "31.3001", "干将路")]))
    a_street(engine, "320508001", 120.55)
    relocate(importer)
    row = one(engine)
    with writing(engine) as tx:
        tx.execute(update(asset).values(version=asset.c.version + 1, name="新名称"))
        record(tx, row.id, action="change", changes={"name": [row.name, "新名称"]}, by=None, now=NOW)

    with pytest.raises(Conflict, match=row.code):
        importer.undo(second.id)
