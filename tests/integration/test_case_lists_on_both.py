"""Lists, searches, queues and counters of cases find what they show by indexes, on both databases.

With a handful of rows a database reads the whole table, and rightly so. So PostgreSQL is told here that this is dear,
and the plan shows whether an index serves the question at all; which of several it takes depends on how many rows there
are. SQLite knows nothing of sizes: what it does here is what it does with two millions of cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from registry.domain.kinds import FigureSort, Stage
from registry.domain.month_counts import Count
from registry.queries import months, overview, queues, supervision
from registry.queries.case_finding import CaseFilter, find_cases
from registry.queries.cases import case_file, case_state, list_cases, my_tasks
from registry.queries.field_bundle import field_bundle
from registry.services.classes import load_classes
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.tables import case, entry
from tests.city import City, build_city

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("case lists")]  # its city is made once for all
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
KINDS = ("cover_displaced", "cover_loose", "water_high")
STAGES = ("closed", "closed", "closed", "void", "filed", "dispatched", "in_hand", "handed_back")
ENDED = ("closed", "void")
ROWS = 600

BY_AREA = "ix_case_file_area_worst"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city that no test of this module changes: 600 cases, a third of them about places."""
    folder: Path = tmp_path_factory.mktemp("lists")
    made = None
    if request.param == "sqlite":
        url = f"sqlite:///{folder}/records.db"
    else:
        made = request.getfixturevalue("postgres_server")
        url = _database(made)
    engine = open_database(url)
    upgrade(engine)
    with writing(engine) as tx:
        load_classes(tx)
    found = build_city(engine, NOW)
    _fill(found)
    yield found
    engine.dispose()
    if made is not None:
        _drop(made)


def _database(server: str) -> str:
    import psycopg

    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE case_lists")
    return f"postgresql+psycopg://{server}/case_lists"


def _drop(server: str) -> None:
    import psycopg

    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE case_lists WITH (FORCE)")


def _fill(city: City) -> None:
    assets = [city.add_asset(NOW, road=f"人民{number:02d}路", lon=113.4 + number / 1000) for number in range(40)]
    with writing(city.engine) as tx:
        tx.execute(insert(case), [_row(city, number, assets) for number in range(ROWS)])
        told = {"case_id": 5, "at": NOW, "move": "collect", "to_stage": "filed", "detail": {"severity": 2}}
        tx.execute(insert(entry).values(told))
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("ANALYZE")


def _row(city: City, number: int, assets: list[int]) -> dict[str, Any]:
    stage = STAGES[number % len(STAGES)]
    # an asset has one open case of a kind: what is open stands at places, but for a few
    at_place = stage not in ENDED and number >= len(assets)
    late = number % 5 == 0
    return {
        "number": f"20260302{number:06d}",
        "asset_id": None if at_place else assets[number % len(assets)],
        "lon": 113.5,
        "lat": 23.0,
        "area_code": f"440803{number % 7:03d}",
        "place": f"路口 {number}" if at_place else "",
        "kind": KINDS[number % len(KINDS)] if number >= len(assets) else f"kind{number}",
        "stage": stage,
        "severity": number % 3 + 1,
        "source": "patrol",
        "opened_at": NOW - timedelta(minutes=number),
        "deadline_at": NOW + timedelta(minutes=number % 90 - 45),
        "overdue_at": NOW - timedelta(minutes=1) if late else None,
        "desk_due_at": NOW + timedelta(minutes=number % 50) if number % 3 else None,
        "secure_due_at": NOW + timedelta(minutes=number % 40) if number % 2 else None,
        "ended_at": NOW if stage in ENDED else None,
        "unit_id": city.water if number % 2 else city.power,
        "assignee_id": city.mate.user_id if number % 4 == 1 else None,
        "version": 1,
    }


def plan_of(engine: Engine, ask: Callable[[], object]) -> str:
    """How the database goes about everything that ``ask`` reads about cases."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if "case_file" in statement or "FROM entry" in statement:
            said.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    assert said
    lines: list[str] = []
    with reading(engine) as tx:
        if engine.dialect.name != "sqlite":
            tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in said:
            explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
            lines += [str(row[-1]) for row in tx.exec_driver_sql(explain + statement, values)]
    return "\n".join(lines)


def scans(plan: str) -> list[str]:
    """The lines of a plan that go through a whole table of cases or assets, an index of few rows apart."""
    tables = ("case_file", "month_case", "entry", "asset")
    found = []
    for line in plan.splitlines():
        words = line.replace("->", " ").split()
        whole = words[:1] == ["SCAN"] and words[1] in tables and "INDEX" not in words
        if whole or any(f"Seq Scan on {name}" in line for name in tables):
            found.append(line)
    return found


def uses(engine: Engine, ask: Callable[[], object], index: str) -> None:
    """No table is read from end to end, and on SQLite ``index`` is used."""
    plan = plan_of(engine, ask)
    if engine.dialect.name == "sqlite":
        assert index in plan, plan
    assert not scans(plan), plan


LISTS: list[tuple[dict[str, Any], str]] = [
    ({"stage": Stage.FILED}, "ix_case_file_stage_id"),
    ({"stage": Stage.CLOSED}, "ix_case_file_stage_id"),
    ({"kind": "water_high"}, "ix_case_file_kind_id"),
    ({"kind": "water_high", "open_only": True}, "ix_case_file_open_kind"),
    ({"kind": "water_high", "stage": Stage.FILED}, "ix_case_file_open_kind"),
    ({"open_only": True}, "ix_case_file_open_id"),
    ({"open_only": True, "overdue": True}, "ix_case_file_open_overdue"),
    ({"overdue": True, "stage": Stage.IN_HAND}, "ix_case_file_open_overdue"),
    ({"asset_id": 7}, "ix_case_file_asset_id_opened_at"),
    ({"asset_id": 7, "open_only": True}, "asset_id"),
    ({"assignee_id": 4}, "ix_case_file_assignee_id_id"),
    ({"q": "20260302000100"}, "sqlite_autoindex_case_file_1"),
    ({"q": "没有这条路"}, "ix_case_file_place"),
    ({"q": "人民03路"}, "ix_case_file_asset_id_opened_at"),
    ({"scope": "440803003"}, "ix_case_file_place_area"),
    ({"running": True, "severity": 3}, "ix_case_file_worst"),
    ({"due_after": NOW, "due_by": NOW + timedelta(hours=4), "overdue": False}, "ix_case_file_worst"),
    ({"ended_since": NOW - timedelta(days=1), "stage": Stage.CLOSED}, "ix_case_file_ended"),
    ({"opened_since": NOW - timedelta(hours=12)}, "ix_case_file_opened"),
]


@pytest.mark.parametrize(("narrowed", "index"), LISTS, ids=[str(narrowed) for narrowed, _ in LISTS])
def test_a_list_goes_along_the_index_that_fits(city: City, narrowed: dict[str, Any], index: str):
    uses(city.engine, lambda: list_cases(city.engine, **narrowed), index)


@pytest.mark.parametrize("narrowed", [{}, {"overdue": True}, {"overdue": False}, {"scope": "440803"}], ids=str)
def test_a_list_that_nothing_narrows_reads_from_the_newest_and_stops(city: City, narrowed: dict[str, Any]):
    plan = plan_of(city.engine, lambda: list_cases(city.engine, **narrowed, limit=3))
    if city.engine.dialect.name == "sqlite":
        # in the order of the table: nothing is sorted before the first rows are there
        assert [line for line in scans(plan) if line != "SCAN case_file"] == [], plan
        walk = plan.split("LIST SUBQUERY")[0]
        assert "USE TEMP B-TREE FOR ORDER BY" not in walk.split("SEARCH")[0], plan
    else:
        assert not scans(plan), plan


QUEUES: list[tuple[str, Callable[[City], object], str]] = [
    ("unit", lambda city: queues.unit_queue(city.engine, city.water, now=NOW), "ix_case_file_unit_queue"),
    ("securing", lambda city: queues.unit_queue(city.engine, city.water, now=NOW), "ix_case_file_unit_securing"),
    ("desk", lambda city: queues.desk_queue(city.engine, now=NOW), "ix_case_file_desk_queue"),
    ("workload", lambda city: queues.workload(city.engine, now=NOW), "case_file_"),
    ("people", lambda city: queues.people_of(city.engine, city.water, now=NOW), "ix_case_file_assignee_id_"),
    ("tasks", lambda city: my_tasks(city.engine, city.mate.user_id or 0), "case_file_"),
    ("wrong now", lambda city: overview.wrong_now(city.engine, now=NOW), "ix_case_file_worst"),
    (
        "wrong in an area",
        lambda city: overview.wrong_now(city.engine, now=NOW, scope="4408"),
        "ix_case_file_area_worst",
    ),
    ("counters", lambda city: overview.overview(city.engine, now=NOW), "ix_case_file_open_overdue"),
    (
        "counters of an area",
        lambda city: overview.overview(city.engine, now=NOW, scope="4408"),
        "ix_case_file_area_worst",
    ),
    ("a case", lambda city: case_file(city.engine, 5), "ix_entry_case_id_id"),
    ("its moves", lambda city: case_state(city.engine, 5), "INTEGER PRIMARY KEY (rowid=?)"),
    ("supervision", lambda city: supervision.list_items(city.engine, now=NOW), "supervision_item"),
    ("a figure", lambda city: months.month_cases(city.engine, "2026-02", count=Count.FOUND), "month_case"),
    (
        "a figure of a unit",
        lambda city: months.month_cases(
            city.engine, "2026-02", count=Count.FOUND, sort=FigureSort.UNIT, subject=str(city.water)
        ),
        "ix_month_case_month_unit_id_case_id",
    ),
]


@pytest.mark.parametrize(("ask", "index"), [each[1:] for each in QUEUES], ids=[each[0] for each in QUEUES])
def test_queues_counters_and_files_read_by_index(city: City, ask: Callable[[City], object], index: str):
    uses(city.engine, lambda: ask(city), index)


def test_what_an_area_leaves_of_a_list_is_read_from_the_cases_alone(city: City, monkeypatch: pytest.MonkeyPatch):
    """However many cases are looked at on the way, none of their assets is."""
    monkeypatch.setattr("registry.queries.case_finding.FEW", 0)
    with reading(city.engine) as tx:
        wanted = CaseFilter(scope="440803003", open_only=True)
        plan = plan_of(city.engine, lambda: find_cases(tx, wanted, after=None, limit=5))
    assert "case_file" in plan
    assert not re.search(r"(SEARCH|SCAN|on) asset\b", plan), plan


def test_a_queue_is_walked_from_what_is_due_first_to_the_last_without_gap_or_repeat(city: City):
    for queue in (
        lambda after: queues.unit_queue(city.engine, city.water, now=NOW, after=after, limit=7),
        lambda after: queues.desk_queue(city.engine, now=NOW, after=after, limit=7),
    ):
        page = queue(None)
        seen = [(row.due_at, row.id) for row in page.items]
        while page.next:
            page = queue(page.next)
            seen += [(row.due_at, row.id) for row in page.items]
        assert seen == sorted(seen)
        assert len({case_id for _, case_id in seen}) == len(seen) > 30


def test_a_page_of_something_rare_is_short_and_says_where_to_go_on(city: City):
    """Whatever a list is narrowed to, a page looks at no more than a stretch; the pages together show everything."""
    wanted = CaseFilter(kind="water_high", stage=Stage.VOID)
    with reading(city.engine) as tx:
        at_once = find_cases(tx, wanted, after=None, limit=500).ids
        after, seen, short = None, [], 0
        while True:
            found = find_cases(tx, wanted, after=after, limit=5, stretch=20)
            seen += found.ids
            if found.next is None:
                break
            short += len(found.ids) < 5
            after = found.next
    assert seen == at_once
    assert short


def test_words_that_mean_much_and_words_that_mean_little_find_the_same_cases(city: City, monkeypatch: Any):
    """Few matches are found by their own indexes, many on the way from the newest case."""
    with reading(city.engine) as tx:
        for words in ("人民05路", "人民", "20260302", "202603020001", "路口 1", "路口"):
            quickly = find_cases(tx, CaseFilter(q=words, open_only=True), after=None, limit=500).ids
            with monkeypatch.context() as patched:
                patched.setattr("registry.queries.case_finding.FEW", 0)
                slowly = find_cases(tx, CaseFilter(q=words, open_only=True), after=None, limit=500).ids
            assert quickly == slowly, words
            assert quickly


def test_a_phone_carries_the_assets_of_its_tasks_and_then_the_nearest_to_one_of_them(city: City, monkeypatch: Any):
    monkeypatch.setattr("registry.queries.field_bundle.case_states", lambda *_: {})  # these cases have no story
    by = replace(city.mate, area_code="440803")
    of_tasks = {row.asset_id for row in my_tasks(city.engine, by.user_id or 0) if row.asset_id is not None}
    assert 1 < len(of_tasks) < 12

    def carried(most: int) -> tuple[dict[int, float], bool]:
        monkeypatch.setattr("registry.queries.field_bundle.MOST_ASSETS", most)
        told = field_bundle(city.engine, by, now=NOW)
        return {asset.id: asset.lon for asset in told.assets}, told.more

    everything, more = carried(100)
    assert (len(everything), more) == (41, False)
    far = {each: min(abs(lon - everything[task]) for task in of_tasks) for each, lon in everything.items()}
    for most in (len(of_tasks) + 3, 25):
        kept, more = carried(most)
        assert (len(kept), more) == (most, True)
        assert of_tasks <= kept.keys()
        assert max(far[each] for each in kept) <= min(far[each] for each in everything.keys() - kept.keys()) + 1e-9
