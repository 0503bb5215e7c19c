"""A merge loses nothing: whatever belongs to the one case belongs to the other one afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from registry.queries.supervision import item_story
from registry.services.case_merging import GO_ALONG, IF_IT_HAS_NONE, STAY
from registry.services.cases import move_case
from registry.services.supervising import add_item
from registry.services.supervision import NewItem, move_supervised
from registry.storage.database import reading, writing
from registry.storage.tables import (
    campaign,
    campaign_item,
    case_repeat,
    consultation,
    consultation_case,
    consultation_item,
    inspection,
    mandate,
    mandate_list,
    metadata,
    patrol_warning,
    report,
    reward,
)
from tests.city import City, build_city

DAY = timedelta(days=1)


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


@pytest.fixture
def pair(city: City, now: datetime) -> tuple[int, int]:
    """A case, and the one that it becomes part of."""
    other = city.add_asset(now, name="旁边的井盖")
    return city.open_case(now, asset_id=other).case_id, city.open_case(now).case_id


def merge(city: City, case_id: int, into_id: int, now: datetime) -> None:
    move_case(
        city.engine,
        case_id=case_id,
        move="merge",
        into_id=into_id,
        by=city.dispatcher,
        expected_version=city.case(case_id).version,
        now=now,
    )


def add(city: City, table: Any, **row: Any) -> Any:
    with writing(city.engine) as tx:
        return tx.execute(insert(table).values(row).returning(*table.primary_key.columns)).one()[0]


def cases_of(city: City, table: Any) -> list[int]:
    with reading(city.engine) as tx:
        return list(tx.scalars(select(table.c.case_id).order_by(*table.primary_key.columns)))


def test_every_column_that_names_a_case_is_said_to_go_along_or_to_stay():
    named = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if any(key.column.table.name == "case_file" for key in column.foreign_keys)
    }
    along = {f"{table.name}.case_id" for table in (*GO_ALONG, *(table for table, _ in IF_IT_HAS_NONE))}
    assert along.isdisjoint(STAY)
    assert named == along | set(STAY)


def test_reports_rewards_tasks_from_above_finds_and_warnings_go_along(
    city: City, pair: tuple[int, int], now: datetime
) -> None:
    one, into = pair
    said = add(city, report, key="k", case_id=one, at=now, text="井盖响", details={})
    paid = {"report_id": said, "person": "-", "month": "2026-03", "tariff_fen": 100, "amount_fen": 100}
    add(city, reward, case_id=one, state="proposed", rules_version=1, proposed_at=now, **paid)
    of_list = add(city, mandate_list, name="清单", received_on="2026-03-01", sha256="0" * 64, created_at=now)
    add(city, mandate, list_id=of_list, number="1", subject="修", state="open", case_id=one, photo_ids=[])
    told = {"unit_id": city.water, "text": "注意", "due_on": "2026-03-09", "sent_at": now}
    add(city, patrol_warning, case_id=one, **told)
    days = {"starts_on": "2026-03-01", "ends_on": "2026-04-01", "quota": 5, "updated_at": now}
    of_campaign = add(city, campaign, name="整治", **days)
    dealt = {"campaign_id": of_campaign, "asset_id": city.asset_id, "day": "2026-03-02", "at": now, "result": "case"}
    add(city, campaign_item, case_id=one, **dealt)
    merge(city, one, into, now)
    for table in (report, reward, mandate, patrol_warning, campaign_item):
        assert cases_of(city, table) == [into], table.name


def test_what_a_case_has_once_goes_along_where_the_other_has_none(
    city: City, pair: tuple[int, int], now: datetime
) -> None:
    one, into = pair
    earlier = city.open_case(now, kind="cover_loose").case_id
    seen = {"likes": [], "state": "open", "gate": False, "opened_at": now, "due_at": now}
    for case_id in (one, into):
        add(city, inspection, case_id=case_id, **seen)
    add(city, case_repeat, case_id=one, earlier_case_id=earlier, same_asset=True, found_at=now)
    held = add(city, consultation, year=2026, serial=1, subject="会商", held_at=now, members=[], updated_at=now)
    items = [add(city, consultation_item, consultation_id=held, position=n, subject="议题") for n in (1, 2)]
    for item_id, case_id in ((items[0], one), (items[1], one), (items[1], into)):
        add(city, consultation_case, item_id=item_id, case_id=case_id)
    merge(city, one, into, now)
    assert cases_of(city, inspection) == [one, into]
    assert cases_of(city, case_repeat) == [into]
    with reading(city.engine) as tx:
        rows = [tuple(row) for row in tx.execute(select(consultation_case).order_by(*consultation_case.c))]
    assert rows == [(items[0], into), (items[1], one), (items[1], into)]


def test_both_cases_under_supervision_are_answered_and_struck_off_by_the_one_that_is_left(
    city: City, pair: tuple[int, int], now: datetime
) -> None:
    one, into = pair
    items = [
        add_item(city.engine, NewItem(problem="迟", case_id=each, deadline_at=now + DAY), by=city.dispatcher, now=now)
        for each in (one, into)
    ]
    merge(city, one, into, now)
    assert [item_story(city.engine, each, now=now).case_id for each in items] == [into, into]
    for move, by, more in (
        ("dispatch", city.dispatcher, {"assignee_id": city.crew.user_id}),
        ("accept", city.crew, {}),
        ("hand_back", city.crew, {"note": "修好"}),
        ("verify", city.second_dispatcher, {}),
        ("close", city.second_dispatcher, {}),
    ):
        version = city.case(into).version
        more = {"expected_version": version, "now": now, **more}
        move_case(city.engine, case_id=into, move=move, by=by, **more)
    for each in items:
        story = item_story(city.engine, each, now=now)
        assert story.state == "replied"
        move_supervised(
            city.engine, each, "strike_off", by=city.dispatcher, expected_version=story.version, now=now + DAY
        )
