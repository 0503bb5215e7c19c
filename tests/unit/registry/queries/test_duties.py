"""Posts with an A and a B person: whom a case or a citizen is led to today."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from registry.domain.duties import Holder, StandIn
from registry.domain.kinds import Family
from registry.queries.duties import PostView, people_for
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import post, user

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def lamps(engine: Engine) -> int:
    with writing(engine) as tx:
        return add_unit(tx, NewUnit(name="路灯所"))


def add_post(engine: Engine, unit_id: int, **columns: Any) -> None:
    with writing(engine) as tx:
        tx.execute(insert(post).values({"unit_id": unit_id, "updated_at": NOW} | columns))


def found(engine: Engine, unit_id: int, area_code: str = "320508001002", day: date = DAY) -> list[PostView]:
    with reading(engine) as tx:
        return people_for(tx, unit_id=unit_id, family=Family.LIGHT, area_code=area_code, today=day)


def test_the_smallest_area_and_the_exact_family_come_first_and_others_not_at_all(engine: Engine, lamps: int):
    add_post(engine, lamps, name="全市", a_name="甲")
    add_post(engine, lamps, name="姑苏区", area_code="320508", a_name="乙")
    add_post(engine, lamps, name="街道路灯", area_code="320508001", family="light", a_name="丙")
    add_post(engine, lamps, name="街道", area_code="320508001", a_name="丁")
    add_post(engine, lamps, name="邻街", area_code="320508002", a_name="戊")
    add_post(engine, lamps, name="井盖", family="cover", a_name="己")
    assert [each.name for each in found(engine, lamps)] == ["街道路灯", "街道", "姑苏区", "全市"]
    assert [each.name for each in found(engine, lamps, area_code="")] == ["全市"]


def test_b_stands_in_on_the_days_on_which_a_is_away(engine: Engine, lamps: int):
    away = {"a_away_from": "2026-03-02", "a_away_until": "2026-03-03"}
    add_post(engine, lamps, name="值班", a_name="甲", a_phone="1", b_name="乙", b_phone="2", **away)
    today = found(engine, lamps)[0]
    assert (today.on_duty, today.person.name, today.person.phone) == (Holder.B, "乙", "2")
    assert today.stand_in_reason is StandIn.AWAY
    after = found(engine, lamps, day=date(2026, 3, 4))[0]
    assert (after.on_duty, after.person.name, after.stand_in_reason) == (Holder.A, "甲", StandIn.NONE)


def test_a_closed_account_is_away_and_a_post_without_b_says_that_nobody_is_there(engine: Engine, lamps: int):
    with writing(engine) as tx:
        person = {"login": "li", "name": "李敏", "role": "crew", "password_hash": "-", "created_at": NOW}
        gone = tx.execute(insert(user).values(**person, active=False, phone="138").returning(user.c.id)).scalar_one()
    add_post(engine, lamps, name="a", a_user_id=gone, b_name="乙")
    add_post(engine, lamps, name="b", a_user_id=gone)
    first, second = found(engine, lamps)
    assert (first.person.name, first.stand_in_reason) == ("乙", StandIn.ACCOUNT_CLOSED)
    assert (second.on_duty, second.person.name, second.person.phone) == (Holder.A, "李敏", "138")
    assert second.stand_in_reason is StandIn.NOBODY
