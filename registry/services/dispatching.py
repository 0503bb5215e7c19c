"""Dispatching: what the worker sends by itself, what is proposed for the rest, and taking an automatic dispatch back.

The decision is ``registry.domain.dispatching``'s; here its facts are read, and the move is made by ``cases.move_case``,
so that a case changed by a person meanwhile is left to that person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select

from registry.domain.deadlines import CHINA_TIME
from registry.domain.dispatch_people import Staff
from registry.domain.dispatch_reasons import Matter, Reason, Why
from registry.domain.dispatch_table import About
from registry.domain.dispatching import Proposal, UnitChoice, choose_unit, propose
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.geo import Place
from registry.domain.kinds import Stage
from registry.domain.moves import MoveName
from registry.domain.people import SYSTEM
from registry.services.cases import move_case
from registry.services.dispatch_lines import REVISION, dispatch_table
from registry.services.dispatch_staff import staff_of
from registry.services.duties import PARTY_COLUMNS, duty_book
from registry.services.revisions import number
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, case, dispatch_look, entry

BATCH = 200
LOOK_AGAIN = timedelta(minutes=15)
"""A case that waits for a person is looked at again: its asset may have got an owner meanwhile."""

_TELLING = [
    move.value
    for move in (MoveName.DISPATCH, MoveName.RETURN, MoveName.REFUSE_RETURN, MoveName.RECALL, MoveName.REOPEN)
]
"""The entries that say whose the case was, and who gave it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A case that could be dispatched, in the version that was looked at, with who should get it."""

    case_id: int
    version: int
    stage: Stage
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """What one look of the worker came to: sent, left to people, and changed by somebody while it looked."""

    sent: int = 0
    held: int = 0
    changed: int = 0


def proposal_for(engine: Engine, case_id: int, *, now: datetime, zone: tzinfo = CHINA_TIME) -> Found:
    """Who should get this case, and why; whatever its stage. Raises ``NotFound``."""
    with reading(engine) as tx:
        found = proposals_for(tx, [case_id], now=now, zone=zone)
    if not found:
        raise NotFound("case", case_id)
    return found[0]


def proposals_for(
    tx: Connection, case_ids: Collection[int], *, now: datetime, zone: tzinfo = CHINA_TIME
) -> list[Found]:
    """``proposal_for`` many cases, in a fixed number of statements; in the order of their ids."""
    table, book = dispatch_table(tx), duty_book(tx)
    rows = tx.execute(_matters(case_ids)).all()
    grades = _grades(tx, {row.place_code for row in rows})
    back = _gave_back(tx, [row.id for row in rows])
    today = now.astimezone(zone).date()
    chosen: list[tuple[Any, Matter, UnitChoice]] = []
    for row in rows:
        units, recalled = back.get(row.id, (frozenset(), False))
        matter = _matter(row, grades, units, recalled)
        chosen.append((row, matter, choose_unit(matter, table, book)))
    staff = staff_of(
        tx, {choice.unit_id for _, _, choice in chosen if choice.unit_id is not None}, now=now, today=today
    )
    return [
        Found(
            case_id=row.id,
            version=row.version,
            stage=Stage(row.stage),
            proposal=propose(matter, choice, staff.get(choice.unit_id or 0, Staff()), now=now, today=today),
        )
        for row, matter, choice in chosen
    ]


def dispatch_certain(
    engine: Engine,
    *,
    now: datetime,
    zone: tzinfo = CHINA_TIME,
    batch: int = BATCH,
    ends: Callable[[], bool] = lambda: False,
) -> Dispatched:
    """Dispatch every filed case for which the table lets the worker decide, and note why the others wait.

    Each case is a transaction of its own, worst first; repeating it changes nothing. ``ends``: leave off early.
    """
    total = Dispatched()
    while not ends():
        with reading(engine) as tx:
            if not dispatch_table(tx).decides_alone:
                return total
            revision = number(tx, REVISION)
            found = proposals_for(tx, _waiting(tx, revision, now, batch), now=now, zone=zone)
        if not found:
            break
        held = [one for one in found if not one.proposal.automatic]
        _note_looks(engine, held, revision, now)
        sent = sum(_send(engine, one, now, zone) for one in found if one.proposal.automatic)
        changed = len(found) - len(held) - sent
        total = Dispatched(sent=total.sent + sent, held=total.held + len(held), changed=total.changed + changed)
        if len(found) < batch or changed:
            break
    if total.sent:
        _forget_looks(engine)
    return total


def told(proposal: Proposal) -> dict[str, Any]:
    """The proposal as an entry of the timeline keeps it: who decided, by which line and why."""
    return {
        "automatic": True,
        "line_id": proposal.line_id,
        "reasons": [{"why": reason.why.value, **reason.values} for reason in proposal.reasons],
    }


def read_told(detail: dict[str, Any]) -> list[Reason]:
    """The reasons that ``told`` wrote; words that this release does not know are left out."""
    known = set(Why)
    return [
        Reason(why=Why(one["why"]), values={name: value for name, value in one.items() if name != "why"})
        for one in detail.get("reasons", [])
        if one.get("why") in known
    ]


# ---- the facts


def _matters(case_ids: Collection[int]) -> Any:
    """Cases with what stands about their assets; a case without one has its own place and area."""
    columns = [asset.c[name] for name in ("scheme", "class_code", "family", *PARTY_COLUMNS.values())]
    return (
        select(
            case.c.id,
            case.c.version,
            case.c.stage,
            case.c.kind,
            case.c.asset_id,
            *columns,
            func.coalesce(asset.c.lon, case.c.lon).label("place_lon"),
            func.coalesce(asset.c.lat, case.c.lat).label("place_lat"),
            func.coalesce(asset.c.area_code, case.c.area_code).label("place_code"),
        )
        .select_from(case.outerjoin(asset, asset.c.id == case.c.asset_id))
        .where(case.c.id.in_(case_ids))
        .order_by(case.c.id)
    )


def _matter(row: Any, grades: dict[str, str], returned_by: frozenset[int], recalled: bool) -> Matter:
    named = {party: unit_id for party, column in PARTY_COLUMNS.items() if (unit_id := getattr(row, column)) is not None}
    return Matter(
        about=About(
            kind=row.kind,
            family=row.family or "",
            scheme=row.scheme or "",
            class_code=row.class_code or "",
            area_code=row.place_code,
            grade=grades.get(row.place_code, ""),
        ),
        place=None if row.place_lon is None else Place(row.place_lon, row.place_lat),
        has_asset=row.asset_id is not None,
        named=named,
        returned_by=returned_by,
        recalled=recalled,
    )


def _grades(tx: Connection, codes: Iterable[str]) -> dict[str, str]:
    """The grade of the smallest area that has one, for each of these codes."""
    wanted = {code[:length] for code in codes for length in (4, 6, 9, 12, 15) if len(code) >= length}
    if not wanted:
        return {}
    rows = tx.execute(select(area.c.code, area.c.grade).where(area.c.code.in_(wanted), area.c.grade != ""))
    graded: dict[str, str] = {row.code: row.grade for row in rows}
    found = {}
    for code in codes:
        around = [code[:length] for length in (15, 12, 9, 6, 4) if len(code) >= length and code[:length] in graded]
        if around:
            found[code] = graded[around[0]]
    return found


def _gave_back(tx: Connection, case_ids: Collection[int]) -> dict[int, tuple[frozenset[int], bool]]:
    """The units that gave each case back, and whether a person took an automatic dispatch back; since it was opened."""
    if not case_ids:
        return {}
    rows = tx.execute(
        select(entry.c.case_id, entry.c.move, entry.c.detail)
        .where(entry.c.case_id.in_(case_ids), entry.c.move.in_(_TELLING))
        .order_by(entry.c.case_id, entry.c.id)
    )
    has: dict[int, int | None] = {}
    units: defaultdict[int, list[int]] = defaultdict(list)
    recalled: set[int] = set()
    for row in rows:
        unit_id = has.get(row.case_id)
        if row.move == MoveName.REOPEN:
            units.pop(row.case_id, None)
            recalled.discard(row.case_id)
        elif row.move == MoveName.RETURN and unit_id is not None:
            units[row.case_id].append(unit_id)
        elif row.move == MoveName.REFUSE_RETURN and units[row.case_id]:
            units[row.case_id].pop()
        elif row.move == MoveName.RECALL:
            recalled.add(row.case_id)
        has[row.case_id] = row.detail.get("unit_id", unit_id)
    return {case_id: (frozenset(units[case_id]), case_id in recalled) for case_id in has}


# ---- the worker's look


def _waiting(tx: Connection, revision: int, now: datetime, batch: int) -> list[int]:
    """Filed cases that were not looked at as they are now; the worst and oldest first."""
    look = dispatch_look
    stale = or_(
        look.c.case_id.is_(None),
        look.c.case_version != case.c.version,
        look.c.revision != revision,
        look.c.looked_at <= now - LOOK_AGAIN,
    )
    return list(
        tx.scalars(
            select(case.c.id)
            .select_from(case.outerjoin(look, look.c.case_id == case.c.id))
            .where(case.c.stage == Stage.FILED.value, case.c.returned_at.is_(None), stale)
            .order_by(case.c.severity.desc(), case.c.id)
            .limit(batch)
        )
    )


def _send(engine: Engine, one: Found, now: datetime, zone: tzinfo) -> bool:
    """Whether it was dispatched; False when somebody changed the case, or a person of the proposal, meanwhile."""
    proposal = one.proposal
    try:
        move_case(
            engine,
            case_id=one.case_id,
            move=MoveName.DISPATCH,
            by=SYSTEM,
            expected_version=one.version,
            now=now,
            unit_id=proposal.unit_id,
            assignee_id=proposal.assignee_id,
            detail=told(proposal),
            zone=zone,
        )
    except (Conflict, InvalidMove, InvalidInput, NotAllowed):
        return False
    return True


def _note_looks(engine: Engine, held: list[Found], revision: int, now: datetime) -> None:
    if not held:
        return
    rows = [
        {
            "case_id": one.case_id,
            "case_version": one.version,
            "revision": revision,
            "looked_at": now,
            "held": (one.proposal.held or Why.NO_AUTOMATIC_LINE).value,
        }
        for one in held
    ]
    with writing(engine) as tx:
        tx.execute(delete(dispatch_look).where(dispatch_look.c.case_id.in_([one.case_id for one in held])))
        tx.execute(insert(dispatch_look), rows)


def _forget_looks(engine: Engine) -> None:
    """A case that went on needs no note why it waited."""
    gone = select(case.c.id).where(and_(case.c.id == dispatch_look.c.case_id, case.c.stage != Stage.FILED.value))
    with writing(engine) as tx:
        tx.execute(delete(dispatch_look).where(gone.exists()))
