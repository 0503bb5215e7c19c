"""The gateway's profiles and the registry's points are written apart; here they are held against each other."""

from __future__ import annotations

import pytest

from gateway.device_profiles import load_profiles
from registry.domain.kinds import Family
from registry.domain.points import POINTS

FAMILY_OF = {"cc-cover-1": Family.COVER, "cc-pole-1": Family.LIGHT}


@pytest.mark.parametrize("name", sorted(load_profiles()))
def test_a_shipped_profile_measures_exactly_the_points_of_its_family(name):
    expected = {spec.name for spec in POINTS.values() if FAMILY_OF[name] in spec.families}
    assert {point.name for point in load_profiles()[name].point} == expected


@pytest.mark.parametrize("name", sorted(load_profiles()))
def test_units_and_possible_ranges_are_the_registry_s(name):
    for point in load_profiles()[name].point:
        spec = POINTS[point.name]
        assert (point.unit, point.sane) == (spec.unit, spec.sane), point.name
