"""Killed -9 before every write between a reading, its alert and its case: afterwards there is one of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.kinds import Lane
from registry.intake import Pack
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import alert, alert_event, cabinet, case, device, entry, feed
from registry.storage.times import to_ms
from tests.city import City, build_city
from tests.doomed import Doomed
from tests.storm import sensors

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("killed while deciding")]

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"filled_{request.param}_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    yield opened
    opened.dispose()


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


@pytest.fixture(scope="module")
def doomed_process() -> Iterator[Doomed]:
    with Doomed() as process:
        yield process


@pytest.fixture
def doomed(doomed_process: Doomed, url: str, tmp_path: Path) -> Doomed:
    doomed_process.url, doomed_process.series = url, tmp_path / "series.db"
    return doomed_process


def s(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def events(engine: Engine) -> Counter[str]:
    with reading(engine) as tx:
        return Counter(tx.scalars(select(alert_event.c.kind)))


def moves(engine: Engine) -> Counter[str]:
    with reading(engine) as tx:
        return Counter(tx.scalars(select(entry.c.move)))


def test_between_a_reading_and_its_urgent_alert_and_case(city: City, doomed: Doomed, tmp_path: Path):
    with writing(city.engine) as tx:
        install_shipped_rules(tx, now=NOW)
    at_ms = to_ms(NOW) - 5_000
    rows = [("CV-000001", "tilt_z", at_ms + 1000 * second, at_ms, 70.0, 0) for second in range(3)]
    pack = Pack("c1", Lane.URGENT, "e1", 1, 0, rows)
    assert doomed.die_at_every_step("accept", NOW, packs=[pack]) > 10
    # and once more, since nobody heard the ack
    doomed.work("accept", s(1), packs=[pack])
    with reading(city.engine) as tx:
        (fired,) = tx.execute(select(alert)).all()
        (opened,) = tx.execute(select(case)).all()
        told = Counter(tx.scalars(select(feed.c.kind)))
    assert (fired.case_id, fired.state) == (opened.id, "firing")
    assert events(city.engine) == {"fired": 1, "case": 1}
    assert moves(city.engine) == {"collect": 1, "file": 1, "alert_attached": 1}
    assert (told["alert_fired"], told["case_opened"]) == (1, 1)
    store = SqliteSeries(tmp_path / "series.db")
    assert store.count() == 3
    store.close()


def test_between_waiting_alerts_and_the_case_of_their_group(city: City, doomed: Doomed):
    street = sensors(city, NOW, [0, 1, 2, 3, 4, 50])
    street.fire(range(6), NOW)
    assert doomed.die_at_every_step("decide", s(30)) > 20
    doomed.work("decide", s(32))
    (group,) = street.groups()
    assert (group.members, group.state, len(street.cases())) == (5, "open", 2)
    assert [row.group_id for row in street.alerts()] == [group.id] * 5 + [None]
    assert {row.case_id for row in street.alerts()[:5]} == {group.case_id}
    assert {row.case_due_at for row in street.alerts()} == {None}
    assert events(city.engine) == {"fired": 6, "grouped": 5, "case": 2}
    assert moves(city.engine) == {"collect": 2, "file": 2, "grouped": 1, "alert_attached": 1}


def test_workers_at_once_make_one_group_and_one_case(city: City, doomed: Doomed):
    street = sensors(city, NOW, range(8))
    street.fire(range(8), NOW)
    for seconds in (2, 30):
        assert doomed.work("decide", s(seconds), at_once=3) == [0] * 3
    (group,) = street.groups()
    assert (group.members, len(street.cases())) == (8, 1)
    assert events(city.engine) == {"fired": 8, "grouped": 8, "case": 1}


def test_between_silence_and_its_alert_and_case(city: City, doomed: Doomed):
    with writing(city.engine) as tx:
        install_shipped_rules(tx, now=NOW)
        tx.execute(insert(cabinet).values(id="c1", name="1", online=True, state_at=s(600)))
        tx.execute(update(device).values(cabinet_id="c1"))
    assert doomed.die_at_every_step("watch", s(600)) > 3
    doomed.work("watch", s(602))
    assert doomed.die_at_every_step("decide", s(700)) > 5
    with reading(city.engine) as tx:
        (fired,) = tx.execute(select(alert)).all()
        (case_id,) = tx.scalars(select(case.c.id))
    assert (fired.rule_key, fired.case_id) == ("device_silent", case_id)
    assert events(city.engine) == {"fired": 1, "case": 1}
