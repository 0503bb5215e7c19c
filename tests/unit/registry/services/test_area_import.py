"""Importing areas from GeoJSON: what is taken, what is told, and that a second import mends the first."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs, Place, wgs84_to_gcj02
from registry.domain.kinds import AreaLevel, Role
from registry.domain.people import Actor
from registry.services.area_import import AreaImport, AreaReport, check_areas, import_areas
from registry.services.areas import locate
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import area, area_cell, audit, place_job

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)


def square(west: float, south: float, side: float = 0.001) -> dict[str, Any]:
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry: dict[str, Any] | None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def file_of(*features: dict[str, Any], encoding: str = "utf-8", **members: Any) -> bytes:
    body = {"type": "FeatureCollection", "features": list(features)} | members
    return json.dumps(body, ensure_ascii=False).encode(encoding)


def cell(number: int, west: float = 120.0, south: float = 31.0, **more: Any) -> dict[str, Any]:
    return feature(square(west, south), BGID=f"320508001002{number:03d}", BGName=f"网格{number}", **more)


def told(report: AreaReport) -> list[tuple[int, str]]:
    return [(problem.feature, problem.remark.key) for problem in report.problems]


def taken(engine: Engine, content: bytes, **settings: Any) -> AreaReport:
    return import_areas(engine, content, AreaImport(**settings), by=BY, now=NOW)


def kept(engine: Engine, code: str) -> Any:
    with reading(engine) as tx:
        return tx.execute(select(area).where(area.c.code == code)).one()


def test_areas_of_every_level_are_taken_by_the_length_of_their_codes(engine: Engine):
    report = taken(
        engine,
        file_of(
            feature(square(120, 31, 1), code="320508", name="姑苏区"),
            feature(square(120, 31, 0.5), code="320508001", name="街道"),
            feature(square(120, 31, 0.1), code="320508001002", name="社区"),
            feature(square(120, 31), code="320508001002003", name="网格"),
        ),
    )
    assert report.levels == {"district": 1, "street": 1, "community": 1, "cell": 1}
    assert (report.created, report.rejected, report.problems) == (4, 0, [])
    row = kept(engine, "320508001002003")
    assert row.area_m2 == pytest.approx(111.195 * 95.3, rel=0.01)
    assert (row.west, row.south, row.east, row.north) == (120, 31, 120.001, 31.001)


def test_a_second_import_changes_nothing_and_a_corrected_one_only_what_differs(engine: Engine):
    first = taken(engine, file_of(cell(1), cell(2, 120.001)))
    again = taken(engine, file_of(cell(1), cell(2, 120.001)))
    assert (again.created, again.updated, again.unchanged, again.job_id) == (0, 0, 2, None)
    moved = taken(engine, file_of(cell(1), cell(2, 120.002)))
    assert (moved.updated, moved.unchanged, moved.job_id) == (1, 1, first.job_id)
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(area)).scalar() == 2
        actions = tx.execute(select(audit.c.action, audit.c.actor)).all()
        assert len(tx.execute(select(place_job)).all()) == 1
    assert [tuple(row) for row in actions] == [("area.import", "林晓")] * 3


def test_a_check_tells_the_same_and_writes_nothing(engine: Engine):
    report = check_areas(engine, file_of(cell(1), cell(1)), AreaImport())
    assert (report.dry_run, report.created, report.rejected, told(report)) == (True, 1, 1, [(2, "code_twice")])
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(area)).scalar() == 0


def test_each_bad_feature_is_told_and_the_others_are_taken(engine: Engine):
    bow_tie = {
        "type": "Polygon",
        "coordinates": [[[120, 31], [120.002, 31.002], [120.002, 31], [120, 31.002], [120, 31]]],
    }
    report = taken(
        engine,
        file_of(
            cell(1),
            feature(bow_tie, BGID="320508001002002", BGName="b"),
            feature({"type": "Point", "coordinates": [120, 31]}, BGID="320508001002003", BGName="c"),
            feature(square(31, 120), BGID="320508001002004", BGName="d"),
            feature(square(40_500_000, 3_400_000, 100), BGID="320508001002005", BGName="e"),
            feature(square(120, 31), BGID="32050800100", BGName="f"),
            feature(square(120, 31), BGID=None, BGName="g"),
            feature({"type": "Polygon", "coordinates": [[[120, 31], [121, 31]]]}, BGID="320508001002006", BGName="h"),
            feature({"type": "Polygon", "coordinates": [[["a", 31]]]}, BGID="320508001002007", BGName="i"),
            feature(square(120, 31), BGID="990508001002008", BGName="j"),
            feature(square(120, 31), BGID="320508001002000", BGName="k"),
        ),
    )
    assert told(report) == [
        (2, "self_crossing"),
        (3, "no_geometry"),
        (4, "swapped"),
        (5, "metres"),
        (6, "code_length"),
        (7, "code_missing"),
        (8, "ring_short"),
        (9, "bad_coordinates"),
        (10, "code_province"),
        (11, "code_zero"),
    ]
    assert (report.created, report.rejected) == (1, 10)
    assert all(problem.remark.text("zh") and problem.remark.text("en") for problem in report.problems)


def test_a_crossing_outline_is_taken_as_mended_only_when_that_is_wanted(engine: Engine):
    ring = [[120, 31], [120.002, 31.002], [120.002, 31], [120, 31.002], [120, 31]]
    crossing = file_of(feature({"type": "Polygon", "coordinates": [ring]}, code="320508001002002", name="b"))
    assert taken(engine, crossing).created == 0
    report = taken(engine, crossing, mend=True)
    assert told(report) == [(1, "mended")]
    assert report.problems[0].remark.values["parts"] == 2
    assert json.loads(kept(engine, "320508001002002").shape)["type"] == "MultiPolygon"


def test_an_open_ring_is_closed_and_told(engine: Engine):
    ring = [[120, 31], [120.001, 31], [120.001, 31.001], [120, 31.001]]
    report = taken(
        engine, file_of(feature({"type": "Polygon", "coordinates": [ring]}, code="320508001002002", name="b"))
    )
    assert told(report) == [(1, "ring_open")]
    assert report.created == 1


def test_overlaps_beyond_the_tolerance_are_told_also_with_what_is_on_file(engine: Engine):
    taken(engine, file_of(cell(1)))
    report = taken(engine, file_of(cell(2, 120.0005), cell(3, 120.0015), cell(4, 120.0025)))
    assert [(each.code[-3:], each.remark.values["other"][-3:]) for each in report.problems] == [("002", "001")]
    report = taken(engine, file_of(cell(5, 120.0029)), overlap_m2=1e6)
    assert report.problems == []


def test_an_area_outside_the_one_its_code_names_is_told(engine: Engine):
    taken(engine, file_of(feature(square(120, 31, 0.01), code="320508001002", name="社区")))
    report = taken(engine, file_of(cell(1, 120.005, 31.005), cell(2, 120.5, 31.5)))
    assert told(report) == [(2, "outside_parent")]


def test_properties_units_dates_and_codes_of_another_kind_are_understood(engine: Engine):
    with writing(engine) as tx:
        street = add_unit(tx, NewUnit(name="平江街道办"))
    report = taken(
        engine,
        file_of(
            feature(
                square(120, 31),
                网格编码="22020600100109",
                名称="旧",
                责任单位="平江街道办",
                初始日期="20260301",
            ),
            feature(square(121, 31), 网格编码=320508001002001.0, 责任单位="别处", 初始日期="去年"),
            encoding="gbk",
        ),
        level=AreaLevel.CELL,
    )
    assert told(report) == [(1, "code_old_cell"), (2, "unit_unknown"), (2, "date_unread"), (2, "name_missing")]
    old = kept(engine, "22020600100109")
    assert (old.name, old.unit_id, old.first_on) == ("旧", street, "2026-03-01")
    assert report.fields["code"] == "网格编码"


def test_a_level_and_a_field_can_be_stated(engine: Engine):
    content = file_of(feature(square(120, 31), xx="平江-07", code="", name="n"))
    assert told(taken(engine, content)) == [(1, "code_missing")]
    report = taken(engine, content, level=AreaLevel.CELL, fields={"code": "xx"})
    assert told(report) == [(1, "code_own_cell")]
    wrong = taken(engine, file_of(cell(1)), level=AreaLevel.STREET)
    assert told(wrong) == [(1, "code_level")]


def test_coordinates_of_another_system_are_converted(engine: Engine):
    ring = [wgs84_to_gcj02(Place(*each)) for each in square(120, 31)["coordinates"][0]]
    shifted = {"type": "Polygon", "coordinates": [[list(place) for place in ring]]}
    taken(engine, file_of(feature(shifted, code="320508001002001", name="a")), crs=Crs.GCJ02)
    assert kept(engine, "320508001002001").west == pytest.approx(120, abs=1e-8)


@pytest.mark.parametrize(
    ("content", "field", "problem"),
    [
        (b"code,name\n1,2", "file", "is no JSON"),
        (b"\xff\xfe\x00", "file", "neither UTF-8 nor GBK"),
        (b'{"type": "Feature"}', "file", "no GeoJSON FeatureCollection"),
        (b'{"type": "FeatureCollection", "features": []}', "file", "has no features"),
        (b'{"type": "FeatureCollection", "features": [1]}', "file", "is no GeoJSON"),
        (b'{"type":' + b"[" * 200_000, "file", "is no "),
        (
            file_of(cell(1), crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}),
            "crs",
            "EPSG::4549",
        ),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_the_reason(
    engine: Engine, content: bytes, field: str, problem: str
):
    with pytest.raises(InvalidInput, match=problem) as refused:
        check_areas(engine, content, AreaImport())
    assert refused.value.field == field


def test_a_responsibility_grid_is_the_union_of_adjacent_cells_on_file(engine: Engine):
    cells = [cell(1), cell(2, 120.001), cell(3, 120.002), cell(4, 120.005), cell(5, 120.003, 31.001)]
    taken(engine, file_of(*cells))
    grid = feature(None, code="Z-01", name="一格", cells="320508001002001, 320508001002002、320508001002003")
    report = taken(engine, file_of(grid), level=AreaLevel.DUTY)
    assert (report.created, report.problems) == (1, [])
    row = kept(engine, "Z-01")
    assert (row.west, row.east) == (120, 120.003)
    with reading(engine) as tx:
        assert len(tx.execute(select(area_cell).where(area_cell.c.area_id == row.id)).all()) == 3
        # a grid is for its collector; an asset lies in its cell
        assert locate(tx, [Place(120.0005, 31.0005)])[0].area_code == "320508001002001"
    bad = taken(
        engine,
        file_of(
            feature(None, code="Z-02", name="b", cells=["320508001002001", "320508001002004"]),
            feature(None, code="Z-03", name="c", cells="320508001002003,320508001002005"),
            feature(None, code="Z-04", name="d", cells="320508001002004,320508001002005"),
            feature(None, code="Z-05", name="e", cells="320508001002099"),
            feature(None, code="Z-06", name="f"),
        ),
        level=AreaLevel.DUTY,
    )
    assert told(bad) == [
        (1, "cells_taken"),
        (2, "cells_taken"),
        (3, "cells_apart"),
        (4, "cells_unknown"),
        (5, "cells_missing"),
    ]
