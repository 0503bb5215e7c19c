"""How fast pages about cases answer when 2,000,000 are closed and 100,000 open, beside a route that answers a constant.

The server is the one of production (``dashboards.server``: gunicorn, two processes with threads), the records are in
SQLite (``--size embedded``) or PostgreSQL with Debian's own configuration (``--size one-server``). Every page is asked
by one visitor, over and over with other words, and after each answer the same visitor asks the constant route, so that
both see the same machine. Then four visitors ask for everything at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

import click
from sqlalchemy import Engine, select

from benchmarks import _generated as generated
from benchmarks._cases_city import CREW, DESK, STREET, CasesCity
from benchmarks._stores import postgres
from benchmarks._web import city_app, constant_app, served, sign_in
from registry.domain.months import month_of
from registry.domain.people import SYSTEM
from registry.queries.paging import encode
from registry.services.month_closing import ask_to_close, close_month
from registry.storage.database import open_database, reading
from registry.storage.tables import asset, case, user

CLOSED, OPEN = 2_000_000, 100_000
KEPT = Path("var/bench")
ASKED = 60
DEFAULT_SECONDS = 20.0
CLIENTS = 4
BOUND_MS = 300.0
ZONE = timezone(timedelta(hours=8), "CST")
MONTHS = 2
"""How many months are closed."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page with the addresses that it is asked by, in turn; ``who``: the login."""

    name: str
    who: str
    addresses: tuple[str, ...]


def run(seconds: float | None = None, rows: int | None = None, size: str = "embedded") -> dict[str, Any]:
    """Figures over ``rows`` cases (2,100,000; one of twenty-one is open). ``seconds``: how long four ask at once."""
    open_now = (rows or CLOSED + OPEN) // 21
    closed = (rows or CLOSED + OPEN) - open_now
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="covercode-cases-")))
        if size == "embedded":
            # what a visit writes is not kept: each run begins with the same file
            copyfile(_kept(closed, open_now), folder / "covercode.db")
        else:
            folder.chmod(0o755)
            port, _ = stack.enter_context(postgres(folder))
            address = f"postgresql+psycopg://covercode@127.0.0.1:{port}/postgres"
            (folder / "records-url").write_text(address)
            _fill(address, closed, open_now)
        measured = measure(folder, seconds or DEFAULT_SECONDS)
    return measured | {
        "config": {"store": size, "closed": closed, "open": open_now, "asked_each": ASKED, "clients": CLIENTS}
    }


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Figures of the city in ``folder``."""
    address = folder / "records-url"
    engine = open_database(address.read_text() if address.exists() else f"sqlite:///{folder}/covercode.db")
    pages = list(_pages(engine))
    engine.dispose()
    with served(constant_app, str(folder)) as constant, served(city_app, str(folder)) as port:
        cookies = {login: sign_in(port, login) for login in {page.who for page in pages}}
        alone, beside = _one_visitor(port, constant, pages, cookies)
        together = _at_once(port, pages, cookies, seconds)
    told = {name: _summary(ms) for name, ms in alone.items()}
    slowest = max(told, key=lambda name: told[name]["p95_ms"])
    base = _summary(beside)
    return {
        "figures": {
            "slowest_page": slowest,
            "slowest_p95_ms": told[slowest]["p95_ms"],
            "over_the_bound": [name for name, one in told.items() if one["p95_ms"] >= BOUND_MS],
            **{f"{name}_{cut}": value for name, one in told.items() for cut, value in one.items()},
            **{f"four_at_once_{cut}": value for cut, value in _summary(together).items()},
            "four_at_once_requests_per_s": round(len(together) / seconds, 1),
            "load": [round(each, 1) for each in os.getloadavg()],
        },
        "baseline": {f"constant_{cut}": value for cut, value in base.items()},
        "ratios": {"slowest_vs_constant_p95": round(told[slowest]["p95_ms"] / base["p95_ms"], 1)},
    }


def _kept(closed: int, open_now: int) -> Path:
    """The file with the city; made when it is not there."""
    path = KEPT / f"cases-{closed}-{open_now}-{generated.shape()}-{datetime.now(UTC):%Y%m}.db"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".making")
        for each in KEPT.glob(f"{fresh.name}*"):
            each.unlink()
        _fill(f"sqlite:///{fresh}", closed, open_now)
        fresh.rename(path)
    return path


def _fill(address: str, closed: int, open_now: int) -> None:
    engine = open_database(address)
    now = datetime.now(UTC).replace(microsecond=0)
    with click.progressbar(length=closed + open_now, label="cases", file=sys.stderr, show_pos=True) as bar:

        def progress(what: str, done: int, _of: int) -> None:
            bar.update(done + (closed if what == "open cases" else 0) - bar.pos)

        CasesCity(closed=closed, open_now=open_now, now=now).write(engine, progress)
    close_months(engine, now)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def close_months(engine: Engine, now: datetime) -> None:
    """Close the last months by the product's own way."""
    this = month_of(now, ZONE)
    for back in range(MONTHS, 0, -1):
        key = str(this.later(-back))
        ask_to_close(engine, key, by=SYSTEM, now=now, zone=ZONE)
        close_month(engine, key, clock=lambda: now, zone=ZONE)


def _pages(engine: Engine) -> Iterator[Page]:
    """Every page about cases, as people narrow it."""
    rng, boss = Random(7), generated.LOGIN
    with reading(engine) as tx:
        newest = int(tx.scalar(select(case.c.id).order_by(case.c.id.desc()).limit(1)) or 0)
        some = sorted(rng.randrange(1, newest + 1) for _ in range(ASKED))
        numbers = list(tx.scalars(select(case.c.number).where(case.c.id.in_(some))))
        crew = list(tx.scalars(select(user.c.id).where(user.c.unit_id.is_not(None)).limit(ASKED)))
        assets = tx.execute(select(asset.c.id, asset.c.code, asset.c.name, asset.c.road).limit(ASKED)).all()
        last_open = list(tx.scalars(select(case.c.id).where(case.c.id > newest - 20_000).limit(ASKED)))
    roads = [row.road for row in assets if row.road]
    for name, words in (
        ("list", [""]),
        ("list_open", ["open_only=1"]),
        ("list_overdue", ["overdue=1&open_only=1"]),
        ("list_missed", ["overdue=1"]),
        (
            "list_stage",
            [f"stage={stage}" for stage in ("filed", "in_hand", "handed_back", "closed", "void", "verified")],
        ),
        ("list_kind", [f"kind={kind}" for kind in ("water_high", "lamp_out", "lamp_rust", "battery_low")]),
        ("list_kind_open", ["kind=lamp_out&open_only=1", "kind=battery_low&open_only=1"]),
        ("list_person", [f"assignee_id={user_id}" for user_id in crew]),
        ("list_person_open", [f"assignee_id={user_id}&open_only=1" for user_id in crew]),
        ("list_asset", [f"asset_id={row.id}" for row in assets]),
        ("list_next", [f"after={encode(newest - number * 50)}" for number in range(ASKED)]),
        ("list_deep", [f"after={encode(each)}" for each in some]),
        ("list_open_deep", [f"open_only=1&after={encode(each)}" for each in last_open]),
        ("list_overdue_deep", [f"open_only=1&overdue=1&after={encode(each)}" for each in last_open]),
        ("search_number", [f"q={number}" for number in numbers]),
        ("search_day", [f"q={number[:8]}" for number in numbers]),
        ("search_code", [f"q={row.code}" for row in assets]),
        ("search_class", [f"q={row.code[:10]}" for row in assets]),
        ("search_name", [f"q={_quoted(row.name[:2])}" for row in assets]),
        ("search_road", [f"q={_quoted(road)}" for road in roads]),
        ("search_road_open", [f"q={_quoted(road)}&open_only=1" for road in roads]),
        ("search_nothing", ["q=%E6%B2%A1%E6%9C%89", "q=999999", "q=zzz"]),
        ("search_nothing_open", ["q=%E6%B2%A1%E6%9C%89&open_only=1&overdue=1"]),
    ):
        yield Page(f"cases_{name}", boss, tuple(f"/cases?{word}" for word in words))
    for name, who in (("district", DESK), ("street", STREET)):
        yield Page(f"cases_of_{name}", who, ("/cases", "/cases?open_only=1", "/cases?overdue=1&open_only=1"))
        yield Page(f"search_of_{name}", who, tuple(f"/cases?q={_quoted(road)}" for road in roads))
        yield Page(f"search_nothing_of_{name}", who, ("/cases?q=zzz", "/cases?kind=battery_low"))
        yield Page(f"overview_of_{name}", who, ("/", "/api/v1/wrong-now", "/api/v1/overview"))
        yield Page(f"queues_of_{name}", who, ("/queues", "/queues/1", "/queues/7"))
    yield Page("case_open", boss, tuple(f"/cases/{each}" for each in last_open))
    yield Page("case_closed", boss, tuple(f"/cases/{each}" for each in some))
    yield Page("queues", boss, ("/queues",))
    yield Page("queue_of_unit", boss, tuple(f"/queues/{number}" for number in range(1, 13)))
    yield Page("queue_of_person", boss, tuple(f"/queues/1?assignee_id={user_id}" for user_id in crew[:10]))
    yield Page("tasks", CREW, ("/tasks",))
    yield Page("queue_own", CREW, ("/queues/1",))
    yield Page("overview", boss, ("/",))
    yield Page("wrong_now", boss, ("/api/v1/wrong-now",))
    yield Page("overview_counts", boss, ("/api/v1/overview",))
    yield Page("api_cases", boss, ("/api/v1/cases", "/api/v1/cases?open_only=1", "/api/v1/cases?overdue=1"))
    yield Page("intake", boss, ("/intake",))
    this = month_of(datetime.now(UTC), ZONE)
    last = this.later(-1)
    yield Page("months", boss, ("/months",))
    yield Page("month_closed", boss, (f"/months/{last}",))
    figures = ("found", "dispatched", "handled_late", "open_overdue", "reworked", "redispatched", "supervised")
    yield Page("month_figure", boss, tuple(f"/months/{last}/cases?count={each}" for each in figures))
    units = tuple(f"/months/{last}/cases?count=open_overdue&sort=unit&subject={number}" for number in range(1, 13))
    yield Page("month_figure_of_unit", boss, units)
    yield Page("supervision", boss, ("/supervision", "/supervision?late=1", "/supervision?state=replied"))
    yield Page("supervision_search", boss, ("/supervision?q=%E6%B2%A1%E6%9C%89", f"/supervision?q={_quoted(roads[0])}"))
    for name in ("rechecks", "inspections", "repeats", "typical-cases", "campaigns", "consultations", "mandates"):
        yield Page(name.replace("-", "_"), boss, (f"/{name}",))
    yield Page("rewards", boss, ("/rewards", "/awards"))


def _quoted(words: str) -> str:
    return "".join(f"%{byte:02X}" for byte in words.encode())


def _one_visitor(
    port: int, constant: int, pages: Sequence[Page], cookies: dict[str, str]
) -> tuple[dict[str, list[float]], list[float]]:
    """Milliseconds of every page, and of the constant route after each of them."""
    connection = HTTPConnection("127.0.0.1", port, timeout=300)
    beside = HTTPConnection("127.0.0.1", constant, timeout=300)
    alone: dict[str, list[float]] = {}
    constants: list[float] = []
    for page in pages:
        # once for what a running server has in memory
        _ask(connection, page.addresses[0], cookies[page.who])
        taken = alone[page.name] = []
        for turn in range(ASKED):
            taken.append(_ask(connection, page.addresses[turn % len(page.addresses)], cookies[page.who]))
            constants.append(_ask(beside, "/constant", ""))
    connection.close()
    beside.close()
    return alone, constants


def _ask(connection: HTTPConnection, address: str, cookie: str) -> float:
    began = time.perf_counter()
    connection.request("GET", address, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise RuntimeError(f"{address} answered {answer.status}: {re.sub(rb'<[^>]+>', b'', body)[:300]!r}")
    return taken


def _at_once(port: int, pages: Sequence[Page], cookies: dict[str, str], seconds: float) -> list[float]:
    """Milliseconds of four visitors in processes of their own, each with pages in an order of its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(CLIENTS) as pool:
        work = [(port, pages, cookies, seconds, seed) for seed in range(CLIENTS)]
        return [ms for taken in pool.starmap(_visitor, work) for ms in taken]


def _visitor(port: int, pages: Sequence[Page], cookies: dict[str, str], seconds: float, seed: int) -> list[float]:
    rng, taken = Random(seed), list[float]()
    connection = HTTPConnection("127.0.0.1", port, timeout=300)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        page = rng.choice(pages)
        taken.append(_ask(connection, rng.choice(page.addresses), cookies[page.who]))
    connection.close()
    return taken


def _summary(ms: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(ms, n=100)
    return {"p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1), "p99_ms": round(cuts[98], 1)}
