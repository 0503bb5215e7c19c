"""Rosters, patrols, campaigns, consultations and tasks from above on a real PostgreSQL, and several people at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.campaigns import CampaignResult
from registry.domain.errors import DomainError
from registry.domain.mandates import MandateMove, MandateState
from registry.domain.shifts import is_weekend
from registry.queries.campaigns import campaign_view, campaigns_of, left_to_do
from registry.queries.consultations import list_consultations, open_items
from registry.queries.mandates import list_mandates, mandate_lists
from registry.queries.patrols import list_plans, list_rounds, list_warnings, plan_view, round_view
from registry.queries.shifts import roster, who_is_on_duty
from registry.services import campaigns, consultations, mandates, patrol_rounds, patrol_warnings, patrols, shifts
from registry.storage.database import open_database, reading
from registry.storage.tables import campaign_item, shift_turn
from tests.city import City, build_city

pytestmark = pytest.mark.network

NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
TODAY = date(2026, 3, 2)
AT_ONCE = 6


@pytest.fixture
def city(filled_postgres_url: str) -> Iterator[City]:
    engine: Engine = open_database(filled_postgres_url)
    yield build_city(engine, NOW)
    engine.dispose()


def at_once(act: Callable[[int], Any]) -> list[Any]:
    """What ``act`` answers to each of several people at once; a refusal is an answer."""

    def one(number: int) -> Any:
        try:
            return act(number)
        except DomainError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as people:
        return list(people.map(one, range(AT_ONCE)))


def test_a_day_in_the_field(city: City, tmp_path: Path) -> None:
    engine, by = city.engine, city.administrator
    early = shifts.NewShift(unit_id=city.water, name="早班", from_min=480, until_min=960)
    shift_id = shifts.save_shift(engine, None, early, by=by, now=NOW)
    crew = city.crew.user_id or 0
    order = shifts.Rotation(shift_ids=[shift_id], teams=[[crew]], first=TODAY, last=date(2026, 3, 8))
    assert shifts.fill_roster(engine, order, by=by, now=NOW, is_off=is_weekend) == 6
    shifts.put_turn(engine, shifts.NewTurn(shift_id=shift_id, day=TODAY, name="老张"), by=by, now=NOW)
    assert [one.person for one in who_is_on_duty(engine, at=NOW)] == ["老张"]
    assert len(roster(engine, TODAY, date(2026, 3, 8), is_off=is_weekend).turns) == 7

    new = patrols.NewPlan(name="中山路巡查", unit_id=city.water, starts_on=TODAY)
    plan_id = patrols.save_plan(engine, None, new, by=by, now=NOW)
    stops = [patrols.NewStop(asset_id=city.asset_id), patrols.NewStop(name="路口", lon=113.31, lat=23.1)]
    patrols.set_stops(engine, plan_id, stops, by=by, now=NOW)
    walk = patrol_rounds.start_round(engine, plan_id, by=city.crew, now=NOW)
    patrol_rounds.be_there(engine, walk, lon=113.3, lat=23.1, accuracy_m=5, by=city.crew, now=NOW)
    finding = patrol_rounds.NewFinding(note="松动", kind="cover_loose", asset_id=city.asset_id)
    patrol_rounds.add_finding(engine, walk, finding, by=city.crew, now=NOW)
    assert patrol_rounds.end_round(engine, walk, by=city.crew, now=NOW + timedelta(hours=1)).visited == 1
    assert round_view(engine, walk, now=NOW) is not None
    assert plan_view(engine, plan_id, today=TODAY) is not None
    assert [row.walked for row in list_plans(engine, today=TODAY)] == [1]
    assert [row.findings for row in list_rounds(engine).items] == [1]
    warning = patrol_warnings.NewWarning(unit_id=city.water, text="箅子松动", due_on=TODAY, plan_id=plan_id)
    patrol_warnings.send_warning(engine, warning, by=by, now=NOW)
    assert len(list_warnings(engine, today=TODAY, open_only=True).items) == 1

    held = consultations.NewConsultation(subject="积水会商", held_at=NOW)
    item = consultations.NewItem(subject="堵塞", decision="清掏", due_on=TODAY)
    consultations.save_consultation(engine, None, held, [item], by=by, now=NOW)
    assert len(open_items(engine, today=TODAY)) == 1

    path = tmp_path / "tasks.csv"
    path.write_text("序号,任务内容,责任单位\n1,换井盖,水务\n", encoding="utf-8")
    mandates.import_list(engine, path, mandates.NewList(name="清单", issued_by="", received_on=TODAY), by=by, now=NOW)
    (task,) = list_mandates(engine, today=TODAY, late=False).items
    done = mandates.move_mandate(engine, task.id, MandateMove.REPORT, note="已换", by=city.crew, now=NOW)
    assert done is MandateState.DONE
    assert [(row.tasks, row.done, row.late) for row in mandate_lists(engine, today=TODAY)] == [(1, 1, 0)]


def test_people_at_once_take_one_number_each_and_nobody_is_put_on_duty_twice(city: City) -> None:
    engine, by = city.engine, city.administrator
    held = consultations.NewConsultation(subject="积水会商", held_at=NOW)
    at_once(lambda _: consultations.save_consultation(engine, None, held, [], by=by, now=NOW))
    rows = list_consultations(engine, today=TODAY).items
    assert sorted(row.serial for row in rows) == list(range(1, AT_ONCE + 1))

    ids = [
        shifts.save_shift(
            engine,
            None,
            shifts.NewShift(unit_id=city.water, name=f"班次 {number}", from_min=480, until_min=960),
            by=by,
            now=NOW,
        )
        for number in range(AT_ONCE)
    ]
    turn = {"day": TODAY, "user_id": city.crew.user_id}
    at_once(lambda number: shifts.put_turn(engine, shifts.NewTurn(shift_id=ids[number], **turn), by=by, now=NOW))
    with reading(engine) as tx:
        assert tx.scalar(select(func.count()).select_from(shift_turn)) == 1


def test_whoever_tells_of_the_same_asset_at_once_makes_one_line_of_a_campaign(city: City) -> None:
    engine = city.engine
    new = campaigns.NewCampaign(name="专项", starts_on=TODAY, ends_on=TODAY, quota=2, family="cover")
    campaign_id = campaigns.save_campaign(engine, None, new, by=city.dispatcher, now=NOW)
    item = campaigns.NewItem(asset_id=city.asset_id, result=CampaignResult.MENDED)
    at_once(lambda _: campaigns.record_item(engine, campaign_id, item, by=city.crew, now=NOW))
    with reading(engine) as tx:
        assert tx.scalar(select(func.count()).select_from(campaign_item)) == 1
    view = campaign_view(engine, campaign_id, today=TODAY)
    assert view is not None
    assert (view.board.done, [each.mended for each in view.units]) == (1, [1])
    assert left_to_do(engine, campaign_id) == []
    assert [row.id for row in campaigns_of(engine, city.asset_id, today=TODAY)] == [campaign_id]


def test_of_many_who_set_out_with_one_account_one_round_comes(city: City) -> None:
    engine = city.engine
    new = patrols.NewPlan(name="中山路巡查", unit_id=city.water, starts_on=TODAY)
    plan_id = patrols.save_plan(engine, None, new, by=city.administrator, now=NOW)
    answers = at_once(lambda _: patrol_rounds.start_round(engine, plan_id, by=city.crew, now=NOW))
    assert len(list_rounds(engine).items) == 1
    assert set(answers) == {list_rounds(engine).items[0].id}
