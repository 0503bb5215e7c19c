"""Changing what is on file of assets: facts, one or a thousand at a time, the state, and two files of one thing."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection

from dashboards.api.asset_answers import (
    Accuracy,
    BulkResult,
    Cell,
    Day,
    Depth,
    Material,
    Road,
    Size,
    Text,
    bulk_answer,
    record_of,
)
from dashboards.api.operation import MOST_BULK, Answer, Body, Id, Lat, Lon, Name, NoQuery, Operation
from dashboards.api.request import Call
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState
from registry.queries.asset_record import AssetRecord, asset_version
from registry.services import assets as asset_services
from registry.services.asset_merging import merge_assets, unmerge_asset
from registry.services.transactions import each_in_transaction

ShortNote = Annotated[str, Meta(max_length=500)]


class PlaceIn(Body, frozen=True, kw_only=True):
    """A place in degrees of ``crs``."""

    lon: Lon
    lat: Lat
    crs: Crs = Crs.WGS84


class AssetPatch(Body, frozen=True, kw_only=True):
    """What is to be different; what is left out stays. ``details`` are laid over those on file (null removes one)."""

    name: Name | UnsetType = UNSET
    road: Road | UnsetType = UNSET
    address: Text | UnsetType = UNSET
    place: PlaceIn | UnsetType = UNSET
    accuracy: Accuracy | UnsetType = UNSET
    grid_cell: Cell | UnsetType = UNSET
    supervisor_unit_id: Id | UnsetType | None = UNSET
    owner_unit_id: Id | UnsetType | None = UNSET
    maintainer_unit_id: Id | UnsetType | None = UNSET
    depth_mm: Depth | UnsetType | None = UNSET
    material: Material | UnsetType = UNSET
    size: Size | UnsetType = UNSET
    installed_on: Day | UnsetType | None = UNSET
    warranty_until: Day | UnsetType | None = UNSET
    details: dict[str, Any] | UnsetType = UNSET


class OneChange(Body, frozen=True, kw_only=True):
    """One asset's change; ``version`` is the one you saw."""

    asset_id: Id
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    change: AssetPatch


class BulkChange(Body, frozen=True, kw_only=True):
    """Changes; each by itself."""

    items: Annotated[list[OneChange], Meta(min_length=1, max_length=MOST_BULK)]


class StateMove(Body, frozen=True, kw_only=True):
    """The new state, and why."""

    state: AssetState
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Merge(Body, frozen=True, kw_only=True):
    """The file that turned out to mean the same thing; it is merged into the one in the address."""

    merged_id: Id
    note: ShortNote = ""


class Unmerge(Body, frozen=True, kw_only=True):
    """Why the merge was a mistake."""

    note: ShortNote = ""


def api_change(call: Call[NoQuery, AssetPatch], asset_id: int) -> Answer:
    """Change one."""
    seen = call.version(asset_version(call.engine, asset_id))
    change = _change(call.body)
    asset_services.change_asset(call.engine, asset_id, change, expected_version=seen, by=call.by, now=call.now)
    return record_of(call, asset_id)


def api_change_many(call: Call[NoQuery, BulkChange]) -> Answer:
    """Change many: each by itself, within one transaction."""
    steps = [partial(_change_one, call=call, one=one) for one in call.body.items]
    return bulk_answer(each_in_transaction(call.engine, steps), done=200)


def api_move_state(call: Call[NoQuery, StateMove], asset_id: int) -> Answer:
    """Record that it is intact, damaged, lost or abandoned."""
    seen = call.version(asset_version(call.engine, asset_id))
    state, reason = call.body.state, call.body.reason
    asset_services.move_state(
        call.engine, asset_id, state, reason=reason, expected_version=seen, by=call.by, now=call.now
    )
    return record_of(call, asset_id)


def api_merge(call: Call[NoQuery, Merge], asset_id: int) -> Answer:
    """Merge another file into this one."""
    merge_assets(call.engine, asset_id, call.body.merged_id, by=call.by, now=call.now, note=call.body.note)
    return record_of(call, asset_id)


def api_unmerge(call: Call[NoQuery, Unmerge], asset_id: int) -> Answer:
    """Take this file out of the one it was merged into."""
    unmerge_asset(call.engine, asset_id, by=call.by, now=call.now, note=call.body.note)
    return record_of(call, asset_id)


def _change(sent: AssetPatch) -> asset_services.AssetChange:
    given = {name: getattr(sent, name) for name in sent.__struct_fields__}
    place = given.pop("place")
    if place is not UNSET:
        given["place"] = asset_services.GivenPlace(lon=place.lon, lat=place.lat, crs=place.crs)
    return asset_services.AssetChange(**given)


def _change_one(tx: Connection, *, call: Call[Any, Any], one: OneChange) -> tuple[int, int]:
    version = asset_services.change_in(
        tx, one.asset_id, _change(one.change), expected_version=one.version, by=call.by, now=call.now
    )
    return one.asset_id, version


_row = partial(Operation, group="assets")
OPERATIONS = (
    _row(
        method="PATCH",
        path="/assets/bulk",
        endpoint="api_change_many",
        run=api_change_many,
        zh="批量修改",
        en="Change up to 1,000 assets; each by itself, if it is at the version you saw",
        body=BulkChange,
        replies={200: BulkResult},
    ),
    _row(
        method="PATCH",
        path="/assets/{asset_id}",
        endpoint="api_change",
        run=api_change,
        zh="修改部件",
        en="Change an asset",
        body=AssetPatch,
        replies={200: AssetRecord},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/assets/{asset_id}/state",
        endpoint="api_move_state",
        run=api_move_state,
        zh="变更部件状态",
        en="Record that an asset is intact, damaged, lost or abandoned",
        body=StateMove,
        replies={200: AssetRecord},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/assets/{asset_id}/merge",
        endpoint="api_merge",
        run=api_merge,
        zh="合并重复档案",
        en="Merge the file of the same thing into this one",
        body=Merge,
        replies={200: AssetRecord},
    ),
    _row(
        method="POST",
        path="/assets/{asset_id}/unmerge",
        endpoint="api_unmerge",
        run=api_unmerge,
        zh="撤销合并",
        en="Take a merged file out of the other one again",
        note="What moved and is still with the other file moves back; facts that were filled in there stay.",
        body=Unmerge,
        replies={200: AssetRecord},
    ),
)
