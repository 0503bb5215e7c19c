"""People who log in: accounts, their roles and areas, and a lock after repeated wrong passwords.

A wrong login is hashed against as long as a wrong password and gets the same answer, so that nobody can list who has
an account. Whatever changes what an account may do, or its password, ends its open sessions (``session_epoch``).
Demo accounts have a published password; they open nothing unless the city says that it is a demo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, true, update

from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import CaseRole, Role
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area, read_area_code
from registry.services import audit, passwords
from registry.storage.database import reading, writing
from registry.storage.tables import unit, user

FAILURES_UNTIL_LOCK = 5
LOCK_FOR = timedelta(minutes=15)
UNTIL_UNLOCKED = datetime(9999, 1, 1, tzinfo=UTC)
"""``locked_until`` of an account that an administrator locked."""


class WrongLogin(NotAllowed):
    """Login and password don't fit together, or the account is locked, closed or not for here; which is not told."""

    def __init__(self) -> None:
        super().__init__(
            f"login or password is wrong; after {FAILURES_UNTIL_LOCK} wrong passwords in a row an account "
            f"stays locked for {LOCK_FOR.seconds // 60} minutes"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """An account to be made. ``password`` is hashed before it goes anywhere; ``area_code`` "" is the whole city.

    ``case_roles`` are its posts in the loop of a case; none: those that go with the role.
    """

    login: str
    name: str
    role: Role
    password: str
    unit_id: int | None = None
    area_code: str = ""
    phone: str = ""
    case_roles: tuple[CaseRole, ...] = ()
    must_change_password: bool = False
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """What an account is to be from now on."""

    name: str
    role: Role
    unit_id: int | None
    area_code: str
    phone: str
    case_roles: tuple[CaseRole, ...] = ()


def add_user(tx: Connection, new: NewUser, *, now: datetime, by: Actor = SYSTEM) -> int:
    """The id of the new account.

    Raises ``InvalidInput`` naming the field, ``Conflict`` for a login that exists, ``NotAllowed`` for an area beyond
    the one of ``by``.
    """
    login = _normal(new.login)
    if not 1 <= len(login) <= 60 or any(letter.isspace() for letter in login):
        raise InvalidInput("login", "must be 1 to 60 characters without blanks")
    row = _checked(
        tx,
        UserChange(
            name=new.name,
            role=new.role,
            unit_id=new.unit_id,
            area_code=new.area_code,
            phone=new.phone,
            case_roles=new.case_roles,
        ),
        by=by,
    )
    if tx.execute(select(user.c.id).where(user.c.login == login)).first() is not None:
        raise Conflict(f"the login {login!r} exists; choose another")
    passwords.check_password(new.password, login=login, others=[row["name"]])
    row |= {
        "login": login,
        "password_hash": passwords.hash_password(new.password),
        "password_changed_at": now,
        "must_change_password": new.must_change_password,
        "demo": new.demo,
        "created_at": now,
    }
    user_id = int(tx.execute(insert(user).values(row).returning(user.c.id)).scalar_one())
    detail = {"login": login, "role": new.role.value, "unit_id": new.unit_id, "area_code": row["area_code"]}
    audit.record(tx, by=by, action="user.add", subject=f"user:{user_id}", detail=detail, now=now)
    return user_id


def change_user(tx: Connection, user_id: int, change: UserChange, *, by: Actor, now: datetime) -> None:
    """Give an account another name, role, unit, area or phone; another role, unit or area ends its open sessions.

    Raises ``NotFound``, ``InvalidInput`` naming the field, ``Conflict`` for the last administrator, ``NotAllowed``
    for somebody, or an area, beyond the area of ``by``.
    """
    before = _manageable(tx, user_id, by=by)
    row = _checked(tx, change, by=by)
    if before.role == Role.ADMINISTRATOR and (row["role"], row["area_code"]) != (Role.ADMINISTRATOR, ""):
        _check_not_last(tx, user_id)
    changes = {name: [before._mapping[name], value] for name, value in row.items() if before._mapping[name] != value}
    if not changes:
        return
    epoch = (
        {"session_epoch": user.c.session_epoch + 1}
        if changes.keys() & {"role", "case_roles", "unit_id", "area_code"}
        else {}
    )
    tx.execute(update(user).where(user.c.id == user_id).values(**row, **epoch))
    audit.record(tx, by=by, action="user.change", subject=f"user:{user_id}", detail=changes, now=now)


def verify_login(engine: Engine, login: str, password: str, *, now: datetime, allow_demo: bool = False) -> Actor:
    """Who this is. Raises ``WrongLogin``, for 15 minutes also with the right password after five wrong ones in a row.

    A right answer resets the count. The hash is checked outside any transaction: it takes some 50 ms on purpose.
    """
    with reading(engine) as tx:
        row = tx.execute(select(user).where(user.c.login == _normal(login))).first()
    right = passwords.fits(row.password_hash if row is not None else passwords.decoy(), password)
    locked = row is not None and row.locked_until is not None and now < row.locked_until
    if row is None or locked or not row.active or (row.demo and not allow_demo):
        raise WrongLogin
    if not right:
        _count_failure(engine, row, now=now)
        raise WrongLogin
    fresh: dict[str, Any] = {}
    if passwords.is_outdated(row.password_hash):
        fresh["password_hash"] = passwords.hash_password(password)
    if fresh or row.failed_logins or row.locked_until is not None:
        with writing(engine) as tx:
            tx.execute(update(user).where(user.c.id == row.id).values(failed_logins=0, locked_until=None, **fresh))
    return actor_of(row)


def set_password(
    tx: Connection, user_id: int, password: str, *, now: datetime, by: Actor = SYSTEM, must_change: bool = False
) -> None:
    """Give an account another password; this also unlocks it and ends its sessions.

    With ``must_change`` the person has to choose their own at the next sign-in. Raises ``NotFound``, ``InvalidInput``,
    and ``NotAllowed`` for somebody beyond the area of ``by``.
    """
    there = _manageable(tx, user_id, by=by)
    passwords.check_password(password, login=there.login, others=[there.name])
    tx.execute(
        update(user)
        .where(user.c.id == user_id)
        .values(
            password_hash=passwords.hash_password(password),
            password_changed_at=now,
            must_change_password=must_change,
            failed_logins=0,
            locked_until=None,
            session_epoch=user.c.session_epoch + 1,
        )
    )
    audit.record(tx, by=by, action="user.password", subject=f"user:{user_id}", now=now)


def reset_password(tx: Connection, user_id: int, *, by: Actor, now: datetime) -> str:
    """A password to tell the person, good for one sign-in: they must choose their own then. See ``set_password``."""
    password = passwords.new_password()
    set_password(tx, user_id, password, by=by, now=now, must_change=True)
    return password


def change_own_password(engine: Engine, by: Actor, *, old: str, new: str, now: datetime) -> None:
    """Let somebody choose another password; ends all their sessions. Raises ``InvalidInput`` for ``old`` or ``new``."""
    with reading(engine) as tx:
        row = tx.execute(select(user).where(user.c.id == by.user_id)).first()
    if row is None:
        raise NotFound("user", by.user_id)
    if row.locked_until is not None and now < row.locked_until:
        raise InvalidInput("old_password", "was wrong too often; sign in again after some minutes")
    if not passwords.fits(row.password_hash, old):
        _count_failure(engine, row, now=now)
        raise InvalidInput("old_password", "is not your password; type the one you signed in with")
    if old == new:
        raise InvalidInput("password", "is the one you have; choose another")
    with writing(engine) as tx:
        set_password(tx, row.id, new, by=by, now=now)


def set_active(tx: Connection, user_id: int, *, active: bool, now: datetime, by: Actor = SYSTEM) -> None:
    """Close an account, or open it again; its history stays, its sessions end.

    Raises ``NotFound``, ``Conflict`` for the last administrator, ``NotAllowed`` beyond the area of ``by``.
    """
    there = _manageable(tx, user_id, by=by)
    if not active and there.role == Role.ADMINISTRATOR:
        _check_not_last(tx, user_id)
    tx.execute(update(user).where(user.c.id == user_id).values(active=active, session_epoch=user.c.session_epoch + 1))
    action = "user.open" if active else "user.close"
    audit.record(tx, by=by, action=action, subject=f"user:{user_id}", now=now)


def set_locked(tx: Connection, user_id: int, *, locked: bool, by: Actor, now: datetime) -> None:
    """Lock an account until it is unlocked (its sessions end), or unlock it. Raises as ``set_active`` does."""
    there = _manageable(tx, user_id, by=by)
    if locked and there.role == Role.ADMINISTRATOR:
        _check_not_last(tx, user_id)
    values: dict[str, Any] = {"failed_logins": 0, "locked_until": UNTIL_UNLOCKED if locked else None}
    if locked:
        values["session_epoch"] = user.c.session_epoch + 1
    tx.execute(update(user).where(user.c.id == user_id).values(values))
    action = "user.lock" if locked else "user.unlock"
    audit.record(tx, by=by, action=action, subject=f"user:{user_id}", now=now)


def find_user(engine: Engine, user_id: int, *, allow_demo: bool = True) -> Actor | None:
    """An account as an actor; None when it is gone, closed, or a demo account where none are allowed."""
    with reading(engine) as tx:
        row = tx.execute(select(user).where(user.c.id == user_id)).first()
    if row is None or not row.active or (row.demo and not allow_demo):
        return None
    return actor_of(row)


def find_login(tx: Connection, login: str) -> int:
    """The id of the account of that login. Raises ``NotFound``."""
    found = tx.execute(select(user.c.id).where(user.c.login == _normal(login))).scalar()
    if found is None:
        raise NotFound("login", login)
    return int(found)


def actor_of(row: Any) -> Actor:
    """The person of a row of ``app_user`` (or of a join that has its columns)."""
    return Actor(
        user_id=row.id,
        name=row.name,
        role=Role(row.role),
        unit_id=row.unit_id,
        area_code=row.area_code,
        given_case_roles=frozenset(CaseRole(word) for word in row.case_roles),
    )


def _checked(tx: Connection, change: UserChange, *, by: Actor) -> dict[str, Any]:
    """The columns of ``change``. An account may be given no more of the city than its maker has."""
    name, phone, area_code = change.name.strip(), change.phone.strip(), read_area_code(change.area_code)
    if not 1 <= len(name) <= 80:
        raise InvalidInput("name", "must be 1 to 80 characters")
    if len(phone) > 40:
        raise InvalidInput("phone", "is longer than 40 characters; give one number")
    if change.unit_id is not None and tx.execute(select(unit.c.id).where(unit.c.id == change.unit_id)).first() is None:
        raise InvalidInput("unit_id", "unit {unit_id} does not exist; choose one from the list", unit_id=change.unit_id)
    check_area(by, area_code)
    return {
        "name": name,
        "role": change.role.value,
        "case_roles": [role.value for role in CaseRole if role in change.case_roles],
        "unit_id": change.unit_id,
        "area_code": area_code,
        "phone": phone,
    }


def _manageable(tx: Connection, user_id: int, *, by: Actor) -> Any:
    """The account's row. Everybody may deal with their own; with others' only within their area."""
    row = tx.execute(select(user).where(user.c.id == user_id)).first()
    if row is None:
        raise NotFound("user", user_id)
    if by.user_id != user_id:
        check_area(by, row.area_code)
    return row


def _check_not_last(tx: Connection, user_id: int) -> None:
    """Somebody must be left who can manage accounts. Locked, so that two can't remove each other at the same time."""
    others = tx.execute(
        select(user.c.id, user.c.area_code)
        .where(user.c.role == Role.ADMINISTRATOR.value, user.c.active == true())
        .with_for_update()
    ).all()
    if not any(row.id != user_id and row.area_code == "" for row in others):
        raise Conflict("this is the last administrator of the whole city; make another one first")


def _count_failure(engine: Engine, row: Any, *, now: datetime) -> None:
    with writing(engine) as tx:
        failures = tx.execute(
            update(user)
            .where(user.c.id == row.id)
            .values(failed_logins=user.c.failed_logins + 1)
            .returning(user.c.failed_logins)
        ).scalar_one()
        if failures >= FAILURES_UNTIL_LOCK:
            tx.execute(update(user).where(user.c.id == row.id).values(failed_logins=0, locked_until=now + LOCK_FOR))
            audit.record(tx, by=SYSTEM, action="user.lock_out", subject=f"user:{row.id}", now=now)


def _normal(login: str) -> str:
    return login.strip().casefold()
