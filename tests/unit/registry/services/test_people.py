"""Logging in: who may, who is refused, and what a wrong password costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import perf_counter

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Role
from registry.services.demo_people import DEMO_ACCOUNTS, DEMO_PASSWORD, seed_demo_people
from registry.services.people import (
    FAILURES_UNTIL_LOCK,
    LOCK_FOR,
    NewUser,
    WrongLogin,
    add_user,
    find_user,
    set_active,
    set_password,
    verify_login,
)
from registry.storage.database import reading, writing
from registry.storage.tables import unit, user

PASSWORD = "correct horse battery"


@pytest.fixture
def chen(engine: Engine, now: datetime) -> int:
    """A dispatcher with an account of her own."""
    return add_chen(engine, now)


def add_chen(engine: Engine, now: datetime) -> int:
    with writing(engine) as tx:
        return add_user(tx, NewUser(login="Chen", name="陈静", role=Role.DISPATCHER, password=PASSWORD), now=now)


def fail(engine: Engine, times: int, *, now: datetime) -> None:
    for _ in range(times):
        with pytest.raises(WrongLogin):
            verify_login(engine, "chen", "not her password", now=now)


def test_the_right_password_says_who_it_is_whatever_the_case_of_the_login(engine: Engine, chen: int, now: datetime):
    actor = verify_login(engine, " CHEN ", PASSWORD, now=now)
    assert (actor.user_id, actor.name, actor.role) == (chen, "陈静", Role.DISPATCHER)
    assert find_user(engine, chen) == actor


def test_the_password_is_kept_as_an_argon2id_hash_only(engine: Engine, chen: int):
    with reading(engine) as tx:
        kept = tx.execute(select(user.c.password_hash).where(user.c.id == chen)).scalar_one()
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(engine: Engine, chen: int, now: datetime):
    with pytest.raises(WrongLogin) as known:
        verify_login(engine, "chen", "wrong password", now=now)
    with pytest.raises(WrongLogin) as unknown:
        verify_login(engine, "nobody", "wrong password", now=now)
    assert str(known.value) == str(unknown.value)


@pytest.mark.usefixtures("real_passwords")
def test_an_unknown_login_is_not_answered_faster_than_a_known_one(engine: Engine, now: datetime):
    add_chen(engine, now)

    def seconds(login: str) -> float:
        began = perf_counter()
        with pytest.raises(WrongLogin):
            verify_login(engine, login, "wrong password", now=now)
        return perf_counter() - began

    seconds("nobody")  # the first one also makes the decoy hash
    assert min(seconds("nobody") for _ in range(3)) > 0.3 * min(seconds("chen") for _ in range(2))


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(engine: Engine, chen: int, now: datetime):
    fail(engine, FAILURES_UNTIL_LOCK, now=now)
    with pytest.raises(WrongLogin, match="locked for 15 minutes"):
        verify_login(engine, "chen", PASSWORD, now=now + LOCK_FOR - timedelta(seconds=1))
    assert verify_login(engine, "chen", PASSWORD, now=now + LOCK_FOR).user_id == chen


def test_a_right_password_resets_the_count_of_wrong_ones(engine: Engine, chen: int, now: datetime):
    for failures in (FAILURES_UNTIL_LOCK - 1, 1):
        fail(engine, failures, now=now)
        assert verify_login(engine, "chen", PASSWORD, now=now).user_id == chen


def test_a_new_password_replaces_the_old_one_and_unlocks(engine: Engine, chen: int, now: datetime):
    fail(engine, FAILURES_UNTIL_LOCK, now=now)
    with writing(engine) as tx:
        set_password(tx, chen, "another long password", now=now)
    assert verify_login(engine, "chen", "another long password", now=now).user_id == chen
    with pytest.raises(WrongLogin):
        verify_login(engine, "chen", PASSWORD, now=now)


def test_a_closed_account_opens_nothing(engine: Engine, chen: int, now: datetime):
    with writing(engine) as tx:
        set_active(tx, chen, active=False, now=now)
    with pytest.raises(WrongLogin):
        verify_login(engine, "chen", PASSWORD, now=now)
    assert find_user(engine, chen) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": ""}, "login"),
        ({"login": "two words"}, "login"),
        ({"name": " "}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 201}, "password"),
    ],
)
def test_an_unusable_account_is_refused_by_field(engine: Engine, now: datetime, change: dict[str, str], field: str):
    given = {"login": "wang", "name": "王强", "role": Role.CREW, "password": PASSWORD} | change
    with writing(engine) as tx, pytest.raises(InvalidInput) as refused:
        add_user(tx, NewUser(**given), now=now)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_login_exists_once(engine: Engine, chen: int, now: datetime):
    with writing(engine) as tx, pytest.raises(Conflict, match="'chen' exists"):
        add_user(tx, NewUser(login="CHEN", name="x", role=Role.CREW, password=PASSWORD), now=now)


def test_nobody_is_found_by_an_id_that_is_gone(engine: Engine, now: datetime):
    assert find_user(engine, 77) is None
    with writing(engine) as tx, pytest.raises(NotFound):
        set_password(tx, 77, PASSWORD, now=now)


def test_demo_accounts_open_a_demo_city_and_no_other(engine: Engine, now: datetime):
    with writing(engine) as tx:
        ids = seed_demo_people(tx, now)
    for account in DEMO_ACCOUNTS:
        actor = verify_login(engine, account.login, DEMO_PASSWORD, now=now, allow_demo=True)
        assert (actor.user_id, actor.role) == (ids[account.login], account.role)
    with pytest.raises(WrongLogin):
        verify_login(engine, "admin", DEMO_PASSWORD, now=now)
    assert find_user(engine, ids["admin"], allow_demo=False) is None


def test_seeding_the_demo_people_again_changes_nothing(engine: Engine, now: datetime):
    with writing(engine) as tx:
        first = seed_demo_people(tx, now)
        assert seed_demo_people(tx, now) == first
        assert tx.execute(select(func.count()).select_from(user)).scalar() == len(DEMO_ACCOUNTS)
        assert tx.execute(select(func.count()).select_from(unit)).scalar() == 3
