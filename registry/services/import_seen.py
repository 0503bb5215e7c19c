"""What the rows of one file have used so far: keys, codes, other ids, and (in a dry run) the places they would take.

A table in a temporary file of its own, thrown away afterwards, so that a million rows need no memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

_TABLES = """
CREATE TABLE word (text TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE place (cell INTEGER NOT NULL, class_code TEXT NOT NULL, lon REAL, lat REAL, row INTEGER NOT NULL);
CREATE INDEX place_cell ON place (cell);
"""


class SeenPlace(NamedTuple):
    """An earlier row of the file that would become an asset."""

    class_code: str
    lon: float
    lat: float
    row: int


class Seen:
    """Use as a context manager; not shared between threads."""

    def __init__(self) -> None:
        self._file: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        # no name: a file that SQLite deletes, in pieces in memory up to the cache's size
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA cache_size = -8000")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.executescript(_TABLES)
        self._file.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise RuntimeError("use it in a with statement")
        return self._file

    def words(self, texts: Sequence[str]) -> dict[str, int]:
        """Which of ``texts`` stand in earlier rows, and in which."""
        if not texts:
            return {}
        query = "SELECT text, row FROM word WHERE text IN (SELECT value FROM json_each(?))"
        return dict(self._open.execute(query, (json.dumps(texts),)).fetchall())

    def add_words(self, words: Iterable[tuple[str, int]]) -> None:
        """Note (text, row); a text that is there keeps its first row."""
        self._open.executemany("INSERT OR IGNORE INTO word VALUES (?, ?)", words)

    def places(self, cells: Sequence[int]) -> list[SeenPlace]:
        """What earlier rows would put into these cells (``geo.place_cell``)."""
        if not cells:
            return []
        query = "SELECT class_code, lon, lat, row FROM place WHERE cell IN (SELECT value FROM json_each(?))"
        return [SeenPlace(*found) for found in self._open.execute(query, (json.dumps(cells),))]

    def add_places(self, places: Iterable[tuple[int, str, float, float, int]]) -> None:
        """Note (cell, class_code, lon, lat, row)."""
        self._open.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?)", places)
