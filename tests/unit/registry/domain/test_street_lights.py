"""Sorting out an inventory: every row that can't be used says which column, what stands there and how to mend it."""

from __future__ import annotations

from typing import Any

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.street_lights import Inventory, RowProblem, read_inventory


def feature(pole_id: object, lon: object = -71.1, lat: object = 42.37, **more: Any) -> dict[str, Any]:
    properties = {"PoleID": pole_id, "StreetName": "SEAGRAVE", "StreetSuffix": "RD"} | more.pop("properties", {})
    given = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {name: value for name, value in properties.items() if value is not None},
    }
    return given | more


def sorted_out(*features: object) -> Inventory:
    return read_inventory({"type": "FeatureCollection", "features": list(features)})


def only_problem(inventory: Inventory) -> RowProblem:
    (problem,) = inventory.rejected
    return problem


def test_a_post_keeps_its_id_place_road_and_all_that_the_row_said():
    (post,) = sorted_out(feature("99-M1", properties={"NumLamps": 2, "Lamp1": "99-M?"})).posts
    assert (post.pole_id, post.name, post.road) == ("99-M1", "SEAGRAVE RD 99-M1", "SEAGRAVE RD")
    assert post.place == (-71.1, 42.37)
    assert post.details == {
        "PoleID": "99-M1",
        "StreetName": "SEAGRAVE",
        "StreetSuffix": "RD",
        "NumLamps": 2,
        "Lamp1": "99-M?",
    }


@pytest.mark.parametrize("pole_id", ["791-2", "471-208.5", "417-32B", "975-4A/B", "1-1", "007"])
def test_ids_of_every_shape_stay_what_they_are(pole_id: str):
    assert [post.pole_id for post in sorted_out(feature(pole_id)).posts] == [pole_id]


def test_an_empty_collection_is_a_file_with_no_rows():
    assert sorted_out() == Inventory(rows=0)


@pytest.mark.parametrize(
    ("row", "column", "value", "problem"),
    [
        ("text", "type", "text", "type Feature"),
        ({"type": "Point"}, "type", "{'type': 'Point'}", "type Feature"),
        (feature("1", properties={"PoleID": None}), "PoleID", "", "is missing"),
        (feature("  "), "PoleID", "  ", "is missing"),
        (feature(1.5), "PoleID", "1.5", "must be text"),
        (feature(True), "PoleID", "True", "must be text"),
        (feature("9" * 121), "PoleID", "9" * 119 + "…", "longer than 120"),
        (feature("1") | {"properties": None}, "properties", "", "must be an object"),
        (feature("1") | {"geometry": None}, "geometry", "", "survey the post"),
        (feature("1") | {"geometry": {"type": "LineString"}}, "geometry", "LineString", "must be a Point"),
        (feature("1") | {"geometry": "POINT(1 2)"}, "geometry", "POINT(1 2)", "must be a Point"),
        (feature("1", "east", 42.37), "coordinates", "['east', 42.37]", "two numbers"),
        (feature("1", True, 42.37), "coordinates", "[True, 42.37]", "two numbers"),
        (feature("1") | {"geometry": {"type": "Point", "coordinates": [1]}}, "coordinates", "[1]", "two numbers"),
        (feature("1", 42.37, -171.1), "coordinates", "[42.37, -171.1]", "look swapped"),
        (feature("1", 0, 0), "coordinates", "[0, 0]", "placeholder"),
        (feature("1", 327_000.0, 4_690_000.0), "coordinates", "[327000.0, 4690000.0]", "in metres"),
    ],
)
def test_a_row_that_can_not_be_used_is_named_with_its_column_value_and_cure(
    row: object, column: str, value: str, problem: str
):
    inventory = sorted_out(feature("good"), row)
    found = only_problem(inventory)
    assert (found.row, found.column, found.value) == (2, column, value)
    assert problem in found.problem
    assert [post.pole_id for post in inventory.posts] == ["good"]


def test_the_second_post_with_an_id_is_rejected_and_points_at_the_first():
    inventory = sorted_out(feature("1-1"), feature("1-2"), feature("1-1", -71.2))
    assert only_problem(inventory).problem.startswith("stands in row 1 already")
    assert len(inventory.posts) == 2


def test_a_row_that_was_rejected_does_not_take_its_id_from_a_good_one():
    inventory = sorted_out(feature("1-1") | {"geometry": None}, feature("1-1"))
    assert [post.row for post in inventory.posts] == [2]


def test_swapped_coordinates_are_told_by_the_other_rows():
    good = [feature(str(number), -71.1 - number / 1000) for number in range(9)]
    inventory = sorted_out(*good, feature("swapped", 42.37, -71.1), feature("far", -70.0, 10.0))
    assert [(each.row, each.column) for each in inventory.rejected] == [(10, "coordinates"), (11, "coordinates")]
    assert "are swapped; write longitude first" in inventory.rejected[0].problem
    assert "km from the middle of the other rows" in inventory.rejected[1].problem
    assert len(inventory.posts) == 9


def test_posts_at_one_place_or_without_a_street_are_kept_and_pointed_out():
    inventory = sorted_out(feature("99-3"), feature("99-M1"), feature("1", -71.2, properties={"StreetName": None}))
    assert len(inventory.posts) == 3
    assert inventory.rejected == []
    assert [(each.row, each.column) for each in inventory.warnings] == [(2, "coordinates"), (3, "StreetName")]
    assert "exactly where 99-3 (row 1) stands" in inventory.warnings[0].problem


def test_a_post_without_a_street_is_named_by_what_it_is():
    (post,) = sorted_out(feature("1", properties={"StreetName": None, "StreetSuffix": None})).posts
    assert (post.name, post.road) == ("路灯 1", "")


def test_names_and_roads_fit_their_columns():
    (post,) = sorted_out(feature("7" * 100, properties={"StreetName": "A" * 200})).posts
    assert len(post.name) <= 120
    assert post.name.endswith("7" * 100)
    assert len(post.road) == 120


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "top level must be an object of type FeatureCollection"),
        ({"type": "Feature"}, "top level must be"),
        ({"type": "FeatureCollection"}, "'features' must be a list"),
        ({"type": "FeatureCollection", "features": {}}, "'features' must be a list"),
        (
            {
                "type": "FeatureCollection",
                "features": [],
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::26986"}},
            },
            "export it in WGS 84",
        ),
    ],
)
def test_what_is_not_geojson_in_wgs84_is_refused_as_a_whole(document: object, problem: str):
    with pytest.raises(InvalidInput, match=problem) as refused:
        read_inventory(document)
    assert refused.value.field == "file"


def test_a_file_that_says_it_is_wgs84_is_taken():
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert read_inventory({"type": "FeatureCollection", "features": [], "crs": crs}).rows == 0
