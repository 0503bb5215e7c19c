"""Ten million readings in an embedded store, and what back-tests over them take.

1,000 covers say their angle once a minute for a week. Each is knocked twice a day (one reading far over the limit), and
every twentieth lies open for an hour. The file is written in the store's own layout, which makes its roll-ups itself,
and is kept for the next run.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from registry.domain.kinds import Family, Severity
from registry.domain.rules.conditions import LimitCondition, StuckCondition
from registry.domain.rules.rule import Rule, Watches
from registry.queries.backtests import BacktestWish, backtest
from registry.services.assets import NewAsset, register_asset
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.storage.database import open_database, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import metadata, point

COVERS, EACH = 1_000, 10_000
EVERY_MS = 60_000
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
_KNOCKS = 14
_FEW = 100

TILT = Rule(
    key="cover_tilt",
    version=1,
    family=Family.COVER,
    point="tilt_z",
    severity=Severity.ALARM,
    case_kind="cover_displaced",
    condition=LimitCondition(fire=15.0, clear=10.0, hold_s=5.0, relative=True, magnitude=True),
)
STUCK = msgspec.structs.replace(
    TILT, key="stuck", severity=Severity.NOTICE, case_kind=None, condition=StuckCondition(samples=12, for_s=600.0)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Parts of the benchmark's answer."""

    figures: dict[str, Any]
    baseline: dict[str, Any]
    ratios: dict[str, Any]
    config: dict[str, Any]


def measure(kept: Path) -> Tried:
    """Back-test a limit over all of it, and a rule that must see every reading over a tenth."""
    with TemporaryDirectory() as folder:
        engine, points = _records(Path(folder) / "records.db")
        store = SqliteSeries(_series(kept, points))
        until = BEGAN + timedelta(milliseconds=EVERY_MS * (EACH + 1))
        wish = BacktestWish(rule=TILT, since=BEGAN, until=until, beside_present=False)
        wall_s, cpu_s, found = _timed(engine, store, wish)
        few = Watches(assets=tuple(range(1, _FEW + 1)))
        every = BacktestWish(
            rule=msgspec.structs.replace(STUCK, watches=few), since=BEGAN, until=until, beside_present=False
        )
        every_s, every_cpu_s, all_read = _timed(engine, store, every)
        reading_s = _read_all(store, points[:_FEW], until)
        store.close()
        engine.dispose()
    readings = COVERS * EACH
    return Tried(
        figures={
            "backtest_10m_s": round(wall_s, 2),
            "backtest_10m_cpu_s": round(cpu_s, 2),
            "backtest_10m_looked_at": found.read,
            "backtest_alerts": found.tally.fired,
            "backtest_every_reading_1m_s": round(every_s, 2),
            "backtest_every_reading_1m_cpu_s": round(every_cpu_s, 2),
        },
        baseline={"read_only_1m_cpu_s": round(reading_s, 2)},
        ratios={"every_reading_vs_read_only": round(every_cpu_s / reading_s, 2)},
        config={
            "backtest": f"{TILT.key} (limit, held 5 s) over {readings} readings of {COVERS} covers, SQLite store",
            "backtest_every_reading": f"a rule without a calm band (stuck) over {all_read.read} readings",
        },
    )


def _timed(engine: Engine, store: SqliteSeries, wish: BacktestWish) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = backtest(engine, store, wish)
    return time.perf_counter() - wall, time.process_time() - cpu, found


def _read_all(store: SqliteSeries, points: list[int], until: datetime) -> float:
    """What it takes only to have the readings as rows."""
    began = time.process_time()
    for point_id in points:
        store.window(point_id, 0, round(until.timestamp() * 1000), limit=EACH)
    return time.process_time() - began


def _records(path: Path) -> tuple[Engine, list[int]]:
    """The covers with their sensors, and the ids of the points."""
    engine = open_database(f"sqlite:///{path}")
    metadata.create_all(engine)
    fitted = BEGAN - timedelta(days=30)
    with writing(engine) as tx:
        load_classes(tx)
        for number in range(COVERS):
            new = NewAsset(division="440803", class_code="0101", lon=113.0 + number * 1e-4, lat=23.1)
            asset_id = register_asset(tx, new, now=fitted)
            device = NewDevice(serial=f"BT-{number:05d}", profile="p", asset_id=asset_id, heartbeat_s=60.0)
            put_on(tx, device, now=fitted)
        points = list(tx.scalars(select(point.c.id).where(point.c.name == TILT.point).order_by(point.c.id)))
    return engine, points


def _series(kept: Path, points: list[int]) -> Path:
    path = kept / f"backtest-{COVERS}-{EACH}-{points[0]}-{points[-1]}.db"
    if path.exists():
        return path
    kept.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".making")
    fresh.unlink(missing_ok=True)
    store = SqliteSeries(fresh)
    store.count()  # lays out the tables
    store.close()
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000;")
        db.execute("BEGIN")
        for point_id in points:
            db.executemany("INSERT INTO history VALUES (?, ?, ?, 0, ?)", _rows(point_id))
        db.execute("COMMIT")
        db.execute("PRAGMA user_version=1")  # as a file of before there were roll-ups: the store makes them
    store = SqliteSeries(fresh)
    store.fold(datetime.now(UTC))
    store.close()
    fresh.rename(path)
    return path


def _rows(point_id: int) -> Iterator[tuple[int, int, float, int]]:
    chance = Random(point_id)
    knocks = {chance.randrange(EACH) for _ in range(_KNOCKS)}
    opened = chance.randrange(EACH) if chance.randrange(20) == 0 else -EACH
    start = round(BEGAN.timestamp() * 1000) + point_id % EVERY_MS
    for number in range(EACH):
        value = chance.gauss(0.0, 0.2) + (30.0 if number in knocks else 0.0)
        value += 70.0 if opened <= number < opened + 60 else 0.0
        at_ms = start + number * EVERY_MS
        yield point_id, at_ms, round(value, 2), at_ms + 300
