"""Coordinate systems: there and back is exact to less than a millimetre anywhere in China; elsewhere nothing moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.geo import CHINA, Crs, Place, distance_m, from_wgs84, to_wgs84

# the shift itself may carry a place over the edge of the box in which it is applied: half a kilometre inside it can't
INSIDE = st.builds(Place, st.floats(73.4, 135.2), st.floats(3.8, 53.6))
ANYWHERE = st.builds(Place, st.floats(-180.0, 180.0), st.floats(-90.0, 90.0))


@given(place=INSIDE, crs=st.sampled_from(Crs))
def test_there_and_back_errs_less_than_a_millimetre_all_over_china(place: Place, crs: Crs):
    there = from_wgs84(place, crs)
    assert distance_m(place, to_wgs84(there, crs)) < 0.001
    assert distance_m(place, there) < 2_500.0


@given(place=ANYWHERE.filter(lambda place: not CHINA.holds(place)), crs=st.sampled_from(Crs))
def test_outside_china_nothing_is_shifted(place: Place, crs: Crs):
    assert from_wgs84(place, crs) == place
    assert to_wgs84(place, crs) == place
