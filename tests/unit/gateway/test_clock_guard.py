"""No date before the clock is set, none that jumps because somebody set it wrong, and the truth in the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.clock_guard import (
    STEP_BELIEVED_AFTER_S,
    STEP_VOUCHED_AFTER_S,
    ClockGuard,
    boot_id,
    kernel_says_synchronised,
    ticks_s,
)
from gateway.senml import UNDATED_S

T0 = 1_795_000_000.0


@dataclass
class Machine:
    """Clocks that a test sets; ``start_s`` is when its ticks began."""

    start_s: float = T0
    ticks: float = 100.0
    vouched: bool = False

    def guard(self, **more: object) -> ClockGuard:
        return ClockGuard(
            wall=lambda: self.start_s + self.ticks, ticks=lambda: self.ticks, synchronised=lambda: self.vouched, **more
        )


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_clock_that_is_set_is_passed_on(machine):
    guard = machine.guard()
    assert (guard.now(), guard.start_s, guard.off_s) == (T0 + 100, T0, 0)


def test_before_the_clock_is_set_there_is_no_date_but_an_order(machine):
    machine.start_s = 0.0
    guard = machine.guard()
    with capture_logs() as logs:
        first = guard.now()
        machine.ticks += 5
        second = guard.now()
        machine.start_s = T0
        assert guard.now() == T0 + 105
    assert (first, second - first) == (UNDATED_S + 100, 5)
    assert [line["event"] for line in logs] == ["clock_not_set", "clock_set"]


def test_a_box_without_a_battery_can_wait_for_ntp(machine):
    guard = machine.guard(trust="synchronised")
    assert guard.now() < 0
    machine.vouched = True
    assert guard.now() == T0 + 100


def test_small_corrections_are_followed_at_once(machine):
    guard = machine.guard()
    guard.now()
    machine.start_s -= 1.5
    assert guard.now() == T0 + 98.5


@pytest.mark.parametrize("by_s", [3600.0, -3600.0])
def test_a_jump_of_an_hour_and_back_leaves_no_trace(machine, by_s):
    guard = machine.guard()
    guard.now()
    with capture_logs() as logs:
        machine.start_s += by_s
        machine.ticks += 60
        assert guard.now() == T0 + 160
        assert guard.off_s == by_s
        machine.ticks += 60
        machine.start_s -= by_s
        assert (guard.now(), guard.off_s) == (T0 + 220, 0)
    assert [line["event"] for line in logs] == ["clock_jumped", "clock_back"]


@pytest.mark.parametrize(("vouched", "after_s"), [(False, STEP_BELIEVED_AFTER_S), (True, STEP_VOUCHED_AFTER_S)])
def test_a_jump_that_lasts_is_followed_sooner_if_the_kernel_vouches_for_it(machine, vouched, after_s):
    machine.vouched = vouched
    guard = machine.guard()
    guard.now()
    machine.start_s += 3600
    guard.now()
    machine.ticks += after_s - 1
    assert guard.now() == T0 + 100 + after_s - 1
    machine.ticks += 1
    assert (guard.now(), guard.off_s) == (T0 + 3600 + 100 + after_s, 0)


def test_a_clock_that_jumps_again_and_again_has_to_stay_before_it_is_followed(machine):
    guard = machine.guard()
    guard.now()
    for number in range(10):
        machine.start_s = T0 + 1000 * (number + 1)
        machine.ticks += STEP_BELIEVED_AFTER_S - 1
        guard.now()
    assert guard.start_s == T0


def test_the_next_process_goes_on_with_what_this_one_believed(machine, tmp_path: Path):
    kept = tmp_path / "clock"
    guard = machine.guard(kept=kept)
    guard.now()
    guard.keep()

    machine.start_s += 3600
    after = machine.guard(kept=kept)
    after.recall()
    assert after.now() == T0 + 100
    assert after.off_s == 3600


def test_what_another_run_of_the_machine_believed_does_not_count(machine, tmp_path: Path):
    kept = tmp_path / "clock"
    kept.write_text(f'{{"boot": "another {boot_id()}", "start_s": 5.0}}')
    guard = machine.guard(kept=kept)
    guard.recall()
    assert guard.now() == T0 + 100


def test_a_damaged_note_of_the_clock_is_no_reason_to_stop(machine, tmp_path: Path):
    kept = tmp_path / "clock"
    kept.write_text("{")
    guard = machine.guard(kept=kept)
    guard.recall()
    assert guard.now() == T0 + 100


def test_the_machine_s_own_clocks_can_be_read():
    assert 0 < ticks_s() <= ticks_s()
    assert boot_id() == boot_id()
    assert kernel_says_synchronised() in (True, False)
