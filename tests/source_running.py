"""A cabinet's sources on a real spool: in a thread of the test, or in a process that is killed at the worst moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from gateway.device_profiles import DeviceProfile, load_profiles
from gateway.senml import Item, Reading, Undecoded, read_back
from gateway.settings import (
    BrokerSettings,
    CabinetIdentity,
    CabinetSettings,
    PushSettings,
    SourceSettings,
    SpoolSettings,
)
from gateway.sources.building import Sources, build_sources
from gateway.spool import Spool, SpoolFull

profiles = cache(load_profiles)

# Argument 2: kill this process with -9 at the first put, "before" or "after" the spool has it; "": never.
PROCESS = """
import os, signal, sys, threading
from pathlib import Path
from gateway.device_profiles import load_profiles
from gateway.settings import CabinetSettings
from gateway.sources.building import build_sources
from gateway.spool import Spool
from operate.settings import load_settings

settings = load_settings(CabinetSettings, Path(sys.argv[1]), {})
with Spool(settings.spool) as spool:
    def sink(items):
        if sys.argv[2] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        spool.put(items)
        if sys.argv[2] == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    parts = build_sources(settings, load_profiles(), sink).parts
    threads = [threading.Thread(target=part.run, args=(threading.Event(),)) for part in parts]
    print("running", flush=True)
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def start_process(config: Path, *, kill: str = "") -> subprocess.Popen[str]:
    """The sources of ``config`` in a process of their own; returns when they are being started."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(config), kill],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:  # what the spool has to say about a new file comes first
            if line == "running\n":
                return process
        raise AssertionError("the process has ended before its sources ran")
    except BaseException:
        end_process(process)
        raise


def end_process(process: subprocess.Popen[str]) -> int:
    """Kills it with -9 if it still runs; returns how it ended."""
    process.kill()
    process.communicate(timeout=60)
    return int(process.returncode)


class KeptItems:
    """A sink that remembers, and that can be made to refuse as a full spool does."""

    def __init__(self) -> None:
        self.full = False
        self.refused = 0
        self.items: list[Item] = []
        self.lanes: list[str] = []

    def __call__(self, items_by_lane: Mapping[str, Sequence[Item]]) -> None:
        if self.full:
            self.refused += 1
            raise SpoolFull("no room")
        for lane, items in items_by_lane.items():
            self.lanes.append(lane)
            self.items.extend(items)

    def readings(self) -> list[Reading]:
        return [item for item in list(self.items) if isinstance(item, Reading)]

    def letters(self) -> list[Undecoded]:
        return [item for item in list(self.items) if isinstance(item, Undecoded)]


def cabinet(*sources: SourceSettings, push: PushSettings | None = None) -> CabinetSettings:
    """A cabinet with these sources only."""
    return CabinetSettings(
        cabinet=CabinetIdentity(id="c1"),
        broker=BrokerSettings(host="127.0.0.1"),
        push=push or PushSettings(),
        source=sources,
    )


@contextmanager
def running(
    settings: CabinetSettings,
    sink: Callable[[Mapping[str, Sequence[Item]]], object],
    known: Mapping[str, DeviceProfile] | None = None,
) -> Iterator[Sources]:
    """The sources, each in its thread, with the ``known`` profiles (None: ours); all have ended afterwards."""
    sources = build_sources(settings, profiles() if known is None else known, sink)
    stop = threading.Event()
    threads = [threading.Thread(target=part.run, args=(stop,)) for part in sources.parts]
    for thread in threads:
        thread.start()
    try:
        yield sources
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()


def spooled(path: Path) -> list[Item]:
    """Everything in the spool at ``path``."""
    with Spool(SpoolSettings(path=str(path))) as spool:
        return [
            item
            for lane in ("urgent", "routine")
            for pack in spool.take(lane, 0, 10_000)
            for item in read_back(pack.records, pack.wire, count=pack.readings)
        ]


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    """Returns once ``happened``; fails after ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        threading.Event().wait(0.01)
