"""What is gathered does not depend on the order in which alerts come, nor on how many batches they come in."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.geo import Box, Place, distance_m
from registry.domain.grouping import (
    Gatherable,
    Gathering,
    circle_around,
    gather,
    is_over,
    passed_by,
    smallest_area,
)
from registry.domain.rules import GroupPolicy

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
POLICY = GroupPolicy(at_least=3, within_s=600.0, radius_m=1000.0, wait_s=30.0)
STREET = 0.001  # degrees of latitude: 111 m


def at(number: int, north: float, *, second: float = 0.0, east: float = 0.0, group: int | None = None) -> Gatherable:
    """An alert ``north`` and ``east`` in streets of 111 m (at the equator), ``second`` after the beginning."""
    return Gatherable(number, round(second * 1000), 113.0 + east * STREET, north * STREET, group)


def new(*ids: int) -> list[Gathering]:
    return [Gathering((), ids)]


def test_enough_alerts_within_reach_and_time_are_one_group():
    assert gather([at(1, 0), at(2, 1), at(3, 2)], POLICY) == new(1, 2, 3)


@pytest.mark.parametrize("third", [at(3, 12), at(3, 1, east=12), at(3, 1, second=601)])
def test_too_few_too_far_or_too_late_stay_alone(third: Gatherable):
    assert gather([at(1, 0), at(2, 1)], POLICY) == []
    assert gather([at(1, 0), at(2, 1), third], POLICY) == []


def test_a_storm_wider_than_the_radius_is_one_group():
    line = [at(number, number * 4.0, second=number * 60) for number in range(40)]
    assert gather(line, POLICY) == new(*range(40))


def test_two_storms_far_apart_are_two_groups():
    here, there = [at(number, 0) for number in range(3)], [at(number, 100) for number in range(10, 13)]
    assert gather([*there, *here], POLICY) == [Gathering((), (0, 1, 2)), Gathering((), (10, 11, 12))]


def test_one_alert_a_minute_all_over_the_city_never_becomes_a_group():
    scattered = [at(number, (number * 37) % 200, east=(number * 53) % 200, second=60 * number) for number in range(200)]
    assert gather(scattered, GroupPolicy(at_least=8, within_s=600.0, radius_m=2000.0)) == []


def test_a_new_alert_joins_the_open_group_that_it_is_near_to():
    members = [at(number, 0, group=7) for number in range(3)]
    assert gather([*members, at(9, 8, second=500), at(10, 30)], POLICY) == [Gathering((7,), (9,))]


def test_an_alert_too_long_after_the_last_of_a_group_does_not_join():
    members = [at(number, 0, group=7) for number in range(3)]
    assert gather([*members, at(9, 0, second=601)], POLICY) == []


def test_two_groups_with_an_alert_between_them_turn_out_to_be_one():
    one = [at(number, 0, group=7) for number in range(3)]
    other = [at(number, 16, group=8) for number in range(10, 13)]
    assert gather([*one, *other], POLICY) == []
    assert gather([*one, *other, at(20, 8)], POLICY) == [Gathering((7, 8), (20,))]


def test_nothing_new_changes_nothing():
    assert gather([], POLICY) == []
    assert gather([at(number, 0, group=7) for number in range(5)], POLICY) == []


def test_it_works_across_the_180th_meridian_and_at_any_latitude():
    east = [Gatherable(number, 0, 179.999, 66.0) for number in range(2)]
    assert gather([*east, Gatherable(5, 0, -179.999, 66.0)], POLICY) == new(0, 1, 5)


def naive(alerts: Sequence[Gatherable], policy: GroupPolicy) -> list[set[int]]:
    """The definition, pair by pair."""

    def near(one: Gatherable, other: Gatherable) -> bool:
        soon = abs(one.fired_ms - other.fired_ms) <= policy.within_s * 1000
        return soon and distance_m(Place(one.lon, one.lat), Place(other.lon, other.lat)) <= policy.radius_m

    groups: list[set[int]] = []
    for one in alerts:
        gathered = {other.id for other in alerts if near(one, other)}
        if len(gathered) >= policy.at_least:
            joined = [group for group in groups if group & gathered]
            groups = [group for group in groups if not group & gathered] + [gathered.union(*joined)]
    return groups


# on a lattice that never puts two alerts exactly a radius apart
places = st.builds(
    lambda east, north, minute: (east * 2.5, north * 2.5, minute * 60.0 + 1.0),
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(0, 40),
)
crowds = st.lists(places, max_size=40).map(
    lambda spots: [at(number, north, east=east, second=second) for number, (east, north, second) in enumerate(spots)]
)


@given(crowds)
def test_it_is_the_definition(crowd: list[Gatherable]):
    found = [set(one.joined) for one in gather(crowd, POLICY)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, naive(crowd, POLICY)))


@given(crowds, st.randoms(use_true_random=False), st.data())
def test_neither_the_order_nor_the_batches_matter(crowd: list[Gatherable], random, data: st.DataObject):
    at_once = sorted(sorted(one.joined) for one in gather(crowd, POLICY))
    random.shuffle(crowd)
    assert sorted(sorted(one.joined) for one in gather(crowd, POLICY)) == at_once
    groups: dict[int, int] = {}
    known: list[Gatherable] = []
    while crowd:
        size = data.draw(st.integers(1, len(crowd)))
        known, crowd = known + crowd[:size], crowd[size:]
        for one in gather([each._replace(group_id=groups.get(each.id)) for each in known], POLICY):
            name = min(one.groups, default=one.joined[0])
            members = [number for number, group in groups.items() if group in one.groups]
            groups |= dict.fromkeys([*members, *one.joined], name)
    members_of = defaultdict(list)
    for number, name in groups.items():
        members_of[name].append(number)
    assert sorted(map(sorted, members_of.values())) == at_once


def test_ten_thousand_alerts_are_gathered_without_looking_at_each_pair():
    # a street of ten metres where all are near all, and a ring of pairs that look at it in vain
    crowd = [Gatherable(number, number, 113.0 + number * 1e-8, 23.0) for number in range(10_000)]
    ring = [
        Gatherable(10_000 + turn, 0, 113.0 + 0.011 * math.cos(turn), 23.0 + 0.0101 * math.sin(turn))
        for turn in range(500)
    ]
    compared = Counting(POLICY.radius_m)
    gathered = gather([*crowd, *ring], GroupPolicy(at_least=8, within_s=600.0, radius_m=compared))
    assert len(gathered[0].joined) >= 10_000
    assert compared.times < 2_000_000


class Counting(float):
    """A radius that knows how often a distance was held against it."""

    times = 0

    def __ge__(self, distance: float) -> bool:
        self.times += 1
        return float(self) >= distance


def test_an_alert_is_passed_by_only_when_it_was_over_before_its_time():
    assert not passed_by(NOW, None, POLICY)
    assert passed_by(NOW, NOW + timedelta(seconds=29), POLICY)
    assert not passed_by(NOW, NOW + timedelta(seconds=30), POLICY)


def test_a_group_ends_when_nothing_joins_and_nothing_is_live():
    late = NOW + timedelta(seconds=600)
    assert is_over(NOW, POLICY, live=0, now=late)
    assert not is_over(NOW, POLICY, live=1, now=late)
    assert not is_over(NOW, POLICY, live=0, now=late - timedelta(seconds=1))


def test_the_circle_holds_all_members():
    circle = circle_around(Box(113.0, 23.0, 113.02, 23.03))
    assert (round(circle.lon, 6), round(circle.lat, 6)) == (113.01, 23.015)
    inside = [Place(113.0, 23.0), Place(113.02, 23.03), Place(113.02, 23.0), Place(113.01, 23.02)]
    assert max(distance_m(Place(circle.lon, circle.lat), place) for place in inside) <= circle.radius_m < 2000


@pytest.mark.parametrize(
    ("codes", "area"),
    [
        (["440803001002003"], "440803001002003"),
        (["440803001002003", "440803001002004"], "440803001002"),
        (["440803", "440803001002003"], "440803"),
        (["440803001", "441900"], ""),
        (["440803001", "440805"], "4408"),
        (["", "440803"], ""),
    ],
)
def test_the_smallest_area_that_holds_all(codes: list[str], area: str):
    assert smallest_area(min(codes), max(codes)) == area
