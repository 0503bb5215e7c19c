"""What arrives in a year: reports, bursts, losses, and that what happens can be seen in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest

from firmware_sim.year.plan import Year, plan_year
from firmware_sim.year.readings import Uplink, uplinks
from firmware_sim.year.sizes import SHORT
from firmware_sim.year.troubles import URGENT
from firmware_sim.year.truth import Truth

pytestmark = pytest.mark.xdist_group("year readings")  # the year is played once for all
QUIET = replace(SHORT, assets=40, days=4, storms=0, sites=0, faults={}, works={}, upkeep={}, outages={})


@pytest.fixture(scope="module")
def year() -> Year:
    return plan_year(7, SHORT)


@pytest.fixture(scope="module")
def sent(year: Year) -> list[Uplink]:
    return list(uplinks(year))


@pytest.fixture(scope="module")
def truth(year: Year, sent: list[Uplink]) -> Truth:
    truth = Truth(year)
    for uplink in sent:
        truth.note(uplink)
    return truth


def test_a_seed_sends_the_same_again():
    assert list(uplinks(plan_year(5, QUIET))) == list(uplinks(plan_year(5, QUIET)))


def test_uplinks_come_in_the_order_of_arrival_and_after_they_were_measured(sent: list[Uplink]):
    assert all(one.arrived_ms <= other.arrived_ms for one, other in pairwise(sent))
    assert all(one.measured_ms < one.received_ms < one.arrived_ms for one in sent)


def test_some_are_lost_some_late_and_some_come_twice(year: Year, sent: list[Uplink]):
    counted = Counter((one.serial, one.measured_ms) for one in sent)
    beats = sum(round(year.lasts_s / unit.beat_s) for unit in year.units)
    heard = len({(one.serial, one.measured_ms) for one in sent if not one.awake})
    assert 0.85 * beats < heard < beats
    assert max(counted.values()) == 2
    assert any(one.arrived_ms - one.measured_ms > 60_000 for one in sent)


def test_whatever_befalls_a_unit_is_shown_by_its_readings(year: Year, truth: Truth):
    unseen = {t.kind for t in year.troubles if t.number not in truth.shown}
    assert unseen == {"dead", "drift", "stuck", "noisy"}


def test_what_is_urgent_is_reported_within_seconds(year: Year, truth: Truth):
    down = [outage for outage in year.outages if outage.what == "line"]
    for trouble in truth.urgent():
        cabinet = year.unit_of[trouble.serial].cabinet
        if any(each.cabinet == cabinet and each.start_s <= trouble.start_s < each.end_s for each in down):
            continue
        assert truth.shown[trouble.number].first_ms / 1000 - trouble.start_s < 20.0, trouble
    assert {trouble.kind for trouble in truth.urgent()} == URGENT


def test_a_burst_has_its_reports_one_to_ten_seconds_apart(year: Year, sent: list[Uplink]):
    opened = next(each for each in year.troubles if each.kind == "opened")
    mine = sorted({one.measured_ms for one in sent if one.serial == opened.serial and one.awake})
    burst = [at for at in mine if 0 <= at / 1000 - opened.start_s < 40]
    assert len(burst) >= 6
    assert all(900 <= later - at <= 14_100 for at, later in pairwise(burst))


def test_a_cabinet_without_power_hears_nothing_and_one_without_a_line_delivers_later(year: Year, sent: list[Uplink]):
    by_cabinet: dict[str, list[Uplink]] = defaultdict(list)
    for one in sent:
        by_cabinet[year.unit_of[one.serial].cabinet].append(one)
    for outage in year.outages:
        meanwhile = [
            one for one in by_cabinet[outage.cabinet] if outage.start_s <= one.received_ms / 1000 < outage.end_s
        ]
        if outage.what == "power":
            assert meanwhile == []
        elif outage.what == "bus":
            assert all(year.unit_of[one.serial].bus != outage.bus for one in meanwhile)
        else:
            assert meanwhile
            assert all(one.arrived_ms / 1000 >= outage.end_s for one in meanwhile)


def test_a_dead_unit_says_nothing_and_a_stuck_one_says_the_same(year: Year, sent: list[Uplink]):
    dead = next(each for each in year.troubles if each.kind == "dead")
    stuck = next(each for each in year.troubles if each.kind == "stuck")
    assert not [o for o in sent if o.serial == dead.serial and dead.start_s <= o.measured_ms / 1000 < dead.end_s]
    said = {o.values for o in sent if o.serial == stuck.serial and stuck.start_s < o.measured_ms / 1000 < stuck.end_s}
    assert len(said) == 1


def test_a_storm_fills_wells_and_sways_poles_without_felling_them(year: Year, sent: list[Uplink]):
    (storm,) = year.storms
    full: set[str] = set()
    troubled = {each.serial for each in year.troubles}
    for one in sent:
        unit, values = year.unit_of[one.serial], dict(one.values)
        if unit.kind == "cover" and values["water_level"] >= 0.9 * unit.depth_mm:
            full.add(one.serial)
        if unit.kind == "pole" and one.serial not in troubled:
            assert values["tilt_z"] < 9.0
    assert set(Truth(year).flooded(storm.number)) - troubled <= full


def test_two_calm_words_end_a_burst():
    sent = list(uplinks(plan_year(5, replace(QUIET, assets=200))))
    bursts = Counter((one.serial, one.measured_ms // 60_000) for one in sent if one.awake)
    assert bursts
    assert max(bursts.values()) <= 5
