"""The wall and mobile resources on both databases: the same figures, and no walk over every case for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event

from registry.domain.kinds import Source
from registry.domain.mobile import MobileKind
from registry.domain.people import Actor
from registry.queries.mobile_resources import mobile_resources
from registry.queries.wall import trend, wall_state
from registry.services.mobile_resources import NewResource, Position, add_resource, take_positions
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import case
from tests import things
from tests.city import City, build_city

pytestmark = [pytest.mark.network, pytest.mark.timeout(400)]

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
BY = Actor(user_id=None, role=None, name="test", unit_id=None)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    yield opened
    opened.dispose()


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def put_case(city: City, number: str, opened_at: datetime, **given: object) -> None:
    row = {"asset_id": city.asset_id, "source": Source.PATROL.value, "severity": 3, "number": number} | given
    with writing(city.engine) as tx:
        things.put(tx, case, moment=NOW, opened_at=opened_at, **row)


def test_figures_of_today_and_of_the_usual_day(city: City, engine: Engine) -> None:
    for weeks, many in ((1, 2), (2, 4), (3, 9)):
        for number in range(many):
            at = NOW - timedelta(weeks=weeks)
            put_case(city, f"{weeks}-{number}", at, kind="cover_loose", stage="closed", ended_at=at, deadline_at=at)
    late = NOW - timedelta(minutes=30)
    put_case(city, "late", late, kind="cover_sunken", stage="in_hand", deadline_at=late)
    put_case(city, "soon", NOW, kind="cover_step", stage="dispatched", deadline_at=NOW + timedelta(hours=3))
    city.add_alert(None, NOW)
    seen = wall_state(engine, now=NOW, zone=ZONE)
    assert [(each.rule_key, each.asset_id, each.waits, each.expected) for each in seen.alone] == [
        ("cover_tilt", city.asset_id, False, False)
    ]
    assert (seen.running, seen.due_soon) == ({3: 2, 2: 0, 1: 0}, 1)
    assert {each.stage.value: (each.open, each.late) for each in seen.stages if each.open} == {
        "dispatched": (1, 0),
        "in_hand": (1, 1),
    }
    assert sum(each.late for each in seen.stages) == seen.counters.cases_overdue
    assert (seen.trend.today[11], seen.trend.today[12], len(seen.trend.today)) == (1, 1, 13)
    assert seen.trend.usual is not None
    assert (seen.trend.usual[12], sum(seen.trend.usual)) == (4, 4)
    elsewhere = wall_state(engine, now=NOW, zone=ZONE, scope="999999")
    assert elsewhere.alone == []
    assert (elsewhere.running, elsewhere.due_soon, sum(elsewhere.trend.today)) == ({3: 0, 2: 0, 1: 0}, 0, 0)


def test_a_day_is_counted_along_the_index_of_opened_cases(city: City, engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL walks a table that is one page long")
    asked: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, given: tuple[object, ...], *_: object) -> None:
        asked.append((statement, given))

    trend(engine, now=NOW, zone=ZONE, scope="")
    event.remove(engine, "before_cursor_execute", listen)
    days = [(statement, given) for statement, given in asked if "GROUP BY" in statement]
    assert days
    with reading(engine) as tx:
        for statement, given in days:
            plan = [row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
            assert any("USING COVERING INDEX ix_case_file_opened" in line for line in plan), plan


def test_the_newest_place_is_kept_whatever_the_order(city: City, engine: Engine) -> None:
    with writing(engine) as tx:
        for number in ("A1", "A2"):
            add_resource(tx, NewResource(kind=MobileKind.VEHICLE, number=number), by=BY, now=NOW)

    def at(number: str, minutes_ago: int, lon: float) -> Position:
        return Position(number=number, at=NOW - timedelta(minutes=minutes_ago), lon=lon, lat=23.1)

    with writing(engine) as tx:
        first = take_positions(tx, [at("a2", 1, 113.1), at("a1", 2, 113.2), at("A1", 5, 113.5)], by=BY, now=NOW)
    with writing(engine) as tx:
        again = take_positions(tx, [at("A1", 3, 113.3), at("A2", 0, 113.0)], by=BY, now=NOW)
    assert [(taken.taken, taken.late) for taken in (first, again)] == [(2, 1), (1, 1)]
    assert [(each.number, each.lon) for each in mobile_resources(engine, now=NOW)] == [("A2", 113.0), ("A1", 113.2)]
