"""Patrols: what proves that a point was visited, how much of a route was, and whether a week had enough of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from registry.domain.patrols import (
    Coverage,
    Presence,
    Proof,
    Stop,
    coverage,
    route_length_m,
    short_walk,
    visits_of,
    weeks,
)

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
COVER = Stop(id=1, lon=113.3, lat=23.1, asset_id=7, key=True)
CORNER = Stop(id=2, lon=113.301, lat=23.1)
BRIDGE = Stop(id=3, lon=113.302, lat=23.1, key=True)
STOPS = (COVER, CORNER, BRIDGE)


def seen(minute: int, **more: object) -> Presence:
    return Presence(at=NOW + timedelta(minutes=minute), **more)  # type: ignore[arg-type]


def test_a_scan_of_the_points_own_plate_proves_it_even_where_the_phone_told_no_place():
    (visit,) = visits_of(STOPS, [seen(0, asset_id=7, scan_id=90)])
    assert (visit.stop_id, visit.how, visit.scan_id, visit.distance_m) == (1, Proof.SCAN, 90, None)


def test_a_scan_of_another_plate_counts_for_the_point_it_was_made_beside():
    (visit,) = visits_of(STOPS, [seen(0, asset_id=8, scan_id=91, lon=113.301, lat=23.1001)])
    assert (visit.stop_id, visit.how) == (2, Proof.SCAN)
    assert visit.distance_m == pytest.approx(11.1, abs=0.1)


def test_a_position_proves_nothing_from_afar_or_when_it_is_not_exact():
    far, rough = seen(0, lon=113.3015, lat=23.1), seen(1, lon=113.301, lat=23.1, accuracy_m=400.0)
    assert visits_of(STOPS, [far, rough]) == []
    (visit,) = visits_of(STOPS, [seen(2, lon=113.301, lat=23.1, accuracy_m=12.0)])
    assert visit.how is Proof.PLACE


def test_a_point_counts_once_and_its_first_visit_stands():
    visits = visits_of(STOPS, [seen(9, asset_id=7, scan_id=92), seen(3, asset_id=7, scan_id=91)])
    assert [(visit.stop_id, visit.scan_id) for visit in visits] == [(1, 91)]


def test_coverage_counts_points_and_key_points():
    visits = visits_of(STOPS, [seen(0, asset_id=7, scan_id=1), seen(1, lon=113.301, lat=23.1)])
    assert coverage(STOPS, visits) == Coverage(stops=3, visited=2, key_stops=2, key_visited=1)
    assert coverage(STOPS, visits).share == pytest.approx(2 / 3)
    assert coverage((), visits).share is None


def test_a_week_lacks_days_only_when_they_can_no_longer_be_walked():
    days = [date(2026, 3, 2), date(2026, 3, 2), date(2026, 2, 23), date(2026, 2, 24), date(2026, 2, 25)]
    wednesday = weeks(days, wanted=3, first=date(2026, 2, 23), today=date(2026, 3, 4))
    assert [(week.monday, week.days, week.wanted, week.lacking) for week in wednesday] == [
        (date(2026, 3, 2), 1, 3, 0),
        (date(2026, 2, 23), 3, 3, 0),
    ]
    sunday = weeks(days, wanted=3, first=date(2026, 2, 23), today=date(2026, 3, 8))
    assert (sunday[0].days, sunday[0].lacking, sunday[0].kept) == (1, 1, False)
    after = weeks(days, wanted=3, first=date(2026, 2, 23), today=date(2026, 3, 9))
    assert [(week.days, week.lacking) for week in after] == [(0, 0), (1, 2), (3, 0)]


def test_a_week_that_the_plan_cuts_asks_for_no_more_days_than_it_has():
    (week,) = weeks([], wanted=3, first=date(2026, 3, 7), today=date(2026, 3, 8), last=date(2026, 3, 8))
    assert (week.wanted, week.lacking) == (2, 1)


def test_a_short_walk_goes_to_the_nearest_point_that_is_left():
    places = [(113.3, 23.1), (113.303, 23.1), (113.301, 23.1), (113.302, 23.1)]
    assert short_walk(places) == [0, 2, 3, 1]
    assert route_length_m([places[index] for index in short_walk(places)]) == pytest.approx(307, abs=2)
    assert short_walk([]) == []
