"""A level is shown in the unit that the sensor's own display has."""

from __future__ import annotations

from registry.domain.levels import in_point_unit


def test_a_share_of_full_scale_becomes_the_points_unit_again():
    assert in_point_unit(0.5, {"of_full_scale": True}, 2400.0) == 1200.0


def test_any_other_level_is_in_the_points_unit_already():
    assert in_point_unit(20.0, {"of_full_scale": False}, 2400.0) == 20.0
    assert in_point_unit(20.0, {}, None) == 20.0
    assert in_point_unit(20.0, None, None) == 20.0


def test_what_is_not_known_stays_unknown():
    assert in_point_unit(None, {"of_full_scale": True}, 2400.0) is None
    assert in_point_unit(0.5, {"of_full_scale": True}, None) is None
