"""Fifty covers whose sensors spoke every ten minutes for a year, with cases and alerts, and a board of twelve panels.

Readings go into the stores as fast as these take them: SQLite gets its sorted rows and roll-ups directly, InfluxDB its
lines and the roll-ups through the port. A few single readings stick out (``Spike``): a picture of the year has to show
each of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, insert, select

from benchmarks import _generated as generated
from registry.domain.boards import Board, read_board
from registry.domain.kinds import Role
from registry.domain.people import SYSTEM
from registry.services.assets import NewAsset, register_asset
from registry.services.boards import add_board, install_shipped_boards
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.services.people import NewUser, add_user
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.series import Slot, SqliteSeries
from registry.storage.series.rollups import LEVELS, ROLLUPS
from registry.storage.tables import alert, case, device, point

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_MS = 365 * 86_400_000
BEGAN_MS = round(BEGAN.timestamp() * 1000)
ENDED_MS = BEGAN_MS + YEAR_MS
STEP_MS = 600_000
DEVICES, POINTS_OF_DEVICE = 50, 10
READINGS = DEVICES * POINTS_OF_DEVICE * (YEAR_MS // STEP_MS)
CASES, ALERTS = 200_000, 50_000
SPIKES = 24
KEY = "bench"
_USUAL = {"tilt_z": 1.5, "displacement": 3.0, "water_level": 400.0, "temperature": 18.0, "battery": 80.0}
_LINES = 20_000


class Spike(NamedTuple):
    """One reading far above all others of its point."""

    point_id: int
    at_ms: int
    value: float


def make_records(path: Path) -> None:
    """The records database of the city, in a file."""
    engine = open_database(f"sqlite:///{path}")
    upgrade(engine)
    with writing(engine) as tx:
        load_classes(tx)
        install_shipped_rules(tx, now=BEGAN)
        install_shipped_boards(tx, now=BEGAN)
        who = NewUser(login=generated.LOGIN, name="Bench", role=Role.ADMINISTRATOR, password=generated.PASSWORD)
        add_user(tx, who, now=BEGAN)
        for number in range(DEVICES):
            lon, name = 110.4 + number * 0.001, f"上水井盖 {number}"
            new = NewAsset(division="440803", class_code="0101", name=name, road="人民路", lon=lon, lat=21.2)
            asset_id = register_asset(tx, new, now=BEGAN)
            sensor = NewDevice(serial=f"BD-{number:06}", profile="cc-cover-1", asset_id=asset_id, heartbeat_s=600.0)
            put_on(tx, sensor, now=BEGAN)
    _happen(engine)
    add_board(engine, board(), by=SYSTEM, now=BEGAN)
    engine.dispose()


def _happen(engine: Engine) -> None:
    """Cases and alerts of the year, as rows: what a count reads is what matters here."""
    rng = Random(7)
    with writing(engine) as tx:
        sensors = tx.execute(select(device.c.id, device.c.asset_id)).all()
        for rows in _batches(_cases(rng, [row.asset_id for row in sensors])):
            tx.execute(insert(case), rows)
        for rows in _batches(_alerts(rng, [(row.id, row.asset_id) for row in sensors])):
            tx.execute(insert(alert), rows)


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while some := list(islice(left, _LINES)):
        yield some


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _cases(rng: Random, assets: list[int]) -> Iterator[dict[str, Any]]:
    kinds = ("cover_displaced", "cover_loose", "cover_damaged", "water_high")
    for number in range(CASES):
        at_ms = BEGAN_MS + YEAR_MS * number // CASES
        is_open = number % (CASES // len(assets)) == 0
        ended = None if is_open else moment(min(at_ms + rng.randrange(1, 72) * 3_600_000, ENDED_MS))
        late = rng.random() < 0.1
        yield {
            "number": f"B{number:012}",
            "asset_id": assets[number // (CASES // len(assets))] if is_open else rng.choice(assets),
            # one open case of an asset and kind at most
            "kind": "cover_sunken" if is_open else rng.choice(kinds),
            "source": rng.choice(("sensor", "citizen", "patrol", "hotline")),
            "opened_at": moment(at_ms),
            "area_code": "440803",
            "severity": rng.choice((1, 1, 2, 2, 3)),
            "stage": "in_hand" if is_open else "closed",
            "deadline_at": moment(at_ms + 86_400_000),
            "overdue_at": moment(at_ms + 86_400_000) if late else None,
            "ended_at": ended,
            "closed_how": None if is_open else "repaired",
            "version": 5,
        }


def _alerts(rng: Random, sensors: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for number in range(ALERTS):
        at = moment(BEGAN_MS + YEAR_MS * number // ALERTS)
        device_id, asset_id = rng.choice(sensors)
        yield {
            "rule_key": rng.choice(("cover_tilt", "cover_displaced", "water_high")),
            "rule_version": 1,
            "device_id": device_id,
            "asset_id": asset_id,
            "severity": rng.choice((1, 2, 3)),
            "state": "cleared",
            "began_at": at,
            "fired_at": at,
            "recorded_at": at,
            "cleared_at": at,
        }


def board() -> Board:
    """Twelve panels over the year: eight charts of fifty curves, counts, hours of the week, a table."""
    names = ("tilt_x", "tilt_y", "tilt_z", "displacement", "vibration", "water_level", "temperature", "battery")
    panels: list[dict[str, Any]] = [
        _panel(name, "time_series", 12 * (place % 2), 8 * (place // 2), 12, 8, _curves(name))
        for place, name in enumerate(names)
    ]
    cases = {"of": "count", "what": "cases"}
    panels += [
        _panel("opened", "stat", 0, 32, 6, 6, cases),
        _panel("kinds", "bar", 6, 32, 6, 6, cases | {"by": "kind", "limit": 8}),
        _panel("by_day", "time_series", 12, 32, 12, 6, cases | {"by": "severity", "over": "day"}),
        _panel("week", "heat_map", 0, 38, 12, 8, {"of": "week_hours", "what": "alerts"}),
    ]
    span = {"from": BEGAN.isoformat(), "to": moment(ENDED_MS).isoformat()}
    name = {"zh": "一年", "en": "A year"}
    return read_board({"key": KEY, "name": name, "time": span, "refresh_s": 0, "panels": panels})


def _curves(name: str) -> dict[str, Any]:
    return {"of": "series", "point": name, "of_family": ["cover"], "most": DEVICES, "show": "range"}


def _panel(panel_id: str, kind: str, x: int, y: int, w: int, h: int, source: dict[str, Any]) -> dict[str, Any]:
    title = {"zh": panel_id, "en": panel_id}
    return {"id": panel_id, "title": title, "kind": kind, "x": x, "y": y, "w": w, "h": h, "source": source}


def points_of(records: Path) -> list[tuple[int, str]]:
    """Every point of the city with its name."""
    engine = open_database(f"sqlite:///{records}")
    with reading(engine) as tx:
        found = [(row.id, row.name) for row in tx.execute(select(point.c.id, point.c.name).order_by(point.c.id))]
    engine.dispose()
    return found


def spikes_of(points: list[tuple[int, str]], readings_of_point: int) -> list[Spike]:
    """Where single readings stick out: of points that the board draws, all over the year."""
    drawn = [point_id for point_id, name in points if name in _USUAL]
    rng = Random(11)
    first = _first_ms(readings_of_point)
    return [
        Spike(rng.choice(drawn), first + rng.randrange(readings_of_point) * STEP_MS, 5_000.0 + number)
        for number in range(SPIKES)
    ]


def _first_ms(readings_of_point: int) -> int:
    """A shorter history ends with the year as well."""
    return ENDED_MS - readings_of_point * STEP_MS


def history(point_id: int, name: str, readings: int, spikes: list[Spike]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The times (ms) and values of one point."""
    times = _first_ms(readings) + np.arange(readings, dtype=np.int64) * STEP_MS
    rng = np.random.default_rng(point_id)
    usual = _USUAL.get(name, 1.0)
    waves = usual * (1 + 0.2 * np.sin(times / 86_400_000 * 2 * np.pi) + 0.05 * rng.standard_normal(readings))
    values = waves.round(3)
    for spike in spikes:
        if spike.point_id == point_id:
            values[(spike.at_ms - int(times[0])) // STEP_MS] = spike.value
    return times, values


def rolled(times: NDArray[Any], values: NDArray[Any], width_ms: int) -> list[Slot]:
    """The roll-ups of one level."""
    at = times // width_ms * width_ms
    begins = np.flatnonzero(np.r_[True, np.diff(at) != 0])
    ends = np.r_[begins[1:], len(at)] - 1
    columns = (
        at[begins],
        np.minimum.reduceat(values, begins),
        np.maximum.reduceat(values, begins),
        np.add.reduceat(values, begins),
        values[ends],
        times[ends],
        ends - begins + 1,
    )
    return [Slot(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def fill_sqlite(path: Path, points: list[tuple[int, str]], readings_of_point: int, spikes: list[Spike]) -> None:
    """The series file: sorted rows and roll-ups, as the store itself would have folded them."""
    store = SqliteSeries(path)
    store.count()  # lays the file out
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "locking_mode=EXCLUSIVE"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        for point_id, name in points:
            times, values = history(point_id, name, readings_of_point, spikes)
            rows = zip(times.tolist(), values.tolist(), strict=True)
            sql = "INSERT INTO history VALUES (?, ?, ?, 0, ?)"
            db.executemany(sql, ((point_id, at, value, at) for at, value in rows))
            for level in ROLLUPS:
                slots = rolled(times, values, LEVELS[level])
                sql = f"INSERT INTO {level} VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our names
                db.executemany(sql, ((point_id, *slot) for slot in slots))
        db.execute("COMMIT")
        db.execute("PRAGMA locking_mode=NORMAL")


def fill_influx(store: Any, points: list[tuple[int, str]], readings_of_point: int, spikes: list[Spike]) -> None:
    """The same through the port of the store; its own ``fold`` then finds all hours to roll up, a last time."""
    for point_id, name in points:
        times, values = history(point_id, name, readings_of_point, spikes)
        rows = [(point_id, at, value, 0, at) for at, value in zip(times.tolist(), values.tolist(), strict=True)]
        for some in _batches(rows):
            store.append(some)
    while store.fold(moment(ENDED_MS + 86_400_000)):
        pass
