"""What somebody carries into the street: everything a phone has to know once the signal is gone.

One reading of a few statements, whatever the city's size: the assets of their tasks, those around the phone and around
the tasks, and of people who are bound to an area those that lie in it, up to ``MOST_ASSETS``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, and_, or_, select

from registry.domain.case_moves import CaseState, open_to
from registry.domain.geo import Box, Place, box_around, place_cells
from registry.domain.kinds import AssetState, Family, Stage
from registry.domain.moves import Move, MoveName
from registry.domain.people import Actor
from registry.domain.permits import may_open
from registry.domain.points import POINTS
from registry.queries.asset_filters import digits_begin
from registry.queries.asset_rows import class_names, open_cases, with_class, worst_alert
from registry.queries.case_views import CaseRow
from registry.queries.cases import case_states, my_tasks
from registry.queries.permits import PermitRow, running_permits
from registry.queries.rows import read_row
from registry.queries.waiting import LookRow, my_looks
from registry.storage.database import reading
from registry.storage.tables import asset, case, device, entry, latest, point, tag

MOST_ASSETS = 3000
NEAR_M = 1500.0
NEAR_TASK_M = 250.0
_MOST_NEAR = 1500
_MOST_NEAR_TASKS = 400
_AT_ONCE = 500
_TELLING = (MoveName.DISPATCH, MoveName.REWORK, MoveName.REFUSE_RETURN, MoveName.SUPERVISE, MoveName.NOTE)


class CarriedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point with its latest value, in its own unit, before the baseline."""

    name: str
    unit: str
    decimals: int
    baseline: float
    value: float | None
    measured_at: datetime | None


class CarriedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is fitted to an asset."""

    id: int
    serial: str
    profile: str
    cabinet_id: str
    fitted_at: datetime
    points: list[CarriedPoint]


class CarriedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an asset's file as work in front of it needs.

    ``care``: the visitor may open it and handle its devices. ``tokens``: the plates that lead to it.
    """

    id: int
    code: str
    name: str
    class_name_zh: str
    class_name_en: str
    family: Family
    state: AssetState
    road: str
    address: str
    lon: float
    lat: float
    version: int
    severity: int
    open_cases: int
    care: bool
    tokens: list[str]
    devices: list[CarriedDevice]


class CarriedMove(msgspec.Struct, frozen=True, kw_only=True):
    """A move that the visitor may make, and what has to come with it. ``stays``: the stage is the same after it."""

    name: MoveName
    stays: bool
    note_required: bool
    note_or_photo: bool
    before_and_after: bool
    verdict_required: bool


class CarriedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that the visitor has to do with. ``said``: what the desk said last; ``seen_entry``: the newest line.

    ``then``: the moves open after a move that is open now and leads to another stage, so that a day's work can be
    written down without a signal; after one that stays all the others are open as before.
    """

    case: CaseRow
    moves: list[CarriedMove]
    then: dict[str, list[CarriedMove]]
    said: str
    seen_entry: int


class FieldBundle(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, as of ``at``. ``more``: there are more assets than fit."""

    at: datetime
    assets: list[CarriedAsset]
    cases: list[CarriedCase]
    looks: list[LookRow]
    permits: list[PermitRow]
    more: bool


def field_bundle(engine: Engine, by: Actor, *, now: datetime, near: Place | None = None) -> FieldBundle:
    """What ``by`` carries; ``near``: where the phone is (WGS-84)."""
    tasks = my_tasks(engine, by.user_id or 0, scope=by.area_code)
    looks = my_looks(engine, by)
    permits = running_permits(engine, now=now, scope=by.area_code)
    first = [row.asset_id for row in tasks if row.asset_id is not None]
    first += [row.asset_id for row in permits if row.by_user_id == by.user_id]
    with reading(engine) as tx:
        first += tx.scalars(
            select(case.c.asset_id).where(case.c.id.in_([look.case_id for look in looks]), case.c.asset_id.is_not(None))
        )
        ids = _chosen(tx, by, first, [Place(row.lon, row.lat) for row in tasks], near)
        assets = _assets(tx, ids[:MOST_ASSETS], by)
    carried = {each.id for each in assets}
    return FieldBundle(
        at=now,
        assets=assets,
        cases=_cases(engine, tasks, looks, by),
        looks=looks,
        permits=[row for row in permits if row.asset_id in carried],
        more=len(ids) > MOST_ASSETS,
    )


def _chosen(tx: Connection, by: Actor, first: Sequence[int], places: Sequence[Place], near: Place | None) -> list[int]:
    """The ids, the most wanted first, one more than fit at most."""
    found = dict.fromkeys(first)
    if near is not None:
        found |= dict.fromkeys(_around(tx, near, NEAR_M, by.area_code, _MOST_NEAR))
    spots = list(dict.fromkeys((round(each.lon, 2), round(each.lat, 2)) for each in places))[:20]
    for lon, lat in spots:
        if len(found) > MOST_ASSETS:
            break
        middle = _middle([each for each in places if (round(each.lon, 2), round(each.lat, 2)) == (lon, lat)])
        found |= dict.fromkeys(_around(tx, middle, NEAR_TASK_M, by.area_code, _MOST_NEAR_TASKS))
    if by.area_code and len(found) <= MOST_ASSETS:
        inside = select(asset.c.id).where(
            digits_begin(asset.c.area_code, by.area_code), asset.c.merged_into_id.is_(None)
        )
        found |= dict.fromkeys(tx.scalars(inside.limit(MOST_ASSETS + 1)))
    return list(found)


def _middle(places: Sequence[Place]) -> Place:
    return Place(sum(each.lon for each in places) / len(places), sum(each.lat for each in places) / len(places))


def _around(tx: Connection, place: Place, radius_m: float, scope: str, most: int) -> list[int]:
    """The ids of the assets in the square around a place, along the index of place cells, the nearest first."""
    around = box_around(place, radius_m)
    box = Box(max(around.west, -180), max(around.south, -90), min(around.east, 180), min(around.north, 90))
    cells = or_(*(asset.c.place_cell.between(first, last) for first, last in place_cells(box)))
    inside = (asset.c.lat.between(box.south, box.north), asset.c.lon.between(box.west, box.east))
    fits = [cells, *inside, asset.c.merged_into_id.is_(None)]
    if scope:
        fits.append(digits_begin(asset.c.area_code, scope))
    narrow = math.cos(math.radians(place.lat)) ** 2
    east, north = asset.c.lon - place.lon, asset.c.lat - place.lat
    far = north * north + east * east * narrow
    return list(tx.scalars(select(asset.c.id).where(and_(*fits)).order_by(far, asset.c.id).limit(most)))


def _assets(tx: Connection, ids: Sequence[int], by: Actor) -> list[CarriedAsset]:
    found: list[CarriedAsset] = []
    for some in _batches(ids):
        devices, tokens = _devices(tx, some), _tokens(tx, some)
        query = with_class(
            select(asset, open_cases().label("open_cases"), worst_alert().label("severity"), *class_names())
        ).where(asset.c.id.in_(some))
        found += [
            read_row(
                row,
                CarriedAsset,
                care=may_open(by, (row.supervisor_unit_id, row.owner_unit_id, row.maintainer_unit_id)),
                tokens=tokens.get(row.id, []),
                devices=devices.get(row.id, []),
            )
            for row in tx.execute(query)
        ]
    return found


def _tokens(tx: Connection, asset_ids: Sequence[int]) -> dict[int, list[str]]:
    told: dict[int, list[str]] = {}
    for row in tx.execute(select(tag.c.asset_id, tag.c.token).where(tag.c.asset_id.in_(asset_ids)).order_by(tag.c.id)):
        told.setdefault(row.asset_id, []).append(row.token)
    return told


def _devices(tx: Connection, asset_ids: Sequence[int]) -> dict[int, list[CarriedDevice]]:
    fitted = (device.c.asset_id.in_(asset_ids), device.c.removed_at.is_(None))
    points: dict[int, list[CarriedPoint]] = {}
    query = (
        select(point, latest.c.value, latest.c.measured_at)
        .join(device, device.c.id == point.c.device_id)
        .outerjoin(latest, latest.c.point_id == point.c.id)
        .where(*fitted)
        .order_by(point.c.id)
    )
    for row in tx.execute(query):
        decimals = POINTS[row.name].decimals if row.name in POINTS else 2
        points.setdefault(row.device_id, []).append(read_row(row, CarriedPoint, decimals=decimals))
    told: dict[int, list[CarriedDevice]] = {}
    for row in tx.execute(select(device).where(*fitted).order_by(device.c.id)):
        told.setdefault(row.asset_id, []).append(read_row(row, CarriedDevice, points=points.get(row.id, [])))
    return told


def _cases(engine: Engine, tasks: Sequence[CaseRow], looks: Sequence[LookRow], by: Actor) -> list[CarriedCase]:
    states: dict[int, CaseState] = {}
    said: dict[int, str] = {}
    seen: dict[int, int] = {}
    for some in _batches([row.id for row in tasks]):
        states |= case_states(engine, some)
        with reading(engine) as tx:
            lines = select(entry.c.case_id, entry.c.id, entry.c.move, entry.c.note).where(entry.c.case_id.in_(some))
            for line in tx.execute(lines.order_by(entry.c.id)):
                seen[line.case_id] = line.id
                if line.note and line.move in _TELLING:
                    said[line.case_id] = line.note
    return [
        CarriedCase(
            case=row,
            moves=_moves(states[row.id], by),
            then=_then(states[row.id], by),
            said=said.get(row.id, ""),
            seen_entry=seen.get(row.id, 0),
        )
        for row in tasks
        if row.id in states
    ]


def _moves(state: CaseState, by: Actor) -> list[CarriedMove]:
    """The moves that a phone can make: those that need no other person, case or day."""
    wanted = [move for move in open_to(state, by) if not _needs_a_desk(move)]
    return [
        CarriedMove(
            name=move.name,
            stays=move.to_stage is None,
            note_required=move.note_required,
            note_or_photo=move.note_or_photo,
            before_and_after=move.before_and_after,
            verdict_required=move.verdict_required,
        )
        for move in wanted
    ]


def _then(state: CaseState, by: Actor) -> dict[str, list[CarriedMove]]:
    if not any(move.name is MoveName.ACCEPT for move in _moves(state, by)):
        return {}
    taken = replace(state, story=replace(state.story, stage=Stage.IN_HAND, assignee_id=by.user_id))
    return {MoveName.ACCEPT.value: _moves(taken, by)}


def _needs_a_desk(move: Move) -> bool:
    return move.assignment_required or move.until_required or move.target_required or move.together or move.by_chain


def _batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
