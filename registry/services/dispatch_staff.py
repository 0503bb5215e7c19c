"""The people of units as dispatching sees them: who is on shift, away, on which post, how loaded, and seen where last.

Reads only, a handful of statements for however many units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, and_, func, select, true

from registry.domain.dispatch_people import SEEN_FOR, Mate, Post, Seen, Staff
from registry.domain.duties import Absence, PostPerson
from registry.domain.geo import Place
from registry.domain.kinds import PermitState, Role, Stage
from registry.queries.duties import PersonView, all_posts
from registry.services.absences import away_on
from registry.storage.tables import asset, case, permit, scan, shift, shift_turn, user

IN_HAND = (Stage.DISPATCHED.value, Stage.IN_HAND.value)
"""What somebody has in hand: sent to them and not handed back."""

_ROSTER = timedelta(days=1)


def staff_of(tx: Connection, unit_ids: Collection[int], *, now: datetime, today: date) -> dict[int, Staff]:
    """The staff of each of those units; ``today`` is the city's calendar day of ``now``."""
    if not unit_ids:
        return {}
    away = away_on(tx, today)
    people = tx.execute(
        select(user.c.id, user.c.name, user.c.unit_id, user.c.area_code)
        .where(user.c.unit_id.in_(unit_ids), user.c.role == Role.CREW.value, user.c.active == true())
        .order_by(user.c.id)
    ).all()
    ids = [person.id for person in people]
    loads, places = (open_cases_of(tx, ids), seen_last(tx, ids, now=now)) if ids else ({}, {})
    rostered = _rostered(tx, unit_ids, now)
    on_shift = _on_shift(tx, ids, now) if rostered else frozenset()
    mates: defaultdict[int, list[Mate]] = defaultdict(list)
    for person in people:
        mates[person.unit_id].append(
            Mate(
                user_id=person.id,
                name=person.name,
                area_code=person.area_code,
                open_cases=loads.get(person.id, 0),
                on_shift=person.id in on_shift if person.unit_id in rostered else None,
                seen=places.get(person.id),
            )
        )
    posts: defaultdict[int, list[Post]] = defaultdict(list)
    for view in all_posts(tx, today=today):
        if view.unit_id in set(unit_ids):
            posts[view.unit_id].append(
                Post(
                    name=view.name,
                    area_code=view.area_code,
                    family=view.family,
                    a=_person(view.a),
                    b=_person(view.b),
                    absence=Absence(first=view.a_away_from, last=view.a_away_until),
                )
            )
    return {unit_id: Staff(mates=mates[unit_id], posts=posts[unit_id], away=away) for unit_id in unit_ids}


def open_cases_of(tx: Connection, user_ids: Collection[int]) -> dict[int, int]:
    """How many cases each of them has in hand; who has none is left out."""
    rows = tx.execute(
        select(case.c.assignee_id, func.count())
        .where(case.c.assignee_id.in_(user_ids), case.c.stage.in_(IN_HAND))
        .group_by(case.c.assignee_id)
    )
    return {user_id: count for user_id, count in rows if user_id is not None}


def seen_last(tx: Connection, user_ids: Collection[int], *, now: datetime) -> dict[int, Seen]:
    """Where each was seen within ``SEEN_FOR``: at the cover they opened with a permit, or at the plate they scanned."""
    newest = (
        select(scan.c.user_id, func.max(scan.c.at).label("at"))
        .where(scan.c.user_id.in_(user_ids), scan.c.at > now - SEEN_FOR, scan.c.at <= now)
        .group_by(scan.c.user_id)
        .subquery()
    )
    scans = tx.execute(
        select(
            scan.c.user_id,
            scan.c.at,
            func.coalesce(scan.c.lon, asset.c.lon).label("lon"),
            func.coalesce(scan.c.lat, asset.c.lat).label("lat"),
        )
        .join_from(scan, newest, and_(newest.c.user_id == scan.c.user_id, newest.c.at == scan.c.at))
        .outerjoin(asset, asset.c.id == scan.c.asset_id)
    )
    permits = tx.execute(
        select(permit.c.by_user_id.label("user_id"), permit.c.started_at.label("at"), asset.c.lon, asset.c.lat)
        .join_from(permit, asset, asset.c.id == permit.c.asset_id)
        .where(permit.c.state == PermitState.OPEN.value, permit.c.by_user_id.in_(user_ids))
    )
    found: dict[int, Seen] = {}
    for by, rows in (("scan", scans), ("permit", permits)):
        for row in rows:
            known = found.get(row.user_id)
            if row.lon is not None and row.lat is not None and (known is None or row.at >= known.at):
                found[row.user_id] = Seen(place=Place(row.lon, row.lat), at=row.at, by=by)
    return found


def _rostered(tx: Connection, unit_ids: Collection[int], now: datetime) -> frozenset[int]:
    """The units that keep a roster: somebody of theirs had or has a shift within a day."""
    near = and_(shift_turn.c.starts_at <= now + _ROSTER, shift_turn.c.ends_at > now - _ROSTER)
    rows = select(shift.c.unit_id).join(shift_turn, shift_turn.c.shift_id == shift.c.id).where(near).distinct()
    return frozenset(tx.scalars(rows.where(shift.c.unit_id.in_(unit_ids))))


def _on_shift(tx: Connection, user_ids: Collection[int], now: datetime) -> frozenset[int]:
    on = (shift_turn.c.user_id.in_(user_ids), shift_turn.c.starts_at <= now, shift_turn.c.ends_at > now)
    return frozenset(user_id for user_id in tx.scalars(select(shift_turn.c.user_id).where(*on)) if user_id is not None)


def _person(view: PersonView) -> PostPerson:
    return PostPerson(name=view.name, phone=view.phone, user_id=view.user_id, active=view.active)
