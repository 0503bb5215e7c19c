"""The only scheduler process: watches for silent devices, permits and deadlines, folds the series, cleans up.

Timers only say when to look; what is decided comes from stored times, so a worker that was away changes no result. Two
workers at once would do everything twice, so one holds the lease and the others wait for it.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import StoreDown
from registry.queries.overview import overview
from registry.services.calibration import calibrate
from registry.services.case_resuming import resume_due
from registry.services.case_watch import watch_cases
from registry.services.cases import mark_overdue
from registry.services.cleaning import clean_up
from registry.services.dispatching import dispatch_certain
from registry.services.grouping import decide_groups
from registry.services.idempotency import clean_answers
from registry.services.leases import Held, release_lease, take_lease
from registry.services.map_counts import fold_marks
from registry.services.map_selections import forget_selections
from registry.services.no_data import watch_no_data
from registry.services.permit_ends import watch_permits
from registry.services.rechecks import remind_rechecks
from registry.services.repeats import find_repeats
from registry.services.sessions import forget_sessions
from registry.services.supervision import remind
from registry.services.suspects import suspect_by_alerts, suspect_by_neighbours
from registry.settings import RecordSettings
from registry.storage.series import SeriesStore
from registry.worker_watch import WorkerWatch

log = structlog.get_logger(__name__)

LEASE = "worker"
KEEP_SESSIONS = timedelta(days=30)
"""How long a session that is over is still listed; the audit trail keeps that it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often the worker looks, in seconds; how long its lease lasts without a renewal."""

    no_data_s: float = 2.0
    groups_s: float = 2.0
    permits_s: float = 2.0
    calibration_s: float = 5.0
    suspects_s: float = 10.0
    neighbours_s: float = 3600.0
    overdue_s: float = 5.0
    follow_up_s: float = 30.0
    resume_s: float = 5.0
    watch_s: float = 5.0
    dispatch_s: float = 3.0
    fold_s: float = 20.0
    map_s: float = 1.0
    health_s: float = 60.0
    cleaning_s: float = 3600.0
    lease_s: float = 15.0
    renew_s: float = 5.0


DEFAULT_RHYTHM = Rhythm()


@dataclass(frozen=True, slots=True, kw_only=True)
class LongJob:
    """Work that people order and that may take an hour: print runs, imports.

    ``work`` is called every ``every_s`` seconds in a thread of its own, so that no other job waits for it. It gets a
    function that says when it must leave off: asked often, since the worker ends only after it. One that is ``endless``
    works until then, and is called again only where it failed.
    """

    name: str
    work: Callable[[Callable[[], bool]], None]
    every_s: float = 2.0
    endless: bool = False


def utc_now() -> datetime:
    """The wall clock, read at this edge only."""
    return datetime.now(UTC)


def run(
    engine: Engine,
    series_store: SeriesStore,
    settings: RecordSettings,
    *,
    stop: threading.Event,
    rhythm: Rhythm = DEFAULT_RHYTHM,
    clock: Callable[[], datetime] = utc_now,
    long_jobs: Sequence[LongJob] = (),
    watch: WorkerWatch | None = None,
    zone: tzinfo = CHINA_TIME,
) -> None:
    """Be the worker until ``stop`` is set: wait for the lease, then do the jobs for as long as it is ours.

    ``zone`` is the city's: its days number cases, its hours of work and seasons decide when they are due.
    """
    worker = _Worker(engine, series_store, settings, rhythm, clock, long_jobs, watch or WorkerWatch(), zone)
    while not stop.is_set():
        if worker.wait_for_lease(stop):
            worker.work(stop)


class _Worker:
    """One candidate for the lease; ``_until`` is when our hold on it ends unless renewed."""

    def __init__(
        self,
        engine: Engine,
        series_store: SeriesStore,
        settings: RecordSettings,
        rhythm: Rhythm,
        clock: Callable[[], datetime],
        long_jobs: Sequence[LongJob],
        watch: WorkerWatch,
        zone: tzinfo,
    ) -> None:
        self._engine = engine
        self._series_store = series_store
        self._settings = settings
        self._rhythm = rhythm
        self._clock = clock
        self._long_jobs = long_jobs
        self._watch = watch
        self._zone = zone
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._until: datetime | None = None
        self._failures = 0

    def wait_for_lease(self, stop: threading.Event) -> bool:
        """True when the lease is ours, False when ``stop`` came first. Says once who it is waiting for."""
        told = ""
        while not stop.is_set():
            held = self._take()
            if held is not None and held.mine:
                log.info("worker_started", holder=self._holder)
                return True
            if held is not None and held.holder != told:
                told = held.holder
                log.info("worker_waits", holder=held.holder, until=held.until.isoformat())
            stop.wait(self._rhythm.renew_s)
        return False

    def work(self, stop: threading.Event) -> None:
        """Run the jobs until ``stop`` or until the lease is lost; then let both go."""
        scheduler = self._scheduler(lambda: stop.is_set() or not self._holds())
        self._watch.leads(
            {job.id: job.trigger.interval.total_seconds() for job in scheduler.get_jobs()},
            endless={job.name for job in self._long_jobs if job.endless},
        )
        scheduler.start()
        try:
            while not stop.wait(self._rhythm.renew_s):
                held = self._take()
                if (held is not None and not held.mine) or not self._holds():
                    log.error("worker_lost_lease", holder=self._holder, taken_by=held.holder if held else "")
                    break
        finally:
            self._watch.leads(None)
            scheduler.shutdown(wait=True)
            self._release()
            log.info("worker_stopped", holder=self._holder)

    def _scheduler(self, ends: Callable[[], bool]) -> BackgroundScheduler:
        # coalesce and no grace time: a job that could not run for an hour runs once and at once, never sixty times.
        scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        rhythm = self._rhythm
        for name, job, every_s in (
            ("no_data", self._watch_no_data, rhythm.no_data_s),
            ("groups", self._decide_groups, rhythm.groups_s),
            ("permits", self._watch_permits, rhythm.permits_s),
            ("calibration", self._calibrate, rhythm.calibration_s),
            ("suspects", self._watch_suspects, rhythm.suspects_s),
            ("neighbours", self._compare_neighbours, rhythm.neighbours_s),
            ("resume", self._resume, rhythm.resume_s),
            ("overdue", self._mark_overdue, rhythm.overdue_s),
            ("follow_up", self._follow_up, rhythm.follow_up_s),
            ("case_watch", self._watch_cases, rhythm.watch_s),
            ("dispatch", self._dispatch, rhythm.dispatch_s),
            ("fold", self._fold, rhythm.fold_s),
            ("map", self._count_map, rhythm.map_s),
            ("health", self._tell_health, rhythm.health_s),
            ("cleaning", self._clean, rhythm.cleaning_s),
            *((job.name, partial(self._work_on, job, ends), job.every_s) for job in self._long_jobs),
        ):
            scheduler.add_job(
                self._guarded,
                "interval",
                args=(name, job),
                seconds=every_s,
                id=name,
                next_run_time=datetime.now(UTC),
            )
        return scheduler

    @staticmethod
    def _work_on(job: LongJob, ends: Callable[[], bool], _now: datetime) -> None:
        job.work(ends)

    def _guarded(self, name: str, job: Callable[[datetime], None]) -> None:
        """Run one job: no failure of one may end the others, and none may act without the lease."""
        if not self._holds():
            log.warning("job_skipped_without_lease", job=name)
            return
        try:
            job(self._clock())
            self._watch.ended(name)
        except StoreDown as error:
            self._failures += 1
            self._watch.ended(name, str(error))
            log.warning("job_failed_store_down", job=name, error=str(error))
        except Exception as error:  # the job runner: the next round comes, and the traceback says what to mend
            self._failures += 1
            self._watch.ended(name, f"{type(error).__name__}: the log has the traceback")
            log.exception("job_failed", job=name)

    def _watch_no_data(self, now: datetime) -> None:
        watched = watch_no_data(self._engine, now=now, zone=self._zone)
        if watched.fired or watched.cleared:
            log.info("no_data_changed", fired=watched.fired, cleared=watched.cleared)

    def _watch_permits(self, now: datetime) -> None:
        found = watch_permits(self._engine, now, zone=self._zone)
        if any(found):
            log.info("permits_over", **found._asdict())

    def _decide_groups(self, now: datetime) -> None:
        decided = decide_groups(self._engine, now=now, zone=self._zone)
        if any(decided):
            log.info("groups_decided", **decided._asdict())

    def _calibrate(self, now: datetime) -> None:
        looked = calibrate(self._engine, self._series_store, now=now)
        if looked.done or looked.failed:
            log.info("sensors_calibrated", done=looked.done, failed=looked.failed)

    def _watch_suspects(self, now: datetime) -> None:
        suspect_by_alerts(self._engine, now=now)

    def _compare_neighbours(self, now: datetime) -> None:
        suspect_by_neighbours(self._engine, now=now)

    def _resume(self, now: datetime) -> None:
        resumed = resume_due(self._engine, now=now, zone=self._zone)
        if resumed:
            log.info("cases_resumed", resumed=resumed)

    def _mark_overdue(self, now: datetime) -> None:
        marked = mark_overdue(self._engine, now=now)
        if marked:
            log.info("cases_overdue", marked=marked)

    def _watch_cases(self, now: datetime) -> None:
        found = watch_cases(self._engine, now=now, zone=self._zone)
        if found.warned or found.escalated:
            log.info("cases_watched", **found._asdict())

    def _dispatch(self, now: datetime) -> None:
        found = dispatch_certain(self._engine, now=now, zone=self._zone, ends=lambda: not self._holds())
        if found.sent or found.changed:
            log.info("cases_dispatched", sent=found.sent, held=found.held, changed=found.changed)

    def _follow_up(self, now: datetime) -> None:
        """What goes on beyond single cases: supervision that is late, rechecks that are due, cases that came again."""
        done = {
            "reminded": remind(self._engine, now=now),
            "rechecks_due": remind_rechecks(self._engine, now=now),
            "repeats": find_repeats(self._engine, now=now),
        }
        if any(done.values()):
            log.info("followed_up", **done)

    def _fold(self, now: datetime) -> None:
        moved = self._series_store.fold(now)
        log.debug("series_folded", moved=moved)

    def _count_map(self, _now: datetime) -> None:
        folded = fold_marks(self._engine, ends=lambda: not self._holds())
        if folded.marks:
            log.debug("map_counted", marks=folded.marks, cells=folded.cells)

    def _clean(self, now: datetime) -> None:
        cleaned = clean_up(
            self._engine,
            now=now,
            keep_feed=timedelta(days=self._settings.keep_feed_days),
            keep_letters=timedelta(days=self._settings.keep_letters_days),
            keep_commands=timedelta(days=self._settings.keep_commands_days),
            keep_notices=timedelta(days=self._settings.keep_notices_days),
        )
        answers = clean_answers(self._engine, now=now)
        forget_selections(self._engine, now=now)
        sessions = forget_sessions(self._engine, before=now - KEEP_SESSIONS)
        if any(cleaned) or answers or sessions:
            told = {**cleaned._asdict(), "answers": answers}
            log.info("cleaned", **told, sessions=sessions)

    def _tell_health(self, now: datetime) -> None:
        seen = overview(self._engine, now=now)
        log.info(
            "city_health",
            alerts=seen.alerts_critical + seen.alerts_alarm + seen.alerts_notice,
            cases_open=seen.cases_open,
            cases_overdue=seen.cases_overdue,
            devices_silent=seen.devices_silent,
            cabinets_online=seen.cabinets_online,
            cabinets=seen.cabinets,
            dead_letters_24h=seen.dead_letters_24h,
            job_failures=self._failures,
        )

    def _take(self) -> Held | None:
        """Take or renew; None when the database did not answer (what is held stays held until it runs out)."""
        now = self._clock()
        try:
            held = take_lease(self._engine, LEASE, self._holder, lasts=timedelta(seconds=self._rhythm.lease_s), now=now)
        except StoreDown as error:
            log.warning("lease_not_reached", error=str(error))
            return None
        self._until = held.until if held.mine else None
        return held

    def _holds(self) -> bool:
        return self._until is not None and self._clock() < self._until

    def _release(self) -> None:
        self._until = None
        try:
            release_lease(self._engine, LEASE, self._holder)
        except StoreDown as error:
            log.warning("lease_not_released", error=str(error))
