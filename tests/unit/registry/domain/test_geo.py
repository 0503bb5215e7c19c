"""Places: distances on the ground, map systems, and coordinates nobody can have meant."""

from __future__ import annotations

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.geo import (
    CHINA,
    Crs,
    Place,
    box_around,
    cells_near,
    check_place,
    distance_m,
    from_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    place_cells,
    to_wgs84,
    wgs84_to_gcj02,
)

BEIJING_STATION = Place(116.42079, 39.90105)
CITIES = (
    BEIJING_STATION,
    Place(110.40, 21.19),  # Zhanjiang
    Place(118.67, 37.43),  # Dongying
    Place(111.27, 30.69),  # Yichang
    Place(114.31, 34.80),  # Kaifeng
    Place(121.47, 31.23),  # Shanghai
    Place(87.60, 43.80),  # Urumqi
)


def test_the_published_point_of_beijing_station_is_met():
    assert distance_m(wgs84_to_gcj02(BEIJING_STATION), Place(116.42703, 39.90245)) < 1.0
    assert wgs84_to_gcj02(BEIJING_STATION) == pytest.approx((116.427022, 39.902446), abs=1e-6)


@pytest.mark.parametrize("place", CITIES[:5])
def test_the_shifts_have_their_known_size(place: Place):
    shifted = wgs84_to_gcj02(place)
    assert 500 < distance_m(place, shifted) < 610
    assert 850 < distance_m(shifted, gcj02_to_bd09(shifted)) < 1000


@pytest.mark.parametrize("crs", list(Crs))
@pytest.mark.parametrize("place", CITIES)
def test_there_and_back_is_less_than_a_millimetre(place: Place, crs: Crs):
    assert distance_m(place, to_wgs84(from_wgs84(place, crs), crs)) < 0.001


@pytest.mark.parametrize("place", [Place(-71.11, 42.37), Place(2.35, 48.86), Place(151.2, -33.9)])
def test_outside_china_nothing_moves(place: Place):
    assert not CHINA.holds(place)
    for crs in Crs:
        assert from_wgs84(place, crs) == place
        assert to_wgs84(place, crs) == place


def test_distances_agree_with_known_ones():
    assert distance_m(Place(0.0, 0.0), Place(1.0, 0.0)) == pytest.approx(111_195, abs=1)
    assert distance_m(Place(0.0, 10.0), Place(0.0, 11.0)) == pytest.approx(111_195, abs=1)
    assert distance_m(Place(179.9999, 0.0), Place(-179.9999, 0.0)) == pytest.approx(22.24, abs=0.01)
    assert distance_m(BEIJING_STATION, BEIJING_STATION) == 0.0
    assert distance_m(Place(0.0, 90.0), Place(0.0, -90.0)) == pytest.approx(20_015_115, abs=1)


@pytest.mark.parametrize(
    ("lon", "lat", "field", "problem"),
    [
        (31.3, 120.6, "lat", "look swapped"),
        (120.6, 190.0, "lat", "beyond ±90"),
        (500_000.0, 31.0, "lon", "in metres"),
        (0.0, 0.0, "lon", "placeholder"),
        (float("nan"), 31.0, "lon", "finite"),
        (120.0, float("inf"), "lat", "finite"),
    ],
)
def test_a_place_that_nobody_can_have_meant_is_refused(lon: float, lat: float, field: str, problem: str):
    with pytest.raises(InvalidInput, match=problem) as refused:
        check_place(lon, lat)
    assert refused.value.field == field


def test_one_step_of_the_inverse_would_not_be_enough_for_surveyed_covers():
    shifted = wgs84_to_gcj02(BEIJING_STATION)
    there = wgs84_to_gcj02(shifted)
    one_step = Place(2 * shifted.lon - there.lon, 2 * shifted.lat - there.lat)
    assert distance_m(one_step, BEIJING_STATION) > 0.5
    assert distance_m(gcj02_to_wgs84(shifted), BEIJING_STATION) < 0.001


@pytest.mark.parametrize("place", [*CITIES, Place(120.6, 31.3), Place(120.600001, 31.299999), Place(10.0, 78.2)])
@pytest.mark.parametrize("radius_m", [0.5, 2.0, 50.0])
def test_the_cells_near_a_place_are_those_of_the_box_around_it(place: Place, radius_m: float):
    wanted = {c for first, last in place_cells(box_around(place, radius_m)) for c in range(first, last + 1)}
    assert set(cells_near(place, radius_m)) == wanted
