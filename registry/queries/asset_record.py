"""What programs read of one asset: its record without what changes by the second, and its history.

Readings, alerts and cases have lists of their own, so that the record's version and its content go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, bindparam, select

from registry.domain.errors import NotFound
from registry.domain.kinds import AssetState, Family, TagState
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import View, all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import asset, asset_alias, asset_change, device, tag, user


class RecordAlias(msgspec.Struct, frozen=True, kw_only=True):
    """What another system calls the asset."""

    kind: str
    value: str


class RecordTag(msgspec.Struct, frozen=True, kw_only=True):
    """A plate the asset has or had."""

    token: str
    state: TagState
    bound_at: datetime | None
    ended_at: datetime | None


class RecordDevice(msgspec.Struct, frozen=True, kw_only=True):
    """Hardware that is fitted now."""

    id: int
    serial: str
    profile: str
    fitted_at: datetime


class AssetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One asset. ``lon``, ``lat`` are WGS-84 degrees; ``source_*`` the place as it was given.

    ``merged_into_id``: this file was found to mean the same thing as another, which is the one to use.
    """

    id: int
    version: int
    code: str
    scheme: str
    class_code: str
    family: Family
    name: str
    state: AssetState
    lon: float
    lat: float
    accuracy: str
    source_crs: str
    source_x: float | None
    source_y: float | None
    road: str
    address: str
    area_code: str
    grid_cell: str
    supervisor_unit_id: int | None
    owner_unit_id: int | None
    maintainer_unit_id: int | None
    depth_mm: int | None
    material: str
    size: str
    installed_on: str | None
    warranty_until: str | None
    details: dict[str, Any]
    import_id: int | None
    merged_into_id: int | None
    created_at: datetime
    updated_at: datetime
    aliases: list[RecordAlias]
    tags: list[RecordTag]
    devices: list[RecordDevice]


class RecordChange(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an asset's history; ``changes`` is {field: [before, after]}."""

    id: int
    at: datetime
    by_user_id: int | None
    by_name: str | None
    action: str
    changes: dict[str, Any]
    note: str
    import_id: int | None


def asset_record(engine: Engine, asset_id: int) -> AssetRecord:
    """The record of one asset; raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_by_id(), {"id": asset_id}).mappings().first()
        if row is None:
            raise NotFound("asset", asset_id)
        return _record(tx, row)


def record_by_code(engine: Engine, code: str) -> AssetRecord:
    """The record of the asset with a component code (16 digits); raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_by_code(), {"code": code}).mappings().first()
        if row is None:
            raise NotFound("asset with code", code[:40])
        return _record(tx, row)


def asset_version(engine: Engine, asset_id: int) -> int:
    """The version an asset is at; raises ``NotFound``."""
    with reading(engine) as tx:
        found = tx.scalar(select(asset.c.version).where(asset.c.id == asset_id))
    if found is None:
        raise NotFound("asset", asset_id)
    return int(found)


def asset_changes(engine: Engine, asset_id: int, *, after: str | None = None, limit: int = 50) -> Page[RecordChange]:
    """What was changed in an asset's file, the last first. Raises ``NotFound`` for the asset."""
    asset_version(engine, asset_id)
    query = (
        select(asset_change, user.c.name.label("by_name"))
        .outerjoin_from(asset_change, user, user.c.id == asset_change.c.by_user_id)
        .where(asset_change.c.asset_id == asset_id)
        .order_by(asset_change.c.id.desc())
        .limit(check_limit(limit) + 1)
    )
    if after is not None:
        query = query.where(asset_change.c.id < decode_id(after))
    with reading(engine) as tx:
        return page_of(all_views(tx, query, RecordChange), limit, lambda row: (row.id,))


def _record(tx: Connection, row: Mapping[Any, Any]) -> AssetRecord:
    asset_id = row["id"]
    return as_view(
        row,
        AssetRecord,
        aliases=_views(tx, _aliases(), RecordAlias, asset_id),
        tags=_views(tx, _tags(), RecordTag, asset_id),
        devices=_views(tx, _devices(), RecordDevice, asset_id),
    )


def _views(tx: Connection, query: Select[Any], kind: type[View], asset_id: int) -> list[View]:
    return [as_view(row, kind) for row in tx.execute(query, {"asset_id": asset_id}).mappings()]


# Built once: building a statement takes longer than the database takes to answer it.
@cache
def _by_id() -> Select[Any]:
    return select(asset).where(asset.c.id == bindparam("id"))


@cache
def _by_code() -> Select[Any]:
    return select(asset).where(asset.c.code == bindparam("code"))


@cache
def _aliases() -> Select[Any]:
    of_asset = asset_alias.c.asset_id == bindparam("asset_id")
    return select(asset_alias.c.kind, asset_alias.c.value).where(of_asset).order_by(asset_alias.c.kind, "value")


@cache
def _tags() -> Select[Any]:
    columns = (tag.c.token, tag.c.state, tag.c.bound_at, tag.c.ended_at)
    return select(*columns).where(tag.c.asset_id == bindparam("asset_id")).order_by(tag.c.id.desc())


@cache
def _devices() -> Select[Any]:
    columns = (device.c.id, device.c.serial, device.c.profile, device.c.fitted_at)
    fitted = (device.c.asset_id == bindparam("asset_id"), device.c.removed_at.is_(None))
    return select(*columns).where(*fitted).order_by(device.c.id)
