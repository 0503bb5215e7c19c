"""What a move of a case sets going beyond the case: supervision, the list of what is like it, looks after its closing.

``follow_up`` and ``inspection_gate`` are called by ``services.cases`` in its transaction; nothing here moves a case.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.aftercare import EVERY_KIND, SHIPPED, Aftercare, Likeness, check_aftercare, first_recheck
from registry.domain.kinds import InspectionResult, InspectionState, RecheckState
from registry.domain.moves import MoveName
from registry.domain.people import Actor
from registry.services import audit
from registry.services.inspection_lists import begin_inspection
from registry.services.supervision import NewItem, answer_of_case, live_item_of, open_item, usual_deadline
from registry.storage.database import writing
from registry.storage.tables import aftercare, asset, case, inspection, inspection_item, recheck

_FOLLOWED = frozenset({MoveName.SUPERVISE, MoveName.HAND_BACK, MoveName.CLOSE, MoveName.REOPEN})


def aftercare_of(tx: Connection, kind: str) -> Aftercare:
    """What is done after cases of that kind: the city's own line for it, else the shipped one, else that for all."""
    lines = {line.kind: line for line in SHIPPED} | {line.kind: line for line in own_lines(tx)}
    return lines.get(kind, lines[EVERY_KIND])


def own_lines(tx: Connection) -> list[Aftercare]:
    """The lines that the city changed or added."""
    return [_read_line(row) for row in tx.execute(select(aftercare).order_by(aftercare.c.kind))]


def save_aftercare(engine: Engine, line: Aftercare, *, by: Actor, now: datetime) -> None:
    """Keep what is done after cases of a kind. Raises ``InvalidInput`` naming the field. Audited."""
    check_aftercare(line)
    values = msgspec.to_builtins(line)
    with writing(engine) as tx:
        tx.execute(delete(aftercare).where(aftercare.c.kind == line.kind))
        tx.execute(insert(aftercare).values(**values, updated_at=now, updated_by=by.user_id))
        audit.record(tx, by=by, action="aftercare.save", subject=f"aftercare:{line.kind}", detail=values, now=now)


def reset_aftercare(engine: Engine, kind: str, *, by: Actor, now: datetime) -> None:
    """Go back to what was shipped for a kind (or to what holds for every kind). Audited where something was changed."""
    with writing(engine) as tx:
        if tx.execute(delete(aftercare).where(aftercare.c.kind == kind)).rowcount:
            audit.record(tx, by=by, action="aftercare.reset", subject=f"aftercare:{kind}", now=now)


def follow_up(tx: Connection, case_id: int, move: MoveName, *, by: Actor, now: datetime, note: str = "") -> None:
    """After ``move`` was written, in its transaction: what it asks for beyond the case.

    Supervision opens an item of the ledger; handing back begins the inspection of what is alike, where the kind asks
    for one; closing answers an open item and plans the first recheck; reopening drops the looks that are still due.
    """
    if move not in _FOLLOWED:
        return
    row = _case(tx, case_id)
    if move is MoveName.SUPERVISE and live_item_of(tx, case_id) is None:
        deadline_at = row.deadline_at if row.deadline_at > now else usual_deadline(now)
        deadline_at = min(deadline_at, now + timedelta(days=366))
        open_item(tx, NewItem(problem=note or row.kind, case_id=case_id, deadline_at=deadline_at), by=by, now=now)
    elif move is MoveName.HAND_BACK:
        line = aftercare_of(tx, row.kind)
        if line.inspect_like:
            begin_inspection(tx, row, line, by=by, now=now)
    elif move is MoveName.CLOSE:
        answer_of_case(tx, case_id, by=by, now=now, handled_by=row.handed_back_by)
        _plan_recheck(tx, row, aftercare_of(tx, row.kind), now)
    elif move is MoveName.REOPEN:
        waiting = (recheck.c.case_id == case_id, recheck.c.state == RecheckState.DUE.value)
        tx.execute(update(recheck).where(*waiting).values(state=RecheckState.DROPPED.value, done_at=now))


def inspection_gate(tx: Connection, case_id: int, _now: datetime) -> list[str]:
    """The gate of ``services.closing``: the list of what is alike has to be worked through, or waived with a reason."""
    open_list = tx.execute(
        select(inspection.c.id).where(
            inspection.c.case_id == case_id, inspection.c.gate, inspection.c.state == InspectionState.OPEN.value
        )
    ).scalar()
    if open_list is None:
        return []
    results = tx.scalars(select(inspection_item.c.result).where(inspection_item.c.inspection_id == open_list)).all()
    waiting = sum(result == InspectionResult.WAITING for result in results)
    return [
        f"{waiting} of {len(results)} assets like this one were not looked at yet; "
        f"work through inspection {open_list}, or waive it with a reason"
    ]


def _plan_recheck(tx: Connection, row: Any, line: Aftercare, now: datetime) -> None:
    due_at = first_recheck(line, now)
    if due_at is None:
        return
    values = {
        "case_id": row.id,
        "round": row.reopens + 1,
        "turn": 1,
        "times": line.recheck_times,
        "every_days": line.recheck_days,
        "state": RecheckState.DUE.value,
        "unit_id": row.unit_id,
        "area_code": row.asset_area or row.area_code,
        "due_at": due_at,
        "planned_at": now,
        "photo_ids": [],
    }
    tx.execute(insert(recheck).values(values))


def _case(tx: Connection, case_id: int) -> Any:
    about = (asset.c.area_code.label("asset_area"), asset.c.maintainer_unit_id)
    joined = case.outerjoin(asset, asset.c.id == case.c.asset_id)
    return tx.execute(select(case, *about).select_from(joined).where(case.c.id == case_id)).one()


def _read_line(row: Any) -> Aftercare:
    return Aftercare(
        kind=row.kind,
        recheck_days=row.recheck_days,
        recheck_times=row.recheck_times,
        inspect_like=tuple(Likeness(word) for word in row.inspect_like),
        inspect_days=row.inspect_days,
        inspect_most=row.inspect_most,
        inspect_gate=row.inspect_gate,
        repeat_days=row.repeat_days,
        repeat_m=row.repeat_m,
    )
