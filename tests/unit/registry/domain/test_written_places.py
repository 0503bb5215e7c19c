"""Coordinates as people type them."""

from __future__ import annotations

import pytest

from registry.domain.geo import Crs, Place, from_wgs84
from registry.domain.written_places import read_place

HERE = Place(113.3, 23.1)


@pytest.mark.parametrize(
    "text",
    [
        "113.3,23.1",
        "113.3, 23.1",
        " 113.3 23.1 ",
        "23.1,113.3",
        "23.1N 113.3E",
        "113.3E,23.1N",
        "N23.1 E113.3",
        "北纬23.1 东经113.3",
        "北纬23.1° 东经113.3°",
        "23°06′N 113°18′E",
        "23°06'00\"N, 113°18'00\"E",
        "东经113度18分 北纬23度6分",
        "１１３．３，２３．１",
        "wgs84: 113.3,23.1",
    ],
)
def test_a_place_is_read_however_it_is_written(text: str) -> None:
    assert read_place(text) == pytest.approx(HERE, abs=1e-9)


@pytest.mark.parametrize(("prefix", "crs"), [("gcj:", Crs.GCJ02), ("GCJ02：", Crs.GCJ02), ("bd09:", Crs.BD09)])
def test_a_place_out_of_another_map_is_put_where_it_is(prefix: str, crs: Crs) -> None:
    lon, lat = from_wgs84(HERE, crs)
    assert read_place(f"{prefix}{lon},{lat}") == pytest.approx(HERE, abs=1e-8)


def test_south_and_west_are_below_zero() -> None:
    assert read_place("33.5S 70.6W") == (-70.6, -33.5)
    assert read_place("-70.6,-33.5") == (-70.6, -33.5)
    assert read_place("12.5, 41.9") == (12.5, 41.9)  # longitude first where nothing says otherwise


@pytest.mark.parametrize(
    "text",
    [
        "",
        "人民路",
        "人民路 12号",
        "113.3",
        "4408030101000001",
        "GC-0000077",
        "113.3,23.1,5",
        "200,100",
        "23N 24N",
        "1,2 路",
    ],
)
def test_what_is_no_pair_of_coordinates_is_left_to_the_search(text: str) -> None:
    assert read_place(text) is None
