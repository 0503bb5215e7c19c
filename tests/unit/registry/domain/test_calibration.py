"""A baseline comes from rest alone, and never from an open cover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.calibration import STILL, CalibrationProblem, Judgement, judge, looked_back
from registry.domain.link_test import ZEROED
from registry.storage.times import to_ms

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def judged(
    readings: dict[str, list[float]], *, every_s: float = 60, after: timedelta = timedelta(hours=1)
) -> Judgement:
    begin = to_ms(NOON)
    samples = {
        name: [(begin + round(at * every_s * 1000), value) for at, value in enumerate(values)]
        for name, values in readings.items()
    }
    return judge(samples, {"tilt_z": 1.0}, started_at=NOON, heartbeat_s=every_s, now=NOON + after)


def at_rest(value: float, count: int = 15) -> list[float]:
    return [value + 0.02 * (at % 3 - 1) for at in range(count)]


def test_every_point_with_a_zero_knows_when_it_rests():
    assert set(STILL) == set(ZEROED)


def test_the_median_of_quiet_readings_is_the_baseline_and_the_old_one_is_told():
    found = judged({"tilt_x": at_rest(0.8), "tilt_z": at_rest(2.5)})
    assert (found.done, found.problem, found.readings) == (True, None, 15)
    assert (found.rests["tilt_x"].median, found.rests["tilt_z"].median, found.rests["tilt_z"].old) == (0.8, 2.5, 1.0)


def test_a_lorry_now_and_then_changes_nothing():
    shaken = at_rest(2.5)
    shaken[4], shaken[9] = 8.0, -3.0
    assert judged({"tilt_z": shaken}).rests["tilt_z"].median == 2.5


@pytest.mark.parametrize(("count", "every_s"), [(11, 120), (60, 5)], ids=["too few", "too short"])
def test_too_few_readings_or_too_short_a_time_wait(count: int, every_s: float):
    found = judged({"tilt_z": at_rest(2.5, count)}, every_s=every_s)
    assert (found.done, found.problem) == (False, None)


def test_one_restless_point_keeps_all_waiting():
    found = judged({"tilt_x": [0.0, 1.0] * 8, "tilt_z": at_rest(1.0)})
    assert (found.done, found.problem) == (False, None)
    assert (found.rests["tilt_x"].quiet, found.rests["tilt_z"].quiet) == (False, True)


@pytest.mark.parametrize(
    ("readings", "problem"),
    [
        ({"tilt_z": at_rest(60.0)}, CalibrationProblem.NOT_LEVEL),
        ({"tilt_z": at_rest(-15.1)}, CalibrationProblem.NOT_LEVEL),
        ({"tilt_z": at_rest(1.0), "displacement": at_rest(45.0)}, CalibrationProblem.NOT_SEATED),
    ],
)
def test_an_open_cover_never_becomes_the_baseline(readings: dict[str, list[float]], problem: CalibrationProblem):
    found = judged(readings)
    assert (found.done, found.problem) == (False, problem)


def test_who_never_rests_or_never_speaks_is_given_up_after_days():
    later = timedelta(days=3, minutes=1)
    assert judged({"tilt_z": [0.0, 1.0] * 8}, after=later).problem is CalibrationProblem.RESTLESS
    assert judged({"tilt_z": []}, after=later).problem is CalibrationProblem.NOT_HEARD


def test_a_sensor_that_speaks_once_a_day_is_looked_at_over_weeks_but_not_before_it_began():
    now = NOON + timedelta(days=60)
    assert looked_back(NOON, 86_400, now=now) == now - timedelta(days=24)
    assert looked_back(NOON, 60, now=now) == now - timedelta(minutes=30)
    assert looked_back(NOON, 86_400, now=NOON + timedelta(days=2)) == NOON
