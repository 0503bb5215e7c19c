"""Assets at the same place and assets too near to one another, found among many at once."""

from __future__ import annotations

import math
from itertools import combinations
from random import Random

import numpy as np

from registry.domain.geo import Place, distance_m
from registry.services.nearness import Crowd, same_places, too_near


def crowd_of(*assets: tuple[int, int, float, float]) -> Crowd:
    ids, kinds, lons, lats = zip(*assets, strict=True)
    return Crowd(np.array(ids), np.array(kinds, dtype=np.int32), np.array(lons), np.array(lats))


def test_assets_at_the_very_same_place_each_point_to_the_first_and_the_first_to_the_second():
    crowd = crowd_of((5, 0, 120.0, 31.0), (3, 1, 120.0, 31.0), (9, 0, 120.0, 31.0), (1, 0, 121.0, 31.0))
    assert sorted(pair[:2] for pair in same_places(crowd)) == [(3, 5), (5, 3), (9, 3)]


def test_only_assets_of_one_class_that_are_not_at_the_same_place_are_too_near():
    step = 0.3 / 111_195 / math.cos(math.radians(31))  # 0.3 m to the east
    crowd = crowd_of(
        (1, 0, 120.0, 31.0),
        (2, 0, 120.0 + step, 31.0),
        (3, 1, 120.0 + step / 2, 31.0),
        (4, 0, 120.0 + 4 * step, 31.0),
        (5, 0, 120.0, 31.0),
    )
    found = {pair.asset_id: (pair.other_id, round(pair.distance_m, 2)) for pair in too_near(crowd)}
    assert found == {1: (2, 0.3), 2: (1, 0.3), 5: (2, 0.3)}


def test_the_same_pairs_are_found_as_by_comparing_each_with_each():
    random = Random(7)
    assets = [
        (number, number % 2, 120 + random.random() * 1e-4, 31 + random.random() * 1e-4) for number in range(1, 400)
    ]
    near = {
        asset_id
        for one, other in combinations(assets, 2)
        if one[1] == other[1] and distance_m(Place(*one[2:]), Place(*other[2:])) <= 0.5
        for asset_id in (one[0], other[0])
    }
    assert near
    assert {pair.asset_id for pair in too_near(crowd_of(*assets))} == near
