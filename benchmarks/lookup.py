"""How fast one of a million assets is found through HTTP, beside a Flask route that answers a constant.

Both are served as in production (``dashboards.server``: gunicorn, two processes with threads), one after the other, to
four client processes that keep their connections. Reads are by token, by code, by alias and by place; the public page
of a plate, which also keeps the scan, is timed by itself. Then every list and search page is opened by one visitor.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks import _generated as generated
from benchmarks._web import city_app, constant_app, served, sign_in

ASSETS = 1_000_000
CLIENTS = 4
KEPT = Path("var/bench")
KINDS = ("token", "code", "alias", "nearest")
DEFAULT_SECONDS = 20.0
OPENINGS = 5


def run(seconds: float | None = None, rows: int | None = None) -> dict[str, Any]:
    """Figures over ``rows`` assets (a million); ``seconds`` is the length of each measured part."""
    many, span_s = rows or ASSETS, seconds or DEFAULT_SECONDS
    database = generated.registry_of(many, KEPT)
    plates = list(islice(generated.tokens(many), 0, None, max(1, many // 20_000)))
    with tempfile.TemporaryDirectory() as folder:
        # the scans of a run are not kept: each run begins with the same file
        copyfile(database, Path(folder) / "covercode.db")
        with served(constant_app, folder) as port:
            constant = _measure(port, [Work("constant", "", many, ())], span_s)
        with served(city_app, folder) as port:
            cookie = sign_in(port)
            _measure(
                port, [Work(kind, cookie, many, plates) for kind in KINDS], 3.0
            )  # what a running city has in memory
            lookups = _measure(port, [Work(kind, cookie, many, plates) for kind in KINDS], span_s)
            scans = _measure(port, [Work("scan_page", "", many, plates)], span_s / 2)
            pages = _open_pages(port, cookie)
    slowest = max(pages, key=lambda page: pages[page])
    overall, base = lookups["all"], constant["all"]
    return {
        "figures": {
            "assets": many,
            **overall,
            **{f"{name}_{kind}": lookups[kind][name] for kind in KINDS for name in ("p50_ms", "p99_ms")},
            **{f"scan_page_{name}": value for name, value in scans["all"].items()},
            "slowest_page": slowest,
            "slowest_page_ms": pages[slowest],
            "pages_ms": dict(sorted(pages.items(), key=lambda page: -page[1])),
        },
        "baseline": {f"constant_{name}": value for name, value in base.items()},
        "ratios": {"vs_constant_route": round(overall["requests_per_s"] / base["requests_per_s"], 3)},
        "config": {
            "clients": CLIENTS,
            "seconds": span_s,
            "store": "sqlite",
            "file_mb": database.stat().st_size // 2**20,
        },
    }


@dataclass(frozen=True)
class Work:
    """What a client asks for, over and over; ``cookie`` is the session."""

    kind: str
    cookie: str
    assets: int
    plates: Any

    def address(self, rng: Random) -> str:
        """The next request's address."""
        number = rng.randrange(self.assets)
        if self.kind == "token":
            return f"/api/v1/assets/lookup?text={rng.choice(self.plates)}"
        if self.kind == "code":
            return f"/api/v1/assets/by-code/{generated.code_of(number)}"
        if self.kind == "alias":
            return f"/api/v1/assets/lookup?text={generated.alias_of(number)}"
        if self.kind == "nearest":
            lon, lat = generated.place_of(number)
            return f"/api/v1/assets/nearest?lon={lon + 0.0003:.6f}&lat={lat - 0.0002:.6f}"
        return f"/q/{rng.choice(self.plates)}" if self.kind == "scan_page" else "/constant"


def _measure(port: int, works: list[Work], seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds at p50 and p99 and requests/s of four clients at once, together and by kind."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(CLIENTS) as pool:
        pool.map(_warm, range(CLIENTS))
        began = time.perf_counter()
        taken = pool.starmap(_client, [(port, works, seconds, seed) for seed in range(CLIENTS)])
        elapsed_s = time.perf_counter() - began
    by_kind: dict[str, list[float]] = {work.kind: [] for work in works}
    for one in taken:
        for kind, ms in one:
            by_kind[kind].append(ms)
    every = [ms for found in by_kind.values() for ms in found]
    told = {kind: _summary(found, elapsed_s) for kind, found in by_kind.items()}
    return told | {"all": _summary(every, elapsed_s)}


def _summary(ms: list[float], elapsed_s: float) -> dict[str, float]:
    cuts = statistics.quantiles(ms, n=100)
    return {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "requests_per_s": round(len(ms) / elapsed_s)}


def _warm(_number: int) -> None:
    """Start the client's process before the clock."""


def _client(port: int, works: list[Work], seconds: float, seed: int) -> list[tuple[str, float]]:
    rng, taken = Random(seed), list[tuple[str, float]]()
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.perf_counter() + seconds
    turn = seed
    while time.perf_counter() < end:
        work = works[turn % len(works)]
        turn += 1
        # Each scan comes from another phone: the limit per sender is not what is measured.
        headers = {
            "Cookie": work.cookie,
            "X-Forwarded-For": f"10.{rng.randrange(256)}.{rng.randrange(256)}.{turn % 250}",
        }
        address = work.address(rng)
        began = time.perf_counter()
        connection.request("GET", address, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        taken.append((work.kind, (time.perf_counter() - began) * 1000))
        if answer.status != 200:
            raise RuntimeError(f"{address} answered {answer.status}: {body[:200]!r}")
        if work.kind in ("token", "alias") and b'"items":[]' in body:
            raise RuntimeError(f"{address} found nothing")
    connection.close()
    return taken


def _open_pages(port: int, cookie: str) -> dict[str, float]:
    """Milliseconds that each list and search takes one visitor: the slowest of several openings after a first one."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    taken: dict[str, float] = {}
    for address in _addresses():
        times = []
        for _ in range(OPENINGS + 1):
            began = time.perf_counter()
            connection.request("GET", address, headers={"Cookie": cookie})
            answer = connection.getresponse()
            body = answer.read()
            times.append((time.perf_counter() - began) * 1000)
            if answer.status in (301, 302, 303, 404, 405):
                break
            if answer.status != 200:
                raise RuntimeError(f"{address} answered {answer.status}: {body[:300]!r}")
        else:
            taken[address] = round(max(times[1:]), 1)
    connection.close()
    return taken


def _addresses() -> Iterator[str]:
    """Every list and search, as a person narrows it; what this version does not have answers 404 and is left out."""
    road = generated.road_of(1234)
    some = [
        {},
        {"q": road},
        {"q": road[:2]},
        {"q": "1234路"},
        {"q": "4408"},
        {"q": "44080301"},
        {"q": "上水"},
        {"q": "没有这样的东西"},
        {"q": generated.alias_of(77)},
        {"family": "light"},
        {"family": "light", "q": road[:2]},
        {"state": "lost"},
        {"state": "intact", "family": "cover"},
        {"with_alert": "1"},
        {"with_alert": "0"},
    ]
    for base in ("/assets", "/api/v1/assets"):
        yield from (f"{base}?{urlencode(query)}" for query in some)
    for query in (
        {"lacks": "plate"},
        {"lacks": "cell"},
        {"lacks": "photo,sensor"},
        {"lacks": "place"},
        {"lacks": "road"},
    ):
        yield f"/api/v1/assets?{urlencode(query)}"
    yield from (f"/api/v1/assets?area_code={code}" for code in ("440803", "440803001", "440803999"))
    yield from (f"/api/v1/assets?unit_id={unit}" for unit in (1, 30))
    yield from (
        f"/api/v1/assets?road={quote(road)}",
        "/api/v1/assets?class_code=0103",
        "/api/v1/assets?class_code=0137",
    )
    for base in ("", "/api/v1"):
        for query in ({}, {"open_only": "1"}, {"stage": "closed"}, {"overdue": "1"}, {"q": road}, {"q": "440803"}):
            yield f"{base}/cases?{urlencode(query)}"
        for query in ({}, {"state": "firing"}, {"severity": "3"}, {"case_kind": "water_high"}):
            yield f"{base}/alerts?{urlencode(query)}"
        for name in ("scans", "scans?flagged=1", "gaps", "areas", "classes", "duties", "posts", "units", "imports"):
            yield f"{base}/{name}"
        for name in ("print-runs", "tags", "people", "audit", "label-templates", "devices", "overview", "wrong-now"):
            yield f"{base}/{name}"
    for number in range(1, 4):
        yield from (f"/assets/{number}", f"/api/v1/assets/{number}", f"/api/v1/assets/{number}/history")
    yield from ("/", "/system", "/rules", "/tasks", "/api/v1/map?bbox=110.3,21.2,110.31,21.21")
