"""Reading units: who they are, and how much of the city each answers for."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine, func, select

from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import duty, post, unit, user


class UnitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A unit with how many people, posts and lines of the duty list name it."""

    id: int
    name: str
    name_en: str
    phone: str
    people: int
    posts: int
    duties: int


def english_names(engine: Engine) -> dict[str, str]:
    """What each unit with a name in English too is called, by its name."""
    with reading(engine) as tx:
        rows = tx.execute(select(unit.c.name, unit.c.name_en).where(unit.c.name_en != ""))
        return {row.name: row.name_en for row in rows}


def unit_rows(engine: Engine) -> list[UnitRow]:
    """Every unit, by name."""
    counts = [
        select(func.count()).select_from(table).where(table.c.unit_id == unit.c.id).scalar_subquery().label(name)
        for table, name in ((user, "people"), (post, "posts"), (duty, "duties"))
    ]
    with reading(engine) as tx:
        return all_views(tx, select(unit, *counts).order_by(unit.c.name), UnitRow)
