"""The worker does its rounds, survives its own failures, and is the only one."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from structlog.testing import capture_logs

from registry.domain.errors import StoreDown
from registry.services.leases import take_lease
from registry.services.rules import install_shipped_rules
from registry.settings import RecordSettings
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import alert, case, feed, lease
from registry.worker import LEASE, LongJob, Rhythm, run
from tests.city import City, build_city

FAST = Rhythm(
    no_data_s=0.05,
    groups_s=0.05,
    overdue_s=0.05,
    fold_s=0.05,
    health_s=0.05,
    cleaning_s=0.05,
    lease_s=2.0,
    renew_s=0.05,
)


class BrokenSeries(SqliteSeries):
    """A store whose housekeeping never works."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(path)
        self.error = error
        self.asked = 0

    def fold(self, now: datetime) -> int:
        self.asked += 1
        raise self.error


@pytest.fixture
def city(engine: Engine) -> City:
    """A city whose sensor was fitted an hour ago and never spoke, with a case that is late on any calendar."""
    now = datetime.now(UTC)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    built = build_city(engine, now - timedelta(hours=1))
    built.open_case(now - timedelta(days=30))
    return built


@contextmanager
def working(engine: Engine, store: SqliteSeries, **more: object) -> Iterator[threading.Event]:
    stop = threading.Event()
    settings = {"rhythm": FAST, **more}
    thread = threading.Thread(
        target=run, args=(engine, store, RecordSettings()), kwargs={"stop": stop, **settings}, daemon=True
    )
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(timeout=60)
        store.close()
        assert not thread.is_alive()


def wait_until(true_: Callable[[], object], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not true_():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.02)


def holder(engine: Engine) -> str | None:
    with reading(engine) as tx:
        return tx.scalar(select(lease.c.holder))


def test_it_watches_for_silent_devices_and_deadlines_and_folds_the_series(city: City, tmp_path: Path):
    store = SqliteSeries(tmp_path / "series.db")
    store.append([(1, 1000, 1.0, 0, 1000)])

    def all_done() -> bool:
        with reading(city.engine) as tx:
            marked = tx.scalar(select(case.c.overdue_at).where(case.c.kind == "cover_displaced"))
            silent = tx.scalar(select(alert.c.id).where(alert.c.rule_key == "device_silent"))
        return marked is not None and silent is not None

    with working(city.engine, store):
        wait_until(all_done)
        wait_until(lambda: not store_has_recent(tmp_path / "series.db"))


def store_has_recent(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return bool(db.execute("SELECT count(*) FROM recent").fetchone()[0])


def test_it_forgets_old_events(city: City, tmp_path: Path):
    with writing(city.engine) as tx:
        old = {"at": datetime.now(UTC) - timedelta(days=8), "kind": "case_opened", "body": {"old": True}}
        tx.execute(insert(feed).values(old))

    def forgotten() -> bool:
        with reading(city.engine) as tx:
            return tx.scalar(select(feed.c.id).where(feed.c.at < datetime.now(UTC) - timedelta(days=7))) is None

    with working(city.engine, SqliteSeries(tmp_path / "series.db")):
        wait_until(forgotten)


@pytest.mark.parametrize("error", [StoreDown("series store away"), RuntimeError("a mistake")])
def test_one_failing_job_neither_stops_itself_nor_the_others(city: City, tmp_path: Path, error: Exception):
    store = BrokenSeries(tmp_path / "series.db", error)
    with capture_logs() as logs, working(city.engine, store):
        wait_until(lambda: store.asked >= 3)
        wait_until(lambda: any(line["event"] == "city_health" and line["job_failures"] for line in logs))
    assert any(line.get("job") == "fold" for line in logs)


def test_the_second_worker_waits_says_for_whom_and_takes_over(city: City, tmp_path: Path):
    first_store, second_store = SqliteSeries(tmp_path / "1.db"), SqliteSeries(tmp_path / "2.db")
    with capture_logs() as logs, working(city.engine, first_store) as stop_first:
        wait_until(lambda: holder(city.engine))
        first = holder(city.engine)
        with working(city.engine, second_store):
            wait_until(lambda: any(line["event"] == "worker_waits" for line in logs))
            assert [line["holder"] for line in logs if line["event"] == "worker_waits"] == [first]
            assert holder(city.engine) == first
            stop_first.set()
            wait_until(lambda: holder(city.engine) not in (first, None))
    assert holder(city.engine) is None


def test_a_worker_that_lost_its_lease_stops_working_and_waits_again(city: City, tmp_path: Path):
    with capture_logs() as logs, working(city.engine, SqliteSeries(tmp_path / "series.db")):
        wait_until(lambda: holder(city.engine))
        with writing(city.engine) as tx:
            tx.execute(lease.delete())
        taken = take_lease(city.engine, LEASE, "thief", lasts=timedelta(seconds=60), now=datetime.now(UTC))
        if not taken.mine:  # the worker was quicker to renew; take it from it
            with writing(city.engine) as tx:
                tx.execute(lease.update().values(holder="thief", until=datetime.now(UTC) + timedelta(seconds=60)))
        wait_until(lambda: any(line["event"] == "worker_lost_lease" for line in logs))
        wait_until(lambda: any(line["event"] == "worker_waits" for line in logs))
        assert holder(city.engine) == "thief"


def test_a_worker_asleep_for_longer_than_its_lease_does_nothing_when_it_wakes(city: City, tmp_path: Path):
    """The clock jumps past the lease between two renewals: no job may act on a lease that may be another's by now."""
    moment = [datetime.now(UTC)]
    slow = Rhythm(no_data_s=0.05, overdue_s=0.05, fold_s=60, health_s=60, cleaning_s=60, lease_s=2.0, renew_s=30.0)
    with (
        capture_logs() as logs,
        working(city.engine, SqliteSeries(tmp_path / "series.db"), rhythm=slow, clock=lambda: moment[0]),
    ):
        wait_until(lambda: any(line["event"] == "worker_started" for line in logs))
        moment[0] += timedelta(hours=1)
        wait_until(lambda: any(line["event"] == "job_skipped_without_lease" for line in logs))


def test_a_long_job_keeps_nobody_waiting_and_leaves_off_when_the_worker_ends(city: City, tmp_path: Path):
    began, left = threading.Event(), threading.Event()

    def work(ends: Callable[[], bool]) -> None:
        began.set()
        wait_until(ends)
        left.set()

    def overdue() -> bool:
        with reading(city.engine) as tx:
            return tx.scalar(select(case.c.overdue_at).where(case.c.kind == "cover_displaced")) is not None

    jobs = [LongJob(name="long", work=work, every_s=0.05)]
    with working(city.engine, SqliteSeries(tmp_path / "series.db"), long_jobs=jobs):
        wait_until(began.is_set)
        wait_until(overdue)
        assert not left.is_set()
    assert left.is_set()
