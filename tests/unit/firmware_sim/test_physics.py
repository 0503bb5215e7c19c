from __future__ import annotations

import itertools
import math

import pytest

from firmware_sim.physics import at_rest, fit, sense
from firmware_sim.units import sensed_at

DAY_S = 86_400


def cover(seed: int = 7):
    return fit(seed, "CV-000001", "cover", depth_mm=2400)


def pole(seed: int = 7):
    return fit(seed, "PL-000001", "pole", height_m=8)


@pytest.mark.parametrize("seed", range(24))
def test_a_healthy_cover_stays_quiet_all_day(seed):
    body = cover(seed)
    for t_s in range(0, DAY_S, 263):
        seen = sensed_at(body, (), t_s + seed / 50)
        assert seen.tilt_z_deg < 2.5
        assert abs(seen.tilt_x_deg) < 2.5
        assert abs(seen.tilt_y_deg) < 2.5
        assert -1.0 < seen.displacement_mm < 2.0
        assert 0.0 <= seen.vibration_mm_s < 5.0
        assert seen.water_level_mm is not None
        assert 0.05 <= seen.water_level_mm / 2400 <= 0.40
        assert 70.0 <= seen.battery_pct <= 100.0
        assert not seen.leaning
        assert not seen.flooded


@pytest.mark.parametrize("seed", range(24))
def test_a_healthy_pole_sways_but_stays_upright_all_day(seed):
    body = pole(seed)
    for t_s in range(0, DAY_S, 263):
        seen = sensed_at(body, (), t_s + seed / 50)
        assert seen.tilt_z_deg < 2.0
        assert seen.vibration_mm_s < 2.0
        assert seen.water_level_mm is None
        assert 70.0 <= seen.battery_pct <= 100.0


def test_traffic_shakes_a_cover_now_and_then_for_less_than_two_seconds():
    body = cover()
    shaken = [sensed_at(body, (), tick / 10).vibration_mm_s > 0.6 for tick in range(18_000)]
    longest = run = 0
    for loud in shaken:
        run = run + 1 if loud else 0
        longest = max(longest, run)
    assert 0 < longest < 20
    assert 0.01 < sum(shaken) / len(shaken) < 0.3


def test_a_pole_reaches_a_good_part_of_a_degree_in_the_wind_within_an_hour():
    body = pole()
    sways = [math.hypot(state.sway_x_deg, state.sway_y_deg) for t in range(3600) for state in [at_rest(body, t)]]
    assert 0.2 < max(sways) <= 1.0


def test_the_day_is_warmer_than_the_night():
    body = cover()  # second zero is midnight by the sun
    night_c = sum(at_rest(body, 3 * 3600 + t).temperature_c for t in range(0, 3600, 10))
    noon_c = sum(at_rest(body, 15 * 3600 + t).temperature_c for t in range(0, 3600, 10))
    assert (noon_c - night_c) / 360 > 6


def test_the_same_seed_is_the_same_street_and_another_seed_is_not():
    assert sensed_at(cover(7), (), 12.345) == sensed_at(cover(7), (), 12.345)
    assert cover(7) != cover(8)


def test_asking_often_or_seldom_changes_nothing():
    body = cover()
    seldom = sensed_at(body, (), 100.0)
    for tick in range(1000):
        sensed_at(body, (), tick / 10)
    assert sensed_at(body, (), 100.0) == seldom


def test_an_inclination_is_hardly_ever_the_same_twice_running():
    for seed in range(20):
        body = cover(seed)
        seen = [round(sensed_at(body, (), 2.0 * poll).tilt_x_deg, 2) for poll in range(500)]
        longest = run = 1
        for before, after in itertools.pairwise(seen):
            run = run + 1 if before == after else 1
            longest = max(longest, run)
        assert longest < 6


def test_the_three_angles_belong_to_one_plate():
    """Gravity as the plate sees it has length one, but for the noise of the three axes."""
    for seed in range(50):
        body = pole(seed)
        seen = sense(body, at_rest(body, seed), seed)
        x, y, z = (math.radians(a) for a in (seen.tilt_x_deg, seen.tilt_y_deg, seen.tilt_z_deg))
        assert math.sin(x) ** 2 + math.sin(y) ** 2 + math.cos(z) ** 2 == pytest.approx(1.0, abs=0.001)
