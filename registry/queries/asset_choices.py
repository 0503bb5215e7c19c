"""What the forms of an asset offer to choose from: classes by scheme, cabinets, roads that begin like this."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine, case, select

from registry.domain.kinds import Family
from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import asset_class, cabinet


class ClassChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One class of one scheme."""

    scheme: str
    code: str
    name_zh: str
    name_en: str
    family: Family


def class_choices(engine: Engine) -> list[ClassChoice]:
    """Every class on file: by scheme, covers and lights before the rest."""
    rank = case(
        (asset_class.c.family == Family.COVER.value, 0), (asset_class.c.family == Family.LIGHT.value, 1), else_=2
    )
    with reading(engine) as tx:
        return all_views(tx, select(asset_class).order_by(asset_class.c.scheme, rank, asset_class.c.code), ClassChoice)


def cabinet_ids(engine: Engine) -> list[str]:
    """Every cabinet that was ever heard of."""
    with reading(engine) as tx:
        return list(tx.execute(select(cabinet.c.id).order_by(cabinet.c.id)).scalars())
