"""Patrols: plans and routes, rounds proven by scans and positions, findings that open cases, warnings to units."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Source
from registry.domain.patrols import Coverage, Proof
from registry.queries.patrols import list_plans, list_rounds, list_warnings, my_round, plan_view, round_view
from registry.services.patrol_rounds import NewFinding, add_finding, be_there, end_round, start_round
from registry.services.patrol_warnings import NewWarning, answer_warning, make_case, send_warning
from registry.services.patrols import NewPlan, NewStop, retire_plan, save_plan, set_stops
from registry.services.seasons import install_shipped_seasons
from registry.storage.database import reading, writing
from registry.storage.tables import case, patrol_round, scan
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in the city
TODAY = date(2026, 3, 2)


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def plan(city: City, **more: Any) -> int:
    values: dict[str, Any] = {"name": "中山路巡查", "unit_id": city.water, "starts_on": TODAY} | more
    return save_plan(city.engine, None, NewPlan(**values), by=city.administrator, now=NOW)


def route(city: City, plan_id: int) -> list[int]:
    stops = [
        NewStop(asset_id=city.asset_id, key=True, place_type="主干道"),
        NewStop(name="路口", lon=113.301, lat=23.1),
        NewStop(name="桥头", lon=113.302, lat=23.1, key=True),
    ]
    return set_stops(city.engine, plan_id, stops, by=city.administrator, now=NOW)


def scanned(city: City, at: datetime, **more: Any) -> None:
    row = {"at": at, "token": "X", "asset_id": city.asset_id, "user_id": city.crew.user_id, "finding": "ok", **more}
    with writing(city.engine) as tx:
        tx.execute(insert(scan).values(row))


def test_a_round_is_proven_by_scans_and_positions_and_counted_when_it_ends(city: City):
    plan_id = plan(city)
    cover, corner, bridge = route(city, plan_id)
    walk = start_round(city.engine, plan_id, by=city.crew, now=NOW, unannounced=True)
    assert my_round(city.engine, city.crew.user_id or 0, now=NOW) == walk
    scanned(city, NOW + timedelta(minutes=5))
    scanned(city, NOW - timedelta(minutes=5), lon=113.302, lat=23.1)  # before the round: proves nothing
    there = {"lon": 113.301, "lat": 23.1001, "accuracy_m": 10.0}
    at = NOW + timedelta(minutes=9)
    assert be_there(city.engine, walk, **there, by=city.crew, now=at) == [corner]
    assert be_there(city.engine, walk, **there, by=city.crew, now=at) == []
    live = round_view(city.engine, walk, now=at)
    assert live is not None
    assert (live.covered.visited, live.over) == (2, False)
    end = NOW + timedelta(minutes=30)
    covered = end_round(city.engine, walk, by=city.crew, now=end, note="桥头封路")
    assert covered == Coverage(stops=3, visited=2, key_stops=2, key_visited=1)
    kept = round_view(city.engine, walk, now=end)
    assert kept is not None
    assert [(stop.id, stop.how) for stop in kept.stops] == [(cover, Proof.SCAN), (corner, Proof.PLACE), (bridge, None)]
    assert (kept.covered, kept.row.note, kept.row.unannounced) == (covered, "桥头封路", True)
    with pytest.raises(InvalidMove):
        end_round(city.engine, walk, by=city.crew, now=end)


def test_a_plan_says_what_the_week_still_lacks(city: City):
    plan_id = plan(city)
    route(city, plan_id)
    for day in range(2):
        at = NOW + timedelta(days=day)
        walk = start_round(city.engine, plan_id, by=city.crew, now=at)
        be_there(city.engine, walk, lon=113.301, lat=23.1, accuracy_m=None, by=city.crew, now=at)
        end_round(city.engine, walk, by=city.crew, now=at + timedelta(hours=1))
    (sunday,) = list_plans(city.engine, today=date(2026, 3, 8))
    assert (sunday.walked, sunday.wanted, sunday.lacking, sunday.stops) == (2, 3, 0, 3)
    (monday,) = list_plans(city.engine, today=date(2026, 3, 9))
    assert (monday.walked, monday.lacking, monday.last_day) == (0, 0, date(2026, 3, 3))
    view = plan_view(city.engine, plan_id, today=date(2026, 3, 9))
    assert view is not None
    assert [(week.days, week.lacking) for week in view.weeks] == [(0, 0), (2, 1)]
    assert view.length_m == pytest.approx(205, abs=2)


def test_a_round_that_visits_nothing_counts_for_no_day(city: City):
    plan_id = plan(city)
    route(city, plan_id)
    walk = start_round(city.engine, plan_id, by=city.crew, now=NOW)
    end_round(city.engine, walk, by=city.crew, now=NOW + timedelta(hours=1))
    (row,) = list_plans(city.engine, today=TODAY)
    assert row.walked == 0


def test_a_season_asks_for_more_days(city: City):
    with writing(city.engine) as tx:
        install_shipped_seasons(tx)
    plan(city, season_key="flood", season_weekly=6)
    assert [row.wanted for row in list_plans(city.engine, today=TODAY)] == [3]
    assert [row.wanted for row in list_plans(city.engine, today=TODAY, seasons={"flood"})] == [6]


def test_nobody_is_on_two_rounds_at_once_and_a_forgotten_one_ends_by_itself(city: City):
    plan_id = plan(city)
    route(city, plan_id)
    first = start_round(city.engine, plan_id, by=city.crew, now=NOW)
    other = plan(city, name="解放路巡查")
    with pytest.raises(InvalidMove, match="on a round already"):
        start_round(city.engine, other, by=city.crew, now=NOW + timedelta(hours=1))
    # a second tap
    assert start_round(city.engine, plan_id, by=city.crew, now=NOW + timedelta(seconds=2)) == first
    start_round(city.engine, plan_id, by=city.mate, now=NOW)
    start_round(city.engine, plan_id, by=city.crew, now=NOW + timedelta(days=1))
    with reading(city.engine) as tx:
        ended = tx.scalar(select(patrol_round.c.ended_at).where(patrol_round.c.id == first))
    assert ended == NOW + timedelta(hours=16)


def test_only_whoever_walks_a_round_tells_where_they_are(city: City):
    plan_id = plan(city)
    walk = start_round(city.engine, plan_id, by=city.crew, now=NOW)
    with pytest.raises(NotAllowed):
        be_there(city.engine, walk, lon=113.3, lat=23.1, accuracy_m=None, by=city.mate, now=NOW)
    with pytest.raises(NotFound):
        end_round(city.engine, 99, by=city.crew, now=NOW)


def test_a_finding_at_an_asset_opens_a_case_of_a_patrol_and_the_next_one_joins_it(city: City):
    plan_id = plan(city)
    cover, *_ = route(city, plan_id)
    walk = start_round(city.engine, plan_id, by=city.crew, now=NOW)
    new = NewFinding(note="井盖松动", kind="cover_loose", stop_id=cover)
    opened = add_finding(city.engine, walk, new, by=city.crew, now=NOW)
    again = add_finding(city.engine, walk, new, by=city.crew, now=NOW)
    assert opened is not None
    assert again is not None
    assert (opened.opened, again.opened, again.case_id) == (True, False, opened.case_id)
    assert add_finding(city.engine, walk, NewFinding(note="摊位占道"), by=city.crew, now=NOW) is None
    with reading(city.engine) as tx:
        assert tx.scalar(select(case.c.source).where(case.c.id == opened.case_id)) == Source.PATROL.value
    view = round_view(city.engine, walk, now=NOW)
    assert view is not None
    assert [(each.note, each.case_id, each.place_type) for each in view.findings] == [
        ("井盖松动", opened.case_id, "主干道"),
        ("井盖松动", opened.case_id, "主干道"),
        ("摊位占道", None, ""),
    ]
    plan_page = plan_view(city.engine, plan_id, today=TODAY)
    assert plan_page is not None
    assert plan_page.matrix == {"主干道": {"cover_loose": 2}, "": {"": 1}}
    assert [row.findings for row in list_rounds(city.engine).items] == [3]


def test_a_point_that_leaves_the_route_stays_with_the_rounds_that_saw_it(city: City):
    plan_id = plan(city)
    cover, corner, _ = route(city, plan_id)
    walk = start_round(city.engine, plan_id, by=city.crew, now=NOW)
    be_there(city.engine, walk, lon=113.301, lat=23.1, accuracy_m=None, by=city.crew, now=NOW)
    end_round(city.engine, walk, by=city.crew, now=NOW + timedelta(hours=1))
    kept = set_stops(
        city.engine,
        plan_id,
        [NewStop(id=cover, asset_id=city.asset_id)],
        by=city.administrator,
        now=NOW,
    )
    assert kept == [cover]
    old, new = round_view(city.engine, walk, now=NOW), plan_view(city.engine, plan_id, today=TODAY)
    assert old is not None
    assert new is not None
    assert [stop.id for stop in old.stops] == [cover, corner]
    assert old.covered.stops == 3
    assert [stop.id for stop in new.stops] == [cover]


def test_a_plan_that_somebody_else_changed_meanwhile_is_not_overwritten(city: City):
    plan_id = plan(city)
    new = NewPlan(name="中山路巡查", unit_id=city.water, starts_on=TODAY, weekly=5)
    save_plan(city.engine, plan_id, new, by=city.administrator, now=NOW, version=1)
    with pytest.raises(Conflict, match="changed meanwhile"):
        save_plan(city.engine, plan_id, new, by=city.registrar, now=NOW, version=1)
    with pytest.raises(Conflict, match="exists"):
        plan(city)
    retire_plan(city.engine, plan_id, by=city.administrator, now=NOW)
    assert list_plans(city.engine, today=TODAY) == []
    with pytest.raises(InvalidMove, match="out of use"):
        start_round(city.engine, plan_id, by=city.crew, now=NOW)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"name": ""}, "name"),
        ({"theme": "x" * 81}, "theme"),
        ({"weekly": 0}, "weekly"),
        ({"season_weekly": 8}, "season_weekly"),
        ({"ends_on": date(2026, 3, 1)}, "ends_on"),
        ({"unit_id": 99}, "unit_id"),
        ({"season_key": "monsoon"}, "season_key"),
        ({"campaign_id": 99}, "campaign_id"),
    ],
)
def test_a_plan_that_means_nothing_is_refused_at_its_field(city: City, columns: dict[str, Any], field: str):
    new = replace(NewPlan(name="巡查", unit_id=city.water, starts_on=TODAY), **columns)
    with pytest.raises(InvalidInput) as refused:
        save_plan(city.engine, None, new, by=city.administrator, now=NOW)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "stop",
    [
        NewStop(asset_id=99),
        NewStop(name="", lon=113.3, lat=23.1),
        NewStop(name="路口"),
        NewStop(name="路口", lon=23.1, lat=113.3),
        NewStop(name="路口", lon=113.3, lat=23.1, radius_m=1.0),
        NewStop(name="路口", lon=113.3, lat=23.1, id=99),
    ],
)
def test_a_point_that_is_none_is_refused_with_its_number(city: City, stop: NewStop):
    with pytest.raises(InvalidInput) as refused:
        set_stops(city.engine, plan(city), [stop], by=city.administrator, now=NOW)
    assert refused.value.field == "stops"


def test_a_unit_is_warned_and_answers_before_it_becomes_a_case(city: City):
    plan_id = plan(city, theme="马拉松沿线")
    new = NewWarning(
        unit_id=city.water,
        text="赛道旁雨水箅子松动",
        due_on=date(2026, 3, 4),
        plan_id=plan_id,
        asset_id=city.asset_id,
    )
    warning_id = send_warning(city.engine, new, by=city.dispatcher, now=NOW)
    (late,) = list_warnings(city.engine, today=date(2026, 3, 5), open_only=True).items
    assert (late.late, late.plan_name, late.unit_name) == (True, "中山路巡查", "水务")
    with pytest.raises(NotAllowed, match="another unit"):
        answer_warning(city.engine, warning_id, "不归我们管", by=city.stranger, now=NOW)
    answer_warning(city.engine, warning_id, "已加固", by=city.crew, now=NOW)
    with pytest.raises(InvalidMove, match="answered already"):
        answer_warning(city.engine, warning_id, "又一次", by=city.crew, now=NOW)
    assert list_warnings(city.engine, today=TODAY, open_only=True).items == []
    opened = make_case(city.engine, warning_id, "cover_loose", by=city.dispatcher, now=NOW)
    assert city.case(opened.case_id).source == Source.PATROL.value
    with pytest.raises(InvalidMove, match="has a case already"):
        make_case(city.engine, warning_id, "cover_loose", by=city.dispatcher, now=NOW)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"text": " "}, "text"),
        ({"due_on": date(2026, 3, 1)}, "due_on"),
        ({"unit_id": 99}, "unit_id"),
        ({"plan_id": 99}, "plan_id"),
        ({"round_id": 99}, "round_id"),
        ({"asset_id": 99}, "asset_id"),
    ],
)
def test_a_warning_that_means_nothing_is_refused_at_its_field(city: City, columns: dict[str, Any], field: str):
    new = replace(NewWarning(unit_id=city.water, text="井盖松动", due_on=TODAY), **columns)
    with pytest.raises(InvalidInput) as refused:
        send_warning(city.engine, new, by=city.dispatcher, now=NOW)
    assert refused.value.field == field


def test_the_log_of_rounds_goes_on_page_by_page(city: City):
    plan_id = plan(city)
    for hour in range(3):
        at = NOW + timedelta(hours=hour)
        walk = start_round(city.engine, plan_id, by=city.crew, now=at)
        end_round(city.engine, walk, by=city.crew, now=at + timedelta(minutes=10))
    first = list_rounds(city.engine, limit=2)
    assert len(first.items) == 2
    assert [row.id for row in list_rounds(city.engine, after=first.next, limit=2).items] == [1]
    assert list_rounds(city.engine, user_id=city.mate.user_id).items == []
