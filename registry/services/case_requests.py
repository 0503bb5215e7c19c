"""What is asked for a case (延期, 挂账, 申诉): kept with the steps of its chain, decided by the people of the chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from registry.domain.case_requests import ASKED_BY, GRANTED_BY, ChainStep, chain_of
from registry.domain.errors import NotFound
from registry.domain.kinds import RequestKind, RequestState, Stage
from registry.domain.moves import WORK_STAGES, MoveName
from registry.domain.people import Actor
from registry.storage.tables import case_request

KIND_ASKED: dict[MoveName, RequestKind] = {move: kind for kind, move in ASKED_BY.items()}
KIND_GRANTED: dict[MoveName, RequestKind] = {move: kind for kind, move in GRANTED_BY.items()}


def keep_request(
    tx: Connection, case_id: int, kind: RequestKind, *, reason: str, until: datetime | None, by: Actor, now: datetime
) -> int:
    """The id of the new request that waits for the first step of its chain."""
    values = {
        "case_id": case_id,
        "kind": kind.value,
        "state": RequestState.WAITING.value,
        "asked_at": now,
        "asked_by": by.user_id,
        "reason": reason,
        "until": until,
        "steps": [step.told() for step in chain_of(kind)],
    }
    return int(tx.execute(insert(case_request).values(values).returning(case_request.c.id)).scalar_one())


def case_of_request(tx: Connection, request_id: int) -> int:
    """The id of the case that the request is about. Raises ``NotFound``."""
    found = tx.scalar(select(case_request.c.case_id).where(case_request.c.id == request_id))
    if found is None:
        raise NotFound("request", request_id)
    return int(found)


def load_request(tx: Connection, request_id: int) -> Any:
    """The request's row, kept for this transaction, whose case is kept already. Raises ``NotFound``."""
    row = tx.execute(select(case_request).where(case_request.c.id == request_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("request", request_id)
    return row


def waiting_request(tx: Connection, case_id: int, kind: RequestKind) -> Any:
    """The request of that kind that waits, or None."""
    waiting = (case_request.c.case_id == case_id, case_request.c.kind == kind.value)
    return tx.execute(
        select(case_request).where(*waiting, case_request.c.state == RequestState.WAITING.value)
    ).one_or_none()


def save_request(
    tx: Connection, request_id: int, steps: list[ChainStep], state: RequestState, *, now: datetime
) -> None:
    """Write how far a chain has come."""
    values: dict[str, Any] = {"steps": [step.told() for step in steps], "state": state.value}
    if state is not RequestState.WAITING:
        values["decided_at"] = now
    tx.execute(update(case_request).where(case_request.c.id == request_id).values(values))


def withdraw_requests(tx: Connection, case_id: int, *, to_stage: Stage, reopened: bool, now: datetime) -> None:
    """Give up what waits when the case has gone where it makes no sense any more."""
    waiting = [case_request.c.case_id == case_id, case_request.c.state == RequestState.WAITING.value]
    if to_stage in WORK_STAGES and not reopened:
        return
    if not reopened:
        waiting.append(case_request.c.kind != RequestKind.APPEAL.value)
    gone = {"state": RequestState.WITHDRAWN.value, "decided_at": now}
    tx.execute(update(case_request).where(*waiting).values(gone))
