"""Sensors are marked as suspect while there is a reason, and say which."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.suspects import Suspicion, read, written
from registry.services.devices import NewDevice, put_on
from registry.services.suspects import Suspected, suspect_by_alerts, suspect_by_neighbours
from registry.storage.database import reading, writing
from registry.storage.tables import alert, device, latest, point
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def mark_of(city: City, device_id: int | None = None) -> tuple[datetime | None, str]:
    with reading(city.engine) as tx:
        row = tx.execute(select(device).where(device.c.id == (device_id or city.device_id))).one()
    return row.suspect_since, row.suspect_why


def test_reasons_are_kept_the_gravest_first_and_unknown_ones_passed_over():
    kept = written([Suspicion.DRIFTS, Suspicion.CONTRADICTS_ITSELF, Suspicion.DRIFTS])
    assert kept == "contradicts_itself drifts"
    assert read(f"{kept} of_next_year") == [Suspicion.CONTRADICTS_ITSELF, Suspicion.DRIFTS]


def test_a_sensor_is_suspect_while_a_rule_about_itself_holds_an_alert(city: City, now: datetime):
    first = city.add_alert(None, now, rule_key="device_stuck", point_id=city.point("tilt_x"))
    assert suspect_by_alerts(city.engine, now=now) == Suspected(1, 0)
    assert mark_of(city) == (now, "stuck")
    city.add_alert(None, now, rule_key="tilt_drift")
    later = now + timedelta(hours=1)
    assert suspect_by_alerts(city.engine, now=later) == Suspected(0, 0)
    assert mark_of(city) == (now, "stuck drifts")
    with writing(city.engine) as tx:
        tx.execute(update(alert).where(alert.c.id == first).values(state="cleared"))
    suspect_by_alerts(city.engine, now=later)
    assert mark_of(city) == (now, "drifts")
    with writing(city.engine) as tx:
        tx.execute(update(alert).values(state="cleared"))
    assert suspect_by_alerts(city.engine, now=later) == Suspected(0, 1)
    assert mark_of(city) == (None, "")


def test_an_alert_about_the_asset_makes_no_sensor_suspect(city: City, now: datetime):
    city.add_alert(None, now, rule_key="cover_tilt")
    assert suspect_by_alerts(city.engine, now=now) == Suspected(0, 0)


def test_a_sensor_that_feels_another_weather_is_suspect_until_it_agrees(city: City, now: datetime):
    points = [city.point("temperature"), *(_neighbour(city, number, now) for number in range(6))]
    _feel(city, points, [70.0, 21.0, 22.0, 20.5, 21.5, 22.5, 21.0], now)
    assert suspect_by_neighbours(city.engine, now=now) == Suspected(1, 0)
    assert mark_of(city) == (now, "odd_temperature")
    assert suspect_by_alerts(city.engine, now=now) == Suspected(0, 0)  # the other watch leaves that reason alone
    assert mark_of(city) == (now, "odd_temperature")
    silent = now + timedelta(hours=2)
    assert suspect_by_neighbours(city.engine, now=silent) == Suspected(0, 0)
    _feel(city, points, [23.0, 21.0, 22.0, 20.5, 21.5, 22.5, 21.0], silent)
    assert suspect_by_neighbours(city.engine, now=silent) == Suspected(0, 1)


def _neighbour(city: City, number: int, now: datetime) -> int:
    asset_id = city.add_asset(now, name=f"邻 {number}", lon=113.3 + number * 0.0005)
    with writing(city.engine) as tx:
        # the city's own cover lies a kilometre south of them
        new = NewDevice(serial=f"N-{number}", profile="cc-cover-1", asset_id=asset_id, heartbeat_s=60)
        device_id = put_on(tx, new, now=now)
        query = select(point.c.id).where(point.c.device_id == device_id, point.c.name == "temperature")
        return int(tx.execute(query).scalar_one())


def _feel(city: City, points: list[int], values: list[float], at: datetime) -> None:
    times = {"measured_at": at, "received_at": at, "recorded_at": at}
    with writing(city.engine) as tx:
        tx.execute(latest.delete())
        rows = [{"point_id": p, "value": v, "quality": 0, **times} for p, v in zip(points, values, strict=True)]
        tx.execute(insert(latest), rows)
