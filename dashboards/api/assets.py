"""Assets: find, read, register, change, move between states, merge; one at a time or a thousand."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection

from dashboards.api.answering import page
from dashboards.api.operation import (
    MOST_BULK,
    Answer,
    Body,
    Id,
    Lat,
    Listing,
    Lon,
    Name,
    NoQuery,
    Operation,
    Paged,
    Query,
)
from dashboards.api.request import Call
from dashboards.errors import answer_for, errors_of, problem_of
from registry.domain.errors import DomainError
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState, Family
from registry.domain.scopes import covers
from registry.queries import assets as asset_queries
from registry.queries.asset_filters import AssetFilter, Gap
from registry.queries.asset_record import (
    AssetRecord,
    RecordChange,
    asset_changes,
    asset_record,
    asset_version,
    record_by_code,
)
from registry.queries.asset_views import AssetRow
from registry.queries.find_asset import Found, find_asset
from registry.queries.nearest import NearAsset, nearest_assets
from registry.services import assets as asset_services
from registry.services.asset_merging import merge_assets
from registry.services.transactions import each_in_transaction

Text = Annotated[str, Meta(max_length=200)]
Metres = Annotated[float, Meta(gt=0, le=5000)]
Division = Annotated[str, Meta(pattern="^[0-9]{6}$", description="The county division of the code: six digits")]
ClassCode = Annotated[str, Meta(pattern="^[0-9]{4}$", description="Major and minor class: four digits")]
AreaPrefix = Annotated[str, Meta(pattern="^[0-9]{0,15}$", description="An area's code; what lies in it")]
Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day, as 2026-11-22")]
Depth = Annotated[int, Meta(ge=0, le=50_000, description="Millimetres")]


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


class AliasIn(Body, frozen=True, kw_only=True):
    """What another system calls the asset."""

    kind: Annotated[str, Meta(min_length=1, max_length=40)]
    value: Annotated[str, Meta(min_length=1, max_length=120)]


class AssetIn(Body, frozen=True, kw_only=True):
    """An asset to register; it gets its code. ``lon``, ``lat`` are degrees in ``crs``."""

    division: Division
    class_code: ClassCode
    lon: Lon
    lat: Lat
    scheme: Annotated[str, Meta(min_length=1, max_length=30)] = "cjt214-2007"
    crs: Crs = Crs.WGS84
    accuracy: Annotated[str, Meta(pattern="^[ABC]?$")] = ""
    name: Annotated[str, Meta(max_length=120)] = ""
    road: Annotated[str, Meta(max_length=120)] = ""
    address: Text = ""
    grid_cell: Annotated[str, Meta(pattern="^([0-9]{15,16})?$")] = ""
    state: AssetState = AssetState.INTACT
    supervisor_unit_id: Id | None = None
    owner_unit_id: Id | None = None
    maintainer_unit_id: Id | None = None
    depth_mm: Depth | None = None
    material: Annotated[str, Meta(max_length=40)] = ""
    size: Annotated[str, Meta(max_length=60)] = ""
    installed_on: Day | None = None
    warranty_until: Day | None = None
    aliases: Annotated[list[AliasIn], Meta(max_length=20)] = msgspec.field(default_factory=list)
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    token: Annotated[str, Meta(max_length=20, description="A blank plate that is screwed on")] = ""


class PlaceIn(Body, frozen=True, kw_only=True):
    """A place in degrees of ``crs``."""

    lon: Lon
    lat: Lat
    crs: Crs = Crs.WGS84


class AssetPatch(Body, frozen=True, kw_only=True):
    """What is to be different; what is left out stays. ``details`` are laid over those on file (null removes one)."""

    name: Name | UnsetType = UNSET
    road: Annotated[str, Meta(max_length=120)] | UnsetType = UNSET
    address: Text | UnsetType = UNSET
    place: PlaceIn | UnsetType = UNSET
    accuracy: Annotated[str, Meta(pattern="^[ABC]?$")] | UnsetType = UNSET
    grid_cell: Annotated[str, Meta(pattern="^([0-9]{15,16})?$")] | UnsetType = UNSET
    supervisor_unit_id: Id | UnsetType | None = UNSET
    owner_unit_id: Id | UnsetType | None = UNSET
    maintainer_unit_id: Id | UnsetType | None = UNSET
    depth_mm: Depth | UnsetType | None = UNSET
    material: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    size: Annotated[str, Meta(max_length=60)] | UnsetType = UNSET
    installed_on: Day | UnsetType | None = UNSET
    warranty_until: Day | UnsetType | None = UNSET
    details: dict[str, Any] | UnsetType = UNSET


class BulkRegister(Body, frozen=True, kw_only=True):
    """Assets to register; each by itself."""

    items: Annotated[list[AssetIn], Meta(min_length=1, max_length=MOST_BULK)]


class OneChange(Body, frozen=True, kw_only=True):
    """One asset's change; ``version`` is the one you saw."""

    asset_id: Id
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    change: AssetPatch


class BulkChange(Body, frozen=True, kw_only=True):
    """Changes; each by itself."""

    items: Annotated[list[OneChange], Meta(min_length=1, max_length=MOST_BULK)]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why one item of a bulk request was refused; as a problem of its own would say."""

    code: str
    detail: str
    errors: list[dict[str, str]]


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item: the status it would have got by itself, and the asset or the refusal."""

    status: int
    asset_id: int | None = None
    version: int | None = None
    problem: Refused | None = None


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each item, in the order they were sent."""

    done: int
    refused: int
    items: list[BulkItem]


class StateMove(Body, frozen=True, kw_only=True):
    """The new state, and why."""

    state: AssetState
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Merge(Body, frozen=True, kw_only=True):
    """The file that turned out to mean the same thing; it is merged into the one in the address."""

    merged_id: Id
    note: Annotated[str, Meta(max_length=500)] = ""


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
    return _record(call, asset_id)


def api_asset_by_code(call: Call[NoQuery, None], code: str) -> Answer:
    """One asset by its component code; one that was merged says into which."""
    return _answer(record_by_code(call.engine, code))


def api_register(call: Call[NoQuery, AssetIn]) -> Answer:
    """Register one."""
    new = call.body
    asset_id = asset_services.register(call.engine, _new(new), by=call.by, now=call.now, token=new.token)
    return _record(call, asset_id, status=201)


def api_register_many(call: Call[NoQuery, BulkRegister]) -> Answer:
    """Register many: each by itself, within one transaction."""
    steps = [partial(_register, call=call, new=new) for new in call.body.items]
    return _bulk(each_in_transaction(call.engine, steps), done=201)


def api_change(call: Call[NoQuery, AssetPatch], asset_id: int) -> Answer:
    """Change one."""
    seen = call.version(asset_version(call.engine, asset_id))
    change = _change(call.body)
    asset_services.change_asset(call.engine, asset_id, change, expected_version=seen, by=call.by, now=call.now)
    return _record(call, asset_id)


def api_change_many(call: Call[NoQuery, BulkChange]) -> Answer:
    """Change many: each by itself, within one transaction."""
    steps = [partial(_change_one, call=call, one=one) for one in call.body.items]
    return _bulk(each_in_transaction(call.engine, steps), done=200)


def api_move_state(call: Call[NoQuery, StateMove], asset_id: int) -> Answer:
    """Record that it is intact, damaged, lost or abandoned."""
    seen = call.version(asset_version(call.engine, asset_id))
    state, reason = call.body.state, call.body.reason
    asset_services.move_state(
        call.engine, asset_id, state, reason=reason, expected_version=seen, by=call.by, now=call.now
    )
    return _record(call, asset_id)


def api_merge(call: Call[NoQuery, Merge], asset_id: int) -> Answer:
    """Merge another file into this one."""
    merge_assets(call.engine, asset_id, call.body.merged_id, by=call.by, now=call.now, note=call.body.note)
    return _record(call, asset_id)


def api_asset_history(call: Call[Paged, None], asset_id: int) -> Answer:
    """What was changed, the last first."""
    return page(asset_changes(call.engine, asset_id, after=call.query.after, limit=call.query.limit))


def _record(call: Call[Any, Any], asset_id: int, status: int = 200) -> Answer:
    return _answer(asset_record(call.engine, asset_id), status)


def _answer(found: AssetRecord, status: int = 200) -> Answer:
    location = url_for("api_asset", asset_id=found.id) if status == 201 else ""
    return Answer(value=found, status=status, version=found.version, location=location)


def _new(sent: AssetIn) -> asset_services.NewAsset:
    given = {name: getattr(sent, name) for name in sent.__struct_fields__}
    parties = {name: given.pop(name) for name in ("supervisor_unit_id", "owner_unit_id", "maintainer_unit_id")}
    del given["token"]
    given |= {name: given[name] or "" for name in ("installed_on", "warranty_until")}
    given["aliases"] = [(alias.kind, alias.value) for alias in sent.aliases]
    return asset_services.NewAsset(**given, parties=asset_services.Parties(**parties))


def _change(sent: AssetPatch) -> asset_services.AssetChange:
    given = {name: getattr(sent, name) for name in sent.__struct_fields__}
    place = given.pop("place")
    if place is not UNSET:
        given["place"] = asset_services.GivenPlace(lon=place.lon, lat=place.lat, crs=place.crs)
    return asset_services.AssetChange(**given)


def _register(tx: Connection, *, call: Call[Any, Any], new: AssetIn) -> tuple[int, int]:
    return asset_services.register_in(tx, _new(new), by=call.by, now=call.now, token=new.token), 1


def _change_one(tx: Connection, *, call: Call[Any, Any], one: OneChange) -> tuple[int, int]:
    version = asset_services.change_in(
        tx, one.asset_id, _change(one.change), expected_version=one.version, by=call.by, now=call.now
    )
    return one.asset_id, version


def _bulk(results: list[tuple[int, int] | DomainError], *, done: int) -> Answer:
    items = [_item(result, done) for result in results]
    refused = sum(item.problem is not None for item in items)
    return Answer(value=BulkResult(done=len(items) - refused, refused=refused, items=items))


def _item(result: tuple[int, int] | DomainError, done: int) -> BulkItem:
    if isinstance(result, tuple):
        return BulkItem(status=done, asset_id=result[0], version=result[1])
    answer = answer_for(result)
    errors = [{"field": field, "problem": problem} for field, problem in errors_of(result)]
    problem = Refused(code=answer.code, detail=problem_of(answer, result), errors=errors)
    return BulkItem(status=answer.status, problem=problem)


_GROUP = "assets"
OPERATIONS = (
    Operation(
        method="GET",
        path="/assets",
        endpoint="api_assets",
        run=api_assets,
        group=_GROUP,
        zh="部件列表",
        en="Assets, filtered, a page at a time",
        note="A page looks at a bounded number of assets: it may be short, even empty, while `next` says that more may "
        "follow.",
        query=AssetQuery,
        replies={200: Listing[AssetRow]},
    ),
    Operation(
        method="POST",
        path="/assets",
        endpoint="api_register",
        run=api_register,
        group=_GROUP,
        zh="登记部件",
        en="Register an asset; it gets its code",
        body=AssetIn,
        replies={201: AssetRecord},
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/assets/lookup",
        endpoint="api_lookup",
        run=api_lookup,
        group=_GROUP,
        zh="按标牌、编码或别名查找",
        en="Find assets by token, code or alias",
        note="Records no scan: scans belong to the plate's public page.",
        query=LookupQuery,
        replies={200: Lookup},
    ),
    Operation(
        method="GET",
        path="/assets/nearest",
        endpoint="api_nearest",
        run=api_nearest,
        group=_GROUP,
        zh="最近的部件",
        en="The assets nearest to a place",
        query=NearQuery,
        replies={200: Near},
    ),
    Operation(
        method="POST",
        path="/assets/bulk",
        endpoint="api_register_many",
        run=api_register_many,
        group=_GROUP,
        zh="批量登记",
        en="Register up to 1,000 assets; each by itself",
        body=BulkRegister,
        replies={200: BulkResult},
    ),
    Operation(
        method="PATCH",
        path="/assets/bulk",
        endpoint="api_change_many",
        run=api_change_many,
        group=_GROUP,
        zh="批量修改",
        en="Change up to 1,000 assets; each by itself, if it is at the version you saw",
        body=BulkChange,
        replies={200: BulkResult},
    ),
    Operation(
        method="GET",
        path="/assets/by-code/{code}",
        endpoint="api_asset_by_code",
        run=api_asset_by_code,
        group=_GROUP,
        zh="按编码读取部件",
        en="One asset by its component code",
        replies={200: AssetRecord},
    ),
    Operation(
        method="GET",
        path="/assets/{asset_id}",
        endpoint="api_asset",
        run=api_asset,
        group=_GROUP,
        zh="部件档案",
        en="One asset",
        replies={200: AssetRecord},
    ),
    Operation(
        method="PATCH",
        path="/assets/{asset_id}",
        endpoint="api_change",
        run=api_change,
        group=_GROUP,
        zh="修改部件",
        en="Change an asset",
        body=AssetPatch,
        replies={200: AssetRecord},
        if_match=True,
    ),
    Operation(
        method="POST",
        path="/assets/{asset_id}/state",
        endpoint="api_move_state",
        run=api_move_state,
        group=_GROUP,
        zh="变更部件状态",
        en="Record that an asset is intact, damaged, lost or abandoned",
        body=StateMove,
        replies={200: AssetRecord},
        if_match=True,
    ),
    Operation(
        method="POST",
        path="/assets/{asset_id}/merge",
        endpoint="api_merge",
        run=api_merge,
        group=_GROUP,
        zh="合并重复档案",
        en="Merge the file of the same thing into this one",
        body=Merge,
        replies={200: AssetRecord},
    ),
    Operation(
        method="GET",
        path="/assets/{asset_id}/history",
        endpoint="api_asset_history",
        run=api_asset_history,
        group=_GROUP,
        zh="部件变更记录",
        en="What was changed in an asset's file",
        query=Paged,
        replies={200: Listing[RecordChange]},
    ),
)
