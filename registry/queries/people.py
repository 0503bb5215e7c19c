"""Who has an account and which units there are, for the administrator's lists."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from registry.domain.kinds import Role
from registry.queries.asset_views import UnitView
from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import unit, user


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One account; never its password."""

    id: int
    login: str
    name: str
    role: Role
    unit_id: int | None
    unit_name: str | None
    demo: bool
    active: bool
    locked_until: datetime | None
    created_at: datetime


def list_people(engine: Engine) -> list[Person]:
    """Every account, by login."""
    query = (
        select(
            user.c.id,
            user.c.login,
            user.c.name,
            user.c.role,
            user.c.unit_id,
            unit.c.name.label("unit_name"),
            user.c.demo,
            user.c.active,
            user.c.locked_until,
            user.c.created_at,
        )
        .outerjoin_from(user, unit, unit.c.id == user.c.unit_id)
        .order_by(user.c.login)
    )
    with reading(engine) as tx:
        return all_views(tx, query, Person)


def list_units(engine: Engine) -> list[UnitView]:
    """Every unit, by name."""
    with reading(engine) as tx:
        return all_views(tx, select(unit).order_by(unit.c.name), UnitView)
