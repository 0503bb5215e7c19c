"""Reading permits: what runs now and how long it still may, what is over and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select

from registry.domain.kinds import AlertState, Family, PermitState
from registry.domain.permits import SEAT_RULE, Seat
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import read_row
from registry.storage.database import reading
from registry.storage.tables import alert, asset, case, permit, user

_MOST_RUNNING = 500


class PermitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One permit.

    ``overdue``: its time is over and the cover is not known to be closed (it still runs, or was found open and still
    is). ``ended_by_name`` is empty where its time ran out. ``closed_angle`` (degrees) and ``closed_shift`` (mm): how
    far off its baseline the cover sat afterwards, once ``judged_at`` says when that was looked at. ``expecting``: live
    alerts that it covers. ``seat``: how the cover was found, None while it runs; ``alert_id``: the alert about that.
    """

    id: int
    state: PermitState
    overdue: bool
    asset_id: int
    asset_name: str
    asset_code: str
    road: str
    family: Family
    case_id: int | None
    case_number: str | None
    work: str
    people: int
    started_at: datetime
    ends_at: datetime
    by_user_id: int
    by_name: str
    ended_at: datetime | None
    ended_by: int | None
    ended_by_name: str
    closed_angle: float | None
    closed_shift: float | None
    judged_at: datetime | None
    note: str
    expecting: int
    seat: Seat | None
    alert_id: int | None


class PermitCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many permits run, and how many of them are overdue."""

    running: int
    overdue: int


def running_permits(engine: Engine, *, now: datetime, scope: str = "") -> list[PermitRow]:
    """What somebody has to look after, overdue first: the permits that run, by their end, and covers found open."""
    with reading(engine) as tx:
        rows = tx.execute(_joined().where(_running(), *_within(scope)).limit(_MOST_RUNNING)).all()
    found = [_view(row, now) for row in rows]
    return sorted(found, key=lambda row: (not row.overdue, row.ends_at, row.id))


def count_running(engine: Engine, *, now: datetime, scope: str = "") -> PermitCounts:
    """The figures for a page that only says how many there are."""
    found = running_permits(engine, now=now, scope=scope)
    return PermitCounts(running=len(found), overdue=sum(row.overdue for row in found))


def list_permits(
    engine: Engine,
    *,
    now: datetime,
    state: str | None = None,
    asset_id: int | None = None,
    over: bool = False,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[PermitRow]:
    """Permits, the newest first; ``over``: only those that nobody has to look after any more.

    Raises ``InvalidInput`` for a place in no list.
    """
    conditions = _within(scope)
    if state is not None:
        conditions.append(permit.c.state == PermitState(state).value)
    if asset_id is not None:
        conditions.append(permit.c.asset_id == asset_id)
    if over:
        conditions.append(permit.c.state != PermitState.OPEN.value)
    if after is not None:
        conditions.append(permit.c.id < decode_id(after))
    statement = _joined().where(*conditions).order_by(permit.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [_view(row, now) for row in tx.execute(statement)]
    return page_of(rows, limit, lambda row: (row.id,))


def permit_row(engine: Engine, permit_id: int, *, now: datetime) -> PermitRow | None:
    """One permit, or None."""
    with reading(engine) as tx:
        row = tx.execute(_joined().where(permit.c.id == permit_id)).first()
    return None if row is None else _view(row, now)


def permit_of_asset(engine: Engine, asset_id: int, *, now: datetime) -> PermitRow | None:
    """The permit that runs for an asset, or the one found open that still is; None: nobody is at work there."""
    with reading(engine) as tx:
        query = _joined().where(permit.c.asset_id == asset_id, _running()).order_by(permit.c.id.desc()).limit(1)
        row = tx.execute(query).first()
    return None if row is None else _view(row, now)


def _running() -> ColumnElement[bool]:
    found_open = and_(permit.c.state == PermitState.OVERRUN.value, _live().exists())
    return or_(permit.c.state == PermitState.OPEN.value, found_open)


def _live() -> Select[Any]:
    firing = (alert.c.permit_id == permit.c.id, alert.c.state == AlertState.FIRING.value)
    return select(alert.c.id).where(*firing).correlate(permit)


def _within(scope: str) -> list[ColumnElement[bool]]:
    return [digits_begin(asset.c.area_code, scope)] if scope else []


def _joined() -> Select[Any]:
    starter, ender = user.alias("starter"), user.alias("ender")
    expecting = _live().with_only_columns(func.count()).scalar_subquery()
    told = select(func.max(alert.c.id)).correlate(permit)
    crooked = told.where(
        alert.c.asset_id == permit.c.asset_id, alert.c.rule_key == SEAT_RULE, alert.c.began_at == permit.c.ended_at
    )
    return (
        select(
            permit,
            asset.c.name.label("asset_name"),
            asset.c.code.label("asset_code"),
            asset.c.road,
            asset.c.family,
            case.c.number.label("case_number"),
            starter.c.name.label("by_name"),
            func.coalesce(ender.c.name, "").label("ended_by_name"),
            expecting.label("expecting"),
            crooked.scalar_subquery().label("crooked_id"),
            told.where(alert.c.permit_id == permit.c.id).scalar_subquery().label("covered_id"),
        )
        .join_from(permit, asset, asset.c.id == permit.c.asset_id)
        .join(starter, starter.c.id == permit.c.by_user_id)
        .outerjoin(ender, ender.c.id == permit.c.ended_by)
        .outerjoin(case, case.c.id == permit.c.case_id)
    )


def _view(row: Any, now: datetime) -> PermitRow:
    found_open = row.state == PermitState.OVERRUN.value and row.expecting > 0
    overdue = found_open or (row.state == PermitState.OPEN.value and row.ends_at <= now)
    seat = _seat(row)
    alert_id = {Seat.WRONG: row.crooked_id, Seat.OPEN: row.covered_id or row.crooked_id}.get(seat) if seat else None
    return read_row(row, PermitRow, overdue=overdue, seat=seat, alert_id=alert_id)


def _seat(row: Any) -> Seat | None:
    if row.state == PermitState.OVERRUN.value:
        return Seat.OPEN
    if row.ended_at is None:
        return None
    if row.judged_at is None:
        return Seat.WAITING
    if row.crooked_id is not None:
        return Seat.WRONG
    return Seat.UNKNOWN if row.closed_angle is None and row.closed_shift is None else Seat.RIGHT
