"""The series: every reading ever taken, by point and time. The port, and the store on SQLite.

Shape on disk. Readings arrive mixed over tens of thousands of points; a table sorted by point would touch one page a
reading. So ``recent`` takes them in order of arrival (sequential pages), and ``fold`` moves them, sorted, into
``history`` (primary key point, time). The view ``reading`` is both, each reading once, for people:
``sqlite3 series.db 'SELECT * FROM reading'``. A reading's identity is (point, measured_at): whichever came first stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from registry.domain.errors import StoreDown


class SeriesRow(NamedTuple):
    """One reading: times in milliseconds since 1970 UTC, the value in the point's own unit (before any baseline)."""

    point_id: int
    measured_ms: int
    value: float
    quality: int
    received_ms: int


class Bucket(NamedTuple):
    """What one slice of time held; ``low`` and ``high`` are the true extremes of its readings."""

    at_ms: int
    low: float
    high: float
    mean: float
    last: float
    readings: int


class SeriesStore(Protocol):
    """What the registry needs of a series store; every store passes ``tests/contract/test_series_stores.py``."""

    def append(self, rows: Sequence[SeriesRow | tuple[int, int, float, int, int]]) -> None:
        """Keep ``rows`` durably before returning; repeats of a reading change nothing. Raises ``StoreDown``."""

    def window(self, point_id: int, since_ms: int, until_ms: int, limit: int = 100_000) -> list[SeriesRow]:
        """The readings of one point with since ≤ measured < until, oldest first."""

    def buckets(self, point_id: int, since_ms: int, until_ms: int, max_points: int) -> list[Bucket]:
        """The same span in at most ``max_points`` equal slices; empty slices are left out."""

    def fold(self, now: datetime) -> int:
        """Do the store's housekeeping; answers how many readings were moved."""

    def count(self) -> int:
        """How many distinct readings are stored."""

    def close(self) -> None:
        """Let go of files and connections."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS recent (
    point_id INTEGER NOT NULL, measured_ms INTEGER NOT NULL, value REAL NOT NULL,
    quality INTEGER NOT NULL, received_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    point_id INTEGER NOT NULL, measured_ms INTEGER NOT NULL, value REAL NOT NULL,
    quality INTEGER NOT NULL, received_ms INTEGER NOT NULL,
    PRIMARY KEY (point_id, measured_ms)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS reading AS
    SELECT point_id, measured_ms, value, quality, received_ms FROM history
    UNION
    SELECT point_id, measured_ms, value, quality, received_ms FROM recent;
"""

_INSERT = "INSERT INTO recent VALUES (?, ?, ?, ?, ?)"

_WINDOW = """
SELECT point_id, measured_ms, value, quality, received_ms FROM history
 WHERE point_id = :point AND measured_ms >= :since AND measured_ms < :until
UNION
SELECT point_id, measured_ms, value, quality, received_ms FROM recent
 WHERE point_id = :point AND measured_ms >= :since AND measured_ms < :until
"""

_BUCKETS = f"""
WITH span AS ({_WINDOW}),
     slice AS (SELECT :since + (measured_ms - :since) / :width * :width AS at_ms, min(value) AS low, max(value) AS high,
                      avg(value) AS mean, count(*) AS readings, max(measured_ms) AS last_ms
                 FROM span GROUP BY 1)
SELECT at_ms, low, high, mean, span.value, readings FROM slice JOIN span ON span.measured_ms = last_ms ORDER BY at_ms
"""  # noqa: S608 - put together from this module's constants


class SqliteSeries:
    """The embedded series store: one SQLite file in WAL mode, ``synchronous=FULL``.

    Safe to use from several threads and several processes; one write transaction per ``append``.
    """

    def __init__(self, path: Path, *, fold_rows: int = 20_000) -> None:
        self._path = path
        self._fold_rows = fold_rows
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def append(self, rows: Sequence[SeriesRow | tuple[int, int, float, int, int]]) -> None:
        """See ``SeriesStore.append``."""
        if not rows:
            return
        with self._lock:
            try:
                db = self._open()
                db.execute("BEGIN IMMEDIATE")
                try:
                    db.executemany(_INSERT, rows)
                    db.execute("COMMIT")
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreDown(f"series store {self._path}: {error}") from error

    def window(self, point_id: int, since_ms: int, until_ms: int, limit: int = 100_000) -> list[SeriesRow]:
        """See ``SeriesStore.window``."""
        sql = f"{_WINDOW} ORDER BY measured_ms LIMIT :limit"
        arguments = {"point": point_id, "since": since_ms, "until": until_ms, "limit": limit}
        return [SeriesRow(*row) for row in self._read(sql, arguments)]

    def buckets(self, point_id: int, since_ms: int, until_ms: int, max_points: int) -> list[Bucket]:
        """See ``SeriesStore.buckets``."""
        width = max(1, -(-(until_ms - since_ms) // max(1, max_points)))
        arguments = {"point": point_id, "since": since_ms, "until": until_ms, "width": width}
        return [Bucket(*row) for row in self._read(_BUCKETS, arguments)]

    def fold(self, now: datetime) -> int:
        """Move what has arrived into the sorted table, a slice a transaction, oldest arrival first."""
        moved = 0
        while True:
            step = self._fold_once()
            moved += step
            if step < self._fold_rows:
                return moved

    def count(self) -> int:
        """See ``SeriesStore.count``."""
        return int(self._read("SELECT count(*) FROM (SELECT DISTINCT point_id, measured_ms FROM reading)", {})[0][0])

    def close(self) -> None:
        """See ``SeriesStore.close``."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _fold_once(self) -> int:
        with self._lock:
            try:
                db = self._open()
                db.execute("BEGIN IMMEDIATE")
                try:
                    last = db.execute(
                        "SELECT max(rowid), count(*) FROM (SELECT rowid FROM recent ORDER BY rowid LIMIT ?)",
                        (self._fold_rows,),
                    ).fetchone()
                    if last[1]:
                        db.execute(
                            "INSERT OR IGNORE INTO history SELECT point_id, measured_ms, value, quality, received_ms"
                            " FROM recent WHERE rowid <= ? ORDER BY point_id, measured_ms, rowid",
                            (last[0],),
                        )
                        db.execute("DELETE FROM recent WHERE rowid <= ?", (last[0],))
                    db.execute("COMMIT")
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreDown(f"series store {self._path}: {error}") from error
        return int(last[1])

    def _read(self, sql: str, arguments: dict[str, int]) -> list[tuple[int, ...]]:
        # Readers get a connection of their own: WAL lets them look while a batch is being written.
        try:
            with self._lock:
                self._open()
            with closing(sqlite3.connect(self._path, timeout=30.0)) as db:
                return db.execute(sql, arguments).fetchall()
        except sqlite3.Error as error:
            raise StoreDown(f"series store {self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=30.0, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-8000")  # appending touches few pages
            db.executescript(_SCHEMA)
            self._connection = db
        return self._connection
