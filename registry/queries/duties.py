"""Reading the duty list and the posts: who answers for what, and who of a unit is on duty today."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, and_, func, literal, or_, select

from registry.domain.duties import Absence, DutyBook, Holder, PostPerson, StandIn, Subject, on_duty
from registry.domain.kinds import AreaLevel, Family, Party, PlaceJobKind
from registry.queries.asset_filters import digits_begin
from registry.queries.rows import all_views
from registry.services.absences import away_on
from registry.services.place_jobs import latest_job
from registry.storage.database import reading
from registry.storage.tables import area, asset_class, duty, gap_count, post, unit, user


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a post; an empty ``name`` is nobody. ``active`` is False when their account is closed."""

    name: str
    phone: str
    user_id: int | None
    active: bool


class PostView(msgspec.Struct, frozen=True, kw_only=True):
    """A post of a unit as of one day.

    ``person`` is who is on duty; ``stand_in_reason`` says why it is not simply A (a word of ``StandIn``, empty when it
    is), and ``nobody`` when A is away and no B can stand in.
    """

    id: int
    unit_id: int
    unit_name: str
    name: str
    area_code: str
    area_name: str
    family: str
    on_duty: Holder
    person: PersonView
    stand_in_reason: StandIn
    a: PersonView
    b: PersonView
    a_away_from: date | None
    a_away_until: date | None


class DutyView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the duty list. ``area_name`` is empty for the whole city and for an area that is not on file."""

    id: int
    party: Party
    area_code: str
    area_name: str
    family: str
    scheme: str
    class_code: str
    class_name_zh: str
    class_name_en: str
    unit_id: int
    unit_name: str


class DutyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the matrix: a class, a family or anything, in one area, and its line for each party."""

    area_code: str
    area_name: str
    family: str
    scheme: str
    class_code: str
    class_name_zh: str
    class_name_en: str
    lines: dict[Party, DutyView]


class ApplicableCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many assets lack a party that the duty list names, as counted at ``counted_at`` (None: never yet)."""

    counted_at: datetime | None
    lacking: dict[Party, int]
    named: dict[Party, int]


def duty_matrix(engine: Engine, *, area_code: str = "", party: Party | None = None) -> list[DutyRow]:
    """The whole list as rows of the matrix, by area and class; ``area_code`` narrows it to what applies there.

    A line applies in an area when its own area holds it or lies in it.
    """
    same_class = and_(asset_class.c.scheme == duty.c.scheme, asset_class.c.code == duty.c.class_code)
    area_name = (
        select(func.min(area.c.name))
        .where(area.c.code == duty.c.area_code, area.c.level != AreaLevel.DUTY.value)
        .scalar_subquery()
    )
    query = (
        select(
            duty,
            unit.c.name.label("unit_name"),
            func.coalesce(area_name, "").label("area_name"),
            func.coalesce(asset_class.c.name_zh, "").label("class_name_zh"),
            func.coalesce(asset_class.c.name_en, "").label("class_name_en"),
        )
        .join_from(duty, unit, unit.c.id == duty.c.unit_id)
        .outerjoin(asset_class, same_class)
        .order_by(duty.c.area_code, duty.c.scheme, duty.c.class_code, duty.c.family, duty.c.id)
    )
    if area_code:
        inside = duty.c.area_code.startswith(area_code, autoescape=True)
        query = query.where(or_(inside, literal(area_code).startswith(duty.c.area_code)))
    if party is not None:
        query = query.where(duty.c.party == party.value)
    with reading(engine) as tx:
        lines = all_views(tx, query, DutyView)
    rows: dict[tuple[str, str, str, str], DutyRow] = {}
    for line in lines:
        key = (line.area_code, line.scheme, line.class_code, line.family)
        row = rows.setdefault(
            key,
            DutyRow(
                area_code=line.area_code,
                area_name=line.area_name,
                family=line.family,
                scheme=line.scheme,
                class_code=line.class_code,
                class_name_zh=line.class_name_zh,
                class_name_en=line.class_name_en,
                lines={},
            ),
        )
        row.lines[line.party] = line
    return list(rows.values())


def applicable_counts(engine: Engine, book: DutyBook, *, scope: str = "") -> ApplicableCounts:
    """What applying the duty list would name, from the figures of the last census: quick, and as old as they are."""
    gaps = {party.value: party for party in Party}
    query = select(gap_count).where(gap_count.c.gap.in_(list(gaps)))
    if scope:
        query = query.where(digits_begin(gap_count.c.area_code, scope))
    lacking: Counter[Party] = Counter()
    named: Counter[Party] = Counter()
    with reading(engine) as tx:
        for row in tx.execute(query).mappings():
            party = gaps[row["gap"]]
            subject = Subject(
                scheme=row["scheme"],
                class_code=row["class_code"],
                family=row["family"],
                area_code=row["area_code"],
            )
            lacking[party] += row["count"]
            if book.answer(party, subject) is not None:
                named[party] += row["count"]
    census = latest_job(engine, PlaceJobKind.CENSUS)
    return ApplicableCounts(
        counted_at=None if census is None else census.finished_at,
        lacking={party: lacking[party] for party in Party},
        named={party: named[party] for party in Party},
    )


_A = user.alias("user_a")
_B = user.alias("user_b")


def people_for(tx: Connection, *, unit_id: int, family: Family | str, area_code: str, today: date) -> list[PostView]:
    """The posts of a unit that answer for ``family`` in ``area_code``: the smallest area first, then the exact family.

    ``today`` is a day of the city's calendar.
    """
    query = (
        _posts()
        .where(
            post.c.unit_id == unit_id,
            post.c.family.in_(["", str(family)]),
            or_(post.c.area_code == "", literal(area_code).startswith(post.c.area_code)),
        )
        .order_by(func.length(post.c.area_code).desc(), post.c.family.desc(), post.c.name, post.c.id)
    )
    return _views(tx, query, today)


def all_posts(tx: Connection, *, today: date, unit_id: int | None = None) -> list[PostView]:
    """Every post (of one unit), by unit, area and name."""
    query = _posts().order_by(unit.c.name, post.c.area_code, post.c.name, post.c.id)
    return _views(tx, query if unit_id is None else query.where(post.c.unit_id == unit_id), today)


def list_posts(engine: Engine, *, today: date, unit_id: int | None = None) -> list[PostView]:
    """``all_posts`` in a look of its own."""
    with reading(engine) as tx:
        return all_posts(tx, today=today, unit_id=unit_id)


def _posts() -> Select[Any]:
    area_name = select(func.min(area.c.name)).where(area.c.code == post.c.area_code).scalar_subquery()
    return (
        select(
            post,
            unit.c.name.label("unit_name"),
            func.coalesce(area_name, "").label("area_name"),
            _A.c.name.label("a_account"),
            _A.c.phone.label("a_account_phone"),
            _A.c.active.label("a_active"),
            _B.c.name.label("b_account"),
            _B.c.phone.label("b_account_phone"),
            _B.c.active.label("b_active"),
        )
        .join_from(post, unit, unit.c.id == post.c.unit_id)
        .outerjoin(_A, _A.c.id == post.c.a_user_id)
        .outerjoin(_B, _B.c.id == post.c.b_user_id)
    )


def _views(tx: Connection, query: Select[Any], today: date) -> list[PostView]:
    away = away_on(tx, today)
    return [_view(row, today, away) for row in tx.execute(query)]


def _view(row: Any, today: date, away: frozenset[int]) -> PostView:
    """``away``: who is away as a person, whatever was said at the post."""
    a = _person(row.a_user_id, row.a_account, row.a_account_phone, row.a_active, row.a_name, row.a_phone)
    b = _person(row.b_user_id, row.b_account, row.b_account_phone, row.b_active, row.b_name, row.b_phone)
    first, last = _day(row.a_away_from), _day(row.a_away_until)
    absence = Absence(first=today, last=today) if a.user_id in away else Absence(first=first, last=last)
    holder, reason = on_duty(a, PostPerson() if b.user_id in away else b, absence, today=today)
    return PostView(
        id=row.id,
        unit_id=row.unit_id,
        unit_name=row.unit_name,
        name=row.name,
        area_code=row.area_code,
        area_name=row.area_name,
        family=row.family,
        on_duty=holder,
        person=_shown(a if holder is Holder.A else b),
        stand_in_reason=reason,
        a=_shown(a),
        b=_shown(b),
        a_away_from=first,
        a_away_until=last,
    )


def _person(
    user_id: int | None, account: str | None, account_phone: str | None, active: bool | None, name: str, phone: str
) -> PostPerson:
    """An account's own name and phone; a phone written at the post goes before the account's."""
    if user_id is None:
        return PostPerson(name=name, phone=phone)
    return PostPerson(
        name=account or name, phone=phone or account_phone or "", user_id=user_id, active=active is not False
    )


def _shown(person: PostPerson) -> PersonView:
    return PersonView(name=person.name, phone=person.phone, user_id=person.user_id, active=person.active)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
