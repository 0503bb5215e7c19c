"""The same cases on a real PostgreSQL: its own types, its own races, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.errors import Conflict
from registry.domain.kinds import Severity
from registry.queries.alerts import alert_detail, list_alerts
from registry.queries.cases import case_file, crew_members, list_cases, my_tasks, report_status
from registry.queries.feed import newest_id, since
from registry.queries.health import cabinets, dead_letters, silent_devices
from registry.queries.overview import overview, wrong_now
from registry.services.cases import mark_overdue, move_case
from registry.services.cleaning import clean_up
from registry.services.leases import release_lease, take_lease
from registry.services.no_data import watch_no_data
from registry.services.reports import report_by_citizen
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import cabinet, case, dead_letter, device, latest
from tests.city import City, build_city

pytestmark = pytest.mark.network

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def city(filled_postgres_url: str) -> Iterator[City]:
    engine: Engine = open_database(filled_postgres_url)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOW)
    yield build_city(engine, NOW)
    engine.dispose()


def do(city: City, case_id: int, move: str, by: str, at: datetime = NOW, **more: object) -> None:
    move_case(
        city.engine,
        case_id=case_id,
        move=move,
        by=getattr(city, by),
        expected_version=city.case(case_id).version,
        now=at,
        **more,  # type: ignore[arg-type]
    )


def test_the_whole_way_and_every_page_of_it(city: City):
    case_id, _ = city.open_case(NOW)
    city.open_case(NOW, severity=Severity.CRITICAL)
    alert_id = city.add_alert(case_id, NOW)
    assert wrong_now(city.engine, now=NOW)[0].alerts_firing == 1
    do(city, case_id, "dispatch", "dispatcher", assignee_id=city.crew.user_id)
    assert city.crew.user_id is not None
    assert [task.id for task in my_tasks(city.engine, city.crew.user_id)] == [case_id]
    do(city, case_id, "accept", "crew")
    do(city, case_id, "suspend", "dispatcher", note="等", until=NOW + 2 * DAY)
    do(city, case_id, "resume", "dispatcher", NOW + DAY)
    do(city, case_id, "hand_back", "crew", NOW + DAY, photo_ids=[city.add_photo(NOW)])
    do(city, case_id, "verify", "dispatcher", NOW + DAY)
    do(city, case_id, "close", "dispatcher", NOW + DAY, note="盖已盖好，传感器待校准")  # it still says otherwise
    file = case_file(city.engine, case_id)
    assert file is not None
    assert (file.stage, file.version, len(file.photos), len(file.alerts)) == ("closed", 8, 1, 1)
    assert alert_detail(city.engine, alert_id) is not None
    assert [row.id for row in list_alerts(city.engine, state="firing").items] == [alert_id]
    assert list_cases(city.engine, open_only=True).items == []
    assert [row.id for row in list_cases(city.engine, q="中山").items] == [case_id]
    assert overview(city.engine, now=NOW + DAY).cases_closed_24h == 1
    assert len(crew_members(city.engine)) == 3
    assert since(city.engine, 0)[-1].id == newest_id(city.engine)


def test_a_report_its_status_and_its_deadline(city: City):
    kept = report_by_citizen(city.engine, asset_id=city.asset_id, text="响", contact="", photo=None, now=NOW)
    assert mark_overdue(city.engine, now=NOW + 2 * DAY) == 1
    status = report_status(city.engine, kept.key)
    assert status is not None
    assert (status.stage, status.asset_class_zh) == ("collected", "上水井盖")
    assert list_cases(city.engine, overdue=True, stage="collected", kind="reported").items  # type: ignore[arg-type]


def test_writers_at_once_open_one_case_each_and_no_number_twice(city: City):
    assets = [city.add_asset(NOW) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda asset_id: city.open_case(NOW, asset_id=asset_id), assets * 3))
    assert sum(opened for _, opened in found) == 10
    with reading(city.engine) as tx:
        numbers = list(tx.scalars(select(case.c.number)))
    assert len(set(numbers)) == 10


def test_of_dispatchers_at_once_one_wins_and_the_others_are_told(city: City):
    case_id, _ = city.open_case(NOW)

    def dispatch(_: int) -> str:
        try:
            move_case(
                city.engine,
                case_id=case_id,
                move="dispatch",
                by=city.dispatcher,
                expected_version=1,
                now=NOW,
                unit_id=city.water,
            )
        except Conflict as refused:
            return str(refused)
        return ""

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(dispatch, range(8)))
    assert told[0] == ""
    assert all("陈派 did dispatch meanwhile" in text for text in told[1:])


def test_the_watch_for_devices_that_say_nothing(city: City):
    late = NOW + timedelta(minutes=1)
    with writing(city.engine) as tx:
        tx.execute(insert(cabinet).values(id="c1", name="1", online=True, state_at=late))
        tx.execute(update(device).values(cabinet_id="c1"))
    assert watch_no_data(city.engine, now=late) == (1, 0)
    assert [found.serial for found in silent_devices(city.engine, late)] == ["CV-000001"]
    assert [(found.online, found.devices_silent) for found in cabinets(city.engine, late)] == [(True, 1)]
    assert (overview(city.engine, now=late).devices_silent, overview(city.engine, now=late).cabinets_online) == (1, 1)
    back = {"measured_at": late, "received_at": late, "recorded_at": late, "value": 1.0, "quality": 0}
    with writing(city.engine) as tx:
        tx.execute(insert(latest).values(point_id=city.point("tilt_z"), **back))
    assert watch_no_data(city.engine, now=late) == (0, 1)


def test_leases_cleaning_and_rules(city: City):
    assert take_lease(city.engine, "worker", "a", lasts=DAY, now=NOW).mine
    assert not take_lease(city.engine, "worker", "b", lasts=DAY, now=NOW).mine
    release_lease(city.engine, "worker", "a")
    assert take_lease(city.engine, "worker", "b", lasts=DAY, now=NOW).mine
    with writing(city.engine) as tx:
        letter = {"at": NOW, "cabinet_id": "c", "reason": "undecodable", "detail": "", "body": ""}
        tx.execute(insert(dead_letter).values(letter))
    assert len(dead_letters(city.engine).items) == 1
    keep = {"keep_feed": DAY, "keep_letters": DAY, "keep_commands": DAY, "keep_notices": DAY}
    cleaned = clean_up(city.engine, now=NOW + 99 * DAY, **keep)
    assert (cleaned.dead_letters, cleaned.commands) == (1, 0)
