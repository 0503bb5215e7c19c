"""Forgetting what was only of the moment: live events after days, dead letters after months. Records stay for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine, Table, delete, select

from registry.storage.database import writing
from registry.storage.tables import dead_letter, feed


class Cleaned(NamedTuple):
    """How many rows went."""

    feed: int
    dead_letters: int


def clean_up(
    engine: Engine, *, now: datetime, keep_feed: timedelta, keep_letters: timedelta, batch: int = 5000
) -> Cleaned:
    """Drop events and dead letters that are older than they are kept; at most ``batch`` rows a transaction."""
    return Cleaned(
        feed=_forget(engine, feed, now - keep_feed, batch),
        dead_letters=_forget(engine, dead_letter, now - keep_letters, batch),
    )


def _forget(engine: Engine, table: Table, before: datetime, batch: int) -> int:
    gone = 0
    while True:
        oldest = select(table.c.id).where(table.c.at < before).order_by(table.c.at).limit(batch)
        with writing(engine) as tx:
            step = tx.execute(delete(table).where(table.c.id.in_(oldest.scalar_subquery()))).rowcount
        gone += step
        if step < batch:
            return gone
