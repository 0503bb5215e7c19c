"""Silence is judged at the moment up to which everything is known to have arrived."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.no_data import (
    CabinetWord,
    Hearing,
    bus_back_at,
    bus_silent_since,
    is_back,
    is_silent,
    known_until,
    may_be_the_bus,
    silent_since,
)
from registry.domain.rules import NoDataCondition

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
RULE = NoDataCondition(heartbeats=5, min_s=10)
WORD = CabinetWord(online=True, state_at=NOW, oldest_unsent_s=0.0, online_since=None)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def device(heard_s_ago: float | None, *, cabinet: CabinetWord | None = WORD, heartbeat_s: float = 2.0) -> Hearing:
    return Hearing(
        fitted_at=ago(1000),
        last_received_at=None if heard_s_ago is None else ago(heard_s_ago),
        heartbeat_s=heartbeat_s,
        has_cabinet=True,
        cabinet=cabinet,
    )


def test_five_missed_heartbeats_are_silence_and_less_is_not():
    assert not is_silent(device(9.9), RULE, now=NOW)
    assert silent_since(device(10), RULE, now=NOW) == ago(10)


def test_a_fast_device_still_gets_the_least_time():
    assert not is_silent(device(9, heartbeat_s=0.1), RULE, now=NOW)


def test_a_device_that_speaks_once_a_day_is_given_five_days():
    daily = device(4 * 86400, heartbeat_s=86400)
    assert not is_silent(daily, RULE, now=NOW)
    # a day later the cabinet's word is a day old, and says no more than it did
    assert not is_silent(daily, RULE, now=NOW + timedelta(days=1))
    hanging_free = replace(daily, has_cabinet=False, cabinet=None)
    assert is_silent(hanging_free, RULE, now=NOW + timedelta(days=1))


def test_a_device_never_heard_counts_from_its_fitting():
    assert silent_since(device(None), RULE, now=NOW) == ago(1000)
    assert not is_silent(replace(device(None), fitted_at=ago(3)), RULE, now=NOW)


def test_a_cabinet_that_is_away_or_never_spoke_tells_nothing_about_its_devices():
    assert not is_silent(device(500, cabinet=replace(WORD, online=False)), RULE, now=NOW)
    assert not is_silent(device(500, cabinet=None), RULE, now=NOW)
    assert not is_silent(device(500, cabinet=replace(WORD, state_at=None)), RULE, now=NOW)


def test_a_cabinet_whose_word_is_old_says_no_more_than_it_said_then():
    assert not is_silent(device(500, cabinet=replace(WORD, state_at=ago(495))), RULE, now=NOW)


def test_what_is_still_in_the_cabinets_spool_may_be_the_devices_word():
    assert not is_silent(device(500, cabinet=replace(WORD, oldest_unsent_s=495)), RULE, now=NOW)


def test_a_cabinet_that_was_switched_off_heard_nothing_meanwhile():
    assert not is_silent(device(500, cabinet=replace(WORD, online_since=ago(8))), RULE, now=NOW)
    assert silent_since(device(500, cabinet=replace(WORD, online_since=ago(11))), RULE, now=NOW) == ago(11)


def test_a_cabinet_with_a_clock_ahead_does_not_make_silence():
    assert known_until(device(1, cabinet=replace(WORD, state_at=NOW + timedelta(hours=1))), now=NOW) == NOW


def test_a_device_is_back_when_it_spoke_not_when_its_cabinet_did():
    returned = replace(WORD, online_since=ago(3))
    assert not is_back(device(60, cabinet=returned), RULE, alert_began_at=ago(60), now=NOW)
    assert is_back(device(1, cabinet=returned), RULE, alert_began_at=ago(60), now=NOW)


def test_an_old_word_that_comes_late_is_no_sign_of_life():
    assert not is_back(device(50), RULE, alert_began_at=ago(60), now=NOW)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.booleans())
def test_nothing_is_silent_and_back_at_once(heard_s: float, began_s: float, online: bool):
    hearing = device(heard_s, cabinet=replace(WORD, online=online))
    back = is_back(hearing, RULE, alert_began_at=ago(began_s), now=NOW)
    assert not (back and is_silent(hearing, RULE, now=NOW))


def line(*heard_s_ago: float) -> list[Hearing]:
    return [device(each) for each in heard_s_ago]


def test_a_bus_is_silent_when_four_fifths_of_at_least_three_are():
    assert bus_silent_since(line(20, 20), RULE, now=NOW) is None
    assert bus_silent_since(line(20, 20, 30), RULE, now=NOW) == (ago(20), ago(10))
    assert bus_silent_since(line(20, 20, 30, 1), RULE, now=NOW) is None
    assert bus_silent_since(line(20, 30, 30, 40, 1), RULE, now=NOW) == (ago(20), ago(10))


def test_a_silent_device_may_be_the_first_of_its_bus_until_the_others_have_spoken_again():
    silent = device(10)
    assert may_be_the_bus(silent, line(9, 9), RULE, RULE, now=NOW)
    assert not may_be_the_bus(silent, line(9, 7), RULE, RULE, now=NOW)
    assert not may_be_the_bus(silent, line(9), RULE, RULE, now=NOW)
    assert not may_be_the_bus(device(20), line(19, 19), RULE, RULE, now=NOW)
    assert not may_be_the_bus(device(5), line(9, 9), RULE, RULE, now=NOW)


def test_a_bus_is_back_when_more_than_half_have_spoken_lately():
    began = ago(60)
    assert bus_back_at(line(1, 1, 70, 70), RULE, alert_began_at=began, now=NOW) is None
    assert bus_back_at(line(1, 2, 3, 70), RULE, alert_began_at=began, now=NOW) == ago(1)
    assert bus_back_at(line(1, 2, 59, 70), RULE, alert_began_at=began, now=NOW) is None
