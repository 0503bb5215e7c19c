"""Alerts that wait for company: one group and one case for a storm, a case of its own for what stays alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, insert, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import PermitState, Severity
from registry.domain.people import Actor
from registry.domain.scopes import OutsideArea
from registry.services import alerts, grouping
from registry.services.cases import move_case
from registry.services.grouping import Decided
from registry.storage.database import reading, writing
from registry.storage.tables import audit, case, entry, permit
from tests.city import City, build_city
from tests.storm import POLICY, WATER, Street, sensors


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


@pytest.fixture
def street(city: City, now: datetime) -> Street:
    return sensors(city, now, range(12))


def s(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def test_many_alerts_of_one_cause_are_one_group_with_one_case_in_its_middle(street: Street, now: datetime):
    ids = street.fire([0, 1, 2, 3, 4], now)
    assert street.decide(s(now, 2)) == Decided(groups=1, joined=5, cases=0, ended=0)
    assert street.decide(s(now, 29)) == Decided(0, 0, 0, 0)
    assert street.decide(s(now, 30)) == Decided(0, 0, 1, 0)
    assert street.decide(s(now, 32)) == Decided(0, 0, 0, 0)
    (group,), (opened,) = street.groups(), street.cases()
    assert (group.members, group.severity, group.case_id, group.state) == (5, 2, opened.id, "open")
    assert (round(group.lon, 6), 190 < group.radius_m < 210, group.began_at) == (113.302, True, now)
    assert (opened.asset_id, opened.kind) == (street.subjects[2].asset_id, "water_high")
    assert {(row.case_id, row.group_id, row.case_due_at) for row in street.alerts()} == {(opened.id, group.id, None)}
    assert street.events(ids[0]) == ["fired", "grouped"]
    assert street.events(ids[2]) == ["fired", "grouped", "case"]
    assert street.details(opened.id) == [{"group_id": group.id, "members": 5, "rule_key": "water"}]


def test_what_stays_alone_gets_its_own_case_when_its_time_is_up(street: Street, now: datetime):
    ids = street.fire([0, 5], now)
    assert street.decide(s(now, 29)) == Decided(0, 0, 0, 0)
    assert street.decide(s(now, 31)) == Decided(0, 0, 2, 0)
    assert street.decide(s(now, 33)) == Decided(0, 0, 0, 0)
    assert [row.asset_id for row in street.cases()] == [street.subjects[0].asset_id, street.subjects[5].asset_id]
    assert street.events(ids[0]) == ["fired", "case"]


def test_what_is_over_before_its_time_opens_no_case(street: Street, now: datetime):
    street.fire([0, 5], now)
    street.clear([0], s(now, 29))
    street.clear([5], s(now, 31))
    # however late the worker looks
    assert street.decide(s(now, 3600)).cases == 1
    assert [row.asset_id for row in street.cases()] == [street.subjects[5].asset_id]
    assert {row.case_due_at for row in street.alerts()} == {None}


def test_a_worker_that_was_away_finds_the_group_all_the_same(street: Street, now: datetime):
    street.fire(range(6), now)
    assert street.decide(s(now, 7200)) == Decided(groups=1, joined=6, cases=1, ended=0)


def test_once_company_came_the_case_waits_no_longer_than_a_minute_however_long_one_alone_would(
    city: City, now: datetime
):
    flood = msgspec.structs.replace(WATER, grouping=msgspec.structs.replace(POLICY, within_s=3600.0, wait_s=1800.0))
    street = sensors(city, now, range(5), flood)
    street.fire([0, 1, 2], now)
    assert street.decide(s(now, 10)) == Decided(groups=1, joined=3, cases=0, ended=0)
    assert street.decide(s(now, 69)) == Decided(0, 0, 0, 0)
    assert street.decide(s(now, 70)) == Decided(0, 0, 1, 0)
    street.fire([3], s(now, 900))
    assert street.decide(s(now, 901)) == Decided(0, 1, 0, 0)
    (opened,) = street.cases()
    assert {row.case_id for row in street.alerts()} == {opened.id}


def test_a_gust_that_is_over_before_its_time_is_a_group_without_a_case(street: Street, now: datetime):
    street.fire(range(6), now)
    street.clear(range(6), s(now, 20))
    assert street.decide(s(now, 30)) == Decided(1, 6, 0, 0)
    assert street.decide(s(now, 600)) == Decided(0, 0, 0, 1)
    assert (street.cases(), street.groups()[0].state) == ([], "ended")


def test_later_alerts_join_the_group_and_its_case_hears_of_growth(street: Street, now: datetime):
    street.fire([0, 1, 2], now)
    street.decide(s(now, 30))
    street.fire([3], s(now, 100))
    street.decide(s(now, 102))
    street.fire([4, 5], s(now, 200))
    assert street.decide(s(now, 202)) == Decided(0, 2, 0, 0)
    (group,), (opened,) = street.groups(), street.cases()
    assert (group.members, group.last_at) == (6, s(now, 200))
    assert [detail["members"] for detail in street.details(opened.id)] == [3, 6]
    assert {row.case_id for row in street.alerts()} == {opened.id}


def test_an_urgent_alert_stands_out_in_any_storm(street: Street, now: datetime):
    street.fire(range(5), now)
    (urgent,) = street.fire([5], now, severity=Severity.CRITICAL)
    assert street.cases()[0].asset_id == street.subjects[5].asset_id
    street.decide(s(now, 30))
    assert [row.group_id for row in street.alerts() if row.id == urgent] == [None]
    assert len(street.cases()) == 2


def test_a_member_that_becomes_urgent_gets_its_own_case_at_once_and_stays_a_member(street: Street, now: datetime):
    street.fire(range(5), now)
    street.decide(s(now, 30))
    with writing(street.city.engine) as tx:
        about = street.subjects[0]
        alerts.step(tx, WATER, about, severity=Severity.CRITICAL, at=s(now, 40), level=2.0, now=s(now, 40))
    group_case, own = street.cases()
    assert (own.asset_id, own.severity, group_case.severity) == (about.asset_id, Severity.CRITICAL, Severity.ALARM)
    assert (street.alerts()[0].case_id, street.alerts()[0].group_id) == (own.id, street.groups()[0].id)


def test_the_case_of_who_was_alone_at_first_becomes_the_groups(street: Street, now: datetime):
    street.fire([0, 1], now)
    street.decide(s(now, 60))
    street.fire([2, 3, 4], s(now, 120))
    assert street.decide(s(now, 122)) == Decided(1, 5, 0, 0)
    assert street.decide(s(now, 150)) == Decided(0, 0, 1, 0)
    first, second = street.cases()
    assert [(row.stage, row.asset_id) for row in (first, second)] == [
        ("filed", street.subjects[0].asset_id),
        ("void", street.subjects[1].asset_id),
    ]
    assert {row.case_id for row in street.alerts()} == {first.id} == {street.groups()[0].case_id}
    assert [detail["members"] for detail in street.details(first.id)] == [5]


@pytest.mark.parametrize(("stage", "is_theirs"), [("dispatched", True), ("in_hand", True), ("handed_back", False)])
def test_who_is_on_the_way_to_a_lonely_one_hears_of_the_group_who_has_been_there_does_not(
    street: Street, now: datetime, stage: str, is_theirs: bool
):
    street.fire([0], now)
    street.decide(s(now, 60))
    (taken,) = street.cases()
    with writing(street.city.engine) as tx:
        tx.execute(update(case).where(case.c.id == taken.id).values(stage=stage, version=2))
    street.fire([2, 3, 4], s(now, 120))
    street.decide(s(now, 150))
    cases = street.cases()
    assert (len(cases), cases[0].stage) == (1 if is_theirs else 2, stage)
    assert [row.case_id for row in street.alerts()] == [taken.id, *[cases[-1].id] * 3]
    assert street.groups()[0].case_id == cases[-1].id
    assert bool(street.details(taken.id)) is is_theirs


def test_a_group_without_one_case_opens_none(city: City, now: datetime):
    quiet = msgspec.structs.replace(WATER, grouping=msgspec.structs.replace(POLICY, one_case=False))
    street = sensors(city, now, range(4), quiet)
    street.fire(range(4), now)
    assert street.decide(s(now, 2)) == Decided(1, 4, 0, 0)
    assert street.decide(s(now, 60)) == Decided(0, 0, 0, 0)
    assert ({row.case_due_at for row in street.alerts()}, street.cases()) == ({None}, [])


def test_two_gatherings_that_grow_together_are_one_and_their_cases_too(city: City, now: datetime):
    street = sensors(city, now, [0, 1, 2, 14, 15, 16, 8])
    street.fire([0, 1, 2, 3, 4, 5], now)
    assert street.decide(s(now, 30)) == Decided(2, 6, 2, 0)
    grouping.name_cause(city.engine, street.groups()[1].id, "暴雨", by=city.dispatcher, now=s(now, 35))
    street.fire([6], s(now, 40))
    assert street.decide(s(now, 42)) == Decided(0, 1, 0, 0)
    first, second = street.groups()
    assert [(row.state, row.members) for row in (first, second)] == [("open", 7), ("ended", 0)]
    assert first.cause == "暴雨"
    kept, withdrawn = street.cases()
    assert [row.stage for row in (kept, withdrawn)] == ["filed", "void"]
    assert {(row.group_id, row.case_id) for row in street.alerts()} == {(first.id, kept.id)}


def test_a_case_that_somebody_has_taken_stays_when_its_group_is_found_to_be_part_of_another(city: City, now: datetime):
    street = sensors(city, now, [0, 1, 2, 14, 15, 16, 8])
    street.fire([0, 1, 2, 3, 4, 5], now)
    street.decide(s(now, 30))
    with writing(city.engine) as tx:
        tx.execute(update(case).where(case.c.id == street.cases()[1].id).values(stage="dispatched", version=2))
    street.fire([6], s(now, 40))
    street.decide(s(now, 42))
    assert [row.stage for row in street.cases()] == ["filed", "dispatched"]
    assert {row.group_id for row in street.alerts()} == {street.groups()[0].id}


def test_a_group_ends_when_all_is_calm_and_tells_its_case(street: Street, now: datetime):
    street.fire([0, 1, 2], now)
    street.decide(s(now, 30))
    street.clear([0, 1], s(now, 300))
    assert street.decide(s(now, 700)).ended == 0
    street.clear([2], s(now, 800))
    assert street.decide(s(now, 801)).ended == 1
    assert street.decide(s(now, 803)).ended == 0
    (group,), (opened,) = street.groups(), street.cases()
    assert (group.state, group.ended_at, opened.stage) == ("ended", s(now, 801), "filed")
    assert street.details(opened.id)[-1]["ended"]
    assert "alert_cleared" not in [line[0] for line in street.city.timeline(opened.id)]
    street.fire([0, 1, 2], s(now, 900))
    assert street.decide(s(now, 902)) == Decided(1, 3, 0, 0)


def test_after_people_closed_the_groups_case_new_members_open_another(street: Street, now: datetime):
    street.fire([0, 1, 2], now)
    street.decide(s(now, 30))
    with writing(street.city.engine) as tx:
        tx.execute(update(case).values(stage="closed", ended_at=s(now, 60)))
    street.fire([3], s(now, 100))
    street.decide(s(now, 102))
    assert street.decide(s(now, 130)).cases == 1
    assert (len(street.cases()), street.groups()[0].case_id) == (2, street.cases()[1].id)


def test_what_is_told_after_people_closed_the_groups_case_is_theirs_if_it_was_there_then_and_is_over(
    street: Street, now: datetime
):
    street.fire([0, 1, 2], now)
    street.decide(s(now, 30))
    with writing(street.city.engine) as tx:
        tx.execute(update(case).values(stage="closed", ended_at=s(now, 600)))
    # a cabinet was cut off meanwhile: one well was full before the closing, the other after it
    street.fire([3], s(now, 100), told_at=s(now, 700))
    street.clear([3], s(now, 500))
    assert street.decide(s(now, 702)).joined == 1
    assert street.decide(s(now, 740)).cases == 0
    (dealt,) = street.cases()
    assert [(row.case_id, row.case_due_at) for row in street.alerts()] == [(dealt.id, None)] * 4
    street.fire([4], s(now, 610), told_at=s(now, 750))
    street.clear([4], s(now, 700))
    street.decide(s(now, 752))
    assert street.decide(s(now, 790)).cases == 1


def close(street: Street, case_id: int, at: datetime) -> None:
    city = street.city
    moves = [("dispatch", city.dispatcher, {"assignee_id": city.crew.user_id}), ("accept", city.crew, {})]
    moves += [("hand_back", city.crew, {"note": "已抽排"}), ("verify", city.dispatcher, {})]
    for move, by, more in [*moves, ("close", city.dispatcher, {"note": "其余井正在回落"})]:
        version = city.case(case_id).version
        move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=at, **more)


def test_what_is_told_late_was_there_when_people_closed_the_groups_case_and_is_not_over_opens_it_again(
    street: Street, now: datetime
):
    street.fire([0, 1, 2], now)
    street.decide(s(now, 30))
    (of_group,) = street.cases()
    close(street, of_group.id, s(now, 600))
    street.fire([3, 4], s(now, 100), told_at=s(now, 700))
    street.clear([3], s(now, 500))
    street.decide(s(now, 702))
    assert street.decide(s(now, 740)).cases == 1
    (again,) = street.cases()
    assert (again.stage, again.reopens, again.version) == ("filed", 1, of_group.version + 6)
    assert {(row.case_id, row.case_due_at) for row in street.alerts()} == {(of_group.id, None)}
    assert ("reopen", "closed", "filed") in street.city.timeline(of_group.id)
    with reading(street.city.engine) as tx:
        (note,) = tx.scalars(select(entry.c.note).where(entry.c.move == "reopen"))
    assert note == "断线恢复后补报 2 条告警，1 条未恢复 / 2 alerts told late, 1 of them still live"
    assert street.decide(s(now, 742)).cases == 0


def test_what_came_after_people_closed_the_groups_case_is_news_even_beside_what_was_there(
    street: Street, now: datetime
):
    street.fire([0, 1, 2], now)
    street.decide(s(now, 30))
    close(street, street.cases()[0].id, s(now, 600))
    street.fire([3], s(now, 100), told_at=s(now, 700))
    street.fire([4], s(now, 700))
    street.decide(s(now, 702))
    assert street.decide(s(now, 740)).cases == 1
    assert [row.stage for row in street.cases()] == ["closed", "filed"]


def test_expected_alerts_wait_for_nothing_and_count_for_nothing(street: Street, now: datetime):
    opened = {
        "asset_id": street.subjects[0].asset_id,
        "state": PermitState.OPEN.value,
        "work": "清淤",
        "people": 1,
        "started_at": now,
        "ends_at": s(now, 3600),
        "by_user_id": street.city.crew.user_id,
    }
    with writing(street.city.engine) as tx:
        tx.execute(insert(permit).values(opened))
    street.fire([0, 1, 2], now)
    assert street.decide(s(now, 2)) == Decided(0, 0, 0, 0)


def test_writing_in_small_batches_gives_the_same_group(street: Street, now: datetime):
    street.fire(range(10), now)
    assert street.decide(s(now, 2), batch=3) == Decided(1, 10, 0, 0)
    assert [(row.members, row.state) for row in street.groups()] == [(10, "open")]
    assert street.decide(s(now, 30), batch=3).cases == 1


def test_a_person_takes_an_alert_out_of_its_group_and_it_stays_out(street: Street, now: datetime):
    street.fire(range(4), now)
    street.decide(s(now, 30))
    odd = street.alerts()[0]
    by = street.city.dispatcher
    own = grouping.take_out(street.city.engine, odd.id, by=by, now=s(now, 60), note="是管道破裂")
    assert (street.alerts()[0].group_id, street.alerts()[0].case_id) == (None, own)
    assert [row.asset_id for row in street.cases() if row.id == own] == [street.subjects[0].asset_id]
    street.fire([4], s(now, 70))
    street.decide(s(now, 72))
    assert (street.alerts()[0].group_id, street.groups()[0].members) == (None, 4)
    assert street.events(odd.id) == ["fired", "grouped", "grouped", "case"]
    with reading(street.city.engine) as tx:
        last = tx.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    assert (last.actor, last.action, last.subject) == (by.name, "alert.take_out", f"alert:{odd.id}")
    with pytest.raises(InvalidMove, match="no group"):
        grouping.take_out(street.city.engine, odd.id, by=by, now=s(now, 80))


def test_what_was_taken_out_by_mistake_is_put_back(street: Street, now: datetime):
    street.fire(range(4), now)
    street.decide(s(now, 30))
    engine, by, odd = street.city.engine, street.city.dispatcher, street.alerts()[0]
    own = grouping.take_out(engine, odd.id, by=by, now=s(now, 60))
    grouping.put_back(engine, odd.id, by=by, now=s(now, 61))
    assert (street.alerts()[0].group_id, street.alerts()[0].case_id) == (street.groups()[0].id, own)
    assert street.groups()[0].members == 4
    with pytest.raises(InvalidMove, match="not taken out"):
        grouping.put_back(engine, odd.id, by=by, now=s(now, 62))


def test_the_last_alert_taken_out_ends_the_group(street: Street, now: datetime):
    street.fire(range(3), now)
    street.decide(s(now, 30))
    for row in street.alerts():
        grouping.take_out(street.city.engine, row.id, by=street.city.dispatcher, now=s(now, 60))
    assert [(row.state, row.members) for row in street.groups()] == [("ended", 0)]


def test_a_person_names_the_cause_and_acknowledges_all_at_once(street: Street, now: datetime):
    street.fire(range(3), now)
    street.decide(s(now, 2))
    engine, by, group_id = street.city.engine, street.city.dispatcher, street.groups()[0].id
    grouping.name_cause(engine, group_id, " 暴雨 ", by=by, now=now)
    grouping.name_cause(engine, group_id, "暴雨", by=by, now=now)
    assert grouping.acknowledge_group(engine, group_id, by=by, now=now) == 3
    assert grouping.acknowledge_group(engine, group_id, by=by, now=now) == 0
    assert (street.groups()[0].cause, {row.acknowledged_by for row in street.alerts()}) == ("暴雨", {by.user_id})
    with reading(engine) as tx:
        trail = list(tx.scalars(select(audit.c.action).order_by(audit.c.id.desc()).limit(2)))
    assert trail == ["group.acknowledge", "group.cause"]
    elsewhere = Actor(user_id=1, name="外", role=None, unit_id=None, area_code="110101")
    with pytest.raises(OutsideArea):
        grouping.name_cause(engine, group_id, "x", by=elsewhere, now=now)
    with pytest.raises(NotFound):
        grouping.name_cause(engine, 99, "x", by=by, now=now)
    with pytest.raises(InvalidInput, match="40"):
        grouping.name_cause(engine, group_id, "长" * 41, by=by, now=now)


def test_a_round_looks_at_no_more_alerts_than_it_must(street: Street, now: datetime):
    """A city keeps its alerts for ever; a round looks every two seconds."""
    asked: list[tuple[str, Any]] = []
    street.fire(range(6), now)
    engine = street.city.engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    street.decide(s(now, 30))
    street.clear(range(6), s(now, 60))
    street.decide(s(now, 700))
    looked = {asking for asking, _ in asked if " alert " in asking or " alert_group " in asking}
    assert len(looked) > 10
    with engine.connect() as connection:
        for asking, values in asked:
            if asking in looked and asking.startswith(("SELECT", "UPDATE")):
                plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asking}", values)]
                assert not {"SCAN alert", "SCAN alert_group", "SCAN alert_event"} & set(plan), asking
