"""The spool: readings wait here, on disk, from the moment they count as taken until the city has confirmed them.

One SQLite file (WAL, synchronous=FULL). Callers of ``put`` wait while one writer thread puts everything that is queued
into one transaction: one pack per lane, one flush of the disk for all of them. A pack is what one transaction took for
one lane; it never changes, and its number ``seq`` goes on across restarts. The ``epoch`` is born with the file.

Knows nothing of buses or brokers, and may lose only what its bound forces it to, counted by reason.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

import structlog

from gateway import spool_file, spool_tables
from gateway.senml import Reading, WireFormat, encode_readings, join_records
from gateway.settings import SpoolSettings
from gateway.spool_file import SpoolBroken, SpoolDown, SpoolFull, SpoolInUse, translated
from gateway.spool_tables import LANES, Lane, SpooledPack, Totals

_MAX_WAITING = 1024  # callers' puts that may wait for the writer; the next caller waits for room
_MAX_READINGS_A_PACK = 2000
_LAZY_FOR_S = 0.25
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
    lazy: bool
    done: Future[int] = field(default_factory=Future)


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
        with translated("reading the spool"):
            self._totals = spool_tables.read_totals(self._file.writer)
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
        return self._confirm_job(lane, seq, lazy=False).result()

    def confirm_soon(self, lane: Lane, seq: int) -> Future[int]:
        """As ``confirm``, without waiting: the packs go with the next ``put``, which saves the disk a flush."""
        return self._confirm_job(lane, seq, lazy=True)

    def _confirm_job(self, lane: Lane, seq: int, *, lazy: bool) -> Future[int]:
        if seq > self.last_seq(lane):
            raise ValueError(f"lane {lane} has no pack {seq}; its last one is {self.last_seq(lane)}")
        job = _Confirm(lane, seq, lazy)
        self._queue(job)
        return job.done

    def take(self, lane: Lane, after_seq: int, limit: int) -> list[SpooledPack]:
        """The next packs of ``lane`` with a seq above ``after_seq``, oldest first, at most ``limit``; all stay here."""
        with self._reading, translated("reading the spool"), spool_file.transaction(self._file.reader, writes=False):
            return spool_tables.next_packs(self._file.reader, lane, after_seq, limit)

    def last_seq(self, lane: Lane) -> int:
        """The newest pack's seq; 0 when the lane never had one."""
        return self._totals.last_seq[lane]

    def confirmed(self, lane: Lane) -> int:
        """The highest seq the city has confirmed; 0 when none."""
        return self._totals.confirmed[lane]

    def status(self) -> SpoolStatus:
        """What waits now, and what this file has dropped since it was made."""
        with self._reading, translated("reading the spool"):
            oldest_ms = spool_tables.oldest_put_ms(self._file.reader)
        totals = self._totals
        return SpoolStatus(
            queued=totals.readings,
            packs=totals.packs,
            bytes=totals.bytes,
            dropped=totals.dropped,
            oldest_ms=oldest_ms,
        )

    def dropped_by_reason(self) -> dict[tuple[Lane, str], int]:
        """Readings dropped since the file was made, by lane and reason (``full``, ``too_old``)."""
        with self._reading, translated("reading the spool"):
            return spool_tables.dropped_by_reason(self._file.reader)

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
            self._turn.wait_for(lambda: self._waiting or self._closing)
            self._turn.wait_for(self._is_pressing, timeout=_LAZY_FOR_S)
            jobs: list[_Put | _Confirm] = []
            readings = 0
            while self._waiting and readings < _MAX_READINGS_A_PACK:
                job = self._waiting.popleft()
                jobs.append(job)
                if isinstance(job, _Put):
                    readings += sum(count for _, count in job.pieces.values())
            self._turn.notify_all()
            return jobs

    def _is_pressing(self) -> bool:
        """Whether somebody waits for the disk; a deletion that nobody waits for can go with what comes next."""
        return self._closing or not all(isinstance(job, _Confirm) and job.lazy for job in self._waiting)

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
            deleted = [spool_tables.confirm_up_to(self._file.writer, totals, job.lane, job.seq) for job in confirms]
            seqs = self._insert(puts, totals)
            if puts:
                self._keep_bounds(totals)
        lost = totals.dropped - self._totals.dropped
        self._totals = totals
        self._came_back(lost)
        for job, count in zip(confirms, deleted, strict=True):
            job.done.set_result(count)
        for put in puts:
            put.done.set_result({lane: seqs[lane] for lane in put.pieces})
        if puts:
            self.on_pack()

    def _insert(self, puts: Sequence[_Put], totals: Totals) -> dict[Lane, int]:
        """One pack per lane that has something; returns their seqs."""
        now_ms = int(self._clock() * 1000)
        seqs: dict[Lane, int] = {}
        for lane in LANES:
            pieces = [put.pieces[lane] for put in puts if lane in put.pieces]
            if pieces:
                seqs[lane] = spool_tables.insert_pack(
                    self._file.writer,
                    totals,
                    lane,
                    join_records((piece for piece, _ in pieces), self._wire),
                    readings=sum(count for _, count in pieces),
                    wire=self._wire,
                    now_ms=now_ms,
                )
        return seqs

    def _keep_bounds(self, totals: Totals) -> None:
        if self._settings.max_age_s:
            before_ms = int((self._clock() - self._settings.max_age_s) * 1000)
            spool_tables.drop_too_old(self._file.writer, totals, before_ms=before_ms)
        spool_tables.drop_until_it_fits(self._file.writer, totals, max_bytes=self._settings.max_bytes)

    def _went_down(self, error: SpoolDown) -> None:
        if not self._down:
            self._down = True
            log.error("spool_refuses", path=self._settings.path, reason=str(error), fix="free space on its disk")

    def _came_back(self, lost: int) -> None:
        if self._down:
            self._down = False
            log.info("spool_takes_again", path=self._settings.path)
        if lost and not self._dropping:
            log.error(
                "spool_dropping", path=self._settings.path, readings=lost, fix="look why the city has not taken them"
            )
        if lost or (self._dropping and self._totals.bytes < _CALM_AGAIN * self._settings.max_bytes):
            self._dropping = bool(lost)


def _fail(jobs: Iterable[_Put | _Confirm], error: BaseException) -> None:
    for job in jobs:
        job.done.set_exception(error)
