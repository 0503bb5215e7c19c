"""A board of twelve panels over a year of ten-minute readings of fifty devices: how soon it is answered and drawn.

The server runs as in production (two processes) on SQLite, or with ``--size one-server`` on PostgreSQL's neighbour
InfluxDB for the readings. First programs ask for the answers of spans that nobody asked for before, though most of
their days were read by then, as of a board that is looked at all day; then Chromium opens the page. That is done again
on servers that have read nothing yet (``cold``). Single readings that stick out were planted: each must be in the
answers.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import re
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any, NamedTuple
from urllib.parse import urlencode

from benchmarks import _boards_city as city
from benchmarks import _generated as generated
from benchmarks._web import _City, constant_app, served, sign_in
from tests.browser.conftest import CHROMIUM, SWITCHES

KEPT = Path("var/bench")
DEFAULT_SECONDS = 20.0
OPENINGS = 5
_COLD_SERVERS = 3
_ROUNDS = 100  # so many different spans are asked for in turn
_SHIFT_MS = 6 * 3_600_000  # farther than what counts as the same span (a two-thousandth of the year)
_PATIENCE_S = 60.0
# notes when the last panel was drawn: two frames after it has its answer
_WATCH = """(() => {
  const look = () => {
    const panels = [...document.querySelectorAll('[data-panel]')];
    if (panels.length === 12 && panels.every((each) => each.dataset.state === 'answered')) {
      requestAnimationFrame(() => requestAnimationFrame(() => { window.drawnMs = performance.now(); }));
    } else requestAnimationFrame(look);
  };
  look();
})()"""


def run(seconds: float | None = None, rows: int | None = None, size: str | None = None) -> dict[str, Any]:
    """Figures over ``rows`` readings (26 million); ``seconds`` is how long programs ask."""
    span_s = seconds or DEFAULT_SECONDS
    of_point = max(144, (rows or city.READINGS) // (city.DEVICES * city.POINTS_OF_DEVICE))
    on_server = size == "one-server"
    records = _records()
    points = city.points_of(records)
    spikes = city.spikes_of(points, of_point)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        copyfile(records, folder / "covercode.db")
        address = _series(folder, stack, History(points, of_point, spikes), on_server=on_server)
        (folder / "series-address").write_text(address)
        with served(constant_app, str(folder)) as port:
            constant_ms = _constant(port, min(span_s, 5.0))
        with served(boards_app, str(folder)) as port:
            cookie = sign_in(port)
            asked = _ask(port, cookie, span_s)
            found = _spikes_found(asked["first"], spikes)
            opened = _open(port)
        cold_panels, cold_opened = _cold(folder)
    panels = asked["panels_ms"]
    return {
        "figures": {
            "panels": len(asked["first"]),
            "open_ms": round(statistics.median(opened)),
            "open_first_ms": round(opened[0]),
            "panel_p50_ms": round(statistics.median(panels), 1),
            "panel_p95_ms": round(_p95(panels), 1),
            "panel_max_ms": round(max(panels), 1),
            "slowest_panel": asked["slowest"],
            "cold_open_ms": round(statistics.median(cold_opened)),
            "cold_panel_p95_ms": round(_p95(cold_panels), 1),
            "answer_p50_ms": round(statistics.median(asked["whole_ms"]), 1),
            "answer_kb": round(asked["bytes"] / 1024),
            "points": of_point * len(points),
            "points_drawn": asked["drawn"],
            "spikes_found": found,
        },
        "baseline": {"constant_p50_ms": round(constant_ms, 2), "spikes_planted": len(spikes)},
        "ratios": {"vs_constant_route": round(statistics.median(panels) / constant_ms, 1)},
        "config": {
            "store": "influxdb" if on_server else "sqlite",
            "devices": city.DEVICES,
            "cases": city.CASES,
            "alerts": city.ALERTS,
            "rounds": len(asked["whole_ms"]),
            "openings": OPENINGS,
            "cold_servers": _COLD_SERVERS,
            "seconds": span_s,
        },
    }


def _p95(taken: list[float]) -> float:
    return sorted(taken)[min(len(taken) - 1, len(taken) * 95 // 100)]


def _records() -> Path:
    path = KEPT / f"boards-records-{generated.shape()}.db"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".making")
        fresh.unlink(missing_ok=True)
        city.make_records(fresh)
        fresh.rename(path)
    return path


class History(NamedTuple):
    """What is to be measured: of which points, how many readings of each, and which of them stick out."""

    points: list[tuple[int, str]]
    of_point: int
    spikes: list[city.Spike]


def _series(folder: Path, stack: contextlib.ExitStack, history: History, *, on_server: bool) -> str:
    """Where the readings are, made when they are not there yet."""
    if on_server:
        from benchmarks._stores import readings_server

        home = (KEPT / f"boards-influx-{len(history.points)}-{history.of_point}").absolute()
        if not home.exists():
            _fill_server(home, history)
        return stack.enter_context(readings_server(folder, home))
    path = KEPT / f"boards-series-{len(history.points)}-{history.of_point}.db"
    if not path.exists():
        fresh = path.with_suffix(".making")
        fresh.unlink(missing_ok=True)
        city.fill_sqlite(fresh, *history)
        fresh.rename(path)
    return str(path.absolute())


def _fill_server(home: Path, history: History) -> None:
    from benchmarks._stores import readings_server, settle
    from registry.storage.series.opening import open_series

    fresh = home.with_suffix(".making")
    rmtree(fresh, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory() as logs,
        readings_server(Path(logs), fresh) as address,
        contextlib.closing(open_series(address, home=fresh)) as store,
    ):
        city.fill_influx(store, *history)
        settle(fresh)
    fresh.rename(home)


def boards_app(folder: str, port: int) -> None:
    """The city with the readings of the benchmark, as it is served in production."""
    from dashboards.app import create_app
    from dashboards.server import serve
    from dashboards.settings import WebSettings
    from registry.storage.database import open_database
    from registry.storage.series.opening import open_series

    home = Path(folder)
    settings = WebSettings(port=port, secret_file=home / "secret", trusted_proxies=1)
    store = open_series((home / "series-address").read_text(), home=Path("/"))
    app = create_app(settings, _City(home), open_database(f"sqlite:///{folder}/covercode.db"), store)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(app, settings, stop=threading.Event())


def _constant(port: int, seconds: float) -> float:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    taken: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s or not taken:
        began_s = time.perf_counter()
        connection.request("GET", "/constant")
        connection.getresponse().read()
        taken.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(taken)


def _ask(port: int, cookie: str, seconds: float, *, least: int = 3) -> dict[str, Any]:
    """Ask for all answers again and again, each time of a span that is not kept; the first of the whole year."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    cookie, token = _token(connection, cookie)
    whole: list[float] = []
    by_panel: dict[str, list[float]] = {}
    first: list[dict[str, Any]] = []
    sent = 0
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s or len(whole) < least:
        later = len(whole) % _ROUNDS * _SHIFT_MS
        span = {"from_ms": city.BEGAN_MS + later, "to_ms": city.ENDED_MS + later, "width_px": 1000, "vars": {}}
        began_s = time.perf_counter()
        body = _post(connection, cookie, token, span)
        whole.append((time.perf_counter() - began_s) * 1000)
        lines = [json.loads(line) for line in body.splitlines()]
        if problems := [line for line in lines if "problem" in line]:
            raise RuntimeError(f"a panel was not answered: {problems[0]}")
        for line in lines:
            by_panel.setdefault(line["panel"], []).append(line["took_ms"])
        if not first:
            first, sent = lines, len(body)
    slowest = max(by_panel, key=lambda panel: statistics.median(by_panel[panel]))
    return {
        "whole_ms": whole,
        "panels_ms": [ms for each in by_panel.values() for ms in each],
        "slowest": f"{slowest} {statistics.median(by_panel[slowest]):.1f} ms",
        "first": first,
        "bytes": sent,
        "drawn": sum(len(curve["t"]) for line in first for curve in line.get("series", [])),
    }


def _token(connection: HTTPConnection, cookie: str) -> tuple[str, str]:
    """The token of the visitor's forms, and the session that holds it."""
    connection.request("GET", "/account", headers={"Cookie": cookie})
    answer = connection.getresponse()
    page = answer.read()
    found = re.search(rb'name="csrf_token" value="([^"]+)"', page)
    if found is None:
        raise RuntimeError("the account page has no form")
    fresh = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or []]
    return "; ".join(fresh) or cookie, found[1].decode()


def _post(connection: HTTPConnection, cookie: str, token: str, body: dict[str, Any]) -> bytes:
    headers = {"Cookie": cookie, "X-CSRFToken": token, "Content-Type": "application/json", "Accept": "application/json"}
    connection.request("POST", f"/boards/{city.KEY}/answers", json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"the board answered {answer.status}: {found[:300]!r}")
    return found


def _spikes_found(lines: list[dict[str, Any]], spikes: list[city.Spike]) -> int:
    """How many of the planted readings are the greatest value of the very slice of the curve they lie in."""
    curves = {curve["point_id"]: curve for line in lines for curve in line.get("series", []) if "point_id" in curve}
    found = 0
    for spike in spikes:
        curve = curves.get(spike.point_id, {"t": [], "max": []})
        before = [place for place, at in enumerate(curve["t"]) if at <= spike.at_ms]
        found += bool(before) and curve["max"][before[-1]] >= spike.value
    return found


def _cold(folder: Path) -> tuple[list[float], list[float]]:
    """The same of servers that were just started: what each panel took a program, and how long a page took to open."""
    panels: list[float] = []
    opened: list[float] = []
    for _ in range(_COLD_SERVERS):
        with served(boards_app, str(folder)) as port:
            panels += _ask(port, sign_in(port), 0.0, least=1)["panels_ms"]
        with served(boards_app, str(folder)) as port:
            opened += _open(port, 1)
    return panels, opened


def _open(port: int, times: int = OPENINGS) -> list[float]:
    """Milliseconds from following the link until every panel is drawn, in a fresh page each time."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return list(pool.apply(_openings, (port, times)))


def _openings(port: int, times: int) -> list[float]:
    from playwright.sync_api import sync_playwright

    taken = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(f"http://127.0.0.1:{port}/login")
        page.fill("[name=login]", generated.LOGIN)
        page.fill("[name=password]", generated.PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(f"http://127.0.0.1:{port}/")
        for number in _spans(times):
            page.goto(f"http://127.0.0.1:{port}/boards/{city.KEY}?{number}", wait_until="commit")
            taken.append(_drawn(page))
        browser.close()
    return taken


def _drawn(page: Any) -> float:
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        if drawn_ms := page.evaluate("window.drawnMs ?? 0"):
            return float(drawn_ms)
        page.wait_for_timeout(50)
    states = page.evaluate("[...document.querySelectorAll('[data-panel]')].map((e) => e.innerText.slice(0, 80))")
    raise RuntimeError(f"the board was not drawn: {states}")


def _spans(times: int) -> Iterator[str]:
    """Each opening looks at another span, so that no answer is kept from before."""
    for number in range(times):
        later = (_ROUNDS + number) * _SHIFT_MS
        moments = ((name, ms + later) for name, ms in (("from", city.BEGAN_MS), ("to", city.ENDED_MS)))
        yield urlencode({name: city.moment(ms).isoformat() for name, ms in moments})
