"""Counts for the rate limits, shared by the web's processes: one small SQLite file.

``limits`` counts in the memory of one process or in a server of its own (Redis and the like). Several web processes on
one machine would each let a sender try as often as allowed; a server only to count is one more thing that can be down.
The counts are worth nothing after a power cut, so nothing waits for the disk. What can't be counted is let through, and
said once: a disk that is full must not keep a crew from their pages.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import structlog
from limits.storage import Storage

from dashboards.settings import City

log = structlog.get_logger(__name__)

SCHEME = "covercode-counts"
_FORGET_EVERY_S = 60.0
_BUSY_S = 2.0

_SCHEMA = "CREATE TABLE IF NOT EXISTS hit (key TEXT PRIMARY KEY, hits INTEGER NOT NULL, ends_at REAL NOT NULL)"

_COUNT = """
INSERT INTO hit VALUES (:key, :amount, :ends_at)
ON CONFLICT (key) DO UPDATE SET
    hits = CASE WHEN ends_at <= :now THEN excluded.hits ELSE hits + excluded.hits END,
    ends_at = CASE WHEN ends_at <= :now THEN excluded.ends_at ELSE ends_at END
RETURNING hits
"""


def counts_file(city: City) -> Path:
    """Where the web's processes count."""
    return city.data_dir / "web-counts.db"


def counts_uri(path: Path) -> str:
    """The address of the counts in the file ``path``, as flask-limiter takes it."""
    return f"{SCHEME}://{path.absolute()}"


class RateCounts(Storage):
    """Fixed windows by key; safe to use from several threads and processes, before and after a fork."""

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - so the library declares it

    def __init__(self, uri: str, wrap_exceptions: bool = False, **_options: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._path = Path(unquote(uri.removeprefix(f"{SCHEME}://")))
        self._of_thread = threading.local()
        self._forget_at = 0.0
        self._down = False

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What this storage fails with."""
        return sqlite3.Error

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` for ``key`` in a window of ``expiry`` seconds; the count in it so far, 0 when unknown."""
        now = time.time()
        try:
            db = self._open()
            row = db.execute(_COUNT, {"key": key, "amount": amount, "now": now, "ends_at": now + expiry}).fetchone()
            if now >= self._forget_at:
                self._forget_at = now + _FORGET_EVERY_S
                db.execute("DELETE FROM hit WHERE ends_at <= ?", (now,))
        except (sqlite3.Error, OSError) as error:
            self._say_down(error)
            return 0
        self._down = False
        return int(row[0])

    def get(self, key: str) -> int:
        """The count in the present window of ``key``."""
        row = self._row("SELECT hits FROM hit WHERE key = ? AND ends_at > ?", key)
        return 0 if row is None else int(row[0])

    def get_expiry(self, key: str) -> float:
        """When the present window of ``key`` ends, in Unix seconds; now when there is none."""
        row = self._row("SELECT ends_at FROM hit WHERE key = ? AND ends_at > ?", key)
        return time.time() if row is None else float(row[0])

    def check(self) -> bool:
        """Whether counting works."""
        try:
            self._open().execute("SELECT 1 FROM hit LIMIT 1")
        except (sqlite3.Error, OSError):
            return False
        return True

    def reset(self) -> int | None:
        """Forget every count; how many there were."""
        return self._open().execute("DELETE FROM hit").rowcount

    def clear(self, key: str) -> None:
        """Forget the count of ``key``."""
        self._open().execute("DELETE FROM hit WHERE key = ?", (key,))

    def _row(self, sql: str, key: str) -> tuple[float, ...] | None:
        try:
            found: tuple[float, ...] | None = self._open().execute(sql, (key, time.time())).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._say_down(error)
            return None
        return found

    def _open(self) -> sqlite3.Connection:
        """This thread's connection: SQLite may not be used across a fork, and a worker's threads begin after it."""
        db: sqlite3.Connection | None = getattr(self._of_thread, "db", None)
        if db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=OFF")
            db.execute(_SCHEMA)
            self._of_thread.db = db
        return db

    def _say_down(self, error: Exception) -> None:
        if not self._down:
            self._down = True
            log.error("rates_not_counted", path=str(self._path), problem=str(error), fix="free space on its disk")
