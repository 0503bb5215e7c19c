"""Reading campaigns: the list, one with its daily board, units and measures, what is left to do, before and after."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Integer, Select, and_, func, select

from registry.domain.campaigns import DONE_RESULTS, Board, CampaignPhase, CampaignResult, board, phase_of
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset, campaign, campaign_asset, campaign_item, campaign_measure, case, unit, user

_DONE = sorted(DONE_RESULTS)
_PAIRS_SHOWN = 12


class CampaignRow(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as of one day."""

    id: int
    name: str
    purpose: str
    leader: str
    area_code: str
    family: str
    scheme: str
    class_code: str
    case_kind: str
    listed: bool
    starts_on: date
    ends_on: date
    quota: int
    measured: str
    ended_at: datetime | None
    result: str
    version: int
    done: int
    measures: int
    measures_done: int
    phase: CampaignPhase


class MeasureView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the measures. ``late``: not done by its day."""

    id: int
    position: int
    text: str
    unit_id: int | None
    unit_name: str
    owner: str
    due_on: date | None
    done_at: datetime | None
    done_by_name: str
    note: str
    late: bool


class CampaignItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was done at one asset."""

    id: int
    asset_id: int
    asset_name: str
    road: str
    at: datetime
    by_name: str
    result: CampaignResult
    case_id: int | None
    case_number: str
    before_photo_id: int | None
    after_photo_id: int | None
    before_value: float | None
    after_value: float | None
    note: str


class UnitCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many assets of a unit were dealt with, and with what result."""

    unit_id: int | None
    unit_name: str
    done: int
    mended: int
    cases: int


class CampaignView(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with its board: pace day by day, results, units, measures, and pictures before and after."""

    campaign: CampaignRow
    board: Board
    results: dict[CampaignResult, int]
    units: list[UnitCount]
    measures: list[MeasureView]
    pairs: list[CampaignItemRow]


class NextAsset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset that nobody has dealt with yet."""

    id: int
    name: str
    code: str
    road: str
    lon: float
    lat: float


def list_campaigns(engine: Engine, *, today: date, scope: str = "") -> list[CampaignRow]:
    """Every campaign, what goes on first, then the newest."""
    query = _campaigns().order_by(campaign.c.ended_at.is_not(None), campaign.c.starts_on.desc(), campaign.c.id.desc())
    if scope:
        query = query.where(digits_begin(campaign.c.area_code, scope))
    with reading(engine) as tx:
        return [_row(row, today) for row in tx.execute(query).mappings()]


def campaign_row(engine: Engine, campaign_id: int, *, today: date) -> CampaignRow | None:
    """One campaign."""
    with reading(engine) as tx:
        row = tx.execute(_campaigns().where(campaign.c.id == campaign_id)).mappings().one_or_none()
        return None if row is None else _row(row, today)


def campaign_view(engine: Engine, campaign_id: int, *, today: date) -> CampaignView | None:
    """One campaign with its board of ``today``: five statements, however many assets it has."""
    found = campaign_row(engine, campaign_id, today=today)
    if found is None:
        return None
    of_it = campaign_item.c.campaign_id == campaign_id
    pictured = campaign_item.c.before_photo_id.is_not(None) & campaign_item.c.after_photo_id.is_not(None)
    by_day = select(campaign_item.c.day, func.count().label("n")).where(of_it, campaign_item.c.result.in_(_DONE))
    by_result = select(campaign_item.c.result, func.count().label("n")).where(of_it).group_by(campaign_item.c.result)
    with reading(engine) as tx:
        done = {date.fromisoformat(row.day): row.n for row in tx.execute(by_day.group_by(campaign_item.c.day))}
        results = {CampaignResult(row.result): int(row.n) for row in tx.execute(by_result)}
        units = all_views(tx, _by_unit(of_it), UnitCount)
        measures = [
            as_view(row, MeasureView, late=_is_late(row, today))
            for row in tx.execute(_measures(campaign_id)).mappings()
        ]
        pairs = all_views(
            tx, _items(of_it & pictured).order_by(campaign_item.c.at.desc()).limit(_PAIRS_SHOWN), CampaignItemRow
        )
    return CampaignView(
        campaign=found,
        board=board(found.quota, found.starts_on, found.ends_on, done, today=today),
        results=results,
        units=units,
        measures=measures,
        pairs=pairs,
    )


def list_items(
    engine: Engine,
    campaign_id: int,
    *,
    result: CampaignResult | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[CampaignItemRow]:
    """What was done, the newest asset first."""
    query = _items(campaign_item.c.campaign_id == campaign_id).order_by(campaign_item.c.id.desc())
    if result is not None:
        query = query.where(campaign_item.c.result == result.value)
    if after is not None:
        query = query.where(campaign_item.c.id < decode_id(after))
    with reading(engine) as tx:
        rows = all_views(tx, query.limit(check_limit(limit) + 1), CampaignItemRow)
    return page_of(rows, limit, lambda row: (row.id,))


def item_of(engine: Engine, campaign_id: int, asset_id: int) -> CampaignItemRow | None:
    """What was done at one asset."""
    query = _items((campaign_item.c.campaign_id == campaign_id) & (campaign_item.c.asset_id == asset_id))
    with reading(engine) as tx:
        row = tx.execute(query).mappings().one_or_none()
        return None if row is None else as_view(row, CampaignItemRow)


def left_to_do(engine: Engine, campaign_id: int, *, scope: str = "", limit: int = 30) -> list[NextAsset]:
    """Some of the assets that nobody has dealt with yet, by road; the whole of it is as long as the city."""
    with reading(engine) as tx:
        row = tx.execute(select(campaign).where(campaign.c.id == campaign_id)).one_or_none()
        if row is None:
            return []
        dealt = select(campaign_item.c.id).where(
            campaign_item.c.campaign_id == campaign_id, campaign_item.c.asset_id == asset.c.id
        )
        query = select(asset.c.id, asset.c.name, asset.c.code, asset.c.road, asset.c.lon, asset.c.lat)
        query = query.where(_about(row), ~dealt.exists())
        if scope:
            query = query.where(digits_begin(asset.c.area_code, scope))
        return all_views(tx, query.order_by(asset.c.id).limit(limit), NextAsset)


def is_about(engine: Engine, campaign_id: int, asset_id: int) -> bool:
    """Whether the campaign is about that asset: its area, its family and class."""
    with reading(engine) as tx:
        row = tx.execute(select(campaign).where(campaign.c.id == campaign_id)).one_or_none()
        return row is not None and tx.scalar(select(asset.c.id).where(asset.c.id == asset_id, _about(row))) is not None


def campaigns_of(engine: Engine, asset_id: int, *, today: date) -> list[CampaignRow]:
    """The running campaigns that an asset belongs to: shown where its plate is scanned."""
    with reading(engine) as tx:
        thing = tx.execute(select(asset).where(asset.c.id == asset_id)).one_or_none()
        if thing is None:
            return []
        day = today.isoformat()
        query = _campaigns().where(campaign.c.ended_at.is_(None), campaign.c.starts_on <= day)
        rows = tx.execute(query.order_by(campaign.c.ends_on)).mappings().all()
        listing = select(campaign_asset.c.campaign_id).where(campaign_asset.c.asset_id == asset_id)
        named_by = set(tx.execute(listing).scalars())
    return [
        _row(row, today)
        for row in rows
        if thing.area_code.startswith(row["area_code"])
        and row["family"] in ("", thing.family)
        and row["scheme"] in ("", thing.scheme)
        and row["class_code"] in ("", thing.class_code)
        and (not row["listed"] or row["id"] in named_by)
    ]


def _about(row: Any) -> ColumnElement[bool]:
    fits: list[ColumnElement[bool]] = [asset.c.merged_into_id.is_(None)]
    if row.area_code:
        fits.append(digits_begin(asset.c.area_code, row.area_code))
    if row.listed:
        listed = select(campaign_asset.c.asset_id).where(campaign_asset.c.campaign_id == row.id)
        fits.append(asset.c.id.in_(listed))
    narrowed = [(name, getattr(row, name)) for name in ("family", "scheme", "class_code")]
    fits += [asset.c[name] == wanted for name, wanted in narrowed if wanted]
    return and_(*fits)


def _campaigns() -> Select[Any]:
    of_it = campaign_item.c.campaign_id == campaign.c.id
    done = select(func.count()).where(of_it, campaign_item.c.result.in_(_DONE))
    measures = select(func.count()).where(campaign_measure.c.campaign_id == campaign.c.id)
    return select(
        campaign,
        done.scalar_subquery().label("done"),
        measures.scalar_subquery().label("measures"),
        measures.where(campaign_measure.c.done_at.is_not(None)).scalar_subquery().label("measures_done"),
    )


def _row(row: Any, today: date) -> CampaignRow:
    starts_on, ends_on = date.fromisoformat(row["starts_on"]), date.fromisoformat(row["ends_on"])
    return as_view(row, CampaignRow, phase=phase_of(starts_on, ends_on, ended=row["ended_at"] is not None, today=today))


def _by_unit(of_it: ColumnElement[bool]) -> Select[Any]:
    def count(*results: CampaignResult) -> ColumnElement[int]:
        return func.sum(campaign_item.c.result.in_(results).cast(Integer))

    done = func.count()
    return (
        select(
            campaign_item.c.unit_id,
            func.coalesce(unit.c.name, "").label("unit_name"),
            done.label("done"),
            count(CampaignResult.MENDED).label("mended"),
            count(CampaignResult.CASE).label("cases"),
        )
        .outerjoin_from(campaign_item, unit, unit.c.id == campaign_item.c.unit_id)
        .where(of_it, campaign_item.c.result.in_(_DONE))
        .group_by(campaign_item.c.unit_id, unit.c.name)
        .order_by(done.desc(), unit.c.name)
    )


def _measures(campaign_id: int) -> Select[Any]:
    return (
        select(
            campaign_measure,
            func.coalesce(unit.c.name, "").label("unit_name"),
            func.coalesce(user.c.name, "").label("done_by_name"),
        )
        .outerjoin_from(campaign_measure, unit, unit.c.id == campaign_measure.c.unit_id)
        .outerjoin(user, user.c.id == campaign_measure.c.done_by)
        .where(campaign_measure.c.campaign_id == campaign_id)
        .order_by(campaign_measure.c.position)
    )


def _is_late(row: Any, today: date) -> bool:
    return row["done_at"] is None and row["due_on"] is not None and row["due_on"] < today.isoformat()


def _items(of_it: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            campaign_item,
            asset.c.name.label("asset_name"),
            asset.c.road,
            func.coalesce(user.c.name, "").label("by_name"),
            func.coalesce(case.c.number, "").label("case_number"),
        )
        .join_from(campaign_item, asset, asset.c.id == campaign_item.c.asset_id)
        .outerjoin(user, user.c.id == campaign_item.c.by_user_id)
        .outerjoin(case, case.c.id == campaign_item.c.case_id)
        .where(of_it)
    )
