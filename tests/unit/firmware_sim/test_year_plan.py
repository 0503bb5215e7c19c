"""The plan of a year: what is in it, and that its seed brings it back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from firmware_sim.year.plan import Year, plan_year
from firmware_sim.year.sizes import FAULTS_OF_A_YEAR, SHORT, WORKS_OF_A_YEAR, Size, part_of
from firmware_sim.year.weather import DAY_S


@pytest.fixture(scope="module")
def year() -> Year:
    return plan_year(3)


def test_a_seed_plans_its_year_again_and_another_seed_another_one(year: Year):
    assert plan_year(3) == year
    assert plan_year(4).troubles != year.troubles


def test_a_year_has_two_thousand_assets_twelve_storms_and_sixty_real_faults(year: Year):
    kinds = Counter(trouble.kind for trouble in year.troubles)
    assert (len(year.units), len(year.storms)) == (2000, 12)
    assert sum(kinds[kind] for kind in FAULTS_OF_A_YEAR) == 60
    assert {kind: kinds[kind] for kind in WORKS_OF_A_YEAR} == WORKS_OF_A_YEAR
    assert {unit.kind for unit in year.units} == {"cover", "pole"}
    assert len({unit.cabinet for unit in year.units}) >= 10


def test_every_storm_is_over_more_than_five_hundred_assets_and_floods_hundreds_of_wells(year: Year):
    for storm in year.storms:
        felt = [each for passes in year.passes.values() for each in passes if each.storm is storm]
        assert len(felt) > 500
        assert sum(each.floods for each in felt) > 200


def test_a_unit_has_one_trouble_at_most_and_all_of_them_end_within_the_year(year: Year):
    assert max(Counter(trouble.serial for trouble in year.troubles).values()) == 1
    assert all(0 < trouble.start_s < trouble.end_s < year.lasts_s for trouble in year.troubles)


def test_some_faults_happen_under_a_storm_that_is_over_their_unit(year: Year):
    stormy = [trouble for trouble in year.troubles if trouble.storm is not None]
    assert len(stormy) >= 10
    for trouble in stormy:
        assert trouble.storm is not None
        spell = year.storms[trouble.storm].over(year.unit_of[trouble.serial])
        assert spell is not None
        assert spell[0] <= trouble.start_s <= spell[1]


def test_no_pipe_is_blocked_while_all_wells_are_full(year: Year):
    for trouble in year.troubles:
        if trouble.kind == "water":
            assert not any(s.start_s < trouble.end_s and trouble.start_s < s.end_s + 4 * 3600 for s in year.storms)


def test_permits_begin_before_the_cover_is_opened_and_only_those_left_open_run_out(year: Year):
    for trouble in year.troubles:
        permit = trouble.permit
        if permit is None:
            assert trouble.kind not in ("permitted", "left_open", "left_askew")
            continue
        assert trouble.shut_s is not None
        assert permit.starts_s < trouble.start_s < permit.ends_s
        if trouble.kind == "left_open":
            assert permit.ended_s is None
            assert trouble.shut_s > permit.ends_s
        else:
            assert permit.ended_s is not None
            assert trouble.shut_s < permit.ended_s < permit.ends_s


def test_nothing_urgent_happens_where_a_cabinet_has_no_power(year: Year):
    for outage in year.outages:
        if outage.what == "line":
            continue
        for trouble in year.troubles:
            if year.unit_of[trouble.serial].cabinet == outage.cabinet and trouble.kind in FAULTS_OF_A_YEAR:
                assert trouble.end_s < outage.start_s or outage.end_s < trouble.start_s


@pytest.mark.parametrize("seed", range(4))
def test_a_short_year_has_everything_too(seed: int):
    year = plan_year(seed, SHORT)
    kinds = {trouble.kind for trouble in year.troubles}
    assert kinds == {*SHORT.faults, *SHORT.works, *SHORT.upkeep}
    assert {outage.what for outage in year.outages} == {"power", "line", "bus"}
    assert len(year.storms) == 1
    assert all(trouble.end_s < year.lasts_s for trouble in year.troubles)


def test_a_year_without_storms_can_be_planned():
    assert plan_year(1, replace(SHORT, storms=0)).storms == ()


def test_days_count_from_the_first_of_january_in_china():
    assert plan_year(1, Size(assets=10, first_day=0, storms=0, faults={}, works={}, upkeep={}, outages={})).started_s
    later = plan_year(1, Size(assets=10, first_day=31, storms=0, faults={}, works={}, upkeep={}, outages={}))
    assert later.started_s == 1_767_196_800.0 + 31 * DAY_S


def test_a_part_of_a_year_lies_in_summer_and_has_one_of_everything():
    part = part_of(Size(), assets=300, days=40)
    year = plan_year(2, part)
    assert (len(year.units), len(year.storms), part.first_day) == (300, 1, 180)
    assert {trouble.kind for trouble in year.troubles} == {*part.faults, *part.works, *part.upkeep}
