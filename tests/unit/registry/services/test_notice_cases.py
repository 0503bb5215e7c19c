"""Who hears of a case outside the pages: whose it is, somebody higher when it is late, who ordered supervision."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity
from registry.domain.notices import Matter, RouteStep
from registry.services.case_watch import watch_cases
from registry.services.cases import move_case
from registry.services.notice_planning import Planned, plan_notices
from registry.services.routes import NewRoute, save_route
from registry.services.supervising import add_item
from registry.services.supervision import NewItem, move_supervised, remind
from registry.storage.database import writing
from registry.storage.tables import case, post
from tests.city import City, build_city
from tests.notices import PLACE, Told

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_SERIAL = count()


@pytest.fixture
def told(engine: Engine, now: datetime) -> Told:
    return Told(build_city(engine, now), now)


@pytest.fixture
def city(told: Told) -> City:
    return told.city


def plan(told: Told, at: datetime | None = None) -> Planned:
    return plan_notices(told.engine, place=PLACE, now=at or told.now)


def contact_of(told: Told, **columns: Any) -> int:
    channel_id = told.add_channel(f"json://127.0.0.1:9/{next(_SERIAL)}")
    return told.add_contact(channel_id, **columns)


def dispatched(city: City, now: datetime, *, kind: str = "cover_displaced", **to: Any) -> int:
    """A critical case, sent to the crew (or to whom ``to`` says)."""
    case_id = city.open_case(now, kind=kind, severity=Severity.CRITICAL).case_id
    to = to or {"assignee_id": city.crew.user_id}
    move(city, case_id, "dispatch", now, **to)
    return case_id


def move(city: City, case_id: int, name: str, now: datetime, by: Any = None, **more: Any) -> None:
    version = city.case(case_id).version
    by = by or city.dispatcher
    move_case(city.engine, case_id=case_id, move=name, by=by, expected_version=version, now=now, **more)


def change(city: City, case_id: int, **columns: Any) -> None:
    with writing(city.engine) as tx:
        tx.execute(update(case).where(case.c.id == case_id).values(columns))


def test_whoever_a_case_is_dispatched_to_hears_of_it_once(told: Told, city: City, now: datetime) -> None:
    contact_id = contact_of(told, user_id=city.crew.user_id)
    case_id = dispatched(city, now, kind="cover_missing", assignee_id=city.crew.user_id)
    assert plan(told) == Planned(events=1, notices=1)
    assert plan(told) == Planned()
    (row,) = told.notices()
    assert (row.kind, row.state, row.contact_id, row.case_id) == ("case", "waiting", contact_id, case_id)
    assert row.title == "【紧急·派单】井盖缺失（需补装）：上水井盖 1，中山路"
    assert f"案件：{city.case(case_id).number}" in row.body
    assert "承办：水务 李敏" in row.body
    assert "现场围护期限：" in row.body
    assert row.body.endswith(f"http://city.example/cases/{case_id}")


def test_it_is_said_in_the_language_of_each(told: Told, city: City, now: datetime) -> None:
    contact_of(told, user_id=city.crew.user_id, language="en")
    dispatched(city, now)
    plan(told)
    assert told.notices()[0].title.startswith("[Critical, Yours] ")


def test_of_a_unit_whoever_is_on_duty_hears_of_it_else_its_own_chat(told: Told, city: City, now: datetime) -> None:
    chat = contact_of(told, unit_id=city.water)
    dispatched(city, now, unit_id=city.water)
    plan(told)
    assert [row.contact_id for row in told.notices()] == [chat]
    on_duty = contact_of(told, user_id=city.mate.user_id)
    on_post = {"unit_id": city.water, "name": "班", "a_user_id": city.mate.user_id, "updated_at": now}
    with writing(city.engine) as tx:
        tx.execute(insert(post).values(on_post))
    elsewhere = city.add_asset(now, name="另一个井盖")
    case_id = city.open_case(now, severity=Severity.CRITICAL, asset_id=elsewhere).case_id
    move(city, case_id, "dispatch", now, unit_id=city.water)
    plan(told)
    assert told.notices()[-1].contact_id == on_duty


def test_who_takes_it_themselves_is_not_told(told: Told, city: City, now: datetime) -> None:
    contact_of(told, user_id=city.dispatcher.user_id)
    case_id = city.open_case(now).case_id
    move(city, case_id, "supervise", now, note="慢")
    plan(told)
    assert told.notices() == []


def test_a_case_that_went_on_before_anybody_planned_is_told_to_nobody(told: Told, city: City, now: datetime) -> None:
    contact_of(told, user_id=city.crew.user_id)
    case_id = dispatched(city, now)
    move(city, case_id, "return", now, by=city.crew, note="不归我们")
    assert plan(told) == Planned(events=1)


def test_a_warning_goes_to_whose_it_is_and_to_routes_that_name_warnings_only(
    told: Told, city: City, now: datetime
) -> None:
    crew, all_day, named = (contact_of(told, **each) for each in ({"user_id": city.crew.user_id}, {}, {}))
    told.add_route({"after_s": 0, "contacts": [all_day]}, goes_on=True)
    told.add_route({"after_s": 0, "contacts": [named]}, rule_key="case_warned")
    case_id = dispatched(city, now)
    move(city, case_id, "accept", now, by=city.crew)
    move(city, case_id, "secure", now, by=city.crew, note="围好了")
    plan(told)
    watch_cases(city.engine, now=now)
    watch_cases(city.engine, now=city.case(case_id).deadline_at - timedelta(seconds=1))
    plan(told)
    warned = [row for row in told.notices() if "即将超期" in row.title]
    assert [row.contact_id for row in warned] == [crew, named]


def test_what_is_late_goes_to_the_routes_and_then_to_their_next_step(told: Told, city: City, now: datetime) -> None:
    first, higher = contact_of(told), contact_of(told)
    told.add_route({"after_s": 0, "contacts": [first]}, {"after_s": 600, "contacts": [higher]}, unit_id=city.water)
    case_id = dispatched(city, now)
    change(city, case_id, deadline_at=now + HOUR, secured_at=now)
    watch_cases(city.engine, now=now)
    for hours in (100, 1000):
        watch_cases(city.engine, now=now + hours * HOUR)
        plan(told, now + hours * HOUR)
    late = told.notices()
    assert [(row.contact_id, row.step) for row in late] == [(higher, 1)]
    assert late[0].title.startswith("【紧急·已超期·再次催办】")


def test_a_site_that_is_not_secured_is_told_by_itself(told: Told, city: City, now: datetime) -> None:
    contact_of(told, user_id=city.crew.user_id)
    case_id = dispatched(city, now, kind="grate_missing", assignee_id=city.crew.user_id)
    plan(told)
    watch_cases(city.engine, now=now)
    change(city, case_id, deadline_at=now + 30 * DAY)
    watch_cases(city.engine, now=city.case(case_id).secure_due_at - timedelta(seconds=1))
    plan(told)
    assert [row.title.partition("】")[0] for row in told.notices()] == ["【紧急·派单", "【紧急·围护即将超期"]


def test_what_is_no_more_than_a_remark_waits_for_the_digest_of_the_day(told: Told, city: City, now: datetime) -> None:
    contact_of(told, user_id=city.crew.user_id, digest_min=18 * 60)
    case_id = city.open_case(now, kind="cover_loose", severity=Severity.NOTICE).case_id
    change(city, case_id, severity=1)
    if city.case(case_id).stage == "collected":
        move(city, case_id, "file", now)
    move(city, case_id, "dispatch", now, assignee_id=city.crew.user_id)
    plan(told)
    assert told.states() == [("case", "held")]
    plan(told, now + 7 * HOUR)
    digest = told.notices(kind="digest")[0]
    assert "1 条通知" in digest.title
    assert "派单" in digest.body


def test_supervision_is_told_to_the_unit_then_again_and_its_answer_to_who_ordered_it(
    told: Told, city: City, now: datetime
) -> None:
    chat, boss = contact_of(told, unit_id=city.water), contact_of(told, user_id=city.dispatcher.user_id)
    new = NewItem(problem="箅子缺失", deadline_at=now + DAY, unit_id=city.water, demand="三日内补齐")
    item_id = add_item(city.engine, new, by=city.dispatcher, now=now)
    plan(told)
    remind(city.engine, now=now + 10 * DAY)
    plan(told, now + 10 * DAY)
    move_supervised(city.engine, item_id, "reply", by=city.crew, expected_version=1, now=now + 10 * DAY, note="已补")
    plan(told, now + 10 * DAY)
    rows = told.notices()
    assert [row.contact_id for row in rows] == [chat, chat, boss]
    assert [row.title.partition("】")[0] for row in rows] == ["【督办", "【督办超期·再次催办", "【督办已回复"]
    assert "整改要求：三日内补齐" in rows[0].body
    assert rows[2].body.endswith(f"http://city.example/supervision/{item_id}")


def test_a_route_may_name_a_matter_of_cases(told: Told, city: City, now: datetime) -> None:
    steps = [RouteStep(contacts=(contact_of(told),))]
    for key in Matter:
        save_route(
            city.engine, None, NewRoute(name=key, severity=1, steps=steps, rule_key=key), by=city.dispatcher, now=now
        )
    with pytest.raises(InvalidInput, match="rule_key"):
        save_route(
            city.engine, None, NewRoute(name="x", severity=1, steps=steps, rule_key="x"), by=city.dispatcher, now=now
        )
