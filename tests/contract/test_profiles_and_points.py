"""The gateway's profiles and the registry's points are written apart; here they are held against each other."""

from __future__ import annotations

import pytest

from gateway.device_profiles import load_profiles
from registry.domain.device_kinds import DEVICE_KINDS
from registry.domain.kinds import Family
from registry.domain.points import POINTS

FAMILY_OF = {"cc-cover-1": Family.COVER, "cc-pole-1": Family.LIGHT}
BOUGHT = sorted(set(load_profiles()) - set(FAMILY_OF))


@pytest.mark.parametrize("name", sorted(FAMILY_OF))
def test_a_unit_of_ours_measures_exactly_the_usual_points_of_its_family(name):
    expected = {spec.name for spec in POINTS.values() if FAMILY_OF[name] in spec.families and spec.usual}
    assert {point.name for point in load_profiles()[name].point} == expected


@pytest.mark.parametrize("name", sorted(FAMILY_OF))
def test_units_and_possible_ranges_are_the_registry_s(name):
    for point in load_profiles()[name].point:
        spec = POINTS[point.name]
        assert (point.unit, point.sane) == (spec.unit, spec.sane), point.name


@pytest.mark.parametrize("name", BOUGHT)
def test_a_bought_device_s_points_are_on_file_with_their_unit_and_no_wider_range(name):
    for point in load_profiles()[name].point:
        spec = POINTS[point.name]
        assert point.unit == spec.unit, point.name
        assert spec.sane[0] <= point.sane[0] < point.sane[1] <= spec.sane[1], point.name


def test_the_city_can_fit_every_kind_of_device_that_a_cabinet_can_read():
    assert {
        kind.name: (kind.title, kind.title_zh, kind.heartbeat_s, kind.points, kind.occasional)
        for kind in DEVICE_KINDS.values()
    } == {
        profile.name: (
            profile.title,
            profile.title_zh,
            profile.heartbeat_s,
            tuple(point.name for point in profile.point if not point.occasional),
            tuple(point.name for point in profile.point if point.occasional),
        )
        for profile in load_profiles().values()
    }
