"""Writing what a batch's plan says, in the caller's transaction: assets, ids, roads, units, history and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from registry.domain.errors import InvalidInput
from registry.domain.geo import place_cell
from registry.domain.kinds import AssetState, DuplicateDecision
from registry.services import asset_changes, revisions
from registry.services.asset_changes import ChangeRow
from registry.services.codes import issue_codes, keep_codes
from registry.services.import_batch import ChangedRow, Context, HeldRow, NewRow, Plan
from registry.services.revisions import DIRECTORY
from registry.services.roads import note_roads
from registry.services.units import NewUnit, add_unit
from registry.storage.bulk import insert_rows
from registry.storage.tables import (
    asset,
    asset_alias,
    import_before,
    import_duplicate,
    import_made,
    import_problem,
    road,
)
from registry.tabular.census_row import PARTIES, CensusRow
from registry.tabular.faults import Fault

MOST_PROBLEMS_KEPT = 100_000
"""Lines of one report; what comes after them is counted only."""

_KEPT = (
    *("name", "road", "address", "state", "grid_cell", "area_code", "depth_mm", "material", "size", "accuracy"),
    *("supervisor_unit_id", "owner_unit_id", "maintainer_unit_id", "installed_on", "warranty_until", "details"),
    *("lon", "lat", "place_cell", "source_crs", "source_x", "source_y"),
)
_WATCHED_BY_INTAKE = {"depth_mm", "supervisor_unit_id", "owner_unit_id", "maintainer_unit_id"}


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run did so far. rows = created + updated + unchanged + rejected + held."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    held: int = 0
    remarks: int = 0

    @property
    def rows(self) -> int:
        """Rows that were looked at."""
        return self.created + self.updated + self.unchanged + self.rejected + self.held

    def add(self, plan: Plan) -> None:
        """Count a batch."""
        self.created += len(plan.new)
        self.updated += len(plan.changed)
        self.unchanged += len(plan.unchanged)
        self.rejected += plan.rejected
        self.held += len(plan.held)
        self.remarks += sum(not grave for _, grave, _ in plan.faults)


def write_plan(tx: Connection, context: Context, plan: Plan, *, now: datetime) -> dict[int, int]:
    """Do what ``plan`` says; which asset each of its rows became or changed."""
    _make_units(tx, context, plan)
    made = _write_new(tx, context, plan, now=now)
    _write_changes(tx, context, plan.changed, now=now)
    became = {each.row.number: asset_id for each, asset_id in zip(plan.new, made, strict=True)}
    became |= {each.row.number: each.before.id for each in plan.changed}
    became |= {row.number: asset_id for row, asset_id in plan.unchanged}
    return became


def _make_units(tx: Connection, context: Context, plan: Plan) -> None:
    if not plan.new_units:
        return
    for name in plan.new_units:
        context.units[name] = add_unit(tx, NewUnit(name=name))
    tx.execute(
        insert(import_made), [{"run_id": context.run_id, "kind": "unit", "key": name} for name in plan.new_units]
    )
    for row in [*(each.row for each in plan.new), *(each.row for each in plan.changed)]:
        row.values |= {
            f"{party}_unit_id": context.units[name] for party, name in row.units.items() if name in context.units
        }
    for each in plan.changed:
        now = each.before._mapping
        parties = [f"{party}_unit_id" for party in PARTIES]
        each.after |= {
            key: each.row.values[key] for key in parties if key in each.row.values and each.row.values[key] != now[key]
        }


def _write_new(tx: Connection, context: Context, plan: Plan, *, now: datetime) -> list[int]:
    if not plan.new:
        return []
    codes = _codes_for(tx, plan)
    before = tx.execute(select(func.max(asset.c.id))).scalar() or 0
    rows = (_columns(context, each, code, now) for each, code in zip(plan.new, codes, strict=True))
    insert_rows(tx, asset, _NEW, rows)
    query = select(asset.c.code, asset.c.id).where(asset.c.import_id == context.run_id, asset.c.id > before)
    ids = {row.code: row.id for row in tx.execute(query)}
    made = [ids[code] for code in codes]
    aliases = (
        (kind, value, asset_id)
        for each, asset_id in zip(plan.new, made, strict=True)
        for kind, value in dict.fromkeys(each.row.aliases)
    )
    insert_rows(tx, asset_alias, ("kind", "value", "asset_id"), aliases)
    _note_roads(tx, context, {each.row.values.get("road", "") for each in plan.new})
    return made


def _codes_for(tx: Connection, plan: Plan) -> list[str]:
    """One code per new row: its own where the file gave one, else the next of its division and class."""
    keep_codes(tx, [str(each.row.code) for each in plan.new if each.row.code is not None])
    wanted: dict[tuple[str, str], int] = {}
    for each in plan.new:
        if each.row.code is None:
            kind = (each.row.division, each.row.class_code)
            wanted[kind] = wanted.get(kind, 0) + 1
    issued = {kind: iter(issue_codes(tx, *kind, count)) for kind, count in wanted.items()}
    return [
        str(each.row.code) if each.row.code is not None else next(issued[each.row.division, each.row.class_code])
        for each in plan.new
    ]


_NEW = (
    *("code", "scheme", "class_code", "family", "name", "state", "lon", "lat", "place_cell", "source_crs", "source_x"),
    *("source_y", "road", "address", "material", "size", "accuracy", "area_code", "grid_cell", "supervisor_unit_id"),
    *("owner_unit_id", "maintainer_unit_id", "depth_mm", "installed_on", "warranty_until", "details", "import_id"),
    *("import_row", "created_at", "updated_at"),
)


def _columns(context: Context, each: NewRow, code: str, now: datetime) -> tuple[Any, ...]:
    """The values of ``_NEW``, in its order."""
    row, values = each.row, each.row.values
    place, given = row.place, row.given
    if place is None or given is None:
        raise InvalidInput("place", "row {number} has none", number=row.number)
    of_class = context.classes[row.class_code]
    said = values.get
    return (
        code,
        context.settings.scheme,
        row.class_code,
        of_class.family.value,
        said("name") or _name_of(context, row, of_class.name_zh, code),
        said("state", AssetState.INTACT.value),
        place.lon,
        place.lat,
        place_cell(place.lon, place.lat),
        context.settings.crs,
        given.lon,
        given.lat,
        said("road", ""),
        said("address", ""),
        said("material", ""),
        said("size", ""),
        said("accuracy", ""),
        each.area_code,
        each.grid_cell,
        said("supervisor_unit_id"),
        said("owner_unit_id"),
        said("maintainer_unit_id"),
        said("depth_mm"),
        said("installed_on"),
        said("warranty_until"),
        row.details,
        context.run_id,
        row.number,
        now,
        now,
    )


def _name_of(context: Context, row: CensusRow, class_name: str, code: str) -> str:
    pattern = context.settings.name_pattern
    if not pattern:
        return f"{class_name} {code[10:]}"
    key = next((value for _, value in row.aliases), code[10:])
    # what is short is kept whole: a road may be cut, an id may not
    place = row.values.get("road", "")[: max(0, 118 - len(key))] or class_name
    return pattern.format(road=place, key=key, serial=code[10:], **{"class": class_name})[:120]


def _note_roads(tx: Connection, context: Context, names: set[str]) -> None:
    names.discard("")
    if not names:
        return
    there = set(tx.execute(select(road.c.name).where(road.c.name.in_(sorted(names)))).scalars())
    fresh = sorted(names - there)
    if fresh:
        note_roads(tx, fresh)
        tx.execute(insert(import_made), [{"run_id": context.run_id, "kind": "road", "key": name} for name in fresh])


def _write_changes(tx: Connection, context: Context, changed: Sequence[ChangedRow], *, now: datetime) -> None:
    if not changed:
        return
    tx.execute(
        update(asset)
        .where(asset.c.id == bindparam("b_id"))
        .values(version=asset.c.version + 1, updated_at=now, **{name: bindparam(f"b_{name}") for name in _KEPT}),
        [
            {"b_id": each.before.id} | {f"b_{name}": each.after.get(name, each.before._mapping[name]) for name in _KEPT}
            # in one order: whoever locks several assets at once does so from the first id to the last
            for each in sorted(changed, key=lambda each: each.before.id)
        ],
    )
    aliases = [
        {"kind": kind, "value": value, "asset_id": each.before.id}
        for each in changed
        for kind, value in dict.fromkeys(each.aliases)
    ]
    if aliases:
        tx.execute(insert(asset_alias), aliases)
    _note_roads(tx, context, {each.after.get("road", "") for each in changed})
    _keep_before(tx, context, changed)
    asset_changes.record_many(tx, [_history(context, each, now) for each in changed])
    if any(_WATCHED_BY_INTAKE & each.after.keys() for each in changed):
        revisions.bump(tx, DIRECTORY)


def _keep_before(tx: Connection, context: Context, changed: Sequence[ChangedRow]) -> None:
    """What is needed to undo; an asset that two rows of the file change keeps what it was before the first."""
    query = select(import_before).where(
        import_before.c.run_id == context.run_id, import_before.c.asset_id.in_([each.before.id for each in changed])
    )
    there = {each.asset_id: each for each in tx.execute(query)}
    rows = []
    for each in changed:
        now = each.before._mapping
        before = {name: now[name] for name in each.after}
        before |= {"version": each.before.version, "updated_at": now["updated_at"].isoformat()}
        aliases = [list(alias) for alias in dict.fromkeys(each.aliases)]
        first = there.get(each.before.id)
        if first is not None:
            before |= first.before
            aliases += first.aliases
        rows.append(
            {
                "run_id": context.run_id,
                "asset_id": each.before.id,
                "version_after": each.before.version + 1,
                "before": before,
                "aliases": aliases,
            }
        )
    if there:
        tx.execute(
            delete(import_before).where(
                import_before.c.run_id == context.run_id, import_before.c.asset_id.in_(list(there))
            )
        )
    tx.execute(insert(import_before), rows)


def _history(context: Context, each: ChangedRow, now: datetime) -> ChangeRow:
    before = each.before._mapping
    changes: dict[str, list[Any]] = {
        name: [before[name], value] for name, value in each.after.items() if name != "place_cell"
    }
    if each.aliases:
        changes["aliases"] = [None, [f"{kind} {value}" for kind, value in each.aliases]]
    return ChangeRow(
        asset_id=each.before.id,
        action="import",
        changes=changes,
        by=context.by.user_id,
        now=now,
        note=context.file_name,
        import_id=context.run_id,
    )


def write_report(tx: Connection, context: Context, plan: Plan, became: dict[int, int], *, kept: int) -> int:
    """Add the batch's faults and likely duplicates to the report; how many lines were kept."""
    faults = sorted(plan.faults, key=lambda each: each[0])[: max(0, MOST_PROBLEMS_KEPT - kept)]
    if faults:
        tx.execute(insert(import_problem), [_problem(context.run_id, *each) for each in faults])
    if plan.held:
        numbers = [each.row.number for each in plan.held]
        of_row = (import_duplicate.c.run_id == context.run_id) & import_duplicate.c.row.in_(numbers)
        tx.execute(delete(import_duplicate).where(of_row))
        tx.execute(insert(import_duplicate), [_duplicate(context.run_id, each, became) for each in plan.held])
    return len(faults)


def note_outcomes(tx: Connection, run_id: int, became: dict[int, int]) -> None:
    """Say at the decided duplicates what came of them."""
    if not became:
        return
    decided = select(import_duplicate.c.row).where(
        import_duplicate.c.run_id == run_id,
        import_duplicate.c.row.between(min(became), max(became)),
        import_duplicate.c.decision != DuplicateDecision.OPEN.value,
    )
    rows = [number for number in tx.execute(decided).scalars() if number in became]
    if rows:
        tx.execute(
            update(import_duplicate)
            .where(import_duplicate.c.run_id == run_id, import_duplicate.c.row == bindparam("b_row"))
            .values(made_asset_id=bindparam("b_made")),
            [{"b_row": number, "b_made": became[number]} for number in rows],
        )


def _problem(run_id: int, number: int, grave: bool, fault: Fault) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "row": number,
        "grave": int(grave),
        "column": fault.column[:120],
        "value": fault.value[:200],
        "problem": fault.code,
        "fix": msgspec.json.encode(dict(fault.args)).decode(),
    }


def _duplicate(run_id: int, each: HeldRow, became: dict[int, int]) -> dict[str, Any]:
    asset_id = each.asset_id
    if asset_id is None and each.other_row is not None:
        asset_id = became.get(each.other_row)
    return {
        "run_id": run_id,
        "row": each.row.number,
        "row_values": row_to_plain(each.row),
        "asset_id": asset_id,
        "other_row": each.other_row,
        "distance_m": round(each.distance_m, 3),
        "decision": DuplicateDecision.OPEN.value,
    }


def row_to_plain(row: CensusRow) -> dict[str, Any]:
    """A row as JSON, to be registered later."""
    plain: dict[str, Any] = msgspec.to_builtins(row)
    plain["code"] = None if row.code is None else str(row.code)
    plain.pop("remarks")
    return plain
