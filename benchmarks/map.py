"""How fast the map's tiles come over a million assets, beside a Flask route that answers a constant.

Served as in production (gunicorn, two processes with threads) to four client processes that walk over the map as people
do: they look at a screen of tiles, go a little aside, nearer or farther away. On SQLite and on PostgreSQL. Before that,
each fresh server answers one tile that nobody has asked for: the first tile of a process must not wait for anything.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

from sqlalchemy import create_engine, delete, func, select

from benchmarks import _generated as generated
from benchmarks._stores import NotInstalled, postgres
from benchmarks._web import city_app, constant_app, served, sign_in
from registry.services.map_counts import count_anew
from registry.storage.database import open_database
from registry.storage.schema import upgrade
from registry.storage.tables import asset_alias, asset_change, map_cell, map_counted, map_mark, metadata, scan, tag

ASSETS = 1_000_000
CLIENTS = 4
KEPT = Path("var/bench")
DEEPEST = 20
CLUSTERED = 15
DEFAULT_SECONDS = 20.0
WARM_S = 3.0
SCREEN = 2
"""Tiles of 512 pixels that a screen is wide and high; with the edges it takes one more each way."""
_BATCH = 5_000


def run(seconds: float | None = None, rows: int | None = None, size: str | None = None) -> dict[str, Any]:
    """Figures over ``rows`` assets (a million), ``seconds`` for each store; ``size``: that one alone."""
    many, span_s = rows or ASSETS, seconds or DEFAULT_SECONDS
    database = generated.registry_of(many, KEPT)
    stores: dict[str, Callable[[str], Any]] = {"sqlite": _sqlite(database), "postgresql": _postgresql(database)}
    wanted = {"embedded": ["sqlite"], "one-server": ["postgresql"]}.get(size or "", list(stores))
    found: dict[str, dict[str, Any]] = {}
    constant: dict[str, float] = {}
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder, stores[name](folder):
            if not constant:
                with served(constant_app, folder) as port:
                    constant = _summary([ms for _, ms, _ in _measure(port, "", span_s / 2)], span_s / 2)
            with served(city_app, folder) as port:
                cookie = sign_in(port)
                first_ms = _ask_first(port, cookie)
                _measure(port, cookie, WARM_S)  # what a running city has in memory
                taken = _measure(port, cookie, span_s)
            found[name] = _figures(taken, span_s) | {"first_tile_ms": first_ms}
    worst = {key: max(one[key] for one in found.values()) for key in ("tile_p95_ms", "cluster_p95_ms", "first_tile_ms")}
    slowest = min(one["requests_per_s"] for one in found.values())
    file_mb = database.stat().st_size // 2**20
    return {
        "figures": {"assets": many, **worst, **found},
        "baseline": {f"constant_{name}": value for name, value in constant.items()},
        "ratios": {"vs_constant_route": round(slowest / constant["requests_per_s"], 3)},
        "config": {"clients": CLIENTS, "seconds": span_s, "stores": wanted, "file_mb": file_mb},
    }


def _sqlite(database: Path) -> Callable[[str], Any]:
    @contextmanager
    def ready(folder: str) -> Iterator[None]:
        copyfile(database, Path(folder) / "covercode.db")
        yield

    return ready


def _postgresql(database: Path) -> Callable[[str], Any]:
    """The same rows in a server of their own; where none is installed, that is said."""

    @contextmanager
    def ready(folder: str) -> Iterator[None]:
        home = Path(folder)
        home.chmod(0o755)
        try:
            with postgres(home) as (port, _pid):
                address = f"postgresql+psycopg://covercode@127.0.0.1:{port}/postgres"
                _copy(database, address)
                (home / "records-url").write_text(address)
                yield
        except NotInstalled as error:
            raise SystemExit(f"{error}; or ask for --size embedded") from error

    return ready


def _copy(database: Path, address: str) -> None:
    """Everything that tiles are drawn from, by COPY; counted and analysed as in a city that runs."""
    source, target = open_database(f"sqlite:///{database}"), open_database(address)
    upgrade(target)
    left_out = {table.name for table in (map_cell, map_mark, map_counted, asset_alias, asset_change, scan, tag)}
    with source.connect() as old, target.begin() as new:
        driver: Any = new.connection.driver_connection
        new.exec_driver_sql("SET session_replication_role = replica")  # neither triggers nor references, as a restore
        for table in metadata.sorted_tables:
            if table.name in left_out or not old.execute(select(func.count()).select_from(table)).scalar():
                continue
            new.execute(delete(table))
            columns = ", ".join(f'"{column.name}"' for column in table.c)
            kinds = [column.type.dialect_impl(new.dialect).bind_processor(new.dialect) for column in table.c]
            with driver.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
                for row in old.execution_options(yield_per=_BATCH).execute(select(table)):
                    copy.write_row([kind(value) if kind else value for kind, value in zip(kinds, row, strict=True)])
    count_anew(target)
    target.dispose()
    source.dispose()
    analyst = create_engine(address, isolation_level="AUTOCOMMIT")
    with analyst.connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    analyst.dispose()


def _ask_first(port: int, cookie: str) -> float:
    """Milliseconds of the first tile that each of the server's processes draws, the slower one."""
    connections = [HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(CLIENTS)]
    taken = []
    for connection in connections:
        began = time.perf_counter()
        _ask(connection, "/map/tiles/9/412/225.mvt", cookie)
        taken.append((time.perf_counter() - began) * 1000)
        connection.close()
    return round(max(taken), 1)


def _measure(port: int, cookie: str, seconds: float) -> list[tuple[int, float, int]]:
    """(zoom, milliseconds, bytes) of every request of four clients at once."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(CLIENTS) as pool:
        pool.map(_warm, range(CLIENTS))
        taken = pool.starmap(_client, [(port, cookie, seconds, seed) for seed in range(CLIENTS)])
    return [each for one in taken for each in one]


def _warm(_number: int) -> None:
    """Start the client's process before the clock."""


def _client(port: int, cookie: str, seconds: float, seed: int) -> list[tuple[int, float, int]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    taken: list[tuple[int, float, int]] = []
    end = time.perf_counter() + seconds
    # people do not begin together
    for zoom, address in islice(_walk(Random(seed)), seed * 37, None):
        if time.perf_counter() >= end:
            break
        began = time.perf_counter()
        size = _ask(connection, address if cookie else "/constant", cookie)
        taken.append((zoom, (time.perf_counter() - began) * 1000, size))
    connection.close()
    return taken


def _ask(connection: HTTPConnection, address: str, cookie: str) -> int:
    connection.request("GET", address, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{address} answered {answer.status}: {body[:200]!r}")
    return len(body)


def _walk(rng: Random) -> Iterator[tuple[int, str]]:
    """What one person looks at, tile by tile: the city, then somewhere in it nearer and nearer, aside, and back out."""
    while True:
        lon, lat = generated.place_of(rng.randrange(10_000_000))
        for zoom in (*range(DEEPEST + 1), *range(DEEPEST - 1, 8, -3)):
            for _ in range(2 if zoom > 8 else 1):
                yield from _screen(lon, lat, zoom)
                aside = 180.0 / (1 << zoom)
                lon = min(max(lon + rng.uniform(-aside, aside), generated.WEST), generated.WEST + generated.WIDE)
                lat = min(max(lat + rng.uniform(-aside, aside), generated.SOUTH), generated.SOUTH + generated.HIGH)


def _screen(lon: float, lat: float, zoom: int) -> Iterator[tuple[int, str]]:
    wide = 1 << zoom
    x, y = (lon + 180.0) / 360.0 * wide, (0.5 - math.asinh(math.tan(math.radians(lat))) / math.tau) * wide
    for across in range(math.floor(x - SCREEN / 2), math.floor(x + SCREEN / 2) + 1):
        for down in range(math.floor(y - SCREEN / 2), math.floor(y + SCREEN / 2) + 1):
            if 0 <= across < wide and 0 <= down < wide:
                yield zoom, f"/map/tiles/{zoom}/{across}/{down}.mvt"


def _figures(taken: list[tuple[int, float, int]], span_s: float) -> dict[str, Any]:
    zooms = {zoom: [ms for at, ms, _ in taken if at == zoom] for zoom in range(DEEPEST + 1)}
    told = {zoom: _cuts(ms) for zoom, ms in zooms.items() if len(ms) > 1}
    return {
        "tile_p95_ms": max(each["p95_ms"] for each in told.values()),
        "cluster_p95_ms": max(each["p95_ms"] for zoom, each in told.items() if zoom < CLUSTERED),
        "requests_per_s": round(len(taken) / span_s),
        "largest_kb": round(max(size for _, _, size in taken) / 1000, 1),
        "by_zoom": {str(zoom): each | {"tiles": len(zooms[zoom])} for zoom, each in told.items()},
    }


def _summary(ms: list[float], span_s: float) -> dict[str, float]:
    return _cuts(ms) | {"requests_per_s": round(len(ms) / span_s)}


def _cuts(ms: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(ms, n=100)
    return {"p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1)}
