"""Sick machinery out of what is stored, within one's area."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.kinds import Reject
from registry.domain.repairs import BusSaid, RepairKind, RepairReason, SourceSaid
from registry.queries.repairs import RepairFilter, repairs
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.tables import asset, baseline, dead_letter, device, latest
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    made = build_city(engine, now)
    with writing(engine) as tx:
        tx.execute(update(device).values(cabinet_id="c1", fitted_at=now - timedelta(days=3)))
        tx.execute(update(baseline).values(set_at=now - timedelta(days=3)))
        tx.execute(update(asset).values(area_code="440803001"))
    return made


def hear(city: City, now: datetime, **said: Any) -> None:
    state = CabinetState(**{"cabinet": "c1", "online": True, "at": now.timestamp(), "epoch": "e", **said})
    note_cabinet(city.engine, state, now=now)


def measure(city: City, now: datetime, name: str, value: float) -> None:
    times = dict.fromkeys(("measured_at", "received_at", "recorded_at"), now)
    with writing(city.engine) as tx:
        tx.execute(insert(latest).values(point_id=city.point(name), value=value, quality=0, **times))


def found(city: City, now: datetime, scope: str = "") -> list[tuple[str, str]]:
    return [(str(one.kind), str(one.reason)) for one in repairs(city.engine, now=now, scope=scope).items]


def test_a_city_without_machinery_has_nothing_to_repair(engine: Engine, now: datetime) -> None:
    assert repairs(engine, now=now).items == []


def test_a_sensor_that_never_spoke_is_listed_until_it_does(city: City, now: datetime) -> None:
    hear(city, now)
    assert found(city, now) == [("sensor", "never_seen")]
    measure(city, now, "tilt_z", 0.1)
    assert found(city, now) == []


def test_signs_of_one_sensor_come_from_all_over_the_records(city: City, now: datetime) -> None:
    hear(city, now)
    measure(city, now, "battery", 11.0)
    measure(city, now, "tilt_z", -6.0)
    with reading(city.engine) as tx:
        serial = tx.execute(select(device.c.serial)).scalar_one()
    with writing(city.engine) as tx:
        for reason in (Reject.UNDECODABLE, Reject.UNDECODABLE, Reject.IN_FUTURE):
            row = {"at": now, "cabinet_id": "c1", "device": serial, "reason": reason, "detail": "", "body": ""}
            tx.execute(insert(dead_letter).values(row))
    listed = repairs(city.engine, now=now).items
    assert [(one.reason, one.amount) for one in listed] == [
        (RepairReason.CLOCK_OFF, 1.0),
        (RepairReason.DECODER_ERROR, 2.0),
        (RepairReason.WEAK_BATTERY, 11.0),
        (RepairReason.BASELINE_DRIFT, -6.0),
    ]
    assert {one.name for one in listed} == {serial}


def test_what_a_cabinet_says_of_its_lines_spool_and_losses_is_kept(city: City, now: datetime) -> None:
    measure(city, now, "tilt_z", 0.0)
    bus = BusSaid(name="east", polls=90, units_silent=[3, 4])
    hear(city, now, dropped=5, filled=0.9, buses=[bus], sources=[SourceSaid(name="lora", up=False)])
    expected = [("cabinet", "drops"), ("cabinet", "spool_near_full"), ("line", "line_dead"), ("line", "source_down")]
    assert found(city, now) == expected
    later = now + timedelta(days=8)
    hear(city, later, dropped=5)
    assert found(city, later) == []
    hear(city, later, online=False)
    assert found(city, later) == [("cabinet", "silent")]


def test_the_list_keeps_to_ones_area_and_can_be_narrowed(city: City, now: datetime) -> None:
    hear(city, now, filled=0.9)
    assert found(city, now, scope="440803001") == [("cabinet", "spool_near_full"), ("sensor", "never_seen")]
    assert found(city, now, scope="440803002") == []
    narrowed = repairs(city.engine, RepairFilter(kind=RepairKind.SENSOR), now=now)
    assert [one.kind for one in narrowed.items] == [RepairKind.SENSOR]
    assert narrowed.counts == {"cabinet": 1, "line": 0, "sensor": 1}
