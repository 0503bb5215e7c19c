"""Units (责任单位): the organisations that supervise, own and maintain assets, and that cases are dispatched to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.storage.tables import unit


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    """What a unit is called (Chinese, English) and the number printed on plates and shown to citizens."""

    name: str
    name_en: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit as it is kept."""

    id: int
    name: str
    name_en: str
    phone: str


def add_unit(tx: Connection, new: NewUnit) -> int:
    """The id of the new unit. Raises ``InvalidInput`` for an empty name and ``Conflict`` for one that exists."""
    checked = _checked(new)
    if find_unit(tx, checked.name) is not None:
        raise Conflict(f"a unit named {checked.name!r} exists; use it or choose another name")
    return int(
        tx.execute(
            insert(unit).values(name=checked.name, name_en=checked.name_en, phone=checked.phone).returning(unit.c.id)
        ).scalar_one()
    )


def ensure_unit(tx: Connection, new: NewUnit) -> int:
    """The id of the unit of that name, made if it is not there; an existing one is left as it is."""
    there = find_unit(tx, new.name.strip())
    return add_unit(tx, new) if there is None else there.id


def change_unit(tx: Connection, unit_id: int, new: NewUnit) -> None:
    """Rename a unit or give it another phone. Raises ``NotFound``, ``InvalidInput``, ``Conflict`` (name taken)."""
    checked = _checked(new)
    namesake = find_unit(tx, checked.name)
    if namesake is not None and namesake.id != unit_id:
        raise Conflict(f"a unit named {checked.name!r} exists; choose another name")
    changed = tx.execute(
        update(unit).where(unit.c.id == unit_id).values(name=checked.name, name_en=checked.name_en, phone=checked.phone)
    )
    if changed.rowcount == 0:
        raise NotFound("unit", unit_id)


def find_unit(tx: Connection, name: str) -> Unit | None:
    """The unit of exactly that name."""
    row = tx.execute(select(unit).where(unit.c.name == name)).first()
    return None if row is None else Unit(id=row.id, name=row.name, name_en=row.name_en, phone=row.phone)


def all_units(tx: Connection) -> list[Unit]:
    """Every unit, by name."""
    rows = tx.execute(select(unit).order_by(unit.c.name))
    return [Unit(id=row.id, name=row.name, name_en=row.name_en, phone=row.phone) for row in rows]


def _checked(new: NewUnit) -> NewUnit:
    name, name_en, phone = new.name.strip(), new.name_en.strip(), new.phone.strip()
    if not name:
        raise InvalidInput("name", "a unit needs a name")
    if len(name) > 80 or len(name_en) > 80:
        raise InvalidInput("name", "is longer than 80 characters; shorten it")
    if len(phone) > 40:
        raise InvalidInput("phone", "is longer than 40 characters; give one number")
    return NewUnit(name=name, name_en=name_en, phone=phone)
