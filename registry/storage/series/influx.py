"""The series store on InfluxDB 1.x, 2.x or 3.x.

Readings are measurement ``reading`` in ``database/raw``: tags ``block`` and ``point`` (256 points a block), fields
``value`` (always a float), ``quality`` and, where it is not the time itself, ``received`` (always integers). A point
written again takes the old one's place field by field, so the same reading again changes nothing; and since a late copy
(quality *late*) is written without its ``quality``, it leaves the quality of the first copy as it was.

Each level of roll-ups is measurement ``rollup`` in a place of its own (``database/hours`` …), since that is how
InfluxDB forgets by age. They are made by ``fold``, not by continuous queries: those exist in 1.x only and never look
back at late readings. What is to be rolled up is told by marks (``influx_marks``); until then charts read the readings.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from registry.domain.kinds import Quality
from registry.storage.series import influx_places
from registry.storage.series.influx_http import InfluxConnection, MissingBucket
from registry.storage.series.influx_marks import (
    BLOCK_BITS,
    EARLIEST_MS,
    LATEST_MS,
    Looked,
    Marks,
    days_folded,
    hours_folded,
    runs,
    touching,
)
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
    Grid,
    Piece,
    as_buckets,
    grid_of,
    pieces,
    together,
)
from registry.storage.series.stirred import DESCENT, by_point, calm, joined
from registry.storage.times import to_ms

if TYPE_CHECKING:
    from registry.storage.series.columns import Parts
    from registry.storage.series.influx_kept import KeptSlots, Taken

log = structlog.get_logger(__name__)

_LINES_AT_ONCE = 10_000
_AT_ONCE = 3
_SLOTS_READ_AT_ONCE = 20_000
_ASKED_AT_ONCE = 200
_SHARED_FROM = 16
_value_of = itemgetter(2)
# An hour is rolled up when it is over: the one that goes on is touched every moment, and cheap to read as it is.
_SETTLED = timedelta(minutes=1)
_SWEEP_EVERY = timedelta(minutes=15)
_SWEPT_ALWAYS = timedelta(hours=48)
_VALUES = "min(value) AS low, max(value) AS high, sum(value) AS total, last(value) AS last, count(value) AS readings"
_ROLLED = "min(low) AS low, max(high) AS high, sum(total) AS total, last(last) AS last, sum(readings) AS readings"


# of many points no chart asks for the last value of a slice, which would cost as much as the rest together
_MANY_VALUES = "min(value) AS low, max(value) AS high, sum(value) AS total, count(value) AS readings"
_MANY_ROLLED = "min(low) AS low, max(high) AS high, sum(total) AS total, sum(readings) AS readings"


class InfluxSeries:
    """A database of an InfluxDB server. Safe for several threads and processes; one of them folds.

    ``clock`` tells what the server has let go of by age, since it doesn't say so itself.
    """

    def __init__(
        self,
        connection: InfluxConnection,
        *,
        clock: Callable[[], datetime],
        keep: SeriesKeep = SeriesKeep(),  # noqa: B008 - frozen
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._keep = keep
        self._places_checked = False
        self._marks = Marks(self._answers, f'"{connection.database}"."{RAW}"')
        self._swept_at: datetime | None = None
        self._heads: dict[int, str] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._kept_slots: KeptSlots | None = None

    def append(self, rows: Sequence[Row]) -> list[Refused]:
        """See ``SeriesStore.append``."""
        good, refused = rows, []
        if not all(map(math.isfinite, map(_value_of, rows))):
            good = [row for row in rows if math.isfinite(row[2])]
            refused = [
                Refused(SeriesRow(*row), f"the value {row[2]} is not a number a store can keep")
                for row in rows
                if not math.isfinite(row[2])
            ]
        parts = [good[start : start + _LINES_AT_ONCE] for start in range(0, len(good), _LINES_AT_ONCE)]
        if len(parts) < 2:
            return refused + [each for part in parts for each in self._append(part)]
        # the server takes several at once, and the lines of the next are made while it works on the one before
        sent = [self._pool_opened().submit(self._append, part) for part in parts]
        wait(sent)
        for each in sent:
            refused += each.result()
        return refused

    def window(self, point_id: int, since_ms: int, until_ms: int, limit: int = 100_000) -> list[SeriesRow]:
        """See ``SeriesStore.window``."""
        where = _where(point_id, since_ms, until_ms)
        sql = f"SELECT value, quality, received FROM {self._of(RAW)} WHERE {where} ORDER BY time LIMIT {limit}"  # noqa: S608
        return [
            SeriesRow(
                point_id,
                at,
                float(value),
                Quality.LATE if quality is None else quality,
                at if received is None else received,
            )
            for at, value, quality, received in self._rows(sql)
        ]

    def buckets(self, point_id: int, since_ms: int, until_ms: int, max_points: int) -> list[Bucket]:
        """See ``SeriesStore.buckets``."""
        grid = grid_of(since_ms, until_ms, max_points)
        unrolled = [] if grid.level == RAW else self._marks.look([point_id >> BLOCK_BITS], since_ms, until_ms).unrolled
        wanted = pieces(since_ms, until_ms, grid.level, kept_from=self._kept_from(), unrolled=unrolled)
        found: list[Slot] = []
        for piece, rows in zip(wanted, self._each(self._piece(point_id, each, grid) for each in wanted), strict=True):
            found += _slots(rows, piece.until_ms)
        return as_buckets(found, grid, since_ms)

    def many_buckets(
        self, point_ids: Sequence[int], since_ms: int, until_ms: int, max_points: int
    ) -> dict[int, Columns]:
        """See ``SeriesStore.many_buckets``."""
        # numpy takes a tenth of a second to import: only who draws charts pays for it
        from registry.storage.series.columns import below, fold, within

        if not point_ids:
            return {}
        grid = grid_of(since_ms, until_ms, max_points)
        ids = sorted(set(point_ids))
        blocks = sorted({point_id >> BLOCK_BITS for point_id in ids})
        looked = Looked([], {})
        if grid.level != RAW:
            patient_ms = to_ms(self._clock() - _SWEPT_ALWAYS)
            looked = self._marks.look(blocks, since_ms, until_ms, patient_ms=patient_ms)
        kept, found = self._kept_opened(), []
        asked: list[tuple[Piece, Sequence[int], Taken | None]] = []
        for piece in pieces(since_ms, until_ms, grid.level, kept_from=self._kept_from(), unrolled=looked.unrolled):
            if piece.level == RAW or grid.width_ms != LEVELS[piece.level]:
                asked.append((piece, ids, None))
                continue
            taken = kept.take(piece, ids, looked.days)
            found.append(within(below(taken.parts), piece.since_ms, piece.until_ms))
            if taken.lacking:
                asked.append((piece, taken.lacking, taken))
        wider = [
            (piece if taken is None else Piece(piece.level, taken.since_ms, taken.until_ms), points)
            for piece, points, taken in asked
        ]
        for (piece, _, wanted), read in zip(asked, self._read_many(wider, grid), strict=True):
            if wanted is None:
                found.append(read)
                continue
            kept.put(piece.level, wanted, read, looked.days)
            found.append(within(read, piece.since_ms, piece.until_ms))
        return fold(below(found), grid, since_ms)

    def stirred(self, bands: Sequence[Band], since_ms: int, until_ms: int) -> list[Span]:
        """See ``SeriesStore.stirred``."""
        blocks: dict[int, list[Band]] = defaultdict(list)
        for band in bands:
            blocks[band.point_id >> BLOCK_BITS].append(band)
        found: list[Span] = []
        for block, some in blocks.items():
            for begin, end in self._marks.look([block], since_ms, until_ms).unrolled:
                found += [Span(band.point_id, begin, end) for band in some]
            found += self._stirred(block, by_point(some), since_ms, until_ms)
        return joined(found, since_ms, until_ms)

    def samples(self, spans: Sequence[Span]) -> list[list[Sample]]:
        """See ``SeriesStore.samples``."""
        sql = f"SELECT value, quality FROM {self._of(RAW)} WHERE "  # noqa: S608
        found: list[list[Sample]] = []
        for start in range(0, len(spans), _ASKED_AT_ONCE):
            for rows in self._each(sql + _where(*span) for span in spans[start : start + _ASKED_AT_ONCE]):
                late = Quality.LATE
                found.append([(at, float(value), late if kind is None else kind) for at, value, kind in rows])
        return found

    def _stirred(self, block: int, bands: Mapping[int, Band], since_ms: int, until_ms: int) -> list[Span]:
        """Of one block, as far as its readings are rolled up: the days of all points, then what stirred, finer."""
        level, width = DESCENT[0], LEVELS[DESCENT[0]]
        sql = (
            f"SELECT low, high FROM {self._of(level)} WHERE block = '{block}'"  # noqa: S608
            f" AND time >= {since_ms // width * width}ms AND time < {until_ms}ms GROUP BY point"
        )
        found = [
            Span(int(series["tags"]["point"]), at, at + width)
            for series in self._series(sql)
            if (band := bands.get(int(series["tags"]["point"]))) is not None
            for at, low, high in series["values"]
            if not calm(band, low, high)
        ]
        for level in DESCENT[1:]:
            width, wanted = LEVELS[level], joined(found, since_ms // width * width, until_ms)
            sql, found = f"SELECT low, high FROM {self._of(level)} WHERE ", []  # noqa: S608
            for start in range(0, len(wanted), _ASKED_AT_ONCE):
                asked = wanted[start : start + _ASKED_AT_ONCE]
                for span, rows in zip(asked, self._each(sql + _where(*each) for each in asked), strict=True):
                    band = bands[span.point_id]
                    found += [Span(span.point_id, at, at + width) for at, *lohi in rows if not calm(band, *lohi)]
        return found

    def fold(self, now: datetime) -> int:
        """Roll up the hours that were touched since they were last rolled up and are over; answers how many."""
        self._marks.forget()
        if not self._places_checked:
            influx_places.prepare(self._connection, self._keep)
            self._places_checked = True
        sweep = self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY
        since_ms = EARLIEST_MS if sweep else to_ms(now - _SWEPT_ALWAYS)
        last_hour_ms = to_ms(now - _SETTLED) - HOUR_MS
        days = self._marks.touched_days(since_ms, last_hour_ms)
        touched = self._marks.touched(since_ms, last_hour_ms)
        done = 0
        for (block, day_ms), hours in sorted(touched.items()):
            self._roll_up(block, day_ms, hours)
            done += len(hours)
        for start in range(0, len(days), _LINES_AT_ONCE):
            self._connection.write(RAW, days_folded(days[start : start + _LINES_AT_ONCE]))
        if sweep:
            self._swept_at = now
        return done

    def count(self) -> int:
        """See ``SeriesStore.count``."""
        sql = f"SELECT count(value) FROM {self._of(RAW)}"  # noqa: S608
        return sum(row[1] for row in self._rows(sql))

    def points(self) -> list[int]:
        """See ``SeriesStore.points``."""
        rows = self._rows(f'SHOW TAG VALUES ON "{self._connection.database}" WITH KEY = "point"')
        return sorted({int(row[1]) for row in rows})

    def days(self, point_id: int) -> dict[int, int]:
        """See ``SeriesStore.days``."""
        where = _where(point_id, EARLIEST_MS, LATEST_MS)
        sql = f"SELECT count(value) FROM {self._of(RAW)} WHERE {where} GROUP BY time(1d) fill(none)"  # noqa: S608
        return {at: readings for at, readings in self._rows(sql) if readings}

    def slots(self, point_id: int, level: str, since_ms: int, until_ms: int) -> list[Slot]:
        """See ``SeriesStore.slots``."""
        slot = LEVELS[level]
        sql = (
            f"SELECT low, high, total, last, readings FROM {self._of(level)}"  # noqa: S608
            f" WHERE {_where(point_id, since_ms, until_ms)}"
        )
        return [_slot(row, row[0] + slot) for row in self._rows(sql)]

    def put_slots(self, point_id: int, level: str, slots: Sequence[Slot]) -> None:
        """See ``SeriesStore.put_slots``."""
        self._write_slots(level, [(point_id, slot) for slot in slots])
        # no mark speaks of these
        with self._lock:
            self._kept_slots = None

    def raw_from_ms(self) -> int:
        """See ``SeriesStore.raw_from_ms``."""
        return self._kept_from().get(RAW, 0)

    def close(self) -> None:
        """See ``SeriesStore.close``."""
        self._connection.close()
        with self._lock:
            pool, self._pool = self._pool, None
            self._kept_slots = None
        if pool is not None:
            pool.shutdown()

    # --- writing ----------------------------------------------------------------------------------------------------

    def _append(self, rows: Sequence[Row]) -> list[Refused]:
        lines = self._lines(rows) + touching(rows)
        try:
            bad = self._connection.write(RAW, lines)
        except MissingBucket:
            influx_places.prepare(self._connection, self._keep)
            bad = self._connection.write(RAW, lines)
        finally:
            self._marks.forget()
        # a mark is refused only when its whole hour is: then there is nothing to roll up
        return [Refused(SeriesRow(*rows[each.place]), each.reason) for each in bad if each.place < len(rows)]

    def _lines(self, rows: Sequence[Row]) -> list[str]:
        heads, late = self._heads, int(Quality.LATE)
        lines = []
        # a fifth of what it takes to write them one by one; a number without a fraction is a float to InfluxDB as well
        values = msgspec.json.encode([row[2] for row in rows])[1:-1].decode().split(",")
        for (point_id, measured_ms, _, quality, received_ms), value in zip(rows, values, strict=True):
            head = heads.get(point_id)
            if head is None:
                head = heads[point_id] = f"reading,block={point_id >> BLOCK_BITS},point={point_id} "
            # each field costs the server as much as the value: what can be told without one is not written
            if quality != late:
                head += f"quality={quality}i,"
            if received_ms != measured_ms:
                head += f"received={received_ms}i,"
            lines.append(f"{head}value={value} {measured_ms}")
        return lines

    def _pool_opened(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="series")
            return self._pool

    def _kept_opened(self) -> KeptSlots:
        from registry.storage.series.influx_kept import KeptSlots

        with self._lock:
            if self._kept_slots is None:
                self._kept_slots = KeptSlots()
            return self._kept_slots

    def _write_slots(self, level: str, slots: Sequence[tuple[int, Slot]]) -> None:
        for start in range(0, len(slots), _LINES_AT_ONCE):
            lines = [
                f"rollup,block={point_id >> BLOCK_BITS},point={point_id} low={s.low!r},high={s.high!r},"
                f"total={s.total!r},last={s.last!r},readings={s.readings}i {s.at_ms}"
                for point_id, s in slots[start : start + _LINES_AT_ONCE]
            ]
            bad = self._connection.write(level, lines)
            # older than this level is kept: it would be gone at once
            if bad:
                log.info("rollups_refused", level=level, slots=len(bad), reason=bad[0].reason)

    # --- rolling up -------------------------------------------------------------------------------------------------

    def _roll_up(self, block: int, day_ms: int, hours: Mapping[int, int]) -> None:
        """Make the roll-ups of these hours anew out of all their readings, then those of their day."""
        five: list[tuple[int, Slot]] = []
        for begin, end in runs(hours):
            five += self._read_block(RAW, block, begin, end, _VALUES, "five_minutes")
        self._write_slots("five_minutes", five)
        self._write_slots("hours", _coarser(five, "hours"))
        self._write_slots("days", self._read_block("hours", block, day_ms, day_ms + DAY_MS, _ROLLED, "days"))
        self._connection.write(RAW, hours_folded(block, hours))

    def _read_block(
        self, level: str, block: int, since_ms: int, until_ms: int, columns: str, to_level: str
    ) -> list[tuple[int, Slot]]:
        slot = LEVELS[to_level]
        sql = (
            f"SELECT {columns} FROM {self._of(level)} WHERE block = '{block}'"  # noqa: S608
            f" AND time >= {since_ms}ms AND time < {until_ms}ms GROUP BY time({slot}ms), point fill(none)"
        )
        found = []
        for series in self._series(sql):
            point_id = int(series["tags"]["point"])
            found += [(point_id, each) for each in _slots(series["values"], None, slot)]
        return found

    # --- reading ----------------------------------------------------------------------------------------------------

    def _piece(self, point_id: int, piece: Piece, grid: Grid) -> str:
        where = _where(point_id, piece.since_ms, piece.until_ms)
        columns = _VALUES if piece.level == RAW else _ROLLED
        offset = grid.start_ms % grid.width_ms
        return (
            f"SELECT {columns} FROM {self._of(piece.level)} WHERE {where}"  # noqa: S608
            f" GROUP BY time({grid.width_ms}ms, {offset}ms) fill(none)"
        )

    def _read_many(self, wanted: Sequence[tuple[Piece, Sequence[int]]], grid: Grid) -> list[Parts]:
        """What there is of each piece, of its points."""
        from registry.storage.series.columns import parts_by_point

        # a server works on one question with one core
        shares = 2 if any(len(points) >= _SHARED_FROM for _, points in wanted) else 1
        asked = [
            [
                (place, self._many(piece, grid, points[share::shares]))
                for place, (piece, points) in enumerate(wanted)
                if points[share::shares]
            ]
            for share in range(shares)
        ]
        others = [self._pool_opened().submit(self._answers, [sql for _, sql in each]) for each in asked[1:]]
        answers = [self._answers([sql for _, sql in asked[0]]), *(each.result() for each in others)]
        found: list[list[tuple[int, list[Any]]]] = [[] for _ in wanted]
        for part, answer in zip(asked, answers, strict=True):
            for (place, _), its in zip(part, answer, strict=True):
                # servers may answer an empty slice as one without readings
                found[place] += [(int(s["tags"]["point"]), [row for row in s["values"] if row[4]]) for s in its]
        return [parts_by_point(each) for each in found]

    def _many(self, piece: Piece, grid: Grid, point_ids: Iterable[int]) -> str:
        """The statement for a piece of many points: slots as they are, or put together where a slice holds several."""
        since_ms, until_ms = max(piece.since_ms, EARLIEST_MS), min(piece.until_ms, LATEST_MS)
        span = f"time >= {since_ms}ms AND time < {until_ms}ms"
        head = f"FROM {self._of(piece.level)} WHERE ({_of_points(point_ids)}) AND {span}"
        if piece.level != RAW and grid.width_ms == LEVELS[piece.level]:
            return f"SELECT low, high, total, readings {head} GROUP BY point"
        columns = _MANY_VALUES if piece.level == RAW else _MANY_ROLLED
        offset = grid.start_ms % grid.width_ms
        return f"SELECT {columns} {head} GROUP BY time({grid.width_ms}ms, {offset}ms), point fill(none)"

    def _kept_from(self) -> dict[str, int]:
        """From which day on each level is sure to be there whole."""
        day = -(-to_ms(self._clock()) // DAY_MS)
        return {level: (day - self._keep.of(level)) * DAY_MS for level in LEVELS if self._keep.of(level)}

    def _of(self, level: str, measurement: str = "") -> str:
        return f'"{self._connection.database}"."{level}"."{measurement or ("reading" if level == RAW else "rollup")}"'

    def _rows(self, statement: str) -> list[list[Any]]:
        return [row for series in self._series(statement) for row in series["values"]]

    def _each(self, statements: Iterable[str]) -> list[list[list[Any]]]:
        answers = self._answers(list(statements))
        return [[row for series in answer for row in series["values"]] for answer in answers]

    def _answers(self, statements: Sequence[str]) -> list[list[dict[str, Any]]]:
        if not statements:
            return []
        try:
            return self._connection.query(*statements)
        except MissingBucket:  # nothing was ever written
            return [[] for _ in statements]

    def _series(self, statement: str) -> list[dict[str, Any]]:
        try:
            return self._connection.query(statement)[0]
        except MissingBucket:  # nothing was ever written
            return []


def _where(point_id: int, since_ms: int, until_ms: int) -> str:
    block = point_id >> BLOCK_BITS
    since_ms, until_ms = max(since_ms, EARLIEST_MS), min(until_ms, LATEST_MS)
    return f"block = '{block}' AND point = '{point_id}' AND time >= {since_ms}ms AND time < {until_ms}ms"


def _slot(row: Sequence[Any], last_ms: int) -> Slot:
    at, low, high, total, last, readings = row
    return Slot(at, float(low), float(high), float(total), float(last), last_ms, int(readings))


def _slots(rows: Iterable[Sequence[Any]], last_ms: int | None, slot_ms: int = 0) -> list[Slot]:
    """Rows of an answer as slots; servers may answer an empty slot as one without readings."""
    return [_slot(row, row[0] + slot_ms if last_ms is None else last_ms) for row in rows if row[5]]


def _of_points(point_ids: Iterable[int]) -> str:
    blocks: dict[int, list[str]] = defaultdict(list)
    for point_id in point_ids:
        blocks[point_id >> BLOCK_BITS].append(f"point = '{point_id}'")
    return " OR ".join(f"(block = '{block}' AND ({' OR '.join(among)}))" for block, among in blocks.items())


def _coarser(slots: Iterable[tuple[int, Slot]], level: str) -> list[tuple[int, Slot]]:
    of_point: dict[int, list[Slot]] = defaultdict(list)
    for point_id, slot in slots:
        of_point[point_id].append(slot)
    return [(point_id, each) for point_id, found in of_point.items() for each in together(found, 0, LEVELS[level])]
