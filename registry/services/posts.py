"""Posts of a unit (AB 岗): the A person, the B person who stands in, and the days on which A is away."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, select, update

from registry.domain.areas import read_area_path
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Family
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import post, unit, user

_LONGEST = {"name": 80, "a_name": 80, "a_phone": 40, "b_name": 80, "b_phone": 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPost:
    """A post: what it is called, for which part of the city and which family ("" any), and its two people.

    Each person is an account (``a_user_id``) or a name with a phone.
    """

    unit_id: int
    name: str
    area_code: str = ""
    family: str = ""
    a_user_id: int | None = None
    a_name: str = ""
    a_phone: str = ""
    b_user_id: int | None = None
    b_name: str = ""
    b_phone: str = ""
    a_away_from: date | None = None
    a_away_until: date | None = None


def save_post(engine: Engine, post_id: int | None, new: NewPost, *, by: Actor, now: datetime) -> int:
    """Add a post (``post_id`` None) or change one; its id.

    Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict`` for a second post of the same name, area and
    family, ``OutsideArea``.
    """
    with writing(engine) as tx:
        row = _checked(tx, new)
        check_area(by, row["area_code"])
        _check_single(tx, post_id, row)
        if post_id is None:
            added = insert(post).values(**row, updated_at=now).returning(post.c.id)
            post_id = int(tx.execute(added).scalar_one())
        else:
            _check_own(tx, post_id, by)
            tx.execute(update(post).where(post.c.id == post_id).values(**row, updated_at=now))
        _record(tx, "post.set", post_id, {name: row[name] for name in ("unit_id", "name", "area_code")}, by, now)
    return post_id


def set_absence(
    engine: Engine, post_id: int, first: date | None, last: date | None, *, by: Actor, now: datetime
) -> None:
    """Say when the A person is away, both days included; both None: is back. Raises ``NotFound``, ``InvalidInput``."""
    _check_days(first, last)
    with writing(engine) as tx:
        _check_own(tx, post_id, by)
        tx.execute(
            update(post)
            .where(post.c.id == post_id)
            .values(a_away_from=_text(first), a_away_until=_text(last), updated_at=now)
        )
        _record(tx, "post.absence", post_id, {"from": _text(first), "until": _text(last)}, by, now)


def remove_post(engine: Engine, post_id: int, *, by: Actor, now: datetime) -> None:
    """Take a post out. Raises ``NotFound``, ``OutsideArea``."""
    with writing(engine) as tx:
        _check_own(tx, post_id, by)
        tx.execute(delete(post).where(post.c.id == post_id))
        _record(tx, "post.remove", post_id, {}, by, now)


def _record(tx: Connection, action: str, post_id: int, detail: dict[str, Any], by: Actor, now: datetime) -> None:
    audit.record(tx, by=by, action=action, subject=f"post:{post_id}", detail=detail, now=now)


def _check_own(tx: Connection, post_id: int, by: Actor) -> None:
    area_code = tx.execute(select(post.c.area_code).where(post.c.id == post_id)).scalar()
    if area_code is None:
        raise NotFound("post", post_id)
    check_area(by, area_code)


def _check_single(tx: Connection, post_id: int | None, row: dict[str, Any]) -> None:
    same = and_(*(post.c[name] == row[name] for name in ("unit_id", "name", "area_code", "family")))
    other = tx.execute(select(post.c.id).where(same)).scalar()
    if other is not None and other != post_id:
        raise Conflict(f"this unit has a post {row['name']!r} for that area and family already; change that one")


def _checked(tx: Connection, new: NewPost) -> dict[str, Any]:
    row: dict[str, Any] = asdict(new)
    for name, most in _LONGEST.items():
        row[name] = row[name].strip()
        if len(row[name]) > most:
            raise InvalidInput(name, "is longer than {most} characters; shorten it", most=most)
    if not row["name"]:
        raise InvalidInput("name", "a post needs a name, such as 值班 or 路灯抢修")
    if tx.execute(select(unit.c.id).where(unit.c.id == new.unit_id)).first() is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    if new.family and new.family not in set(Family):
        raise InvalidInput(
            "family", "{given!r} must be one of {known}, or empty", given=new.family[:20], known=", ".join(Family)
        )
    row["area_code"] = read_area_path(new.area_code)
    if row["a_user_id"] is None and not row["a_name"]:
        raise InvalidInput("a_name", "a post needs an A person: choose an account or write a name")
    for name in ("a_user_id", "b_user_id"):
        if row[name] is not None and tx.execute(select(user.c.id).where(user.c.id == row[name])).first() is None:
            raise InvalidInput(name, "names no account that exists; choose one of the list")
    if row["a_user_id"] is not None and row["a_user_id"] == row["b_user_id"]:
        raise InvalidInput("b_user_id", "A and B are one person; nobody would stand in")
    _check_days(new.a_away_from, new.a_away_until)
    return row | {"a_away_from": _text(new.a_away_from), "a_away_until": _text(new.a_away_until)}


def _check_days(first: date | None, last: date | None) -> None:
    if first is not None and last is not None and last < first:
        raise InvalidInput(
            "a_away_until", "{given} is before {first}; the last day comes after the first", given=last, first=first
        )


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
