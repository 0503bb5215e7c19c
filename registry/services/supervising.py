"""Putting something under supervision (督办): the item of the ledger and, for a case, the entry of its own timeline.

Both in one transaction: the figures of a month count supervised cases from their timelines, the ledger counts items.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from sqlalchemy import Engine

from registry.domain.case_moves import MoveOrder
from registry.domain.deadlines import CHINA_TIME
from registry.domain.moves import MoveName
from registry.domain.people import Actor
from registry.services import case_writing
from registry.services.cases import move_in
from registry.services.supervision import NewItem, check_orders, open_item
from registry.storage.database import writing


def add_item(engine: Engine, new: NewItem, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME) -> int:
    """Open an item; its id.

    Raises ``NotAllowed`` unless the person supervises or dispatches, ``InvalidInput`` naming the field, ``NotFound``
    for a case or an asset that is not there, ``Conflict`` for a case that is under supervision already.
    """
    check_orders(by)
    with writing(engine) as tx:
        if new.case_id is not None:
            # in the order in which moves lock: nobody locks the other out
            case_writing.lock(tx, new.case_id)
        item_id = open_item(tx, new, by=by, now=now)
        if new.case_id is not None:
            order = MoveOrder(move=MoveName.SUPERVISE, note=new.problem.strip())
            move_in(tx, case_id=new.case_id, order=order, by=by, now=now, zone=zone)
        return item_id
