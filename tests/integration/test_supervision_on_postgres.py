"""Supervision and what goes beyond single cases on a real PostgreSQL: the same answers, and numbers without gaps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from registry.domain.aftercare import Aftercare, Likeness
from registry.domain.errors import Conflict
from registry.queries.aftercare import (
    beyond_case,
    digest,
    due_rechecks,
    inspection_file,
    list_inspections,
    list_rechecks,
    list_repeats,
)
from registry.queries.supervision import (
    count_items,
    item_story,
    list_items,
    list_notices,
    notice_story,
    tallies,
    unit_tallies,
)
from registry.services.aftercare import save_aftercare
from registry.services.cases import move_case
from registry.services.inspections import look_at
from registry.services.rechecks import do_recheck, remind_rechecks
from registry.services.repeats import find_repeats
from registry.services.supervising import add_item
from registry.services.supervision import NewItem, move_supervised, remind
from registry.services.supervision_notices import NewNotice, issue_notice, withdraw_notice
from registry.services.typical_cases import mark_typical
from registry.storage.database import open_database, writing
from registry.storage.tables import asset
from tests.city import City, build_city

pytestmark = pytest.mark.network

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KIND = "cover_loose"


@pytest.fixture
def city(filled_postgres_url: str) -> Iterator[City]:
    engine: Engine = open_database(filled_postgres_url)
    city = build_city(engine, NOW)
    with writing(engine) as tx:
        tx.execute(update(asset).values(maintainer_unit_id=city.water))
    yield city
    engine.dispose()


def opened(city: City, problem: str = "箅子缺失") -> int:
    new = NewItem(problem=problem, deadline_at=NOW + DAY, unit_id=city.water, asset_id=city.asset_id)
    return add_item(city.engine, new, by=city.dispatcher, now=NOW)


def test_many_who_issue_notices_at_once_get_numbers_in_a_row(city: City):
    items = [opened(city, f"问题{number}") for number in range(12)]

    def issue(item_id: int) -> str:
        words = {"title": "督查通知单", "demand": "整改", "issuer": "城管办"}
        new = NewNotice(unit_id=city.water, item_ids=[item_id], reply_by=NOW + DAY, **words)
        return issue_notice(city.engine, new, by=city.dispatcher, now=NOW).number

    with ThreadPoolExecutor(6) as pool:
        numbers = set(pool.map(issue, items))
    assert numbers == {f"督〔2026〕{serial}号" for serial in range(1, 13)}
    first = list_notices(city.engine, year=2026).items[-1]
    withdraw_notice(city.engine, first.id, "写错", by=city.dispatcher, now=NOW)
    assert len(notice_story(city.engine, first.id, now=NOW).lines) == 1


def test_of_two_who_answer_an_item_at_once_one_is_told_that_it_has_changed(city: City):
    item_id = opened(city)

    def answer(note: str) -> str:
        try:
            return move_supervised(
                city.engine, item_id, "reply", by=city.crew, expected_version=1, now=NOW, note=note
            ).value
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(answer, ("甲", "乙"))) == ["conflict", "replied"]
    assert len(item_story(city.engine, item_id, now=NOW).entries) == 2


def test_a_case_goes_through_all_that_comes_after_it(city: City):
    like = city.add_asset(NOW, name="同路井盖", road="中山路")
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == like).values(maintainer_unit_id=city.water))
    likes = (Likeness.CLASS, Likeness.ROAD, Likeness.BATCH, Likeness.CAUSE)
    line = Aftercare(kind=KIND, recheck_days=1, recheck_times=2, inspect_like=likes, inspect_gate=True)
    save_aftercare(city.engine, line, by=city.administrator, now=NOW)
    case_id, _ = city.open_case(NOW, kind=KIND)

    def do(move: str, by: object, **more: object) -> None:
        version = city.case(case_id).version
        move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=NOW, **more)  # type: ignore[arg-type]

    do("supervise", city.dispatcher, note="重点")
    do("dispatch", city.dispatcher, assignee_id=city.crew.user_id)
    do("accept", city.crew)
    do("hand_back", city.crew, note="好了", cause="井座沉降")
    (row,) = list_inspections(city.engine).items
    assert [one.asset_id for one in inspection_file(city.engine, row.id).lines] == [like]
    do("verify", city.dispatcher)
    look_at(city.engine, row.id, like, "wrong", by=city.crew, now=NOW, note="也松")
    do("close", city.dispatcher)
    assert remind(city.engine, now=NOW + 9 * DAY) == 0
    assert remind_rechecks(city.engine, now=NOW + DAY) == 1
    (look,) = due_rechecks(city.engine, now=NOW + DAY)
    assert do_recheck(city.engine, look.id, stable=True, by=city.dispatcher, now=NOW + DAY).next_due_at
    (look,) = due_rechecks(city.engine, now=NOW + 3 * DAY)
    mark_typical(city.engine, case_id, title="题", lesson="经验", by=city.dispatcher, now=NOW)
    assert len(digest(city.engine, "2026Q1")) == 1
    assert do_recheck(city.engine, look.id, stable=False, by=city.mate, now=NOW + 3 * DAY, note="又松").reopened
    assert [one.state for one in list_rechecks(city.engine).items] == ["failed", "passed"]
    beyond = beyond_case(city.engine, case_id, now=NOW)
    assert beyond.item_id is not None
    assert len(beyond.rechecks) == 2
    assert tallies(city.engine, now=NOW).ever.total == unit_tallies(city.engine, now=NOW)[0].total == 1
    assert list_items(city.engine, now=NOW, q="重点").items[0].state == "replied"
    assert count_items(city.engine, now=NOW, q="重点")["replied"] == 1


def test_repeats_are_found_by_place_and_kept_once(city: City):
    case_id, _ = city.open_case(NOW, kind=KIND)
    for move, by, more in (
        ("dispatch", city.dispatcher, {"assignee_id": city.crew.user_id}),
        ("accept", city.crew, {}),
        ("hand_back", city.crew, {"note": "好"}),
        ("verify", city.dispatcher, {}),
        ("close", city.dispatcher, {}),
    ):
        version = city.case(case_id).version
        move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=NOW, **more)  # type: ignore[arg-type]
    again, _ = city.open_case(NOW + DAY, kind=KIND)
    assert [find_repeats(city.engine, now=NOW + DAY) for _ in range(2)] == [1, 0]
    assert [row.case_id for row in list_repeats(city.engine, now=NOW + DAY).items] == [again]
