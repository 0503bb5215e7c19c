"""Several at once on PostgreSQL: who locks in which order, who waits for whom, and what is begun again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text

from registry.domain.case_moves import MoveOrder
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.errors import Conflict, GaveWay, StoreDown
from registry.domain.kinds import Severity, Source, Stage
from registry.domain.moves import EventName, MoveName
from registry.services.case_opening import note_alert, open_or_attach
from registry.services.case_writing import lock
from registry.services.cases import decide_request, mark_overdue, move_case, move_in
from registry.storage.database import open_database, reading, writing, written
from registry.storage.stories import lines_of
from registry.storage.tables import case, case_request, entry
from tests.city import City, build_city

pytestmark = pytest.mark.network

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PATIENCE_S = 60.0


@pytest.fixture
def city(filled_postgres_url: str) -> Iterator[City]:
    engine: Engine = open_database(filled_postgres_url)
    yield build_city(engine, NOW)
    engine.dispose()


def in_hand(city: City) -> int:
    """A case that the crew has in hand."""
    case_id, _ = city.open_case(NOW)
    do(city, case_id, MoveName.DISPATCH, assignee_id=city.crew.user_id)
    do(city, case_id, MoveName.ACCEPT, by="crew")
    return case_id


def do(city: City, case_id: int, move: MoveName, by: str = "dispatcher", **more: object) -> None:
    version = city.case(case_id).version
    person = getattr(city, by)
    move_case(city.engine, case_id=case_id, move=move, by=person, expected_version=version, now=NOW, **more)  # type: ignore[arg-type]


def move(city: City, tx: Connection, case_id: int, name: MoveName, by: str, note: str = "") -> None:
    """The same in a transaction that stays open."""
    move_in(tx, case_id=case_id, order=MoveOrder(move=name, note=note), by=getattr(city, by), now=NOW)


def wait_for_a_waiter(city: City) -> None:
    """Until somebody waits for a lock."""
    deadline = time.monotonic() + PATIENCE_S
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while True:
        with reading(city.engine) as tx:
            if tx.scalar(waiting):
                return
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


def test_deciding_a_request_while_its_case_is_handed_back_waits_and_is_told(city: City):
    """Who decides keeps the case first, as the move does: in the other order each would wait for the other."""
    case_id = in_hand(city)
    do(city, case_id, MoveName.REQUEST_EXTENSION, by="crew", note="下雨")
    with reading(city.engine) as tx:
        request_id = int(tx.execute(select(case_request.c.id)).scalar_one())
    version = city.case(case_id).version
    with ThreadPoolExecutor(1) as pool:
        with writing(city.engine) as tx:
            lock(tx, case_id)
            deciding = pool.submit(
                decide_request,
                city.engine,
                request_id=request_id,
                granted=True,
                by=city.dispatcher,
                expected_version=version,
                now=NOW,
            )
            wait_for_a_waiter(city)
            move(city, tx, case_id, MoveName.HAND_BACK, "crew", "修好")
        with pytest.raises(Conflict, match="withdrawn already"):
            deciding.result(PATIENCE_S)
    assert city.case(case_id).stage == Stage.HANDED_BACK


def test_what_a_deadlock_broke_off_is_begun_again(city: City):
    first, second = (city.open_case(NOW, asset_id=city.add_asset(NOW))[0] for _ in range(2))
    both_hold_one = threading.Barrier(2, timeout=PATIENCE_S)
    tries: list[int] = []

    def crosswise(one: int, other: int) -> int:
        def work(tx: Connection) -> int:
            tries.append(one)
            lock(tx, one)
            if tries.count(one) == 1:
                both_hold_one.wait()
            lock(tx, other)
            return one

        return written(city.engine, work)

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(crosswise, first, second), pool.submit(crosswise, second, first)]
        assert [each.result(PATIENCE_S) for each in done] == [first, second]
    assert 3 <= len(tries) <= 6


def test_what_is_broken_off_again_and_again_is_told_in_the_end(city: City):
    tries: list[int] = []

    def never(_tx: Connection) -> None:
        tries.append(1)
        raise GaveWay("records database: deadlock detected")

    with pytest.raises(GaveWay):
        written(city.engine, never)
    assert len(tries) == 5


def test_a_sensors_news_does_not_wait_for_who_moves_the_case_and_moves_it_nowhere(city: City):
    """The intake would wait with its whole batch. It sees the stage of before, and writes after the move."""
    case_id = in_hand(city)
    with writing(city.engine) as tx:
        move(city, tx, case_id, MoveName.HAND_BACK, "crew", "修好")
        with writing(city.engine) as intake:
            note_alert(intake, case_id=case_id, move=EventName.ALERT_CLEARED, detail={}, now=NOW)
    row = city.case(case_id)
    with reading(city.engine) as tx:
        lines = tx.execute(select(entry).where(entry.c.case_id == case_id).order_by(entry.c.id)).all()
    assert [line.move for line in lines][-2:] == ["hand_back", "alert_cleared"]
    assert lines[-1].to_stage == Stage.IN_HAND
    story = fold(lines_of(lines))
    assert {name: getattr(story, name) for name in COLUMNS} == {name: getattr(row, name) for name in COLUMNS}
    assert (story.stage, story.stays[-1].stage) == (Stage.HANDED_BACK, Stage.HANDED_BACK)


def test_a_report_that_comes_while_its_case_is_given_up_opens_another_one(city: City):
    case_id, _ = city.open_case(NOW, kind="cover_loose")

    def report() -> tuple[int, bool]:
        with writing(city.engine) as tx:
            return open_or_attach(
                tx,
                asset_id=city.asset_id,
                kind="cover_loose",
                severity=Severity.NOTICE,
                source=Source.CITIZEN,
                now=NOW,
                note="还在响",
            )

    with ThreadPoolExecutor(1) as pool:
        with writing(city.engine) as tx:
            move(city, tx, case_id, MoveName.VOID, "dispatcher", "没有这回事")
            reported = pool.submit(report)
            wait_for_a_waiter(city)
        other, opened = reported.result(PATIENCE_S)
    assert opened
    assert other != case_id


def test_the_workers_look_passes_over_a_case_that_somebody_moves(city: City):
    late, moving = (city.open_case(NOW, asset_id=city.add_asset(NOW))[0] for _ in range(2))
    long_after = NOW + timedelta(days=60)
    with writing(city.engine) as tx:
        lock(tx, moving)
        assert mark_overdue(city.engine, now=long_after) == 1
    assert city.case(late).overdue_at is not None
    assert mark_overdue(city.engine, now=long_after) == 1
    with reading(city.engine) as tx:
        assert not tx.scalars(select(case.c.id).where(case.c.overdue_at.is_(None))).all()


def test_who_gets_no_connection_is_told_that_the_records_are_busy(filled_postgres_url: str):
    """An answer that says to try again, where nobody had foreseen it: every connection is taken."""
    engine = create_engine(filled_postgres_url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with reading(engine), pytest.raises(StoreDown, match="limit of size 1"), writing(engine):
        pass
    with writing(engine), pytest.raises(StoreDown, match="limit of size 1"), reading(engine):
        pass
    engine.dispose()
