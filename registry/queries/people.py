"""Who has an account, where they are signed in, which tokens they hold, and which units there are."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, func, or_, select

from registry.domain.errors import NotFound
from registry.domain.kinds import CaseRole, Role
from registry.domain.token_scopes import TokenScope
from registry.queries.asset_filters import digits_begin
from registry.queries.asset_views import UnitView
from registry.queries.paging import Page, check_limit, decode, page_of
from registry.queries.rows import all_views, read_row
from registry.storage.database import reading
from registry.storage.tables import api_token, area, unit, user, user_session

_MOST_SESSIONS = 100
_MOST_TOKENS = 500


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One account; never its password. ``area_code`` "" is the whole city, ``area_name`` "" an area not on file."""

    id: int
    login: str
    name: str
    role: Role
    case_roles: list[CaseRole]
    unit_id: int | None
    unit_name: str | None
    area_code: str
    area_name: str
    phone: str
    demo: bool
    active: bool
    must_change_password: bool
    locked_until: datetime | None
    password_changed_at: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is signed in; ``id`` is a hash and opens nothing."""

    id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """An API token as lists show it: its beginning, never the whole."""

    id: int
    name: str
    prefix: str
    user_id: int
    user_name: str
    role: Role
    scopes: list[TokenScope]
    created_at: datetime
    expires_at: datetime | None
    seen_at: datetime | None
    revoked_at: datetime | None


def list_people(
    engine: Engine,
    *,
    q: str | None = None,
    role: Role | None = None,
    active: bool | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 100,
) -> Page[Person]:
    """Accounts by login, of people bound to the area ``scope`` or a part of it. ``q`` finds part of login or name."""
    conditions: list[ColumnElement[bool]] = []
    if q is not None and q.strip():
        words = q.strip()
        conditions.append(
            or_(user.c.login.icontains(words, autoescape=True), user.c.name.icontains(words, autoescape=True))
        )
    if role is not None:
        conditions.append(user.c.role == role.value)
    if active is not None:
        conditions.append(user.c.active == active)
    if scope:
        conditions.append(digits_begin(user.c.area_code, scope))
    if after is not None:
        (login,) = decode(after, str)
        conditions.append(user.c.login > str(login))
    query = _people().where(*conditions).order_by(user.c.login).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [read_row(row, Person) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.login,))


def person(engine: Engine, user_id: int) -> Person:
    """One account. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_people().where(user.c.id == user_id)).first()
    if row is None:
        raise NotFound("user", user_id)
    return read_row(row, Person)


def open_sessions(engine: Engine, user_id: int, *, now: datetime) -> list[SessionRow]:
    """Where somebody is signed in now, the last seen first; at most a hundred."""
    current = select(user.c.session_epoch).where(user.c.id == user_id).scalar_subquery()
    query = (
        select(user_session)
        .where(
            user_session.c.user_id == user_id,
            user_session.c.ended_at.is_(None),
            user_session.c.expires_at > now,
            user_session.c.session_epoch == current,
        )
        .order_by(user_session.c.seen_at.desc())
        .limit(_MOST_SESSIONS)
    )
    with reading(engine) as tx:
        return all_views(tx, query, SessionRow)


def list_tokens(
    engine: Engine,
    *,
    user_id: int | None = None,
    with_ended: bool = False,
    scope: str = "",
    before: int | None = None,
    limit: int = _MOST_TOKENS,
) -> list[TokenRow]:
    """Tokens, the newest first; of one account, or of everybody bound to the area ``scope`` or a part of it.

    ``before``: those that were made before the token of that id.
    """
    query = (
        select(api_token, user.c.name.label("user_name"), user.c.role)
        .join_from(api_token, user, user.c.id == api_token.c.user_id)
        .order_by(api_token.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(api_token.c.id < before)
    if user_id is not None:
        query = query.where(api_token.c.user_id == user_id)
    if not with_ended:
        query = query.where(api_token.c.revoked_at.is_(None))
    if scope:
        query = query.where(digits_begin(user.c.area_code, scope))
    with reading(engine) as tx:
        return [read_row(row, TokenRow) for row in tx.execute(query)]


def list_units(engine: Engine) -> list[UnitView]:
    """Every unit, by name."""
    with reading(engine) as tx:
        return all_views(tx, select(unit).order_by(unit.c.name), UnitView)


def _people() -> Select[tuple[object, ...]]:
    name = select(func.min(area.c.name)).where(area.c.code == user.c.area_code, user.c.area_code != "")
    columns = [column for column in user.c if column.name not in ("password_hash", "failed_logins", "session_epoch")]
    return select(
        *columns,
        unit.c.name.label("unit_name"),
        func.coalesce(name.scalar_subquery(), "").label("area_name"),
    ).outerjoin_from(user, unit, unit.c.id == user.c.unit_id)
