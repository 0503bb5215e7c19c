"""Reading assets: the list, one file, what a scanned plate shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, select

from registry.domain.codes import read_code
from registry.domain.errors import NotFound
from registry.domain.kinds import ENDED_STAGES, AlertState, TagState
from registry.domain.points import POINTS
from registry.domain.tokens import grouped, read_token
from registry.queries.asset_filters import EVERYTHING, AssetFilter
from registry.queries.asset_map import map_features
from registry.queries.asset_views import (
    Alias,
    AssetAlert,
    AssetCase,
    AssetFile,
    AssetPhoto,
    AssetRow,
    DeviceView,
    PointValue,
    ScanView,
    TagView,
    UnitView,
)
from registry.queries.asset_walks import find_page
from registry.queries.paging import Page, check_limit
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import (
    alert,
    asset,
    asset_alias,
    asset_class,
    case,
    device,
    latest,
    photo,
    point,
    tag,
    unit,
)

__all__ = [
    "Alias",
    "AssetAlert",
    "AssetCase",
    "AssetFile",
    "AssetPhoto",
    "AssetRow",
    "DeviceView",
    "PointValue",
    "ScanView",
    "TagView",
    "UnitView",
    "asset_by_token",
    "asset_file",
    "list_assets",
    "map_features",
]

_PAST_CASES = 50
_PHOTOS = 60


def list_assets(
    engine: Engine,
    wanted: AssetFilter = EVERYTHING,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[AssetRow]:
    """A page of ``wanted`` along the index that fits it best; by id where nothing else is asked for.

    A page looks at a bounded number of assets, so it can be short, even empty, while ``next`` says that more may
    follow. Raises ``InvalidInput`` for a cursor, a limit or a filter that is none.
    """
    check_limit(limit)
    with reading(engine) as tx:
        found = find_page(tx, wanted, after=after, limit=limit)
        rows = {row.id: row for row in all_views(tx, _rows().where(asset.c.id.in_(found.ids)), AssetRow)}
    return Page(items=[rows[each] for each in found.ids if each in rows], next=found.next)


def asset_file(engine: Engine, asset_id: int, *, now: datetime) -> AssetFile:
    """The whole file of one asset; raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_with_class(select(asset, *_class_names())).where(asset.c.id == asset_id)).mappings().first()
        if row is None:
            raise NotFound("asset", asset_id)
        units = _units(tx, [row["supervisor_unit_id"], row["owner_unit_id"], row["maintainer_unit_id"]])
        tags = _tags(tx, asset_id)
        cases = _cases(tx, asset_id)
        return as_view(
            row,
            AssetFile,
            code_grouped=read_code(row["code"]).grouped,
            supervisor=units.get(row["supervisor_unit_id"]),
            owner=units.get(row["owner_unit_id"]),
            maintainer=units.get(row["maintainer_unit_id"]),
            aliases=_aliases(tx, asset_id),
            tag=next((each for each in tags if each.state is TagState.ACTIVE), None),
            former_tags=[each for each in tags if each.state is not TagState.ACTIVE],
            devices=_devices(tx, asset_id),
            values=_values(tx, asset_id, now=now),
            open_cases=[each for each in cases if each.stage not in ENDED_STAGES],
            past_cases=[each for each in cases if each.stage in ENDED_STAGES],
            live_alerts=_live_alerts(tx, asset_id),
            photos=_photos(tx, asset_id),
        )


def asset_by_token(engine: Engine, token: str) -> ScanView | None:
    """What a scanned plate shows; None when it was never issued or is not bound to anything yet.

    A plate that was lost or replaced still leads to its asset; ``tag_state`` says so. Raises ``InvalidInput`` for text
    that can't be a token (misread).
    """
    query = (
        _with_class(
            select(
                tag.c.token,
                tag.c.state.label("tag_state"),
                asset.c.id.label("asset_id"),
                asset.c.code,
                asset.c.name,
                asset.c.family,
                asset.c.state,
                asset.c.road,
                asset.c.maintainer_unit_id,
                _open_cases().label("open_cases"),
                _worst().label("severity"),
                *_class_names(),
            )
        )
        .join(tag, tag.c.asset_id == asset.c.id)
        .where(tag.c.token == read_token(token))
    )
    with reading(engine) as tx:
        row = tx.execute(query).mappings().first()
        if row is None:
            return None
        maintainer = _units(tx, [row["maintainer_unit_id"]]).get(row["maintainer_unit_id"])
    return as_view(row, ScanView, code_grouped=read_code(row["code"]).grouped, maintainer=maintainer)


def _firing() -> ColumnElement[bool]:
    return alert.c.state == AlertState.FIRING.value


def _open_cases() -> ColumnElement[int]:
    ended = [stage.value for stage in ENDED_STAGES]
    return (
        select(func.count())
        .select_from(case)
        .where(case.c.asset_id == asset.c.id, case.c.stage.not_in(ended))
        .scalar_subquery()
    )


def _worst() -> ColumnElement[int]:
    worst = select(func.max(alert.c.severity)).where(alert.c.asset_id == asset.c.id, _firing())
    return func.coalesce(worst.scalar_subquery(), 0)


def _class_names() -> tuple[ColumnElement[str], ColumnElement[str]]:
    return (
        func.coalesce(asset_class.c.name_zh, "").label("class_name_zh"),
        func.coalesce(asset_class.c.name_en, "").label("class_name_en"),
    )


def _with_class(query: Select[Any]) -> Select[Any]:
    same = and_(asset_class.c.scheme == asset.c.scheme, asset_class.c.code == asset.c.class_code)
    return query.select_from(asset).outerjoin(asset_class, same)


def _rows() -> Select[Any]:
    token = select(tag.c.token).where(tag.c.asset_id == asset.c.id, tag.c.state == TagState.ACTIVE.value)
    devices = (
        select(func.count()).select_from(device).where(device.c.asset_id == asset.c.id, device.c.removed_at.is_(None))
    )
    return _with_class(
        select(
            asset.c.id,
            asset.c.code,
            asset.c.name,
            asset.c.family,
            asset.c.state,
            asset.c.road,
            asset.c.lon,
            asset.c.lat,
            token.scalar_subquery().label("token"),
            devices.scalar_subquery().label("devices"),
            _open_cases().label("open_cases"),
            _worst().label("severity"),
            *_class_names(),
        )
    )


def _units(tx: Connection, ids: Sequence[int | None]) -> dict[int | None, UnitView]:
    wanted = {each for each in ids if each is not None}
    return (
        {each.id: each for each in all_views(tx, select(unit).where(unit.c.id.in_(wanted)), UnitView)} if wanted else {}
    )


def _aliases(tx: Connection, asset_id: int) -> list[Alias]:
    query = select(asset_alias).where(asset_alias.c.asset_id == asset_id)
    return all_views(tx, query.order_by(asset_alias.c.kind, asset_alias.c.value), Alias)


def _tags(tx: Connection, asset_id: int) -> list[TagView]:
    query = select(tag).where(tag.c.asset_id == asset_id).order_by(tag.c.id.desc())
    return [as_view(row, TagView, shown=grouped(row["token"])) for row in tx.execute(query).mappings()]


def _devices(tx: Connection, asset_id: int) -> list[DeviceView]:
    return all_views(tx, select(device).where(device.c.asset_id == asset_id).order_by(device.c.id), DeviceView)


def _values(tx: Connection, asset_id: int, *, now: datetime) -> list[PointValue]:
    query = (
        select(
            point.c.id.label("point_id"),
            point.c.device_id,
            point.c.name,
            point.c.unit,
            point.c.baseline,
            point.c.full_scale,
            latest.c.value,
            latest.c.measured_at,
            latest.c.quality,
        )
        .join_from(point, device, device.c.id == point.c.device_id)
        .outerjoin(latest, latest.c.point_id == point.c.id)
        .where(device.c.asset_id == asset_id, device.c.removed_at.is_(None))
        .order_by(point.c.device_id, point.c.id)
    )
    return [
        as_view(
            row,
            PointValue,
            decimals=POINTS[row["name"]].decimals if row["name"] in POINTS else 2,
            age_s=None if row["measured_at"] is None else (now - row["measured_at"]).total_seconds(),
        )
        for row in tx.execute(query).mappings()
    ]


def _cases(tx: Connection, asset_id: int) -> list[AssetCase]:
    """The open ones, worst first, then those that ended last."""
    ended = [stage.value for stage in ENDED_STAGES]
    of_asset = select(case, case.c.overdue_at.is_not(None).label("overdue")).where(case.c.asset_id == asset_id)
    still_open = of_asset.where(case.c.stage.not_in(ended)).order_by(case.c.severity.desc(), case.c.id)
    past = of_asset.where(case.c.stage.in_(ended)).order_by(case.c.id.desc()).limit(_PAST_CASES)
    return all_views(tx, still_open, AssetCase) + all_views(tx, past, AssetCase)


def _live_alerts(tx: Connection, asset_id: int) -> list[AssetAlert]:
    query = (
        select(alert, point.c.name.label("point"), point.c.unit)
        .join_from(alert, point, point.c.id == alert.c.point_id)
        .where(alert.c.asset_id == asset_id, _firing())
        .order_by(alert.c.severity.desc(), alert.c.fired_at)
    )
    return all_views(tx, query, AssetAlert)


def _photos(tx: Connection, asset_id: int) -> list[AssetPhoto]:
    query = select(photo).where(photo.c.asset_id == asset_id).order_by(photo.c.id.desc()).limit(_PHOTOS)
    return all_views(tx, query, AssetPhoto)
