"""When a unit is asked next, and what time its answer gets."""

from __future__ import annotations

import pytest

from gateway.bus_pace import LONGEST_SILENCE_PAUSE_S, next_due, silence_pause, stamp


@pytest.mark.parametrize(
    ("now_s", "due_s"), [(100.1, 102.0), (101.99, 102.0), (102.0, 104.0), (103.5, 104.0), (1000.5, 1002.0)]
)
def test_a_late_cycle_is_left_out_and_the_cadence_stays(now_s, due_s):
    assert next_due(100.0, 2.0, now_s=now_s) == due_s


def test_a_silent_unit_is_left_alone_ever_longer_up_to_a_minute():
    assert [silence_pause(silences, 2.0) for silences in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert silence_pause(10**6, 2.0) == LONGEST_SILENCE_PAUSE_S


def test_a_unit_with_a_slow_cadence_is_never_asked_faster_because_it_is_silent():
    assert silence_pause(3, 300.0) == 300.0


@pytest.mark.parametrize(
    ("now_ms", "last_ms", "stamped"),
    [
        (1000, 0, 1000),
        (1000, 1000, 1001),
        (900, 1000, 1001),
        (10_000, 15_000, 15_001),
        (10_000, 15_001, 10_000),
    ],
)
def test_an_answer_is_later_than_the_one_before_unless_the_clock_was_set_back_for_good(now_ms, last_ms, stamped):
    assert stamp(now_ms, last_ms) == stamped
