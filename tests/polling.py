"""A bus that polls in a thread of its own, a sink that remembers, and waiting until something has happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from gateway.device_profiles import DeviceProfile, load_profiles
from gateway.modbus import Bus
from gateway.senml import Reading
from gateway.settings import BusSettings


class Kept:
    """A sink that remembers every answer, with its lane."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, list[Reading]]] = []

    def __call__(self, readings_by_lane: Mapping[str, Sequence[Reading]]) -> None:
        self.answers.extend((lane, list(readings)) for lane, readings in readings_by_lane.items())

    def of(self, serial: str, point: str) -> list[float]:
        return [
            reading.value
            for _, readings in self.answers
            for reading in readings
            if (reading.serial, reading.point) == (serial, point)
        ]


@contextmanager
def polling(given: BusSettings, sink: object, profiles: Mapping[str, DeviceProfile] | None = None) -> Iterator[Bus]:
    bus = Bus(settings=given, profiles=profiles or load_profiles(), sink=sink)
    stop = threading.Event()
    thread = threading.Thread(target=bus.run, args=(stop,))
    thread.start()
    try:
        yield bus
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)
