"""Registering assets, one at a time or a thousand: each gets its code."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta
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
from dashboards.api.operation import MOST_BULK, Answer, Body, Id, Lat, Lon, NoQuery, Operation
from dashboards.api.request import Call
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState
from registry.queries.asset_record import AssetRecord
from registry.services import assets as asset_services
from registry.services.transactions import each_in_transaction

Division = Annotated[str, Meta(pattern="^[0-9]{6}$", description="The county division of the code: six digits")]
ClassCode = Annotated[str, Meta(pattern="^[0-9]{4}$", description="Major and minor class: four digits")]


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
    accuracy: Accuracy = ""
    name: Annotated[str, Meta(max_length=120)] = ""
    road: Road = ""
    address: Text = ""
    grid_cell: Cell = ""
    state: AssetState = AssetState.INTACT
    supervisor_unit_id: Id | None = None
    owner_unit_id: Id | None = None
    maintainer_unit_id: Id | None = None
    depth_mm: Depth | None = None
    material: Material = ""
    size: Size = ""
    installed_on: Day | None = None
    warranty_until: Day | None = None
    aliases: Annotated[list[AliasIn], Meta(max_length=20)] = msgspec.field(default_factory=list)
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    token: Annotated[str, Meta(max_length=20, description="A blank plate that is screwed on")] = ""


class BulkRegister(Body, frozen=True, kw_only=True):
    """Assets to register; each by itself."""

    items: Annotated[list[AssetIn], Meta(min_length=1, max_length=MOST_BULK)]


def api_register(call: Call[NoQuery, AssetIn]) -> Answer:
    """Register one."""
    new = call.body
    asset_id = asset_services.register(call.engine, _new(new), by=call.by, now=call.now, token=new.token)
    return record_of(call, asset_id, status=201)


def api_register_many(call: Call[NoQuery, BulkRegister]) -> Answer:
    """Register many: each by itself, within one transaction."""
    steps = [partial(_register, call=call, new=new) for new in call.body.items]
    return bulk_answer(each_in_transaction(call.engine, steps), done=201)


def _new(sent: AssetIn) -> asset_services.NewAsset:
    given = {name: getattr(sent, name) for name in sent.__struct_fields__}
    parties = {name: given.pop(name) for name in ("supervisor_unit_id", "owner_unit_id", "maintainer_unit_id")}
    del given["token"]
    given |= {name: given[name] or "" for name in ("installed_on", "warranty_until")}
    given["aliases"] = [(alias.kind, alias.value) for alias in sent.aliases]
    return asset_services.NewAsset(**given, parties=asset_services.Parties(**parties))


def _register(tx: Connection, *, call: Call[Any, Any], new: AssetIn) -> tuple[int, int]:
    return asset_services.register_in(tx, _new(new), by=call.by, now=call.now, token=new.token), 1


_row = partial(Operation, method="POST", group="assets")
OPERATIONS = (
    _row(
        path="/assets",
        endpoint="api_register",
        run=api_register,
        zh="登记部件",
        en="Register an asset; it gets its code",
        body=AssetIn,
        replies={201: AssetRecord},
        errors=(404,),
    ),
    _row(
        path="/assets/bulk",
        endpoint="api_register_many",
        run=api_register_many,
        zh="批量登记",
        en="Register up to 1,000 assets; each by itself",
        body=BulkRegister,
        replies={200: BulkResult},
    ),
)
