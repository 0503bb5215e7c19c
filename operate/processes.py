"""The processes of a city, one function each: read settings, set up logging, build the parts, run until stopped."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from operate.logs import configure_logs
from operate.settings import BadSettings, load_settings

if TYPE_CHECKING:
    from dashboards.cabinet_door import CabinetDoor
    from operate.city_file import Place
    from registry.services.print_making import CityOnPlates
    from registry.storage.series import SeriesStore


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_edge(config: Path) -> None:
    """The cabinet: poll the lines, spool, send."""
    from gateway.cabinet import live
    from gateway.cabinet_watch import CabinetWatch
    from gateway.remote import Ending
    from gateway.settings import CabinetSettings, problems
    from gateway.watching import WatchDoor

    settings = load_settings(CabinetSettings, config, os.environ)
    wrong = problems(settings)
    if wrong:
        raise BadSettings(str(config), wrong)
    configure_logs(f"edge-{settings.cabinet.id}")
    started_in = Path.cwd()
    os.chdir(config.resolve().parent)
    stop = stop_on_signals()
    watch = CabinetWatch()
    with WatchDoor(watch, host=settings.metrics.host, port=settings.metrics.port):
        ending = live(settings, stop=stop, watch=watch)
    if ending is Ending.RESTART and not stop.is_set():
        os.chdir(started_in)
        # the very same command line, in this process's place: whoever watches over it need not notice
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def run_sim(fleet: Path, truth: Path, *, scenario: Path | None, seed: int | None) -> None:
    """The simulated street."""
    from firmware_sim.run import run

    configure_logs("sim")
    run(fleet, truth, seed=seed, scenario_path=scenario, stop=stop_on_signals())


def run_broker(config: Path | None) -> None:
    """The embedded broker."""
    from operate.broker import run_broker as serve_mqtt

    place = city(config)
    configure_logs("broker")
    broker = place.settings.broker
    serve_mqtt(
        broker.host,
        broker.port,
        stop=stop_on_signals(),
        password_file=place.password_file,
        city_users=[broker.username],
    )


def run_ingest(config: Path | None) -> None:
    """The city's intake: packs to series, records, verdicts, cases."""
    from functools import partial

    from gateway.ingest import Ingest
    from gateway.ingest_watch import IngestWatch
    from gateway.watching import WatchDoor
    from operate.frame_letters import frame_reader
    from registry.intake import Intake, note_cabinet
    from registry.storage.schema import check_schema
    from registry.storage.series.opening import is_server

    place = city(config)
    configure_logs("ingest")
    engine, store = open_records(place)
    check_schema(engine)
    profiles = place.settings.records.profiles
    read_letter = frame_reader(place.home / profiles if profiles else None)
    intake = Intake(engine, store, clock=lambda: datetime.now(UTC), zone=place.zone, read_letter=read_letter)
    watch, watched = IngestWatch(), place.settings.metrics
    ingest = Ingest(
        place.settings.broker,
        intake,
        note_cabinet=partial(note_cabinet, engine),
        beside=is_server(place.settings.records.series),
        watch=watch,
    )
    try:
        with WatchDoor(watch, host=watched.host, port=watched.ingest_port):
            ingest.run(stop_on_signals())
    finally:
        store.close()
        engine.dispose()


def run_worker(config: Path | None) -> None:
    """The only scheduler: watches for silence, deadlines, clean-up; does the long work that waits."""
    from datetime import timedelta
    from functools import partial

    from gateway.watching import WatchDoor
    from operate.notice_jobs import notice_jobs
    from operate.remote_jobs import remote_jobs
    from operate.worker_health import WatchedWorker
    from registry.services.import_leavings import forget_uploads
    from registry.services.imports import work_waiting_imports
    from registry.services.month_closing import close_waiting_months
    from registry.services.place_work import do_place_work
    from registry.services.print_making import make_waiting_runs
    from registry.storage.schema import check_schema
    from registry.worker import LongJob, run, utc_now

    place = city(config)
    configure_logs("worker")
    engine, store = open_records(place)
    check_schema(engine)
    try:
        prints = partial(make_waiting_runs, engine, data_dir=place.data_dir, city=city_on_plates(place), clock=utc_now)
        places = partial(do_place_work, engine, holder=f"{socket.gethostname()}:{os.getpid()}", clock=utc_now)
        imports = partial(work_waiting_imports, engine, place.data_dir, clock=utc_now)
        months = partial(close_waiting_months, engine, clock=utc_now, zone=place.zone)
        keep = timedelta(days=place.settings.records.keep_uploads_days)

        def forget(now: datetime) -> None:
            forget_uploads(engine, place.data_dir, now=now, keep=keep)

        def close_months(ends: Callable[[], bool]) -> None:
            months(ends=ends)

        jobs = [
            LongJob(name="print", work=lambda ends: prints(stop=ends)),
            LongJob(name="places", work=lambda ends: places(stop=ends)),
            LongJob(name="import", work=lambda ends: imports(stop=ends)),
            LongJob(name="months", work=close_months),
            LongJob(name="uploads", work=lambda _: forget(utc_now()), every_s=3600.0),
            *remote_jobs(place, engine),
            *notice_jobs(place, engine),
        ]
        watched, metrics = WatchedWorker(), place.settings.metrics
        with WatchDoor(watched, host=metrics.host, port=metrics.worker_port):
            run(
                engine,
                store,
                place.settings.records,
                stop=stop_on_signals(),
                long_jobs=jobs,
                watch=watched.jobs,
                zone=place.zone,
            )
    finally:
        store.close()
        engine.dispose()


def run_web(config: Path | None) -> None:
    """The pages and the API."""
    import dataclasses

    from dashboards.app import create_app
    from dashboards.server import serve
    from registry.storage.schema import check_schema

    place = city(config)
    configure_logs("web")
    # somebody looks at a page meanwhile, and a thread waits with them
    engine, store = open_records(place, patience_s=2.0)
    check_schema(engine)
    web = dataclasses.replace(place.settings.web, secret_file=place.secret_file)
    if place.base_map_file is not None:
        web = dataclasses.replace(web, base_map_file=str(place.base_map_file))
    app = create_app(web, WebCity(place), engine, store, cabinets=cabinet_door(place))
    try:
        serve(app, web, stop=stop_on_signals())
    finally:
        store.close()
        engine.dispose()


def city_on_plates(place: Place) -> CityOnPlates:
    """What every plate of this city says."""
    from registry.services.print_making import CityOnPlates

    settings = place.settings.city
    return CityOnPlates(public_url=settings.public_url, name_zh=settings.name, name_en=settings.name_en)


def cabinet_door(place: Place) -> CabinetDoor:
    """Where this city's cabinets reach the broker. Raises ``BadSettings`` when the CA's file can't be read."""
    from dashboards.cabinet_door import CabinetDoor
    from operate.remote_jobs import configuration_faults

    broker = place.settings.broker
    try:
        ca = (place.home / broker.cabinets_ca).read_text(encoding="ascii") if broker.cabinets_ca else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("broker.cabinets_ca", [f"can't be read as PEM: {error}"]) from error
    return CabinetDoor(
        broker_host=broker.cabinets_host or broker.host,
        broker_port=broker.cabinets_port or broker.port,
        broker_ca=ca,
        check=configuration_faults,
    )


class WebCity:
    """The city as the pages need it: its settings, and where its files lie."""

    def __init__(self, place: Place) -> None:
        settings = place.settings.city
        self.name, self.name_en = settings.name, settings.name_en
        self.division, self.timezone = settings.division, settings.timezone
        self.public_url, self.demo = settings.public_url, settings.demo
        self.data_dir = place.data_dir
        self.warn_cases = place.settings.rules.warn_cases


def city(config: Path | None) -> Place:
    """The city's settings from ``config``, else from ``covercode.toml`` here if there is one, else the defaults."""
    from operate.city_file import read_city_file

    if config is None and Path("covercode.toml").exists():
        config = Path("covercode.toml")
    return read_city_file(config, os.environ)


def open_records(place: Place, patience_s: float | None = None):  # type: ignore[no-untyped-def]  # the types live in rooms that a cabinet lacks
    """The records engine and the series store of this city; ``patience_s`` as in ``open_store``."""
    from registry.storage.database import open_database

    return open_database(place.records_url), open_store(place, place.settings.records.series, patience_s)


def open_store(place: Place, address: str, patience_s: float | None = None) -> SeriesStore:
    """The series store at ``address``, kept as this city's settings say. Raises ``InvalidInput``.

    ``patience_s``: how long a call asks a server that is away before it raises ``StoreDown``; None: the usual.
    """
    from registry.storage.series import SeriesKeep
    from registry.storage.series.opening import open_series

    records = place.settings.records
    keep = SeriesKeep(
        raw=records.keep_raw_days,
        five_minutes=records.keep_5min_days,
        hours=records.keep_hour_days,
        days=records.keep_day_days,
    )
    return open_series(address, home=place.home, token=records.series_token, keep=keep, patience_s=patience_s)
