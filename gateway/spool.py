"""The spool: readings wait here, on disk, from the moment they count as taken until the city has confirmed them.

One SQLite file (WAL, synchronous=FULL). Callers of ``put`` wait while one writer thread puts everything that is queued
into one transaction: one pack per lane, one flush of the disk for all of them. A pack is what one transaction took for
one lane; it never changes, and its number ``seq`` goes on across restarts. The ``epoch`` is born with the file.

Knows nothing of buses or brokers, and may lose only what its bound forces it to, counted by reason.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

import structlog

from gateway import spool_file
from gateway.senml import Reading, WireFormat, encode_readings, join_records
from gateway.settings import SpoolSettings
from gateway.spool_file import SpoolBroken, SpoolDown, SpoolFull, SpoolInUse, translated

Lane = Literal["urgent", "routine"]

LANES: tuple[Lane, ...] = ("urgent", "routine")  # in the order in which they are sent, and spared from dropping

_MAX_WAITING = 1024  # callers' puts that may wait for the writer; the next caller waits for room
_MAX_READINGS_A_PACK = 2000
_OVERHEAD_BYTES = 64  # what a pack takes in the file beside its records
_CALM_AGAIN = 0.9  # dropping counts as over when this share of the bound is reached from above

log = structlog.get_logger(__name__)

__all__ = [
    "LANES",
    "Lane",
    "Spool",
    "SpoolBroken",
    "SpoolClosed",
    "SpoolDown",
    "SpoolFull",
    "SpoolInUse",
    "SpoolStatus",
    "SpooledPack",
]


class SpoolClosed(Exception):
    """The spool was closed; nothing more is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledPack:
    """One pack as it waits; ``after`` is the seq the city must have reached before this pack follows on."""

    lane: Lane
    seq: int
    after: int
    put_ms: int
    readings: int
    wire: WireFormat
    records: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """What waits and what was lost: counts of readings (``packs``: of packs); ``oldest_ms`` is Unix ms or None."""

    queued: int
    packs: int
    bytes: int
    dropped: int
    oldest_ms: int | None


@dataclass(slots=True)
class _Put:
    pieces: dict[Lane, tuple[bytes, int]]
    done: Future[dict[Lane, int]] = field(default_factory=Future)


@dataclass(slots=True)
class _Confirm:
    lane: Lane
    seq: int
    done: Future[int] = field(default_factory=Future)


@dataclass(slots=True)
class _Totals:
    """The file's counts as of the last commit."""

    last_seq: dict[Lane, int]
    confirmed: dict[Lane, int]
    packs: int
    readings: int
    bytes: int
    dropped: int

    def copy(self) -> _Totals:
        return _Totals(dict(self.last_seq), dict(self.confirmed), self.packs, self.readings, self.bytes, self.dropped)


class Spool:
    """The spool in use, between ``__enter__`` and ``__exit__``. All methods may be called from any thread."""

    def __init__(
        self,
        settings: SpoolSettings,
        *,
        wire: WireFormat = "json",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._wire: WireFormat = wire
        self._clock = clock
        self.on_pack: Callable[[], None] = lambda: None  # called after each commit, in the writer's thread
        self._turn = threading.Condition()
        self._waiting: deque[_Put | _Confirm] = deque()
        self._closing = True
        self._reading = threading.Lock()
        self._down = self._dropping = False

    def __enter__(self) -> Spool:
        """Opens (or makes) the file and starts the writer; a corrupt file is set aside.

        Raises ``SpoolInUse`` when another process has the file, ``SpoolDown`` when the disk does not let us.
        """
        self._file = spool_file.open_spool(self._settings.path, clock=self._clock)
        self._totals = _read_totals(self._file.writer)
        self._closing = False
        self._writer = threading.Thread(target=self._write, name="spool", daemon=True)
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes what was put until now, then closes the file."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._writer.join()
        with self._reading:
            self._file.close()

    @property
    def epoch(self) -> str:
        """The random id born with this file; a sequence number means something only together with it."""
        return self._file.epoch

    def put(self, readings_by_lane: Mapping[Lane, Sequence[Reading]]) -> dict[Lane, int]:
        """Returns when the readings are committed to disk, with the seq of the pack that carries them per lane.

        Raises ``SpoolFull`` or ``SpoolDown`` (nothing was taken; put the same readings again later), ``SpoolBroken``
        (the file is damaged; only a new start helps) or ``SpoolClosed``.
        """
        pieces = {
            lane: (encode_readings(readings, self._wire), len(readings))
            for lane, readings in readings_by_lane.items()
            if readings
        }
        if not pieces:
            return {}
        job = _Put(pieces)
        self._queue(job)
        return job.done.result()

    def confirm(self, lane: Lane, seq: int) -> int:
        """The city has everything of ``lane`` up to ``seq``: deletes those packs and returns how many they were.

        Raises ``ValueError`` for a seq that was never given, and what ``put`` raises.
        """
        return self.confirm_soon(lane, seq).result()

    def confirm_soon(self, lane: Lane, seq: int) -> Future[int]:
        """As ``confirm``, without waiting for the disk: the packs go with the writer's next transaction."""
        if seq > self.last_seq(lane):
            raise ValueError(f"lane {lane} has no pack {seq}; its last one is {self.last_seq(lane)}")
        job = _Confirm(lane, seq)
        self._queue(job)
        return job.done

    def take(self, lane: Lane, after_seq: int, limit: int) -> list[SpooledPack]:
        """The next packs of ``lane`` with a seq above ``after_seq``, oldest first, at most ``limit``; all stay here."""
        with self._reading, translated("reading the spool"), spool_file.transaction(self._file.reader, writes=False):
            (before,) = self._file.reader.execute(
                "SELECT coalesce((SELECT max(seq) FROM pack WHERE lane = ?1 AND seq <= ?2),"
                " (SELECT confirmed FROM lane WHERE lane = ?1))",
                (lane, after_seq),
            ).fetchone()
            rows = self._file.reader.execute(
                "SELECT seq, put_ms, readings, wire, records FROM pack WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?",
                (lane, after_seq, limit),
            ).fetchall()
        packs = []
        for seq, put_ms, readings, wire, records in rows:
            packs.append(
                SpooledPack(
                    lane=lane, seq=seq, after=before, put_ms=put_ms, readings=readings, wire=wire, records=records
                )
            )
            before = seq
        return packs

    def last_seq(self, lane: Lane) -> int:
        """The newest pack's seq; 0 when the lane never had one."""
        return self._totals.last_seq[lane]

    def confirmed(self, lane: Lane) -> int:
        """The highest seq the city has confirmed; 0 when none."""
        return self._totals.confirmed[lane]

    def status(self) -> SpoolStatus:
        """What waits now, and what this file has dropped since it was made."""
        with self._reading, translated("reading the spool"):
            oldest = self._file.reader.execute("SELECT put_ms FROM pack ORDER BY id LIMIT 1").fetchone()
        totals = self._totals
        return SpoolStatus(
            queued=totals.readings,
            packs=totals.packs,
            bytes=totals.bytes,
            dropped=totals.dropped,
            oldest_ms=oldest[0] if oldest else None,
        )

    def dropped_by_reason(self) -> dict[tuple[Lane, str], int]:
        """Readings dropped since the file was made, by lane and reason (``full``, ``too_old``)."""
        with self._reading, translated("reading the spool"):
            rows = self._file.reader.execute("SELECT lane, reason, readings FROM dropped").fetchall()
        return {(lane, reason): readings for lane, reason, readings in rows}

    # --- the writer thread ------------------------------------------------------------------------------------------

    def _queue(self, job: _Put | _Confirm) -> None:
        with self._turn:
            while len(self._waiting) >= _MAX_WAITING and not self._closing:
                self._turn.wait()
            if self._closing:
                raise SpoolClosed
            self._waiting.append(job)
            self._turn.notify_all()

    def _write(self) -> None:
        try:
            while jobs := self._next_jobs():
                self._commit_or_fail(jobs)
        finally:  # whatever ended this thread, nobody may wait for it in vain
            with self._turn:
                self._closing = True
                left = list(self._waiting)
                self._waiting.clear()
                self._turn.notify_all()
            _fail(left, SpoolClosed())

    def _commit_or_fail(self, jobs: Sequence[_Put | _Confirm]) -> None:
        try:
            self._commit(jobs)
        except SpoolDown as error:
            self._went_down(error)
            self._after_failure(jobs, error)
        except SpoolBroken as error:
            log.error("spool_broken", path=self._settings.path, reason=str(error))
            _fail(jobs, error)
        except BaseException as error:
            _fail(jobs, error)
            raise

    def _next_jobs(self) -> list[_Put | _Confirm]:
        """What is queued now, as far as it makes a pack of sensible size; empty at the end."""
        with self._turn:
            while not self._waiting and not self._closing:
                self._turn.wait()
            jobs: list[_Put | _Confirm] = []
            readings = 0
            while self._waiting and readings < _MAX_READINGS_A_PACK:
                job = self._waiting.popleft()
                jobs.append(job)
                if isinstance(job, _Put):
                    readings += sum(count for _, count in job.pieces.values())
            self._turn.notify_all()
            return jobs

    def _after_failure(self, jobs: Sequence[_Put | _Confirm], error: SpoolDown) -> None:
        # Confirming frees room, so it gets a try of its own; whoever wanted to put tries again later.
        puts = [job for job in jobs if isinstance(job, _Put)]
        confirms = [job for job in jobs if isinstance(job, _Confirm)]
        _fail(puts, error)
        try:
            if puts and confirms:
                self._commit(confirms)
            else:
                _fail(confirms, error)
        except (SpoolDown, SpoolBroken) as again:
            _fail(confirms, again)

    def _commit(self, jobs: Sequence[_Put | _Confirm]) -> None:
        """All of ``jobs`` in one transaction; their callers go on when it is on the disk."""
        totals = self._totals.copy()
        puts = [job for job in jobs if isinstance(job, _Put)]
        confirms = [job for job in jobs if isinstance(job, _Confirm)]
        with translated("writing the spool"), spool_file.transaction(self._file.writer, writes=True):
            deleted = [self._confirm(job, totals) for job in confirms]
            seqs = self._insert(puts, totals)
            lost = self._drop(totals, spare=seqs) if seqs else {}
        self._totals = totals
        self._came_back(lost)
        for job, count in zip(confirms, deleted, strict=True):
            job.done.set_result(count)
        for put in puts:
            put.done.set_result({lane: seqs[lane] for lane in put.pieces})
        if puts:
            self.on_pack()

    def _confirm(self, job: _Confirm, totals: _Totals) -> int:
        packs = _delete(self._file.writer, job.lane, job.seq, totals)[0]
        if job.seq > totals.confirmed[job.lane]:
            totals.confirmed[job.lane] = job.seq
            self._file.writer.execute("UPDATE lane SET confirmed = ? WHERE lane = ?", (job.seq, job.lane))
        return packs

    def _insert(self, puts: Sequence[_Put], totals: _Totals) -> dict[Lane, int]:
        """One pack per lane that has something; returns their seqs."""
        put_ms = int(self._clock() * 1000)
        seqs: dict[Lane, int] = {}
        for lane in LANES:
            pieces = [put.pieces[lane] for put in puts if lane in put.pieces]
            if not pieces:
                continue
            records = join_records((piece for piece, _ in pieces), self._wire)
            readings, size = sum(count for _, count in pieces), len(records) + _OVERHEAD_BYTES
            seq = seqs[lane] = totals.last_seq[lane] = totals.last_seq[lane] + 1
            self._file.writer.execute(
                "INSERT INTO pack (lane, seq, put_ms, readings, bytes, wire, records) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (lane, seq, put_ms, readings, size, self._wire, records),
            )
            self._file.writer.execute("UPDATE lane SET last_seq = ? WHERE lane = ?", (seq, lane))
            totals.packs += 1
            totals.readings += readings
            totals.bytes += size
        return seqs

    def _drop(self, totals: _Totals, *, spare: Mapping[Lane, int]) -> dict[str, int]:
        """Keeps the bounds: oldest routine packs first, urgent ones only when no routine pack is left to drop."""
        lost: dict[str, int] = {}
        too_old_ms = int((self._clock() - self._settings.max_age_s) * 1000) if self._settings.max_age_s else None
        for lane in reversed(LANES):
            keep_from = spare.get(lane, totals.last_seq[lane] + 1)
            if too_old_ms is not None:
                (last,) = self._file.writer.execute(
                    "SELECT max(seq) FROM pack WHERE lane = ? AND put_ms < ? AND seq < ?", (lane, too_old_ms, keep_from)
                ).fetchone()
                if last is not None:
                    lost["too_old"] = lost.get("too_old", 0) + self._drop_up_to(lane, last, "too_old", totals)
            for seq in _oldest_first(self._file.writer, lane, keep_from):
                if totals.bytes <= self._settings.max_bytes:
                    break
                lost["full"] = lost.get("full", 0) + self._drop_up_to(lane, seq, "full", totals)
        return lost

    def _drop_up_to(self, lane: Lane, seq: int, reason: str, totals: _Totals) -> int:
        packs, readings = _delete(self._file.writer, lane, seq, totals)
        totals.dropped += readings
        self._file.writer.execute(
            "INSERT INTO dropped (lane, reason, packs, readings) VALUES (?, ?, ?, ?) ON CONFLICT (lane, reason)"
            " DO UPDATE SET packs = packs + excluded.packs, readings = readings + excluded.readings",
            (lane, reason, packs, readings),
        )
        return readings

    def _went_down(self, error: SpoolDown) -> None:
        if not self._down:
            self._down = True
            log.error("spool_refuses", path=self._settings.path, reason=str(error), fix="free space on its disk")

    def _came_back(self, lost: Mapping[str, int]) -> None:
        if self._down:
            self._down = False
            log.info("spool_takes_again", path=self._settings.path)
        if lost and not self._dropping:
            log.error("spool_dropping", path=self._settings.path, readings=dict(lost), fix="is the uplink down?")
        if lost or (self._dropping and self._totals.bytes < _CALM_AGAIN * self._settings.max_bytes):
            self._dropping = bool(lost)


def _oldest_first(db: sqlite3.Connection, lane: Lane, below: int) -> Iterable[int]:
    while True:
        row = db.execute("SELECT min(seq) FROM pack WHERE lane = ? AND seq < ?", (lane, below)).fetchone()
        if row[0] is None:
            return
        yield row[0]


def _delete(db: sqlite3.Connection, lane: Lane, seq: int, totals: _Totals) -> tuple[int, int]:
    """Packs and readings deleted from ``lane`` up to ``seq``."""
    packs, readings, size = db.execute(
        "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM pack WHERE lane = ? AND seq <= ?",
        (lane, seq),
    ).fetchone()
    db.execute("DELETE FROM pack WHERE lane = ? AND seq <= ?", (lane, seq))
    totals.packs -= packs
    totals.readings -= readings
    totals.bytes -= size
    return packs, readings


def _read_totals(db: sqlite3.Connection) -> _Totals:
    with translated("reading the spool"):
        lanes = {lane: (last, confirmed) for lane, last, confirmed in db.execute("SELECT * FROM lane")}
        packs, readings, size = db.execute(
            "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM pack"
        ).fetchone()
        (dropped,) = db.execute("SELECT coalesce(sum(readings), 0) FROM dropped").fetchone()
    return _Totals(
        last_seq={lane: lanes[lane][0] for lane in LANES},
        confirmed={lane: lanes[lane][1] for lane in LANES},
        packs=packs,
        readings=readings,
        bytes=size,
        dropped=dropped,
    )


def _fail(jobs: Iterable[_Put | _Confirm], error: BaseException) -> None:
    for job in jobs:
        job.done.set_exception(error)
