"""What would become of the rows of one batch: made, changed, left, held or refused, and why. Reads, never writes.

One query per kind of question and batch, none per row. The same plan is made for a dry run and for the import itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from registry.domain.asset_states import check_state_move
from registry.domain.errors import DomainError
from registry.domain.geo import Place, cells_near, distance_m, place_cell
from registry.domain.kinds import AssetState, DuplicateDecision, Family
from registry.domain.people import Actor
from registry.domain.scopes import covers
from registry.services.areas import locate
from registry.services.import_seen import Seen
from registry.storage.tables import asset, asset_alias, import_duplicate, retired_code
from registry.tabular.faults import Fault, shown
from registry.tabular.fields import ALIAS
from registry.tabular.rows import PARTIES, CensusRow, RowReader, Unusable
from registry.tabular.settings import HOLD, MERGE, ImportSettings

SAME_PLACE_DEG = 2e-7
"""Two centimetres: less is the rounding of another system's decimals, not a move."""

_CHUNK = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOnFile:
    """What a row needs of its class."""

    name_zh: str
    family: Family


@dataclass(slots=True, kw_only=True)
class Context:
    """What stays the same for all batches of a run. ``units``: name to id, grown by those that the import makes."""

    run_id: int
    file_name: str
    settings: ImportSettings
    reader: RowReader
    classes: Mapping[str, ClassOnFile]
    units: dict[str, int]
    by: Actor
    dry_run: bool


@dataclass(slots=True, kw_only=True)
class NewRow:
    """A row that becomes an asset."""

    row: CensusRow
    area_code: str
    grid_cell: str


@dataclass(slots=True, kw_only=True)
class ChangedRow:
    """A row that changes ``before``: new values of columns, and ids to be added."""

    row: CensusRow
    before: Row[Any]
    after: dict[str, Any]
    aliases: list[tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class HeldRow:
    """A likely duplicate of an asset, or of an earlier row that is not registered yet."""

    row: CensusRow
    asset_id: int | None
    other_row: int | None
    distance_m: float


@dataclass(slots=True, kw_only=True)
class Plan:
    """What becomes of a batch. ``faults``: (row, grave, fault); ``deferred``: to be merged into a row of this batch."""

    new: list[NewRow] = field(default_factory=list)
    changed: list[ChangedRow] = field(default_factory=list)
    unchanged: list[tuple[CensusRow, int]] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    faults: list[tuple[int, bool, Fault]] = field(default_factory=list)
    deferred: list[CensusRow] = field(default_factory=list)
    rejected: int = 0
    new_units: dict[str, None] = field(default_factory=dict)

    def refuse(self, number: int, fault: Fault) -> None:
        """The row stays out."""
        self.rejected += 1
        self.faults.append((number, True, fault))

    def remark(self, number: int, fault: Fault) -> None:
        """The row is taken, with a remark."""
        self.faults.append((number, False, fault))


def read_batch(reader: RowReader, records: Iterable[Any], plan: Plan) -> list[CensusRow]:
    """The usable records; the others are refused in ``plan``."""
    rows: list[CensusRow] = []
    for record in records:
        try:
            rows.append(reader.read(record))
        except Unusable as reason:
            plan.refuse(record.number, reason.fault)
    return rows


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
        before = known.get(_key_of(context.settings, row))
        if before is not None:
            _plan_change(context, row, before, holders, plan)
        elif row.place is None or not row.class_code or not row.division:
            key = _key_of(context.settings, row)
            plan.refuse(row.number, Fault(context.reader.key_column(context.settings.key), shown(key), "not_on_file"))
        else:
            fresh.append(row)
    fresh = _with_free_names(tx, context, fresh, holders, plan)
    fresh = _without_duplicates(tx, context, fresh, decided, holders, plan, seen)
    _plan_new(tx, context, fresh, plan)


def _key_of(settings: ImportSettings, row: CensusRow) -> str:
    """The value by which the row is known again; "" when there is none."""
    if settings.key == "code":
        return "" if row.code is None else str(row.code)
    kind = settings.key.removeprefix(ALIAS) if settings.key else ""
    return next((value for each, value in row.aliases if each == kind), "") if kind else ""


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


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _known_by_key(tx: Connection, context: Context, rows: Sequence[CensusRow]) -> dict[str, Row[Any]]:
    """Key value to the asset on file."""
    key = context.settings.key
    wanted = [value for row in rows if (value := _key_of(context.settings, row))]
    found: dict[str, Row[Any]] = {}
    for some in _chunks(wanted):
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
        for some in _chunks(wanted):
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


def _plan_change(
    context: Context, row: CensusRow, before: Row[Any], holders: Mapping[tuple[str, str], int], plan: Plan
) -> None:
    if before.merged_into_id is not None:
        column = context.reader.key_column(context.settings.key)
        key = _key_of(context.settings, row)
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
    for some in _chunks(codes):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Near:
    asset_id: int | None
    other_row: int | None
    class_code: str
    place: Place


def _without_duplicates(
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
    for some in _chunks([asset_id for _, asset_id in merged]):
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
        _plan_change(context, row, found[asset_id], holders, plan)


def _standing_in(
    tx: Connection, context: Context, cells: Sequence[int], seen: Seen
) -> dict[tuple[int, str], list[_Near]]:
    """What stands in the cells, by cell and class: assets on file and, in a dry run, earlier rows of the file."""
    near: dict[tuple[int, str], list[_Near]] = {}
    for some in _chunks(cells):
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
