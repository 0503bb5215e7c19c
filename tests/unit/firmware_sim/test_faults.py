"""Each fault is polled every two seconds, as the demo does, and held against the thresholds of the shipped rules."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from firmware_sim.chance import key_of
from firmware_sim.faults import FAULTS, Fault, applied, frozen_at, is_on, level_at
from firmware_sim.physics import Body, Kind, Sensed, at_rest, fit
from firmware_sim.registers import encode, values_of
from firmware_sim.units import SensorUnit, sensed_at

DEPTH_MM = 2400
SEEDS = range(30)
START_S = 20.0


def body_of(kind: Kind, seed: int) -> Body:
    return fit(seed, f"{kind}-{seed}", kind, depth_mm=DEPTH_MM, height_m=6 + seed % 8)


def fault_of(kind: str, seed: int, *, duration_s: float = math.inf, strength: float | None = None) -> Fault:
    return Fault(
        kind=kind,
        key=key_of(seed, kind),
        start_s=START_S,
        end_s=START_S + duration_s,
        ramp_s=15.0,
        strength=strength if seed % 3 else (strength if strength is not None else (seed % 2) * 1.0),
    )


def polled(body: Body, fault: Fault, since_s: float, until_s: float, seed: int) -> Iterator[tuple[float, Sensed]]:
    t_s = since_s + (seed % 20) / 10
    while t_s < until_s:
        yield t_s, sensed_at(body, (fault,), t_s)
        t_s += 2.0


def tells(body: Body, seen: Sensed) -> set[str]:
    """The names of the shipped conditions that one reading meets."""
    met = set()
    if body.kind == "cover":
        met |= {"cover_tilt"} if seen.tilt_z_deg >= 13 else set()
        met |= {"cover_shift"} if seen.displacement_mm >= 28 else set()
        met |= {"cover_knock"} if seen.vibration_mm_s >= 9.5 else set()
        assert seen.water_level_mm is not None
        met |= {"water_high"} if seen.water_level_mm >= 0.88 * DEPTH_MM else set()
    else:
        met |= {"pole_lean"} if seen.tilt_z_deg >= 4.5 else set()
    met |= {"battery_low"} if round(seen.battery_pct) <= 22 else set()
    return met


OWN: dict[str, tuple[Kind, set[str]]] = {
    "cover_opened": ("cover", {"cover_tilt", "cover_shift"}),
    "cover_stolen": ("cover", {"cover_tilt", "cover_shift"}),
    "cover_knocking": ("cover", {"cover_knock"}),
    "pole_hit": ("pole", {"pole_lean"}),
    "pole_leaning": ("pole", {"pole_lean"}),
    "water_rising": ("cover", {"water_high"}),
    "battery_running_out": ("cover", {"battery_low"}),
}


@pytest.mark.parametrize("kind", sorted(OWN))
def test_a_fault_meets_its_own_condition_for_as_long_as_it_lasts_and_no_other(kind):
    family, own = OWN[kind]
    for seed in SEEDS:
        body = body_of(family, seed)
        fault = fault_of(kind, seed)
        assert all(not tells(body, seen) for _, seen in polled(body, fault, 0, START_S, seed))
        for t_s, seen in polled(body, fault, START_S, START_S + 150, seed):
            assert tells(body, seen) <= own
            if t_s >= START_S + 16:
                assert tells(body, seen) == own


@pytest.mark.parametrize("kind", sorted(OWN))
def test_a_fault_that_ends_leaves_a_healthy_unit(kind):
    family, _ = OWN[kind]
    for seed in SEEDS:
        body = body_of(family, seed)
        fault = fault_of(kind, seed, duration_s=30.0)
        for _, seen in polled(body, fault, START_S + 36, START_S + 120, seed):
            assert not tells(body, seen)


def test_an_opened_cover_stands_up_within_a_second_at_55_to_80_degrees_and_40_to_90_mm():
    for seed in SEEDS:
        body, fault = body_of("cover", seed), fault_of("cover_opened", seed)
        for t_s in (START_S + 1.0, START_S + 5.0, START_S + 100.0):
            seen = sensed_at(body, (fault,), t_s)
            assert 55 <= seen.tilt_z_deg <= 80
            assert 40 <= seen.displacement_mm <= 90


def test_a_stolen_cover_lies_still_upside_down_far_away():
    for seed in SEEDS:
        body, fault = body_of("cover", seed), fault_of("cover_stolen", seed)
        for poll in range(50):
            seen = sensed_at(body, (fault,), START_S + 2 + 2 * poll)
            assert seen.tilt_z_deg > 90
            assert seen.displacement_mm > 300
            assert seen.vibration_mm_s < 1


def test_a_knocking_cover_is_never_quiet_for_the_four_seconds_a_rule_tolerates():
    for seed in SEEDS:
        body, fault = body_of("cover", seed), fault_of("cover_knocking", seed, duration_s=60)
        for tick in range(0, 600, 7):
            seen = sensed_at(body, (fault,), START_S + tick / 10)
            assert 15 <= seen.vibration_mm_s <= 40
            assert abs(seen.tilt_z_deg - math.hypot(body.offset_x_deg, body.offset_y_deg)) < 2


def test_a_hit_pole_rings_for_a_moment_and_leans_12_to_25_degrees_for_good():
    for seed in SEEDS:
        body, fault = body_of("pole", seed), fault_of("pole_hit", seed)
        assert sensed_at(body, (fault,), START_S + 0.3).vibration_mm_s > 40
        for _, seen in polled(body, fault, START_S + 10, START_S + 200, seed):
            assert 12 <= seen.tilt_z_deg <= 25
            assert seen.vibration_mm_s < 3


def test_a_leaning_pole_goes_over_steadily_until_it_is_beyond_ten_degrees():
    for seed in SEEDS:
        body, fault = body_of("pole", seed), fault_of("pole_leaning", seed)
        half = applied(at_rest(body, START_S + 7.5), body, (fault,), START_S + 7.5)
        assert math.hypot(half.lean_x_deg - body.offset_x_deg, half.lean_y_deg - body.offset_y_deg) == pytest.approx(
            6.0, abs=0.2
        )
        for _, seen in polled(body, fault, START_S + 15, START_S + 200, seed):
            assert 10 < seen.tilt_z_deg < 14


@pytest.mark.parametrize("strength", [None, 0.0, 0.5, 1.0])
def test_a_storm_is_felt_and_raises_nothing(strength):
    for seed in SEEDS:
        fault = fault_of("storm", seed, strength=strength)
        pole, cover = body_of("pole", seed), body_of("cover", seed)
        leans = []
        for tick in range(0, 6000, 53):
            t_s = START_S + tick / 10
            seen = sensed_at(pole, (fault,), t_s)
            assert not tells(pole, seen)
            assert seen.tilt_z_deg < 4.0
            state = applied(at_rest(pole, t_s), pole, (fault,), t_s)
            leans.append((state.lean_x_deg + state.sway_x_deg, state.lean_y_deg + state.sway_y_deg))
            wet = sensed_at(cover, (fault,), t_s)
            assert not tells(cover, wet)
            assert wet.vibration_mm_s < 4 or t_s < START_S + 1
        mean = math.hypot(sum(x for x, _ in leans) / len(leans), sum(y for _, y in leans) / len(leans))
        assert mean < 1.5
        gone_s = START_S + 300
        rise = applied(at_rest(cover, gone_s), cover, (fault,), gone_s).water_share - at_rest(cover, gone_s).water_share
        assert 0.0999 < rise < 0.3001


def test_a_stuck_sensor_repeats_every_physical_value_while_its_counters_go_on():
    for seed in SEEDS:
        fault = fault_of("unit_stuck", seed, duration_s=100)
        unit = SensorUnit(address=1, serial="CV-000001", body=body_of("cover", seed), faults=(fault,))
        answers = [values_of(unit.form_answer(START_S + 2 * poll)) for poll in range(40)]
        physical = [{k: v for k, v in a.items() if k not in {"sample_count", "uptime"}} for a in answers]
        assert all(p == physical[0] for p in physical)
        assert [a["sample_count"] for a in answers] == list(range(1, 41))
        assert answers[-1]["uptime"] == answers[0]["uptime"] + 78
        after = [values_of(unit.form_answer(START_S + 100 + 2 * poll))["tilt_x"] for poll in range(5)]
        assert len(set(after)) > 1


def test_a_sensor_that_froze_does_not_see_the_cover_being_opened():
    stuck, opened = fault_of("unit_stuck", 1), Fault(kind="cover_opened", key=1, start_s=START_S + 5)
    assert sensed_at(body_of("cover", 1), (stuck, opened), START_S + 60).tilt_z_deg < 3


def test_a_dead_unit_is_dead_from_start_to_end_only():
    fault = fault_of("unit_dead", 1, duration_s=10)
    dead = [is_on("unit_dead", (fault,), t_s) for t_s in (START_S - 0.1, START_S, START_S + 9.9, START_S + 10)]
    assert dead == [False, True, True, False]


def test_a_level_rises_stays_and_falls():
    fault = fault_of("water_rising", 1, duration_s=30)
    levels = [level_at(fault, START_S + t) for t in (-1, 0, 7.5, 15, 29, 32.5, 35, 60)]
    assert levels == pytest.approx([0, 0, 0.5, 1, 1, 0.5, 0, 0])


def test_a_fault_that_ends_half_way_falls_from_where_it_was():
    fault = fault_of("pole_leaning", 1, duration_s=7.5)
    assert level_at(fault, START_S + 7.5) == pytest.approx(0.5)
    assert level_at(fault, START_S + 8.5) == pytest.approx(0.25)


def test_a_frozen_moment_is_the_first_of_those_that_last():
    first = Fault(kind="unit_stuck", key=1, start_s=10, end_s=30)
    second = Fault(kind="unit_stuck", key=2, start_s=20, end_s=40)
    assert [frozen_at((first, second), t) for t in (5, 15, 25, 35, 45)] == [5, 10, 10, 20, 45]


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_no_fault_makes_a_value_that_a_sensor_can_not_give(kind):
    for seed in range(10):
        for family in sorted(FAULTS[kind].units):
            body, fault = body_of(family, seed), fault_of(kind, seed, duration_s=50)
            for _, seen in polled(body, fault, START_S - 2, START_S + 70, seed):
                values = values_of(encode(family, seen, sample_count=1, uptime_s=1))
                assert 0 <= values["tilt_z"] <= 180
                assert -500 <= values["displacement"] <= 2000
                assert 0 <= values["vibration"] <= 500
                assert 0 <= values.get("water_level", 0) <= DEPTH_MM
                assert 0 <= values["battery"] <= 100
