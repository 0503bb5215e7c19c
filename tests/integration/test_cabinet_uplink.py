"""From the spool to a city and back over a real Mosquitto: every pack arrives, and none is deleted before its ack."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.modbus import BusHealth
from gateway.senml import Reading
from gateway.settings import BrokerSettings, CabinetIdentity, CabinetSettings, SpoolSettings, UplinkSettings
from gateway.spool import Lane, Spool
from gateway.uplink import Uplink, reconnect_pause
from tests.mosquitto import Mosquitto
from tests.toy_city import ToyCity

pytestmark = pytest.mark.network


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def put(spool: Spool, lane: Lane, *numbers: int) -> None:
    for number in numbers:
        spool.put(
            {lane: [Reading(serial="CV-1", point="n", unit="1", measured_ms=1763772000000 + number, value=number)]}
        )


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto) -> CabinetSettings:
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host=mosquitto.host, port=mosquitto.port),
        spool=SpoolSettings(path=str(tmp_path / "spool.db")),
        uplink=UplinkSettings(window=8, resend_after_s=1.0),
    )


@pytest.fixture
def spool(settings: CabinetSettings) -> Iterator[Spool]:
    with Spool(settings.spool) as opened:
        yield opened


@pytest.fixture
def city(mosquitto: Mosquitto) -> Iterator[ToyCity]:
    with ToyCity(mosquitto.host, mosquitto.port) as opened:
        yield opened


@contextmanager
def sending(settings: CabinetSettings, spool: Spool, **more: object) -> Iterator[Uplink]:
    uplink = Uplink(settings=settings, spool=spool, version="1.2.3", **more)
    spool.on_pack = uplink.wake
    stop = threading.Event()
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        yield uplink
    finally:
        stop.set()
        uplink.wake()
        thread.join(60)
        assert not thread.is_alive()


def test_what_was_put_arrives_in_order_and_leaves_the_spool(settings, spool, city):
    put(spool, "routine", *range(100))
    with sending(settings, spool) as uplink:
        put(spool, "urgent", *range(50))
        wait_until(uplink.is_drained)
    assert city.values == {"routine": list(range(100)), "urgent": list(range(50))}
    assert spool.status().queued == 0
    assert (city.repeats, city.holes) == (0, 0)


def test_cbor_packs_arrive_as_well(settings, tmp_path, city):
    with Spool(SpoolSettings(path=str(tmp_path / "cbor.db")), wire="cbor") as spool:
        put(spool, "routine", 1, 2, 3)
        with sending(settings, spool) as uplink:
            wait_until(uplink.is_drained)
    assert city.values["routine"] == [1, 2, 3]


def test_nothing_is_deleted_while_the_city_is_silent_and_everything_comes_when_it_speaks(settings, spool, city):
    city.silent = True
    put(spool, "routine", *range(20))
    with sending(settings, spool) as uplink, capture_logs() as logs:
        wait_until(lambda: any(line["event"] == "sending_again" for line in logs))
        assert spool.status().packs == 20
        assert city.values["routine"] == []
        city.silent = False
        wait_until(uplink.is_drained)
    assert city.values["routine"] == list(range(20))


def test_a_lost_confirmation_is_asked_for_again_and_the_repeat_changes_nothing(settings, spool, city):
    city.unheard = {"routine"}
    put(spool, "routine", *range(5))
    with sending(settings, spool) as uplink:
        wait_until(lambda: city.repeats >= 5)
        assert spool.status().packs == 5
        city.unheard = set()
        wait_until(uplink.is_drained)
    assert city.values["routine"] == list(range(5))


def test_a_pack_lost_on_the_way_is_sent_again_at_once_and_what_follows_it_too(settings, spool, city):
    patient = dataclasses.replace(settings, uplink=UplinkSettings(window=8, resend_after_s=60.0))
    city.lose = {("routine", 3), ("routine", 11)}
    put(spool, "routine", *range(20))
    with sending(patient, spool) as uplink:
        wait_until(uplink.is_drained, within_s=60)
    assert city.values["routine"] == list(range(20))
    assert city.holes


def test_packs_dropped_by_the_bound_are_no_hole(settings, tmp_path, city):
    city.silent = True
    with Spool(SpoolSettings(path=str(tmp_path / "small.db"), max_bytes=3000)) as spool:
        with sending(settings, spool) as uplink:
            put(spool, "routine", *range(200))
            city.silent = False
            wait_until(uplink.is_drained)
        assert spool.status().dropped > 0
        assert len(city.values["routine"]) + spool.status().dropped >= 200
        assert city.values["routine"][-20:] == list(range(180, 200))


def test_a_broker_killed_in_the_middle_loses_nothing(settings, spool, city, mosquitto):
    done = threading.Event()

    def keep_putting() -> None:
        for number in range(300):
            put(spool, "urgent" if number % 5 == 0 else "routine", number)
            done.wait(0.01)
        done.set()

    putting = threading.Thread(target=keep_putting)
    with sending(settings, spool) as uplink:
        putting.start()
        for _ in range(3):
            before = len(city.taken)
            wait_until(lambda before=before: len(city.taken) > before + 20)
            mosquitto.kill()
            mosquitto.start()
        assert done.wait(60)
        putting.join()
        wait_until(uplink.is_drained, within_s=60)
    assert city.values["urgent"] == list(range(0, 300, 5))
    assert city.values["routine"] == [number for number in range(300) if number % 5]


def test_a_backlog_is_sent_from_where_the_city_was_after_a_restart_of_the_cabinet(settings, city):
    city.unheard = {"routine"}
    with Spool(settings.spool) as spool:
        put(spool, "routine", *range(30))
        with sending(settings, spool):
            wait_until(lambda: len(city.taken) >= 8)
    city.unheard = set()
    with Spool(settings.spool) as spool:
        assert spool.status().packs == 30
        with sending(settings, spool) as uplink:
            wait_until(uplink.is_drained)
    assert city.values["routine"] == list(range(30))


def test_an_urgent_pack_does_not_wait_for_the_backlog(settings, spool, city):
    put(spool, "routine", *range(2000))
    with sending(settings, spool) as uplink:
        wait_until(lambda: len(city.values["routine"]) > 50)
        put(spool, "urgent", 7)
        wait_until(lambda: city.values["urgent"] == [7])
        behind = len(city.values["routine"])
        assert behind < 1500
        wait_until(uplink.is_drained, within_s=60)


def test_a_city_that_was_set_back_to_an_earlier_state_does_not_stop_the_lane(settings, spool, city):
    with sending(settings, spool) as uplink, capture_logs() as logs:
        put(spool, "routine", *range(10))
        wait_until(uplink.is_drained)
        city.done[("routine", spool.epoch)] = 3
        put(spool, "routine", 10, 11)
        wait_until(uplink.is_drained)
    assert city.values["routine"] == list(range(12))
    assert any(line["event"] == "city_behind" for line in logs)


@pytest.mark.parametrize("lie", ["another epoch", "ahead"])
def test_a_confirmation_that_cannot_be_ours_deletes_nothing(settings, spool, city, lie):
    city.silent = True
    event = {"another epoch": "ack_of_other_epoch", "ahead": "ack_ahead_of_spool"}[lie]
    put(spool, "routine", 1, 2, 3)
    with sending(settings, spool), capture_logs() as logs:
        wait_until(lambda: bool(city.states))
        city.confirm(
            "routine", "feedfeed" if lie == "another epoch" else spool.epoch, 3 if lie == "another epoch" else 4
        )
        wait_until(lambda: any(line["event"] == event for line in logs))
        assert spool.status().packs == 3


def test_the_state_says_what_waits_and_which_units_are_silent(settings, spool, city):
    city.silent = True
    silent: list[int] = []
    health = lambda: [BusHealth(name="b1", polls=5, timeouts=2, crc_errors=1, units_silent=list(silent))]  # noqa: E731
    put(spool, "routine", 1, 2)
    with sending(settings, spool, buses=health):
        wait_until(lambda: bool(city.states))
        first = city.states[0]
        silent.append(7)
        wait_until(lambda: city.states[-1]["buses"][0]["units_silent"] == [7])
    assert set(first) == {
        "online",
        "at",
        "started_at",
        "epoch",
        "version",
        "oldest_unsent_s",
        "queued",
        "dropped",
        "buses",
    }
    assert (first["online"], first["epoch"], first["version"], first["queued"]) == (True, spool.epoch, "1.2.3", 2)
    assert first["oldest_unsent_s"] >= 0
    assert first["buses"] == [{"name": "b1", "polls": 5, "timeouts": 2, "crc_errors": 1, "units_silent": []}]
    wait_until(lambda: city.states[-1]["online"] is False)


def test_a_cabinet_that_dies_is_declared_offline_by_its_will(mosquitto, city, tmp_path):
    script = tmp_path / "die.py"
    script.write_text(
        "import os, signal, sys, threading\n"
        "from gateway.settings import *\n"
        "from gateway.spool import Spool\n"
        "from gateway.uplink import Uplink\n"
        "settings = CabinetSettings(cabinet=CabinetIdentity(id='c1'),\n"
        "    broker=BrokerSettings(host=sys.argv[1], port=int(sys.argv[2])), spool=SpoolSettings(path=sys.argv[3]))\n"
        "with Spool(settings.spool) as spool:\n"
        "    Uplink(settings=settings, spool=spool).run(threading.Event())\n"
    )
    process = subprocess.Popen(
        [sys.executable, script, mosquitto.host, str(mosquitto.port), tmp_path / "s.db"], env={"PYTHONPATH": "."}
    )
    try:
        wait_until(lambda: any(state["online"] for state in city.states))
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: city.states[-1]["online"] is False)


def test_a_broker_that_is_away_is_logged_once_and_found_when_it_comes(settings, spool, city, mosquitto):
    with socket.create_server((mosquitto.host, 0)) as nobody, capture_logs() as logs:
        nobody.settimeout(20)
        away = dataclasses.replace(settings, broker=BrokerSettings(host=mosquitto.host, port=nobody.getsockname()[1]))
        put(spool, "routine", 1)
        with sending(away, spool):
            for _ in range(3):
                nobody.accept()[0].close()
        assert [line["event"] for line in logs].count("uplink_down") == 1
        assert spool.status().packs == 1
    with sending(settings, spool) as uplink:
        wait_until(uplink.is_drained)
    assert city.values["routine"] == [1]


def test_pauses_between_attempts_grow_and_differ():
    assert [reconnect_pause(failures, 1.0) for failures in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert reconnect_pause(5, 0.0) == 8
    assert reconnect_pause(0, 0.0) == 0.5
