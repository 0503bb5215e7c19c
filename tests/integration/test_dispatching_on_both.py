"""Dispatching by itself, proposals, queues and their counts: the same statements on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text

from registry.domain.dispatch_reasons import Why
from registry.domain.dispatch_table import Applies
from registry.queries import dispatching, queues
from registry.services.absences import add_absence
from registry.services.assets import Parties, set_parties
from registry.services.dispatch_lines import NewLine, set_line
from registry.services.dispatching import LOOK_AGAIN, Dispatched, dispatch_certain
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import case, scan
from tests.city import City, build_city

pytestmark = pytest.mark.network
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    yield opened
    opened.dispose()


def fill(city: City, count: int) -> None:
    """Cases of the two units, most of them closed, due a minute after each other."""
    asset_ids = [city.add_asset(NOW, lon=113.4 + number / 1000) for number in range(4)]
    kinds = ("cover_displaced", "cover_loose", "water_high")
    rows: list[dict[str, Any]] = []
    for number in range(count):
        is_open = number < len(asset_ids) * len(kinds)
        rows.append(
            {
                "number": f"T{number:06d}",
                "asset_id": asset_ids[number % len(asset_ids)],
                "kind": kinds[number // len(asset_ids) % len(kinds)],
                "stage": "dispatched" if is_open else "closed",
                "severity": 2,
                "source": "sensor",
                "opened_at": NOW,
                "deadline_at": NOW + timedelta(minutes=number - 3),
                "ended_at": None if is_open else NOW,
                "unit_id": city.water,
                "assignee_id": city.mate.user_id if number % 2 else None,
                "version": 1,
            }
        )
    with writing(city.engine) as tx:
        tx.execute(insert(case), rows)


def plan_of(engine: Engine, ask: Any) -> str:
    """How the database finds what ``ask`` reads about cases."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if "case_file" in statement:
            said.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with reading(engine) as tx:
        if engine.dialect.name != "sqlite":
            tx.execute(text("ANALYZE case_file"))
        rows = [row for statement, values in said for row in tx.exec_driver_sql(explain + statement, values)]
    return "\n".join(str(row[-1]) for row in rows)


def test_what_the_table_decides_is_sent_and_the_rest_waits_with_its_reasons(engine: Engine):
    city = build_city(engine, NOW)
    with writing(engine) as tx:
        set_parties(tx, city.asset_id, Parties(maintainer_unit_id=city.water), by=city.registrar, now=NOW)
        row = {"at": NOW - timedelta(minutes=5), "token": "t", "user_id": city.crew.user_id, "finding": "bound"}
        tx.execute(insert(scan).values(**row, asset_id=city.asset_id))
    set_line(engine, NewLine(kind="cover_displaced", automatic=True), by=city.dispatcher, now=NOW)
    ownerless = NewLine(applies=Applies.OWNERLESS, family="cover", unit_id=city.power)
    set_line(engine, ownerless, by=city.dispatcher, now=NOW)
    sent, waits = city.open_case(NOW).case_id, city.open_case(NOW, kind="cover_loose").case_id
    orphan = city.open_case(NOW, kind="cover_loose", asset_id=city.add_asset(NOW)).case_id
    assert dispatch_certain(engine, now=NOW) == Dispatched(sent=1, held=2)
    assert dispatch_certain(engine, now=NOW) == Dispatched()
    assert dispatch_certain(engine, now=NOW + LOOK_AGAIN) == Dispatched(held=2)
    assert (city.case(sent).unit_id, city.case(sent).assignee_id) == (city.water, city.crew.user_id)
    proposed = {each.case_id: each for each in dispatching.proposals(engine, [waits, orphan], now=NOW)}
    assert (proposed[waits].unit_name, proposed[waits].held) == ("水务", Why.NO_AUTOMATIC_LINE)
    assert (proposed[orphan].unit_name, proposed[orphan].reasons[0].why) == ("电力", Why.OWNERLESS)
    waiting = queues.desk_queue(engine, now=NOW)
    assert {row.id for row in waiting.items} == {waits, orphan}
    assert all(row.work_left_h is not None for row in waiting.items)
    day = date(2026, 3, 2)
    add_absence(engine, city.crew.user_id or 0, day, None, by=city.dispatcher, now=NOW)
    people = {one.user_id: one for one in queues.people_of(engine, city.water, now=NOW)}
    crew = people[city.crew.user_id or 0]
    assert (crew.open_cases, crew.away, crew.away_until) == (1, True, "")
    assert dispatching.proposal(engine, waits, now=NOW).assignee_id is None
    assert [one.name for one in dispatching.absences(engine, since=day)] == ["李敏"]


def test_a_queue_is_walked_from_what_is_due_first_and_counted_per_unit_and_person(engine: Engine):
    city = build_city(engine, NOW)
    fill(city, 600)
    seen: list[int] = []
    after = None
    while True:
        page = queues.unit_queue(engine, city.water, now=NOW, after=after, limit=5)
        seen += [row.id for row in page.items]
        assert [row.due_at for row in page.items] == sorted(row.due_at for row in page.items)
        after = page.next
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 12
    loads = {load.unit_name: load for load in queues.workload(engine, now=NOW)}
    water = loads["水务"]
    assert (water.open_cases, water.overdue, water.due_today, water.nobodys) == (12, 4, 8, 6)
    assert loads["电力"].open_cases == 0
    assert queues.workload(engine, now=NOW, unit_id=city.water) == [water]
    mate = next(one for one in queues.people_of(engine, city.water, now=NOW) if one.name == "王强")
    assert (mate.open_cases, mate.overdue) == (6, 2)
    only = queues.unit_queue(engine, city.water, now=NOW, assignee_id=city.mate.user_id)
    assert len(only.items) == 6
    assert queues.unit_queue(engine, city.water, now=NOW, scope="99").items == []


def test_queues_and_counts_are_found_by_an_index(engine: Engine):
    city = build_city(engine, NOW)
    fill(city, 3000)
    for ask in (
        lambda: queues.unit_queue(engine, city.water, now=NOW),
        lambda: queues.workload(engine, now=NOW),
        lambda: queues.desk_queue(engine, now=NOW),
        lambda: queues.people_of(engine, city.water, now=NOW),
    ):
        plan = plan_of(engine, ask)
        assert "ix_case_file" in plan, plan
        assert "Seq Scan on case_file" not in plan
        assert "SCAN case_file\n" not in plan + "\n"
