"""Reading shifts and rosters: who is on duty at a moment, the weeks of a unit, and where somebody lacks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, func, literal, or_, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.shifts import ShiftDays, ShiftHours, Turn, uncovered
from registry.queries.rows import all_views, as_view
from registry.services.work_calendar import work_calendar
from registry.storage.database import reading
from registry.storage.tables import shift, shift_turn, unit, user


class ShiftView(msgspec.Struct, frozen=True, kw_only=True):
    """A shift as it is kept; ``retired``: out of use."""

    id: int
    unit_id: int
    unit_name: str
    name: str
    area_code: str
    from_min: int
    until_min: int
    days: ShiftDays
    least: int
    retired: bool
    version: int


class TurnView(msgspec.Struct, frozen=True, kw_only=True):
    """One person's shift of one day. ``user_id`` None: somebody without an account."""

    id: int
    shift_id: int
    shift_name: str
    unit_id: int
    unit_name: str
    area_code: str
    day: date
    user_id: int | None
    person: str
    phone: str
    starts_at: datetime
    ends_at: datetime


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The days from ``first`` to ``last``, the shifts, their turns, and where people lack: [day, shift, how many]."""

    first: date
    last: date
    shifts: list[ShiftView]
    turns: list[TurnView]
    lacking: list[tuple[date, int, int]]

    def of(self, day: date, shift_id: int) -> list[TurnView]:
        """Who has that shift on ``day``."""
        return [turn for turn in self.turns if turn.day == day and turn.shift_id == shift_id]

    def lacks(self, day: date, shift_id: int) -> int:
        """How many people that shift lacks on ``day``."""
        return next((less for when, which, less in self.lacking if (when, which) == (day, shift_id)), 0)

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=offset) for offset in range((self.last - self.first).days + 1)]


def on_duty(
    tx: Connection, *, at: datetime, unit_id: int | None = None, area_code: str | None = None
) -> list[TurnView]:
    """Who is on duty at ``at``: of a unit, for what lies in ``area_code``; the smallest area first, then by name.

    Closed accounts are left out. One index range, whatever the length of the roster.
    """
    query = _turns().where(shift_turn.c.ends_at > at, shift_turn.c.starts_at <= at)
    query = query.where(or_(shift_turn.c.user_id.is_(None), user.c.active.is_(True)))
    if unit_id is not None:
        query = query.where(shift.c.unit_id == unit_id)
    if area_code is not None:
        query = query.where(literal(area_code).startswith(shift.c.area_code))
    order = (func.length(shift.c.area_code).desc(), unit.c.name, shift_turn.c.starts_at, user.c.name, shift_turn.c.id)
    return all_views(tx, query.order_by(*order), TurnView)


def days_off(engine: Engine, zone: tzinfo = CHINA_TIME) -> Callable[[date], bool]:
    """Which days are days off, as the city's calendar of work has it now."""
    with reading(engine) as tx:
        calendar = work_calendar(tx, zone=zone)
    return lambda day: not calendar.is_working(day)


def who_is_on_duty(engine: Engine, *, at: datetime, scope: str = "") -> list[TurnView]:
    """Everybody on duty at ``at`` whose shift is for the whole city, or has to do with ``scope``."""
    with reading(engine) as tx:
        found = on_duty(tx, at=at)
    return [each for each in found if each.area_code.startswith(scope) or scope.startswith(each.area_code)]


def list_shifts(engine: Engine, *, unit_id: int | None = None, retired: bool = False) -> list[ShiftView]:
    """The shifts in use (or all), by unit and the hour they begin."""
    with reading(engine) as tx:
        return _shifts(tx, unit_id, retired=retired)


def shift_view(engine: Engine, shift_id: int) -> ShiftView | None:
    """One shift."""
    with reading(engine) as tx:
        row = tx.execute(_of_shifts().where(shift.c.id == shift_id)).mappings().one_or_none()
        return None if row is None else as_view(row, ShiftView)


def roster(
    engine: Engine, first: date, last: date, *, is_off: Callable[[date], bool], unit_id: int | None = None
) -> Roster:
    """The roster of those days. ``is_off`` says which days are days off."""
    query = _turns().where(shift_turn.c.day.between(first.isoformat(), last.isoformat()))
    if unit_id is not None:
        query = query.where(shift.c.unit_id == unit_id)
    with reading(engine) as tx:
        shifts = _shifts(tx, unit_id, retired=False)
        turns = all_views(tx, query.order_by(shift_turn.c.starts_at, user.c.name, shift_turn.c.id), TurnView)
    hours = [
        ShiftHours(shift_id=each.id, from_min=each.from_min, until_min=each.until_min, days=each.days, least=each.least)
        for each in shifts
    ]
    plain = [
        Turn(shift_id=each.shift_id, day=each.day, who=str(each.id), starts_at=each.starts_at, ends_at=each.ends_at)
        for each in turns
    ]
    lacking = uncovered(hours, plain, first, last, is_off=is_off)
    return Roster(first=first, last=last, shifts=shifts, turns=turns, lacking=lacking)


def _shifts(tx: Connection, unit_id: int | None, *, retired: bool) -> list[ShiftView]:
    query = _of_shifts()
    if not retired:
        query = query.where(shift.c.retired.is_(False))
    if unit_id is not None:
        query = query.where(shift.c.unit_id == unit_id)
    return all_views(tx, query.order_by(unit.c.name, shift.c.from_min, shift.c.id), ShiftView)


def _of_shifts() -> Select[Any]:
    return select(shift, unit.c.name.label("unit_name")).join_from(shift, unit, unit.c.id == shift.c.unit_id)


def _turns() -> Select[Any]:
    own = shift_turn.c.phone
    return (
        select(
            shift_turn.c.id,
            shift_turn.c.shift_id,
            shift_turn.c.day,
            shift_turn.c.user_id,
            shift_turn.c.starts_at,
            shift_turn.c.ends_at,
            shift.c.name.label("shift_name"),
            shift.c.unit_id,
            shift.c.area_code,
            unit.c.name.label("unit_name"),
            func.coalesce(user.c.name, shift_turn.c.name).label("person"),
            func.coalesce(func.nullif(own, ""), user.c.phone, "").label("phone"),
        )
        .join_from(shift_turn, shift, shift.c.id == shift_turn.c.shift_id)
        .join(unit, unit.c.id == shift.c.unit_id)
        .outerjoin(user, user.c.id == shift_turn.c.user_id)
    )
