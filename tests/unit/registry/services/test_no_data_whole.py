"""A cabinet or a bus that is down is one alert; its devices raise none meanwhile, and are judged from its return."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.services.no_data import watch_no_data
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, cabinet, case, device, latest, point
from tests.city import City, build_city

PERIOD_S = 2.0


class Line:
    """Ten devices on one bus of a cabinet, asked one after the other every two seconds."""

    def __init__(self, city: City, now: datetime, count: int = 10) -> None:
        self.city, self.now = city, now
        self.points: list[int] = []
        with writing(city.engine) as tx:
            install_shipped_rules(tx, now=now)
            tx.execute(insert(cabinet).values(id="c1", name="一号柜", online=True, state_at=now))
            for number in range(count):
                worn = {"serial": f"L{number}", "profile": "p", "heartbeat_s": PERIOD_S, "asset_id": city.asset_id}
                row = worn | {"cabinet_id": "c1", "bus": "a", "fitted_at": now}
                device_id = tx.execute(insert(device).values(row).returning(device.c.id)).scalar_one()
                of_device = {"device_id": device_id, "name": "tilt_z", "unit": "deg"}
                self.points.append(tx.execute(insert(point).values(of_device).returning(point.c.id)).scalar_one())

    def at(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def heard(self, seconds: float, *numbers: int) -> None:
        at = self.at(seconds)
        row = {"measured_at": at, "received_at": at, "recorded_at": at, "value": 1.0, "quality": 0}
        with writing(self.city.engine) as tx:
            for number in numbers or range(len(self.points)):
                tx.execute(latest.delete().where(latest.c.point_id == self.points[number]))
                tx.execute(insert(latest).values(row | {"point_id": self.points[number]}))

    def cabinet(self, seconds: float, **more: Any) -> None:
        with writing(self.city.engine) as tx:
            tx.execute(update(cabinet).values({"state_at": self.at(seconds)} | more))

    def look(self, seconds: float, *, cabinet_too: bool = True) -> tuple[int, int]:
        if cabinet_too:
            self.cabinet(seconds)
        return watch_no_data(self.city.engine, now=self.at(seconds))

    def alerts(self) -> list[tuple[str, str, str]]:
        with reading(self.city.engine) as tx:
            rows = tx.execute(select(alert).order_by(alert.c.id)).all()
        return [(row.rule_key, row.bus, row.state) for row in rows]

    def row(self) -> Any:
        with reading(self.city.engine) as tx:
            return tx.execute(select(alert).order_by(alert.c.id.desc()).limit(1)).one()


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    built = build_city(engine, now)
    with writing(engine) as tx:
        tx.execute(update(device).values(removed_at=now))
    return built


@pytest.fixture
def line(city: City, now: datetime) -> Line:
    return Line(city, now)


def test_a_bus_that_falls_silent_in_the_middle_of_a_round_is_one_alert(line: Line):
    line.heard(1.0, 5, 6, 7, 8, 9)
    line.heard(2.5, 0, 1, 2, 3, 4)
    looks = [line.look(seconds) for seconds in (11.5, 12.0, 12.5, 14.0, 16.0, 60.0)]
    assert sum(fired for fired, _ in looks) == 1
    assert line.alerts() == [("bus_silent", "a", "firing")]
    row = line.row()
    assert (row.point_id, row.cabinet_id, row.asset_id, row.case_id) == (None, "c1", None, None)
    assert (row.began_at, row.fired_at) == (line.at(2.5), line.at(12.5))


def test_one_silent_device_of_a_living_bus_is_told_at_once(line: Line):
    line.heard(1.0, 3)
    line.heard(10.5, *(number for number in range(10) if number != 3))
    assert line.look(11.0) == (1, 0)
    assert line.alerts() == [("device_silent", "", "firing")]


def test_a_few_silent_devices_that_are_no_bus_are_told_after_a_while(line: Line):
    # the others have long periods: nobody knows yet whether they live
    with writing(line.city.engine) as tx:
        tx.execute(update(device).where(device.c.serial.not_in(["L0", "L1"])).values(heartbeat_s=3600.0))
    line.heard(1.0)
    assert line.look(11.5) == (0, 0)
    assert line.look(21.0) == (2, 0)
    assert {key for key, _, _ in line.alerts()} == {"device_silent"}


def test_two_devices_on_a_bus_are_too_few_to_blame_it(city: City, now: datetime):
    line = Line(city, now, count=2)
    line.heard(1.0)
    assert line.look(11.0) == (2, 0)
    assert {key for key, _, _ in line.alerts()} == {"device_silent"}


def test_a_bus_is_back_when_more_than_half_speak_and_the_rest_is_told_then(line: Line):
    line.heard(1.0)
    assert line.look(11.0) == (1, 0)
    line.heard(29.0, 0, 1, 2, 3, 4)
    assert line.look(30.0) == (0, 0)
    line.heard(30.5, 0, 1, 2, 3, 4, 5)
    assert line.look(31.0) == (4, 1)
    assert line.alerts()[0] == ("bus_silent", "a", "cleared")
    with reading(line.city.engine) as tx:
        ended = tx.execute(select(alert_event).where(alert_event.c.kind == "cleared")).one()
    assert (ended.at, ended.detail) == (line.at(30.5), {"fitted": 10})


def test_a_case_about_a_bus_is_about_its_cabinets_asset(line: Line):
    line.cabinet(0, asset_id=line.city.asset_id)
    line.heard(1.0)
    line.look(11.0)
    with reading(line.city.engine) as tx:
        opened = tx.execute(select(case)).one()
    assert (opened.kind, opened.asset_id, line.row().case_id) == ("device_silent", line.city.asset_id, opened.id)


def test_a_bus_whose_devices_were_all_taken_off_is_not_missed(line: Line):
    line.heard(1.0)
    line.look(11.0)
    with writing(line.city.engine) as tx:
        tx.execute(update(device).values(removed_at=line.at(12)))
    assert line.look(13.0) == (0, 1)


def test_a_cabinet_that_is_away_is_one_alert_and_its_devices_none(line: Line):
    line.heard(1.0)
    line.cabinet(5.0, online=False)
    looks = [line.look(seconds, cabinet_too=False) for seconds in (6, 60, 304.9, 305, 307, 900)]
    assert [fired for fired, _ in looks] == [0, 0, 0, 1, 0, 0]
    row = line.row()
    assert (row.rule_key, row.cabinet_id, row.bus, row.asset_id) == ("cabinet_silent", "c1", "", None)
    assert (row.began_at, row.fired_at) == (line.at(5), line.at(305))


def test_a_cabinet_that_redials_is_no_alert(line: Line):
    line.heard(1.0)
    line.cabinet(5.0, online=False)
    line.cabinet(200.0, online=True, online_since=line.at(200))
    line.heard(201.0)
    assert line.look(400.0, cabinet_too=False) == (0, 0)


def test_a_cabinet_is_back_with_evidence_and_its_devices_are_judged_from_its_return(line: Line):
    line.heard(1.0)
    line.cabinet(5.0, online=False)
    line.look(400.0, cabinet_too=False)
    line.cabinet(500.0, online=True, online_since=line.at(500))
    assert line.look(505.0) == (0, 1)
    with reading(line.city.engine) as tx:
        ended = tx.execute(select(alert_event).where(alert_event.c.kind == "cleared")).one()
    assert (ended.at, ended.detail) == (line.at(500), {"online_since": line.at(500).isoformat(), "away_s": 495})
    line.heard(508.0, *range(9))
    assert line.look(509.0) == (0, 0)
    line.heard(511.0, *range(9))
    assert line.look(511.5) == (1, 0)
    assert line.row().device_id is not None


def test_a_cabinet_with_an_asset_opens_a_case_of_it_once(line: Line):
    line.cabinet(5.0, online=False, asset_id=line.city.asset_id)
    for seconds in (400.0, 410.0):
        line.look(seconds, cabinet_too=False)
    with reading(line.city.engine) as tx:
        opened = tx.execute(select(case)).one()
    assert opened.asset_id == line.city.asset_id


def test_a_cabinet_that_nothing_is_wired_to_is_not_missed(line: Line):
    with writing(line.city.engine) as tx:
        tx.execute(update(device).values(removed_at=line.at(1)))
    line.cabinet(5.0, online=False)
    assert line.look(400.0, cabinet_too=False) == (0, 0)


def test_devices_that_were_told_before_their_bus_fell_silent_stay(line: Line):
    line.heard(1.0, 3)
    line.heard(10.5, *(number for number in range(10) if number != 3))
    line.look(11.0)
    assert line.look(30.0) == (1, 0)
    assert line.alerts() == [("device_silent", "", "firing"), ("bus_silent", "a", "firing")]
