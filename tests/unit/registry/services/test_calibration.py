"""Calibrations over real records and a real series: begun by fitting, ended by rest, by people, or in vain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import InvalidMove, NotAllowed
from registry.domain.kinds import Quality
from registry.domain.people import Actor
from registry.queries.assets import asset_file
from registry.services.calibration import Calibrated, calibrate, refuse_calibration, restart_calibration
from registry.services.devices import NewDevice, put_on, remove_device, rezero_device
from registry.services.revisions import DIRECTORY, number
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import baseline, calibration, point
from registry.storage.times import to_ms
from tests.city import City, build_city

ZEROES = ("tilt_x", "tilt_y", "tilt_z", "displacement")


class Street:
    """The small city's cover, whose sensor says what a test lets it say."""

    def __init__(self, engine: Engine, store: SqliteSeries, now: datetime) -> None:
        self.city: City = build_city(engine, now)
        self.engine, self.store, self.now = engine, store, now

    @property
    def boss(self) -> Actor:
        return self.city.administrator

    def say(self, minutes: int, quality: Quality = Quality.GOOD, **values: float) -> None:
        """A reading of each zeroed point a minute, trembling a little."""
        told = dict.fromkeys(ZEROES, 1.0) | values
        rows = []
        for minute in range(minutes):
            at = to_ms(self.now + timedelta(minutes=minute))
            rows += [
                (self.city.point(name), at, value + 0.01 * (minute % 3 - 1), quality, at)
                for name, value in told.items()
            ]
        self.store.append(rows)
        self.now += timedelta(minutes=minutes)

    def look(self) -> Calibrated:
        return calibrate(self.engine, self.store, now=self.now)

    def baselines(self) -> dict[str, float]:
        with reading(self.engine) as tx:
            query = select(point.c.name, point.c.baseline).where(
                point.c.device_id == self.city.device_id, point.c.name.in_(ZEROES)
            )
            return {row.name: round(row.baseline, 2) for row in tx.execute(query)}

    def newest(self):
        with reading(self.engine) as tx:
            query = select(calibration).where(calibration.c.device_id == self.city.device_id)
            return tx.execute(query.order_by(calibration.c.id.desc())).first()


@pytest.fixture
def street(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[Street]:
    store = SqliteSeries(tmp_path / "series.db")
    yield Street(engine, store, now)
    store.close()


def test_a_fitted_sensor_finds_its_baselines_and_the_ingest_learns_of_them(street: Street):
    street.say(8, tilt_z=2.5)
    assert street.look() == Calibrated(1, 0, 0)
    assert street.look() == Calibrated(0, 0, 0)  # once a minute is enough
    with reading(street.engine) as tx:
        before = number(tx, DIRECTORY)
    street.say(8, tilt_z=2.5)
    assert street.look() == Calibrated(1, 1, 0)
    assert street.baselines() == {"tilt_x": 1.0, "tilt_y": 1.0, "tilt_z": 2.5, "displacement": 1.0}
    done = street.newest()
    assert (done.state, done.applied, done.readings, done.found["tilt_z"]["old"]) == ("done", True, 16, 0.0)
    with reading(street.engine) as tx:
        assert number(tx, DIRECTORY) > before
        assert len(tx.execute(select(baseline).where(baseline.c.calibration_id == done.id)).all()) == 4
    line = asset_file(street.engine, street.city.asset_id, now=street.now).changes[0]
    assert (line.action, len(line.fields)) == ("rezero", 4)
    street.say(8, tilt_z=5.0)
    assert street.look() == Calibrated(0, 0, 0)


def test_an_open_cover_keeps_the_baseline_that_was_given_at_fitting(street: Street):
    street.say(15, tilt_z=70.0)
    assert street.look() == Calibrated(1, 0, 1)
    failed = street.newest()
    assert (failed.state, failed.problem, failed.found["tilt_z"]["median"]) == ("failed", "not_level", 70.0)
    assert set(street.baselines().values()) == {0.0}


def test_a_sensor_with_an_alert_about_its_place_waits(street: Street):
    alert_id = street.city.add_alert(None, street.now)
    street.say(15)
    assert street.look() == Calibrated(1, 0, 0)
    assert alert_id
    assert street.newest().state == "collecting"


def test_readings_that_are_suspect_do_not_count(street: Street):
    street.say(15, Quality.SUSPECT)
    assert street.look() == Calibrated(1, 0, 0)
    assert street.newest().readings == 0


def test_what_somebody_measured_at_fitting_is_not_looked_for(street: Street):
    fitted = dict.fromkeys(ZEROES, 0.7)
    new = NewDevice(
        serial="CV-2", profile="cc-cover-1", asset_id=street.city.asset_id, heartbeat_s=60, baselines=fitted
    )
    with writing(street.engine) as tx:
        device_id = put_on(tx, new, now=street.now)
        assert tx.execute(select(calibration).where(calibration.c.device_id == device_id)).first() is None


def test_a_zero_set_by_hand_and_taking_it_off_end_the_search(street: Street):
    device_id = street.city.device_id
    rezero_device(street.engine, device_id, {"tilt_z": 0.4}, reason="现场", by=street.boss, now=street.now)
    assert (street.newest().state, street.newest().problem) == ("failed", "by_hand")
    restart_calibration(street.engine, device_id, by=street.boss, now=street.now)
    remove_device(street.engine, device_id, reason="坏", by=street.boss, now=street.now)
    assert (street.newest().state, street.newest().problem) == ("failed", "removed")
    assert street.look() == Calibrated(0, 0, 0)


def test_what_was_found_can_be_refused_and_looked_for_again(street: Street):
    street.say(15, tilt_z=2.5)
    street.look()
    assert refuse_calibration(street.engine, street.city.device_id, by=street.boss, now=street.now) == 4
    assert set(street.baselines().values()) == {0.0}
    assert (street.newest().problem, street.newest().applied) == ("refused", False)
    with pytest.raises(InvalidMove):
        refuse_calibration(street.engine, street.city.device_id, by=street.boss, now=street.now)
    restart_calibration(street.engine, street.city.device_id, by=street.boss, now=street.now)
    street.say(15, tilt_z=3.5)
    assert street.look() == Calibrated(1, 1, 0)
    assert street.baselines()["tilt_z"] == 3.5


def test_refusing_leaves_alone_what_somebody_has_zeroed_since(street: Street):
    street.say(15, tilt_z=2.5)
    street.look()
    rezero_device(street.engine, street.city.device_id, {"tilt_z": 2.0}, reason="x", by=street.boss, now=street.now)
    assert refuse_calibration(street.engine, street.city.device_id, by=street.boss, now=street.now) == 3
    assert street.baselines()["tilt_z"] == 2.0


def test_crew_of_another_unit_may_neither_start_nor_refuse(street: Street):
    for act in (restart_calibration, refuse_calibration):
        with pytest.raises(NotAllowed):
            act(street.engine, street.city.device_id, by=street.city.stranger, now=street.now)
