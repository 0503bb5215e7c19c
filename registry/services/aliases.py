"""Aliases: an owner's own number, a chip's id, an older code; each finds its asset, and belongs to one asset only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from registry.domain.aliases import OLD_CODE, read_alias
from registry.domain.codes import dissect
from registry.domain.errors import Conflict, NotFound
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area
from registry.services import asset_changes, audit
from registry.services.codes import keep_codes
from registry.storage.tables import asset, asset_alias


def add_alias(
    tx: Connection, asset_id: int, kind: str, value: str, *, now: datetime, by: Actor = SYSTEM
) -> tuple[str, str]:
    """Let ``value`` find the asset from now on; the kind and value as stored. Repeating it changes nothing.

    An older code of 16 digits is never issued again. Raises ``InvalidInput``, ``NotFound``, ``NotAllowed``, and
    ``Conflict`` naming the asset that has this alias.
    """
    kind, value = read_alias(kind, value)
    _check_asset(tx, asset_id, by)
    holder = tx.execute(
        select(asset.c.id, asset.c.code, asset.c.name)
        .join_from(asset_alias, asset, asset.c.id == asset_alias.c.asset_id)
        .where(asset_alias.c.kind == kind, asset_alias.c.value == value)
    ).first()
    if holder is not None and holder.id == asset_id:
        return kind, value
    if holder is not None:
        whose = f"{holder.name} ({holder.code}, asset {holder.id})"
        raise Conflict(f"{kind} {value!r} belongs to {whose} already; remove it there first")
    tx.execute(insert(asset_alias).values(kind=kind, value=value, asset_id=asset_id))
    if kind == OLD_CODE and not dissect(value)[1]:
        keep_codes(tx, [value])
    _note(tx, asset_id, kind, (None, value), by=by, now=now)
    return kind, value


def remove_alias(tx: Connection, asset_id: int, kind: str, value: str, *, now: datetime, by: Actor = SYSTEM) -> None:
    """Forget an alias of the asset. Raises ``NotFound`` when it has none like that, and ``NotAllowed``."""
    _check_asset(tx, asset_id, by)
    stored = (asset_alias.c.kind == kind, asset_alias.c.value == value, asset_alias.c.asset_id == asset_id)
    if tx.execute(delete(asset_alias).where(*stored)).rowcount == 0:
        raise NotFound(f"alias {kind}", value)
    _note(tx, asset_id, kind, (value, None), by=by, now=now)


def _check_asset(tx: Connection, asset_id: int, by: Actor) -> None:
    area_code = tx.execute(select(asset.c.area_code).where(asset.c.id == asset_id)).scalar()
    if area_code is None:
        raise NotFound("asset", asset_id)
    check_area(by, area_code)


def _note(
    tx: Connection, asset_id: int, kind: str, change: tuple[str | None, str | None], *, by: Actor, now: datetime
) -> None:
    tx.execute(update(asset).where(asset.c.id == asset_id).values(version=asset.c.version + 1, updated_at=now))
    changes = {f"alias.{kind}": change}
    asset_changes.record(tx, asset_id, action="change", changes=changes, by=by.user_id, now=now)
    detail = {"alias": kind, "before": change[0], "after": change[1]}
    audit.record(tx, by=by, action="asset.change", subject=f"asset:{asset_id}", detail=detail, now=now)
