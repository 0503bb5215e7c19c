"""Reading areas: the tree of the city level by level, one area, and their outlines for a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, or_, select

from registry.domain.areas import explain_area_code, parents_of
from registry.domain.errors import NotFound
from registry.domain.kinds import AreaLevel
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import area, area_cell, gap_count, unit, user

MOST_SHAPES = 5_000

_LEVELS = (AreaLevel.CITY, AreaLevel.DISTRICT, AreaLevel.STREET, AreaLevel.COMMUNITY, AreaLevel.CELL)


class AreaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One area of a list. ``assets`` as last counted; None below a community, where nothing is counted."""

    id: int
    level: AreaLevel
    code: str
    name: str
    name_en: str
    area_m2: float | None
    grade: str
    unit_name: str | None
    collector_name: str | None
    ended_on: str | None
    assets: int | None


class AreaView(msgspec.Struct, frozen=True, kw_only=True):
    """One area: what it is, what it lies in, and the cells of a responsibility grid."""

    id: int
    level: AreaLevel
    code: str
    name: str
    name_en: str
    area_m2: float | None
    grade: str
    unit_id: int | None
    unit_name: str | None
    collector_id: int | None
    collector_name: str | None
    first_on: str | None
    ended_on: str | None
    path: list[AreaStep]
    cells: list[str]
    remarks: list[tuple[str, str]]


class AreaStep(msgspec.Struct, frozen=True, kw_only=True):
    """One area around another; ``id`` None when it is not on file."""

    id: int | None
    code: str
    name: str


class AreaChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One area of a choice list; ``name_en`` is empty where nobody gave one."""

    code: str
    name: str
    name_en: str


class _Properties(msgspec.Struct, frozen=True, gc=False):
    id: int
    code: str
    name: str
    level: str


class _Feature(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="Feature"):
    geometry: msgspec.Raw
    properties: _Properties


class _Collection(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="FeatureCollection"):
    truncated: bool
    features: list[_Feature]


def list_areas(
    engine: Engine,
    *,
    level: AreaLevel | None = None,
    under: str = "",
    q: str = "",
    scope: str = "",
    after: str | None = None,
    limit: int = 100,
) -> Page[AreaRow]:
    """Areas by code. ``under`` narrows to those inside an area, ``q`` finds the beginning of a code or part of a name.

    Without ``level``: the highest level that has any there.
    """
    fits = _fitting(under=under, scope=scope, q=q)
    with reading(engine) as tx:
        level = level or _highest(tx, fits, under)
        if level is None:
            return Page(items=[])
        query = _rows().where(area.c.level == level.value, *fits).order_by(area.c.code).limit(check_limit(limit) + 1)
        if after is not None:
            (code,) = decode(after, str)
            query = query.where(area.c.code > str(code))
        kept = tx.execute(query).mappings().all()
        assets = _assets_in(tx, kept)
        counted = level not in (AreaLevel.CELL, AreaLevel.DUTY)
        rows = [as_view(row, AreaRow, assets=assets.get(row["code"], 0) if counted else None) for row in kept]
    return page_of(rows, limit, lambda row: (row.code,))


def level_counts(engine: Engine, *, scope: str = "", under: str = "") -> dict[AreaLevel, int]:
    """How many areas of each level are on file."""
    query = select(area.c.level, func.count().label("number")).where(*_fitting(scope=scope, under=under))
    with reading(engine) as tx:
        found = {row.level: row.number for row in tx.execute(query.group_by(area.c.level))}
    return {level: found[level] for level in AreaLevel if level in found}


def area_view(engine: Engine, area_id: int) -> AreaView:
    """One area. Raises ``NotFound``."""
    query = (
        select(area, unit.c.name.label("unit_name"), user.c.name.label("collector_name"))
        .outerjoin_from(area, unit, unit.c.id == area.c.unit_id)
        .outerjoin(user, user.c.id == area.c.collector_id)
        .where(area.c.id == area_id)
    )
    with reading(engine) as tx:
        row = tx.execute(query).mappings().first()
        if row is None:
            raise NotFound("area", area_id)
        level = AreaLevel(row["level"])
        cells = tx.execute(
            select(area_cell.c.cell_code).where(area_cell.c.area_id == area_id).order_by(area_cell.c.cell_code)
        )
        read, remarks = explain_area_code(row["code"], level)
        path = _path(tx, "" if read is None else read.path)
        told = [(remark.text("zh"), remark.text("en")) for remark in remarks]
        return as_view(row, AreaView, path=path, cells=list(cells.scalars()), remarks=told)


def area_path(engine: Engine, code: str) -> list[AreaStep]:
    """The area of ``code`` and every area around it, the largest first; empty for no code."""
    if not code:
        return []
    with reading(engine) as tx:
        own = tx.execute(
            select(area.c.id, area.c.code, area.c.name)
            .where(area.c.code == code, area.c.level != AreaLevel.DUTY.value)
            .order_by(area.c.id)
        ).first()
        last = AreaStep(id=None, code=code, name="") if own is None else AreaStep(id=own.id, code=code, name=own.name)
        return [*_path(tx, code), last]


def area_code_of(engine: Engine, area_id: int) -> str | None:
    """The code of an area as a place in the city, for the check of a visitor's own area; None when there is none.

    A responsibility grid lies where its first cell lies.
    """
    with reading(engine) as tx:
        row = tx.execute(select(area.c.level, area.c.code).where(area.c.id == area_id)).first()
        if row is None:
            return None
        if row.level != AreaLevel.DUTY.value:
            return str(row.code)
        first = select(func.min(area_cell.c.cell_code)).where(area_cell.c.area_id == area_id)
        return str(tx.execute(first).scalar() or "")


def area_choices(engine: Engine, *, scope: str = "") -> list[AreaChoice]:
    """Districts, streets and communities, for the choice lists of forms: by code."""
    query = (
        select(area.c.code, area.c.name, area.c.name_en)
        .where(
            area.c.level.in_([AreaLevel.DISTRICT.value, AreaLevel.STREET.value, AreaLevel.COMMUNITY.value]),
            area.c.ended_on.is_(None),
            *_fitting(scope=scope),
        )
        .order_by(area.c.code)
        .limit(2_000)
    )
    with reading(engine) as tx:
        return all_views(tx, query, AreaChoice)


def area_shapes(engine: Engine, *, level: AreaLevel | None = None, under: str = "", scope: str = "") -> bytes:
    """GeoJSON of the outlines of one level, WGS-84, ready to send; without ``level``, of the highest that is there."""
    fits = _fitting(under=under, scope=scope)
    with reading(engine) as tx:
        level = level or _highest(tx, fits, under)
        return _collection(tx, [area.c.level == (level.value if level else ""), *fits])


def outline_of(engine: Engine, area_id: int) -> bytes:
    """GeoJSON of one area's outline, and of the areas one level below it."""
    with reading(engine) as tx:
        row = tx.execute(select(area.c.level, area.c.code).where(area.c.id == area_id)).first()
        wanted: ColumnElement[bool] = area.c.id == area_id
        if row is not None and row.level not in (AreaLevel.CELL.value, AreaLevel.DUTY.value) and row.code.isdigit():
            fits = _fitting(under=row.code)
            below = _highest(tx, fits, row.code)
            wanted = or_(wanted, and_(area.c.level == (below.value if below else ""), *fits))
        return _collection(tx, [wanted])


def _collection(tx: Connection, wanted: Sequence[ColumnElement[bool]]) -> bytes:
    query = (
        select(area.c.id, area.c.code, area.c.name, area.c.level, area.c.shape)
        .where(area.c.shape.is_not(None), area.c.ended_on.is_(None), *wanted)
        .order_by(area.c.id)
        .limit(MOST_SHAPES + 1)
    )
    features = list(_features(tx, query))
    return msgspec.json.encode(_Collection(len(features) > MOST_SHAPES, features[:MOST_SHAPES]))


def _features(tx: Connection, query: Select[Any]) -> Iterator[_Feature]:
    for row in tx.execute(query):
        yield _Feature(msgspec.Raw(row.shape.encode()), _Properties(row.id, row.code, row.name, row.level))


def _rows() -> Select[Any]:
    return (
        select(
            *(area.c.id, area.c.level, area.c.code, area.c.name, area.c.name_en, area.c.area_m2, area.c.grade),
            *(area.c.ended_on, unit.c.name.label("unit_name"), user.c.name.label("collector_name")),
        )
        .outerjoin_from(area, unit, unit.c.id == area.c.unit_id)
        .outerjoin(user, user.c.id == area.c.collector_id)
    )


def _fitting(*, under: str = "", scope: str = "", q: str = "") -> list[ColumnElement[bool]]:
    fits: list[ColumnElement[bool]] = []
    for prefix in (under, scope):
        if prefix:
            in_it = select(area_cell.c.area_id).where(digits_begin(area_cell.c.cell_code, prefix))
            fits.append(or_(digits_begin(area.c.code, prefix), area.c.id.in_(in_it)))
    if q:
        fits.append(or_(area.c.code.startswith(q, autoescape=True), area.c.name.icontains(q, autoescape=True)))
    return fits


def _highest(tx: Connection, fits: Sequence[ColumnElement[bool]], under: str) -> AreaLevel | None:
    """The highest level with an area that fits; below ``under`` itself."""
    found = set(tx.execute(select(area.c.level).where(*fits, area.c.code != under).distinct()).scalars())
    return next((level for level in (*_LEVELS, AreaLevel.DUTY) if level.value in found), None)


def _path(tx: Connection, code: str) -> list[AreaStep]:
    codes = parents_of(code)[::-1] if code else []
    known = {
        row.code: row for row in tx.execute(select(area.c.id, area.c.code, area.c.name).where(area.c.code.in_(codes)))
    }
    return [
        AreaStep(id=known[each].id, code=each, name=known[each].name)
        if each in known
        else AreaStep(id=None, code=each, name="")
        for each in codes
        if each in known or len(each) >= 6
    ]


def _assets_in(tx: Connection, rows: Sequence[Any]) -> dict[str, int]:
    """How many assets lie in each of these areas, as last counted; only for levels that are counted."""
    digits = {len(row["code"]) for row in rows if row["level"] not in (AreaLevel.CELL.value, AreaLevel.DUTY.value)}
    found: dict[str, int] = {}
    for length in digits:
        code = func.substr(gap_count.c.area_code, 1, length)
        query = select(code.label("code"), func.sum(gap_count.c.count).label("number")).where(gap_count.c.gap == "")
        found |= {row.code: int(row.number) for row in tx.execute(query.group_by(code))}
    return found
