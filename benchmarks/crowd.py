"""Fifty people who move cases at once: dispatchers, crews and verifiers, through the real server on a real PostgreSQL.

``covercode serve`` and ``covercode worker`` run as in production (PostgreSQL with Debian's configuration, the disk
flushed at every commit). Each person has a session of their own and keeps the connection open; four of five use the
pages, the others the API with ``If-Match``. First they act as people do, with ``PAUSE_S`` between two cases (*people*);
then without any pause (*rush*): everybody waits only for the server. Three of ten times all go for the same case, and
one order in twenty is sent twice at once. Beside them sensors and citizens write into the same cases.

Afterwards every answer is held against the timeline (``benchmarks._crowd_judge``); each of its counts must be 0. The
clients run in two processes on the same machine; ``cpu_share`` says what each part took of the processor.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

from benchmarks._broker import free_port
from benchmarks._crowd_city import CrowdCity, found_city
from benchmarks._crowd_judge import judge
from benchmarks._crowd_people import Attempt, Page, Person, Play, all_at_once
from benchmarks._crowd_sensors import murmur
from benchmarks._stores import cpu_s, postgres
from operate.administration import upgrade_database
from registry.storage.database import open_database

PEOPLE, CASES, HOT = 50, 2_000, 10
DEFAULT_SECONDS = 60.0
PAUSE_S = 6.0
NEWS_PER_S = 10.0
_CLIENTS = 2
_QUIET_S = 5.0
_PROBE_EVERY_S = 0.05
_START_S = 60.0
_CONFIG = """
[city]
public_url = "http://127.0.0.1:{web}"
[records]
url = "{records}"
[web]
port = {web}
trusted_proxies = 1
[metrics]
ingest_port = 0
worker_port = 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdSite:
    """A running city: where its pages and its records are, and its processes by name."""

    port: int
    records: str
    processes: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What one part of the run came to."""

    attempts: list[Attempt]
    pages: list[Page]
    news: dict[str, int]
    health_ms: list[float]
    lasted_s: float
    cpu: dict[str, float]


def run(seconds: float | None = None, rows: int = CASES, seed: int = 7) -> dict[str, Any]:
    """``seconds`` is the length of the first part, the second is half as long; ``rows`` are the cases."""
    span_s = seconds or DEFAULT_SECONDS
    with tempfile.TemporaryDirectory(prefix="covercode-crowd-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs under an account of its own
        with postgres(folder) as (port, pid):
            records = f"postgresql+psycopg://covercode@127.0.0.1:{port}/postgres"
            with site(folder, records) as running:
                engine = open_database(records)
                city = found_city(engine, people=PEOPLE, cases=rows, hot=HOT, seed=seed)
                processes = running.processes | {"postgresql": pid}
                quiet_ms = _probe(running.port, _QUIET_S)
                plays = [
                    Play(port=running.port, lasts_s=span_s, pause_s=PAUSE_S, seed=seed, name="people"),
                    Play(port=running.port, lasts_s=span_s / 2, pause_s=0.0, seed=seed + 1, name="rush"),
                ]
                phases = [_phase(play, records, city, processes) for play in plays]
                judged = judge(engine, [each for phase in phases for each in phase.attempts])
                engine.dispose()
    people, rush = phases
    moves = _moves_ms(people)
    return {
        "figures": {
            **_of_phase(people, ""),
            **_of_phase(rush, "rush_"),
            "faults": sum(judged.values()),
            **judged,
        },
        "baseline": {
            **_summary(quiet_ms, "health_quiet_"),
            **_summary(people.health_ms, "health_"),
            **_summary(rush.health_ms, "rush_health_"),
        },
        "ratios": {"move_p95_vs_health_p95": round(_cut(moves, 95) / _cut(people.health_ms, 95), 2)},
        "config": {
            "people": PEOPLE,
            "cases": rows,
            "hot_cases": HOT,
            "pause_s": PAUSE_S,
            "seconds": span_s,
            "client_processes": _CLIENTS,
            "cores": os.cpu_count(),
            "load_1min": round(os.getloadavg()[0], 1),
            "seed": seed,
        },
    }


@contextmanager
def site(folder: Path, records: str, *, worker: bool = True) -> Iterator[CrowdSite]:
    """The city's web part and its worker over ``records``, with their tables made, until the block ends."""
    web, config = free_port(), folder / "covercode.toml"
    config.write_text(_CONFIG.format(web=web, records=records), encoding="utf-8")
    upgrade_database(config)
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in ("serve", "worker") if worker else ("serve",):
            with (folder / f"{name}.log").open("ab") as log:
                command = [sys.executable, "-m", "covercode", name, "--config", str(config)]
                started[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        _wait_for(web, started["serve"], folder / "serve.log")
        processes = {"web" if name == "serve" else name: process.pid for name, process in started.items()}
        yield CrowdSite(port=web, records=records, processes=processes)
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not _healthy(port):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"the pages did not start: {log.read_text(encoding='utf-8')[-800:]}")
        time.sleep(0.1)


def _healthy(port: int) -> bool:
    with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    return False


def _phase(play: Play, records: str, city: CrowdCity, processes: dict[str, int]) -> Phase:
    """Everybody signs in; then, all at once, they work."""
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    ready = context.Semaphore(0)
    parts = [range(number, len(city.people), _CLIENTS) for number in range(_CLIENTS)]
    with ProcessPoolExecutor(_CLIENTS + 1, context, initializer=_share, initargs=(start, ready)) as pool:
        crowd = [pool.submit(crowd_works, play, city, list(part)) for part in parts]
        for _ in parts:
            ready.acquire()
        before, began = {name: cpu_s(pid) for name, pid in processes.items()}, time.monotonic()
        start.set()
        news = pool.submit(murmur, records, city, play.lasts_s, NEWS_PER_S, play.seed)
        health_ms = _probe(play.port, play.lasts_s)
        done = [each.result() for each in crowd]
        lasted_s = time.monotonic() - began
        cpu = {name: cpu_s(pid) - before[name] for name, pid in processes.items()}
        written = news.result()
    return Phase(
        attempts=[attempt for attempts, _, _ in done for attempt in attempts],
        pages=[page for _, pages, _ in done for page in pages],
        news=written,
        health_ms=health_ms,
        lasted_s=lasted_s,
        cpu=cpu | {"clients": sum(spent for _, _, spent in done)},
    )


_shared: dict[str, Any] = {}


def _share(start: Any, ready: Any) -> None:
    _shared.update(start=start, ready=ready)


def crowd_works(play: Play, city: CrowdCity, numbers: Sequence[int]) -> tuple[list[Attempt], list[Page], float]:
    """What these of the people did, and the processor's seconds that it took this process."""
    people = [
        Person(who=city.people[number], city=city, port=play.port, rng=Random(f"{play.seed}-{number}"))
        for number in numbers
    ]
    all_at_once(people, Person.sign_in)
    if _shared:
        _shared["ready"].release()
        _shared["start"].wait()
    spent = time.process_time()
    all_at_once(people, lambda person: person.work(play))
    spent = time.process_time() - spent
    for person in people:
        person.leave()
    return [each for one in people for each in one.attempts], [each for one in people for each in one.pages], spent


def _probe(port: int, lasts_s: float) -> list[float]:
    """Milliseconds of the health route, asked over one kept connection every twentieth of a second."""
    taken: list[float] = []
    stop = threading.Event()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    end = time.monotonic() + lasts_s
    while time.monotonic() < end:
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        taken.append((time.perf_counter() - began) * 1000)
        stop.wait(_PROBE_EVERY_S)
    connection.close()
    return taken


def _of_phase(phase: Phase, before: str) -> dict[str, Any]:
    outcomes = Counter(each.outcome for each in phase.attempts)
    pages = [page.ms for page in phase.pages]
    spent = sum(phase.cpu.values()) or 1.0
    told = {
        **_summary(_moves_ms(phase), "move_"),
        **_summary([each.ms for each in phase.attempts if each.outcome != "done"], "refusal_"),
        **_summary([page.ms for page in phase.pages if page.kind == "case"], "case_page_"),
        **_summary(pages, "page_"),
        "moves_per_s": round(outcomes["done"] / phase.lasted_s, 1),
        "requests_per_s": round((len(phase.attempts) + len(pages)) / phase.lasted_s, 1),
        "answers": dict(sorted(outcomes.items())),
        "moves": dict(Counter(each.move for each in phase.attempts if each.outcome == "done").most_common()),
        "page_statuses": dict(sorted(Counter(page.status for page in phase.pages).items())),
        "news": phase.news,
        "cores_used": round(spent / phase.lasted_s, 2),
        "cpu_share": {name: round(took / spent, 2) for name, took in phase.cpu.items()},
    }
    return {before + name: value for name, value in told.items()}


def _moves_ms(phase: Phase) -> list[float]:
    return [each.ms for each in phase.attempts if each.outcome == "done"]


def _summary(ms: Sequence[float], before: str) -> dict[str, float]:
    return {f"{before}p{cut}_ms": round(_cut(ms, cut), 1) for cut in (50, 95, 99)}


def _cut(ms: Sequence[float], percent: int) -> float:
    return statistics.quantiles(ms, n=100)[percent - 1] if len(ms) > 1 else sum(ms)
