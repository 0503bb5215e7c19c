"""The cabinet's side of a serial line, on a real pseudo-terminal: what faults cost, and that nothing wrong is kept."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.decoders.profile import Factors
from gateway.device_profiles import load_profiles
from gateway.senml import Item, Reading, Undecoded
from gateway.settings import BusSettings, SpoolSettings, UnitSettings
from gateway.spool import Spool, SpoolFull
from tests.polling import Kept, polling, wait_until
from tests.serial_bus import SerialBus, TestUnit

PERIOD_S = 0.1
TIMEOUT_S = 0.15


def settings(serial_bus: SerialBus, *, port: str = "", **changes: object) -> BusSettings:
    units = tuple(
        UnitSettings(address=address, serial=f"CV-{address}", profile="cc-cover-1") for address in serial_bus.units
    )
    values: dict[str, object] = {
        "name": "b1", "port": port or serial_bus.port, "timeout_s": TIMEOUT_S, "poll_every_s": PERIOD_S, "unit": units,
    }  # fmt: skip
    return BusSettings(**(values | changes))


def test_every_unit_is_read_and_every_answer_arrives_once_and_whole():
    with SerialBus({1: TestUnit(), 2: TestUnit(tilt_z=65535, water_level=0xFFFF)}) as line:
        kept = Kept()
        with polling(settings(line), kept):
            wait_until(lambda: len(kept.of("CV-1", "tilt_z")) >= 5 and len(kept.of("CV-2", "tilt_z")) >= 5)
    assert set(kept.of("CV-1", "tilt_z")) == {1.23}
    assert set(kept.of("CV-1", "tilt_y")) == {-0.1}
    assert set(kept.of("CV-1", "water_level")) == {500.0}
    assert set(kept.of("CV-2", "tilt_z")) == {-0.01}
    assert kept.of("CV-2", "water_level") == []
    for serial, unit in (("CV-1", line.units[1]), ("CV-2", line.units[2])):
        counts = kept.of(serial, "sample_count")
        assert counts == list(range(1, len(counts) + 1))
        assert len(counts) in (unit.answered, unit.answered - 1)  # the last one may be in flight as the line closes


def test_times_of_a_unit_only_ever_go_up():
    with SerialBus({1: TestUnit()}) as line:
        kept = Kept()
        with polling(settings(line, poll_every_s=0.05), kept):
            wait_until(lambda: len(kept.answers) >= 10)
    times = [readings[0].measured_ms for _, readings in kept.answers]
    assert times == sorted(set(times))
    assert all(len({reading.measured_ms for reading in readings}) == 1 for _, readings in kept.answers)


def test_a_dead_unit_costs_the_others_no_poll_and_is_asked_ever_more_rarely():
    with SerialBus({1: TestUnit(), 2: TestUnit(dead=True), 3: TestUnit()}) as line, capture_logs() as logs:
        kept = Kept()
        with polling(settings(line, poll_every_s=0.3), kept) as bus:
            began = time.monotonic()
            wait_until(lambda: time.monotonic() - began > 4, within_s=60)
            health = bus.health()
    cycles = 4 / 0.3
    assert line.units[1].asked >= cycles - 2
    assert line.units[3].asked >= cycles - 2
    assert line.units[2].asked <= 6
    assert health.timeouts == line.units[2].asked
    assert health.units_silent == [2]
    silent = [line for line in logs if line["event"] == "unit_silent"]
    assert [line["address"] for line in silent] == [2]


def test_a_unit_that_comes_back_is_read_again_and_that_is_said_once():
    with SerialBus({1: TestUnit(dead=True)}) as line, capture_logs() as logs:
        kept = Kept()
        with polling(settings(line), kept) as bus:
            wait_until(lambda: line.units[1].asked >= 3)
            line.units[1].dead = False
            wait_until(lambda: len(kept.answers) >= 3)
            assert bus.health().units_silent == []
    assert [entry["event"] for entry in logs].count("unit_answers_again") == 1


def test_noise_does_not_make_a_dead_unit_cost_more_than_one_timeout():
    with SerialBus({1: TestUnit(), 2: TestUnit(dead=True)}) as line:
        kept = Kept()
        with polling(settings(line, retries=5), kept) as bus:
            for _ in range(20):
                line.say(b"\x02\x04\x20noise")
                before = len(kept.answers)
                wait_until(lambda before=before: len(kept.answers) > before)
            assert bus.health().timeouts == line.units[2].asked


def test_a_damaged_answer_is_counted_and_asked_for_again_in_the_same_cycle():
    with SerialBus({1: TestUnit(damage_next=2)}) as line:
        kept = Kept()
        # an answer that a busy machine sends late is none that is damaged
        with polling(settings(line, retries=2, poll_every_s=5.0, timeout_s=2.0), kept) as bus:
            wait_until(lambda: len(kept.answers) == 1)
            assert bus.health().crc_errors == 2
            assert bus.health().timeouts == 0
    assert kept.of("CV-1", "sample_count") == [1]


def test_nothing_damaged_is_ever_kept():
    with SerialBus({1: TestUnit(damage_next=10**6)}) as line:
        kept = Kept()
        with polling(settings(line), kept) as bus:
            wait_until(lambda: bus.health().crc_errors >= 9)
            assert bus.health().units_silent == []
    assert kept.answers == []


@pytest.mark.parametrize("noise", [b"\xff", b"\x01\x04\x20\x00", b"\x01\x84", b"\x01" * 40, bytes(range(60))])
def test_an_answer_is_found_behind_noise(noise):
    with SerialBus({1: TestUnit(prefix=noise)}) as line:
        kept = Kept()
        with polling(settings(line), kept):
            wait_until(lambda: len(kept.answers) >= 3)
    assert set(kept.of("CV-1", "tilt_z")) == {1.23}


def test_an_answer_that_comes_after_its_time_is_kept_all_the_same():
    with SerialBus({1: TestUnit(delay_s=TIMEOUT_S + 0.1), 2: TestUnit()}) as line:
        kept = Kept()
        with polling(settings(line, poll_every_s=0.6), kept):
            wait_until(lambda: len(kept.of("CV-1", "sample_count")) >= 2)
    counts = kept.of("CV-1", "sample_count")
    assert counts == list(range(1, len(counts) + 1))


def test_a_refusal_is_logged_once_and_the_unit_is_not_silent():
    with SerialBus({1: TestUnit(refuse=2)}) as line, capture_logs() as logs, polling(settings(line), Kept()) as bus:
        wait_until(lambda: line.units[1].asked >= 3)
        assert bus.health().units_silent == []
    assert [entry["code"] for entry in logs if entry["event"] == "unit_refuses"] == [2]


def test_a_unit_of_another_kind_is_suspect_and_named():
    with SerialBus({1: TestUnit(kind=2)}) as line, capture_logs() as logs:
        kept = Kept()
        with polling(settings(line), kept):
            wait_until(lambda: len(kept.answers) >= 3)
    assert {reading.quality for _, readings in kept.answers for reading in readings} == {1}
    assert [entry["serial"] for entry in logs if entry["event"] == "unit_of_other_kind"] == ["CV-1"]


def test_registers_that_cannot_be_read_go_to_the_dead_letters_and_that_is_said_once():
    whole = load_profiles()["cc-cover-1"]
    no_scale = msgspec.structs.replace(whole.point[0], scale_by=Factors(register=0, factors={"7": 1.0}))
    profiles = {"cc-cover-1": msgspec.structs.replace(whole, point=(no_scale, *whole.point[1:]))}
    letters: list[Item] = []

    def sink(items_by_lane: Mapping[str, Sequence[Item]]) -> None:
        letters.extend(items_by_lane["routine"])

    with SerialBus({1: TestUnit()}) as line, capture_logs() as logs, polling(settings(line), sink, profiles):
        wait_until(lambda: len(letters) >= 3)
    first = letters[0]
    assert isinstance(first, Undecoded)
    assert (first.device, first.payload[:8]) == ("CV-1", "00010078")
    assert first.reason == "bad_value: register 0 holds 1: no unit of the profile (profile cc-cover-1)"
    assert [entry["serial"] for entry in logs if entry["event"] == "unit_unreadable"] == ["CV-1"]


def test_a_unit_that_cannot_be_read_sends_one_letter_while_all_its_answers_are_counted(tmp_path):
    whole = load_profiles()["cc-cover-1"]
    no_scale = msgspec.structs.replace(whole.point[0], scale_by=Factors(register=0, factors={"7": 1.0}))
    profiles = {"cc-cover-1": msgspec.structs.replace(whole, point=(no_scale, *whole.point[1:]))}
    with Spool(SpoolSettings(path=str(tmp_path / "spool.db"))) as spool, SerialBus({1: TestUnit()}) as line:
        with polling(settings(line), partial(spool.put, soon=True), profiles) as bus:
            wait_until(lambda: any(unit.answers >= 5 for unit in bus.units()), within_s=60)
        answered = bus.units()[0].answers
        assert spool.last_seq("routine") == 1
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
        assert db.execute("SELECT letters FROM held").fetchall() == [(answered - 1,)]


def test_an_answer_beyond_its_limit_goes_urgent_and_so_do_those_that_follow():
    with SerialBus({1: TestUnit(), 2: TestUnit()}) as line:
        kept = Kept()
        with polling(settings(line), kept):
            wait_until(lambda: len(kept.answers) >= 4)
            line.units[1].tilt_z = 5500
            wait_until(lambda: 55.0 in kept.of("CV-1", "tilt_z"))
            line.units[1].tilt_z = 100
            wait_until(lambda: kept.of("CV-1", "tilt_z").count(1.0) >= 3)
    lanes = [(lane, readings[4].value) for lane, readings in kept.answers if readings[0].serial == "CV-1"]
    assert ("routine", 1.23) in lanes
    assert ("routine", 55.0) not in lanes
    assert {lane for lane, value in lanes if value == 1.0} == {"urgent"}
    assert {lane for lane, readings in kept.answers if readings[0].serial == "CV-2"} == {"routine"}


def test_the_line_rests_while_the_spool_is_full_and_the_same_answer_is_put_again():
    with SerialBus({1: TestUnit(), 2: TestUnit()}) as line:
        kept = Kept()
        full = threading.Event()
        refused: list[list[Reading]] = []

        def sink(readings_by_lane: Mapping[str, Sequence[Reading]]) -> None:
            if full.is_set():
                refused.extend(list(readings) for readings in readings_by_lane.values())
                raise SpoolFull("no room")
            kept(readings_by_lane)

        with polling(settings(line), sink):
            wait_until(lambda: len(kept.answers) >= 4)
            full.set()
            wait_until(lambda: len(refused) >= 3)
            requests = len(line.requests)
            wait_until(lambda: len(refused) >= 4)
            assert len(line.requests) == requests
            full.clear()
            wait_until(lambda: len(kept.answers) >= 10)
    assert all(readings == refused[0] for readings in refused)
    for serial in ("CV-1", "CV-2"):
        counts = kept.of(serial, "sample_count")
        assert counts == list(range(1, len(counts) + 1))


def test_a_port_that_is_not_there_yet_or_vanishes_is_opened_when_it_comes(tmp_path: Path):
    port = str(tmp_path / "line")
    kept = Kept()
    given = settings(SerialBus({1: TestUnit()}), port=port)
    with capture_logs() as logs, polling(given, kept) as bus:
        wait_until(lambda: any(entry["event"] == "line_down" for entry in logs))
        assert bus.health().units_silent == [1]
        with SerialBus({1: TestUnit()}, port=port):
            wait_until(lambda: len(kept.answers) >= 2)
            assert bus.health().units_silent == []
        before = len(kept.answers)
        wait_until(lambda: [entry["event"] for entry in logs].count("line_down") == 2)
        with SerialBus({1: TestUnit()}, port=port):
            wait_until(lambda: len(kept.answers) >= before + 2)
    events = [entry["event"] for entry in logs if entry["event"].startswith("line_")]
    assert events == ["line_down", "line_open", "line_down", "line_open"]


def test_units_are_asked_one_after_the_other_over_the_period_and_not_all_at_once():
    with SerialBus({address: TestUnit() for address in range(1, 6)}) as line:
        kept = Kept()
        with polling(settings(line, poll_every_s=1.0), kept):
            wait_until(lambda: len(line.requests) >= 10)
    assert line.requests[:10] == [1, 2, 3, 4, 5] * 2
    first = {readings[0].serial: readings[0].measured_ms for _, readings in reversed(kept.answers)}
    assert 600 <= first["CV-5"] - first["CV-1"] <= 1000
