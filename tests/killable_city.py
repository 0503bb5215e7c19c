"""A demo city whose every process can be killed and started again, on a real Mosquitto."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from operate.demo import Crew
from operate.demo_plan import DemoCity, Wishes, build_demo
from operate.processes import open_records
from tests.mosquitto import Mosquitto, free_port


class KillableCity:
    """Its processes run between ``__enter__`` and ``__exit__``; logs lie in ``city.home / "logs"``."""

    def __init__(
        self,
        folder: Path,
        *,
        sensors: int,
        faults: str,
        duration_s: float | None,
        web: bool = False,
    ) -> None:
        self.mosquitto = Mosquitto(folder)
        wishes = Wishes(
            duration=duration_s,
            sensors=sensors,
            seed=5,
            faults=faults,
            inventory=None,
            home=folder / "city",
            port=free_port(),
        )
        self.city: DemoCity = build_demo(wishes, now=datetime.now(UTC), broker_port=self.mosquitto.port)
        self.crew = Crew(self.city.home / "logs")
        self._web = web

    def __enter__(self) -> KillableCity:
        config = str(self.city.config)
        self.mosquitto.__enter__()
        if self._web:
            self.crew.start("web", "serve", "--config", config)
        self.start_ingest()
        self.crew.start("worker", "worker", "--config", config)
        self.crew.start("sim", "sim", "--fleet", str(self.city.fleet), "--truth", str(self.city.truth))
        for number in (1, 2):
            self.start_edge(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.crew.close()
        self.mosquitto.__exit__(kind, error, trace)

    def start_ingest(self) -> None:
        self.crew.start("ingest", "ingest", "--config", str(self.city.config))

    def start_edge(self, number: int) -> None:
        self.crew.start(f"edge-{number}", "edge", "--config", str(self.city.cabinets[number - 1]))

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.crew.running.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def stored(self) -> int:
        """How many readings the city has."""
        _, store = open_records(self.city.place)
        try:
            return int(store.count())
        finally:
            store.close()

    def grows_by(self, count: int) -> None:
        """Wait until so many more readings are stored."""
        before = self.stored()
        wait_until(lambda: self.stored() >= before + count, seconds=90, what=f"{count} more readings stored")


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Until ``condition`` holds; fails the test with ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
