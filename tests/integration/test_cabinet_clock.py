"""A cabinet that starts before its clock is set, and is killed before it is: nothing lost, nothing dated 1970."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cabinet import run
from gateway.clock_guard import ClockGuard, ticks_s
from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
    UplinkSettings,
)
from gateway.spool import Spool
from tests.mosquitto import Mosquitto
from tests.serial_bus import SerialBus, TestUnit
from tests.toy_city import ToyCity

pytestmark = pytest.mark.network

# The machine started in 1970, as its clock says; nobody sets it while this process lives.
RUN = """
import sys, threading
from gateway.cabinet import run
from gateway.clock_guard import ClockGuard, ticks_s
from gateway.settings import *
run(eval(sys.argv[1]), stop=threading.Event(), guard=ClockGuard(wall=ticks_s))
"""


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def cabinet(folder: Path, mosquitto: Mosquitto, line: SerialBus) -> CabinetSettings:
    unit = UnitSettings(address=1, serial="CV-1", profile="cc-cover-1")
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host=mosquitto.host, port=mosquitto.port),
        spool=SpoolSettings(path=str(folder / "spool.db")),
        uplink=UplinkSettings(resend_after_s=1.0),
        bus=(BusSettings(name="b1", port=line.port, timeout_s=0.2, poll_every_s=0.1, unit=(unit,)),),
    )


def test_readings_from_before_the_clock_was_set_survive_a_kill_and_get_their_true_time(tmp_path, mosquitto):
    unit = TestUnit()
    with ToyCity(mosquitto.host, mosquitto.port, point="sample_count") as city, SerialBus({1: unit}) as line:
        settings = cabinet(tmp_path, mosquitto, line)
        began_ms = time.time() * 1000
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, repr(settings)],
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: unit.answered >= 15 and any(not state["clock_set"] for state in city.states))
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = unit.answered
        with Spool(settings.spool) as spool:
            assert spool.status().packs == 0
            assert spool.undated >= 10 * (before - 1)
        assert city.readings == []

        stop = threading.Event()
        running = threading.Thread(target=run, args=(settings,), kwargs={"stop": stop, "guard": ClockGuard()})
        running.start()
        wait_until(lambda: any(value > before for value in city.values["routine"]))
        wait_until(lambda: len(city.values["routine"]) >= before)
        stop.set()
        running.join(60)
        ended_ms = time.time() * 1000

    seen = sorted(city.values["routine"])
    assert len(seen) == len(set(seen)), "doubled"
    assert set(range(1, before)) <= set(seen), "lost"
    counted = sorted((reading[4], reading[2]) for reading in city.readings if reading[1] == "sample_count")
    times = [measured_ms for _, measured_ms in counted]
    assert times == sorted(times), "each later answer has a later time"
    assert began_ms - 1000 < times[0] < times[-1] < ended_ms + 1000
    assert {reading[5] for reading in city.readings} == {0}, "the same run of the machine: no time is guessed"


def test_a_clock_that_jumps_an_hour_both_ways_changes_no_reading_s_time(tmp_path, mosquitto):
    unit = TestUnit()
    off_s = [0.0]
    guard = ClockGuard(wall=lambda: time.time() + off_s[0], ticks=ticks_s)
    with ToyCity(mosquitto.host, mosquitto.port, point="sample_count") as city, SerialBus({1: unit}) as line:
        settings = cabinet(tmp_path, mosquitto, line)
        began_ms = time.time() * 1000
        stop = threading.Event()
        running = threading.Thread(target=run, args=(settings,), kwargs={"stop": stop, "guard": guard})
        running.start()
        for by_s in (0.0, 3600.0, 0.0, -3600.0, 0.0):
            off_s[0] = by_s
            so_far = unit.answered
            wait_until(lambda so_far=so_far: unit.answered >= so_far + 6)
        stop.set()
        running.join(60)
        ended_ms = time.time() * 1000
    counted = sorted((reading[4], reading[2]) for reading in city.readings if reading[1] == "sample_count")
    assert [value for value, _ in counted] == list(range(1, unit.answered + 1))
    times = [measured_ms for _, measured_ms in counted]
    assert times == sorted(times)
    assert began_ms - 1000 < times[0] < times[-1] < ended_ms + 1000
