"""What is promised under which fault (docs/adr/0013): a killed process takes nothing, a power cut what was promised.

The power cut is made of what SQLite had flushed at that moment (``tests.platter``): that alone is on the disk for sure.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.senml import compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import STREAMS, Spool
from tests.platter import sqlite_library
from tests.polling import wait_until

if sqlite_library() is None:  # pragma: no cover - a Python with SQLite built in
    pytest.skip("this Python's SQLite can't be reached from outside", allow_module_level=True)

# Puts what it is told to, line by line: lane, number, "soon" or "now", "dated" or "undated"; says when each is taken.
# "again" instead of a lane: the city says so often what it has said before.
TAKING = """
import sys
from gateway.senml import UNDATED_S, Reading
from gateway.settings import SpoolSettings
from gateway.spool import Spool

with Spool(SpoolSettings(path=sys.argv[1], flush_within_s=float(sys.argv[2])), boot="b1") as spool:
    for line in sys.stdin:
        lane, number, when, date = line.split()
        if lane == "again":
            for _ in range(int(number)):
                spool.confirm("routine", 0)
            continue
        at_s = 1763772000 + int(number) if date == "dated" else UNDATED_S + int(number)
        reading = Reading(serial="CV-1", point="n", unit="1", measured_ms=round(at_s * 1000), value=int(number))
        spool.put({lane: [reading]}, soon=when == "soon")
        print("taken", number, flush=True)
"""


class Cabinet:
    """A process with a spool, told what to take; and what is left of its spool when it or the power goes."""

    def __init__(self, folder: Path, *, flush_within_s: float) -> None:
        self.spool = folder / "spool.db"
        self.platter = folder / "platter"
        self.platter.mkdir()
        self._copies = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.platter", self.platter, TAKING, self.spool, str(flush_within_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    def take(self, lane: str, numbers: range, *, when: str = "soon", date: str = "dated") -> None:
        """Returns when the spool has taken them all."""
        for number in numbers:
            self._process.stdin.write(f"{lane} {number} {when} {date}\n")
        self._process.stdin.flush()
        for number in numbers:
            line = self._process.stdout.readline()
            while not line.startswith("taken "):
                assert line, "the process has ended"
                line = self._process.stdout.readline()
            assert line.split() == ["taken", str(number)]

    def hear_again(self, times: int) -> None:
        """The city repeats a confirmation that confirms nothing new."""
        self._process.stdin.write(f"again {times} - -\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)
        self._process.stdin.close()
        self._process.stdout.close()

    def after_a_kill(self) -> set[int]:
        self.kill()
        return held(self.spool)

    def after_a_power_cut(self) -> set[int]:
        """What would be found if the power went now; the process goes on."""
        copy = self._copies / f"cut-{len(list(self._copies.iterdir()))}"
        copy.mkdir()
        for name in ("spool.db", "spool.db-wal"):
            if (self.platter / name).exists():
                shutil.copy(self.platter / name, copy / name)
        return held(copy / "spool.db")


def held(path: Path) -> set[int]:
    """The numbers in the spool at ``path``."""
    with Spool(SpoolSettings(path=str(path)), boot="b1") as spool:
        spool.date_undated(1763772000.0)
        bodies = [
            compose_pack(
                pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire="json"
            )
            for stream in STREAMS
            for pack in spool.take(stream, 0, 100_000)
        ]
    return {int(value) for body in bodies for _, _, _, _, value, _ in decode(body).readings}


@pytest.fixture
def cabinet(tmp_path: Path) -> Iterator[Callable[[float], Cabinet]]:
    made: list[Cabinet] = []

    def make(flush_within_s: float) -> Cabinet:
        made.append(Cabinet(tmp_path, flush_within_s=flush_within_s))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def test_a_killed_process_loses_nothing_it_had_taken_though_no_flush_was_due_yet(cabinet):
    running = cabinet(3600)
    running.take("routine", range(200))
    assert running.after_a_power_cut() == set(), "nothing was flushed yet, as the setting allows"
    assert running.after_a_kill() == set(range(200))


def test_a_killed_process_loses_nothing_that_waits_for_the_clock_either(cabinet):
    running = cabinet(3600)
    running.take("routine", range(50), date="undated")
    assert running.after_a_kill() == set(range(50))


@pytest.mark.parametrize(("lane", "when"), [("urgent", "soon"), ("routine", "now")])
def test_a_power_cut_takes_no_urgent_answer_and_nothing_that_was_acknowledged_to_somebody(cabinet, lane, when):
    running = cabinet(3600)
    running.take("routine", range(20))
    running.take(lane, range(100, 101), when=when)
    assert running.after_a_power_cut() == {*range(20), 100}, "and what waited goes along"
    running.take("routine", range(20, 30))
    assert running.after_a_power_cut() == {*range(20), 100}
    assert running.after_a_kill() == {*range(30), 100}


@pytest.mark.parametrize("date", ["dated", "undated"])
def test_a_power_cut_takes_only_what_is_younger_than_the_time_in_which_answers_are_flushed(cabinet, date):
    running = cabinet(0.2)
    running.take("routine", range(20), date=date)
    wait_until(lambda: running.after_a_power_cut() == set(range(20)), within_s=60)


def test_confirmations_that_change_nothing_do_not_use_up_the_flush(cabinet):
    running = cabinet(0.05)
    running.take("routine", range(20))
    running.hear_again(5000)
    wait_until(lambda: running.after_a_power_cut() == set(range(20)), within_s=60)


def test_with_nothing_to_wait_for_a_power_cut_takes_no_answer_at_all(cabinet):
    running = cabinet(0)
    for number in range(10):
        running.take("routine", range(number, number + 1))
        assert running.after_a_power_cut() == set(range(number + 1))


def test_a_power_cut_in_the_middle_of_heavy_traffic_leaves_a_file_that_opens_with_all_that_was_flushed(cabinet):
    running = cabinet(0.05)
    done = threading.Event()
    feeding = threading.Thread(target=lambda: (running.take("routine", range(600)), done.set()))
    feeding.start()
    before: set[int] = set()
    while not done.is_set():
        found = running.after_a_power_cut()
        assert found == set(range(len(found))), "no hole"
        assert before <= found
        before = found
    feeding.join(60)
    wait_until(lambda: running.after_a_power_cut() == set(range(600)), within_s=60)
