"""A unit whose answers can't be read fills neither the spool nor the dead letters, and no answer goes uncounted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.senml import UNDATED_S, Reading, Undecoded, compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import Spool
from tests.polling import wait_until

T0 = 1_763_772_000_000


def letter(number: int, *, device: str = "CV-1", reason: str = "bad_value", at_ms: int = T0) -> Undecoded:
    said = f"{reason}: register 0 holds {number} (profile p)"
    return Undecoded(device=device, port=0, payload=f"{number:08x}", reason=said, received_ms=at_ms + number)


def sent(spool: Spool) -> list[tuple[str, str, str, int]]:
    """Device, reason's first word, payload and what it stands for of every letter that waits for the city."""
    found = []
    for pack in [*spool.take("routine", 0, 10_000), *spool.take("routine_backlog", 0, 10_000)]:
        body = compose_pack(
            pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire=pack.wire
        )
        for text, _ in decode(body).bad:
            each = msgspec.json.decode(text, type=Undecoded)
            found.append((each.device, each.reason.partition(":")[0], each.payload, each.stands_for))
    return found


class Ticks:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def settings(tmp_path: Path) -> SpoolSettings:
    return SpoolSettings(path=str(tmp_path / "spool.db"), letters_every_s=900)


def test_the_first_goes_at_once_and_then_one_in_a_quarter_of_an_hour_with_how_many_it_stands_for(settings, ticks):
    with Spool(settings, ticks=ticks) as spool:
        for number in range(100):
            spool.put({"routine": [letter(number)]}, soon=True)
        assert sent(spool) == [("CV-1", "bad_value", "00000000", 1)]
        ticks.s += 899
        spool.put({"routine": [letter(100)]}, soon=True)
        assert len(sent(spool)) == 1
        ticks.s += 1
        spool.put({"routine": [letter(101)]}, soon=True)
        assert sent(spool)[1:] == [("CV-1", "bad_value", "00000065", 101)]


def test_each_unit_and_each_reason_is_told_at_once(settings, ticks):
    with Spool(settings, ticks=ticks) as spool:
        for number in range(3):
            for device in ("CV-1", "CV-2"):
                for reason in ("bad_value", "too_short"):
                    spool.put({"routine": [letter(number, device=device, reason=reason)]}, soon=True)
        assert [(device, reason, count) for device, reason, _, count in sent(spool)] == [
            ("CV-1", "bad_value", 1),
            ("CV-1", "too_short", 1),
            ("CV-2", "bad_value", 1),
            ("CV-2", "too_short", 1),
        ]


def test_what_is_counted_is_told_though_none_follows(settings):
    with Spool(SpoolSettings(path=settings.path, letters_every_s=0.3)) as spool:
        for number in range(5):
            spool.put({"routine": [letter(number)]}, soon=True)
        wait_until(lambda: sum(count for *_, count in sent(spool)) == 5, within_s=60)


def test_readings_beside_a_letter_are_kept_and_a_pushed_letter_is_never_held(settings, ticks):
    with Spool(settings, ticks=ticks) as spool:
        reading = Reading(serial="CV-2", point="n", unit="1", measured_ms=T0, value=1)
        spool.put({"routine": [letter(0)]}, soon=True)
        assert spool.put({"routine": [reading, letter(1)]}, soon=True) == {"routine": 2}
        for number in range(2, 5):
            spool.put({"routine": [letter(number)]})
        assert [count for *_, count in sent(spool)] == [1, 1, 1, 1]


def test_the_count_goes_on_over_starts(settings, ticks):
    for start in range(4):
        with Spool(settings, ticks=ticks) as spool:
            for number in range(10):
                spool.put({"routine": [letter(10 * start + number)]}, soon=True)
    with Spool(settings, ticks=ticks) as spool:
        ticks.s += 900
        spool.put({"routine": [letter(40)]}, soon=True)
        assert [count for *_, count in sent(spool)] == [1, 40]


def test_a_running_time_that_begins_anew_holds_nothing_back_for_longer(settings, ticks):
    ticks.s = 0.0
    with Spool(settings, ticks=ticks) as spool:
        ticks.s = 1e6
        spool.put({"routine": [letter(0)]}, soon=True)
        spool.put({"routine": [letter(1)]}, soon=True)
        spool.confirm("routine", 1)
    with Spool(settings, ticks=ticks) as spool:
        ticks.s += 900
        spool.put({"routine": [letter(2)]}, soon=True)
        assert [count for *_, count in sent(spool)] == [2]


def test_letters_from_before_the_clock_was_set_wait_for_it(settings, ticks):
    with Spool(settings, ticks=ticks, boot="b1") as spool:
        for number in range(3):
            at_ms = round((UNDATED_S + 5) * 1000)
            spool.put({"routine": [letter(number, at_ms=at_ms)]}, soon=True)
        assert (sent(spool), spool.undated) == ([], 1)
        spool.date_undated(T0 / 1000)
        assert [count for *_, count in sent(spool)] == [1]
        ticks.s += 900
        spool.put({"routine": [letter(3)]}, soon=True)
        assert [count for *_, count in sent(spool)] == [1, 3]


def test_every_answer_can_be_a_letter_of_its_own(settings, ticks):
    each = SpoolSettings(path=settings.path, letters_every_s=0)
    with Spool(each, ticks=ticks) as spool:
        for number in range(5):
            spool.put({"routine": [letter(number)]}, soon=True)
        assert [count for *_, count in sent(spool)] == [1] * 5


KILLED = """
import sys
from gateway.senml import Undecoded
from gateway.settings import SpoolSettings
from gateway.spool import Spool

with Spool(SpoolSettings(path=sys.argv[1])) as spool:
    for number in range(57):
        frame = Undecoded(device="CV-1", port=0, payload="00", reason="bad_value: x", received_ms=1763772000000)
        spool.put({"routine": [frame]}, soon=True)
    print("taken", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_takes_none_of_the_count(settings):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, settings.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    while process.stdout.readline() != "taken\n":
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdin.close()
    process.stdout.close()
    with Spool(SpoolSettings(path=settings.path, letters_every_s=0)) as spool:
        wait_until(lambda: sum(count for *_, count in sent(spool)) == 57, within_s=60)
