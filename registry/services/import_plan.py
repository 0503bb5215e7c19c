"""What would become of the rows of one batch: made, changed, left, held or refused, and why. Reads, never writes.

One query per kind of question and batch, none per row. The same plan is made for a dry run and for the import itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from registry.domain.kinds import DuplicateDecision
from registry.domain.scopes import covers
from registry.services.areas import locate
from registry.services.import_batch import (
    Context,
    NewRow,
    Plan,
    chunks,
    key_of,
)
from registry.services.import_changes import plan_change
from registry.services.import_near import without_duplicates
from registry.services.import_seen import Seen
from registry.storage.tables import asset, asset_alias, import_duplicate, retired_code
from registry.tabular.census_row import PARTIES, CensusRow
from registry.tabular.faults import Fault, shown
from registry.tabular.fields import ALIAS


def plan_rows(tx: Connection, context: Context, rows: Sequence[CensusRow], plan: Plan, seen: Seen) -> None:
    """Fill ``plan`` with what becomes of ``rows``; what they use is noted in ``seen``."""
    rows = _without_repeats(context, rows, plan, seen)
    known = _known_by_key(tx, context, rows)
    holders = _holders(tx, context, rows, known)
    decided = _decisions(tx, context, rows)
    fresh: list[CensusRow] = []
    for row in rows:
        for fault in row.remarks:
            plan.remark(row.number, fault)
        _settle_units(context, row, plan)
        before = known.get(key_of(context.settings, row))
        if before is not None:
            plan_change(context, row, before, holders, plan)
        elif row.place is None or not row.class_code or not row.division:
            key = key_of(context.settings, row)
            plan.refuse(row.number, Fault(context.reader.key_column(context.settings.key), shown(key), "not_on_file"))
        else:
            fresh.append(row)
    fresh = _with_free_names(tx, context, fresh, holders, plan)
    fresh = without_duplicates(tx, context, fresh, decided, holders, plan, seen)
    _plan_new(tx, context, fresh, plan)


def _without_repeats(context: Context, rows: Sequence[CensusRow], plan: Plan, seen: Seen) -> list[CensusRow]:
    """Rows whose code or id no earlier row of the file has."""
    names = [(row, row.names()) for row in rows]
    earlier = seen.words([name for _, used in names for name in used])
    kept: list[CensusRow] = []
    added: list[tuple[str, int]] = []
    for row, used in names:
        twice = next((name for name in used if name in earlier), None)
        if twice is not None:
            kind, _, value = twice.rpartition("\x1f")
            column = context.reader.key_column(f"{ALIAS}{kind}" if kind else "code")
            plan.refuse(row.number, Fault(column, shown(value), "repeated", {"row": earlier[twice]}))
            continue
        for name in used:
            earlier[name] = row.number
            added.append((name, row.number))
        kept.append(row)
    seen.add_words(added)
    return kept


def _known_by_key(tx: Connection, context: Context, rows: Sequence[CensusRow]) -> dict[str, Row[Any]]:
    """Key value to the asset on file."""
    key = context.settings.key
    wanted = [value for row in rows if (value := key_of(context.settings, row))]
    found: dict[str, Row[Any]] = {}
    for some in chunks(wanted):
        if key == "code":
            for each in tx.execute(select(asset).where(asset.c.code.in_(some))):
                found[each.code] = each
        else:
            query = select(asset_alias.c.value.label("key"), asset).join_from(
                asset_alias, asset, asset.c.id == asset_alias.c.asset_id
            )
            kind = key.removeprefix(ALIAS)
            for each in tx.execute(query.where(asset_alias.c.kind == kind, asset_alias.c.value.in_(some))):
                found[each.key] = each
    return found


def _holders(
    tx: Connection, context: Context, rows: Sequence[CensusRow], known: Mapping[str, Row[Any]]
) -> dict[tuple[str, str], int]:
    """Which of the rows' ids belong to assets on file: (kind, value) to asset. The key's kind was asked already."""
    key_kind = context.settings.key.removeprefix(ALIAS) if context.settings.key.startswith(ALIAS) else ""
    by_kind: dict[str, list[str]] = {}
    for row in rows:
        for kind, value in row.aliases:
            if kind != key_kind:
                by_kind.setdefault(kind, []).append(value)
    found = {(key_kind, value): each.id for value, each in known.items()} if key_kind else {}
    for kind, wanted in by_kind.items():
        for some in chunks(wanted):
            query = select(asset_alias.c.value, asset_alias.c.asset_id)
            for each in tx.execute(query.where(asset_alias.c.kind == kind, asset_alias.c.value.in_(some))):
                found[kind, each.value] = each.asset_id
    return found


def _decisions(tx: Connection, context: Context, rows: Sequence[CensusRow]) -> dict[int, str]:
    """What people decided about likely duplicates of this run, by row."""
    if not rows:
        return {}
    query = select(import_duplicate.c.row, import_duplicate.c.decision).where(
        import_duplicate.c.run_id == context.run_id,
        import_duplicate.c.row.between(rows[0].number, rows[-1].number),
        import_duplicate.c.decision != DuplicateDecision.OPEN.value,
    )
    return {each.row: each.decision for each in tx.execute(query)}


def _settle_units(context: Context, row: CensusRow, plan: Plan) -> None:
    """Put ids of units into the row's values; an unknown name is made a unit, or kept in the details."""
    for party in PARTIES:
        name = row.units.get(party)
        if not name:
            continue
        unit_id = context.units.get(name)
        if unit_id is not None:
            row.values[f"{party}_unit_id"] = unit_id
        elif context.settings.add_units:
            plan.new_units[name] = None
        else:
            column = context.reader.party_column(party)
            plan.remark(row.number, Fault(column, shown(name), "unknown_unit"))
            row.details[column] = name


def _with_free_names(
    tx: Connection,
    context: Context,
    rows: Sequence[CensusRow],
    holders: Mapping[tuple[str, str], int],
    plan: Plan,
) -> list[CensusRow]:
    """Rows whose ids nobody has. A code that was used before is kept as an alias, and the row gets a new one."""
    codes = [str(row.code) for row in rows if row.code is not None]
    taken: dict[str, int] = {}
    retired: set[str] = set()
    for some in chunks(codes):
        taken |= {
            each.code: each.id for each in tx.execute(select(asset.c.code, asset.c.id).where(asset.c.code.in_(some)))
        }
        retired |= set(tx.execute(select(retired_code.c.code).where(retired_code.c.code.in_(some))).scalars())
    kept: list[CensusRow] = []
    for row in rows:
        code = "" if row.code is None else str(row.code)
        column = context.reader.key_column("code")
        if code in taken:
            plan.refuse(row.number, Fault(column, code, "code_taken", {"asset": taken[code]}))
            continue
        other = next((alias for alias in row.aliases if alias in holders), None)
        if other is not None:
            args = {"asset": holders[other]}
            name = context.reader.key_column(f"{ALIAS}{other[0]}")
            plan.refuse(row.number, Fault(name, shown(other[1]), "alias_taken", args))
            continue
        if code in retired:
            plan.remark(row.number, Fault(column, code, "code_retired"))
            row.aliases.append((column[:40], code))
            row.code = None
        kept.append(row)
    return kept


def _plan_new(tx: Connection, context: Context, rows: Sequence[CensusRow], plan: Plan) -> None:
    located = locate(tx, [row.place for row in rows if row.place is not None])
    for row, (area_code, grid_cell) in zip(rows, located, strict=True):
        stated = row.values.pop("grid_cell", "")
        if stated and grid_cell and stated != grid_cell:
            plan.remark(
                row.number, Fault(context.reader.key_column("grid_cell"), stated, "other_cell", {"found": grid_cell})
            )
        area = area_code or (stated if len(stated) == 15 and stated.startswith(row.division) else row.division)
        if not covers(context.by, area):
            plan.refuse(row.number, Fault("", "", "outside_area", {"own": context.by.area_code}))
            continue
        plan.new.append(NewRow(row=row, area_code=area, grid_cell=stated or grid_cell))
