"""Finding and reading assets: the list, the text that was scanned or typed, what is near, one record, its history."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.asset_answers import answer_with, record_of
from dashboards.api.operation import Answer, AreaPrefix, Id, Lat, Listing, Lon, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry.domain.kinds import AssetState, Family
from registry.domain.scopes import covers
from registry.queries import assets as asset_queries
from registry.queries.asset_filters import AssetFilter, Gap
from registry.queries.asset_record import AssetRecord, RecordChange, asset_changes, record_by_code
from registry.queries.asset_views import AssetRow
from registry.queries.find_asset import Found, find_asset
from registry.queries.nearest import NearAsset, nearest_assets

Metres = Annotated[float, Meta(gt=0, le=5000)]


class AssetQuery(Paged, frozen=True, kw_only=True):
    """Which assets. ``q``: a code or its beginning, a token, an alias, part of a road, the beginning of a name."""

    q: Annotated[str, Meta(max_length=120)] = ""
    family: Family | None = None
    scheme: Annotated[str, Meta(max_length=30)] = ""
    class_code: Annotated[str, Meta(pattern="^([0-9]{4})?$")] = ""
    state: AssetState | None = None
    area_code: AreaPrefix = ""
    road: Annotated[str, Meta(max_length=120)] = ""
    unit_id: Id | None = None
    lacks: Annotated[tuple[Gap, ...], Meta(description="What the files lack, all of it: commas between")] = ()
    with_alert: bool | None = None
    import_id: Id | None = None


class LookupQuery(Query, frozen=True, kw_only=True):
    """What was scanned or typed."""

    text: Annotated[str, Meta(min_length=1, max_length=200, description="A token, its address, a code or an alias")]


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """Every asset that the text names."""

    items: list[Found]


class NearQuery(Query, frozen=True, kw_only=True):
    """Where, and how far around."""

    lon: Lon
    lat: Lat
    within_m: Metres = 500.0
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    family: Family | None = None


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """The nearest first."""

    items: list[NearAsset]


def api_assets(call: Call[AssetQuery, None]) -> Answer:
    """A page of the list, narrowed to what the sender may see."""
    names = AssetFilter.__struct_fields__
    asked = {name: value for name, value in msgspec.structs.asdict(call.query).items() if name in names}
    scopes = (call.by.area_code,) if call.by.area_code else ()
    return page(
        asset_queries.list_assets(
            call.engine, AssetFilter(**asked, scopes=scopes), after=call.query.after, limit=call.query.limit
        )
    )


def api_lookup(call: Call[LookupQuery, None]) -> Answer:
    """Assets by token, code or alias. Reading leaves no scan behind; the plate's public page does."""
    found = find_asset(call.engine, call.query.text)
    return Answer(value=Lookup(items=[one for one in found if covers(call.by, one.area_code)]))


def api_nearest(call: Call[NearQuery, None]) -> Answer:
    """The assets nearest to a place."""
    asked = msgspec.structs.asdict(call.query)
    return Answer(value=Near(items=nearest_assets(call.engine, **asked, scope=call.by.area_code)))


def api_asset(call: Call[NoQuery, None], asset_id: int) -> Answer:
    """One asset."""
    return record_of(call, asset_id)


def api_asset_by_code(call: Call[NoQuery, None], code: str) -> Answer:
    """One asset by its component code; one that was merged says into which."""
    return answer_with(record_by_code(call.engine, code))


def api_asset_history(call: Call[Paged, None], asset_id: int) -> Answer:
    """What was changed, the last first."""
    return page(asset_changes(call.engine, asset_id, after=call.query.after, limit=call.query.limit))


_row = partial(Operation, method="GET", group="assets")
OPERATIONS = (
    _row(
        path="/assets",
        endpoint="api_assets",
        run=api_assets,
        zh="部件列表",
        en="Assets, filtered, a page at a time",
        note="A page looks at a bounded number of assets: it may be short, even empty, while `next` says that more may "
        "follow.",
        query=AssetQuery,
        replies={200: Listing[AssetRow]},
    ),
    _row(
        path="/assets/lookup",
        endpoint="api_lookup",
        run=api_lookup,
        zh="按标牌、编码或别名查找",
        en="Find assets by token, code or alias",
        note="Records no scan: the plate's public page and `POST /scans` do.",
        query=LookupQuery,
        replies={200: Lookup},
    ),
    _row(
        path="/assets/nearest",
        endpoint="api_nearest",
        run=api_nearest,
        zh="最近的部件",
        en="The assets nearest to a place",
        query=NearQuery,
        replies={200: Near},
    ),
    _row(
        path="/assets/by-code/{code}",
        endpoint="api_asset_by_code",
        run=api_asset_by_code,
        zh="按编码读取部件",
        en="One asset by its component code",
        replies={200: AssetRecord},
    ),
    _row(
        path="/assets/{asset_id}",
        endpoint="api_asset",
        run=api_asset,
        zh="部件档案",
        en="One asset",
        replies={200: AssetRecord},
    ),
    _row(
        path="/assets/{asset_id}/history",
        endpoint="api_asset_history",
        run=api_asset_history,
        zh="部件变更记录",
        en="What was changed in an asset's file",
        query=Paged,
        replies={200: Listing[RecordChange]},
    ),
)
