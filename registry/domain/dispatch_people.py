"""Whom of a unit a case goes to: who is on the post (AB 岗), the nearest one on duty, or who has least in hand. Pure.

Nobody is sent who is away, off shift or bound to another part of the city. Everybody who was thought of comes back with
why not, so that a dispatcher who knows better can choose another with open eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from registry.domain.dispatch_reasons import Matter, Reason, Why
from registry.domain.dispatch_table import Whom
from registry.domain.duties import Absence, Holder, PostPerson, StandIn, on_duty
from registry.domain.geo import Place, distance_m

SEEN_FOR = timedelta(hours=2)
"""A place at which somebody was seen tells where they are for so long; older ones say nothing."""

MOST_IN_HAND = 10
"""Somebody with so many open cases is passed over while anybody has fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where somebody was seen last, and by what (``scan``, ``permit``)."""

    place: Place
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mate:
    """Somebody of a unit who can be sent. ``on_shift`` None: nobody keeps a roster for them.

    ``area_code`` binds them to the areas whose codes begin with it.
    """

    user_id: int
    name: str
    area_code: str = ""
    open_cases: int = 0
    on_shift: bool | None = None
    seen: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post (AB 岗) of a unit, for a part of the city and a family ("" any)."""

    name: str
    area_code: str
    family: str
    a: PostPerson
    b: PostPerson
    absence: Absence = field(default_factory=Absence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """The people of one unit, and who of the city is away today (``away``: ids of accounts)."""

    mates: Sequence[Mate] = ()
    posts: Sequence[Post] = ()
    away: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who was thought of; ``why_not`` None: could go. ``distance_m`` and ``seen_at`` if a place is known."""

    user_id: int
    name: str
    open_cases: int
    distance_m: float | None = None
    seen_at: datetime | None = None
    why_not: Why | None = None


def candidates(matter: Matter, staff: Staff, *, now: datetime) -> list[Candidate]:
    """Everybody of the unit, those who can go first; of them the nearest, then who was not seen, then who has least."""
    found = [_candidate(mate, matter, staff.away, now) for mate in staff.mates]
    if not any(one.why_not is None for one in found):
        # whoever is there has much in hand: then that is no reason
        found = [replace(one, why_not=None) if one.why_not is Why.FULL else one for one in found]
    return sorted(found, key=_rank)


def _candidate(mate: Mate, matter: Matter, away: frozenset[int], now: datetime) -> Candidate:
    known = mate.seen is not None and matter.place is not None and mate.seen.at > now - SEEN_FOR
    return Candidate(
        user_id=mate.user_id,
        name=mate.name,
        open_cases=mate.open_cases,
        distance_m=distance_m(mate.seen.place, matter.place) if known and mate.seen and matter.place else None,
        seen_at=mate.seen.at if known and mate.seen else None,
        why_not=_why_not(mate, matter, away),
    )


def _why_not(mate: Mate, matter: Matter, away: frozenset[int]) -> Why | None:
    if mate.user_id in away:
        return Why.AWAY
    if mate.on_shift is False:
        return Why.OFF_SHIFT
    if not matter.about.area_code.startswith(mate.area_code):
        return Why.OTHER_AREA
    return Why.FULL if mate.open_cases >= MOST_IN_HAND else None


def _rank(one: Candidate) -> tuple[bool, bool, float, int, int]:
    """Ties of distance and load go to the older account: the same question always has the same answer."""
    far = one.distance_m if one.distance_m is not None else 0.0
    return (one.why_not is not None, one.distance_m is None, far, one.open_cases, one.user_id)


def choose_person(
    matter: Matter, whom: Whom, staff: Staff, thought_of: Sequence[Candidate], *, today: date
) -> tuple[int | None, tuple[Reason, ...]]:
    """The account of whoever should go (None: the unit chooses) and why; ``thought_of`` are its ``candidates``."""
    if whom is Whom.QUEUE:
        return None, (Reason(why=Why.UNIT_CHOOSES),)
    by_post = _by_post(matter, staff, thought_of, today) if whom in (Whom.BEST, Whom.POST) else None
    if whom is Whom.POST:
        return by_post or (None, (Reason(why=Why.NO_POST),))
    if by_post is not None and by_post[0] is not None:
        return by_post
    said = () if by_post is None else by_post[1]
    fit = [one for one in thought_of if one.why_not is None]
    if not fit:
        why = Why.NOBODY_ON_DUTY if thought_of else Why.NO_CREW
        return None, (*said, Reason(why=why))
    if whom is Whom.LEAST:
        least = min(fit, key=lambda one: (one.open_cases, one.user_id))
        return least.user_id, (*said, _about(least, Why.LEAST))
    if fit[0].distance_m is not None:
        return fit[0].user_id, (*said, _about(fit[0], Why.NEAREST))
    return None, (*said, Reason(why=Why.UNIT_CHOOSES))


def _about(one: Candidate, why: Why) -> Reason:
    values: dict[str, str | int | float] = {"user_id": one.user_id, "name": one.name, "open_cases": one.open_cases}
    if one.distance_m is not None and one.seen_at is not None:
        values |= {"distance_m": round(one.distance_m), "seen_at": one.seen_at.isoformat()}
    return Reason(why=why, values=values)


_Person = tuple[int | None, tuple[Reason, ...]]


def _by_post(matter: Matter, staff: Staff, thought_of: Sequence[Candidate], today: date) -> _Person | None:
    """Who of the most exact post is on duty; None where the unit has no post for this."""
    about = matter.about
    meant = [
        post for post in staff.posts if post.family in ("", about.family) and about.area_code.startswith(post.area_code)
    ]
    if not meant:
        return None
    post = max(meant, key=lambda one: (len(one.area_code), one.family != ""))
    holder, stand_in, person = _holder(post, staff.away, today)
    values: dict[str, str | int | float] = {"post": post.name, "name": person.name, "stand_in": stand_in.value}
    if stand_in is StandIn.NOBODY:
        return None, (Reason(why=Why.POST_EMPTY, values=values),)
    found = next((one for one in thought_of if one.user_id == person.user_id), None)
    if found is None:
        # a name with a phone, or an account that is no crew of this unit: somebody to call
        return None, (Reason(why=Why.POST_BY_PHONE, values=values | {"phone": person.phone}),)
    if found.why_not not in (None, Why.FULL):
        return None, (Reason(why=found.why_not, values={"name": found.name, "user_id": found.user_id}),)
    why = Why.POST_A if holder is Holder.A else Why.POST_B
    return found.user_id, (Reason(why=why, values=values | {"user_id": found.user_id}),)


def _holder(post: Post, away: frozenset[int], today: date) -> tuple[Holder, StandIn, PostPerson]:
    """As ``duties.on_duty``, and with those away who are away as persons and not as holders of this post."""
    absence = Absence(first=today, last=today) if post.a.user_id in away else post.absence
    b = PostPerson() if post.b.user_id in away else post.b
    holder, stand_in = on_duty(post.a, b, absence, today=today)
    return holder, stand_in, post.a if holder is Holder.A else post.b


def compared(
    thought_of: Sequence[Candidate], assignee_id: int | None, reasons: Sequence[Reason]
) -> tuple[Candidate, ...]:
    """The candidates with why not the others where one was chosen: farther, place unknown, more in hand, no post."""
    if assignee_id is None or not reasons:
        return tuple(thought_of)
    chosen_by = reasons[-1].why
    return tuple(
        one if one.why_not is not None or one.user_id == assignee_id else replace(one, why_not=_lost(one, chosen_by))
        for one in thought_of
    )


def _lost(one: Candidate, chosen_by: Why) -> Why:
    if chosen_by is Why.NEAREST:
        return Why.FARTHER if one.distance_m is not None else Why.PLACE_UNKNOWN
    return Why.HAS_MORE if chosen_by is Why.LEAST else Why.NOT_ON_POST
