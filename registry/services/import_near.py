"""Likely duplicates: rows whose class stands within a few metres already, on file or earlier in the same file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from registry.domain.geo import Place, cells_near, distance_m, place_cell
from registry.domain.kinds import DuplicateDecision
from registry.services.import_batch import (
    Context,
    HeldRow,
    Plan,
    chunks,
)
from registry.services.import_changes import plan_change
from registry.services.import_seen import Seen
from registry.storage.tables import asset
from registry.tabular.census_row import CensusRow
from registry.tabular.faults import Fault, shown
from registry.tabular.settings import HOLD, MERGE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Near:
    asset_id: int | None
    other_row: int | None
    class_code: str
    place: Place


def without_duplicates(
    tx: Connection,
    context: Context,
    rows: Sequence[CensusRow],
    decided: Mapping[int, str],
    holders: Mapping[tuple[str, str], int],
    plan: Plan,
    seen: Seen,
) -> list[CensusRow]:
    """Rows that stand for themselves; likely duplicates are held, merged or remarked, as the settings say."""
    radius = context.settings.duplicates_m
    if not radius:
        return list(rows)
    spans = {row.number: cells_near(row.place, radius) for row in rows if row.place is not None}
    cells = sorted({cell for around in spans.values() for cell in around})
    near = _standing_in(tx, context, cells, seen)
    kept: list[CensusRow] = []
    merged: list[tuple[CensusRow, int]] = []
    for row in rows:
        if row.place is None:
            continue
        decision = decided.get(row.number)
        other = None if decision == DuplicateDecision.KEEP.value else _nearest(row, spans[row.number], near, radius)
        if other is None:
            kept.append(row)
            _add_near(near, _Near(asset_id=None, other_row=row.number, class_code=row.class_code, place=row.place))
            continue
        away = distance_m(row.place, other.place)
        if decision == DuplicateDecision.MERGE.value or context.settings.duplicates == MERGE:
            if other.asset_id is not None:
                merged.append((row, other.asset_id))
            elif context.dry_run:
                plan.unchanged.append((row, 0))
            else:
                plan.deferred.append(row)
        elif context.settings.duplicates == HOLD:
            plan.held.append(HeldRow(row=row, asset_id=other.asset_id, other_row=other.other_row, distance_m=away))
        else:
            whom = other.asset_id if other.asset_id is not None else f"({other.other_row})"
            args = {"asset": whom, "metres": round(away, 2)}
            plan.remark(
                row.number,
                Fault(context.reader.key_column("lon"), shown(f"{row.place.lon}, {row.place.lat}"), "same_place", args),
            )
            kept.append(row)
    _plan_merges(tx, context, merged, holders, plan)
    if context.dry_run:
        seen.add_places(
            (place_cell(row.place.lon, row.place.lat), row.class_code, row.place.lon, row.place.lat, row.number)
            for row in kept
            if row.place is not None
        )
    return kept


def _plan_merges(
    tx: Connection,
    context: Context,
    merged: Sequence[tuple[CensusRow, int]],
    holders: Mapping[tuple[str, str], int],
    plan: Plan,
) -> None:
    found: dict[int, Row[Any]] = {}
    for some in chunks([asset_id for _, asset_id in merged]):
        found |= {each.id: each for each in tx.execute(select(asset).where(asset.c.id.in_(some)))}
    touched = {each.before.id for each in plan.changed}
    for row, asset_id in merged:
        if asset_id in touched:
            # two rows of one batch for one asset: the second is to see what the first did
            if context.dry_run:
                plan.unchanged.append((row, asset_id))
            else:
                plan.deferred.append(row)
            continue
        touched.add(asset_id)
        if row.code is not None and str(row.code) != found[asset_id].code:
            row.aliases.append((context.reader.key_column("code")[:40], str(row.code)))
        row.code = None
        plan_change(context, row, found[asset_id], holders, plan)


def _standing_in(
    tx: Connection, context: Context, cells: Sequence[int], seen: Seen
) -> dict[tuple[int, str], list[_Near]]:
    """What stands in the cells, by cell and class: assets on file and, in a dry run, earlier rows of the file."""
    near: dict[tuple[int, str], list[_Near]] = {}
    for some in chunks(cells):
        query = select(asset.c.id, asset.c.class_code, asset.c.lon, asset.c.lat).where(
            asset.c.place_cell.in_(some),
            asset.c.scheme == context.settings.scheme,
            asset.c.merged_into_id.is_(None),
        )
        for asset_id, class_code, lon, lat in tx.execute(query):
            _add_near(near, _Near(asset_id=asset_id, other_row=None, class_code=class_code, place=Place(lon, lat)))
    for earlier in seen.places(cells) if context.dry_run else ():
        place = Place(earlier.lon, earlier.lat)
        _add_near(near, _Near(asset_id=None, other_row=earlier.row, class_code=earlier.class_code, place=place))
    return near


def _add_near(near: dict[tuple[int, str], list[_Near]], one: _Near) -> None:
    near.setdefault((place_cell(one.place.lon, one.place.lat), one.class_code), []).append(one)


def _nearest(
    row: CensusRow, cells: Sequence[int], near: Mapping[tuple[int, str], list[_Near]], radius: float
) -> _Near | None:
    best, best_away = None, radius
    place = row.place
    if place is None:
        return None
    for cell in cells:
        for other in near.get((cell, row.class_code), ()):
            # a degree is at most 111.4 km: most neighbours of a cell are told apart without trigonometry
            if abs(other.place.lat - place.lat) * 110_000.0 > radius:
                continue
            away = distance_m(place, other.place)
            if away <= best_away:
                best, best_away = other, away
    return best
