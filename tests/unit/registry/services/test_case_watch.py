"""Warnings before a deadline and escalations after it, whenever the worker comes to look."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update

from registry.domain.kinds import Severity
from registry.services.case_watch import Watched, watch_cases
from registry.storage.database import reading, writing
from registry.storage.tables import case, entry
from registry.storage.tables.deciding import CASE_UNWATCHED, CASE_WATCHED, SECURE_WATCHED
from tests.city import City, build_city

HOUR = timedelta(hours=1)


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


@pytest.fixture
def case_id(city: City, now: datetime) -> int:
    """A displaced cover in somebody's hands: two urgent hours, due at two in the afternoon."""
    opened = city.open_case(now, severity=Severity.ALARM)
    sent = {"stage": "in_hand", "first_dispatched_at": now, "deadline_at": now + 2 * HOUR}
    change(city, opened.case_id, **sent)
    return opened.case_id


def change(city: City, case_id: int, **columns: Any) -> None:
    with writing(city.engine) as tx:
        tx.execute(update(case).where(case.c.id == case_id).values(columns))


def told(city: City, case_id: int) -> list[tuple[str, Any]]:
    """(what was said, to which level) in order."""
    with reading(city.engine) as tx:
        found = select(entry.c.move, entry.c.detail).where(entry.c.case_id == case_id).order_by(entry.c.id)
        rows = tx.execute(found).all()
    return [(row.move, row.detail.get("level")) for row in rows if row.move in ("warned", "escalated")]


def test_a_warning_comes_when_a_fifth_is_left_and_only_once(city: City, case_id: int, now: datetime) -> None:
    assert watch_cases(city.engine, now=now) == Watched(taken=1)
    assert watch_cases(city.engine, now=now + timedelta(minutes=95)) == Watched()
    assert watch_cases(city.engine, now=now + timedelta(minutes=96)) == Watched(warned=1)
    assert watch_cases(city.engine, now=now + timedelta(minutes=97)) == Watched()
    assert told(city, case_id) == [("warned", None)]
    assert city.feed()[-1][1]["move"] == "warned"


def test_somebody_higher_is_told_twice(city: City, case_id: int, now: datetime) -> None:
    for hours in (0, 1.7, 3, 3.5, 4, 30):
        watch_cases(city.engine, now=now + hours * HOUR)
    assert told(city, case_id) == [("warned", None), ("escalated", 1), ("escalated", 2)]


def test_a_worker_that_was_away_says_the_worst_and_no_warning_of_what_has_passed(
    city: City, case_id: int, now: datetime
) -> None:
    watch_cases(city.engine, now=now + 2.5 * HOUR)
    assert told(city, case_id) == []
    watch_cases(city.engine, now=now + 9 * HOUR)
    assert told(city, case_id) == [("escalated", 2)]


def test_another_deadline_is_watched_anew(city: City, case_id: int, now: datetime) -> None:
    watch_cases(city.engine, now=now + 1.7 * HOUR)
    change(city, case_id, deadline_at=now + 4 * HOUR)
    assert watch_cases(city.engine, now=now + 3 * HOUR) == Watched(taken=1)
    watch_cases(city.engine, now=now + 3.7 * HOUR)
    assert told(city, case_id) == [("warned", None), ("warned", None)]


def test_nobody_is_warned_of_what_was_handed_back(city: City, case_id: int, now: datetime) -> None:
    watch_cases(city.engine, now=now)
    change(city, case_id, stage="handed_back")
    assert watch_cases(city.engine, now=now + 9 * HOUR) == Watched()


def test_the_desk_is_watched_until_somebody_was_sent(city: City, now: datetime) -> None:
    opened = city.open_case(now, severity=Severity.ALARM)
    change(city, opened.case_id, desk_due_at=now + 90 * timedelta(minutes=1), first_dispatched_at=None)
    watch_cases(city.engine, now=now)
    with reading(city.engine) as tx:
        assert tx.scalar(select(case.c.watched_due_at)) == now + 1.5 * HOUR


def test_what_is_not_watched_yet_is_found_by_its_index(city: City, case_id: int) -> None:
    with reading(city.engine) as tx:
        plan = tx.execute(
            text(f"EXPLAIN QUERY PLAN SELECT id FROM case_file WHERE {CASE_UNWATCHED} ORDER BY id LIMIT 500")
        ).all()
    assert "ix_case_file_unwatched" in str(plan)


def test_securing_the_site_is_watched_by_a_clock_of_its_own(city: City, case_id: int, now: datetime) -> None:
    change(city, case_id, deadline_at=now + 24 * HOUR, secure_due_at=now + HOUR)
    assert watch_cases(city.engine, now=now) == Watched(taken=2)
    assert watch_cases(city.engine, now=now + 0.95 * HOUR) == Watched(warned=1)
    assert watch_cases(city.engine, now=now + 12 * HOUR) == Watched(escalated=1)
    with reading(city.engine) as tx:
        rows = tx.execute(select(entry.c.move, entry.c.detail).where(entry.c.move.in_(("warned", "escalated")))).all()
    assert [(row.move, row.detail["step"]) for row in rows] == [("warned", "secure"), ("escalated", "secure")]


def test_who_has_secured_the_site_hears_no_more_of_that(city: City, case_id: int, now: datetime) -> None:
    change(city, case_id, deadline_at=now + 24 * HOUR, secure_due_at=now + HOUR)
    watch_cases(city.engine, now=now)
    change(city, case_id, secured_at=now + HOUR / 2)
    assert watch_cases(city.engine, now=now + 12 * HOUR) == Watched()


def test_what_has_ended_is_not_among_what_is_looked_at(city: City, case_id: int, now: datetime) -> None:
    watch_cases(city.engine, now=now)
    query = f"EXPLAIN QUERY PLAN SELECT id FROM case_file WHERE {CASE_WATCHED} AND watch_at <= '2026' ORDER BY watch_at"
    secure = f"EXPLAIN QUERY PLAN SELECT id FROM case_file WHERE {SECURE_WATCHED} AND secure_watch_at <= '2026'"
    with reading(city.engine) as tx:
        plans = [str(tx.exec_driver_sql(each).all()) for each in (query, secure)]
    assert "ix_case_file_watch" in plans[0]
    assert "ix_case_file_secure_watch" in plans[1]
