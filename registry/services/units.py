"""Units (责任单位): the organisations that supervise, own and maintain assets, and that cases are dispatched to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, and_, delete, exists, insert, literal, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import Actor
from registry.services import audit, revisions
from registry.storage.database import writing
from registry.storage.tables import asset, asset_change, metadata, post, shift, unit


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


def save_unit(engine: Engine, unit_id: int | None, new: NewUnit, *, by: Actor, now: datetime) -> int:
    """Add a unit (``unit_id`` None) or change one, and put it on the audit trail; its id. Raises as the two above."""
    with writing(engine) as tx:
        if unit_id is None:
            kept, action = add_unit(tx, new), "unit.add"
        else:
            change_unit(tx, unit_id, new)
            kept, action = unit_id, "unit.change"
        audit.record(tx, by=by, action=action, subject=f"unit:{kept}", detail={"name": new.name.strip()}, now=now)
    return kept


def merge_units(engine: Engine, kept_id: int, merged_id: int, *, by: Actor, now: datetime) -> int:
    """Let ``kept_id`` take over everything that names ``merged_id``, which is then gone; how many assets changed.

    For one organisation that stands in the book under two names. Raises ``NotFound``, ``InvalidInput`` for one unit
    twice, ``Conflict`` when both have a post of the same name, area and family.
    """
    if kept_id == merged_id:
        raise InvalidInput("merged_id", "is the unit itself; choose another one")
    with writing(engine) as tx:
        names = {row.id: row.name for row in tx.execute(select(unit).where(unit.c.id.in_([kept_id, merged_id])))}
        for unit_id in (kept_id, merged_id):
            if unit_id not in names:
                raise NotFound("unit", unit_id)
        _check_posts_apart(tx, kept_id, merged_id)
        _check_shifts_apart(tx, kept_id, merged_id)
        changed = 0
        for column in _naming_units():
            changed += _rename(tx, column, kept_id, merged_id, names[merged_id], by=by, now=now)
        tx.execute(delete(unit).where(unit.c.id == merged_id))
        revisions.bump(tx, revisions.DIRECTORY)
        detail = {"merged": merged_id, "name": names[merged_id], "into": names[kept_id], "assets": changed}
        audit.record(tx, by=by, action="unit.merge", subject=f"unit:{kept_id}", detail=detail, now=now)
    return changed


def _naming_units() -> list[Column[Any]]:
    """Every column of the registry that names a unit, those of tables to come included."""
    return [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if any(key.column is unit.c.id for key in column.foreign_keys)
    ]


def _check_posts_apart(tx: Connection, kept_id: int, merged_id: int) -> None:
    other = post.alias("other")
    same = and_(other.c.name == post.c.name, other.c.area_code == post.c.area_code, other.c.family == post.c.family)
    twins = select(post.c.name).where(
        post.c.unit_id == merged_id, exists(select(other.c.id).where(other.c.unit_id == kept_id, same))
    )
    name = tx.execute(twins).scalar()
    if name is not None:
        raise Conflict(f"both units have a post {name!r} for the same area; rename or remove one of them first")


def _check_shifts_apart(tx: Connection, kept_id: int, merged_id: int) -> None:
    other = shift.alias("other")
    twins = select(shift.c.name).where(
        shift.c.unit_id == merged_id,
        exists(select(other.c.id).where(other.c.unit_id == kept_id, other.c.name == shift.c.name)),
    )
    name = tx.execute(twins).scalar()
    if name is not None:
        raise Conflict(f"both units have a shift {name!r}; rename one of them first")


def _rename(
    tx: Connection, column: Column[Any], kept_id: int, merged_id: int, merged_name: str, *, by: Actor, now: datetime
) -> int:
    """Change one column of one table; for assets with a line in each one's history. How many assets changed.

    The line's note is the name of the unit that goes: nothing else will know it.
    """
    if column.table is not asset:
        tx.execute(update(column.table).where(column == merged_id).values({column.name: kept_id}))
        return 0
    line = select(
        asset.c.id,
        literal(now, asset_change.c.at.type),
        literal(by.user_id, asset_change.c.by_user_id.type),
        literal("unit"),
        literal({column.name: [merged_id, kept_id]}, asset_change.c.changes.type),
        literal(merged_name),
    ).where(column == merged_id)
    tx.execute(insert(asset_change).from_select(["asset_id", "at", "by_user_id", "action", "changes", "note"], line))
    values = {column.name: kept_id, "version": asset.c.version + 1, "updated_at": now}
    return tx.execute(update(asset).where(column == merged_id).values(values)).rowcount


def find_unit(tx: Connection, name: str) -> Unit | None:
    """The unit of exactly that name."""
    row = tx.execute(select(unit).where(unit.c.name == name)).first()
    return None if row is None else Unit(id=row.id, name=row.name, name_en=row.name_en, phone=row.phone)


def _checked(new: NewUnit) -> NewUnit:
    name, name_en, phone = new.name.strip(), new.name_en.strip(), new.phone.strip()
    if not name:
        raise InvalidInput("name", "a unit needs a name")
    if len(name) > 80 or len(name_en) > 80:
        raise InvalidInput("name", "is longer than 80 characters; shorten it")
    if len(phone) > 40:
        raise InvalidInput("phone", "is longer than 40 characters; give one number")
    return NewUnit(name=name, name_en=name_en, phone=phone)
