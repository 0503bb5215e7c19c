"""How the machinery is, in words that name what to look at."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from registry.domain.kinds import Reject
from registry.queries.health import cabinets, dead_letters, silent_devices
from registry.services.rules import install_shipped_rules
from registry.storage.database import writing
from registry.storage.tables import cabinet, dead_letter, device, latest
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    return build_city(engine, now)


def test_nothing_there_is_nothing_shown(engine: Engine, now: datetime):
    assert cabinets(engine, now) == []
    assert silent_devices(engine, now) == []
    assert dead_letters(engine).items == []


def test_a_cabinet_counts_as_online_only_while_its_word_is_fresh(city: City, now: datetime):
    with writing(city.engine) as tx:
        tx.execute(insert(cabinet).values(id="c1", name="一号柜", online=True, state_at=now, queued=7, dropped=2))
        tx.execute(update(device).values(cabinet_id="c1"))
    (found,) = cabinets(city.engine, now + timedelta(seconds=30))
    assert (found.online, found.devices, found.queued, found.dropped) == (True, 1, 7, 2)
    assert not cabinets(city.engine, now + timedelta(seconds=40))[0].online


def test_a_cabinet_that_never_spoke_is_shown_because_devices_hang_on_it(city: City, now: datetime):
    with writing(city.engine) as tx:
        tx.execute(update(device).values(cabinet_id="ghost"))
    (found,) = cabinets(city.engine, now)
    assert (found.id, found.online, found.state_at, found.devices) == ("ghost", False, None, 1)


def test_a_silent_device_says_since_when_and_where_it_hangs(city: City, now: datetime):
    uptime = city.point("uptime")
    city.add_alert(None, now, rule_key="device_silent", point_id=uptime, began_at=now - timedelta(minutes=3))
    city.add_alert(None, now, rule_key="cover_tilt")
    (found,) = silent_devices(city.engine, now)
    assert (found.serial, found.last_heard_at, found.silent_s) == ("CV-000001", None, 180.0)
    with writing(city.engine) as tx:
        tx.execute(
            insert(latest).values(
                point_id=uptime, measured_at=now, received_at=now, recorded_at=now, value=1, quality=0
            )
        )
    assert silent_devices(city.engine, now)[0].last_heard_at == now


def test_dead_letters_come_newest_first_by_page_and_reason(city: City, now: datetime):
    with writing(city.engine) as tx:
        for number, reason in enumerate(("undecodable", "unknown_device", "undecodable")):
            row = {"at": now, "cabinet_id": "c1", "reason": reason, "detail": f"d{number}", "body": "x" * 5000}
            tx.execute(insert(dead_letter).values(row))
    first = dead_letters(city.engine, limit=2)
    second = dead_letters(city.engine, limit=2, after=first.next)
    assert [letter.detail for letter in first.items + second.items] == ["d2", "d1", "d0"]
    assert len(first.items[0].body) == 2000
    assert [letter.detail for letter in dead_letters(city.engine, reason=Reject.UNKNOWN_DEVICE).items] == ["d1"]
