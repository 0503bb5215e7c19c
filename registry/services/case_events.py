"""What somebody has to hear of a case outside the pages, kept in the transaction in which it happens.

The outbox ``case_event``: ``notice_cases`` decides who is told, by which way and when. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert

from registry.domain.case_moves import MoveOrder
from registry.domain.case_story import CaseStory
from registry.domain.kinds import CaseEventKind
from registry.domain.moves import MoveName
from registry.domain.people import Actor
from registry.storage.tables import case_event

_SENT = frozenset({MoveName.DISPATCH, MoveName.REFUSE_RETURN, MoveName.REWORK})
_LOOKS = frozenset({MoveName.ASK_CHECK, MoveName.ASK_VERIFICATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One thing to hear, of a case, of an item of supervision, or of both. Whose it is: a person's, else a unit's."""

    kind: CaseEventKind
    case_id: int | None = None
    item_id: int | None = None
    level: int = 0
    user_id: int | None = None
    unit_id: int | None = None
    note: str = ""


def keep_events(tx: Connection, events: Sequence[CaseEvent], *, now: datetime) -> None:
    """Keep them for the next round of planning."""
    if not events:
        return
    rows = [
        {
            "case_id": each.case_id,
            "item_id": each.item_id,
            "at": now,
            "kind": each.kind.value,
            "level": each.level,
            "user_id": each.user_id,
            "unit_id": each.unit_id,
            "note": each.note,
        }
        for each in events
    ]
    tx.execute(insert(case_event), rows)


def tell_of_move(tx: Connection, case_id: int, order: MoveOrder, story: CaseStory, *, by: Actor, now: datetime) -> None:
    """Whose it is now, or who shall look at it, hears of that; nobody hears of what they took themselves."""
    if order.move in _SENT:
        kind, user_id, unit_id = CaseEventKind.ASSIGNED, story.assignee_id, story.unit_id
    elif order.move in _LOOKS:
        kind, user_id, unit_id = CaseEventKind.LOOK, order.assignee_id, order.unit_id
    else:
        return
    if (user_id is None and unit_id is None) or (user_id is not None and user_id == by.user_id):
        return
    event = CaseEvent(kind=kind, case_id=case_id, user_id=user_id, unit_id=unit_id, note=order.note)
    keep_events(tx, [event], now=now)
