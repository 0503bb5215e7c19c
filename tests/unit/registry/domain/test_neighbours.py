"""A sensor is suspect when it feels another weather than those around it."""

from __future__ import annotations

import random

from registry.domain.neighbours import Felt, odd_ones

LON, LAT = 110.36, 21.27
M = 1 / 111_320.0


def street(count: int, celsius: float, *, east_m: float = 0.0, first: int = 1) -> list[Felt]:
    rng = random.Random(7)
    return [
        Felt(first + at, LON + (east_m + 40 * at) * M, LAT + rng.uniform(-100, 100) * M, celsius + rng.gauss(0, 1))
        for at in range(count)
    ]


def test_the_one_that_feels_another_weather_is_odd_and_says_what_the_others_feel():
    sick = Felt(99, LON, LAT, 61.0)
    (odd,) = odd_ones([*street(12, 24.0), sick])
    assert (odd.device_id, odd.celsius, odd.neighbours) == (99, 61.0, 12)
    assert abs(odd.others - 24.0) < 1


def test_nobody_is_odd_in_a_street_that_only_differs_by_shade_and_steel():
    assert odd_ones([*street(10, 24.0), *street(10, 32.0, first=50)]) == []


def test_too_few_neighbours_say_nothing():
    assert odd_ones([*street(4, 24.0), Felt(99, LON, LAT, 61.0)]) == []


def test_another_weather_far_away_is_no_contradiction():
    assert odd_ones([*street(10, 24.0), *street(10, 44.0, east_m=5000, first=50)]) == []


def test_neighbours_are_found_across_the_edges_of_any_grid():
    for step in range(0, 4000, 137):
        near = [each._replace(lon=each.lon + step * M, lat=each.lat + step * M) for each in street(8, 20.0)]
        sick = Felt(99, LON + (step - 1500) * M, LAT + step * M, 60.0)
        assert [odd.device_id for odd in odd_ones([*near, sick])] == [99], step
