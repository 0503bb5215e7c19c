"""Other platforms' alerts, calibrations and suspects as PostgreSQL answers: its statements are not SQLite's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from registry.intake import Intake
from registry.queries.alerts import list_alerts
from registry.queries.calibration import newest_calibration
from registry.queries.external_events import occurrences
from registry.queries.repairs import repairs
from registry.services.aliases import add_alias
from registry.services.calibration import Calibrated, calibrate, refuse_calibration
from registry.services.external_events import RawAlert, take_events
from registry.services.rules import install_shipped_rules
from registry.services.suspects import Suspected, suspect_by_alerts, suspect_by_neighbours
from registry.storage.database import open_database, reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import dead_letter, event_inbox
from registry.storage.times import to_ms
from tests.city import City, build_city
from tests.event_rule import KEY, have_event_rule

pytestmark = pytest.mark.network

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
FLOOD = RawAlert(labels={"alertname": "RoadFlooded", "alias": "W-1", "severity": "critical"})


@pytest.fixture
def engine(filled_postgres_url: str) -> Iterator[Engine]:
    engine = open_database(filled_postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def city(engine: Engine) -> City:
    city = build_city(engine, NOON)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOON)
        have_event_rule(tx, NOON)
        add_alias(tx, city.asset_id, "owner_number", "W-1", now=NOON)
    return city


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteSeries]:
    store = SqliteSeries(tmp_path / "series.db")
    yield store
    store.close()


def test_many_processes_that_hear_the_same_write_it_down_once(city: City, store: SqliteSeries) -> None:
    unknown = RawAlert(labels={"alertname": "x", "alias": "W-2"})
    with ThreadPoolExecutor(4) as senders:
        told = list(
            senders.map(lambda _: take_events(city.engine, [FLOOD, unknown], by=city.dispatcher, now=NOON), range(4))
        )
    assert sorted(results[0].outcome for results in told) == ["began", "goes_on", "goes_on", "goes_on"]
    intake = Intake(city.engine, store, clock=lambda: NOON)
    assert [intake.tick(now=NOON + timedelta(seconds=at)) for at in (1, 2)] == [1, 0]
    over = RawAlert(labels=FLOOD.labels, resolved=True)
    (ended,) = take_events(city.engine, [over], by=city.dispatcher, now=NOON + timedelta(minutes=1))
    intake.tick(now=NOON + timedelta(minutes=1))
    (only,) = [row for row in list_alerts(city.engine).items if row.rule_key == KEY]
    assert only.state == "cleared"
    assert ended.device_id is not None
    assert [one.heard for one in occurrences(city.engine, ended.device_id)] == [5]
    with reading(city.engine) as tx:
        assert len(tx.execute(select(event_inbox)).all()) == 1
        assert sum(row.stands_for for row in tx.execute(select(dead_letter))) == 4


def test_a_calibration_and_the_watch_for_suspects(city: City, store: SqliteSeries) -> None:
    for minute in range(16):
        at = to_ms(NOON + timedelta(minutes=minute))
        names = ("tilt_x", "tilt_y", "tilt_z", "displacement")
        store.append([(city.point(name), at, 1.5 + 0.01 * (minute % 2), 0, at) for name in names])
    later = NOON + timedelta(minutes=16)
    assert calibrate(city.engine, store, now=later) == Calibrated(1, 1, 0)
    found = newest_calibration(city.engine, city.device_id)
    assert found is not None
    assert (found.state, len(found.points)) == ("done", 4)
    assert refuse_calibration(city.engine, city.device_id, by=city.administrator, now=later) == 4
    city.add_alert(None, later, rule_key="device_stuck", point_id=city.point("tilt_x"))
    assert suspect_by_alerts(city.engine, now=later) == Suspected(1, 0)
    assert suspect_by_neighbours(city.engine, now=later) == Suspected(0, 0)
    assert "stuck" in {one.reason for one in repairs(city.engine, now=later).items}
