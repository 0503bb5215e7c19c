"""What the cabinet part costs and how fast its spool is.

``covercode edge`` runs as on a box: 200 simulated sensors on eight lines (``covercode sim``, real pseudo-terminals,
9,600 Bd paced), each asked every ten seconds, a Mosquitto and a city that confirms. Its memory and processor time are
read from the system. Then the spool alone: answers of ten readings are put by as many threads as there are lines,
every one on the disk before the next, beside a bare SQLite insert of the same rows; and a backlog is drained to the
city over the broker, each reading read from the disk and deleted after its confirmation.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks._broker import mosquitto, small_city
from gateway.senml import Reading
from gateway.settings import BrokerSettings, CabinetIdentity, CabinetSettings, SpoolSettings
from gateway.spool import Spool
from gateway.uplink import Uplink

SENSORS = 200
LINES = 8
POLL_EVERY_S = 10.0
DEFAULT_SECONDS = 60.0
WARM_S = 25.0  # imports are over, every sensor has answered twice
POINTS = (
    ("sample_count", "1"), ("uptime", "s"), ("tilt_x", "deg"), ("tilt_y", "deg"), ("tilt_z", "deg"),
    ("displacement", "mm"), ("vibration", "mm/s"), ("water_level", "mm"), ("temperature", "Cel"), ("battery", "%EL"),
)  # fmt: skip
T0_MS = 1_795_000_000_000


def run(seconds: float | None = None) -> dict[str, Any]:
    """Figures of the whole cabinet over ``seconds`` (60), then of the spool alone."""
    span_s = seconds or DEFAULT_SECONDS
    with tempfile.TemporaryDirectory(prefix="edge-", dir=_disk()) as name:
        folder = Path(name)
        with mosquitto(folder) as port:
            cabinet = _whole_cabinet(folder, port, span_s)
            drain = _drain(folder, port, answers=max(2_000, int(span_s * 500)))
        answers = max(500, int(span_s * 50))
        before = _bare(folder / "bare1.db", answers)
        put = _put(folder / "put.db", answers, soon=False)
        soon = _put(folder / "soon.db", answers * 4, soon=True)
        after = _bare(folder / "bare2.db", answers)
    bare = (before + after) / 2
    return {
        "figures": {
            **cabinet,
            "spool_put_per_s": round(put["readings_per_s"]),
            "spool_put_soon_per_s": round(soon["readings_per_s"]),
            "flushes_a_put": round(put["flushes"] / answers, 2),
            **drain,
        },
        "baseline": {"bare_sqlite_per_s": round(bare), "bare_runs": [round(before), round(after)]},
        "ratios": {
            "put_vs_bare_sqlite": round(put["readings_per_s"] / bare, 2),
            "put_soon_vs_bare_sqlite": round(soon["readings_per_s"] / bare, 2),
        },
        "config": {
            "sensors": SENSORS,
            "lines": LINES,
            "poll_every_s": POLL_EVERY_S,
            "points": len(POINTS),
            "seconds": span_s,
            "flush_within_s": SpoolSettings().flush_within_s,
        },
    }


# --- the whole cabinet ----------------------------------------------------------------------------------------------


def _whole_cabinet(folder: Path, port: int, span_s: float) -> dict[str, Any]:
    _write_street(folder, port)
    with small_city(port) as ask:
        sim = _start("sim", "--fleet", str(folder / "fleet.toml"), "--truth", str(folder / "truth.jsonl"))
        try:
            _wait(lambda: all((folder / f"line{number}.tty").exists() for number in range(LINES)))
            edge = _start("edge", "--config", str(folder / "cabinet.toml"))
            try:
                _wait(lambda: ask()["packs"] > SENSORS)
                time.sleep(WARM_S if span_s >= DEFAULT_SECONDS else 2.0)
                return _watch(edge.pid, ask, folder / "spool.db", span_s)
            finally:
                _stop(edge)
        finally:
            _stop(sim)


def _watch(pid: int, ask: Callable[[], dict[str, Any]], spool: Path, span_s: float) -> dict[str, Any]:
    packs, written, cpu_s, began_s = ask()["packs"], _written(pid), _cpu_s(pid), time.monotonic()
    rss_mb = []
    while time.monotonic() < began_s + span_s:
        time.sleep(1.0)
        rss_mb.append(_rss_mb(pid))
    elapsed_s = time.monotonic() - began_s
    polls = ask()["packs"] - packs
    return {
        "rss_mb": round(max(rss_mb), 1),
        "cpu_fraction": round((_cpu_s(pid) - cpu_s) / elapsed_s, 4),
        "cpu_ms_a_poll": round(1000 * (_cpu_s(pid) - cpu_s) / max(1, polls), 2),
        "packs_per_s": round(polls / elapsed_s, 1),
        "disk_mb_an_hour": round((_written(pid) - written) / elapsed_s * 3600 / 1e6),
        "flushes_an_hour": _flushes_an_hour(pid, span_s),
        "spool_mb": round(spool.stat().st_size / 1e6, 2),
    }


def _flushes_an_hour(pid: int, span_s: float) -> int | None:
    """Counted from outside, by the system calls; None where strace is missing or may not look."""
    seconds = max(5.0, min(20.0, span_s / 3))
    command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-p", str(pid)]
    try:
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None
    time.sleep(seconds)
    tracer.send_signal(signal.SIGINT)
    told = tracer.communicate(timeout=20)[1]
    if "Process" not in told and "attached" not in told:
        return None
    # columns: % time, seconds, usecs/call, calls, (errors,) syscall
    counted = re.finditer(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?f(?:data)?sync$", told, re.MULTILINE)
    calls = sum(int(found[1]) for found in counted)
    return round(calls / seconds * 3600)


def _write_street(folder: Path, port: int) -> None:
    fleet, cabinet = (
        ["seed = 7"],
        [
            '[cabinet]\nid = "bench"',
            f'[broker]\nhost = "127.0.0.1"\nport = {port}',
            f'[spool]\npath = "{folder / "spool.db"}"',
        ],
    )
    each = SENSORS // LINES
    for line in range(LINES):
        tty = folder / f"line{line}.tty"
        fleet.append(f'[[bus]]\nname = "b{line}"\nlink = "{tty}"\nbaud = 9600\npaced = true')
        cabinet.append(f'[[bus]]\nname = "b{line}"\nport = "{tty}"\nbaud = 9600\npoll_every_s = {POLL_EVERY_S}')
        for address in range(1, each + 1):
            serial = f"CV-{line:02d}{address:04d}"
            fleet.append(
                f'[[bus.unit]]\naddress = {address}\nserial = "{serial}"\nkind = "cover"\nlon = 113.3\nlat = 23.1\n'
                "depth_mm = 2400"
            )
            cabinet.append(f'[[bus.unit]]\naddress = {address}\nserial = "{serial}"\nprofile = "cc-cover-1"')
    (folder / "fleet.toml").write_text("\n".join(fleet))
    (folder / "cabinet.toml").write_text("\n".join(cabinet))


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "import covercode; covercode.main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(Path.cwd())})


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _written(pid: int) -> int:
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


# --- the spool alone ------------------------------------------------------------------------------------------------


def answer(serial: str, number: int) -> list[Reading]:
    """One answer of a cover unit, as it goes into the spool."""
    at_ms = T0_MS + number * 10_000
    return [
        Reading(
            serial=serial, point=name, unit=unit, measured_ms=at_ms, value=round((number * 7 + place) % 997 / 10, 1)
        )
        for place, (name, unit) in enumerate(POINTS)
    ]


def _put(path: Path, answers: int, *, soon: bool) -> dict[str, float]:
    """``answers`` put by one thread a line; readings per second, and flushes of the disk."""
    each = answers // LINES
    made = [[answer(f"CV-{line:02d}{n % 25:04d}", n) for n in range(each)] for line in range(LINES)]
    with Spool(SpoolSettings(path=str(path))) as spool:

        def put(line: int) -> None:
            for one in made[line]:
                spool.put({"routine": one}, soon=soon)

        threads = [threading.Thread(target=put, args=(line,)) for line in range(LINES)]
        before, began_s = spool.status().flushes, time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed_s = time.perf_counter() - began_s
        return {
            "readings_per_s": each * LINES * len(POINTS) / elapsed_s,
            "flushes": float(spool.status().flushes - before),
        }


def _bare(path: Path, answers: int) -> float:
    """The same rows into a bare table, one transaction an answer, every one flushed; readings per second."""
    made = [
        [(one.serial, one.point, one.unit, one.measured_ms, one.value, one.quality) for one in answer("CV-000001", n)]
        for n in range(answers)
    ]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE reading (serial TEXT, point TEXT, unit TEXT, ms INTEGER, value REAL, quality INTEGER)")
        began_s = time.perf_counter()
        for rows in made:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("COMMIT")
        return answers * len(POINTS) / (time.perf_counter() - began_s)


def _drain(folder: Path, port: int, *, answers: int) -> dict[str, Any]:
    """A backlog of ``answers`` packs to the city and out of the spool; readings per second."""
    settings = CabinetSettings(
        cabinet=CabinetIdentity(id="drain"),
        broker=BrokerSettings(host="127.0.0.1", port=port),
        spool=SpoolSettings(path=str(folder / "drain.db")),
    )
    with small_city(port) as ask, Spool(settings.spool) as spool:
        for number in range(answers):
            spool.put({"routine": answer(f"CV-{number % SENSORS:06d}", number)}, soon=True)
        rss_mb = _rss_mb(os.getpid())
        with sending(settings, spool):
            began_s = time.perf_counter()
            _wait(lambda: spool.status().packs == 0, within_s=600)
            elapsed_s = time.perf_counter() - began_s
        told = ask()
    return {
        "drain_per_s": round(answers * len(POINTS) / elapsed_s),
        "drain_packs": told["packs"],
        "drain_repeats": told["repeats"],
        "drain_rss_growth_mb": round(_rss_mb(os.getpid()) - rss_mb, 1),
    }


@contextmanager
def sending(settings: CabinetSettings, spool: Spool) -> Iterator[Uplink]:
    """An uplink at work until the block ends."""
    uplink, stop = Uplink(settings=settings, spool=spool), threading.Event()
    spool.on_pack = uplink.wake
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        yield uplink
    finally:
        stop.set()
        uplink.wake()
        thread.join()


def _wait(happened: Callable[[], bool], *, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        if time.monotonic() > deadline:
            raise RuntimeError("the benchmark got stuck: it did not happen in time")
        time.sleep(0.02)


def _disk() -> str | None:
    """A folder on a real disk: /tmp may be memory, on which a flush costs nothing."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108
