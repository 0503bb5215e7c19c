"""Assets: giving a thing its code and its file, and every later change of that file.

Each change raises ``asset.version``, writes a line of history and an entry of the audit trail in one transaction, and
is refused when somebody else changed the file meanwhile. What the running ingest must know raises its revision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.asset_states import check_state_move
from registry.domain.errors import Conflict, InvalidMove, NotFound
from registry.domain.geo import check_place
from registry.domain.kinds import AssetState, TagState
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area
from registry.services import asset_changes, audit, revisions
from registry.services.asset_values import (
    ACCURACIES,
    PARTY_FIELDS,
    AssetChange,
    GivenPlace,
    NewAsset,
    Parties,
    checked_values,
    place_values,
    values_of,
    wanted_values,
)
from registry.services.classes import find_class
from registry.services.codes import issue_codes
from registry.services.roads import note_roads
from registry.services.tags import bind_tag, end_tag
from registry.storage.database import writing
from registry.storage.tables import asset, asset_alias, asset_change, device, point, tag, user

__all__ = [
    "ACCURACIES",
    "AssetChange",
    "GivenPlace",
    "NewAsset",
    "Parties",
    "asset_to_change",
    "change_asset",
    "change_in",
    "move_state",
    "register",
    "register_asset",
    "register_in",
    "set_parties",
    "write_change",
]


def register(engine: Engine, new: NewAsset, *, by: Actor, now: datetime, token: str = "") -> int:
    """Register ``new`` from a page, with the blank plate ``token`` screwed on if there is one; returns its id.

    Raises what ``register_asset`` and ``tags.bind_tag`` raise, and ``NotAllowed`` outside the person's own area.
    """
    with writing(engine) as tx:
        return register_in(tx, new, by=by, now=now, token=token)


def register_in(tx: Connection, new: NewAsset, *, by: Actor, now: datetime, token: str = "") -> int:
    """``register`` within the caller's transaction."""
    asset_id = register_asset(tx, new, by=by, now=now)
    row = tx.execute(select(asset.c.area_code, asset.c.code).where(asset.c.id == asset_id)).one()
    check_area(by, row.area_code)
    if token:
        bind_tag(tx, token, asset_id, by=by, now=now)
    audit.record(tx, by=by, action="asset.register", subject=f"asset:{asset_id}", detail={"code": row.code}, now=now)
    return asset_id


def register_asset(tx: Connection, new: NewAsset, *, now: datetime, by: Actor = SYSTEM) -> int:
    """Give ``new`` its code and its file; returns the asset's id.

    Raises ``InvalidInput`` naming the field, and ``Conflict`` when an alias belongs to another asset.
    """
    place = check_place(new.lon, new.lat)
    of_class = find_class(tx, new.scheme, new.class_code)
    values = checked_values(tx, values_of(new), of_class.family)
    _check_aliases_free(tx, new.aliases)
    code = issue_codes(tx, new.division, new.class_code, 1)[0]
    values |= place_values(tx, place, new.crs)
    values |= {"area_code": values["area_code"] or new.division}
    values |= {"grid_cell": new.grid_cell or values["grid_cell"]}
    values |= {"code": code, "family": of_class.family.value, "created_at": now, "updated_at": now}
    values["name"] = new.name.strip() or f"{of_class.name_zh} {code[10:]}"
    asset_id = int(tx.execute(insert(asset).values(values).returning(asset.c.id)).scalar_one())
    note_roads(tx, [new.road])
    if new.aliases:
        tx.execute(
            insert(asset_alias),
            [{"kind": kind, "value": value, "asset_id": asset_id} for kind, value in new.aliases],
        )
    asset_changes.record(tx, asset_id, action="register", changes={"code": [None, code]}, by=by.user_id, now=now)
    return asset_id


def change_asset(
    engine: Engine, asset_id: int, change: AssetChange, *, expected_version: int | None, by: Actor, now: datetime
) -> int:
    """Change what ``change`` sets; returns the version the asset has now (the old one when nothing is different).

    ``expected_version`` is the one the person saw (None: whatever it is). Raises ``Conflict`` naming who changed what
    since, ``InvalidInput`` naming the field, ``NotFound``, and ``NotAllowed`` outside the person's own area.
    """
    with writing(engine) as tx:
        return change_in(tx, asset_id, change, expected_version=expected_version, by=by, now=now)


def change_in(
    tx: Connection, asset_id: int, change: AssetChange, *, expected_version: int | None, by: Actor, now: datetime
) -> int:
    """``change_asset`` within the caller's transaction."""
    row = asset_to_change(tx, asset_id, expected_version=expected_version, by=by)
    wanted = wanted_values(tx, row, change)
    changes = {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}
    if not changes:
        return int(row.version)
    if change.place is not UNSET and "area_code" in changes:
        check_area(by, str(wanted["area_code"]))  # nobody moves a thing into somebody else's area
    version = write_change(tx, row, changes, action="change", by=by, now=now)
    note_roads(tx, [wanted.get("road", "")])
    if "depth_mm" in changes:
        _rescale_water(tx, asset_id, wanted["depth_mm"])
    if {"depth_mm", *PARTY_FIELDS} & changes.keys():
        revisions.bump(tx, revisions.DIRECTORY)
    return version


def move_state(
    engine: Engine,
    asset_id: int,
    state: AssetState,
    *,
    reason: str,
    expected_version: int | None = None,
    by: Actor,
    now: datetime,
) -> int:
    """Record 完好, 破损, 丢失 or 废弃 and why; returns the new version.

    An abandoned asset keeps its code for ever; its plate is destroyed with it, and its devices must be off before.
    Raises ``InvalidMove``, ``InvalidInput("reason", …)``, ``Conflict``, ``NotFound``, ``NotAllowed``.
    """
    with writing(engine) as tx:
        row = asset_to_change(tx, asset_id, expected_version=expected_version, by=by)
        said = check_state_move(AssetState(row.state), state, reason)
        if state is AssetState.ABANDONED:
            _refuse_fitted(tx, asset_id)
            for token in _tokens_in_use(tx, asset_id):
                end_tag(tx, token, TagState.DESTROYED, by=by, now=now, note=said)
        changes = {"state": [row.state, state.value]}
        version = write_change(tx, row, changes, action="state", by=by, now=now, note=said)
        revisions.bump(tx, revisions.DIRECTORY)
        return version


def set_parties(tx: Connection, asset_id: int, parties: Parties, *, now: datetime, by: Actor = SYSTEM) -> None:
    """Say who supervises, owns and maintains an asset from now on. Raises ``NotFound``."""
    row = asset_to_change(tx, asset_id, expected_version=None, by=by)
    wanted = {name: getattr(parties, name) for name in PARTY_FIELDS}
    changes = {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}
    if changes:
        write_change(tx, row, changes, action="change", by=by, now=now)
        revisions.bump(tx, revisions.DIRECTORY)


def asset_to_change(tx: Connection, asset_id: int, *, expected_version: int | None, by: Actor) -> Any:
    """The row of an asset that ``by`` is about to change.

    Raises ``NotFound``, ``NotAllowed`` (outside their area), ``InvalidMove`` for one that was merged into another, and
    ``Conflict`` when it is no longer the version they saw.
    """
    row = tx.execute(select(asset).where(asset.c.id == asset_id).with_for_update()).first()
    if row is None:
        raise NotFound("asset", asset_id)
    check_area(by, row.area_code)
    if row.merged_into_id is not None:
        raise InvalidMove(f"it was merged into asset {row.merged_into_id}; change that one")
    if expected_version is not None and row.version != expected_version:
        raise Conflict(_who_was_first(tx, row, expected_version))
    return row


def write_change(
    tx: Connection,
    row: Any,
    changes: Mapping[str, Sequence[Any]],
    *,
    action: str,
    by: Actor,
    now: datetime,
    note: str = "",
    audited: str = "",
) -> int:
    """Write the second of each pair of ``changes`` into the asset, with its history and audit; the new version.

    ``audited``: the audit trail's word for it, where it is not the history's.
    """
    columns = {name: pair[1] for name, pair in changes.items() if name in asset.c}
    version = int(row.version) + 1
    tx.execute(update(asset).where(asset.c.id == row.id).values(version=version, updated_at=now, **columns))
    asset_changes.record(tx, row.id, action=action, changes=changes, by=by.user_id, now=now, note=note)
    detail = {"changes": {name: list(pair) for name, pair in changes.items()}, "note": note}
    audit.record(tx, by=by, action=audited or f"asset.{action}", subject=f"asset:{row.id}", detail=detail, now=now)
    return version


def _who_was_first(tx: Connection, row: Any, expected: int) -> str:
    last = tx.execute(
        select(asset_change, user.c.name)
        .outerjoin_from(asset_change, user, user.c.id == asset_change.c.by_user_id)
        .where(asset_change.c.asset_id == row.id)
        .order_by(asset_change.c.id.desc())
    ).first()
    told = f"it is at version {row.version} and you saw {expected}"
    if last is None:
        return f"{told}; load it again and repeat your change"
    what = ", ".join(last.changes) or last.action
    return f"{last.name or 'CoverCode'} changed {what} meanwhile ({told}); load it again and repeat your change"


def _rescale_water(tx: Connection, asset_id: int, depth_mm: int | None) -> None:
    """A water level's full scale is the well's depth."""
    fitted = select(device.c.id).where(device.c.asset_id == asset_id, device.c.removed_at.is_(None))
    of_water = point.c.name == "water_level"
    tx.execute(update(point).where(of_water, point.c.device_id.in_(fitted)).values(full_scale=depth_mm))


def _refuse_fitted(tx: Connection, asset_id: int) -> None:
    fitted = tx.execute(select(device.c.serial).where(device.c.asset_id == asset_id, device.c.removed_at.is_(None)))
    serials = list(fitted.scalars())
    if serials:
        raise InvalidMove(f"sensor {', '.join(serials)} is still fitted; take it off first")


def _tokens_in_use(tx: Connection, asset_id: int) -> list[str]:
    query = select(tag.c.token).where(tag.c.asset_id == asset_id, tag.c.state == TagState.ACTIVE.value)
    return list(tx.execute(query).scalars())


def _check_aliases_free(tx: Connection, aliases: Sequence[tuple[str, str]]) -> None:
    for kind, value in aliases:
        holder = tx.execute(
            select(asset_alias.c.asset_id).where(asset_alias.c.kind == kind, asset_alias.c.value == value)
        ).scalar()
        if holder is not None:
            raise Conflict(f"{kind} {value!r} belongs to asset {holder} already")
