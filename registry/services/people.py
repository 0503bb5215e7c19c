"""People who log in: accounts, passwords (argon2id), and a lock after repeated wrong ones.

A wrong login is hashed against as long as a wrong password and gets the same answer, so that nobody can list who has
an account.
Demo accounts have a published password; they open nothing unless the city says that it is a demo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.services.units import NewUnit, ensure_unit
from registry.storage.database import reading, writing
from registry.storage.tables import user

FAILURES_UNTIL_LOCK = 5
LOCK_FOR = timedelta(minutes=15)
DEMO_PASSWORD = "covercode-demo"  # noqa: S105  # published on purpose; demo accounts work in a demo city only
_SHORTEST_PASSWORD = 10
_LONGEST_PASSWORD = 200


class WrongLogin(NotAllowed):
    """Login and password don't fit together, or the account is locked, closed or not for here; which is not told."""

    def __init__(self) -> None:
        super().__init__(
            f"login or password is wrong; after {FAILURES_UNTIL_LOCK} wrong passwords in a row an account "
            f"stays locked for {LOCK_FOR.seconds // 60} minutes"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """An account to be made. ``password`` is hashed before it goes anywhere."""

    login: str
    name: str
    role: Role
    password: str
    unit_id: int | None = None
    demo: bool = False


def add_user(tx: Connection, new: NewUser, *, now: datetime) -> int:
    """The id of the new account. Raises ``InvalidInput`` naming the field, ``Conflict`` for a login that exists."""
    login = _normal(new.login)
    if not 1 <= len(login) <= 60 or any(letter.isspace() for letter in login):
        raise InvalidInput("login", "must be 1 to 60 characters without blanks")
    if not 1 <= len(new.name.strip()) <= 80:
        raise InvalidInput("name", "must be 1 to 80 characters")
    if tx.execute(select(user.c.id).where(user.c.login == login)).first() is not None:
        raise Conflict(f"the login {login!r} exists; choose another")
    return _insert(tx, new, login, _hash(new.password), now=now)


def _insert(tx: Connection, new: NewUser, login: str, password_hash: str, *, now: datetime) -> int:
    return int(
        tx.execute(
            insert(user)
            .values(
                login=login,
                name=new.name.strip(),
                role=new.role.value,
                unit_id=new.unit_id,
                password_hash=password_hash,
                demo=new.demo,
                created_at=now,
            )
            .returning(user.c.id)
        ).scalar_one()
    )


def verify_login(engine: Engine, login: str, password: str, *, now: datetime, allow_demo: bool = False) -> Actor:
    """Who this is. Raises ``WrongLogin``, for 15 minutes also with the right password after five wrong ones in a row.

    A right answer resets the count. The hash is checked outside any transaction: it takes some 50 ms on purpose.
    """
    with reading(engine) as tx:
        row = tx.execute(select(user).where(user.c.login == _normal(login))).first()
    fits = _fits(row.password_hash if row is not None else _decoy(), password)
    locked = row is not None and row.locked_until is not None and now < row.locked_until
    if row is None or locked or not row.active or (row.demo and not allow_demo):
        raise WrongLogin
    if not fits:
        _count_failure(engine, row.id, now=now)
        raise WrongLogin
    fresh = {"password_hash": _hash(password)} if _hasher().check_needs_rehash(row.password_hash) else {}
    if fresh or row.failed_logins or row.locked_until is not None:
        with writing(engine) as tx:
            tx.execute(update(user).where(user.c.id == row.id).values(failed_logins=0, locked_until=None, **fresh))
    return Actor(user_id=row.id, name=row.name, role=Role(row.role), unit_id=row.unit_id)


def set_password(tx: Connection, user_id: int, password: str) -> None:
    """Give an account another password; this also unlocks it. Raises ``NotFound`` and ``InvalidInput``."""
    changed = tx.execute(
        update(user)
        .where(user.c.id == user_id)
        .values(password_hash=_hash(password), failed_logins=0, locked_until=None)
    )
    if changed.rowcount == 0:
        raise NotFound("user", user_id)


def set_active(tx: Connection, user_id: int, *, active: bool) -> None:
    """Close an account, or open it again; its history stays. Raises ``NotFound``."""
    changed = tx.execute(update(user).where(user.c.id == user_id).values(active=active))
    if changed.rowcount == 0:
        raise NotFound("user", user_id)


def find_user(engine: Engine, user_id: int, *, allow_demo: bool = True) -> Actor | None:
    """Whose session this is; None when the account is gone, closed, or a demo account where none are allowed."""
    with reading(engine) as tx:
        row = tx.execute(
            select(user.c.id, user.c.name, user.c.role, user.c.unit_id, user.c.active, user.c.demo).where(
                user.c.id == user_id
            )
        ).first()
    if row is None or not row.active or (row.demo and not allow_demo):
        return None
    return Actor(user_id=row.id, name=row.name, role=Role(row.role), unit_id=row.unit_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """One account of a demo city, as the start page lists them."""

    login: str
    name: str
    role: Role
    unit: NewUnit | None


_COVERS = NewUnit(name="市政设施养护处", name_en="Municipal Facilities Maintenance", phone="0512-6500-0101")
_LIGHTS = NewUnit(name="路灯管理所", name_en="Street Lighting Office", phone="0512-6500-0118")
_CENTRE = NewUnit(name="城市运行管理中心", name_en="City Operations Centre", phone="0512-12319")

DEMO_ACCOUNTS = (
    DemoAccount(login="admin", name="系统管理员", role=Role.ADMINISTRATOR, unit=_CENTRE),
    DemoAccount(login="registrar", name="档案员 林晓", role=Role.REGISTRAR, unit=_CENTRE),
    DemoAccount(login="dispatcher", name="派遣员 陈静", role=Role.DISPATCHER, unit=_CENTRE),
    DemoAccount(login="crew1", name="养护员 王强", role=Role.CREW, unit=_COVERS),
    DemoAccount(login="crew2", name="养护员 李敏", role=Role.CREW, unit=_LIGHTS),
    DemoAccount(login="viewer", name="督查员 赵宏", role=Role.VIEWER, unit=None),
)


def seed_demo_people(tx: Connection, now: datetime) -> dict[str, int]:
    """Make the demo units and accounts that are missing; returns login → user id. Repeating it changes nothing."""
    made: dict[str, int] = {}
    one_hash: str | None = None  # the password is the same and published; five hashes would only cost time
    for account in DEMO_ACCOUNTS:
        unit_id = None if account.unit is None else ensure_unit(tx, account.unit)
        there = tx.execute(select(user.c.id).where(user.c.login == account.login)).scalar()
        if there is None:
            one_hash = one_hash or _hash(DEMO_PASSWORD)
            new = NewUser(
                login=account.login,
                name=account.name,
                role=account.role,
                password=DEMO_PASSWORD,
                unit_id=unit_id,
                demo=True,
            )
            there = _insert(tx, new, account.login, one_hash, now=now)
        made[account.login] = there
    return made


def _count_failure(engine: Engine, user_id: int, *, now: datetime) -> None:
    with writing(engine) as tx:
        failures = tx.execute(
            update(user)
            .where(user.c.id == user_id)
            .values(failed_logins=user.c.failed_logins + 1)
            .returning(user.c.failed_logins)
        ).scalar_one()
        if failures >= FAILURES_UNTIL_LOCK:
            tx.execute(update(user).where(user.c.id == user_id).values(failed_logins=0, locked_until=now + LOCK_FOR))


def _normal(login: str) -> str:
    return login.strip().casefold()


def _hash(password: str) -> str:
    if len(password) < _SHORTEST_PASSWORD:
        raise InvalidInput("password", f"must have at least {_SHORTEST_PASSWORD} characters")
    if len(password) > _LONGEST_PASSWORD:
        raise InvalidInput("password", f"must have at most {_LONGEST_PASSWORD} characters")
    return _hasher().hash(password)


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password[: _LONGEST_PASSWORD + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _decoy() -> str:
    """What an unknown login is checked against, so that it takes as long as a known one."""
    return _hasher().hash("nobody has this password")
