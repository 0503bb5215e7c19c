"""The whole city in real processes: what the units answered is what is stored, faults or not, killed or not."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operate.demo import Crew, drained
from operate.demo_plan import DemoCity, Wishes, build_demo
from operate.processes import open_records
from operate.tally import check_cases, tally_series

pytestmark = [pytest.mark.journey, pytest.mark.network, pytest.mark.timeout(300)]

FAST_FAULTS = "cover_opened,pole_hit,cover_stolen,cover_knocking,unit_dead,storm,bus_crc_errors"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.xdist_group("journey")
def test_the_demo_loses_nothing_and_every_fault_finds_its_one_case(tmp_path: Path):
    command = [
        *(sys.executable, "-m", "covercode", "demo", "--duration", "32", "--sensors", "24", "--seed", "7"),
        *("--faults", FAST_FAULTS, "--home", str(tmp_path / "city"), "--port", str(free_port()), "--json"),
    ]
    told = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    tally = json.loads(told.stdout.splitlines()[-1])
    assert (tally["lost"], tally["duplicates"], tally["rejected"], tally["unexplained"]) == (0, 0, 0, 0)
    assert (tally["cases_missing"], tally["cases_extra"]) == ([], [])
    assert tally["cases"] == tally["faults"] == 5
    assert tally["frames_sent"] > 24 * 8
    assert tally["readings_stored"] >= tally["readings_taken"] > tally["frames_sent"] * 8
    assert 0 < tally["alert_latency_ms"]["p99"] < 2_000


@pytest.mark.xdist_group("journey")
def test_a_second_start_in_the_same_folder_is_a_fresh_city(tmp_path: Path):
    wishes = Wishes(
        duration=None, sensors=6, seed=3, faults="none", inventory=None, home=tmp_path / "c", port=free_port()
    )
    first = build_demo(wishes, now=datetime.now(UTC))
    again = build_demo(wishes, now=datetime.now(UTC))
    assert [spot.asset_name for spot in first.spots] == [spot.asset_name for spot in again.spots]


class KillableCity:
    """A demo city on a real Mosquitto, whose every process can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        wishes = Wishes(
            duration=40,
            sensors=12,
            seed=5,
            faults="cover_opened,pole_hit,cover_knocking",
            inventory=None,
            home=folder / "city",
            port=free_port(),
        )
        self.city: DemoCity = build_demo(wishes, now=datetime.now(UTC))
        self.crew = Crew(self.city.home / "logs")
        self._mosquitto: subprocess.Popen[bytes] | None = None
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(
            f"listener {self.city.place.settings.broker.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        )

    def start(self) -> None:
        self.start_broker()
        config = str(self.city.config)
        self.crew.start("ingest", "ingest", "--config", config)
        self.crew.start("worker", "worker", "--config", config)
        self.crew.start("sim", "sim", "--fleet", str(self.city.fleet), "--truth", str(self.city.truth))
        for number in (1, 2):
            self.start_edge(number)

    def start_broker(self) -> None:
        self._mosquitto = subprocess.Popen(["/usr/sbin/mosquitto", "-c", str(self._conf)], stderr=subprocess.DEVNULL)

    def start_edge(self, number: int) -> None:
        self.crew.start(f"edge-{number}", "edge", "--config", str(self.city.cabinets[number - 1]))

    def kill_broker(self) -> None:
        assert self._mosquitto is not None
        self._mosquitto.kill()
        self._mosquitto.wait()

    def kill(self, name: str) -> None:
        process = self.crew.running.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def stored(self) -> int:
        _, store = open_records(self.city.place)
        try:
            return store.count()
        finally:
            store.close()

    def close(self) -> None:
        self.crew.close()
        if self._mosquitto is not None and self._mosquitto.poll() is None:
            self.kill_broker()


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[KillableCity]:
    city = KillableCity(tmp_path)
    city.start()
    yield city
    city.close()


@pytest.mark.xdist_group("journey")
def test_killing_ingest_edge_and_broker_loses_and_doubles_nothing(killable: KillableCity):
    def grows_by(count: int) -> None:
        before = killable.stored()
        wait_until(lambda: killable.stored() >= before + count, seconds=60, what=f"{count} more readings stored")

    grows_by(100)
    killable.kill("ingest")
    killable.crew.start("ingest", "ingest", "--config", str(killable.city.config))
    grows_by(100)
    killable.kill("edge-1")
    killable.start_edge(1)
    grows_by(100)
    killable.kill_broker()
    killable.start_broker()
    grows_by(200)
    killable.kill("edge-2")
    killable.kill("ingest")
    killable.kill_broker()
    killable.start_broker()
    killable.start_edge(2)
    killable.crew.start("ingest", "ingest", "--config", str(killable.city.config))
    grows_by(300)

    engine, store = open_records(killable.city.place)
    wait_until(
        lambda: not check_cases(engine, killable.city.faults)["missing"], seconds=60, what="a case for every fault"
    )
    killable.crew.stop("sim")
    wait_until(lambda: drained(killable.city), seconds=60, what="spools empty")
    killable.crew.stop("edge-1", "edge-2", "ingest", "worker")
    tally = tally_series(killable.city.truth, killable.city.place.series_path, engine)
    found = check_cases(engine, killable.city.faults)
    store.close()
    engine.dispose()
    assert (tally.lost, tally.duplicates, tally.unexplained) == (0, 0, 0), tally.examples
    assert tally.taken > 500
    assert found == {"missing": [], "extra": []}
