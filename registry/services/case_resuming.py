"""Suspensions that end by themselves on their day. Work of the worker; repeating it is safe."""

from __future__ import annotations

from datetime import datetime, tzinfo

from sqlalchemy import Engine, select

from registry.domain.case_moves import MoveOrder
from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import Stage
from registry.domain.moves import MoveName
from registry.domain.people import SYSTEM
from registry.services.case_writing import keeping
from registry.services.cases import move_in
from registry.storage.database import writing
from registry.storage.tables import case

_STAGE = select(case.c.id).where(case.c.stage == Stage.SUSPENDED.value)


def resume_due(engine: Engine, *, now: datetime, batch: int = 200, zone: tzinfo = CHINA_TIME) -> int:
    """Go on with every suspended case whose day has come; answers how many.

    The clock goes on from that day, however late this runs. At most ``batch`` cases a transaction.
    """
    resumed = 0
    while True:
        with writing(engine) as tx:
            due = _STAGE.where(case.c.suspended_until <= now).order_by(case.c.id).limit(batch)
            ids = tx.scalars(keeping(due, pass_over=True)).all()
            for case_id in ids:
                order = MoveOrder(move=MoveName.RESUME)
                move_in(tx, case_id=case_id, order=order, by=SYSTEM, now=now, zone=zone)
        resumed += len(ids)
        if len(ids) < batch:
            return resumed
