"""The embedded series store's batches, beside the same rows in one table sorted by point and time."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry.storage.series import SqliteSeries

POINTS = 35_000
BATCH = 10_000
DEFAULT_BATCHES = 60

Row = tuple[int, int, float, int, int]


def run(seconds: float | None = None) -> dict[str, Any]:
    """Rows/s of both; ``seconds`` scales the number of batches."""
    batches = DEFAULT_BATCHES if seconds is None else max(3, int(seconds))
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteSeries(Path(folder) / "series.db")
        ours = _rate(store.append, batches)
        began = time.perf_counter()
        moved = store.fold(datetime.now(UTC))
        fold = moved / (time.perf_counter() - began)
        store.close()
        with closing(sqlite3.connect(Path(folder) / "sorted.db", isolation_level=None)) as db:
            sorted_rate = _rate(_sorted_table(db), batches)
    return {
        "figures": {"rows_per_s": round(ours), "fold_rows_per_s": round(fold)},
        "baseline": {"sorted_rows_per_s": round(sorted_rate)},
        "ratios": {"vs_sorted_table": round(ours / sorted_rate, 2)},
        "config": {"points": POINTS, "batch": BATCH, "batches": batches, "synchronous": "FULL"},
    }


def _sorted_table(db: sqlite3.Connection) -> Callable[[list[Row]], None]:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE r (p INT, t INT, v REAL, q INT, rx INT, PRIMARY KEY (p, t)) WITHOUT ROWID")

    def append(rows: list[Row]) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR IGNORE INTO r VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")

    return append


def _rate(append: Callable[[list[Row]], object], batches: int) -> float:
    spent_s = 0.0
    for rows in _batches(batches):
        began = time.perf_counter()
        append(rows)
        spent_s += time.perf_counter() - began
    return batches * BATCH / spent_s


def _batches(count: int) -> Iterator[list[Row]]:
    """Readings as they arrive: every point in turn, round after round."""
    number = 0
    for _ in range(count):
        rows = []
        for _ in range(BATCH):
            number += 1
            rows.append((number % POINTS, 1_700_000_000_000 + number // POINTS * 1000, 1.25, 0, 1_700_000_000_000))
        yield rows
