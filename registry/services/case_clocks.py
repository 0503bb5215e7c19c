"""Deadlines that pass: marked by the worker, with the deadline itself as the moment. Repeating it is safe."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.kinds import Stage
from registry.services.case_opening import feed_body
from registry.services.case_writing import keeping, overdue_entry, with_place
from registry.services.feed import FeedKind, publish_all
from registry.storage.database import writing
from registry.storage.tables import case, entry


def mark_overdue(engine: Engine, *, now: datetime, batch: int = 500) -> int:
    """Mark every case whose clock runs and whose deadline has passed; answers how many. Repeating it marks none.

    At most ``batch`` cases a transaction. The moment kept is the deadline itself, so a worker that was away for an hour
    changes no figure.
    """
    marked = 0
    while True:
        with writing(engine) as tx:
            step = _mark_some(tx, now, batch)
        marked += step
        if step < batch:
            return marked


def _mark_some(tx: Connection, now: datetime, batch: int) -> int:
    late = (
        select(case.c.id)
        .where(case.c.stage.in_(sorted(RUNNING_STAGES)), case.c.deadline_at <= now, case.c.overdue_at.is_(None))
        .order_by(case.c.id)
        .limit(batch)
    )
    ids = tx.scalars(keeping(late, pass_over=True)).all()
    if not ids:
        return 0
    tx.execute(update(case).where(case.c.id.in_(ids)).values(overdue_at=case.c.deadline_at))
    rows = tx.execute(with_place().where(case.c.id.in_(ids)).order_by(case.c.id)).all()
    tx.execute(insert(entry), [overdue_entry(row, Stage(row.stage), now) for row in rows])
    publish_all(tx, FeedKind.CASE_OVERDUE, [_body(row) for row in rows], now=now)
    return len(rows)


def _body(row: Any) -> dict[str, Any]:
    return feed_body(row) | {"deadline_at": row.deadline_at.isoformat()}
