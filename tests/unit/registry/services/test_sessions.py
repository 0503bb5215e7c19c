"""Sessions: what opens one, what ends one, and that the table signs nobody in."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from registry.domain.errors import NotFound
from registry.domain.kinds import Role
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import OutsideArea
from registry.queries.people import open_sessions
from registry.services import people, sessions
from registry.services.people import NewUser, UserChange, add_user, find_user
from registry.services.sessions import Device, Lifetime, find_session
from registry.storage.database import reading, writing
from registry.storage.tables import user, user_session

LIFETIME = Lifetime(absolute=timedelta(hours=12), idle=timedelta(hours=4))
PASSWORD = "correct horse battery"
ALL = Actor(user_id=99, name="吴管", role=Role.ADMINISTRATOR, unit_id=None)


@pytest.fixture
def chen(engine: Engine, now: datetime) -> Actor:
    with writing(engine) as tx:
        new = NewUser(login="chen", name="陈静", role=Role.DISPATCHER, password=PASSWORD, area_code="440803")
        user_id = add_user(tx, new, now=now)
    found = find_user(engine, user_id)
    assert found is not None
    return found


def opened(engine: Engine, who: Actor, now: datetime) -> str:
    device = Device(address="10.0.0.7", agent="Firefox")
    return sessions.open_session(engine, who, device, lifetime=LIFETIME, now=now)


def lives(engine: Engine, word: str, now: datetime) -> bool:
    return find_session(engine, word, lifetime=LIFETIME, now=now) is not None


def test_a_session_tells_whose_it_is_and_the_table_does_not_hold_its_word(engine: Engine, chen: Actor, now: datetime):
    word = opened(engine, chen, now)
    visit = find_session(engine, word, lifetime=LIFETIME, now=now)
    assert visit is not None
    assert (visit.actor, visit.must_change_password) == (chen, False)
    with reading(engine) as tx:
        row = tx.execute(select(user_session)).mappings().one()
    assert word not in map(str, row.values())
    assert (row["address"], row["agent"]) == ("10.0.0.7", "Firefox")
    assert not lives(engine, row["id"], now)
    assert not lives(engine, "", now)


def test_a_session_ends_by_age_and_by_lying_idle(engine: Engine, chen: Actor, now: datetime):
    idle, used = opened(engine, chen, now), opened(engine, chen, now)
    for hours in (3, 6, 9):
        assert lives(engine, used, now + timedelta(hours=hours))
    assert not lives(engine, idle, now + timedelta(hours=4, seconds=1))
    assert not lives(engine, used, now + timedelta(hours=12))


def test_being_seen_is_written_once_a_minute(engine: Engine, chen: Actor, now: datetime):
    word = opened(engine, chen, now)

    def seen_after(seconds: int) -> timedelta:
        assert lives(engine, word, now + timedelta(seconds=seconds))
        with reading(engine) as tx:
            return tx.execute(select(user_session.c.seen_at)).scalar_one() - now

    assert [seen_after(seconds).seconds for seconds in (1, 59, 60, 90, 125)] == [0, 0, 60, 60, 125]


def test_what_changes_an_account_ends_its_sessions(engine: Engine, chen: Actor, now: datetime):
    same = UserChange(name="陈静", role=Role.DISPATCHER, unit_id=None, area_code="440803", phone="")
    user_id = chen.user_id or 0

    def after(change: object) -> bool:
        word = opened(engine, chen, now)
        with writing(engine) as tx:
            change(tx)  # type: ignore[operator]
        return lives(engine, word, now)

    def with_(**fields: object) -> object:
        changed = UserChange(**{name: getattr(same, name) for name in same.__slots__} | fields)
        return lambda tx: people.change_user(tx, user_id, changed, by=SYSTEM, now=now)

    assert after(with_(phone="123"))
    assert not after(with_(role=Role.VIEWER))
    assert not after(with_(role=Role.VIEWER, area_code="440804"))
    assert not after(lambda tx: people.set_password(tx, user_id, "three garden words", now=now))
    assert not after(lambda tx: people.set_locked(tx, user_id, locked=True, by=SYSTEM, now=now))
    assert not after(lambda tx: people.set_active(tx, user_id, active=False, now=now))


def test_a_demo_account_is_out_where_none_are_allowed(engine: Engine, chen: Actor, now: datetime):
    word = opened(engine, chen, now)
    with writing(engine) as tx:
        tx.execute(update(user).values(demo=True))
    assert lives(engine, word, now)
    assert find_session(engine, word, lifetime=LIFETIME, now=now, allow_demo=False) is None


def test_sessions_are_listed_and_ended_one_by_one_or_all_but_this(engine: Engine, chen: Actor, now: datetime):
    words = [opened(engine, chen, now + timedelta(minutes=minute)) for minute in range(4)]
    user_id = chen.user_id or 0
    listed = open_sessions(engine, user_id, now=now)
    assert [row.created_at - now for row in listed] == [timedelta(minutes=minute) for minute in (3, 2, 1, 0)]
    with writing(engine) as tx:
        sessions.end_session(tx, listed[0].id, user_id=user_id, by=chen, now=now)
    assert [lives(engine, word, now) for word in words] == [True, True, True, False]
    with writing(engine) as tx:
        assert sessions.end_sessions(tx, user_id, by=chen, now=now, but=listed[3].id) == 2
    assert [lives(engine, word, now) for word in words] == [True, False, False, False]


def test_sessions_of_others_are_ended_within_ones_own_area_only(engine: Engine, chen: Actor, now: datetime):
    word, user_id = opened(engine, chen, now), chen.user_id or 0
    number = open_sessions(engine, user_id, now=now)[0].id
    elsewhere = Actor(user_id=98, name="外", role=Role.ADMINISTRATOR, unit_id=None, area_code="440804")
    with writing(engine) as tx, pytest.raises(OutsideArea):
        sessions.end_session(tx, number, user_id=user_id, by=elsewhere, now=now)
    with writing(engine) as tx, pytest.raises(OutsideArea):
        sessions.end_sessions(tx, user_id, by=elsewhere, now=now)
    with writing(engine) as tx, pytest.raises(NotFound):
        sessions.end_session(tx, number, user_id=77, by=ALL, now=now)
    assert lives(engine, word, now)
    with writing(engine) as tx:
        sessions.end_session(tx, number, user_id=user_id, by=ALL, now=now)
    assert not lives(engine, word, now)


def test_sessions_that_are_over_are_forgotten_later(engine: Engine, chen: Actor, now: datetime):
    closed, old = opened(engine, chen, now), opened(engine, chen, now)
    sessions.close_session(engine, closed, now=now)
    fresh = opened(engine, chen, now + timedelta(days=30))
    assert sessions.forget_sessions(engine, before=now + timedelta(days=29), batch=1) == 2
    assert sessions.owner_of(engine, fresh) == chen.user_id
    assert sessions.owner_of(engine, old) is None
