"""``covercode doctor``: look at every configured part and say, for each that is not well, what to do."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from operate.broker_doctor import look_at_broker
from operate.city_file import Place
from operate.finding import Finding
from operate.map_doctor import look_at_base_map
from operate.processes import city, open_records
from operate.series_doctor import PART as SERIES_ACCESS
from operate.series_doctor import look_at_series_access
from operate.settings import BadSettings

_FREE_SPACE_MB = 500


def examine(config: Path | None, *, as_json: bool) -> int:
    """Print what was found; answers 0 when everything is well, 1 otherwise."""
    findings = list(_all(config))
    if as_json:
        click.echo(json.dumps({"ok": all(one.well for one in findings), "parts": [one._asdict() for one in findings]}))
    else:
        for one in findings:
            click.echo(f"{'ok ' if one.well else 'BAD'}  {one.part:<13} {one.said}")
            if one.advice:
                click.echo(f"                → {one.advice}")
    return 0 if all(one.well for one in findings) else 1


def _all(config: Path | None) -> Iterator[Finding]:
    try:
        place = city(config)
    except BadSettings as problem:
        yield Finding("settings", False, str(problem), "mend the settings file")
        return
    yield Finding("settings", True, f"read; relative paths start at {place.home}")
    records = _asked("records", _records, place)
    yield records
    for check in (_series, _broker, _worker, _pages, _base_map, _space, _letters, _notices, _audit):
        part = check.__name__.strip("_").replace("_", " ")
        if check in _READ_RECORDS and not records.well:
            yield Finding(part, False, "not looked at: it is in the records database", "mend records first, see above")
        else:
            yield _asked(part, check, place)
    wider = {SERIES_ACCESS: look_at_series_access(place), "broker users": look_at_broker(place, now=datetime.now(UTC))}
    for part, found in wider.items():
        try:
            yield from found
        except Exception as problem:  # noqa: BLE001 - likewise
            yield _met(part, problem)


def _asked(part: str, check: Callable[[Place], Finding], place: Place) -> Finding:
    try:
        return check(place)
    except Exception as problem:  # noqa: BLE001 - a doctor reports whatever it meets
        return _met(part, problem)


def _met(part: str, problem: Exception) -> Finding:
    return Finding(part, False, f"{type(problem).__name__}: {problem}", "see the message")


def _records(place: Place) -> Finding:
    from registry.storage.schema import WrongSchema, check_schema

    engine, _ = open_records(place)
    try:
        check_schema(engine)
    except WrongSchema as problem:
        return Finding("records", False, str(problem), "covercode db upgrade")
    finally:
        engine.dispose()
    return Finding("records", True, engine.url.render_as_string(hide_password=True))


def _series(place: Place) -> Finding:
    engine, store = open_records(place)
    engine.dispose()
    try:
        return Finding("series", True, f"{store.count()} readings in {place.settings.records.series}")
    finally:
        store.close()


def _broker(place: Place) -> Finding:
    broker = place.settings.broker
    advice = "start `covercode broker` or your own broker, or set broker.host and broker.port"
    listens = _port("broker", broker.host, broker.port, advice)
    if not listens.well:
        return listens
    from gateway.broker import BrokerConnection, BrokerDown

    link = BrokerConnection(
        broker,
        client_id=f"doctor-{secrets.token_hex(4)}",
        will=None,
        subscribe=("covercode/v1/doctor/state",),
        wake=lambda: None,
    )
    try:
        link.open()
    except BrokerDown as problem:
        advice = (
            "check broker.username and password; with broker.password_file the worker must run, and the broker read it"
        )
        return Finding("broker", False, f"{broker.host}:{broker.port}: {problem}", advice)
    link.close()
    return Finding("broker", True, f"{broker.host}:{broker.port} lets the city in")


def _worker(place: Place) -> Finding:
    from registry.queries.city_figures import worker_until

    engine, _ = open_records(place)
    try:
        until = worker_until(engine)
    finally:
        engine.dispose()
    if until is None or until <= datetime.now(UTC):
        return Finding("worker", False, "none holds the lease: no deadlines, no silence", "start `covercode worker`")
    return Finding("worker", True, "holds its lease")


def _pages(place: Place) -> Finding:
    return _port("pages", place.settings.web.host, place.settings.web.port, "start `covercode serve`")


def _base_map(place: Place) -> Finding:
    return look_at_base_map(place)


def _port(part: str, host: str, port: int, advice: str) -> Finding:
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as problem:
        return Finding(part, False, f"{host}:{port} does not answer ({problem.strerror or problem})", advice)
    return Finding(part, True, f"{host}:{port} answers")


def _space(place: Place) -> Finding:
    folder = next(path for path in (place.data_dir, *place.data_dir.parents) if path.exists())
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < _FREE_SPACE_MB:
        return Finding("disk", False, f"{free_mb} MB free under {folder}", "make room: intake stops on a full disk")
    return Finding("disk", True, f"{free_mb} MB free under {folder}")


def _letters(place: Place) -> Finding:
    from sqlalchemy import func, select

    from registry.storage.database import reading
    from registry.storage.tables import dead_letter

    engine, _ = open_records(place)
    since = datetime.now(UTC) - timedelta(days=1)
    with reading(engine) as connection:
        count = connection.scalar(select(func.count()).select_from(dead_letter).where(dead_letter.c.at >= since)) or 0
    engine.dispose()
    if count:
        return Finding(
            "letters",
            False,
            f"{count} dead letters in 24 h",
            "covercode letters list: mend the causes, then covercode letters replay",
        )
    return Finding("letters", True, "no dead letters in 24 h")


def _notices(place: Place) -> Finding:
    from registry.queries.notice_ways import urgent_reach

    engine, _ = open_records(place)
    try:
        reach = urgent_reach(engine, now=datetime.now(UTC), zone=place.zone)
    finally:
        engine.dispose()
    if not reach.routes:
        said = "an urgent alert is seen on these pages alone: no route tells anybody of it"
        return Finding("notices", False, said, "make a channel, a contact and a route (docs/notices.md)")
    if reach.hours_without:
        said = f"in {reach.hours_without} of the week's 168 hours no route tells anybody of an urgent alert"
        return Finding("notices", False, said, "give one route that takes urgent alerts no hours")
    said = f"{reach.routes} routes tell of urgent alerts, at any hour"
    return Finding("notices", True, said if reach.everywhere else f"{said}, but only for some areas, units or rules")


def _audit(place: Place) -> Finding:
    from registry.services.audit import check_chain

    engine, _ = open_records(place)
    try:
        found = check_chain(engine)
    finally:
        engine.dispose()
    if not found.whole:
        advice = "somebody wrote to the records past the program: compare with a backup, and find out who could"
        return Finding("audit", False, found.problem, advice)
    return Finding("audit", True, f"{found.entries} entries in one chain; its last hash is {found.last_hash}")


_READ_RECORDS = frozenset({_worker, _letters, _notices, _audit})
