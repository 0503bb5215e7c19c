"""Two files of one thing become one: everything moves to the file that is kept, and the other leads to it for ever.

The merged file keeps its code and its history. What moved is written down id by id, so that a mistaken merge can be
taken apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import ENDED_STAGES, TagEvent, TagState
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import revisions
from registry.services.assets import asset_to_change, write_change
from registry.storage.database import writing
from registry.storage.tables import (
    alert,
    asset,
    asset_alias,
    asset_change,
    case,
    device,
    photo,
    report,
    scan,
    tag,
    tag_event,
)

_MOVING = {
    "devices": device,
    "cases": case,
    "alerts": alert,
    "photos": photo,
    "reports": report,
    "scans": scan,
    "tags": tag,
}
_FILLED_IN = (
    "road",
    "address",
    "accuracy",
    "grid_cell",
    "supervisor_unit_id",
    "owner_unit_id",
    "maintainer_unit_id",
    "depth_mm",
    "material",
    "size",
    "installed_on",
    "warranty_until",
)


def merge_assets(engine: Engine, kept_id: int, merged_id: int, *, by: Actor, now: datetime, note: str = "") -> int:
    """Merge ``merged_id`` into ``kept_id``; the kept asset's new version.

    What the kept file lacks is filled in from the other. Raises ``InvalidInput`` (the same file twice, another family),
    ``InvalidMove`` (one of them is merged already), ``Conflict`` when both have an open case of one kind, ``NotFound``,
    ``NotAllowed``.
    """
    if kept_id == merged_id:
        raise InvalidInput("merged_id", "is the same file; choose the other one")
    with writing(engine) as tx:
        # always in the same order, so that two people who merge the same pair at once don't wait for each other
        rows = {each: asset_to_change(tx, each, expected_version=None, by=by) for each in sorted((kept_id, merged_id))}
        kept, merged = rows[kept_id], rows[merged_id]
        if kept.family != merged.family:
            raise InvalidInput(
                "merged_id",
                "is a {family} and the other a {other}: not the same thing",
                family=merged.family,
                other=kept.family,
            )
        _refuse_twin_cases(tx, kept_id, merged_id)
        moved = _move_all(tx, kept, merged, by=by, now=now)
        tx.execute(update(asset).where(asset.c.merged_into_id == merged_id).values(merged_into_id=kept_id))
        changes: dict[str, list[Any]] = {"merged_into_id": [None, kept_id], "moved": [None, moved]}
        write_change(tx, merged, changes, action="merge", by=by, now=now, note=note.strip())
        filled = {
            name: [getattr(kept, name), getattr(merged, name)] for name in _FILLED_IN if _lacks(kept, merged, name)
        }
        details = {**(merged.details or {}), **(kept.details or {})}
        if details != (kept.details or {}):
            filled["details"] = [kept.details, details]
        told = {"merged_code": [None, merged.code], **filled}
        version = write_change(tx, kept, told, action="merge", by=by, now=now, note=note.strip())
        revisions.bump(tx, revisions.DIRECTORY)
        return version


def unmerge_asset(engine: Engine, merged_id: int, *, by: Actor, now: datetime, note: str = "") -> None:
    """Take a merge apart: what moved and is still with the kept file moves back.

    Fields that were filled in stay with the kept file; its history shows them. Raises ``InvalidMove`` when the asset is
    not merged, ``NotFound``, ``NotAllowed``.
    """
    with writing(engine) as tx:
        merged = tx.execute(select(asset).where(asset.c.id == merged_id).with_for_update()).first()
        if merged is None:
            raise NotFound("asset", merged_id)
        check_area(by, merged.area_code)
        if merged.merged_into_id is None:
            raise InvalidMove("it is not merged into another file")
        kept = asset_to_change(tx, merged.merged_into_id, expected_version=None, by=by)
        _move_back(tx, kept.id, merged_id, _moved_by_merge(tx, merged_id), by=by, now=now)
        back = {"merged_into_id": [kept.id, None]}
        write_change(tx, merged, back, action="unmerge", by=by, now=now, note=note.strip())
        told = {"merged_code": [merged.code, None]}
        write_change(tx, kept, told, action="unmerge", by=by, now=now, note=note.strip())
        revisions.bump(tx, revisions.DIRECTORY)


def _lacks(kept: Any, merged: Any, name: str) -> bool:
    return getattr(kept, name) in (None, "") and getattr(merged, name) not in (None, "")


def _refuse_twin_cases(tx: Connection, kept_id: int, merged_id: int) -> None:
    ended = [stage.value for stage in ENDED_STAGES]
    kinds: dict[str, list[str]] = {}
    query = select(case.c.kind, case.c.number).where(
        case.c.asset_id.in_((kept_id, merged_id)), case.c.stage.not_in(ended)
    )
    for row in tx.execute(query):
        kinds.setdefault(row.kind, []).append(row.number)
    twins = [numbers for numbers in kinds.values() if len(numbers) > 1]
    if twins:
        raise Conflict(f"cases {' and '.join(twins[0])} are open for the same thing; close or void one of them first")


def _move_all(tx: Connection, kept: Any, merged: Any, *, by: Actor, now: datetime) -> dict[str, Any]:
    """Everything of ``merged`` goes to ``kept``; what went, by kind."""
    active = tag.c.state == TagState.ACTIVE.value
    replaced: list[int] = []
    if tx.execute(select(tag.c.id).where(tag.c.asset_id == kept.id, active)).first() is not None:
        # one thing, one plate in force: the other plate still leads here, and says that it was replaced
        replaced = list(tx.execute(select(tag.c.id).where(tag.c.asset_id == merged.id, active)).scalars())
        if replaced:
            ended = {"state": TagState.REPLACED.value, "ended_at": now}
            tx.execute(update(tag).where(tag.c.id.in_(replaced)).values(ended))
            _note_tags(tx, replaced, TagEvent.REPLACED, merged.id, by=by, now=now, note=f"→ {kept.code}")
    moved: dict[str, Any] = {}
    for name, table in _MOVING.items():
        ids = list(tx.execute(select(table.c.id).where(table.c.asset_id == merged.id).order_by(table.c.id)).scalars())
        if ids:
            tx.execute(update(table).where(table.c.asset_id == merged.id).values(asset_id=kept.id))
            moved[name] = ids
    aliases = tx.execute(
        select(asset_alias.c.kind, asset_alias.c.value).where(asset_alias.c.asset_id == merged.id)
    ).all()
    if aliases:
        tx.execute(update(asset_alias).where(asset_alias.c.asset_id == merged.id).values(asset_id=kept.id))
        moved["aliases"] = [list(each) for each in aliases]
    if replaced:
        moved["replaced"] = replaced
    return moved


def _moved_by_merge(tx: Connection, merged_id: int) -> Mapping[str, Any]:
    rows = tx.execute(
        select(asset_change.c.changes)
        .where(asset_change.c.asset_id == merged_id, asset_change.c.action == "merge")
        .order_by(asset_change.c.id.desc())
    )
    for changes in rows.scalars():
        if "moved" in changes:
            found: Mapping[str, Any] = changes["moved"][1]
            return found
    return {}


def _move_back(
    tx: Connection, kept_id: int, merged_id: int, moved: Mapping[str, Any], *, by: Actor, now: datetime
) -> None:
    for name, table in _MOVING.items():
        ids = moved.get(name, [])
        if ids:
            still_there = (table.c.id.in_(ids), table.c.asset_id == kept_id)
            tx.execute(update(table).where(*still_there).values(asset_id=merged_id))
    for kind, value in moved.get("aliases", []):
        same = (asset_alias.c.kind == kind, asset_alias.c.value == value, asset_alias.c.asset_id == kept_id)
        tx.execute(update(asset_alias).where(*same).values(asset_id=merged_id))
    ended = moved.get("replaced", [])
    if ended:
        back = (tag.c.id.in_(ended), tag.c.asset_id == merged_id, tag.c.state == TagState.REPLACED.value)
        in_force = {"state": TagState.ACTIVE.value, "ended_at": None}
        revived = list(tx.execute(update(tag).where(*back).values(in_force).returning(tag.c.id)).scalars())
        _note_tags(tx, revived, TagEvent.FOUND, merged_id, by=by, now=now, note="")


def _note_tags(
    tx: Connection, ids: list[int], event: TagEvent, asset_id: int, *, by: Actor, now: datetime, note: str
) -> None:
    if ids:
        row = {"at": now, "event": event.value, "asset_id": asset_id, "by_user_id": by.user_id, "note": note}
        tx.execute(tag_event.insert(), [{"tag_id": each, **row} for each in ids])
