"""The class tables as pages list them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, case, func, select

from registry.domain.errors import NotFound
from registry.domain.kinds import Family
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset_class, class_scheme, code_counter


class SchemeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One class table. ``extensions`` are the city's own classes in it."""

    key: str
    name_zh: str
    name_en: str
    note: str
    shipped: bool
    complete: bool
    updated_at: datetime
    classes: int
    extensions: int


class ClassRow(msgspec.Struct, frozen=True, kw_only=True):
    """One class. ``issued``: how many serials were given under its four digits, whatever the scheme."""

    code: str
    name_zh: str
    name_en: str
    family: Family
    extension: bool
    issued: int


class SchemeView(msgspec.Struct, frozen=True, kw_only=True):
    """One class table and its classes, by code."""

    scheme: SchemeRow
    classes: list[ClassRow]


def list_schemes(engine: Engine) -> list[SchemeRow]:
    """Every class table, shipped ones first."""
    with reading(engine) as tx:
        query = _schemes().order_by(class_scheme.c.shipped.desc(), class_scheme.c.key)
        return all_views(tx, query, SchemeRow)


def scheme_view(engine: Engine, key: str) -> SchemeView:
    """One class table. Raises ``NotFound``."""
    issued = (
        select(code_counter.c.class_code, func.sum(code_counter.c.last_serial).label("issued"))
        .group_by(code_counter.c.class_code)
        .subquery()
    )
    classes = (
        select(asset_class, func.coalesce(issued.c.issued, 0).label("issued"))
        .outerjoin(issued, issued.c.class_code == asset_class.c.code)
        .where(asset_class.c.scheme == key)
        .order_by(asset_class.c.code)
    )
    with reading(engine) as tx:
        row = tx.execute(_schemes().where(class_scheme.c.key == key)).mappings().first()
        if row is None:
            raise NotFound("class table", key)
        return SchemeView(scheme=as_view(row, SchemeRow), classes=all_views(tx, classes, ClassRow))


def _schemes() -> Select[Any]:
    own = func.sum(case((asset_class.c.extension, 1), else_=0))
    counted = (
        select(asset_class.c.scheme, func.count().label("classes"), own.label("extensions"))
        .group_by(asset_class.c.scheme)
        .subquery()
    )
    return select(
        class_scheme,
        func.coalesce(counted.c.classes, 0).label("classes"),
        func.coalesce(counted.c.extensions, 0).label("extensions"),
    ).outerjoin(counted, counted.c.scheme == class_scheme.c.key)
