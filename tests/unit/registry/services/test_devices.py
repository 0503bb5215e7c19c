"""Fitting, exchanging and zeroing sensors: by whom, with which history."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import Quality
from registry.domain.link_test import LinkFinding, LinkState, PointFinding
from registry.queries.assets import asset_file
from registry.queries.devices import link_test, rezero_proposals
from registry.services.assets import Parties, set_parties
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.devices import NewDevice, fit_device, remove_device, rezero_device, swap_device
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import audit, device, latest, point
from registry.storage.times import to_ms
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    city = build_city(engine, now)
    with writing(engine) as tx:
        set_parties(tx, city.asset_id, Parties(maintainer_unit_id=city.water), now=now)
    return city


def say(city: City, at: datetime, values: dict[str, float], quality: Quality = Quality.GOOD) -> None:
    """The sensor's newest readings, as the intake would have kept them."""
    with writing(city.engine) as tx:
        for name, value in values.items():
            row = {"point_id": city.point(name), "measured_at": at, "received_at": at, "recorded_at": at}
            tx.execute(latest.delete().where(latest.c.point_id == row["point_id"]))
            tx.execute(latest.insert().values(**row, value=value, quality=quality))


def all_is_well(city: City, at: datetime, **changed: float) -> None:
    well = dict.fromkeys(("tilt_x", "tilt_y", "tilt_z", "displacement", "vibration"), 0.5)
    say(city, at, {**well, "water_level": 300, "temperature": 20, "battery": 90, **changed})


def test_a_swapped_sensor_takes_the_place_of_the_old_one(city: City, now: datetime):
    later = now + timedelta(days=1)
    new_id = swap_device(city.engine, city.device_id, "CV-9", reason="电池耗尽", by=city.crew, now=later)
    file = asset_file(city.engine, city.asset_id, now=later)
    assert [(each.serial, each.removed_at) for each in file.devices] == [("CV-9", None), ("CV-000001", later)]
    assert {value.device_id for value in file.values} == {new_id}
    line = file.changes[0]
    assert (line.action, line.note, line.by_name) == ("swap", "电池耗尽", "李敏")
    assert [(each.before, each.after) for each in line.fields] == [("CV-000001", "CV-9")]
    with reading(city.engine) as tx:
        assert tx.execute(select(audit.c.action).order_by(audit.c.id.desc())).scalars().first() == "device.swap"


def test_a_failed_swap_leaves_the_old_sensor_on(city: City, now: datetime):
    with pytest.raises(InvalidInput):
        swap_device(city.engine, city.device_id, " ", reason="电池", by=city.crew, now=now)
    with reading(city.engine) as tx:
        assert tx.execute(select(device.c.removed_at)).scalars().all() == [None]


def test_a_sensor_that_is_fitted_elsewhere_must_come_off_there_first(city: City, now: datetime):
    other = city.add_asset(now)
    there = NewDevice(serial="CV-000001", profile="cc-cover-1", asset_id=other, heartbeat_s=2)
    with pytest.raises(Conflict, match="上水井盖 1"):
        fit_device(city.engine, there, by=city.registrar, now=now)
    remove_device(city.engine, city.device_id, reason="搬走", by=city.registrar, now=now)
    assert fit_device(city.engine, there, by=city.registrar, now=now) != city.device_id
    with pytest.raises(InvalidMove, match="not fitted any more"):
        remove_device(city.engine, city.device_id, reason="again", by=city.registrar, now=now)


def test_crew_handle_what_their_own_unit_answers_for_and_nothing_else(city: City, now: datetime):
    assert rezero_device(city.engine, city.device_id, {"tilt_z": 1.0}, reason="路拱", by=city.crew, now=now) == 1
    for somebody in (city.stranger, city.viewer):
        with pytest.raises(NotAllowed):
            rezero_device(city.engine, city.device_id, {"tilt_z": 2.0}, reason="x", by=somebody, now=now)
    with pytest.raises(NotAllowed):
        swap_device(city.engine, city.device_id, "CV-9", reason="x", by=city.stranger, now=now)


def test_a_baseline_is_changed_with_a_reason_and_the_old_one_stays_on_file(city: City, now: datetime):
    for days, value in ((1, 1.5), (2, 1.8)):
        at = now + timedelta(days=days)
        rezero_device(city.engine, city.device_id, {"tilt_z": value}, reason="重新安装", by=city.registrar, now=at)
    file = asset_file(city.engine, city.asset_id, now=now)
    assert [(each.point, each.value, each.set_by_name) for each in file.baselines] == [
        ("tilt_z", 1.8, "林晓"),
        ("tilt_z", 1.5, "林晓"),
    ]
    assert [(each.field, each.before, each.after) for each in file.changes[0].fields] == [("baseline.tilt_z", 1.5, 1.8)]
    with pytest.raises(InvalidInput, match="reason"):
        rezero_device(city.engine, city.device_id, {"tilt_z": 0.0}, reason="", by=city.registrar, now=now)
    with pytest.raises(InvalidInput):
        rezero_device(city.engine, city.device_id, {"tilt_z": 900.0}, reason="x", by=city.registrar, now=now)
    with pytest.raises(InvalidInput):
        rezero_device(city.engine, city.device_id, {"mood": 1.0}, reason="x", by=city.registrar, now=now)


def test_the_proposal_is_the_median_of_the_last_quiet_readings(city: City, now: datetime, tmp_path):
    store = SqliteSeries(tmp_path / "series.db")
    tilt, other = city.point("tilt_z"), city.point("displacement")
    at = to_ms(now)
    rows = [(tilt, at + s * 1000, 1.5 + (s % 3) / 10, 0, at) for s in range(60)]
    rows += [(tilt, at + 61_000, 40.0, int(Quality.SUSPECT), at)]
    rows += [(other, at + s * 1000, float(s), 0, at) for s in range(60)]
    store.append(rows)
    proposals = {
        each.name: each for each in rezero_proposals(city.engine, store, city.device_id, now=now + timedelta(minutes=2))
    }
    store.close()
    assert (proposals["tilt_z"].new, proposals["tilt_z"].quiet, proposals["tilt_z"].old) == (1.6, True, 0.0)
    assert (proposals["displacement"].quiet, proposals["tilt_x"].new) == (False, None)


def test_a_link_is_green_when_every_point_is_fresh_and_in_place(city: City, now: datetime):
    all_is_well(city, now)
    test = link_test(city.engine, city.device_id, now=now + timedelta(seconds=5))
    assert (test.verdict.state, test.verdict.findings) == (LinkState.GREEN, [])
    assert {each.finding for each in test.verdict.points} == {PointFinding.OK}


def test_a_link_waits_for_the_first_readings_and_then_says_what_is_wrong(city: City, now: datetime):
    def verdict(seconds: float):
        return link_test(city.engine, city.device_id, now=now + timedelta(seconds=seconds)).verdict

    assert verdict(5).state is LinkState.WAITING
    assert (verdict(40).state, verdict(40).findings) == (LinkState.WRONG, [LinkFinding.NOTHING_HEARD])
    say(city, now + timedelta(seconds=40), {"tilt_z": 1.0})
    assert verdict(41).findings == [LinkFinding.PARTLY_HEARD]
    all_is_well(city, now + timedelta(seconds=42), tilt_z=30.0)
    assert verdict(43).findings == [LinkFinding.NOT_ZEROED]
    assert verdict(200).findings == [LinkFinding.NOT_FRESH]


def test_a_link_through_a_cabinet_that_is_down_says_so(city: City, now: datetime):
    swapped = NewDevice(serial="CV-5", profile="cc-cover-1", asset_id=city.asset_id, heartbeat_s=2, cabinet_id="c1")
    device_id = fit_device(city.engine, swapped, by=city.registrar, now=now)
    later = now + timedelta(minutes=1)
    findings = link_test(city.engine, device_id, now=later).verdict.findings
    assert findings == [LinkFinding.CABINET_UNKNOWN, LinkFinding.NOTHING_HEARD]
    down = CabinetState(cabinet="c1", online=False, at=now.timestamp(), epoch="e", version="1")
    note_cabinet(city.engine, down, now=now)
    assert link_test(city.engine, device_id, now=later).verdict.findings[0] is LinkFinding.CABINET_OFFLINE
    with reading(city.engine) as tx:
        assert tx.execute(select(point.c.id).where(point.c.device_id == device_id)).first() is not None


def bought(city: City, profile: str, now: datetime, **more: list[str]) -> int:
    new = NewDevice(serial="EM-1", profile=profile, asset_id=city.asset_id, heartbeat_s=3600, **more)
    return fit_device(city.engine, new, by=city.crew, now=now)


def points_of(city: City, device_id: int) -> set[str]:
    with reading(city.engine) as tx:
        return set(tx.execute(select(point.c.name).where(point.c.device_id == device_id)).scalars())


def test_a_bought_sensor_has_the_points_of_its_kind(city: City, now: datetime):
    tilt = {"tilt_x", "tilt_y", "tilt_z", "tilt_alarm_x", "tilt_alarm_y", "tilt_alarm_z", "battery"}
    assert points_of(city, bought(city, "milesight-em310-tilt", now)) == tilt


def test_a_sensor_of_a_kind_of_ones_own_has_the_points_that_are_listed(city: City, now: datetime):
    assert points_of(city, bought(city, "our-own", now, points=["distance", "rssi"])) == {"distance", "rssi"}


def test_a_link_does_not_wait_for_what_only_comes_now_and_then(city: City, now: datetime):
    device_id = bought(city, "dingtek-df555", now)
    with writing(city.engine) as tx:
        for row in tx.execute(select(point).where(point.c.device_id == device_id)).all():
            if row.name not in ("latitude", "longitude"):
                tx.execute(
                    latest.insert().values(
                        point_id=row.id,
                        measured_at=now,
                        received_at=now,
                        recorded_at=now,
                        value=1,
                        quality=Quality.GOOD,
                    )
                )
    verdict = link_test(city.engine, device_id, now=now + timedelta(minutes=1)).verdict
    assert LinkFinding.PARTLY_HEARD not in verdict.findings
    assert {each.point.name for each in verdict.points} == {"distance", "temperature", "level_alarm", "battery_low"}
