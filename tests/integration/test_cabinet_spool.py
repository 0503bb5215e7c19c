"""The spool against the two things that take cabinets down: power cuts and full disks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.senml import Reading, compose_pack, decode
from gateway.settings import SpoolSettings
from gateway.spool import Spool, SpoolDown, SpoolFull

# Eight threads put for ever; each prints what was acknowledged: thread, number, seq.
PUTTING = """
import os, sys, threading
from gateway.senml import Reading
from gateway.settings import SpoolSettings
from gateway.spool import Spool

def put_for_ever(spool, thread):
    number = 0
    while True:
        number += 1
        reading = Reading(serial=f"CV-{thread}", point="n", unit="1", measured_ms=1763772000000 + number, value=number)
        seqs = spool.put({"urgent" if number % 7 == 0 else "routine": [reading]})
        (lane, seq), = seqs.items()
        os.write(1, f"put {thread} {number} {lane} {seq}\\n".encode())

with Spool(SpoolSettings(path=sys.argv[1])) as spool:
    threads = [threading.Thread(target=put_for_ever, args=(spool, thread)) for thread in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""

# Two threads put, answers that can wait; a third confirms what is half a dozen packs old. Each says what it begins and
# what it has done.
CONFIRMING = """
import os, sys, threading
from gateway.senml import Reading
from gateway.settings import SpoolSettings
from gateway.spool import Spool

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def put_for_ever(spool, lane):
    number = 0
    while True:
        number += 1
        reading = Reading(serial=lane, point="n", unit="1", measured_ms=1763772000000 + number, value=number)
        say("put", lane, number, spool.put({lane: [reading]}, soon=True)[lane])

def confirm_for_ever(spool):
    while True:
        for lane in ("urgent", "routine"):
            packs = spool.take(lane, 0, 100)
            if len(packs) > 6:
                say("confirming", lane, packs[-6].seq)
                spool.confirm(lane, packs[-6].seq)
                say("confirmed", lane, packs[-6].seq)

with Spool(SpoolSettings(path=sys.argv[1])) as spool:
    threads = [threading.Thread(target=put_for_ever, args=(spool, lane)) for lane in ("urgent", "routine")]
    threads.append(threading.Thread(target=confirm_for_ever, args=(spool,)))
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""

# Puts until the file may not grow any more, then says which error that is; frees room and puts once more.
FILLING = """
import resource, signal, sys
from gateway.senml import Reading
from gateway.settings import SpoolSettings
from gateway.spool import Spool, SpoolDown

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
readings = [Reading(serial="CV-1", point=f"p{n}", unit="1", measured_ms=1, value=n) for n in range(500)]
with Spool(SpoolSettings(path=sys.argv[1])) as spool:
    taken = 0
    try:
        while True:
            taken = spool.put({"routine": readings})["routine"]
    except SpoolDown:
        print("refused", len(spool.take("routine", 0, 1000)) == spool.last_seq("routine") == taken)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("again", spool.put({"routine": readings}) == {"routine": taken + 1})
"""

# Refuses at second 200, takes again at 210 and has nothing left to send: says how long readings have waited.
REFUSING = """
import resource, signal, sys
from gateway.senml import Reading
from gateway.settings import SpoolSettings
from gateway.spool import Spool, SpoolDown

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
now_s = 100.0
readings = [Reading(serial="CV-1", point=f"p{n}", unit="1", measured_ms=1, value=n) for n in range(500)]
with Spool(SpoolSettings(path=sys.argv[1]), clock=lambda: 1_800_000_000 + now_s, ticks=lambda: now_s) as spool:
    taken = spool.put({"routine": readings})["routine"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    now_s = 200.0
    try:
        spool.put({"routine": readings})
    except SpoolDown:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    now_s = 210.0
    spool.confirm("routine", taken)
    for now_s in (220.0, 239.0, 241.0):
        status = spool.status()
        print(status.packs, status.oldest_s, status.oldest_ms)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def test_what_the_disk_refused_counts_as_waiting_until_the_units_had_time_to_be_heard(tmp_path: Path):
    """Otherwise the city takes units for silent whose answers had no room."""
    process = start(REFUSING, tmp_path / "spool.db")
    said, _ = process.communicate(timeout=60)
    assert said.splitlines()[-3:] == ["0 20.0 1800000200000", "0 39.0 1800000200000", "0 0.0 None"]


def test_what_put_acknowledged_is_there_after_sigkill(tmp_path: Path):
    path = tmp_path / "spool.db"
    acknowledged: list[tuple[str, int, str, int]] = []
    epochs = set()
    last = {"urgent": 0, "routine": 0}
    for _ in range(4):
        process = start(PUTTING, path)
        lines: list[str] = []
        reader = threading.Thread(target=lambda lines=lines, out=process.stdout: lines.extend(out))
        reader.start()
        wait_until(lambda lines=lines: sum("routine" in line for line in lines) > 150)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reader.join()
        process.stdout.close()
        for line in lines:
            if line.startswith("put ") and line.endswith("\n"):
                _, thread, number, lane, seq = line.split()
                acknowledged.append((f"CV-{thread}", int(number), lane, int(seq)))
        with Spool(SpoolSettings(path=str(path))) as spool:
            epochs.add(spool.epoch)
            for lane in ("urgent", "routine"):
                packs = spool.take(lane, 0, 1_000_000)
                assert [pack.after for pack in packs] == [0, *(pack.seq for pack in packs[:-1])]
                # The numbers that may have been given and lost are never given again.
                assert spool.last_seq(lane) > max(last[lane], packs[-1].seq)
                last[lane] = packs[-1].seq

    assert len(epochs) == 1
    with Spool(SpoolSettings(path=str(path))) as spool:
        packs = {
            lane: {
                (seq, serial, number)
                for pack in spool.take(lane, 0, 1_000_000)
                for serial, number, seq in contents(pack)
            }
            for lane in ("urgent", "routine")
        }
    assert len(acknowledged) > 600
    for serial, number, lane, seq in acknowledged:
        assert (seq, serial, number) in packs[lane]


def contents(pack: object) -> list[tuple[str, int, int]]:
    body = compose_pack(
        pack.records, count=pack.readings, cabinet="c", epoch="e", seq=pack.seq, after=pack.after, wire=pack.wire
    )
    return [(serial, int(value), pack.seq) for serial, _, _, _, value, _ in decode(body).readings]


def test_a_kill_in_the_middle_of_a_confirmation_loses_nothing_that_was_not_confirmed(tmp_path: Path):
    path = tmp_path / "spool.db"
    for _ in range(3):
        process = start(CONFIRMING, path)
        lines: list[list[str]] = []
        reader = threading.Thread(target=lambda lines=lines, out=process.stdout: lines.extend(map(str.split, out)))
        reader.start()
        wait_until(lambda lines=lines: sum(line[0] == "confirmed" for line in lines) > 40)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reader.join()
        process.stdout.close()
        with Spool(SpoolSettings(path=str(path))) as spool:
            for lane in ("urgent", "routine"):
                said = [(line[0], int(line[-1])) for line in lines if line[1:2] == [lane] and len(line) > 2]
                put = {seq for word, seq in said if word == "put"}
                begun = max((seq for word, seq in said if word == "confirming"), default=0)
                done = max((seq for word, seq in said if word == "confirmed"), default=0)
                left = {pack.seq for pack in spool.take(lane, 0, 1_000_000)}
                assert {seq for seq in put if seq > begun} <= left, "lost"
                assert not {seq for seq in left if seq <= done}, "came back"
                spool.confirm(lane, max(left, default=0))


def test_a_disk_that_refuses_takes_nothing_and_takes_again_when_it_can(tmp_path: Path):
    process = start(FILLING, tmp_path / "spool.db")
    output, _ = process.communicate(timeout=60)
    said = [line for line in output.splitlines() if line.startswith(("refused", "again"))]
    assert said == ["refused True", "again True"]
    events = [line for line in output.splitlines() if "spool_" in line]
    assert sum("spool_refuses" in line for line in events) == 1
    assert sum("spool_takes_again" in line for line in events) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_from_other_trouble_and_survived(small_disk: Path):
    ballast = small_disk / "somebody else's file"
    readings = [Reading(serial="CV-1", point=f"p{n}", unit="1", measured_ms=1, value=n) for n in range(200)]
    with Spool(SpoolSettings(path=str(small_disk / "spool.db"))) as spool, capture_logs() as logs:
        spool.put({"routine": readings})
        free = os.statvfs(small_disk)
        ballast.write_bytes(b"x" * (free.f_bavail - 10) * free.f_bsize)
        with pytest.raises(SpoolFull):
            put_for_ever(spool, readings)
        for _ in range(3):
            with pytest.raises(SpoolFull):
                spool.put({"routine": readings})
        taken = spool.last_seq("routine")
        assert [pack.seq for pack in spool.take("routine", 0, 1000)] == list(range(1, taken + 1))
        ballast.unlink()
        assert spool.put({"routine": readings}) == {"routine": taken + 1}
        assert spool.confirm("routine", taken + 1) == taken + 1
    assert [line["event"] for line in logs] == ["spool_refuses", "spool_takes_again"]


def put_for_ever(spool: Spool, readings: list[Reading]) -> None:
    while True:
        spool.put({"routine": readings})


def test_a_spool_where_no_file_can_be_says_so(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SpoolDown, match="opening the spool"),
        Spool(SpoolSettings(path=str(tmp_path / "file" / "s.db"))),
    ):
        pass
