"""What a row says otherwise about an asset on file, and what of that an import may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from registry.domain.asset_states import check_state_move
from registry.domain.errors import DomainError
from registry.domain.geo import Place, place_cell
from registry.domain.kinds import AssetState
from registry.domain.scopes import covers
from registry.services.import_batch import (
    ChangedRow,
    Context,
    Plan,
    key_of,
)
from registry.tabular.census_row import CensusRow
from registry.tabular.faults import Fault, shown
from registry.tabular.fields import ALIAS
from registry.tabular.settings import ImportSettings

SAME_PLACE_DEG = 2e-7
"""Two centimetres: less is the rounding of another system's decimals, not a move."""


def plan_change(
    context: Context, row: CensusRow, before: Row[Any], holders: Mapping[tuple[str, str], int], plan: Plan
) -> None:
    """Put the row into ``plan`` as a change of ``before``, as unchanged, or as refused."""
    if before.merged_into_id is not None:
        column = context.reader.key_column(context.settings.key)
        key = key_of(context.settings, row)
        plan.refuse(row.number, Fault(column, shown(key), "merged_away", {"asset": before.id}))
        return
    if not covers(context.by, before.area_code):
        plan.refuse(row.number, Fault("", "", "outside_area", {"own": context.by.area_code}))
        return
    after = _differences(context, row, before, plan)
    added: list[tuple[str, str]] = []
    for kind, value in row.aliases:
        holder = holders.get((kind, value))
        if holder is None:
            added.append((kind, value))
        elif holder != before.id:
            column = context.reader.key_column(f"{ALIAS}{kind}")
            plan.remark(row.number, Fault(column, shown(value), "alias_taken", {"asset": holder}))
    makes_unit = any(name in plan.new_units for name in row.units.values())
    if after or added or makes_unit:
        plan.changed.append(ChangedRow(row=row, before=before, after=after, aliases=added))
    else:
        plan.unchanged.append((row, before.id))


def _differences(context: Context, row: CensusRow, before: Row[Any], plan: Plan) -> dict[str, Any]:
    """The columns that the row says otherwise; an empty cell says nothing."""
    now = before._mapping
    after = {name: value for name, value in row.values.items() if now[name] != value}
    if "state" in after:
        try:
            check_state_move(AssetState(before.state), AssetState(after["state"]), f"import {context.file_name}")
            allowed = after["state"] != AssetState.ABANDONED.value
        except DomainError:
            allowed = False
        if not allowed:
            args = {"asset": before.id, "is_now": before.state}
            fault = Fault(context.reader.key_column("state"), shown(after.pop("state")), "state_move", args)
            plan.remark(row.number, fault)
    if row.class_code and before.scheme == context.settings.scheme and row.class_code != before.class_code:
        args = {"asset": before.id, "is_now": before.class_code}
        plan.remark(row.number, Fault(context.reader.key_column("class"), row.class_code, "other_class", args))
    if row.place is not None and row.given is not None:
        moved = abs(row.place.lon - before.lon) > SAME_PLACE_DEG or abs(row.place.lat - before.lat) > SAME_PLACE_DEG
        if moved:
            after |= place_columns(context.settings, row.place, row.given)
    details = {**before.details, **row.details}
    if details != before.details:
        after["details"] = details
    return after


def place_columns(settings: ImportSettings, place: Place, given: Place) -> dict[str, Any]:
    """The columns of a place; ``given`` is the same in the file's own system."""
    return {
        "lon": place.lon,
        "lat": place.lat,
        "place_cell": place_cell(place.lon, place.lat),
        "source_crs": settings.crs,
        "source_x": given.lon,
        "source_y": given.lat,
    }
