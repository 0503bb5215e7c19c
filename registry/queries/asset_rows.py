"""Pieces of statements that several readings of assets share: class names, the worst alert, open cases, units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from registry.domain.kinds import ENDED_STAGES, AlertState, TagState
from registry.queries.asset_views import UnitView
from registry.queries.rows import all_views
from registry.storage.tables import alert, asset, asset_class, case, device, tag, unit


def asset_rows() -> Select[Any]:
    """What one line of a list of assets shows (``AssetRow``)."""
    token = select(tag.c.token).where(tag.c.asset_id == asset.c.id, tag.c.state == TagState.ACTIVE.value)
    devices = (
        select(func.count()).select_from(device).where(device.c.asset_id == asset.c.id, device.c.removed_at.is_(None))
    )
    return with_class(
        select(
            asset.c.id,
            asset.c.code,
            asset.c.name,
            asset.c.family,
            asset.c.state,
            asset.c.road,
            asset.c.address,
            asset.c.area_code,
            asset.c.lon,
            asset.c.lat,
            asset.c.version,
            asset.c.updated_at,
            token.scalar_subquery().label("token"),
            devices.scalar_subquery().label("devices"),
            open_cases().label("open_cases"),
            worst_alert().label("severity"),
            *class_names(),
        )
    )


def with_class(query: Select[Any]) -> Select[Any]:
    """``query`` over ``asset`` with its class beside it, if that class is still on file."""
    same = and_(asset_class.c.scheme == asset.c.scheme, asset_class.c.code == asset.c.class_code)
    return query.select_from(asset).outerjoin(asset_class, same)


def class_names() -> tuple[ColumnElement[str], ColumnElement[str]]:
    """The class's names; empty for a class that is not on file."""
    return (
        func.coalesce(asset_class.c.name_zh, "").label("class_name_zh"),
        func.coalesce(asset_class.c.name_en, "").label("class_name_en"),
    )


def open_cases() -> ColumnElement[int]:
    """How many cases of the asset are open."""
    ended = [stage.value for stage in ENDED_STAGES]
    return (
        select(func.count())
        .select_from(case)
        .where(case.c.asset_id == asset.c.id, case.c.stage.not_in(ended))
        .scalar_subquery()
    )


def worst_alert() -> ColumnElement[int]:
    """The severity of the asset's worst live alert; 0: none."""
    live = and_(alert.c.asset_id == asset.c.id, alert.c.state == AlertState.FIRING.value)
    return func.coalesce(select(func.max(alert.c.severity)).where(live).scalar_subquery(), 0)


def units_by_id(tx: Connection, ids: Sequence[int | None]) -> dict[int | None, UnitView]:
    """The units of those ids that there are."""
    wanted = {each for each in ids if each is not None}
    if not wanted:
        return {}
    return {each.id: each for each in all_views(tx, select(unit).where(unit.c.id.in_(wanted)), UnitView)}
