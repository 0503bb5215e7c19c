"""The units and accounts of a demo city. Their password is published: they sign in only where the city is a demo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from registry.domain.kinds import Role
from registry.services import passwords
from registry.services.units import NewUnit, ensure_unit
from registry.storage.tables import user

DEMO_PASSWORD = "covercode-demo"  # noqa: S105  # published on purpose; demo accounts work in a demo city only


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
    one_hash: str | None = None  # the password is the same and published; six hashes would only cost time
    for account in DEMO_ACCOUNTS:
        unit_id = None if account.unit is None else ensure_unit(tx, account.unit)
        there = tx.execute(select(user.c.id).where(user.c.login == account.login)).scalar()
        if there is None:
            one_hash = one_hash or passwords.hash_password(DEMO_PASSWORD)
            row = {"login": account.login, "name": account.name, "role": account.role.value, "unit_id": unit_id}
            added = insert(user).values(**row, password_hash=one_hash, demo=True, created_at=now)
            there = tx.execute(added.returning(user.c.id)).scalar_one()
        made[account.login] = int(there)
    return made
