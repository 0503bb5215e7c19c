"""Importing an inventory: every usable row once, however often, and nothing of a file that is not one."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.errors import InvalidInput
from registry.queries.asset_filters import AssetFilter
from registry.queries.assets import asset_file, list_assets
from registry.queries.imports import problems
from registry.services.assets import NewAsset, register_asset
from registry.services.imports import import_street_lights
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import asset, asset_alias, import_run, metadata

SAMPLE = Path(__file__).with_name("cambridge-lights-sample.geojson")


def feature(pole_id: str | None, index: int = 0) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": index,
        "geometry": {"type": "Point", "coordinates": [-71.1 + index / 10_000, 42.37]},
        "properties": {"StreetName": "SEAGRAVE", "StreetSuffix": "RD", "NumLamps": 1}
        | ({} if pole_id is None else {"PoleID": pole_id}),
    }


def a_file(tmp_path: Path, *features: dict[str, Any]) -> Path:
    path = tmp_path / "lights.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), encoding="utf-8")
    return path


def count(engine: Engine) -> int:
    with reading(engine) as tx:
        return int(tx.execute(select(func.count()).select_from(asset)).scalar_one())


def test_each_post_becomes_a_streetlight_with_a_code_and_its_own_id_as_alias(
    engine: Engine, tmp_path: Path, now: datetime
):
    path = a_file(tmp_path, feature("791-2", 1), feature("99-M1", 2))
    report = import_street_lights(engine, path, division="320508", now=now)
    assert (report.rows, report.created, report.unchanged, report.rejected) == (2, 2, 0, [])
    (row,) = list_assets(engine, AssetFilter(q="99-m1")).items
    file = asset_file(engine, row.id, now=now)
    assert (file.code, file.family, file.class_name_zh) == ("3205080118000002", "light", "路灯")
    assert (file.name, file.road) == ("SEAGRAVE RD 99-M1", "SEAGRAVE RD")
    assert [(alias.kind, alias.value) for alias in file.aliases] == [("PoleID", "99-M1")]
    assert (file.lon, file.lat, file.source_crs) == (-71.0998, 42.37, "wgs84")
    assert file.details == feature("99-M1", 2)["properties"]


def test_real_rows_of_every_shape_are_registered_as_they_are(engine: Engine, now: datetime):
    """One row of each set of keys in Cambridge's public inventory (PDDL 1.0), and its oddest ids."""
    report = import_street_lights(engine, SAMPLE, division="320508", now=now)
    rows = json.loads(SAMPLE.read_text(encoding="utf-8"))["features"]
    assert (report.rows, report.created, report.rejected) == (len(rows), len(rows), [])
    assert {each.column for each in report.warnings} == {"geometry.lon", "StreetName"}
    with reading(engine) as tx:
        query = select(asset_alias.c.value, asset).join_from(asset_alias, asset, asset.c.id == asset_alias.c.asset_id)
        kept = {row.value: row for row in tx.execute(query)}
    for row in rows:
        post = kept[row["properties"]["PoleID"]]
        assert post.details == row["properties"]
        assert [post.source_x, post.source_y] == row["geometry"]["coordinates"]
        assert (post.lon, post.lat) == pytest.approx(row["geometry"]["coordinates"], abs=1e-8)


def test_importing_the_same_file_again_changes_nothing(engine: Engine, tmp_path: Path, now: datetime):
    path = a_file(tmp_path, feature("1", 1), feature("2", 2))
    import_street_lights(engine, path, division="320508", now=now)
    again = import_street_lights(engine, path, division="320508", now=now)
    assert (again.created, again.unchanged) == (0, 2)
    longer = a_file(tmp_path, feature("1", 1), feature("2", 2), feature("3", 3))
    assert import_street_lights(engine, longer, division="320508", now=now).created == 1
    assert count(engine) == 3


def test_codes_go_on_after_assets_registered_by_hand(engine: Engine, tmp_path: Path, now: datetime):
    with writing(engine) as tx:
        register_asset(tx, NewAsset(division="320508", class_code="0118", lon=120.6, lat=31.3), now=now)
    import_street_lights(engine, a_file(tmp_path, feature("1")), division="320508", now=now)
    with reading(engine) as tx:
        codes = tx.execute(select(asset.c.code).order_by(asset.c.code)).scalars().all()
    assert codes == ["3205080118000001", "3205080118000002"]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(engine: Engine, tmp_path: Path, now: datetime):
    path = a_file(tmp_path, feature("1", 1), feature(None, 2))
    report = import_street_lights(engine, path, division="320508", now=now, dry_run=True)
    assert (report.rows, report.created, len(report.rejected), report.dry_run) == (2, 1, 1, True)
    with reading(engine) as tx:
        assert [tx.execute(select(table)).all() for table in (asset, asset_alias, import_run)] == [[], [], []]


def test_what_was_rejected_is_kept_with_the_run(engine: Engine, tmp_path: Path, now: datetime):
    path = a_file(tmp_path, feature("1", 1), feature(None, 2), feature("1", 3))
    import_street_lights(engine, path, division="320508", now=now)
    with reading(engine) as tx:
        run = tx.execute(select(import_run)).one()
    assert (run.file_name, run.rows, run.created, run.unchanged, run.rejected) == ("lights.geojson", 3, 1, 0, 2)
    kept = problems(engine, run.id)
    assert [(each.row, each.column, each.code) for each in kept] == [
        (2, "PoleID", "missing"),
        (3, "PoleID", "repeated"),
    ]


def test_progress_is_told_by_the_thousand(engine: Engine, tmp_path: Path, now: datetime):
    seen: list[tuple[int, int]] = []
    path = a_file(tmp_path, *(feature(str(index), index) for index in range(2_100)))
    import_street_lights(
        engine, path, division="320508", now=now, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1000, 2100), (2000, 2100), (2100, 2100)]
    assert count(engine) == 2_100


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not GeoJSON"),
        (b"PoleID;lon;lat\n1;2;3\n", "is not GeoJSON"),
        (b'{"type": "FeatureCollection", "features": [', "is not GeoJSON"),
        (b"PK\x03\x04\xff\xfe", "is not GeoJSON"),
        (b"[" * 100_000, "is not GeoJSON"),
        (b'{"type": "Topology", "objects": {}}', "type FeatureCollection"),
    ],
)
def test_a_file_that_is_not_geojson_is_refused_whole(
    engine: Engine, tmp_path: Path, now: datetime, content: bytes, problem: str
):
    path = tmp_path / "lights.geojson"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=problem) as refused:
        import_street_lights(engine, path, division="320508", now=now)
    assert refused.value.field == "file"
    assert count(engine) == 0


def test_a_file_with_a_byte_order_mark_is_read(engine: Engine, tmp_path: Path, now: datetime):
    path = a_file(tmp_path, feature("1"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert import_street_lights(engine, path, division="320508", now=now).created == 1


def test_a_file_that_is_not_there_or_a_folder_is_named(engine: Engine, tmp_path: Path, now: datetime):
    with pytest.raises(InvalidInput, match="can't be read: No such file"):
        import_street_lights(engine, tmp_path / "none.geojson", division="320508", now=now)
    with pytest.raises(InvalidInput, match="can't be read: Is a directory"):
        import_street_lights(engine, tmp_path, division="320508", now=now)


def test_a_division_that_is_not_six_digits_is_refused_before_the_file_is_read(
    engine: Engine, tmp_path: Path, now: datetime
):
    with pytest.raises(InvalidInput, match="division: "):
        import_street_lights(engine, tmp_path / "none.geojson", division="Suzhou", now=now)


def test_without_class_tables_nothing_is_imported(tmp_path: Path, now: datetime):
    bare = open_database(f"sqlite:///{tmp_path / 'bare.db'}")
    metadata.create_all(bare)
    with pytest.raises(InvalidInput, match="class_code: '0118' is not in the class table"):
        import_street_lights(bare, a_file(tmp_path, feature("1")), division="320508", now=now)
    bare.dispose()


def placed(pole_id: str, lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    base = feature(pole_id)
    point = {"type": "Point", "coordinates": [lon, lat]}
    return base | {"geometry": point, "properties": base["properties"] | properties}


def test_swapped_coordinates_are_told_by_the_other_rows(engine: Engine, tmp_path: Path, now: datetime):
    posts = [feature(str(index), index) for index in range(6)]
    path = a_file(tmp_path, *posts, placed("swapped", 42.37, -71.1), placed("far", -75.0, 40.0))
    report = import_street_lights(engine, path, division="320508", now=now)
    assert [(each.row, each.column) for each in report.rejected] == [(7, "geometry.lon"), (8, "geometry.lon")]
    assert "longitude and latitude look swapped" in report.rejected[0].problem
    assert report.created == 6


def test_posts_at_one_place_or_without_a_street_are_kept_and_pointed_out(engine: Engine, tmp_path: Path, now: datetime):
    nameless = placed("5", -71.2, 42.3, StreetName="", StreetSuffix="")
    path = a_file(tmp_path, feature("99-3", 1), feature("99-M1", 1), nameless)
    report = import_street_lights(engine, path, division="320508", now=now)
    assert report.created == 3
    assert [(each.row, each.column) for each in report.warnings] == [(2, "geometry.lon"), (3, "StreetName")]
    with reading(engine) as tx:
        assert tx.execute(select(asset.c.name).where(asset.c.road == "")).scalar() == "路灯 5"


@pytest.mark.parametrize("pole_id", ["791-2", "99-M1", "471-208.5", "975-4A/B", "1-1", "00012"])
def test_ids_of_every_shape_stay_what_they_are(engine: Engine, tmp_path: Path, now: datetime, pole_id: str):
    import_street_lights(engine, a_file(tmp_path, feature(pole_id)), division="320508", now=now)
    with reading(engine) as tx:
        assert tx.execute(select(asset_alias.c.value)).scalars().all() == [pole_id]


def test_a_rejected_row_does_not_take_its_id_from_a_good_one(engine: Engine, tmp_path: Path, now: datetime):
    broken = feature("7") | {"geometry": None}
    report = import_street_lights(engine, a_file(tmp_path, broken, feature("7", 2)), division="320508", now=now)
    assert (report.created, [each.column for each in report.rejected]) == (1, ["geometry"])
