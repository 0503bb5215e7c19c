"""Posts with an A and a B person: kept, changed, and refused when they mean nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.queries.duties import all_posts
from registry.services.posts import NewPost, remove_post, save_post, set_absence
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import audit

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)


@pytest.fixture
def lamps(engine: Engine) -> int:
    with writing(engine) as tx:
        return add_unit(tx, NewUnit(name="路灯所"))


def test_a_post_is_added_changed_left_and_removed(engine: Engine, lamps: int):
    post_id = save_post(engine, None, NewPost(unit_id=lamps, name="抢修", a_name="甲", b_name="乙"), by=BY, now=NOW)
    new = NewPost(unit_id=lamps, name="抢修", a_name="甲", b_name="丙", area_code="320508")
    assert save_post(engine, post_id, new, by=BY, now=NOW) == post_id
    set_absence(engine, post_id, DAY, DAY, by=BY, now=NOW)
    with reading(engine) as tx:
        shown = all_posts(tx, today=DAY, unit_id=lamps)[0]
    assert (shown.person.name, shown.area_code, shown.a_away_until) == ("丙", "320508", DAY)
    set_absence(engine, post_id, None, None, by=BY, now=NOW)
    with reading(engine) as tx:
        assert all_posts(tx, today=DAY)[0].person.name == "甲"
    remove_post(engine, post_id, by=BY, now=NOW)
    with pytest.raises(NotFound):
        set_absence(engine, post_id, None, None, by=BY, now=NOW)
    with reading(engine) as tx:
        actions = tx.execute(select(audit.c.action).order_by(audit.c.id)).scalars().all()
    assert actions == ["post.set", "post.set", "post.absence", "post.absence", "post.remove"]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"unit_id": 99}, "unit_id"),
        ({"a_name": ""}, "a_name"),
        ({"a_user_id": 99}, "a_user_id"),
        ({"family": "tree"}, "family"),
        ({"area_code": "Z-01"}, "area_code"),
        ({"a_away_from": DAY, "a_away_until": date(2026, 3, 1)}, "a_away_until"),
    ],
)
def test_a_post_that_means_nothing_is_refused(engine: Engine, lamps: int, columns: dict[str, Any], field: str):
    values: dict[str, Any] = {"unit_id": lamps, "name": "抢修", "a_name": "甲"} | columns
    with pytest.raises(InvalidInput) as refused:
        save_post(engine, None, NewPost(**values), by=BY, now=NOW)
    assert refused.value.field == field


def test_a_post_stands_once_and_only_in_the_area_of_who_writes_it(engine: Engine, lamps: int):
    new = NewPost(unit_id=lamps, name="抢修", a_name="甲")
    post_id = save_post(engine, None, new, by=BY, now=NOW)
    with pytest.raises(Conflict, match="抢修"):
        save_post(engine, None, new, by=BY, now=NOW)
    bound = Actor(user_id=None, name="街道", role=Role.REGISTRAR, unit_id=None, area_code="320508001")
    with pytest.raises(NotAllowed):
        remove_post(engine, post_id, by=bound, now=NOW)
    inside = NewPost(unit_id=lamps, name="抢修", a_name="甲", area_code="320508001")
    with pytest.raises(NotAllowed):
        save_post(engine, post_id, inside, by=bound, now=NOW)
    assert save_post(engine, None, inside, by=bound, now=NOW)
