"""The demo's quarter without its processes: a day of readings, cases in every stage, and one thing of each sort."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import Connection, Engine, func, insert, select, update
from werkzeug.serving import WSGIRequestHandler, make_server

from dashboards.app import create_app
from dashboards.site import site_of
from operate.demo_plan import DemoCity, Wishes, build_demo
from operate.demo_street import CORNER, DIVISION, degrees_of
from operate.processes import WebCity, open_records
from registry.domain.geo import place_cell
from registry.domain.kinds import Role, Severity, Source
from registry.domain.people import Actor
from registry.services.case_opening import open_or_attach
from registry.services.map_counts import count_anew
from registry.services.rules import install_shipped_rules
from registry.storage.database import writing
from registry.storage.series import SeriesRow, SeriesStore
from registry.storage.tables import alert, alert_group, asset, case, device, latest, point, user
from tests.things import Things, Where, one_of_each, page_addresses

SENSORS = 24
EVERY = timedelta(minutes=10)
DAY = timedelta(days=1)
# what a point shows on a calm day, and how far it swings
USUAL = {
    "battery": (86.0, 1.0),
    "temperature": (14.0, 5.0),
    "water_level": (160.0, 25.0),
    "vibration": (0.4, 0.3),
}
# how deep its wells are
DEPTH_MM = 1_800.0
# what a trouble is told by: the rule, its point, what it measured as the rule writes it, and the worst
TOLD_BY = {
    ("cover_displaced", Severity.CRITICAL): ("cover_tilt", "tilt_z", 52.0, 61.0),
    ("cover_displaced", Severity.ALARM): ("cover_tilt", "tilt_z", 20.0, 25.0),
    ("water_high", Severity.CRITICAL): ("water_high", "water_level", 0.97, 0.99),
    ("water_high", Severity.ALARM): ("water_high", "water_level", 0.92, 0.94),
    ("water_high", Severity.NOTICE): ("water_high", "water_level", 0.9, 0.91),
}
# wells that fill up together
FLOODED = 8
# what is wrong in the quarter: kind of case, severity, stage, hours ago; as it happened
TROUBLES = (
    ("water_high", Severity.NOTICE, "in_hand", 26.0),
    ("cover_displaced", Severity.ALARM, "filed", 9.0),
    ("water_high", Severity.ALARM, "dispatched", 5.0),
    ("cover_displaced", Severity.ALARM, "in_hand", 3.0),
    ("water_high", Severity.CRITICAL, "dispatched", 1.5),
    ("cover_displaced", Severity.CRITICAL, "filed", 0.2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledSite:
    """Where it answers, its application, and what is in it."""

    address: str
    app: Flask
    engine: Engine
    things: Things

    def pages(self) -> dict[str, str]:
        """Name of the route → address, of every route that answers GET."""
        return page_addresses(self.app, self.things)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: whoever looks at the pages tells what went wrong."""


@contextmanager
def filled_site(folder: Path) -> Iterator[FilledSite]:
    """The site on a free port, with the demo's accounts, until the block ends."""
    now = datetime.now(UTC)
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    wishes = Wishes(
        duration=None, sensors=SENSORS, seed=5, faults="", inventory=None, home=folder / "city", port=server.server_port
    )
    city = build_demo(wishes, now=now)
    engine, store = open_records(city.place)
    things = fill(engine, store, now=now)
    server.app = app = _app(city, engine, store)
    # a copy, so that what is built meanwhile takes no file away from a page that is being looked at
    app.static_folder = shutil.copytree(app.static_folder or "", folder / "static")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield FilledSite(address=f"http://127.0.0.1:{server.server_port}", app=app, engine=engine, things=things)
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
        site_of(app).hub.close()  # pages that are still open read the feed on, and with it the file
        store.close()
        engine.dispose()


def _app(city: DemoCity, engine: Engine, store: SeriesStore) -> Flask:
    settings = replace(city.place.settings.web, secret_file=city.place.secret_file)
    return create_app(settings, WebCity(city.place), engine, store)


def fill(engine: Engine, store: SeriesStore, *, now: datetime) -> Things:
    """Readings, troubles, and one thing of each sort."""
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
        rows = tx.execute(select(user)).all()
        wells = select(device.c.asset_id).join(point).where(point.c.name == "water_level").order_by(device.c.id)
        fitted = [asset_id for asset_id in tx.execute(wells).scalars() if asset_id is not None]
        tx.execute(update(point).where(point.c.name == "water_level").values(full_scale=DEPTH_MM))
    people = {row.login: Actor(user_id=row.id, name=row.name, role=Role(row.role), unit_id=row.unit_id) for row in rows}
    crew = people["crew1"]
    assert crew.unit_id is not None
    where = Where(
        engine=engine,
        asset_id=fitted[0],
        unit_id=crew.unit_id,
        crew=crew,
        dispatcher=people["dispatcher"],
        area_code=f"{DIVISION}001",
        now=now,
    )
    things = one_of_each(where)
    move_here(engine)
    _troubles(engine, fitted[1:], crew.unit_id, now=now)
    _flood(engine, things, fitted[1 + len(TROUBLES) :][:FLOODED], now=now)
    _day_of_readings(engine, store, now=now)
    return things


def _day_of_readings(engine: Engine, store: SeriesStore, *, now: datetime) -> None:
    """Every point, every ten minutes for a day: a calm wave about its usual value, until something is wrong there."""
    steps, rows, newest = int(DAY / EVERY), list[SeriesRow](), list[dict[str, object]]()
    with writing(engine) as tx:
        live = select(alert.c.point_id, alert.c.began_at, alert.c.value).where(alert.c.state == "firing")
        wrong = {row.point_id: row for row in tx.execute(live)}
        for one in tx.execute(select(point)).all():
            usual, swing = USUAL.get(one.name, (one.baseline or 0.0, 0.4))
            since = wrong.get(one.id)
            for step in range(steps + 1):
                at = now - DAY + EVERY * step
                wave = math.sin(step / steps * 2 * math.pi + one.id)
                value = usual + swing * wave
                if since is not None and at >= since.began_at:
                    value = since.value * (one.full_scale or 1.0) + 0.2 * wave
                at_ms = int(at.timestamp() * 1000)
                rows.append(SeriesRow(one.id, at_ms, value, 0, at_ms))
            newest.append(
                {"point_id": one.id, "measured_at": now, "received_at": now, "recorded_at": now, "value": value,
                 "quality": 0}
            )  # fmt: skip
        tx.execute(latest.delete())
        tx.execute(insert(latest), newest)
    store.append(rows)


def _troubles(engine: Engine, wells: list[int], unit_id: int, *, now: datetime) -> None:
    for (kind, severity, stage, hours), asset_id in zip(TROUBLES, wells, strict=False):
        at = now - timedelta(hours=hours)
        with writing(engine) as tx:
            opened = open_or_attach(tx, asset_id=asset_id, kind=kind, severity=severity, source=Source.SENSOR, now=at)
            told = {"stage": stage, "unit_id": None if stage == "filed" else unit_id}
            tx.execute(update(case).where(case.c.id == opened.case_id).values(told))
            _tell(tx, asset_id, kind, severity, at=at, case_id=opened.case_id)


def _flood(engine: Engine, things: Things, wells: list[int], *, now: datetime) -> None:
    """The group of alerts has members, five minutes apart, that wait for a case together."""
    group_id = things.by_name["group_id"]
    with writing(engine) as tx:
        for number, asset_id in enumerate(reversed(wells)):
            at = now - timedelta(minutes=5 * (len(wells) - number))
            waits = {"group_id": group_id, "case_due_at": now + timedelta(minutes=25)}
            _tell(tx, asset_id, "water_high", Severity.ALARM, at=at, **waits)
        there = select(func.avg(asset.c.lon), func.avg(asset.c.lat)).where(asset.c.id.in_(wells))
        lon, lat = tx.execute(there).one()
        circle = {"lon": lon, "lat": lat, "radius_m": 640.0, "members": len(wells)}
        times = {"began_at": now - timedelta(minutes=5 * len(wells)), "last_at": now - timedelta(minutes=5)}
        tx.execute(update(alert_group).where(alert_group.c.id == group_id).values(**circle, **times))


def _tell(tx: Connection, asset_id: int, kind: str, severity: Severity, *, at: datetime, **given: object) -> None:
    """An alert of the rule that finds such a trouble."""
    rule_key, name, value, peak = TOLD_BY[kind, severity]
    found = select(device.c.id, point.c.id.label("point_id")).join(point)
    sensor = tx.execute(found.where(device.c.asset_id == asset_id, point.c.name == name)).first()
    assert sensor is not None
    tx.execute(
        insert(alert).values(
            rule_key=rule_key, rule_version=1, point_id=sensor.point_id, device_id=sensor.id, asset_id=asset_id,
            severity=int(severity), state="firing", began_at=at, fired_at=at, recorded_at=at, value=value, peak=peak,
            **given,
        )
    )  # fmt: skip


def move_here(engine: Engine) -> None:
    """The month's assets and cases lie in another city; a map of both would show a country."""
    with writing(engine) as tx:
        far = tx.execute(select(asset.c.id).where(asset.c.code.not_like(f"{DIVISION}%")).order_by(asset.c.id)).scalars()
        for number, asset_id in enumerate(far.all()):
            east, north = degrees_of(30.0 * (number % 25), 30.0 * (number // 25))
            lon, lat = CORNER[0] + east, CORNER[1] + north
            place = {"lon": lon, "lat": lat, "place_cell": place_cell(lon, lat), "area_code": f"{DIVISION}001"}
            tx.execute(update(asset).where(asset.c.id == asset_id).values(place))
        on_the_street = update(case).where(case.c.lon.is_not(None), case.c.area_code.not_like(f"{DIVISION}%"))
        tx.execute(on_the_street.values(lon=CORNER[0] + 0.004, lat=CORNER[1] + 0.003, area_code=f"{DIVISION}001"))
    count_anew(engine)
