"""How full a bus is, and how many units it has time for."""

from __future__ import annotations

import pytest

from gateway.bus_budget import Budget, Quality, units_that_fit


def test_room_is_kept_for_one_unit_that_stays_silent():
    assert units_that_fit(2.0, 0.05, 0.3) == 34
    assert units_that_fit(2.0, 0.05, 2.5) == 0
    assert units_that_fit(2.0, 0.0005, 0.3) == 247  # a line has no more addresses
    assert units_that_fit(2.0, 0.0, 0.3) == 0


def test_the_share_is_that_of_the_last_whole_window():
    budget = Budget(period_s=2.0, timeout_s=0.3)
    assert budget.share(now_s=100.0) == 0.0
    now_s = 100.0
    for _ in range(100):
        now_s += 0.2
        budget.spent(0.05, answered=True, now_s=now_s)
    assert budget.share(now_s=now_s) == pytest.approx(0.25, abs=0.01)
    assert budget.units_fit() == 34
    for _ in range(100):
        now_s += 0.2
        budget.spent(0.1, answered=True, now_s=now_s)
    assert budget.share(now_s=now_s) == pytest.approx(0.5, abs=0.01)


def test_silence_takes_time_but_does_not_tell_how_long_an_answer_takes():
    budget = Budget(period_s=2.0, timeout_s=0.3)
    budget.spent(0.05, answered=True, now_s=1.0)
    budget.spent(0.3, answered=False, now_s=2.0)
    assert budget.units_fit() == 34
    assert budget.share(now_s=2.0) == pytest.approx(0.175)


def test_quality_is_of_the_last_requests_only():
    quality = Quality()
    assert quality.share() == 1.0
    for _ in range(100):
        quality.note(answered=False)
    assert quality.share() == 0.0
    for _ in range(32):
        quality.note(answered=True)
    assert quality.share() == 0.5
