"""What a census still lacks: how many files lack what, by area and by class, and the doubtful positions one by one.

The figures are counted by the census job (``registry.services.census``) and carry its time; the lists are of now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, func, literal, select

from registry.domain.kinds import Doubt, DuplicateDecision, PlaceJobKind
from registry.queries.asset_filters import Gap, digits_begin, doubted
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.services.place_jobs import JobView, latest_job
from registry.storage.database import reading
from registry.storage.tables import area, asset, asset_class, asset_doubt, gap_count, import_duplicate

GAPS: tuple[Gap, ...] = (
    *(Gap.CELL, Gap.AREA, Gap.SUPERVISOR, Gap.OWNER, Gap.MAINTAINER, Gap.PLATE, Gap.SENSOR, Gap.PHOTO, Gap.ROAD),
)
"""What is counted; ``Gap.PLACE`` stands apart as the doubts."""

_ALL = ""
_DIGITS = (6, 9, 12)


class GapLine(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the assets lack ``gap`` (a word of ``Gap`` or ``Doubt``)."""

    gap: str
    count: int


class GapSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the whole city or of an area. ``counted_at`` None: nobody has counted yet."""

    counted_at: datetime | None
    assets: int
    gaps: list[GapLine]
    doubts: list[GapLine]
    duplicates: int


class BreakdownBy(StrEnum):
    """How the figures are split."""

    AREA = "area"
    CLASS = "class"


class BreakdownRow(msgspec.Struct, frozen=True, kw_only=True):
    """One area or one class: of its ``assets`` so many lack each thing. ``key`` is the area's or the class's code."""

    key: str
    scheme: str
    name_zh: str
    name_en: str
    assets: int
    counts: dict[str, int]


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """The asset that another one stands too near to."""

    id: int
    code: str
    name: str


class DoubtRow(msgspec.Struct, frozen=True, kw_only=True):
    """An asset with a doubtful position, and the one it stands too near to."""

    id: int
    code: str
    name: str
    road: str
    lon: float
    lat: float
    accuracy: str
    area_code: str
    distance_m: float | None
    other: Neighbour | None


def gap_summary(engine: Engine, *, scope: str = "", area_code: str = "") -> GapSummary:
    """The figures of ``area_code`` ("" all), within ``scope`` (the area of the person who asks)."""
    with reading(engine) as tx:
        rows = tx.execute(
            select(gap_count.c.gap, func.sum(gap_count.c.count).label("number"))
            .where(*_within(gap_count.c.area_code, scope, area_code))
            .group_by(gap_count.c.gap)
        )
        counts = {row.gap: int(row.number) for row in rows}
        undecided = import_duplicate.c.decision == DuplicateDecision.OPEN.value
        open_duplicates = select(func.count()).select_from(import_duplicate).where(undecided)
        if scope or area_code:
            open_duplicates = open_duplicates.join(asset, asset.c.id == import_duplicate.c.asset_id).where(
                *_within(asset.c.area_code, scope, area_code)
            )
        duplicates = int(tx.execute(open_duplicates).scalar_one())
    counted = last_census(engine)
    return GapSummary(
        counted_at=None if counted is None else counted.finished_at,
        assets=counts.get(_ALL, 0),
        gaps=[GapLine(gap=gap.value, count=counts.get(gap.value, 0)) for gap in GAPS],
        doubts=[GapLine(gap=doubt.value, count=counts.get(doubt.value, 0)) for doubt in Doubt],
        duplicates=duplicates,
    )


def last_census(engine: Engine) -> JobView | None:
    """The newest count, whether it is done or not; its ``finished_at`` is None until it is."""
    return latest_job(engine, PlaceJobKind.CENSUS)


def gap_breakdown(
    engine: Engine, by: BreakdownBy, *, scope: str = "", area_code: str = "", limit: int = 500
) -> list[BreakdownRow]:
    """The figures split by the areas one level below ``area_code``, or by class; most assets first."""
    with reading(engine) as tx:
        key, scheme = _split(by, area_code or scope)
        query = (
            select(
                key.label("key"), scheme.label("scheme"), gap_count.c.gap, func.sum(gap_count.c.count).label("number")
            )
            .where(*_within(gap_count.c.area_code, scope, area_code))
            .group_by(key, scheme, gap_count.c.gap)
        )
        found: dict[tuple[str, str], dict[str, int]] = {}
        for row in tx.execute(query):
            found.setdefault((row.key, row.scheme), {})[row.gap] = int(row.number)
        names = _class_names(tx) if by is BreakdownBy.CLASS else _area_names(tx, [code for code, _ in found])
    rows = [
        BreakdownRow(
            key=code,
            scheme=of_scheme,
            name_zh=names.get((of_scheme, code), ("", ""))[0],
            name_en=names.get((of_scheme, code), ("", ""))[1],
            assets=counts.pop(_ALL, 0),
            counts=counts,
        )
        for (code, of_scheme), counts in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.assets, row.scheme, row.key))[:limit]


def doubtful_assets(
    engine: Engine, doubt: Doubt, *, scope: str = "", area_code: str = "", after: str | None = None, limit: int = 50
) -> Page[DoubtRow]:
    """The assets whose position is doubtful for this reason, in the order they were registered."""
    other = asset.alias("other")
    query = (
        select(
            *(asset.c.id, asset.c.code, asset.c.name, asset.c.road, asset.c.lon, asset.c.lat, asset.c.accuracy),
            *(asset.c.area_code, asset_doubt.c.distance_m, asset_doubt.c.other_id),
            *(other.c.code.label("other_code"), other.c.name.label("other_name")),
        )
        .join_from(asset_doubt, asset, asset.c.id == asset_doubt.c.asset_id)
        .outerjoin(other, other.c.id == asset_doubt.c.other_id)
        .where(
            asset_doubt.c.doubt == doubt.value,
            asset.c.merged_into_id.is_(None),
            doubted(doubt),
            *_within(asset.c.area_code, scope, area_code),
        )
        .order_by(asset_doubt.c.asset_id)
        .limit(check_limit(limit) + 1)
    )
    if after is not None:
        query = query.where(asset_doubt.c.asset_id > decode_id(after))
    with reading(engine) as tx:
        rows = [_doubt_row(row) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def _doubt_row(row: Any) -> DoubtRow:
    other = None
    if row.other_id is not None:
        other = Neighbour(id=row.other_id, code=row.other_code, name=row.other_name)
    return DoubtRow(
        id=row.id,
        code=row.code,
        name=row.name,
        road=row.road,
        lon=row.lon,
        lat=row.lat,
        accuracy=row.accuracy,
        area_code=row.area_code,
        distance_m=row.distance_m,
        other=other,
    )


def _within(column: ColumnElement[str], *prefixes: str) -> list[ColumnElement[bool]]:
    return [digits_begin(column, prefix) for prefix in prefixes if prefix]


def _split(by: BreakdownBy, area_code: str) -> tuple[ColumnElement[str], ColumnElement[str]]:
    if by is BreakdownBy.CLASS:
        return gap_count.c.class_code, gap_count.c.scheme
    digits = next((each for each in _DIGITS if each > len(area_code)), _DIGITS[-1])
    return func.substr(gap_count.c.area_code, 1, digits), literal("")


def _class_names(tx: Connection) -> dict[tuple[str, str], tuple[str, str]]:
    query = select(asset_class.c.scheme, asset_class.c.code, asset_class.c.name_zh, asset_class.c.name_en)
    return {(row.scheme, row.code): (row.name_zh, row.name_en) for row in tx.execute(query)}


def _area_names(tx: Connection, codes: Sequence[str]) -> dict[tuple[str, str], tuple[str, str]]:
    query = select(area.c.code, area.c.name, area.c.name_en).where(area.c.code.in_(codes))
    return {("", row.code): (row.name, row.name_en) for row in tx.execute(query)}
