"""A month of Zhanjiang's proportions is closed on both databases; a script of plain SQL agrees to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, insert, select, update

from benchmarks._month_city import CHINA, ENDS, FEBRUARY, NOW, STARTS, MonthCity
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.errors import Conflict, InvalidInput
from registry.domain.kinds import MonthState
from registry.domain.month_counts import Count, counts_of
from registry.domain.people import SYSTEM
from registry.services.case_writing import lines_of
from registry.services.classes import load_classes
from registry.services.month_closing import ask_to_close, close_month, close_waiting_months
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import case, entry, metadata, month, month_case, month_figure, month_standing
from tests.month_in_sql import published_ranking

pytestmark = [pytest.mark.network, pytest.mark.timeout(400), pytest.mark.xdist_group("month closing")]

SEED, SIZE = 20230228, 0.02
KEY = str(FEBRUARY)


@dataclass(frozen=True, slots=True)
class Closed:
    """A city whose February is closed; tests read it."""

    engine: Engine
    plan: dict[str, int]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def closed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """Made once for all tests of this module that only read."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('month')}/records.db"
    else:
        url = request.getfixturevalue("module_postgres_url")
    engine = open_database(url)
    metadata.create_all(engine)
    with writing(engine) as tx:
        load_classes(tx)
    city = MonthCity(SEED, SIZE)
    city.write(engine)
    ask_to_close(engine, KEY, by=SYSTEM, now=NOW, zone=CHINA)
    assert close_month(engine, KEY, clock=lambda: NOW, zone=CHINA)
    plan = {name: getattr(city.plan, name) for name in city.plan.__dataclass_fields__}
    yield Closed(engine, plan)
    engine.dispose()


def totals(engine: Engine, sort: str = "city", subject: str = "") -> dict[str, int]:
    here = (month_figure.c.month == KEY, month_figure.c.sort == sort, month_figure.c.subject == subject)
    with reading(engine) as tx:
        counts: dict[str, int] = tx.execute(select(month_figure.c.counts).where(*here)).scalar_one()
    return counts


def standings(engine: Engine, group: str) -> list[tuple[str, str, int]]:
    query = select(month_standing.c.subject, month_standing.c.points, month_standing.c.place).where(
        month_standing.c.month == KEY, month_standing.c.group_key == group, month_standing.c.place.is_not(None)
    )
    with reading(engine) as tx:
        return sorted((tuple(row) for row in tx.execute(query)), key=lambda row: (row[2], row[0]))


def test_the_generated_cases_are_what_their_timelines_tell(closed: Closed):
    with reading(closed.engine) as tx:
        rows = tx.execute(select(case).where(case.c.id % 7 == 0)).all()
        ids = [row.id for row in rows]
        lines = tx.execute(select(entry).where(entry.c.case_id.in_(ids)).order_by(entry.c.id)).all()
    assert len(rows) > 50
    for row in rows:
        story = fold(lines_of([line for line in lines if line.case_id == row.id]))
        assert {name: getattr(row, name) for name in COLUMNS} == {name: getattr(story, name) for name in COLUMNS}


def test_the_sums_are_those_of_the_plan(closed: Closed):
    plan, found = closed.plan, totals(closed.engine)
    of_february = ("on_the_spot", "on_time", "late", "open_late", "not_due", "suspended")
    assert found["found"] == sum(plan[name] for name in of_february)
    assert found["self_handled"] == plan["on_the_spot"]
    assert found["dispatched"] == found["found"] - plan["on_the_spot"]
    assert found["handled_late"] == plan["late"] + plan["before_late"]
    assert found["open_overdue"] == plan["open_late"] + plan["before_open"]
    assert found["handled_on_time"] == plan["on_time"] + plan["before_on_time"]
    assert (found["reworked"], found["redispatched"]) == (plan["rework"], plan["twice"])
    assert found["suspended"] == plan["suspended"]


def test_due_is_handled_on_time_or_late_or_open_for_everybody(closed: Closed):
    with reading(closed.engine) as tx:
        rows = tx.execute(select(month_figure.c.counts).where(month_figure.c.month == KEY)).scalars().all()
    assert len(rows) > 30
    for counts in rows:
        due = sum(counts.get(name, 0) for name in ("handled_on_time", "handled_late", "open_overdue"))
        assert counts.get("due_handling", 0) == due


def test_units_and_districts_and_kinds_each_add_up_to_the_city(closed: Closed):
    whole = totals(closed.engine)
    for sort in ("unit", "district", "street", "class", "kind"):
        with reading(closed.engine) as tx:
            rows = tx.execute(select(month_figure.c.counts).where(month_figure.c.sort == sort)).scalars().all()
        assert {name: sum(counts.get(name, 0) for counts in rows) for name in whole} == whole


@pytest.mark.parametrize("group", ["units", "districts"])
def test_plain_sql_over_the_timelines_gives_the_same_ranking_to_the_last_digit(closed: Closed, group: str):
    published = standings(closed.engine, group)
    assert len(published) >= 5
    assert published == published_ranking(closed.engine, group, STARTS, ENDS)


def test_each_figure_opens_to_as_many_cases_as_it_says(closed: Closed):
    with reading(closed.engine) as tx:
        masks = tx.scalars(select(month_case.c.mask).where(month_case.c.month == KEY)).all()
    opened = dict.fromkeys((count.value for count in Count), 0)
    for mask in masks:
        for count in counts_of(mask):
            opened[count.value] += 1
    assert {name: number for name, number in opened.items() if number} == totals(closed.engine)


@pytest.fixture
def february(filled_sqlite_url: str) -> Iterator[Engine]:
    """A very small city whose month is not closed yet."""
    engine = open_database(filled_sqlite_url)
    MonthCity(5, 0.001).write(engine)
    yield engine
    engine.dispose()


def test_what_happens_after_the_month_changes_nothing_when_it_is_counted_later(february: Engine):
    ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA)
    close_month(february, KEY, clock=lambda: NOW, zone=CHINA)
    early = standings(february, "units"), totals(february)
    with writing(february) as tx:
        for table in (month_standing, month_figure, month_case):
            tx.execute(table.delete())
        tx.execute(update(month).values(state=MonthState.WAITING.value, revision=0))
        open_ones = tx.execute(select(case.c.id, case.c.stage).where(case.c.stage == "in_hand")).all()
        for row in open_ones:
            late = {"case_id": row.id, "at": NOW, "move": "hand_back", "from_stage": row.stage}
            tx.execute(insert(entry).values(**late, to_stage="handed_back", note="", detail={}))
            tx.execute(update(case).where(case.c.id == row.id).values(stage="handed_back", handed_back_at=NOW))
    close_month(february, KEY, clock=lambda: NOW + timedelta(days=200), zone=CHINA)
    assert open_ones
    assert (standings(february, "units"), totals(february)) == early


def test_a_month_that_was_left_half_counted_is_counted_from_the_beginning(february: Engine):
    ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA)
    assert not close_month(february, KEY, clock=lambda: NOW, zone=CHINA, ends=lambda: True)
    with writing(february) as tx:
        # killed while it counted: some cases are in, nobody holds it any more
        some = tx.scalar(select(func.min(case.c.id)))
        tx.execute(insert(month_case).values(month=KEY, case_id=some, mask=1, area_code="", kind="x"))
        gone = {"state": MonthState.COUNTING.value, "holder": "gone", "held_until": NOW - timedelta(minutes=1)}
        tx.execute(update(month).values(gone))
    assert close_waiting_months(february, clock=lambda: NOW, zone=CHINA) == 1
    plan = MonthCity(5, 0.001).plan
    here = plan.on_the_spot + plan.on_time + plan.late + plan.open_late + plan.not_due + plan.suspended
    assert totals(february)["found"] == here


def test_only_one_process_counts_a_month(february: Engine):
    ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA)
    with writing(february) as tx:
        busy = {"state": MonthState.COUNTING.value, "holder": "other", "held_until": NOW + timedelta(minutes=1)}
        tx.execute(update(month).values(busy))
    with pytest.raises(Conflict, match="another process counts it"):
        close_month(february, KEY, clock=lambda: NOW, zone=CHINA)
    assert close_waiting_months(february, clock=lambda: NOW, zone=CHINA) == 0


def test_a_month_is_closed_once_and_not_before_it_is_over(february: Engine):
    with pytest.raises(InvalidInput, match="is not over yet"):
        ask_to_close(february, KEY, by=SYSTEM, now=ENDS - timedelta(seconds=1), zone=CHINA)
    with pytest.raises(InvalidInput, match="is no scheme in use"):
        ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA, scheme="nothing")
    ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA, scheme="yangzhou")
    with pytest.raises(Conflict, match="asked for already"):
        ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA)
    close_month(february, KEY, clock=lambda: NOW, zone=CHINA)
    with pytest.raises(Conflict, match="asked for already"):
        ask_to_close(february, KEY, by=SYSTEM, now=NOW, zone=CHINA)
