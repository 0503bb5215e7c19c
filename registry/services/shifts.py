"""Shifts and their roster: what shifts a unit has, who takes which turn, filling weeks by rotation (三班倒)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, or_, select, update

from registry.domain.areas import read_area_path
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.shifts import DAY_MIN, MOST_DAYS, ShiftDays, ShiftHours, Turn, clashes, rotation
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import shift, shift_turn, unit, user

MOST_PEOPLE = 200
MOST_TEAMS = 12
MOST_LEAST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NewShift:
    """A shift: minutes since midnight; one that ends before it begins (or when it begins) ends on the next day."""

    unit_id: int
    name: str
    from_min: int
    until_min: int
    days: ShiftDays = ShiftDays.EVERY
    area_code: str = ""
    least: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTurn:
    """One person's shift of one day: an account, or a name with a phone."""

    shift_id: int
    day: date
    user_id: int | None = None
    name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How weeks are filled: the shifts in their order, and the teams (account ids) that go on through them."""

    shift_ids: Sequence[int]
    teams: Sequence[Sequence[int]]
    first: date
    last: date
    every_days: int = 1


def save_shift(
    engine: Engine,
    shift_id: int | None,
    new: NewShift,
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
    zone: tzinfo = CHINA_TIME,
) -> int:
    """Add a shift (``shift_id`` None) or change one; its id. Turns that have not begun get the new hours.

    Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict`` (a namesake; changed meanwhile; somebody would
    be in two shifts at once), ``OutsideArea``.
    """
    with writing(engine) as tx:
        row = _checked(tx, new)
        check_area(by, row["area_code"])
        same = select(shift.c.id).where(shift.c.unit_id == new.unit_id, shift.c.name == row["name"])
        if (other := tx.scalar(same)) is not None and other != shift_id:
            raise Conflict(f"this unit has a shift {row['name']!r} already; change that one")
        if shift_id is None:
            added = insert(shift).values(**row, updated_at=now).returning(shift.c.id)
            shift_id = int(tx.execute(added).scalar_one())
        else:
            was = _own(tx, shift_id, by)
            if version is not None and was.version != version:
                raise Conflict(f"the shift {was.name} has changed meanwhile; load it again and decide anew")
            values = {**row, "retired": False, "version": was.version + 1, "updated_at": now}
            tx.execute(update(shift).where(shift.c.id == shift_id).values(values))
            _move_turns(tx, shift_id, zone, now=now)
        audit.record(tx, by=by, action="shift.set", subject=f"shift:{shift_id}", detail=_told(row), now=now)
    return shift_id


def retire_shift(engine: Engine, shift_id: int, *, by: Actor, now: datetime) -> None:
    """Take a shift out of use: turns that have not begun go, those that were stay on record."""
    with writing(engine) as tx:
        was = _own(tx, shift_id, by)
        tx.execute(delete(shift_turn).where(shift_turn.c.shift_id == shift_id, shift_turn.c.starts_at > now))
        values = {"retired": True, "version": was.version + 1, "updated_at": now}
        tx.execute(update(shift).where(shift.c.id == shift_id).values(values))
        audit.record(tx, by=by, action="shift.retire", subject=f"shift:{shift_id}", detail={"name": was.name}, now=now)


def put_turn(engine: Engine, new: NewTurn, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME) -> int:
    """Put somebody on the roster for one day; the turn's id.

    Raises ``InvalidInput``, ``NotFound``, ``Conflict`` for a person who is in that turn, or in another one at that
    time, already.
    """
    name, phone = new.name.strip(), new.phone.strip()
    if new.user_id is None and not name:
        raise InvalidInput("user_id", "choose an account, or write a name")
    for field, text, most in (("name", name, 80), ("phone", phone, 40)):
        if len(text) > most:
            raise InvalidInput(field, "is longer than {most} characters; shorten it", most=most)
    with writing(engine) as tx:
        row = _own(tx, new.shift_id, by)
        if row.retired:
            raise InvalidInput("shift_id", "is out of use; choose another shift")
        starts_at, ends_at = hours_of(row).span(new.day, zone)
        if ends_at <= now:
            raise InvalidInput("day", "is over: what was stays on record; choose today or later")
        if new.user_id is not None:
            _check_people(tx, {new.user_id})
            name = ""
        values = {
            "shift_id": new.shift_id,
            "day": new.day.isoformat(),
            "user_id": new.user_id,
            "name": name,
            "phone": phone,
            "starts_at": starts_at,
            "ends_at": ends_at,
        }
        _check_single(tx, [_turn(values)])
        turn_id = int(tx.execute(insert(shift_turn).values(values).returning(shift_turn.c.id)).scalar_one())
        audit.record(tx, by=by, action="shift.turn", subject=f"shift:{new.shift_id}", detail=_of_turn(values), now=now)
    return turn_id


def remove_turn(engine: Engine, turn_id: int, *, by: Actor, now: datetime) -> None:
    """Take somebody off the roster. Raises ``NotFound``, ``InvalidInput`` for a turn that is over."""
    with writing(engine) as tx:
        row = tx.execute(select(shift_turn).where(shift_turn.c.id == turn_id)).one_or_none()
        if row is None:
            raise NotFound("turn", turn_id)
        _own(tx, row.shift_id, by)
        if row.ends_at <= now:
            raise InvalidInput("day", "is over: what was stays on record; choose today or later")
        tx.execute(delete(shift_turn).where(shift_turn.c.id == turn_id))
        detail = _of_turn(row._mapping)
        audit.record(tx, by=by, action="shift.turn_removed", subject=f"shift:{row.shift_id}", detail=detail, now=now)


def fill_roster(
    engine: Engine,
    order: Rotation,
    *,
    by: Actor,
    now: datetime,
    is_off: Callable[[date], bool],
    zone: tzinfo = CHINA_TIME,
) -> int:
    """Write the turns of ``order``; how many. Turns of the same shifts in those days that have not begun are replaced.

    ``is_off`` says which days are days off. Raises ``InvalidInput``, ``NotFound``, ``Conflict`` for somebody who would
    be in two shifts at once.
    """
    _check_rotation(order, today=now.astimezone(zone).date())
    with writing(engine) as tx:
        rows = [_own(tx, shift_id, by) for shift_id in dict.fromkeys(order.shift_ids)]
        people = {each for team in order.teams for each in team}
        _check_people(tx, people)
        span = shift_turn.c.day.between(order.first.isoformat(), order.last.isoformat())
        mine = (shift_turn.c.shift_id.in_([row.id for row in rows]), span, shift_turn.c.starts_at > now)
        tx.execute(delete(shift_turn).where(*mine))
        teams = [[str(each) for each in dict.fromkeys(team)] for team in order.teams]
        shifts = [hours_of(row) for row in rows]
        turns = rotation(shifts, teams, order.first, order.last, every_days=order.every_days, zone=zone, is_off=is_off)
        turns = [turn for turn in turns if turn.starts_at > now]
        if turns:
            _check_single(tx, turns)
            tx.execute(insert(shift_turn), [_row_of(turn) for turn in turns])
        detail = {"first": order.first.isoformat(), "last": order.last.isoformat(), "turns": len(turns)}
        audit.record(tx, by=by, action="shift.fill", subject=f"unit:{rows[0].unit_id}", detail=detail, now=now)
    return len(turns)


def hours_of(row: Any) -> ShiftHours:
    """The hours in a row of the table."""
    return ShiftHours(
        shift_id=row.id, from_min=row.from_min, until_min=row.until_min, days=ShiftDays(row.days), least=row.least
    )


def _checked(tx: Connection, new: NewShift) -> dict[str, Any]:
    name = new.name.strip()
    if not name:
        raise InvalidInput("name", "a shift needs a name, such as 早班 or 夜班")
    if len(name) > 40:
        raise InvalidInput("name", "is longer than {most} characters; shorten it", most=40)
    for field, minute in (("from_min", new.from_min), ("until_min", new.until_min)):
        if not 0 <= minute < DAY_MIN:
            raise InvalidInput(field, "must be a time of the day, such as 08:00")
    if not 0 <= new.least <= MOST_LEAST:
        raise InvalidInput("least", "{given} must be 0 to {most} people", given=new.least, most=MOST_LEAST)
    if tx.scalar(select(unit.c.id).where(unit.c.id == new.unit_id)) is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    return {
        "unit_id": new.unit_id,
        "name": name,
        "area_code": read_area_path(new.area_code),
        "from_min": new.from_min,
        "until_min": new.until_min,
        "days": new.days.value,
        "least": new.least,
    }


def _check_rotation(order: Rotation, *, today: date) -> None:
    if not order.shift_ids:
        raise InvalidInput("shift_ids", "choose at least one shift")
    if order.first < today:
        raise InvalidInput("first", "is over: what was stays on record; choose today or later")
    length = (order.last - order.first).days + 1
    if not 1 <= length <= MOST_DAYS:
        raise InvalidInput("last", "must be 1 to {most} days after the first one", most=MOST_DAYS)
    if not 1 <= len(order.teams) <= MOST_TEAMS or not all(order.teams):
        raise InvalidInput("teams", "give 1 to {most} teams with somebody in each", most=MOST_TEAMS)
    if sum(map(len, order.teams)) > MOST_PEOPLE:
        raise InvalidInput("teams", "at most {most} people can be put on a roster at once", most=MOST_PEOPLE)
    if not 1 <= order.every_days <= 31:
        raise InvalidInput("every_days", "{given} must be 1 to {most} days", given=order.every_days, most=31)


def _check_people(tx: Connection, user_ids: set[int]) -> None:
    # locked, so that two who put the same person on two shifts at once don't miss each other
    known = select(user.c.id).where(user.c.id.in_(user_ids), user.c.active.is_(True)).order_by(user.c.id)
    if set(tx.scalars(known.with_for_update())) != user_ids:
        raise InvalidInput("user_id", "names no account that is open; choose one of the list")


def _check_single(tx: Connection, turns: Sequence[Turn]) -> None:
    """Nobody of ``turns`` is in two shifts at once, with the turns that are written already."""
    _check_people_single(tx, {turn.who for turn in turns}, min(turn.starts_at for turn in turns), turns)


def _check_people_single(tx: Connection, people: set[str], since: datetime, turns: Sequence[Turn] = ()) -> None:
    accounts = [int(who) for who in people if who.isdigit()]
    names = [who for who in people if not who.isdigit()]
    theirs = or_(shift_turn.c.user_id.in_(accounts), and_(shift_turn.c.user_id.is_(None), shift_turn.c.name.in_(names)))
    rows = tx.execute(select(shift_turn).where(theirs, shift_turn.c.ends_at > since)).mappings()
    for first, second in clashes([*(_turn(row) for row in rows), *turns]):
        told = select(user.c.name).where(user.c.id == int(first.who)) if first.who.isdigit() else None
        who = first.who if told is None else tx.scalar(told)
        raise Conflict(f"{who} would be in two shifts at once on {second.day}; take one of the turns out first")


def _move_turns(tx: Connection, shift_id: int, zone: tzinfo, *, now: datetime) -> None:
    hours = hours_of(tx.execute(select(shift).where(shift.c.id == shift_id)).one())
    rows = tx.execute(select(shift_turn).where(shift_turn.c.shift_id == shift_id, shift_turn.c.starts_at > now))
    moved = set()
    for row in rows.mappings():
        starts_at, ends_at = hours.span(date.fromisoformat(row["day"]), zone)
        tx.execute(
            update(shift_turn)
            .where(shift_turn.c.id == row["id"])
            .values(starts_at=max(starts_at, now + timedelta(milliseconds=1)), ends_at=ends_at)
        )
        moved.add(row["name"] if row["user_id"] is None else str(row["user_id"]))
    if moved:
        _check_people_single(tx, moved, now)


def _own(tx: Connection, shift_id: int, by: Actor) -> Any:
    # the lock makes two who fill the same shift wait for each other
    row = tx.execute(select(shift).where(shift.c.id == shift_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("shift", shift_id)
    check_area(by, row.area_code)
    return row


def _turn(row: Any) -> Turn:
    return Turn(
        shift_id=row["shift_id"],
        day=date.fromisoformat(row["day"]),
        who=row["name"] if row["user_id"] is None else str(row["user_id"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
    )


def _row_of(turn: Turn) -> dict[str, Any]:
    return {
        "shift_id": turn.shift_id,
        "day": turn.day.isoformat(),
        "user_id": int(turn.who),
        "name": "",
        "phone": "",
        "starts_at": turn.starts_at,
        "ends_at": turn.ends_at,
    }


def _of_turn(row: Any) -> dict[str, Any]:
    return {"day": row["day"], "user_id": row["user_id"], "name": row["name"]}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("unit_id", "name", "from_min", "until_min", "days", "area_code")}
