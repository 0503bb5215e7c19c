"""Reading groups of alerts: the list, one group, and where its members are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, and_, func, select

from registry.domain.kinds import AlertState, GroupState, Severity
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import alert, alert_group, area, asset, case, rule

MOST_PLACES = 5_000


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group. ``firing`` of its ``members`` are live; the circle holds all of them (None: no member has a place)."""

    id: int
    rule_key: str
    rule_name_zh: str
    rule_name_en: str
    state: GroupState
    began_at: datetime
    last_at: datetime
    ended_at: datetime | None
    lon: float | None
    lat: float | None
    radius_m: float
    area_code: str
    area_name: str | None
    members: int
    firing: int
    severity: Severity
    case_id: int | None
    case_number: str | None
    cause: str


class MemberPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a member is."""

    alert_id: int
    asset_name: str
    road: str
    lon: float
    lat: float
    state: AlertState


def list_groups(
    engine: Engine, *, state: GroupState | None = None, scope: str = "", after: str | None = None, limit: int = 50
) -> Page[GroupRow]:
    """Groups, the newest first, that lie wholly within the area ``scope``. ``InvalidInput`` for a place in no list."""
    query = _groups()
    if state is not None:
        query = query.where(alert_group.c.state == state)
    if scope:
        query = query.where(digits_begin(alert_group.c.area_code, scope))
    if after is not None:
        query = query.where(alert_group.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = all_views(tx, query.order_by(alert_group.c.id.desc()).limit(check_limit(limit) + 1), GroupRow)
    return page_of(rows, limit, lambda row: (row.id,))


def alert_group_file(engine: Engine, group_id: int) -> GroupRow | None:
    """One group, or None."""
    with reading(engine) as tx:
        row = tx.execute(_groups().where(alert_group.c.id == group_id)).one_or_none()
    return None if row is None else as_view(row._mapping, GroupRow)


def group_places(engine: Engine, group_id: int) -> list[MemberPlace]:
    """Where the members of a group are, at most 5,000 of them."""
    query = (
        select(
            alert.c.id.label("alert_id"),
            asset.c.name.label("asset_name"),
            asset.c.road,
            asset.c.lon,
            asset.c.lat,
            alert.c.state,
        )
        .join_from(alert, asset, asset.c.id == alert.c.asset_id)
        .where(alert.c.group_id == group_id, asset.c.lon.is_not(None), asset.c.lat.is_not(None))
        .order_by(alert.c.id)
        .limit(MOST_PLACES)
    )
    with reading(engine) as tx:
        return all_views(tx, query, MemberPlace)


def _groups() -> Select[Any]:
    newest = select(rule.c.key, func.max(rule.c.version).label("version")).group_by(rule.c.key).subquery()
    firing = (
        select(func.count())
        .where(alert.c.group_id == alert_group.c.id, alert.c.state == AlertState.FIRING)
        .correlate(alert_group)
        .scalar_subquery()
    )
    return (
        select(
            alert_group,
            firing.label("firing"),
            func.coalesce(rule.c.name_zh, "").label("rule_name_zh"),
            func.coalesce(rule.c.name_en, "").label("rule_name_en"),
            area.c.name.label("area_name"),
            case.c.number.label("case_number"),
        )
        .select_from(alert_group)
        .outerjoin(newest, newest.c.key == alert_group.c.rule_key)
        .outerjoin(rule, and_(rule.c.key == newest.c.key, rule.c.version == newest.c.version))
        .outerjoin(area, and_(area.c.code == alert_group.c.area_code, area.c.ended_on.is_(None)))
        .outerjoin(case, case.c.id == alert_group.c.case_id)
    )
