"""Registering assets and fitting devices: codes, points, baselines, and who is told about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.geo import Crs, Place, distance_m, place_cell
from registry.domain.kinds import AssetState, Role, TagState
from registry.domain.people import Actor
from registry.services import revisions
from registry.services.assets import (
    AssetChange,
    GivenPlace,
    NewAsset,
    Parties,
    change_asset,
    move_state,
    register,
    register_asset,
    set_parties,
)
from registry.services.devices import NewDevice, put_on, remove_device, set_baseline
from registry.services.tags import issue_tag, print_blank_tags
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_alias, asset_change, audit, baseline, point, road, tag

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
        device_id = put_on(tx, a_device(register_asset(tx, COVER, now=now)), now=now)
        made = points_of(tx, device_id)
    assert made["water_level"] == ("mm", 0.0, 2400.0)
    assert made["tilt_z"] == ("deg", 0.0, None)
    assert len(made) == 10


def test_a_pole_has_no_water_level(engine: Engine, now: datetime):
    with writing(engine) as tx:
        light = register_asset(tx, LIGHT, now=now)
        assert "water_level" not in points_of(tx, put_on(tx, a_device(light), now=now))
        with pytest.raises(InvalidInput, match="water_level: a light asset has only"):
            put_on(tx, a_device(light, serial="CV-000002", points=["tilt_z", "water_level"]), now=now)


def test_a_serial_is_fitted_once(engine: Engine, now: datetime):
    with writing(engine) as tx:
        cover = register_asset(tx, COVER, now=now)
        put_on(tx, a_device(cover), now=now)
        with pytest.raises(Conflict, match="'CV-000001' is fitted to 上水井盖 000001"):
            put_on(tx, a_device(cover), now=now)


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
            put_on(tx, a_device(cover, **change), now=now)


def test_a_device_without_an_asset_is_refused(engine: Engine, now: datetime):
    with writing(engine) as tx, pytest.raises(NotFound, match="asset 99"):
        put_on(tx, a_device(99), now=now)


def test_an_asset_of_another_family_carries_no_sensors(engine: Engine, now: datetime):
    bench = NewAsset(division="320508", class_code="0407", lon=120.6, lat=31.3)
    with writing(engine) as tx:
        asset_id = register_asset(tx, bench, now=now)
        with pytest.raises(InvalidInput, match="carry no sensors"):
            put_on(tx, a_device(asset_id), now=now)


def test_re_zeroing_keeps_the_old_baseline_on_file(engine: Engine, now: datetime):
    with writing(engine) as tx:
        device_id = put_on(tx, a_device(register_asset(tx, COVER, now=now), baselines={"tilt_z": 1.5}), now=now)
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
        device_id = put_on(tx, a_device(cover), now=now)
        seen.append(revisions.number(tx, revisions.DIRECTORY))
        first = tx.execute(select(point.c.id).where(point.c.device_id == device_id)).scalars().first()
        set_baseline(tx, first, 0.5, by=None, now=now)
        seen.append(revisions.number(tx, revisions.DIRECTORY))
        keeper = add_unit(tx, NewUnit(name="市政养护处", phone="0512-1"))
        set_parties(tx, cover, Parties(maintainer_unit_id=keeper), now=now)
        seen.append(revisions.number(tx, revisions.DIRECTORY))
    assert seen == [0, 1, 2, 3]


CLERK = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)


@pytest.fixture
def cover(engine: Engine, now: datetime) -> int:
    with writing(engine) as tx:
        return register_asset(tx, COVER, now=now)


def row_of(engine: Engine, asset_id: int) -> Any:
    with reading(engine) as tx:
        return tx.execute(select(asset).where(asset.c.id == asset_id)).one()


def history(engine: Engine, asset_id: int) -> list[tuple[str, dict[str, list[Any]], str]]:
    with reading(engine) as tx:
        rows = tx.execute(select(asset_change).where(asset_change.c.asset_id == asset_id).order_by(asset_change.c.id))
        return [(row.action, row.changes, row.note) for row in rows]


def change(engine: Engine, asset_id: int, now: datetime, *, version: int | None = None, **fields: Any) -> int:
    return change_asset(engine, asset_id, AssetChange(**fields), expected_version=version, by=CLERK, now=now)


def test_a_change_is_written_with_what_was_there_before(engine: Engine, now: datetime, cover: int):
    later = now + timedelta(hours=1)
    version = change(engine, cover, later, version=1, road=" 解放路 ", material="球墨铸铁", details={"pipe_mm": "300"})
    row = row_of(engine, cover)
    assert (version, row.version, row.updated_at) == (2, 2, later)
    assert (row.road, row.material, row.details) == ("解放路", "球墨铸铁", {"pipe_mm": 300})
    action, changes, _ = history(engine, cover)[-1]
    assert (action, changes["road"], changes["details"]) == ("change", ["人民路", "解放路"], [{}, {"pipe_mm": 300}])
    with reading(engine) as tx:
        assert tx.execute(select(road.c.name)).scalars().all() == ["人民路", "解放路"]
        assert tx.execute(select(audit.c.action)).scalars().all() == ["asset.change"]


def test_a_change_that_changes_nothing_is_not_written(engine: Engine, now: datetime, cover: int):
    assert change(engine, cover, now, road="人民路") == 1
    assert [action for action, _, _ in history(engine, cover)] == ["register"]


def test_whoever_comes_second_is_told_who_changed_what(engine: Engine, now: datetime, cover: int):
    change(engine, cover, now, version=1, road="解放路")
    with pytest.raises(Conflict, match=r"changed road meanwhile .*version 2 .*saw 1"):
        change(engine, cover, now, version=1, road="东风路")
    assert row_of(engine, cover).road == "解放路"


def test_a_detail_can_be_taken_back_and_an_unknown_one_stays(engine: Engine, now: datetime, cover: int):
    change(engine, cover, now, details={"pipe_mm": 300, "列7": "旧表"})
    change(engine, cover, now, details={"pipe_mm": None})
    assert row_of(engine, cover).details == {"列7": "旧表"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"accuracy": "D"}, "accuracy"),
        ({"installed_on": "2026-02-30"}, "installed_on"),
        ({"installed_on": "2026-03-01", "warranty_until": "2025-03-01"}, "warranty_until"),
        ({"owner_unit_id": 77}, "owner_unit_id"),
        ({"details": {"pipe_mm": "9"}}, "pipe_mm"),
        ({"details": {"connects": "123"}}, "connects"),
        ({"depth_mm": 90_000}, "depth_mm"),
        ({"place": GivenPlace(lon=31.3, lat=120.6)}, "lat"),
    ],
)
def test_an_unusable_change_names_its_field_and_changes_nothing(
    engine: Engine, now: datetime, cover: int, fields: dict[str, Any], field: str
):
    with pytest.raises(InvalidInput) as refused:
        change(engine, cover, now, **fields)
    assert refused.value.field == field
    assert row_of(engine, cover).version == 1


def test_a_moved_asset_keeps_the_place_as_it_was_stated(engine: Engine, now: datetime, cover: int):
    change(engine, cover, now, place=GivenPlace(lon=116.427022, lat=39.902446, crs=Crs.GCJ02), accuracy="A")
    row = row_of(engine, cover)
    assert distance_m(Place(row.lon, row.lat), Place(116.42079, 39.90105)) < 0.1
    assert (row.source_crs, row.source_x, row.accuracy) == ("gcj02", 116.427022, "A")
    assert row.place_cell == place_cell(row.lon, row.lat)


def test_nobody_changes_what_lies_outside_their_area(engine: Engine, now: datetime, cover: int):
    next_door = Actor(user_id=None, name="邻区", role=Role.REGISTRAR, unit_id=None, area_code="320506")
    with pytest.raises(NotAllowed, match="320508"):
        change_asset(engine, cover, AssetChange(road="x"), expected_version=None, by=next_door, now=now)
    with pytest.raises(NotAllowed):
        register(engine, COVER, by=next_door, now=now)


def test_a_new_depth_is_the_full_scale_of_the_water_level(engine: Engine, now: datetime, cover: int):
    with writing(engine) as tx:
        device_id = put_on(tx, a_device(cover), now=now)
    change(engine, cover, now, depth_mm=3000)
    with reading(engine) as tx:
        assert points_of(tx, device_id)["water_level"][2] == 3000


def test_a_state_moves_with_its_reason_and_its_time(engine: Engine, now: datetime, cover: int):
    later = now + timedelta(hours=1)
    assert move_state(engine, cover, AssetState.DAMAGED, reason="裂缝", by=CLERK, now=later) == 2
    row = row_of(engine, cover)
    assert (row.state, row.updated_at) == ("damaged", later)
    assert history(engine, cover)[-1] == ("state", {"state": ["intact", "damaged"]}, "裂缝")
    with pytest.raises(InvalidMove, match="already"):
        move_state(engine, cover, AssetState.DAMAGED, reason="again", by=CLERK, now=later)
    with pytest.raises(InvalidInput, match="reason"):
        move_state(engine, cover, AssetState.LOST, reason=" ", by=CLERK, now=later)
    with pytest.raises(NotFound):
        move_state(engine, 99, AssetState.LOST, reason="gone", by=CLERK, now=later)


def test_scrapping_ends_the_plate_and_waits_for_the_sensor_to_be_taken_off(engine: Engine, now: datetime, cover: int):
    with writing(engine) as tx:
        token = issue_tag(tx, cover, now=now)
        device_id = put_on(tx, a_device(cover), now=now)
    with pytest.raises(InvalidMove, match="CV-000001"):
        move_state(engine, cover, AssetState.ABANDONED, reason="填埋", by=CLERK, now=now)
    remove_device(engine, device_id, reason="填埋", by=CLERK, now=now)
    move_state(engine, cover, AssetState.ABANDONED, reason="填埋", by=CLERK, now=now)
    with reading(engine) as tx:
        assert tx.execute(select(tag.c.state).where(tag.c.token == token)).scalar() == TagState.DESTROYED
    with writing(engine) as tx:
        again = register_asset(tx, COVER, now=now)
    assert row_of(engine, again).code != row_of(engine, cover).code


def test_an_asset_is_registered_with_the_blank_plate_that_was_scanned(engine: Engine, now: datetime):
    with writing(engine) as tx:
        (token,) = print_blank_tags(tx, 1, now=now)
    asset_id = register(engine, COVER, by=CLERK, now=now, token=token)
    with reading(engine) as tx:
        row = tx.execute(select(tag).where(tag.c.token == token)).one()
    assert (row.asset_id, row.state) == (asset_id, TagState.ACTIVE)
