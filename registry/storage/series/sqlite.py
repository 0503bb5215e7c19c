"""The series store on SQLite: one file, nothing to install.

Shape on disk. Readings arrive mixed over tens of thousands of points; a table sorted by point would touch one page a
reading. So ``recent`` takes them in order of arrival (sequential pages), and ``fold`` moves them, sorted, into
``history`` (primary key point, time) and adds those that were not there yet to the roll-ups, all in one transaction: a
late reading corrects them, a repeat doesn't count twice. The view ``reading`` is both, each reading once, for people:
``sqlite3 series.db 'SELECT * FROM reading'``. A reading's identity is (point, measured_at): whichever came first stays.

What is older than it is kept is noted in ``cut`` before it is deleted: a copy that comes later than that is refused,
since nobody could tell any more whether the roll-ups have it already.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

from registry.domain.errors import StoreDown
from registry.storage.series.port import (
    Band,
    Bucket,
    Columns,
    Refused,
    Row,
    Sample,
    SeriesKeep,
    SeriesRow,
    Slot,
    Span,
)
from registry.storage.series.rollups import (
    DAY_MS,
    HOUR_MS,
    LEVELS,
    RAW,
    ROLLUPS,
    Grid,
    Piece,
    as_buckets,
    grid_of,
    pieces,
)
from registry.storage.series.stirred import FINEST_MS, joined, slot_spans
from registry.storage.times import to_ms

Done = TypeVar("Done")

_READING = """(
    point_id INTEGER NOT NULL, measured_ms INTEGER NOT NULL, value REAL NOT NULL,
    quality INTEGER NOT NULL, received_ms INTEGER NOT NULL"""

_ROLLUP = """
CREATE TABLE IF NOT EXISTS {level} (
    point_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL, total REAL NOT NULL,
    last REAL NOT NULL, last_ms INTEGER NOT NULL, readings INTEGER NOT NULL,
    PRIMARY KEY (point_id, at_ms)) WITHOUT ROWID;
"""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS recent {_READING});
CREATE TABLE IF NOT EXISTS history {_READING},
    PRIMARY KEY (point_id, measured_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cut (level TEXT PRIMARY KEY, before_ms INTEGER NOT NULL) WITHOUT ROWID;
DROP VIEW IF EXISTS reading;
CREATE VIEW reading AS
    SELECT point_id, measured_ms, value, quality, received_ms FROM history
    UNION ALL
    SELECT point_id, measured_ms, value, quality, received_ms FROM (
        SELECT point_id, measured_ms, value, quality, received_ms, min(rowid) FROM recent
         GROUP BY point_id, measured_ms) AS r
     WHERE NOT EXISTS (SELECT 1 FROM history AS h WHERE h.point_id = r.point_id AND h.measured_ms = r.measured_ms);
""" + "".join(_ROLLUP.format(level=level) for level in ROLLUPS)  # noqa: S608
_SCHEMA_VERSION = 2  # PRAGMA user_version; 1 (never written) had no roll-ups

_INSERT = "INSERT INTO recent VALUES (?, ?, ?, ?, ?)"
_CUT = "SELECT before_ms FROM cut WHERE level = 'raw'"

# What has arrived lately, each reading once (SQLite takes the other columns from the row that min() found).
_RECENT = """
SELECT point_id, measured_ms, value, quality, received_ms FROM (
    SELECT point_id, measured_ms, value, quality, received_ms, min(rowid) FROM recent
     WHERE point_id = :point AND measured_ms >= :since AND measured_ms < :until GROUP BY measured_ms) AS r
 WHERE NOT EXISTS (SELECT 1 FROM history AS h WHERE h.point_id = r.point_id AND h.measured_ms = r.measured_ms)
"""

_WINDOW = f"""
SELECT point_id, measured_ms, value, quality, received_ms FROM history
 WHERE point_id = :point AND measured_ms >= :since AND measured_ms < :until
UNION ALL {_RECENT} ORDER BY measured_ms LIMIT :limit
"""  # noqa: S608 - put together from this module's constants

# Readings of ``{source}`` as slots of :width on a grid that begins at :start, per point.
_ROLLED = """
SELECT g.point_id, at_ms, low, high, total, s.value AS last, last_ms, readings
  FROM (SELECT point_id, :start + (measured_ms - :start) / :width * :width AS at_ms, min(value) AS low,
               max(value) AS high, sum(value) AS total, max(measured_ms) AS last_ms, count(*) AS readings
          FROM {source} GROUP BY 1, 2) AS g
  JOIN {source} AS s ON s.point_id = g.point_id AND s.measured_ms = g.last_ms
"""

_SPAN_SLOTS = f"""
WITH span AS (SELECT point_id, measured_ms, value FROM {{source}}
               WHERE point_id = :point AND measured_ms >= :since AND measured_ms < :until)
{_ROLLED.format(source="span")}
"""  # noqa: S608

_FRESH = """
INSERT OR IGNORE INTO temp.fresh
SELECT point_id, measured_ms, value, quality, received_ms FROM main.recent AS r
 WHERE rowid <= ?
   AND NOT EXISTS (SELECT 1 FROM main.history AS h WHERE h.point_id = r.point_id AND h.measured_ms = r.measured_ms)
 ORDER BY rowid
"""

_ADD = """
 WHERE true ON CONFLICT (point_id, at_ms) DO UPDATE SET
    low = min(low, excluded.low), high = max(high, excluded.high), total = total + excluded.total,
    last = CASE WHEN excluded.last_ms >= last_ms THEN excluded.last ELSE last END,
    last_ms = max(last_ms, excluded.last_ms), readings = readings + excluded.readings
"""

# From days down to five minutes in one statement: ``CROSS JOIN`` keeps SQLite to this order.
_STIRRED = """
SELECT b.point_id, f.at_ms FROM temp.band AS b
 CROSS JOIN days AS d CROSS JOIN hours AS h CROSS JOIN five_minutes AS f
 WHERE d.point_id = b.point_id AND d.at_ms > :since - :day AND d.at_ms < :until
   AND NOT (d.low > b.above AND d.high < b.below)
   AND h.point_id = b.point_id AND h.at_ms >= d.at_ms AND h.at_ms < d.at_ms + :day
   AND h.at_ms > :since - :hour AND h.at_ms < :until AND NOT (h.low > b.above AND h.high < b.below)
   AND f.point_id = b.point_id AND f.at_ms >= h.at_ms AND f.at_ms < h.at_ms + :hour
   AND NOT (f.low > b.above AND f.high < b.below)
"""
_STIRRED_RECENT = """
SELECT DISTINCT r.point_id, r.measured_ms / :slot * :slot FROM recent AS r JOIN temp.band AS b USING (point_id)
 WHERE r.measured_ms >= :since AND r.measured_ms < :until AND NOT (r.value > b.above AND r.value < b.below)
"""
_SAMPLES = "SELECT measured_ms, value, quality FROM {source} AS s"
_SORTED = f"""{_SAMPLES.format(source="history")}
 WHERE point_id = :point AND measured_ms >= :since AND measured_ms < :until ORDER BY measured_ms"""
_UNSORTED = _SAMPLES.format(source=f"({_WINDOW})") + " ORDER BY measured_ms"

# Of many points at once: point, time, low, high, total, readings.
_OF_MANY = "point_id IN (SELECT value FROM json_each(:points))"
_MANY_RECENT = f"""
SELECT point_id, measured_ms, value, value, value, 1 FROM (
    SELECT point_id, measured_ms, value, min(rowid) FROM recent
     WHERE {_OF_MANY} AND measured_ms >= :since AND measured_ms < :until GROUP BY point_id, measured_ms) AS r
 WHERE NOT EXISTS (SELECT 1 FROM history AS h WHERE h.point_id = r.point_id AND h.measured_ms = r.measured_ms)
"""  # noqa: S608 - put together from this module's constants

_CLEAN_EVERY = timedelta(hours=1)
_DELETED_AT_ONCE = 20_000


class SqliteSeries:
    """The embedded series store: one SQLite file in WAL mode, ``synchronous=FULL``.

    Safe to use from several threads and several processes; one write transaction per ``append``.
    """

    def __init__(self, path: Path, *, fold_rows: int = 10_000, keep: SeriesKeep = SeriesKeep()) -> None:  # noqa: B008
        self._path = path
        self._fold_rows = fold_rows
        self._keep = keep
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._cleaned_at: datetime | None = None

    def append(self, rows: Sequence[Row]) -> list[Refused]:
        """See ``SeriesStore.append``."""
        if not rows:
            return []

        def write(db: sqlite3.Connection) -> list[Refused]:
            good, refused = _sort_out(rows, db.execute(_CUT).fetchone())
            db.executemany(_INSERT, good)
            return refused

        return self._write(write)

    def window(self, point_id: int, since_ms: int, until_ms: int, limit: int = 100_000) -> list[SeriesRow]:
        """See ``SeriesStore.window``."""
        arguments = {"point": point_id, "since": since_ms, "until": until_ms, "limit": limit}
        with self._view() as db:
            return [SeriesRow(*row) for row in db.execute(_WINDOW, arguments)]

    def buckets(self, point_id: int, since_ms: int, until_ms: int, max_points: int) -> list[Bucket]:
        """See ``SeriesStore.buckets``."""
        grid = grid_of(since_ms, until_ms, max_points)
        found: list[Slot] = []
        with self._view() as db:
            cuts = dict(db.execute("SELECT level, before_ms FROM cut"))
            for piece in pieces(since_ms, until_ms, grid.level, kept_from=cuts):
                found += _read(db, "history" if piece.level == RAW else piece.level, point_id, piece, grid)
            # what has not been folded yet: in no roll-up, whatever its time
            found += _read(db, f"({_RECENT})", point_id, Piece(RAW, since_ms, until_ms), grid)
        return as_buckets(found, grid, since_ms)

    def many_buckets(
        self, point_ids: Sequence[int], since_ms: int, until_ms: int, max_points: int
    ) -> dict[int, Columns]:
        """See ``SeriesStore.many_buckets``."""
        # numpy takes a tenth of a second to import: only who draws charts pays for it
        from registry.storage.series.columns import fold, parts_of

        if not point_ids:
            return {}
        grid = grid_of(since_ms, until_ms, max_points)
        with self._view() as db:
            cuts = dict(db.execute("SELECT level, before_ms FROM cut"))
            wanted = pieces(since_ms, until_ms, grid.level, kept_from=cuts)
            sql = " UNION ALL ".join(_many(piece, grid) for piece in wanted)
            if db.execute("SELECT EXISTS (SELECT 1 FROM recent)").fetchone()[0]:
                # what has not been folded yet: in no roll-up, whatever its time
                sql += f" UNION ALL {_MANY_RECENT}"
            listed = json.dumps(sorted(set(point_ids)))
            rows = db.execute(sql, {"points": listed, "since": since_ms, "until": until_ms}).fetchall()
        return fold(parts_of(rows), grid, since_ms)

    def stirred(self, bands: Sequence[Band], since_ms: int, until_ms: int) -> list[Span]:
        """See ``SeriesStore.stirred``."""
        arguments = {"since": since_ms, "until": until_ms, "day": DAY_MS, "hour": HOUR_MS, "slot": FINEST_MS}
        with self._view() as db:
            db.execute("CREATE TEMP TABLE band (point_id INTEGER PRIMARY KEY, above REAL, below REAL)")
            db.executemany("INSERT INTO temp.band VALUES (?, ?, ?)", bands)
            found = [*db.execute(_STIRRED, arguments), *db.execute(_STIRRED_RECENT, arguments)]
        return joined(slot_spans(found, FINEST_MS), since_ms, until_ms)

    def samples(self, spans: Sequence[Span]) -> list[list[Sample]]:
        """See ``SeriesStore.samples``."""
        found = []
        with self._view() as db:
            unsorted = {row[0] for row in db.execute("SELECT DISTINCT point_id FROM recent")}
            for point_id, since_ms, until_ms in spans:
                arguments = {"point": point_id, "since": since_ms, "until": until_ms, "limit": -1}
                found.append(db.execute(_UNSORTED if point_id in unsorted else _SORTED, arguments).fetchall())
        return found

    def fold(self, now: datetime) -> int:
        """Move what has arrived into the sorted table and the roll-ups, a slice a transaction; forget what is old.

        Answers how many arrivals were moved, repeats among them.
        """
        moved = 0
        while True:
            step = self._write(self._fold_some)
            moved += step
            if step < self._fold_rows:
                break
        if self._cleaned_at is None or now - self._cleaned_at >= _CLEAN_EVERY:
            for level in LEVELS:
                if self._keep.of(level):
                    self._forget(level, now - timedelta(days=self._keep.of(level)))
            self._cleaned_at = now
        return moved

    def count(self) -> int:
        """See ``SeriesStore.count``."""
        with self._view() as db:
            return int(db.execute("SELECT count(*) FROM reading").fetchone()[0])

    def points(self) -> list[int]:
        """See ``SeriesStore.points``."""
        with self._view() as db:
            found = {row[0] for row in db.execute("SELECT DISTINCT point_id FROM recent")}
            for table in ("history", *ROLLUPS):
                found.update(_points_of(db, table))
        return sorted(found)

    def days(self, point_id: int) -> dict[int, int]:
        """See ``SeriesStore.days``."""
        sql = "SELECT measured_ms / ? * ?, count(*) FROM reading WHERE point_id = ? GROUP BY 1"
        with self._view() as db:
            return dict(db.execute(sql, (DAY_MS, DAY_MS, point_id)))

    def slots(self, point_id: int, level: str, since_ms: int, until_ms: int) -> list[Slot]:
        """See ``SeriesStore.slots``."""
        piece = Piece(level, since_ms, until_ms)
        with self._view() as db:
            return _read(db, _rollup(level), point_id, piece, Grid(0, LEVELS[level], level))

    def put_slots(self, point_id: int, level: str, slots: Sequence[Slot]) -> None:
        """See ``SeriesStore.put_slots``."""
        sql = f"INSERT OR REPLACE INTO {_rollup(level)} VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self._write(lambda db: db.executemany(sql, [(point_id, *slot) for slot in slots]))

    def raw_from_ms(self) -> int:
        """See ``SeriesStore.raw_from_ms``."""
        with self._view() as db:
            cut = db.execute(_CUT).fetchone()
        return cut[0] if cut else 0

    def close(self) -> None:
        """See ``SeriesStore.close``."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _fold_some(self, db: sqlite3.Connection) -> int:
        last, taken = db.execute(
            "SELECT max(rowid), count(*) FROM (SELECT rowid FROM recent ORDER BY rowid LIMIT ?)", (self._fold_rows,)
        ).fetchone()
        if taken:
            db.execute("DELETE FROM temp.fresh")
            db.execute(_FRESH, (last,))
            db.execute("INSERT INTO history SELECT * FROM temp.fresh")
            for level in ROLLUPS:
                _add_to(db, level, "temp.fresh")
            db.execute("DELETE FROM recent WHERE rowid <= ?", (last,))
        return int(taken)

    def _forget(self, level: str, moment: datetime) -> None:
        """Delete what is older than ``moment``, in whole days so that no slot of any level is left in part."""
        before_ms = to_ms(moment) // DAY_MS * DAY_MS

        def mark(db: sqlite3.Connection) -> None:
            while self._fold_some(db):  # what is still to be folded counts before the door is shut
                pass
            db.execute(
                "INSERT INTO cut VALUES (?, ?)"
                " ON CONFLICT (level) DO UPDATE SET before_ms = max(before_ms, excluded.before_ms)",
                (level, before_ms),
            )

        self._write(mark)
        table, column = ("history", "measured_ms") if level == RAW else (_rollup(level), "at_ms")
        with self._view() as db:
            points = list(_points_of(db, table))
        # whichever comes first of so many rows; each point's oldest lie together
        doomed = f"SELECT {column} FROM {table} WHERE point_id = ? AND {column} < ? ORDER BY {column} LIMIT ?"  # noqa: S608
        delete = f"DELETE FROM {table} WHERE point_id = ? AND {column} IN ({doomed})"  # noqa: S608
        for point_id in points:
            step = partial(_delete, delete, (point_id, point_id, before_ms, _DELETED_AT_ONCE))
            while self._write(step) == _DELETED_AT_ONCE:
                pass

    def _write(self, step: Callable[[sqlite3.Connection], Done]) -> Done:
        """One transaction: all of ``step`` or nothing."""
        with self._lock:
            try:
                db = self._open()
                db.execute("BEGIN IMMEDIATE")
                try:
                    done = step(db)
                    db.execute("COMMIT")
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreDown(f"series store {self._path}: {error}") from error
        return done

    @contextmanager
    def _view(self) -> Iterator[sqlite3.Connection]:
        """One consistent look. Readers get a connection of their own: WAL lets them look while a batch is written."""
        try:
            with self._lock:
                self._open()
            with closing(sqlite3.connect(self._path, timeout=30.0, isolation_level=None)) as db:
                db.execute("BEGIN")
                yield db
        except sqlite3.Error as error:
            raise StoreDown(f"series store {self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=30.0, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-8000")  # appending touches few pages
            db.execute("PRAGMA temp_store=MEMORY")
            _lay_out(db)
            db.executescript(f"CREATE TEMP TABLE fresh {_READING}, PRIMARY KEY (point_id, measured_ms)) WITHOUT ROWID;")
            self._connection = db
        return self._connection


def _lay_out(db: sqlite3.Connection) -> None:
    """Create the tables; a file of before there were roll-ups gets them out of its history."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= _SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")  # another process may be at it
    if db.execute("PRAGMA user_version").fetchone()[0] < _SCHEMA_VERSION:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        for level in ROLLUPS:
            _add_to(db, level, "history")
        db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
    db.execute("COMMIT")


def _add_to(db: sqlite3.Connection, level: str, source: str) -> None:
    """Add readings that no roll-up has yet to the slots of one level."""
    columns = "point_id, at_ms, low, high, total, last, last_ms, readings"
    sql = f"INSERT INTO {_rollup(level)} ({columns}) {_ROLLED.format(source=source)} {_ADD}"
    db.execute(sql, {"start": 0, "width": LEVELS[level]})


def _sort_out(rows: Sequence[Row], cut: tuple[int] | None) -> tuple[list[Row], list[Refused]]:
    before_ms = cut[0] if cut else -(2**63)
    good: list[Row] = []
    refused: list[Refused] = []
    for row in rows:
        if math.isfinite(row[2]) and row[1] >= before_ms:
            good.append(row)
        elif not math.isfinite(row[2]):
            refused.append(Refused(SeriesRow(*row), f"the value {row[2]} is not a number a store can keep"))
        else:
            refused.append(Refused(SeriesRow(*row), "older than readings are kept (records.keep_raw_days)"))
    return good, refused


def _read(db: sqlite3.Connection, source: str, point_id: int, piece: Piece, grid: Grid) -> list[Slot]:
    """A piece as slots: readings already on the grid, roll-ups as they are."""
    arguments = {"point": point_id, "since": piece.since_ms, "until": piece.until_ms}
    if piece.level == RAW:
        sql = _SPAN_SLOTS.format(source=source)
        rows = db.execute(sql, arguments | {"start": grid.start_ms, "width": grid.width_ms})
        return [Slot(*row[1:]) for row in rows]
    sql = (
        f"SELECT at_ms, low, high, total, last, last_ms, readings FROM {source}"  # noqa: S608
        " WHERE point_id = :point AND at_ms >= :since AND at_ms < :until ORDER BY at_ms"
    )
    return [Slot(*row) for row in db.execute(sql, arguments)]


def _many(piece: Piece, grid: Grid) -> str:
    """The statement for a piece of many points: slots as they are, or put together where a slice holds several."""
    raw = piece.level == RAW
    table, at = ("history", "measured_ms") if raw else (_rollup(piece.level), "at_ms")
    low, high, total, readings = ("value", "value", "value", "1") if raw else ("low", "high", "total", "readings")
    where = f"{_OF_MANY} AND {at} >= {piece.since_ms} AND {at} < {piece.until_ms}"
    if grid.width_ms == LEVELS[piece.level]:
        return f"SELECT point_id, {at}, {low}, {high}, {total}, {readings} FROM {table} WHERE {where}"  # noqa: S608
    start, width = grid.start_ms, grid.width_ms
    return (
        f"SELECT point_id, {start} + ({at} - {start}) / {width} * {width} AS slice, min({low}), max({high}),"  # noqa: S608
        f" sum({total}), sum({readings}) FROM {table} WHERE {where} GROUP BY point_id, slice"
    )


def _delete(sql: str, arguments: tuple[int, ...], db: sqlite3.Connection) -> int:
    return db.execute(sql, arguments).rowcount


def _points_of(db: sqlite3.Connection, table: str) -> Iterator[int]:
    """The points of a table whose key begins with them: one step down the tree each, however many rows there are."""
    at = db.execute(f"SELECT min(point_id) FROM {table}").fetchone()[0]  # noqa: S608
    while at is not None:
        yield at
        at = db.execute(f"SELECT min(point_id) FROM {table} WHERE point_id > ?", (at,)).fetchone()[0]  # noqa: S608


def _rollup(level: str) -> str:
    if level not in ROLLUPS:
        raise ValueError(f"{level!r} is no roll-up; there are {', '.join(ROLLUPS)}")
    return level
