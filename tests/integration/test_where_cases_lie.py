"""Where a case lies today, kept by the database itself: on SQLite and PostgreSQL, whoever writes what."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text, update

from registry.domain.kinds import Lane
from registry.intake import Intake, Pack
from registry.queries import overview
from registry.queries.cases import list_cases
from registry.queries.queues import desk_queue
from registry.services.devices import NewDevice, put_on
from registry.services.rules import install_shipped_rules
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.series.sqlite import SqliteSeries
from registry.storage.tables import asset, case
from registry.storage.times import to_ms
from tests.city import City, build_city
from tests.polling import wait_until

pytestmark = pytest.mark.network

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    yield opened
    opened.dispose()


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def lies_in(engine: Engine, case_id: int) -> str:
    with reading(engine) as tx:
        return str(tx.execute(select(case.c.lies_in).where(case.c.id == case_id)).scalar_one())


def move(engine: Engine, asset_id: int, area_code: str) -> None:
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == asset_id).values(area_code=area_code))


def test_a_case_lies_where_its_asset_does_and_goes_with_it(city: City, engine: Engine):
    move(engine, city.asset_id, "440803001")
    case_id = city.open_case(NOW).case_id
    assert lies_in(engine, case_id) == "440803001"
    move(engine, city.asset_id, "440804002")
    assert lies_in(engine, case_id) == "440804002"
    with reading(engine) as tx:
        # where it counts in a month's figures stays
        assert tx.execute(select(case.c.area_code).where(case.c.id == case_id)).scalar_one() == "440803001"
    for scope, found in (("440804", [case_id]), ("440803", []), ("4408", [case_id])):
        assert [row.case_id for row in overview.wrong_now(engine, now=NOW, scope=scope)] == found
        assert [row.id for row in list_cases(engine, scope=scope, open_only=True).items] == found
        assert [row.id for row in desk_queue(engine, now=NOW, scope=scope).items] == found
        assert overview.overview(engine, now=NOW, scope=scope).cases_open == len(found)


def test_a_case_that_turns_out_to_be_of_another_asset_lies_where_that_one_does(city: City, engine: Engine):
    other = city.add_asset(NOW)
    move(engine, city.asset_id, "440803001")
    move(engine, other, "440811")
    case_id = city.open_case(NOW).case_id
    with writing(engine) as tx:
        tx.execute(update(case).where(case.c.id == case_id).values(asset_id=other))
    assert lies_in(engine, case_id) == "440811"


def test_a_case_of_no_asset_lies_where_it_was_told_of(city: City, engine: Engine):
    row = {"number": "2026030200077", "kind": "reported", "source": "citizen", "opened_at": NOW, "severity": 1}
    row |= {"lon": 113.3, "lat": 23.1, "area_code": "440805", "stage": "filed", "deadline_at": NOW, "version": 1}
    with writing(engine) as tx:
        case_id = int(tx.execute(insert(case).values(row).returning(case.c.id)).scalar_one())
    assert lies_in(engine, case_id) == "440805"
    with writing(engine) as tx:
        tx.execute(update(case).where(case.c.id == case_id).values(asset_id=city.asset_id, version=2))
    assert lies_in(engine, case_id) == "440803"


def test_an_import_and_the_intake_that_meet_at_several_assets_wait_for_each_other_in_one_order(
    filled_postgres_url: str, tmp_path: Path
):
    engine = open_database(filled_postgres_url)
    city = build_city(engine, NOW)
    later = city.add_asset(NOW)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOW)
        put_on(tx, NewDevice(serial="CV-2", profile="cc-cover-1", asset_id=later, heartbeat_s=60.0), now=NOW)
    at = to_ms(NOW) - 1_000
    # the intake hears of the later asset first
    rows = [(serial, "tilt_z", at, at, 60.0, 0) for serial in ("CV-2", "CV-000001")]
    pack = Pack("c1", Lane.URGENT, "e1", 1, 0, rows, ())
    with closing(SqliteSeries(tmp_path / "series.db")) as store, ThreadPoolExecutor(1) as beside:
        intake = Intake(engine, store, clock=lambda: NOW)
        with writing(engine) as tx:
            tx.execute(update(asset).where(asset.c.id == city.asset_id).values(road="甲路"))
            taken = beside.submit(intake.accept, [pack], now=NOW)
            wait_until(lambda: _waits_for_a_lock(engine) or taken.done())
            tx.execute(update(asset).where(asset.c.id == later).values(road="甲路"))
        assert taken.result(timeout=60).fired == 2
    engine.dispose()


def _waits_for_a_lock(engine: Engine) -> bool:
    with reading(engine) as tx:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return tx.execute(text(waiting)).first() is not None


def test_cases_of_the_release_before_are_put_where_they_lie(request: pytest.FixtureRequest, tmp_path: Path):
    for url in (f"sqlite:///{tmp_path}/old.db", request.getfixturevalue("postgres_url")):
        engine = open_database(url)
        upgrade(engine, "0005")
        with engine.execution_options(writes=True).begin() as connection:
            for statement in _RELEASE_BEFORE:
                connection.exec_driver_sql(statement)
        upgrade(engine)
        assert [lies_in(engine, case_id) for case_id in (1, 2)] == ["440803001", "440805"]
        engine.dispose()


_RELEASE_BEFORE = (
    "INSERT INTO asset (id, code, scheme, class_code, family, name, state, lon, lat, road, area_code, details, "
    "created_at, updated_at) VALUES (1, '4408030101000001', 'cjt214-2007', '0101', 'cover', 'A', 'intact', 113.3, "
    "23.1, '', '440803001', '{}', 1, 1)",
    "INSERT INTO case_file (id, number, asset_id, kind, source, opened_at, area_code, severity, stage, deadline_at, "
    "version) VALUES (1, '1', 1, 'k', 'sensor', 1, '440802', 1, 'filed', 2, 1)",
    "INSERT INTO case_file (id, number, lon, lat, kind, source, opened_at, area_code, severity, stage, deadline_at, "
    "version) VALUES (2, '2', 113.3, 23.1, 'k', 'citizen', 1, '440805', 1, 'closed', 2, 1)",
)
