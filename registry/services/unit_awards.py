"""The reward-and-penalty ledger (奖惩台账): proposed by a scheme's rules or by a person, decided by another person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import AwardState
from registry.domain.people import Actor
from registry.domain.schemes import AwardKind
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import case, month, unit, unit_award

MOST_REASON = 1_000
MOST_FEN = 10_000_000_000


def propose_award(
    engine: Engine,
    *,
    unit_id: int,
    kind: str,
    amount_fen: int,
    reason: str,
    by: Actor,
    now: datetime,
    month_key: str | None = None,
    case_number: str = "",
) -> int:
    """Put a line into the ledger, for a month or for a single act; its id. Raises ``InvalidInput``."""
    try:
        wanted = AwardKind(kind)
    except ValueError:
        raise InvalidInput("kind", "{given!r} must be reward or penalty", given=kind) from None
    if not 0 <= amount_fen <= MOST_FEN:
        raise InvalidInput("amount", "must be between 0 and {most} yuan", most=MOST_FEN // 100)
    said = reason.strip()
    if not said or len(said) > MOST_REASON:
        raise InvalidInput("reason", "must have 1 to {most} characters; say what it is for", most=MOST_REASON)
    with writing(engine) as tx:
        name = tx.scalar(select(unit.c.name).where(unit.c.id == unit_id))
        if name is None:
            raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=unit_id)
        if month_key and tx.scalar(select(month.c.key).where(month.c.key == month_key)) is None:
            raise InvalidInput("month", "{given} was not closed yet; leave it empty or choose another", given=month_key)
        case_id = tx.scalar(select(case.c.id).where(case.c.number == case_number)) if case_number else None
        if case_number and case_id is None:
            raise InvalidInput("case_number", "{given!r} is no number of a case", given=case_number)
        values: dict[str, Any] = {"month": month_key or None, "kind": wanted.value, "state": AwardState.PROPOSED.value}
        values |= {"unit_id": unit_id, "name": name, "case_id": case_id, "amount_fen": amount_fen, "reason": said}
        values |= {"proposed_at": now, "proposed_by": by.user_id}
        award_id = int(tx.execute(insert(unit_award).values(values).returning(unit_award.c.id)).scalar_one())
        detail = {"unit_id": unit_id, "kind": wanted.value, "amount_fen": amount_fen}
        audit.record(tx, by=by, action="award.propose", subject=f"award:{award_id}", detail=detail, now=now)
    return award_id


def decide_award(
    engine: Engine, award_id: int, *, approve: bool, note: str, expected_version: int, by: Actor, now: datetime
) -> None:
    """Approve or refuse a proposal. Who proposed it can't. Raises ``NotFound``, ``NotAllowed``, ``Conflict``."""
    if by.user_id is None:
        raise NotAllowed("a reward or penalty is decided by a named person; sign in")
    if len(note.strip()) > MOST_REASON:
        raise InvalidInput("note", "must have at most {most} characters; shorten it", most=MOST_REASON)
    with writing(engine) as tx:
        row = tx.execute(select(unit_award).where(unit_award.c.id == award_id).with_for_update()).one_or_none()
        if row is None:
            raise NotFound("award", award_id)
        if row.state != AwardState.PROPOSED or row.version != expected_version:
            raise Conflict("somebody has decided this one meanwhile; load the page again")
        if row.proposed_by == by.user_id:
            raise NotAllowed(f"{by.name} proposed it; another person has to decide")
        state = AwardState.APPROVED if approve else AwardState.REFUSED
        values = {"state": state.value, "decided_at": now, "decided_by": by.user_id, "note": note.strip()}
        same = (unit_award.c.id == award_id, unit_award.c.version == expected_version)
        tx.execute(update(unit_award).where(*same).values(**values, version=expected_version + 1))
        detail = {"state": state.value, "amount_fen": int(row.amount_fen)}
        audit.record(tx, by=by, action="award.decide", subject=f"award:{award_id}", detail=detail, now=now)
