"""Rewards for first reporters (随手拍奖励): proposed by the rules, decided by a person, paid out by another one.

Who is rewarded: the first report of a case that the public found (the case's source is a citizen), that turned out real
and was mended, whose reporter left a way to reach them. One reward a case; caps a person and month and a month.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import ClosedHow, RewardState, Source, Stage
from registry.domain.people import Actor
from registry.domain.public_rules import capped, month_of, read_rules, tariff
from registry.services import audit
from registry.services.public_rules import rules_in_force
from registry.storage.database import writing
from registry.storage.tables import case, public_rules, report, reward

LOOK_BACK = timedelta(days=62)
BATCH = 200
_COUNTS = [RewardState.PROPOSED.value, RewardState.APPROVED.value, RewardState.PAID.value]
_MENDED = [ClosedHow.REPAIRED.value, ClosedHow.SELF_HANDLED.value]


def propose_rewards(engine: Engine, *, now: datetime, zone: tzinfo = CHINA_TIME) -> int:
    """Propose what the rules promise for cases that were closed; answers how many. Repeating it proposes none twice.

    Cases that were closed before the city switched rewards on get none.
    """
    with writing(engine) as tx:
        version, rules = rules_in_force(tx)
        since = _since(tx)
        if not rules.rewards or since is None:
            return 0
        rows = tx.execute(_due(max(since, now - LOOK_BACK))).all()
        used: dict[tuple[str, str], int] = {}
        for row in rows:
            month = month_of(row.ended_at, zone)
            for key in ((month, ""), (month, row.person)):
                if key not in used:
                    used[key] = _promised(tx, *key)
            due = tariff(row.kind, rules)
            amount, cap = capped(due, person_fen=used[month, row.person], month_fen=used[month, ""], rules=rules)
            used[month, ""] += amount
            used[month, row.person] += amount
            line = {
                "report_id": row.id,
                "case_id": row.case_id,
                "person": row.person,
                "month": month,
                "tariff_fen": due,
                "amount_fen": amount,
                "cap": cap,
                "state": RewardState.PROPOSED.value,
                "rules_version": version,
                "proposed_at": now,
            }
            tx.execute(insert(reward).values(line))
    return len(rows)


def decide_reward(
    engine: Engine, reward_id: int, *, approved: bool, note: str, expected_version: int, by: Actor, now: datetime
) -> None:
    """Approve or refuse a proposed reward; a refusal says why and gives its amount back to the month.

    Raises ``NotFound``, ``Conflict``, ``InvalidMove`` and ``InvalidInput``.
    """
    said = _note(note)
    if not approved and not said:
        raise InvalidInput("note", "say why it is refused")
    state = RewardState.APPROVED if approved else RewardState.REFUSED
    with writing(engine) as tx:
        row = _load(tx, reward_id, expected_version)
        if row.state != RewardState.PROPOSED:
            raise InvalidMove(f"it is {row.state} already")
        decided = {"state": state.value, "decided_at": now, "decided_by": by.user_id, "decided_note": said}
        _save(tx, row, decided, by=by, now=now)


def pay_reward(engine: Engine, reward_id: int, *, note: str, expected_version: int, by: Actor, now: datetime) -> None:
    """Record that an approved reward was paid; ``note`` names the receipt. Somebody else approved it.

    Raises ``NotFound``, ``Conflict``, ``InvalidMove`` and ``NotAllowed`` for who approved it.
    """
    with writing(engine) as tx:
        row = _load(tx, reward_id, expected_version)
        if row.state != RewardState.APPROVED:
            raise InvalidMove(f"it is {row.state}; only an approved reward is paid")
        if by.user_id is not None and by.user_id == row.decided_by:
            raise NotAllowed(f"{by.name} approved it; another person has to pay it out")
        paid = {"state": RewardState.PAID.value, "paid_at": now, "paid_by": by.user_id, "paid_note": _note(note)}
        _save(tx, row, paid, by=by, now=now)


def _note(text: str) -> str:
    said = text.strip()
    if len(said) > 500:
        raise InvalidInput("note", "has {count} characters; at most {most} fit, shorten it", count=len(said), most=500)
    return said


def _since(tx: Connection) -> datetime | None:
    """When rewards were switched on, the last time."""
    since = None
    for row in tx.execute(select(public_rules).order_by(public_rules.c.version)):
        on = read_rules(row.body).rewards
        since = (since or row.created_at) if on else None
    return since


def _due(since: datetime) -> Any:
    first = select(func.min(report.c.id)).where(report.c.case_id == case.c.id).correlate(case).scalar_subquery()
    rewarded = select(reward.c.id).where(reward.c.case_id == case.c.id)
    return (
        select(report.c.id, report.c.case_id, report.c.person, case.c.kind, case.c.ended_at)
        .join_from(case, report, report.c.id == first)
        .where(
            case.c.stage == Stage.CLOSED.value,
            case.c.ended_at >= since,
            case.c.closed_how.in_(_MENDED),
            case.c.source == Source.CITIZEN.value,
            report.c.source == Source.CITIZEN.value,
            report.c.person != "",
            ~rewarded.exists(),
        )
        .order_by(case.c.ended_at, case.c.id)
        .limit(BATCH)
    )


def _promised(tx: Connection, month: str, person: str) -> int:
    """What was promised in a month already, to everybody or to one person, in fen."""
    total = select(func.coalesce(func.sum(reward.c.amount_fen), 0)).where(
        reward.c.month == month, reward.c.state.in_(_COUNTS)
    )
    return int(tx.execute(total.where(reward.c.person == person) if person else total).scalar_one())


def _load(tx: Connection, reward_id: int, expected_version: int) -> Any:
    row = tx.execute(select(reward).where(reward.c.id == reward_id).with_for_update()).first()
    if row is None:
        raise NotFound("reward", reward_id)
    if row.version != expected_version:
        raise Conflict("somebody else dealt with this reward meanwhile; load the list again")
    return row


def _save(tx: Connection, row: Any, values: dict[str, Any], *, by: Actor, now: datetime) -> None:
    changed = update(reward).where(reward.c.id == row.id, reward.c.version == row.version)
    if tx.execute(changed.values(**values, version=row.version + 1)).rowcount != 1:
        raise Conflict("somebody else dealt with this reward meanwhile; load the list again")
    detail = {"state": [row.state, values["state"]], "amount_fen": row.amount_fen, "month": row.month}
    audit.record(tx, by=by, action="reward.decide", subject=f"reward:{row.id}", detail=detail, now=now)
