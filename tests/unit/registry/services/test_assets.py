"""Registering assets and fitting devices: codes, points, baselines, and who is told about it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, select

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.geo import Crs, Place, distance_m
from registry.domain.kinds import AssetState
from registry.services import revisions
from registry.services.assets import (
    NewAsset,
    NewDevice,
    Parties,
    fit_device,
    register_asset,
    set_baseline,
    set_parties,
    set_state,
)
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_alias, baseline, point

COVER = NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3, depth_mm=2400, road="人民路")
LIGHT = NewAsset(division="320508", class_code="0118", lon=120.61, lat=31.31)


def a_device(asset_id: int, **changes: object) -> NewDevice:
    given = {"serial": "CV-000001", "profile": "cc-cover-1", "asset_id": asset_id, "heartbeat_s": 2.0}
    return NewDevice(**(given | changes))  # type: ignore[arg-type]


def points_of(tx: Connection, device_id: int) -> dict[str, tuple[str, float, float | None]]:
    rows = tx.execute(select(point).where(point.c.device_id == device_id))
    return {row.name: (row.unit, row.baseline, row.full_scale) for row in rows}


def test_assets_of_one_class_get_consecutive_codes(engine: Engine, now: datetime):
    with writing(engine) as tx:
        ids = [register_asset(tx, COVER, now=now) for _ in range(2)] + [register_asset(tx, LIGHT, now=now)]
    with reading(engine) as tx:
        rows = [tx.execute(select(asset).where(asset.c.id == each)).one() for each in ids]
    assert [row.code for row in rows] == ["3205080101000001", "3205080101000002", "3205080118000001"]
    assert [row.family for row in rows] == ["cover", "cover", "light"]
    assert rows[0].name == "上水井盖 000001"
    assert rows[0].created_at == now


def test_a_place_in_gcj02_is_kept_in_wgs84_beside_its_original(engine: Engine, now: datetime):
    shifted = NewAsset(division="110105", class_code="0118", lon=116.427022, lat=39.902446, crs=Crs.GCJ02)
    with writing(engine) as tx:
        asset_id = register_asset(tx, shifted, now=now)
        row = tx.execute(select(asset).where(asset.c.id == asset_id)).one()
    assert distance_m(Place(row.lon, row.lat), Place(116.42079, 39.90105)) < 0.1
    assert (row.source_crs, row.source_x, row.source_y) == ("gcj02", 116.427022, 39.902446)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"class_code": "0199"}, "class_code"),
        ({"division": "32050"}, "division"),
        ({"lat": 131.3}, "lat"),
        ({"depth_mm": -1}, "depth_mm"),
        ({"road": "长" * 121}, "road"),
    ],
)
def test_an_unusable_asset_is_refused_and_takes_no_serial(
    engine: Engine, now: datetime, change: dict[str, object], field: str
):
    given = {"division": "320508", "class_code": "0101", "lon": 120.6, "lat": 31.3} | change
    with writing(engine) as tx:
        with pytest.raises(InvalidInput) as refused:
            register_asset(tx, NewAsset(**given), now=now)  # type: ignore[arg-type]
        assert refused.value.field == field
        assert tx.execute(select(asset)).all() == []


def test_an_alias_belongs_to_one_asset(engine: Engine, now: datetime):
    named = NewAsset(division="320508", class_code="0118", lon=120.6, lat=31.3, aliases=[("PoleID", "791-2")])
    with writing(engine) as tx:
        asset_id = register_asset(tx, named, now=now)
        assert tx.execute(select(asset_alias.c.asset_id)).scalars().all() == [asset_id]
        with pytest.raises(Conflict, match=f"PoleID '791-2' belongs to asset {asset_id}"):
            register_asset(tx, named, now=now)


def test_a_cover_device_gets_the_points_of_its_family_and_the_depth_of_its_well(engine: Engine, now: datetime):
    with writing(engine) as tx:
        device_id = fit_device(tx, a_device(register_asset(tx, COVER, now=now)), now=now)
        made = points_of(tx, device_id)
    assert made["water_level"] == ("mm", 0.0, 2400.0)
    assert made["tilt_z"] == ("deg", 0.0, None)
    assert len(made) == 10


def test_a_pole_has_no_water_level(engine: Engine, now: datetime):
    with writing(engine) as tx:
        light = register_asset(tx, LIGHT, now=now)
        assert "water_level" not in points_of(tx, fit_device(tx, a_device(light), now=now))
        with pytest.raises(InvalidInput, match="water_level: a light asset has only"):
            fit_device(tx, a_device(light, serial="CV-000002", points=["tilt_z", "water_level"]), now=now)


def test_a_serial_is_fitted_once(engine: Engine, now: datetime):
    with writing(engine) as tx:
        cover = register_asset(tx, COVER, now=now)
        fit_device(tx, a_device(cover), now=now)
        with pytest.raises(Conflict, match="'CV-000001' is fitted to asset"):
            fit_device(tx, a_device(cover), now=now)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"serial": " "}, "serial"),
        ({"heartbeat_s": 0.0}, "heartbeat_s"),
        ({"points": ["tilt_z", "tilt_z"]}, "stands twice"),
        ({"baselines": {"smell": 1.0}}, "smell"),
    ],
)
def test_an_unusable_device_is_refused(engine: Engine, now: datetime, change: dict[str, object], problem: str):
    with writing(engine) as tx:
        cover = register_asset(tx, COVER, now=now)
        with pytest.raises(InvalidInput, match=problem):
            fit_device(tx, a_device(cover, **change), now=now)


def test_a_device_without_an_asset_is_refused(engine: Engine, now: datetime):
    with writing(engine) as tx, pytest.raises(NotFound, match="asset 99"):
        fit_device(tx, a_device(99), now=now)


def test_an_asset_of_another_family_carries_no_sensors(engine: Engine, now: datetime):
    bench = NewAsset(division="320508", class_code="0407", lon=120.6, lat=31.3)
    with writing(engine) as tx:
        asset_id = register_asset(tx, bench, now=now)
        with pytest.raises(InvalidInput, match="carry no sensors"):
            fit_device(tx, a_device(asset_id), now=now)


def test_re_zeroing_keeps_the_old_baseline_on_file(engine: Engine, now: datetime):
    with writing(engine) as tx:
        device_id = fit_device(tx, a_device(register_asset(tx, COVER, now=now), baselines={"tilt_z": 1.5}), now=now)
        tilt = tx.execute(select(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z")).scalar()
        set_baseline(tx, tilt, 1.8, by=None, now=now + timedelta(days=1))
        assert points_of(tx, device_id)["tilt_z"][1] == 1.8
        kept = tx.execute(select(baseline.c.value).where(baseline.c.point_id == tilt).order_by(baseline.c.id))
        assert kept.scalars().all() == [1.5, 1.8]
        with pytest.raises(InvalidInput, match="outside"):
            set_baseline(tx, tilt, 900.0, by=None, now=now)
        with pytest.raises(NotFound):
            set_baseline(tx, 9999, 1.0, by=None, now=now)


def test_every_change_the_ingest_must_know_raises_the_directory_revision(engine: Engine, now: datetime):
    with writing(engine) as tx:
        seen = [revisions.number(tx, revisions.DIRECTORY)]
        cover = register_asset(tx, COVER, now=now)
        device_id = fit_device(tx, a_device(cover), now=now)
        seen.append(revisions.number(tx, revisions.DIRECTORY))
        first = tx.execute(select(point.c.id).where(point.c.device_id == device_id)).scalars().first()
        set_baseline(tx, first, 0.5, by=None, now=now)
        seen.append(revisions.number(tx, revisions.DIRECTORY))
        keeper = add_unit(tx, NewUnit(name="市政养护处", phone="0512-1"))
        set_parties(tx, cover, Parties(maintainer_unit_id=keeper), now=now)
        seen.append(revisions.number(tx, revisions.DIRECTORY))
    assert seen == [0, 1, 2, 3]


def test_a_state_change_keeps_its_time(engine: Engine, now: datetime):
    later = now + timedelta(hours=1)
    with writing(engine) as tx:
        cover = register_asset(tx, COVER, now=now)
        set_state(tx, cover, AssetState.DAMAGED, now=later)
        row = tx.execute(select(asset)).one()
        assert (row.state, row.updated_at) == ("damaged", later)
        with pytest.raises(NotFound):
            set_state(tx, 99, AssetState.LOST, now=later)
