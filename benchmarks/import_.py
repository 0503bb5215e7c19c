"""How fast a census of generated covers is imported, beside a bare ``executemany`` of the same rows in the same run.

Both write to SQLite files of their own with the registry's tables and indexes: the bare one writes finished tuples in
batches of the same size, the import reads a CSV, checks every row, gives codes, looks for duplicates and keeps ids.
Each runs in a process of its own, whose largest memory is noted; processor time stands beside wall time, since machines
are shared.
"""

from __future__ import annotations

import csv
import itertools
import math
import multiprocessing
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from registry.domain.geo import place_cell
from registry.domain.people import SYSTEM
from registry.queries.imports import import_file
from registry.services import imports
from registry.services.classes import load_classes
from registry.storage import tables
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade

ROWS = 1_000_000
ROWS_PER_SECOND_ASKED = 10_000
BATCH = 2_500
HEADER = ("井盖编号", "部件名称", "经度", "纬度", "道路", "状态", "权属单位", "井深", "材质", "安装日期", "备注")
CLASSES = (
    "上水井盖",
    "污水井盖",
    "雨水井盖",
    "雨水箅子",
    "电力井盖",
    "路灯井盖",
    "通讯井盖",
    "路灯",
    "燃气井盖",
    "热力井盖",
)
MATERIALS = ("球墨铸铁", "复合材料", "混凝土", "钢纤维")
UNITS = ("水务局", "排水公司", "路灯所", "供电公司", "燃气集团")


def run(seconds: float | None = None, rows: int | None = None) -> dict[str, Any]:
    """Figures for a million rows; ``seconds`` or ``rows`` ask for fewer."""
    count = rows or (ROWS if seconds is None else max(10_000, int(seconds * ROWS_PER_SECOND_ASKED)))
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "窨井盖普查.csv"
        write_census(source, count)
        size_mb = source.stat().st_size / 1e6
        with context.Pool(1, maxtasksperchild=1) as pool:
            ours = pool.apply(_import, (folder, str(source)))
            bare = pool.apply(_bare, (folder,))
    return {
        "figures": ours,
        "baseline": bare,
        "ratios": {
            "vs_bare_executemany": round(ours["rows_per_s"] / bare["bare_rows_per_s"], 3),
            "vs_bare_executemany_cpu": round(ours["rows_per_cpu_s"] / bare["bare_rows_per_cpu_s"], 3),
        },
        "config": {"rows": count, "file_mb": round(size_mb, 1), "batch": BATCH, "store": "sqlite"},
    }


def write_census(path: Path, count: int) -> None:
    """A seeded census: covers and lamps along streets, every few metres, as a survey team walks."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(itertools.islice(_census(), count))


def _census() -> Iterator[tuple[str, ...]]:
    rng = Random(5)
    number = 0
    for street in itertools.count():
        lon, lat = 120.40 + rng.random() * 0.5, 31.15 + rng.random() * 0.35
        turn = rng.random() * math.tau
        east, north = math.cos(turn) * 8e-5, math.sin(turn) * 7e-5
        for step in range(200):
            number += 1
            yield (
                f"SZ-{number:07d}",
                CLASSES[rng.randrange(len(CLASSES))],
                f"{lon + step * east:.8f}",
                f"{lat + step * north:.8f}",
                f"第{street}大道",
                "完好" if rng.random() < 0.97 else "破损",
                UNITS[rng.randrange(len(UNITS))],
                str(rng.randrange(600, 4000)),
                MATERIALS[rng.randrange(len(MATERIALS))],
                f"20{rng.randrange(10, 25)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
                "",
            )


def _import(folder: str, source: str) -> dict[str, Any]:
    engine = open_database(f"sqlite:///{folder}/ours.db")
    upgrade(engine)
    with writing(engine) as tx:
        load_classes(tx)
    data_dir = Path(folder) / "data"
    with Path(source).open("rb") as file:
        run_id = imports.keep_upload(engine, data_dir, file, Path(source).name, by=SYSTEM, now=_now())
    look = imports.look_at(engine, data_dir, run_id, division="320508")
    settings = imports.with_choices(look.guessed, crs="cgcs2000", add_units=True)
    figures: dict[str, Any] = {}
    works: tuple[tuple[str, Callable[[], object]], ...] = (
        ("check_", lambda: imports.check_import(engine, data_dir, run_id, settings, by=SYSTEM, clock=_now)),
        ("", lambda: imports.run_import(engine, data_dir, run_id, by=SYSTEM, clock=_now)),
    )
    for name, work in works:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rows = import_file(engine, run_id).rows
        figures |= {f"{name}rows_per_s": round(rows / wall), f"{name}rows_per_cpu_s": round(rows / cpu)}
    view = import_file(engine, run_id)
    figures = {"rows": view.rows, **figures, "rss_mb": _rss_mb(), "created": view.created, "held": view.held}
    wall = time.perf_counter()
    imports.undo_import(engine, run_id, by=SYSTEM, now=_now())
    figures["undo_s"] = round(time.perf_counter() - wall, 1)
    with reading(engine) as tx:
        figures["left_after_undo"] = tx.execute(select(func.count()).select_from(tables.asset)).scalar_one()
    figures["rss_mb_with_undo"] = _rss_mb()
    return figures


def _bare(folder: str) -> dict[str, Any]:
    """``executemany`` of finished rows and their ids into the same tables, in transactions of the same size."""
    engine = open_database(f"sqlite:///{folder}/bare.db")
    upgrade(engine)
    engine.dispose()
    source = next(Path(folder).glob("*.csv"))
    file = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-64000"):
        file.execute(f"PRAGMA {pragma}")
    wall = cpu = 0.0
    rows = 0
    for batch in _finished(source):
        before, before_cpu = time.perf_counter(), time.process_time()
        file.execute("BEGIN IMMEDIATE")
        file.executemany(_INSERT, batch[0])
        file.executemany("INSERT INTO asset_alias (kind, value, asset_id) VALUES (?, ?, ?)", batch[1])
        file.execute("COMMIT")
        wall, cpu = wall + time.perf_counter() - before, cpu + time.process_time() - before_cpu
        rows += len(batch[0])
    file.close()
    return {"bare_rows_per_s": round(rows / wall), "bare_rows_per_cpu_s": round(rows / cpu), "bare_rss_mb": _rss_mb()}


_COLUMNS = (
    *("id", "code", "scheme", "class_code", "family", "name", "state", "lon", "lat", "place_cell", "source_crs"),
    *("source_x", "source_y", "road", "area_code", "depth_mm", "material", "installed_on", "details", "created_at"),
    "updated_at",
)
_INSERT = f"INSERT INTO asset ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608


def _finished(source: Path) -> Iterator[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
    now = 1_795_000_000_000
    serials = dict.fromkeys(CLASSES, 0)
    assets: list[tuple[Any, ...]] = []
    aliases: list[tuple[Any, ...]] = []
    with source.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(itertools.islice(csv.reader(file), 1, None), start=1):
            kind = CLASSES.index(row[1])
            serials[row[1]] += 1
            code = f"320508{kind + 101:04d}{serials[row[1]]:06d}"
            lon, lat = float(row[2]), float(row[3])
            assets.append(
                (
                    *(number, code, "cjt214-2007", code[6:10], "cover", f"{row[1]} {code[10:]}", "intact", lon, lat),
                    *(place_cell(lon, lat), "cgcs2000", lon, lat, row[4], "320508", int(row[7]), row[8], row[9], "{}"),
                    *(now, now),
                )
            )
            aliases.append(("井盖编号", row[0], number))
            if len(assets) == BATCH:
                yield assets, aliases
                assets, aliases = [], []
    if assets:
        yield assets, aliases


def _now() -> datetime:
    return datetime.now(UTC)


def _rss_mb() -> float:
    """The largest resident memory of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)
