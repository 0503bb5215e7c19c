"""The whole cabinet between a serial line and a city, stopped, killed and started again."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cabinet import BadSettings, run
from gateway.senml import Reading
from gateway.settings import (
    BrokerSettings,
    BusSettings,
    CabinetIdentity,
    CabinetSettings,
    SpoolSettings,
    UnitSettings,
    UplinkSettings,
)
from gateway.spool import Spool, SpoolInUse
from tests.mosquitto import Mosquitto
from tests.serial_bus import SerialBus, TestUnit
from tests.toy_city import ToyCity

pytestmark = pytest.mark.network

RUN = """
import sys, threading
from gateway.cabinet import run
from gateway.settings import *
run(eval(sys.argv[1]), stop=threading.Event())
"""


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def cabinet(folder: Path, mosquitto: Mosquitto, *lines: SerialBus) -> CabinetSettings:
    buses = tuple(
        BusSettings(
            name=f"b{number}",
            port=line.port,
            timeout_s=0.2,
            poll_every_s=0.1,
            unit=tuple(
                UnitSettings(address=address, serial=f"CV-{number}{address}", profile="cc-cover-1")
                for address in line.units
            ),
        )
        for number, line in enumerate(lines)
    )
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host=mosquitto.host, port=mosquitto.port),
        spool=SpoolSettings(path=str(folder / "spool.db")),
        uplink=UplinkSettings(resend_after_s=1.0),
        bus=buses,
    )


def test_answers_reach_the_city_and_a_clean_stop_leaves_nothing_behind(tmp_path, mosquitto):
    units = {1: TestUnit(), 2: TestUnit(tilt_z=5500)}
    with ToyCity(mosquitto.host, mosquitto.port) as city, SerialBus(units) as one, SerialBus({1: TestUnit()}) as two:
        settings = cabinet(tmp_path, mosquitto, one, two)
        stop = threading.Event()
        running = threading.Thread(target=run, args=(settings,), kwargs={"stop": stop})
        running.start()
        wait_until(lambda: units[1].answered >= 10 and two.units[1].answered >= 10 and bool(city.values["urgent"]))
        stop.set()
        running.join(60)
        assert not running.is_alive()
        wait_until(lambda: city.states[-1]["online"] is False)
    with Spool(settings.spool) as spool:
        assert spool.status().queued == 0
        assert spool.last_seq("urgent") > 0
        assert spool.last_seq("routine") > 0
    assert city.holes == city.repeats == 0
    assert city.states[-1]["buses"][0]["polls"] >= 10


def test_a_cabinet_killed_again_and_again_loses_no_answer_and_doubles_none(tmp_path, mosquitto):
    unit = TestUnit()
    in_doubt = set()
    seen: list[tuple[int, int]] = []
    with ToyCity(mosquitto.host, mosquitto.port, point="sample_count") as city, SerialBus({1: unit}) as line:
        settings = cabinet(tmp_path, mosquitto, line)
        for _ in range(4):
            began = unit.answered
            process = subprocess.Popen(
                [sys.executable, "-c", RUN, repr(settings)],
                env={**os.environ, "PYTHONPATH": str(Path.cwd())},
                stdout=subprocess.DEVNULL,
            )
            wait_until(lambda began=began: unit.answered >= began + 15)
            process.send_signal(signal.SIGKILL)
            process.wait()
            # The unit gave this answer, and nobody asked again: whether it was taken is open.
            in_doubt.add(unit.answered)
        stop = threading.Event()
        running = threading.Thread(target=run, args=(settings,), kwargs={"stop": stop})
        running.start()
        last = unit.answered
        wait_until(lambda: any(value > last for value in city.values["routine"]))
        stop.set()
        running.join(60)
        in_doubt.add(unit.answered)
    seen = city.values["routine"]
    assert len(seen) == len(set(seen)), "doubled"
    assert set(range(1, unit.answered + 1)) - set(seen) <= in_doubt, "lost"
    assert unit.answered >= 60


def test_the_cabinet_needs_neither_flask_nor_sqlalchemy_nor_the_registry():
    script = "import sys, gateway.cabinet; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "gateway" in loaded
    assert not {"flask", "sqlalchemy", "registry", "dashboards", "operate", "firmware_sim"} & set(loaded)


def test_settings_that_cannot_work_are_refused_before_anything_is_opened(tmp_path, mosquitto):
    settings = cabinet(tmp_path, mosquitto, SerialBus({1: TestUnit()}, port="/dev/null"))
    bus = settings.bus[0]
    wrong = dataclasses.replace(
        settings,
        bus=(dataclasses.replace(bus, baud=1, unit=(dataclasses.replace(bus.unit[0], profile="cc-cover-9"),)),),
    )
    with pytest.raises(BadSettings, match=r"bus\[0\].baud") as error:
        run(wrong, stop=threading.Event())
    assert "cc-cover-9" in str(error.value)
    assert "cc-cover-1" in str(error.value)
    assert not Path(settings.spool.path).exists()


def test_two_cabinets_cannot_share_a_spool(tmp_path, mosquitto):
    settings = cabinet(tmp_path, mosquitto)
    with Spool(settings.spool) as spool:
        spool.put({"routine": [Reading(serial="CV-1", point="n", unit="1", measured_ms=1, value=1)]})
        with pytest.raises(SpoolInUse):
            run(settings, stop=threading.Event())
