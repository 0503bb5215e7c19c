"""Lines of the simulated street in a process of their own, at the pace of a real wire, and our buses polling them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from gateway.device_profiles import load_profiles
from gateway.modbus import Bus
from gateway.senml import Item, Reading
from gateway.settings import BusSettings, UnitSettings
from gateway.spool import Lane

PLAYING = """
import dataclasses, json, signal, sys, threading
from pathlib import Path
from firmware_sim.run import run

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
played = run(Path(sys.argv[1]), Path(sys.argv[2]), seed=11, stop=stop)
print(json.dumps(dataclasses.asdict(played)))
"""


DEAD_AND_NOISY = """
[[event]]
at_s = 0.0
kind = "unit_dead"
target = "dead-000007"
duration_s = 3600.0
[[event]]
at_s = 0.0
kind = "bus_crc_errors"
bus = "noisy"
duration_s = 3600.0
strength = 0.3
[[event]]
at_s = 0.0
kind = "bus_noise"
bus = "noisy"
duration_s = 3600.0
strength = 0.3
"""
"""What befalls the lines ``dead`` (its seventh unit says nothing) and ``noisy``."""


class KeptAnswers:
    """A sink that remembers every reading."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def __call__(self, items_by_lane: Mapping[Lane, Sequence[Item]]) -> None:
        for items in items_by_lane.values():
            self.readings.extend(item for item in items if isinstance(item, Reading))

    def answers(self) -> dict[tuple[str, int], dict[str, float]]:
        """The values of each answer, by serial and sample count."""
        by_time: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
        for reading in self.readings:
            by_time[reading.serial, reading.measured_ms][reading.point] = reading.value
        return {(serial, int(values["sample_count"])): values for (serial, _), values in by_time.items()}


class Street:
    """Cover units on lines at 9,600 baud; ``events`` are the scenario's, in TOML. Serials are ``line-000001``…"""

    def __init__(self, folder: Path, *, buses: Sequence[str], units: int, events: str) -> None:
        self.folder, self.buses, self.units = folder, buses, units
        self.truth = folder / "truth.jsonl"
        self.kept = KeptAnswers()
        lines = ["seed = 11"]
        for bus in buses:
            lines.append(f'[[bus]]\nname = "{bus}"\nlink = "{folder}/{bus}.tty"\nbaud = 9600\npaced = true')
            lines += [
                f'[[bus.unit]]\naddress = {address}\nserial = "{bus}-{address:06}"\nkind = "cover"\n'
                f"lon = 113.3\nlat = 23.1\ndepth_mm = 2400"
                for address in range(1, units + 1)
            ]
        (folder / "fleet.toml").write_text("\n".join(lines) + "\n" + events)

    def __enter__(self) -> Street:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLAYING, str(self.folder / "fleet.toml"), str(self.truth)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.wait_until(lambda: all((self.folder / f"{bus}.tty").exists() for bus in self.buses))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)

    def end(self) -> dict[str, int]:
        """Ends the play in good order; returns what the simulator counted."""
        self._process.terminate()
        said, _ = self._process.communicate(timeout=60)
        counts: dict[str, int] = json.loads(said.splitlines()[-1])
        return counts

    def wait_until(self, happened: Callable[[], bool], *, within_s: float = 90.0) -> None:
        """Returns once ``happened``; fails after ``within_s``."""
        deadline_s = time.monotonic() + within_s
        while not happened():
            assert self._process.poll() is None, "the simulator has ended"
            assert time.monotonic() < deadline_s, "it did not happen in time"
            threading.Event().wait(0.05)


def truth_of(street: Street) -> dict[tuple[str, int], dict[str, float]]:
    """The values of every undamaged answer that the units gave, by serial and sample count."""
    said = [json.loads(line) for line in street.truth.read_text().splitlines()]
    answers = [entry.get("answer") or entry.get("in_doubt") for entry in said if "event" not in entry]
    return {(answer["serial"], answer["n"]): answer["values"] for answer in answers}


@contextmanager
def polled(street: Street, *, poll_every_s: float, timeouts_s: Mapping[str, float]) -> Iterator[dict[str, Bus]]:
    """One of our buses on each line of the street, each in its thread."""
    buses = {
        name: Bus(
            settings=BusSettings(
                name=name,
                port=f"{street.folder}/{name}.tty",
                poll_every_s=poll_every_s,
                timeout_s=timeouts_s[name],
                unit=tuple(
                    UnitSettings(address=address, serial=f"{name}-{address:06}", profile="cc-cover-1")
                    for address in range(1, street.units + 1)
                ),
            ),
            profiles=load_profiles(),
            sink=street.kept,
        )
        for name in street.buses
    }
    stop = threading.Event()
    threads = [threading.Thread(target=bus.run, args=(stop,)) for bus in buses.values()]
    for thread in threads:
        thread.start()
    street.wait_until(lambda: all(bus.units() for bus in buses.values()))
    try:
        yield buses
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
