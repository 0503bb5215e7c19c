"""Areas, their jobs and the census on PostgreSQL: the same answers as on SQLite."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from registry.domain.kinds import Doubt, Party, PlaceJobKind, PlaceJobState, Role
from registry.domain.people import Actor
from registry.queries.areas import area_shapes, level_counts, list_areas
from registry.queries.duties import applicable_counts, duty_matrix, list_posts
from registry.queries.gaps import BreakdownBy, doubtful_assets, gap_breakdown, gap_summary
from registry.queries.units import unit_rows
from registry.services.area_import import AreaImport, import_areas
from registry.services.assets import NewAsset, register_asset
from registry.services.duties import NewDuty, book_of, count_applicable, set_duty
from registry.services.place_jobs import latest_job
from registry.services.place_work import ask_for_duties, do_place_work
from registry.services.posts import NewPost, save_post
from registry.services.units import NewUnit, add_unit, merge_units
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import asset, asset_change

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)
CELL = "320508001002003"


def _cells() -> bytes:
    ring = [[120, 31], [120.001, 31], [120.001, 31.001], [120, 31.001], [120, 31]]
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": code},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for code in ("320508", "320508001002", CELL)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@pytest.mark.network
def test_areas_duties_and_the_census_work_on_postgres(filled_postgres_url: str):
    engine = open_database(filled_postgres_url)
    with writing(engine) as tx:
        water, twin = add_unit(tx, NewUnit(name="水务")), add_unit(tx, NewUnit(name="水务局"))
        ids = [
            register_asset(tx, NewAsset(division="320508", class_code="0101", lon=lon, lat=31.0005), now=NOW)
            for lon in (120.0005, 120.000_503, 121.0)
        ]
    report = import_areas(engine, _cells(), AreaImport(), by=BY, now=NOW)
    assert (report.created, report.job_id is None) == (3, False)
    set_duty(engine, NewDuty(party=Party.OWNER, unit_id=twin, area_code="320508"), by=BY, now=NOW)
    do_place_work(engine, holder="worker", clock=lambda: NOW)
    with reading(engine) as tx:
        assert count_applicable(tx)[Party.OWNER] == 3
    assert applicable_counts(engine, book_of(engine)).named[Party.OWNER] == 3
    ask_for_duties(engine, by=BY, now=NOW)
    do_place_work(engine, holder="worker", clock=lambda: NOW)
    assert merge_units(engine, water, twin, by=BY, now=NOW) == 3
    with reading(engine) as tx:
        row = tx.execute(select(asset).where(asset.c.id == ids[0])).one()
        history = tx.execute(
            select(asset_change.c.action, asset_change.c.changes)
            .where(asset_change.c.asset_id == ids[0], asset_change.c.action != "register")
            .order_by(asset_change.c.id)
        ).all()
    assert (row.grid_cell, row.area_code, row.owner_unit_id) == (CELL, CELL, water)
    assert [entry.action for entry in history] == ["relocate", "duty", "unit"]
    assert history[-1].changes == {"owner_unit_id": [twin, water]}
    found = gap_summary(engine)
    assert (found.assets, {line.gap: line.count for line in found.gaps}["cell"]) == (3, 1)
    assert [row.id for row in doubtful_assets(engine, Doubt.TOO_NEAR).items] == ids[:2]
    assert [row.id for row in doubtful_assets(engine, Doubt.OUTSIDE).items] == ids[2:]
    assert gap_breakdown(engine, BreakdownBy.AREA)[0].assets == 3
    census = latest_job(engine, PlaceJobKind.CENSUS)
    assert census is not None
    assert census.state is PlaceJobState.DONE
    save_post(engine, None, NewPost(unit_id=water, name="值班", a_name="甲"), by=BY, now=NOW)
    assert list_posts(engine, today=NOW.date())[0].person.name == "甲"
    assert duty_matrix(engine, area_code="320508001")[0].lines[Party.OWNER].unit_name == "水务"
    assert [row.assets for row in list_areas(engine).items] == [3]
    assert list(level_counts(engine).values()) == [1, 1, 1]
    assert CELL.encode() in area_shapes(engine, under="320508001002")
    assert [row.duties for row in unit_rows(engine)] == [1]
    engine.dispose()
