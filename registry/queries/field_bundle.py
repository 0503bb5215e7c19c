"""What somebody carries into the street: everything a phone has to know once the signal is gone.

One reading of a few statements, whatever the city's size: the assets of their tasks, those around the phone and around
the tasks, and of people who are bound to an area those that lie in it, up to ``MOST_ASSETS``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, or_, select, union_all

from registry.domain.case_moves import CaseState, open_to
from registry.domain.geo import Box, Place, box_around, place_cells
from registry.domain.kinds import AlertState, AssetState, Family, Stage, TagState
from registry.domain.moves import Move, MoveName
from registry.domain.people import Actor
from registry.domain.permits import may_open
from registry.domain.points import POINTS
from registry.queries.asset_filters import digits_begin
from registry.queries.asset_rows import class_names, open_cases, with_class, worst_alert
from registry.queries.case_views import CaseRow
from registry.queries.cases import MOST_TASKS, case_states, cases_by_id, my_tasks
from registry.queries.permits import PermitRow, running_permits
from registry.queries.rows import read_row
from registry.queries.waiting import MOST_LOOKS, LookRow, my_looks
from registry.storage.database import reading
from registry.storage.tables import alert, asset, device, entry, latest, point, tag

MOST_ASSETS = 3000
NEAR_M = 1500.0
NEAR_TASK_M = 250.0
_MOST_NEAR = 1500
_PLACES_AT_ONCE = 20
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


class CarriedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What an asset's sensors report just now."""

    rule_key: str
    severity: int
    fired_at: datetime


class CarriedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an asset's file as work in front of it needs.

    ``care``: the visitor may open it and handle its devices. ``tokens``: the plates that lead to it.
    ``severity``: of the worst of its ``alerts``, which stand worst first.
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
    alerts: list[CarriedAlert]
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
    """All of it, as of ``at``. ``look_cases``: the cases of the looks that are no task of theirs.

    ``more``: there are more assets than fit; ``more_cases``: more tasks or looks.
    """

    at: datetime
    assets: list[CarriedAsset]
    cases: list[CarriedCase]
    look_cases: list[CarriedCase]
    looks: list[LookRow]
    permits: list[PermitRow]
    more: bool
    more_cases: bool


def field_bundle(engine: Engine, by: Actor, *, now: datetime, near: Place | None = None) -> FieldBundle:
    """What ``by`` carries; ``near``: where the phone is (WGS-84)."""
    tasks = my_tasks(engine, by.user_id or 0, scope=by.area_code, most=MOST_TASKS + 1)
    looks = my_looks(engine, by, most=MOST_LOOKS + 1)
    more_cases = len(tasks) > MOST_TASKS or len(looks) > MOST_LOOKS
    tasks, looks = tasks[:MOST_TASKS], looks[:MOST_LOOKS]
    looked_at = cases_by_id(engine, {look.case_id for look in looks} - {row.id for row in tasks})
    permits = running_permits(engine, now=now, scope=by.area_code)
    work = [*tasks, *looked_at]
    first = [row.asset_id for row in work if row.asset_id is not None]
    first += [row.asset_id for row in permits if row.by_user_id == by.user_id]
    with reading(engine) as tx:
        ids, more = _chosen(tx, by, first, list(dict.fromkeys(Place(row.lon, row.lat) for row in work)), near)
        assets = _assets(tx, ids, by)
    carried = {each.id for each in assets}
    return FieldBundle(
        at=now,
        assets=assets,
        cases=_cases(engine, tasks, by),
        look_cases=_cases(engine, looked_at, by),
        looks=looks,
        permits=[row for row in permits if row.asset_id in carried],
        more=more,
        more_cases=more_cases,
    )


def _chosen(
    tx: Connection, by: Actor, first: Sequence[int], places: Sequence[Place], near: Place | None
) -> tuple[list[int], bool]:
    """The ids, the most wanted first, and whether some were left out; ``places``: of the cases, the worst first."""
    found = dict.fromkeys(first)
    around = [] if near is None else _around(tx, [near], NEAR_M, by.area_code, _MOST_NEAR + 1)
    left_out = len(around) > _MOST_NEAR
    found |= dict.fromkeys(around[:_MOST_NEAR])
    found |= dict.fromkeys(_around(tx, places, NEAR_TASK_M, by.area_code, MOST_ASSETS + 1))
    if by.area_code and len(found) <= MOST_ASSETS:
        found |= dict.fromkeys(_in_area(tx, by.area_code, places if near is None else [near]))
    ids = list(found)
    return ids[:MOST_ASSETS], left_out or len(ids) > MOST_ASSETS


def _around(tx: Connection, places: Sequence[Place], radius_m: float, scope: str, most: int) -> list[int]:
    """The ids of the assets in the squares around the places, along the index of place cells.

    What is nearest to one of the places comes first.
    """
    nearest: dict[int, float] = {}
    for start in range(0, len(places), _PLACES_AT_ONCE):
        every = union_all(
            *(_near(each, radius_m, scope) for each in places[start : start + _PLACES_AT_ONCE])
        ).subquery()
        far = func.min(every.c.far)
        query = select(every.c.id, far.label("far")).group_by(every.c.id).order_by(far, every.c.id).limit(most)
        for row in tx.execute(query):
            nearest[row.id] = min(row.far, nearest.get(row.id, row.far))
    return sorted(nearest, key=lambda each: (nearest[each], each))[:most]


def _near(place: Place, radius_m: float, scope: str) -> Select[Any]:
    around = box_around(place, radius_m)
    box = Box(max(around.west, -180), max(around.south, -90), min(around.east, 180), min(around.north, 90))
    cells = or_(*(asset.c.place_cell.between(first, last) for first, last in place_cells(box)))
    inside = (asset.c.lat.between(box.south, box.north), asset.c.lon.between(box.west, box.east))
    fits = [cells, *inside, asset.c.merged_into_id.is_(None)]
    if scope:
        fits.append(digits_begin(asset.c.area_code, scope))
    return select(asset.c.id, _far(place).label("far")).where(and_(*fits))


def _far(place: Place) -> ColumnElement[float]:
    """How far an asset is from a place: squared, in degrees of latitude."""
    narrow = math.cos(math.radians(place.lat)) ** 2
    east, north = asset.c.lon - place.lon, asset.c.lat - place.lat
    return north * north + east * east * narrow


def _in_area(tx: Connection, scope: str, places: Sequence[Place]) -> list[int]:
    """The ids of what lies in the area, one more than fit at most, the nearest to one of the first places first."""
    inside = select(asset.c.id).where(digits_begin(asset.c.area_code, scope), asset.c.merged_into_id.is_(None))
    ways = [_far(each) for each in places[:_PLACES_AT_ONCE]]
    least = func.min if tx.dialect.name == "sqlite" else func.least
    order = [least(*ways)] if len(ways) > 1 else ways
    return list(tx.scalars(inside.order_by(*order, asset.c.id).limit(MOST_ASSETS + 1)))


def _assets(tx: Connection, ids: Sequence[int], by: Actor) -> list[CarriedAsset]:
    found: list[CarriedAsset] = []
    for some in _batches(ids):
        devices, tokens, alerts = _devices(tx, some), _tokens(tx, some), _alerts(tx, some)
        query = with_class(
            select(asset, open_cases().label("open_cases"), worst_alert().label("severity"), *class_names())
        ).where(asset.c.id.in_(some))
        found += [
            read_row(
                row,
                CarriedAsset,
                care=may_open(by, (row.supervisor_unit_id, row.owner_unit_id, row.maintainer_unit_id)),
                alerts=alerts.get(row.id, []),
                tokens=tokens.get(row.id, []),
                devices=devices.get(row.id, []),
            )
            for row in tx.execute(query)
        ]
    return found


def _alerts(tx: Connection, asset_ids: Sequence[int]) -> dict[int, list[CarriedAlert]]:
    told: dict[int, list[CarriedAlert]] = {}
    live = (alert.c.asset_id.in_(asset_ids), alert.c.state == AlertState.FIRING.value)
    columns = (alert.c.asset_id, alert.c.rule_key, alert.c.severity, alert.c.fired_at)
    for row in tx.execute(select(*columns).where(*live).order_by(alert.c.severity.desc(), alert.c.id)):
        told.setdefault(row.asset_id, []).append(read_row(row, CarriedAlert))
    return told


def _tokens(tx: Connection, asset_ids: Sequence[int]) -> dict[int, list[str]]:
    told: dict[int, list[str]] = {}
    # one that was lost, replaced or destroyed proves nothing of whoever reads it: online it leads nowhere either
    active = (tag.c.asset_id.in_(asset_ids), tag.c.state == TagState.ACTIVE.value)
    for row in tx.execute(select(tag.c.asset_id, tag.c.token).where(*active).order_by(tag.c.id)):
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


def _cases(engine: Engine, tasks: Sequence[CaseRow], by: Actor) -> list[CarriedCase]:
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
