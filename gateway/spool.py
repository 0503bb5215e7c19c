"""The spool: readings wait here, on disk, from the moment they count as taken until the city has confirmed them.

One SQLite file (WAL). Callers of ``put`` wait while one writer thread puts everything that is queued into one
transaction: one pack per lane, one flush of the disk for all of them. A pack is what one transaction took for one
lane; its number ``seq`` goes on across restarts. The ``epoch`` is born with the file. A commit survives the death of
this process at once, and a power cut once it is flushed: at once for what is urgent or was acknowledged to somebody,
within ``flush_within_s`` for what can wait (``soon``).

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

from gateway import spool_file, spool_letters, spool_salvage, spool_tables, spool_undated
from gateway.clock_guard import boot_id
from gateway.senml import (
    UNDATED_S,
    Item,
    Undecoded,
    WireFormat,
    dated,
    encode_readings,
    is_undated,
    join_records,
)
from gateway.settings import SpoolSettings
from gateway.spool_file import SpoolBroken, SpoolDown, SpoolFull, SpoolInUse, translated
from gateway.spool_tables import (
    BACKLOG_OF,
    LANE_OF,
    LANES,
    RESERVED_SEQS,
    STREAMS,
    Lane,
    SpooledPack,
    Stream,
    Totals,
)
from gateway.spool_thin import Thinner
from gateway.spool_undated import Shift

_MAX_WAITING = 1024  # callers' puts that may wait for the writer; the next caller waits for room
_MAX_READINGS_A_PACK = 2000
_LAZY_FOR_S = 0.25
_REST_S = 0.5
_CALM_AGAIN = 0.9  # dropping counts as over when this share of the bound is reached from above
_ALL_IN_AFTER_S = 30.0  # buses rest 5 s at most when the disk refuses, then ask all units that are due in turn
_THIN_FROM = 0.8  # share of the bound from which routine readings are thinned

log = structlog.get_logger(__name__)

__all__ = [
    "LANES",
    "STREAMS",
    "Lane",
    "Spool",
    "SpoolBroken",
    "SpoolClosed",
    "SpoolDown",
    "SpoolFull",
    "SpoolInUse",
    "SpoolStatus",
    "SpooledPack",
    "Stream",
]


class SpoolClosed(Exception):
    """The spool was closed; nothing more is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """What waits and what was lost: counts of readings (``packs``: of packs).

    ``oldest_ms`` is since when the oldest pack waits, or a reading outside because the disk refused, in Unix ms (None:
    none waits, or it has no date), ``oldest_s`` for
    how long it has waited; ``undated`` wait for the clock, ``backlog`` packs are behind what is live; ``flushes`` of
    the disk since the start.
    """

    queued: int
    packs: int
    bytes: int
    dropped: int
    oldest_ms: int | None
    oldest_s: float = 0.0
    undated: int = 0
    backlog: int = 0
    flushes: int = 0


@dataclass(slots=True)
class _Put:
    pieces: dict[Lane, tuple[bytes, int]]
    undated: dict[Lane, tuple[bytes, int, int]]  # records, readings, the newest's ms
    flush: bool
    letters: list[Undecoded] = field(default_factory=list)  # of polled units: each sent, or only counted
    done: Future[dict[Lane, int]] = field(default_factory=Future)


@dataclass(slots=True)
class _Confirm:
    stream: Stream
    seq: int
    lazy: bool
    done: Future[int] = field(default_factory=Future)


@dataclass(slots=True)
class _Date:
    shifts: Mapping[str, Shift]
    done: Future[int] = field(default_factory=Future)


_Job = _Put | _Confirm | _Date


class Spool:
    """The spool in use, between ``__enter__`` and ``__exit__``. All methods may be called from any thread.

    ``clock`` gives Unix seconds, or before it is set a time that is none yet (``ClockGuard.now``); ``boot`` names the
    machine's run, whose ticks such times count; ``ticks`` measures waiting.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        *,
        wire: WireFormat = "json",
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        boot: str = "",
    ) -> None:
        self._settings = settings
        self._wire: WireFormat = wire
        self._clock = clock
        self._ticks = ticks
        self._boot = boot
        self._shift: Shift | None = None
        self._thinner = Thinner(settings.thin_to_s)
        # Called in the writer's thread after each commit that holds something urgent; what is routine need not wake
        # anybody: several packs sent together cost the processor as much as one.
        self.on_pack: Callable[[], None] = lambda: None
        self._turn = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._closing = True
        self._reading = threading.Lock()
        self._down = self._dropping = False
        self._refused_from_s: float | None = None  # ticks, as all times of the disk
        self._took_again_s = 0.0
        self._unflushed: dict[Stream, int] = {}  # the newest pack of each stream that a power cut could take
        self._unflushed_others = False  # likewise what waits for the clock, and counts of letters: not for the city yet
        self._unflushed_since_s = 0.0
        self._release_at_s: float | None = None  # running time at which a letter that is held is due
        self._rests_until_s = 0.0  # after a failure nothing is tried that nobody waits for
        self._flushing: bool | None = None
        self._flushes = 0

    def __enter__(self) -> Spool:
        """Opens (or makes) the file and starts the writer; a corrupt file is set aside, what it still tells is kept.

        Raises ``SpoolInUse`` when another process has the file, ``SpoolDown`` when the disk does not let us.
        """
        self._boot = self._boot or boot_id()
        self._file = spool_file.open_spool(self._settings.path, clock=self._clock)
        db = self._file.writer
        try:
            with translated("reading the spool"):
                self._totals = spool_tables.read_totals(db)
                self._ran_s = spool_tables.newest_put_s(db) - self._ticks()
                with spool_file.transaction(db, writes=True):
                    spool_tables.reserve_numbers(db, self._totals)
                    spool_letters.recall(db, now_s=self._running_s())
                self._note_held()
                self._salvage()
        except BaseException:
            self._file.close()
            raise
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

    def epoch_of(self, stream: Stream) -> str:
        """The epoch under which the packs of ``stream`` travel: a lane's backlog counts by itself."""
        return self.epoch if stream in LANES else f"{self.epoch}-b"

    def put(self, readings_by_lane: Mapping[Lane, Sequence[Item]], *, soon: bool = False) -> dict[Lane, int]:
        """Returns when the readings are committed to disk, with the seq of the pack that carries them per lane.

        What the clock can't date yet waits without a seq. With ``soon``, routine readings are flushed a little later
        together with others, and of letters only some are sent (``letters_every_s``), since what is polled comes again;
        not for what somebody else forgets once we have said that we have it. Raises ``SpoolFull``
        or ``SpoolDown`` (nothing was taken; put the same readings again later), ``SpoolBroken`` (the file is damaged;
        only a new start helps) or ``SpoolClosed``.
        """
        job = _Put({}, {}, flush=not soon or bool(readings_by_lane.get("urgent")) or not self._settings.flush_within_s)
        for lane, items in readings_by_lane.items():
            if soon and self._settings.letters_every_s:
                job.letters += [item for item in items if isinstance(item, Undecoded)]
                items = [item for item in items if not isinstance(item, Undecoded)]
            self._sort(job, lane, items)
        if not job.pieces and not job.undated and not job.letters:
            return {}
        self._queue(job)
        return job.done.result()

    def _sort(self, job: _Put, lane: Lane, items: Sequence[Item]) -> None:
        undated = [item for item in items if is_undated(item)]
        shift = self._shift
        if undated and shift is not None:
            items = [dated(item, add_ms=shift.add_ms) for item in items]
        elif undated:
            items = [item for item in items if not is_undated(item)]
            newest_ms = max(_time_ms(item) for item in undated)
            job.undated[lane] = (encode_readings(undated, self._wire), len(undated), newest_ms)
        if items:
            job.pieces[lane] = (encode_readings(items, self._wire), len(items))

    def confirm(self, stream: Stream, seq: int) -> int:
        """The city has everything of ``stream`` up to ``seq``: deletes those packs and returns how many they were.

        Raises ``ValueError`` for a seq that was never given, and what ``put`` raises.
        """
        return self._confirm_job(stream, seq, lazy=False).result()

    def confirm_soon(self, stream: Stream, seq: int) -> Future[int]:
        """As ``confirm``, without waiting: the packs go with the next ``put``, which saves the disk a flush."""
        return self._confirm_job(stream, seq, lazy=True)

    def _confirm_job(self, stream: Stream, seq: int, *, lazy: bool) -> Future[int]:
        if seq > self.last_seq(stream):
            raise ValueError(f"stream {stream} has no pack {seq}; its last one is {self.last_seq(stream)}")
        job = _Confirm(stream, seq, lazy)
        self._queue(job)
        return job.done

    def date_undated(self, start_s: float) -> int:
        """The clock is set, and this run of the machine began at ``start_s`` (Unix s): dates all that waited for it.

        Returns how many entries were dated; raises what ``put`` raises, and may then be called again.
        """
        with self._reading, translated("reading the spool"):
            known = spool_undated.shifts(self._file.reader, boot=self._boot, start_s=start_s)
        self._shift = known[self._boot]
        total = 0
        while self._totals.undated:
            job = _Date(known)
            self._queue(job)
            count = job.done.result()
            if not count:
                break
            total += count
        return total

    @property
    def refuses(self) -> bool:
        """Whether the disk takes nothing at the moment."""
        return self._down

    @property
    def undated(self) -> int:
        """How many readings wait for the clock."""
        return self._totals.undated

    def take(self, stream: Stream, after_seq: int, limit: int) -> list[SpooledPack]:
        """The next packs of ``stream`` with a seq above ``after_seq``, oldest first, at most ``limit``; all stay."""
        with self._reading, translated("reading the spool"), spool_file.transaction(self._file.reader, writes=False):
            return spool_tables.next_packs(
                self._file.reader, stream, after_seq, limit, confirmed=self._totals.confirmed[stream]
            )

    def last_seq(self, stream: Stream) -> int:
        """The last seq that was, or after a crash may have been, given; 0 when the stream never had one."""
        return self._totals.last_seq[stream]

    def confirmed(self, stream: Stream) -> int:
        """The highest seq the city has confirmed; 0 when none."""
        return self._totals.confirmed[stream]

    def waiting(self, stream: Stream) -> int:
        """How many packs of ``stream`` wait for the city."""
        return self._totals.waiting[stream]

    def status(self) -> SpoolStatus:
        """What waits now, and what this file has dropped since it was made."""
        with self._reading, translated("reading the spool"):
            oldest = spool_tables.oldest_put(self._file.reader)
        totals = self._totals
        oldest_ms, put_s = (None, self._running_s()) if oldest is None else oldest
        outside_s = self._outside_s()
        if outside_s:
            since_ms = int((self._clock() - outside_s) * 1000)
            oldest_ms = since_ms if oldest_ms is None else min(oldest_ms, since_ms)
        return SpoolStatus(
            queued=totals.readings,
            packs=totals.packs,
            bytes=totals.bytes,
            dropped=totals.dropped,
            oldest_ms=None if oldest_ms is None or oldest_ms < 0 else oldest_ms,
            oldest_s=max(outside_s, self._running_s() - put_s),
            undated=totals.undated,
            backlog=sum(totals.waiting[stream] for stream in BACKLOG_OF.values()),
            flushes=self._flushes,
        )

    def dropped_by_reason(self) -> dict[tuple[Lane, str], int]:
        """Readings dropped since the file was made, by lane and reason (``full``, ``too_old``, ``thinned``, …)."""
        with self._reading, translated("reading the spool"):
            return spool_tables.dropped_by_reason(self._file.reader)

    def _running_s(self) -> float:
        """Seconds this spool has been open in its life; no clock can make its packs look older than they are."""
        return self._ran_s + self._ticks()

    def _outside_s(self) -> float:
        """For how long readings may have waited outside: since the disk first refused, until all had time to come in.

        Without it the city would take units for silent that nobody can hear.
        """
        from_s, now_s = self._refused_from_s, self._ticks()
        if from_s is None or not (self._down or now_s - self._took_again_s < _ALL_IN_AFTER_S):
            return 0.0
        return now_s - from_s

    def _salvage(self) -> None:
        if self._file.aside is None:
            return
        now_ms, now_s = int(self._clock() * 1000), self._running_s()
        packs, readings = spool_salvage.salvage(
            self._file.aside, self._file.writer, self._totals, now_ms=now_ms, now_s=now_s
        )
        log.warning("spool_salvaged", aside=str(self._file.aside), packs=packs, readings=readings)

    # --- the writer thread ------------------------------------------------------------------------------------------

    def _queue(self, job: _Job) -> None:
        with self._turn:
            while len(self._waiting) >= _MAX_WAITING and not self._closing:
                self._turn.wait()
            if self._closing:
                raise SpoolClosed
            self._waiting.append(job)
            self._turn.notify_all()

    def _write(self) -> None:
        try:
            while not self._closing or self._waiting:
                jobs = self._next_jobs()
                rested = time.monotonic() >= self._rests_until_s
                if rested and self._release_in_s() == 0.0:
                    jobs.append(_Put({}, {}, flush=False))
                if jobs or (rested and self._is_flush_due()):
                    self._commit_or_fail(jobs)
            self._end_clean()
        finally:  # whatever ended this thread, nobody may wait for it in vain
            with self._turn:
                self._closing = True
                left = list(self._waiting)
                self._waiting.clear()
                self._turn.notify_all()
            _fail(left, SpoolClosed())

    def _end_clean(self) -> None:
        try:
            self._flush_on_commit(True)
            with translated("closing the spool"), spool_file.transaction(self._file.writer, writes=True):
                spool_tables.reserve_numbers(self._file.writer, self._totals, more=0)
        except (SpoolDown, SpoolBroken) as error:  # the numbers stay reserved: the next start leaves them out
            log.warning("spool_ends_unclean", path=self._settings.path, reason=str(error))

    def _commit_or_fail(self, jobs: Sequence[_Job]) -> None:
        try:
            self._commit(jobs)
        except SpoolDown as error:
            self._rests_until_s = time.monotonic() + _REST_S
            self._went_down(error)
            self._after_failure(jobs, error)
        except SpoolBroken as error:
            log.error("spool_broken", path=self._settings.path, reason=str(error))
            _fail(jobs, error)
        except BaseException as error:
            _fail(jobs, error)
            raise

    def _next_jobs(self) -> list[_Job]:
        """What is queued now, as far as it makes a pack of sensible size; empty when a flush is due, or at the end."""
        with self._turn:
            self._turn.wait_for(lambda: self._waiting or self._closing, timeout=self._wakes_in_s())
            if self._waiting:
                self._turn.wait_for(self._is_pressing, timeout=_LAZY_FOR_S)
            jobs: list[_Job] = []
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

    def _flush_in_s(self) -> float | None:
        if not self._unflushed and not self._unflushed_others:
            return None
        return max(0.0, self._unflushed_since_s + self._settings.flush_within_s - time.monotonic())

    def _release_in_s(self) -> float | None:
        return None if self._release_at_s is None else max(0.0, self._release_at_s - self._running_s())

    def _wakes_in_s(self) -> float | None:
        due_s = [each for each in (self._flush_in_s(), self._release_in_s()) if each is not None]
        return max(min(due_s), self._rests_until_s - time.monotonic()) if due_s else None

    def _is_flush_due(self) -> bool:
        return self._flush_in_s() == 0.0

    def _flush_on_commit(self, flush: bool) -> None:
        if flush is not self._flushing:
            with translated("preparing the spool"):
                self._file.writer.execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}")
            self._flushing = flush

    def _after_failure(self, jobs: Sequence[_Job], error: SpoolDown) -> None:
        # Confirming frees room, so it gets a try of its own; whoever wanted to put tries again later.
        others = [job for job in jobs if not isinstance(job, _Confirm)]
        confirms = [job for job in jobs if isinstance(job, _Confirm)]
        _fail(others, error)
        try:
            if others and confirms:
                self._commit(confirms)
            else:
                _fail(confirms, error)
        except (SpoolDown, SpoolBroken) as again:
            _fail(confirms, again)

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """All of ``jobs`` in one transaction; their callers go on when it is on the disk."""
        totals = self._totals.copy()
        puts = [job for job in jobs if isinstance(job, _Put)]
        confirms = [job for job in jobs if isinstance(job, _Confirm)]
        dates = [job for job in jobs if isinstance(job, _Date)]
        flush = self._needs_flush(puts, dates, totals)
        self._flush_on_commit(flush)
        with translated("writing the spool"), spool_file.transaction(self._file.writer, writes=True):
            deleted = [spool_tables.confirm_up_to(self._file.writer, totals, job.stream, job.seq) for job in confirms]
            if flush and (not jobs or totals.numbers_left() < RESERVED_SEQS // 2):
                spool_tables.reserve_numbers(self._file.writer, totals)
            if flush and not puts and not dates:
                spool_tables.change_something(self._file.writer)
            streams, seqs = self._insert(puts, totals)
            moved = [self._date(job, totals) for job in dates]
            if puts:
                self._keep_bounds(totals)
        lost = totals.dropped - self._totals.dropped
        others = totals.undated > self._totals.undated or any(put.letters for put in puts)
        self._totals = totals
        self._note_flush(flush, streams, others=others)
        self._came_back(lost)
        for confirm, count in zip(confirms, deleted, strict=True):
            confirm.done.set_result(count)
        for date, count in zip(dates, moved, strict=True):
            date.done.set_result(count)
        for put in puts:
            put.done.set_result({lane: seqs[lane] for lane in put.pieces})
        if dates or "urgent" in seqs:
            self.on_pack()

    def _needs_flush(self, puts: Sequence[_Put], dates: Sequence[_Date], totals: Totals) -> bool:
        """Whether this commit must reach the platter before anybody goes on; a confirmation need not."""
        if any(put.flush for put in puts) or dates or self._is_flush_due():
            return True
        return bool(puts or dates) and totals.numbers_left() < 1

    def _note_flush(self, flush: bool, streams: Mapping[Stream, int], *, others: bool) -> None:
        if flush:
            self._flushes += 1
            self._unflushed.clear()
            self._unflushed_others = False
            return
        if (streams or others) and self._flush_in_s() is None:
            self._unflushed_since_s = time.monotonic()
        self._unflushed.update(streams)
        self._unflushed_others = self._unflushed_others or others
        for stream, seq in list(self._unflushed.items()):
            if self._totals.confirmed[stream] >= seq:  # the city has it: there is nothing left to flush
                del self._unflushed[stream]

    def _insert(self, puts: Sequence[_Put], totals: Totals) -> tuple[dict[Stream, int], dict[Lane, int]]:
        """One pack per lane that has something; returns the seqs by stream and by lane."""
        db, now_ms, now_s = self._file.writer, int(self._clock() * 1000), self._running_s()
        streams: dict[Stream, int] = {}
        puts = [*puts, *self._letters(puts, now_s)]
        for lane in LANES:
            pieces = [put.pieces[lane] for put in puts if lane in put.pieces]
            if pieces:
                stream = self._stream_for(lane, totals, now_s)
                streams[stream] = spool_tables.insert_pack(
                    db,
                    totals,
                    stream,
                    join_records((piece for piece, _ in pieces), self._wire),
                    readings=sum(count for _, count in pieces),
                    wire=self._wire,
                    now_ms=now_ms,
                    now_s=now_s,
                )
            for records, count, newest_ms in (put.undated[lane] for put in puts if lane in put.undated):
                spool_undated.keep(
                    db,
                    totals,
                    lane,
                    records,
                    boot=self._boot,
                    newest_ms=newest_ms,
                    readings=count,
                    wire=self._wire,
                    now_s=now_s,
                )
        return streams, {LANE_OF[stream]: seq for stream, seq in streams.items()}

    def _letters(self, puts: Sequence[_Put], now_s: float) -> list[_Put]:
        """Those letters of ``puts``, and of what was held, whose turn it is, as one more put."""
        db, every_s = self._file.writer, self._settings.letters_every_s
        given = [letter for put in puts for letter in put.letters]
        is_due = bool(puts) and self._release_in_s() == 0.0
        if not given and not is_due:
            return []
        admitted = [spool_letters.admit(db, letter, every_s=every_s, now_s=now_s) for letter in given]
        sent = [letter for letter in admitted if letter is not None]
        if is_due:
            sent += spool_letters.release(db, every_s=every_s, now_s=now_s)
        self._note_held()
        more = _Put({}, {}, flush=False)
        self._sort(more, "routine", sent)
        return [more]

    def _note_held(self) -> None:
        self._release_at_s = spool_letters.next_release_s(self._file.writer, every_s=self._settings.letters_every_s)

    def _stream_for(self, lane: Lane, totals: Totals, now_s: float) -> Stream:
        """The lane's own stream, or its backlog while the first pack of its own has waited too long for the city."""
        if not self._settings.live_first_s or not totals.waiting[lane]:
            return lane
        head_s = spool_tables.head_put_s(self._file.writer, lane)
        late = head_s is not None and now_s - head_s > self._settings.live_first_s
        return BACKLOG_OF[lane] if late else lane

    def _date(self, job: _Date, totals: Totals) -> int:
        now_ms, now_s = int(self._clock() * 1000), self._running_s()
        return spool_undated.date_some(self._file.writer, totals, job.shifts, now_ms=now_ms, now_s=now_s)

    def _keep_bounds(self, totals: Totals) -> None:
        db, bound = self._file.writer, self._settings.max_bytes
        if self._settings.max_age_s:
            spool_tables.drop_too_old(db, totals, before_s=self._running_s() - self._settings.max_age_s)
        if self._settings.full == "thin_routine" and totals.bytes > _THIN_FROM * bound:
            self._thinner.thin_some(db, totals)
        spool_tables.drop_until_it_fits(db, totals, max_bytes=bound)

    def _went_down(self, error: SpoolDown) -> None:
        if not self._down:
            if not self._outside_s():
                self._refused_from_s = self._ticks()
            self._down = True
            log.error("spool_refuses", path=self._settings.path, reason=str(error), fix="free space on its disk")

    def _came_back(self, lost: int) -> None:
        if self._down:
            self._down, self._took_again_s = False, self._ticks()
            log.info("spool_takes_again", path=self._settings.path)
        if lost and not self._dropping:
            log.error(
                "spool_dropping", path=self._settings.path, readings=lost, fix="look why the city has not taken them"
            )
        if lost or (self._dropping and self._totals.bytes < _CALM_AGAIN * self._settings.max_bytes):
            self._dropping = bool(lost)


def _fail(jobs: Iterable[_Job], error: BaseException) -> None:
    for job in jobs:
        job.done.set_exception(error)


def _time_ms(item: Item) -> int:
    return item.received_ms if isinstance(item, Undecoded) else max(item.measured_ms, round(UNDATED_S * 1000))
