"""Two hundred open pages on one server process, 1,000 events a minute, and some pages that stop reading.

A real server (one process, as in production otherwise) streams to real connections, which a process of their own reads.
An event's way is measured from before its transaction to its arrival at each page. Baseline: the same moment sent over
a socket of this machine, with nothing in between. With ``--page``, Chromium keeps the wall and the overview open all
the while, and afterwards it is seen what they take when nothing happens.
"""

from __future__ import annotations

import multiprocessing
import re
import selectors
import socket
import statistics
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np

from benchmarks import _generated as generated
from benchmarks._live_pages import cpu_s, watch_pages
from benchmarks._web import one_process_app, served, sign_in
from dashboards.stream import MOST_OF_PERSON
from registry.domain.kinds import Role
from registry.services.feed import FeedKind, publish
from registry.services.people import NewUser, add_user
from registry.storage.database import open_database, writing

VIEWERS = 200
SLOW = 5
EVENTS_PER_MINUTE = 1_000
DEFAULT_SECONDS = 60.0
ASSETS = 20_000
_LAST_WORDS_S = 20.0
_OPENING_S = 120.0
_EVENT = re.compile(rb'"seq":(\d+),"sent_s":([\d.]+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What happens: how many pages, how many of them stop reading, how often something happens, and how long it is."""

    viewers: int = VIEWERS
    slow: int = SLOW
    per_minute: int = EVENTS_PER_MINUTE
    body_bytes: int = 400
    seconds: float = DEFAULT_SECONDS

    @property
    def events(self) -> int:
        """How many events there will be."""
        return max(1, round(self.per_minute * self.seconds / 60))


@dataclass(slots=True, kw_only=True)
class Told:
    """What arrived.

    ``missing``: event by viewer, of those who were not told to load again; ``repeated``: twice; ``slow_told``: pages
    that stopped reading and were told to load again or cut off.
    """

    ways_ms: array[float] = field(default_factory=lambda: array("d"))
    delivered: int = 0
    missing: int = 0
    repeated: int = 0
    resyncs: int = 0
    slow_told: int = 0


def run(
    seconds: float | None = None, rows: int | None = None, viewers: int | None = None, page: bool = False
) -> dict[str, Any]:
    """The figures after ``seconds`` of events to ``viewers`` pages, in a city of ``rows`` assets."""
    load = Load(viewers=viewers or VIEWERS, seconds=seconds or DEFAULT_SECONDS)
    database = generated.registry_of(rows or ASSETS, Path("var/bench"))
    with tempfile.TemporaryDirectory() as folder:
        copyfile(database, Path(folder) / "covercode.db")
        with served(one_process_app, folder) as port:
            if page:
                (told, server), pages = watch_pages(port, lambda: measure(folder, port, load))
            else:
                (told, server), pages = measure(folder, port, load), {}
    bare_ms = _bare_socket()
    usual_ms = float(np.median(told.ways_ms)) if told.ways_ms else 0.0
    return {
        "figures": {
            "events": load.events,
            "viewers": load.viewers,
            "delivered": told.delivered,
            "missing": told.missing,
            "repeated": told.repeated,
            "resyncs": told.resyncs,
            "slow_let_go": told.slow_told,
            **_spread("way", told.ways_ms),
            **server,
            **pages,
        },
        "baseline": _spread("socket", bare_ms),
        "ratios": {"vs_bare_socket": round(usual_ms / statistics.median(bare_ms), 1)},
        "config": {"slow": load.slow, "seconds": load.seconds, "per_minute": load.per_minute, "assets": rows or ASSETS},
    }


def measure(folder: str, port: int, load: Load) -> tuple[Told, dict[str, float]]:
    """Let things happen while the pages listen; what arrived, and what the server took."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    ending = context.Event()
    cookies = _viewers(folder, port, load.viewers + load.slow)
    reader = context.Process(target=read_pages, args=(port, cookies, load, theirs, ending))
    reader.start()
    try:
        if not ours.poll(_OPENING_S):
            raise RuntimeError("the pages could not be opened")
        ours.recv()
        server = _pid_of(port)
        before_s, began = cpu_s(server), time.monotonic()
        happen(folder, load)
        elapsed_s = time.monotonic() - began
        taken = {"server_rss_mb": round(_rss_mb(server), 1)}
        taken["server_cpu_share"] = round((cpu_s(server) - before_s) / elapsed_s, 3)
        ending.set()
        if not ours.poll(_LAST_WORDS_S * 6):
            raise RuntimeError("the pages did not tell what they read")
        return ours.recv(), taken
    finally:
        ending.set()
        reader.join(20)
        if reader.is_alive():
            reader.kill()


def _viewers(folder: str, port: int, pages: int) -> list[str]:
    """The sessions of as many people as may have so many pages open, each from an address of their own."""
    logins = [f"watcher{number}" for number in range(-(-pages // MOST_OF_PERSON))]
    engine, now = open_database(f"sqlite:///{folder}/covercode.db"), datetime.now(UTC)
    with writing(engine) as tx:
        for login in logins:
            add_user(tx, NewUser(login=login, name="Watcher", role=Role.VIEWER, password=generated.PASSWORD), now=now)
    engine.dispose()
    return [sign_in(port, login, f"10.9.8.{number}") for number, login in enumerate(logins, 1)]


def happen(folder: str, load: Load) -> None:
    """Write the events, evenly over the time, each in a transaction of its own."""
    engine = open_database(f"sqlite:///{folder}/covercode.db")
    begin, words = time.monotonic(), "x" * load.body_bytes
    for seq in range(load.events):
        wait_s = begin + seq * 60 / load.per_minute - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        with writing(engine) as tx:
            body = {"seq": seq, "sent_s": time.monotonic(), "asset_id": 1 + seq % 100, "severity": 2, "text": words}
            publish(tx, FeedKind.ALERT_CHANGED, body, now=datetime.now(UTC))
    engine.dispose()


class _Page:
    """One open page: what it read, and when each event came."""

    def __init__(self, port: int, cookie: str, events: int, *, slow: bool) -> None:
        self.slow, self.rest, self.resyncs, self.ended = slow, b"", 0, False
        self.seen = array("H", bytes(2 * events))  # how often each event came
        self.told = 0
        self.ways_ms = array("d")
        self.socket = socket.socket()
        # a busy machine is not what makes a page slow: the system keeps for the others what they have not read yet
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096 if slow else 1 << 22)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        request = f"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"
        self.socket.sendall(request.encode())
        greeting = b""
        while b": connected" not in greeting:
            more = self.socket.recv(4096)
            if not more:
                raise RuntimeError(f"the stream answered {greeting[:300]!r}")
            greeting += more
        self.socket.setblocking(False)

    def read(self, *, timed: bool) -> None:
        """Take in what is there."""
        try:
            more = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            more = b""
        now_s = time.monotonic()
        self.ended |= not more
        whole, mark, self.rest = (self.rest + more).rpartition(b"\n\n")
        if not mark:
            return
        self.resyncs += whole.count(b"event: resync")
        for seq, sent_s in _EVENT.findall(whole):
            self.told += not self.seen[int(seq)]
            self.seen[int(seq)] += 1
            if timed:
                self.ways_ms.append((now_s - float(sent_s)) * 1000)


def read_pages(port: int, cookies: list[str], load: Load, pipe: Connection, ending: Event) -> None:
    """Open every page, read those that read, and tell in the end what arrived; a process of its own."""
    pages = [
        _Page(port, cookies[number // MOST_OF_PERSON], load.events, slow=number < load.slow)
        for number in range(load.viewers + load.slow)
    ]
    quick, slow = pages[load.slow :], pages[: load.slow]
    with selectors.DefaultSelector() as selector:
        for page in quick:
            selector.register(page.socket, selectors.EVENT_READ, page)
        pipe.send("open")
        while not ending.is_set():
            _read(selector, timed=True)
        _finish(selector, quick, load.events)
        for page in slow:
            selector.register(page.socket, selectors.EVENT_READ, page)
        _finish(selector, slow, load.events)
    pipe.send(_told(quick, slow, load.events))


def _read(selector: selectors.BaseSelector, *, timed: bool) -> None:
    for key, _ in selector.select(0.2):
        key.data.read(timed=timed)
        if key.data.ended:  # a browser would come again; who reads that late is told to load again then
            selector.unregister(key.fileobj)


def _finish(selector: selectors.BaseSelector, pages: list[_Page], events: int) -> None:
    """Read on until each page has all, or was told to load again or cut off, for a while."""
    deadline = time.monotonic() + _LAST_WORDS_S
    while time.monotonic() < deadline and any(
        page.told < events and not page.resyncs and not page.ended for page in pages
    ):
        _read(selector, timed=not pages[0].slow)


def _told(quick: list[_Page], slow: list[_Page], events: int) -> Told:
    ways_ms = array("d")
    for page in quick:
        ways_ms.extend(page.ways_ms)
    return Told(
        ways_ms=ways_ms,
        delivered=sum(page.told for page in quick),
        missing=sum(events - page.told for page in quick if not page.resyncs)
        + sum(events - page.told for page in slow if not page.resyncs and not page.ended),
        repeated=sum(sum(page.seen) - page.told for page in (*quick, *slow)),
        resyncs=sum(page.resyncs for page in quick),
        slow_told=sum(bool(page.resyncs or page.ended) for page in slow),
    )


def _spread(name: str, ms: Sequence[float]) -> dict[str, float]:
    if len(ms) < 2:
        return {}
    half, most, longest = np.percentile(ms, [50, 99, 100])
    return {f"{name}_p50_ms": round(half, 2), f"{name}_p99_ms": round(most, 2), f"{name}_max_ms": round(longest, 2)}


def _bare_socket() -> list[float]:
    """How long a moment takes through a pair of sockets."""
    one, other = socket.socketpair()
    ways = []
    with one, other:
        for _ in range(1_000):
            one.sendall(repr(time.monotonic()).encode())
            ways.append((-float(other.recv(100)) + time.monotonic()) * 1000)
    return ways


def _pid_of(port: int) -> int:
    """The server's process that holds most of its connections."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {f"socket:[{row[9]}]" for row in rows if row[3] == "01" and row[1].endswith(f":{port:04X}")}
    held: Counter[int] = Counter()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            held[int(process.name)] = sum(str(file.readlink()) in ours for file in (process / "fd").iterdir())
        except OSError:
            continue  # it ended, or is not ours
    return max(held, key=lambda pid: held[pid])


def _rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
