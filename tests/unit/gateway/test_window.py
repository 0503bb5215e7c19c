"""Go back N: what a confirmation, its absence and its repetition mean."""

from __future__ import annotations

import pytest

from gateway.window import LEAST_BETWEEN_REWINDS_S, LONGEST_SILENCE_S, Pace, Rewind, SendWindow

NEVER = float("inf")


@pytest.fixture
def window() -> SendWindow:
    return SendWindow(4, confirmed=10, resend_after_s=10.0)


def send(window: SendWindow, *seqs: int, now_s: float = 0.0) -> None:
    for seq in seqs:
        window.sent(seq, now_s=now_s)


def test_only_so_many_packs_are_in_flight(window):
    send(window, 11, 12, 13)
    assert (window.room, window.in_flight, window.cursor) == (1, 3, 13)


def test_a_confirmation_makes_room_for_all_it_covers(window):
    send(window, 11, 12, 15, 16)
    assert window.heard(15, now_s=1.0)
    assert (window.confirmed, window.in_flight, window.cursor) == (15, 1, 16)


def test_a_confirmation_of_packs_sent_before_a_restart_moves_the_cursor_on(window):
    send(window, 11)
    assert window.heard(40, now_s=1.0)
    assert (window.confirmed, window.cursor, window.in_flight) == (40, 40, 0)


def test_the_same_confirmation_twice_means_a_hole_and_everything_is_sent_again_at_once(window):
    send(window, 11, 12, 13)
    window.heard(11, now_s=1.0)
    assert not window.heard(11, now_s=1.1)
    assert window.rewind_if_due(now_s=1.1) is Rewind.HOLE
    assert (window.cursor, window.in_flight) == (11, 0)


def test_many_equal_confirmations_cause_one_resend(window):
    send(window, 11, 12, 13, 14)
    window.heard(10, now_s=1.0)
    assert window.rewind_if_due(now_s=1.0) is Rewind.HOLE
    send(window, 11, 12, 13, 14, now_s=1.0)
    for _ in range(3):
        window.heard(10, now_s=5.0)
    assert window.rewind_if_due(now_s=5.0) is None


def test_a_second_hole_right_after_the_first_is_mended_half_a_second_later(window):
    send(window, 11, 12, 13, 14)
    window.heard(10, now_s=1.0)
    window.rewind_if_due(now_s=1.0)
    send(window, 11, 12, 13, 14, now_s=1.0)
    window.heard(11, now_s=1.1)
    window.heard(11, now_s=1.1)
    assert window.rewind_if_due(now_s=1.1) is None
    assert window.due_s() == 1.0 + LEAST_BETWEEN_REWINDS_S
    assert window.rewind_if_due(now_s=1.5) is Rewind.HOLE


def test_a_hole_that_closed_by_itself_needs_no_resend(window):
    send(window, 11, 12, 13, 14)
    window.heard(10, now_s=1.0)
    window.heard(12, now_s=1.0)
    assert window.rewind_if_due(now_s=2.0) is None


def test_what_was_sent_twice_may_be_confirmed_twice_without_a_new_resend(window):
    send(window, 11, 12)
    assert window.rewind_if_due(now_s=10.0) is Rewind.SILENCE
    send(window, 11, 12, now_s=10.0)
    window.heard(12, now_s=11.0)
    send(window, 13, 14, now_s=11.0)
    for _ in range(2):
        window.heard(12, now_s=12.0)
        assert window.rewind_if_due(now_s=12.0) is None
    window.heard(12, now_s=12.0)
    assert window.rewind_if_due(now_s=12.0) is Rewind.HOLE


def test_once_new_packs_are_confirmed_a_repetition_means_a_hole_again(window):
    send(window, 11, 12)
    window.reconnected(now_s=10.0)
    send(window, 11, 12, 13, 14, now_s=10.0)
    window.heard(13, now_s=11.0)
    window.heard(13, now_s=11.0)
    assert window.rewind_if_due(now_s=11.0) is Rewind.HOLE


def test_an_old_confirmation_with_nothing_in_flight_means_nothing(window):
    assert not window.heard(10, now_s=1.0)
    assert window.rewind_if_due(now_s=1e9) is None


def test_silence_is_waited_out_ever_longer_up_to_a_minute(window):
    silences, now_s = [], 0.0
    for _ in range(5):
        send(window, 11, now_s=now_s)
        due_s = window.due_s()
        assert window.rewind_if_due(now_s=due_s - 0.01) is None
        assert window.rewind_if_due(now_s=due_s) is Rewind.SILENCE
        silences.append(due_s - now_s)
        now_s = due_s
    assert silences == [10, 20, 40, LONGEST_SILENCE_S, LONGEST_SILENCE_S]


def test_progress_makes_the_patience_short_again(window):
    send(window, 11)
    window.rewind_if_due(now_s=10.0)
    send(window, 11, 12, now_s=10.0)
    window.heard(11, now_s=12.0)
    assert window.due_s() == 22.0


def test_nothing_in_flight_is_waited_for_never(window):
    assert window.due_s() == NEVER


def test_a_new_connection_starts_again_after_the_last_confirmed_pack(window):
    send(window, 11, 12, 13)
    window.reconnected(now_s=5.0)
    assert (window.cursor, window.room) == (10, 4)


def test_a_pack_follows_on_its_predecessor(window):
    assert window.after_of(12, confirmed_in_spool=10) == 12
    assert window.after_of(10, confirmed_in_spool=10) == 10


def test_the_oldest_pack_follows_on_a_city_that_was_set_back(window):
    send(window, 11, 12)
    assert not window.heard(3, now_s=5.0)
    assert window.rewind_if_due(now_s=5.0) is Rewind.HOLE
    assert window.after_of(10, confirmed_in_spool=10) == 3
    assert window.after_of(11, confirmed_in_spool=10) == 11


def test_a_pace_spreads_readings_evenly():
    pace = Pace(1000)
    now_s, sent = 50.0, 0
    while now_s < 60:
        if pace.is_open(now_s=now_s):
            pace.spent(320, now_s=now_s)
            sent += 320
        now_s += 0.01
    assert 9_900 <= sent <= 10_000 + 2 * 320


def test_a_late_look_is_caught_up_with_but_a_pause_is_not():
    pace = Pace(1000)
    pace.spent(100, now_s=0.0)
    assert not pace.is_open(now_s=-0.01)
    pace.spent(10, now_s=100.0)
    assert pace.is_open(now_s=100.0)
    pace.spent(1000, now_s=100.0)
    assert pace.due_s(now_s=100.0) > 100.8


def test_no_pace_is_always_open():
    pace = Pace(0)
    pace.spent(10**9, now_s=1.0)
    assert pace.is_open(now_s=1.0)
    assert pace.due_s(now_s=1.0) == NEVER
