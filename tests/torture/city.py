"""A city with everything in it that can be tortured, on either size, with the processes it consists of.

Cabinets reach the broker through a ``Wire``, keep their spools on a ``SmallDisk`` and go by a ``SetClock``. Whoever
ends by itself is started again after a moment, as a service manager would.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Lock
from types import TracebackType
from typing import Literal

import psycopg

from operate.demo import Crew, drained
from operate.demo_plan import DemoCity, Wishes, build_demo
from operate.processes import open_records
from tests.influx import Influx
from tests.mosquitto import Mosquitto, free_port
from tests.postgres import Postgres
from tests.torture.clock import SetClock
from tests.torture.disk import SmallDisk
from tests.torture.plan import CABINETS, damage_of_lines
from tests.torture.wire import Wire

Size = Literal["embedded", "one-server"]

_START_AGAIN_AFTER_S = 1.0
_LOOK_EVERY_S = 0.05
_WAIT_S = 180.0
_BUILDING = Lock()  # Alembic keeps what it works on in globals: one city at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What is played: ``damage`` of the lines from the seed, and faults of the street ``apart_s`` after each other."""

    size: Size
    seed: int
    sensors: int
    duration_s: float
    faults: str
    apart_s: float = 1.0
    damage: bool = True
    disk_megabytes: int = 16


class TorturedCity:
    """Its processes run between ``__enter__`` and ``__exit__``; logs lie in ``city.home / "logs"``.

    Processes are ``broker``, ``ingest``, ``worker``, ``edge-1``, ``edge-2``, ``database`` and ``series``; on the
    embedded size the last two are files, and "killed" they are locked by somebody who does not let go.
    """

    def __init__(self, folder: Path, play: Play) -> None:
        self.play = play
        self.by_itself: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self._folder = folder
        self._closing = ExitStack()
        self._died: dict[str, float] = {}
        self._locks: dict[str, sqlite3.Connection] = {}
        self._environments: dict[int, dict[str, str]] = {}

    def __enter__(self) -> TorturedCity:
        with ExitStack() as opened:
            self._open(opened)
            self._closing = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _open(self, opened: ExitStack) -> None:
        play, folder = self.play, self._folder
        folder.mkdir(parents=True, exist_ok=True)
        records, broker_port = "", free_port()
        if play.size == "one-server":
            self.mosquitto = opened.enter_context(Mosquitto(folder))
            self.postgres = opened.enter_context(Postgres())
            self.influx = opened.enter_context(Influx(folder / "influx"))
            records, broker_port = self._server_records(), self.mosquitto.port
        wishes = Wishes(
            duration=play.duration_s,
            sensors=play.sensors,
            seed=play.seed,
            faults=play.faults,
            inventory=None,
            home=folder / "city",
            port=free_port(),
            apart_s=play.apart_s,
        )
        more = f"{records}\n[metrics]\ningest_port = 0\nworker_port = 0\n"
        with _BUILDING:
            self.city: DemoCity = build_demo(wishes, now=datetime.now(UTC), broker_port=broker_port, more=more)
        if play.damage:
            buses = sorted({spot.bus for spot in self.city.spots})
            with self.city.fleet.open("a", encoding="utf-8") as fleet:
                fleet.write(damage_of_lines(Random(play.seed), buses, play.duration_s))
        self.wires = {n: opened.enter_context(Wire(broker_port, Random(f"{play.seed} {n}"))) for n in CABINETS}
        self.clocks = {n: SetClock(self.city.home / f"clock-{n}.rc") for n in CABINETS}
        for n in CABINETS:
            self._lead_through_wire(n, broker_port)
        # a process may still hold the folder of its disk, so they end before the disks are taken away
        self.disks = {n: opened.enter_context(self._disk(n)) for n in CABINETS}
        self.crew = Crew(self.city.home / "logs")
        opened.callback(self.crew.close)
        opened.callback(self._unlock_all)
        self._start_all()

    def _server_records(self) -> str:
        with psycopg.connect(f"postgresql://{self.postgres.address}/postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE city")
        url = f"postgresql+psycopg://{self.postgres.address}/city"
        return f'\n[records]\nurl = "{url}"\nseries = "{self.influx.address("city")}"\n'

    def _lead_through_wire(self, n: int, broker_port: int) -> None:
        path = self.city.cabinets[n - 1]
        text = path.read_text(encoding="utf-8").replace(f"port = {broker_port}", f"port = {self.wires[n].port}", 1)
        path.write_text(text + "\n[metrics]\nport = 0\n", encoding="utf-8")

    def _disk(self, n: int) -> SmallDisk:
        return SmallDisk(self.city.cabinets[n - 1].parent, megabytes=self.play.disk_megabytes)

    def _start_all(self) -> None:
        if self.play.size == "embedded":
            self.start("broker")
        for name in ("ingest", "worker"):
            self.start(name)
        self.crew.start("sim", "sim", "--fleet", str(self.city.fleet), "--truth", str(self.city.truth))
        for n in CABINETS:
            self.start(f"edge-{n}")

    # --- what can be done to it -------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a process (again); the servers answer when this returns."""
        self._died.pop(name, None)
        if name in ("database", "series"):
            self._start_store(name)
        elif name == "broker" and self.play.size == "one-server":
            self.mosquitto.start()
        elif name.startswith("edge-"):
            n = int(name.removeprefix("edge-"))
            environment = self._environments.setdefault(n, self.clocks[n].environment())
            self.crew.start(name, "edge", "--config", str(self.city.cabinets[n - 1]), environment=environment)
        else:
            self.crew.start(name, name, "--config", str(self.city.config))

    def kill(self, name: str) -> None:
        """SIGKILL; it stays dead until ``start``."""
        self.killed[name] += 1
        if name in ("database", "series"):
            self._kill_store(name)
        elif name == "broker" and self.play.size == "one-server":
            self.mosquitto.kill()
        else:
            self._died.pop(name, None)
            process = self.crew.running.pop(name, None)
            if process is not None:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()

    def pid(self, name: str) -> int:
        """Of a process, 0 while it is dead."""
        process = self.crew.running.get(name)
        return 0 if process is None else process.pid

    def watch_over(self) -> None:
        """Start again who ended by itself, a moment after it did. The simulator may not end."""
        for name, process in list(self.crew.running.items()):
            if process.poll() is not None:
                assert name != "sim", "the simulator ended by itself; see sim.log"
                del self.crew.running[name]
                self.by_itself[name] += 1
                self._died[name] = time.monotonic()
        for name, died_s in list(self._died.items()):
            if time.monotonic() - died_s >= _START_AGAIN_AFTER_S:
                self.start(name)

    def wait_until(self, happened: Callable[[], bool], *, seconds: float = _WAIT_S) -> bool:
        """Watch over the processes until ``happened``; whether it did within so many seconds."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                return False
            self.watch_over()
            time.sleep(_LOOK_EVERY_S)
        return True

    def stored(self) -> int:
        """How many readings the city has."""
        _, store = open_records(self.city.place)
        try:
            return int(store.count())
        finally:
            store.close()

    def end(self) -> bool:
        """No more silence to be noticed, no more answers; then everything is delivered. Whether it was in time."""
        self.crew.stop("worker")
        self.crew.stop("sim")
        edges = [f"edge-{n}" for n in CABINETS]
        delivered = False
        while not delivered and self.wait_until(lambda: drained(self.city)):
            self.crew.stop(*edges)
            # the last answer may have come into the spool after we looked, and too late to be sent before the end
            delivered = drained(self.city)
            if not delivered:
                for edge in edges:
                    self.start(edge)
        self.crew.stop(*edges, "ingest")
        return delivered

    def logged(self, name: str, event: str) -> list[dict[str, object]]:
        """Every line of a process's log that tells of ``event``."""
        lines = (self.city.home / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and f'"{event}"' in line]
        return [entry for entry in found if entry.get("event") == event]

    # --- the stores -------------------------------------------------------------------------------------------------

    def _kill_store(self, name: str) -> None:
        if self.play.size == "one-server":
            (self.postgres if name == "database" else self.influx).kill()
            return
        place = self.city.place
        path = place.series_path if name == "series" else Path(place.records_url.removeprefix("sqlite:///"))
        lock = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
        self._locks[name] = lock

    def _start_store(self, name: str) -> None:
        if self.play.size == "one-server":
            (self.postgres if name == "database" else self.influx).start()
        elif name in self._locks:
            self._locks.pop(name).close()

    def _unlock_all(self) -> None:
        for lock in self._locks.values():
            lock.close()
        self._locks.clear()
