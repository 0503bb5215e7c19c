"""What other platforms told us and the intake has not taken yet, and settling it once it has.

The intake takes it in the transaction of the readings that it makes of it, so a killed process loses nothing and tells
the rules nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, select, union, update

from registry.domain.external_events import Occurrence
from registry.storage.tables import device, event_inbox
from registry.storage.times import to_ms


class WaitingDevice(NamedTuple):
    """A virtual device of which there is news: its occurrences that are not over, with what to settle afterwards."""

    serial: str
    occurrences: list[Occurrence]
    seen: list[tuple[int, int, bool]]
    """Id, version, and whether its end has come."""


def waiting(tx: Connection, *, now: datetime, limit: int = 200) -> list[WaitingDevice]:
    """The virtual devices of which there is news, or an occurrence whose end has come."""
    inbox = event_inbox.c
    # two statements in one: each walks its own small index, asked with "or" the whole table would be walked
    news = select(inbox.device_id).where(inbox.waiting_since.is_not(None))
    ends = select(inbox.device_id).where(inbox.over_at.is_(None), inbox.ends_at <= now)
    told = list(tx.execute(union(news, ends).limit(limit)).scalars())
    if not told:
        return []
    rows = tx.execute(
        select(event_inbox, device.c.serial)
        .join(device, device.c.id == inbox.device_id)
        .where(inbox.device_id.in_(told), inbox.over_at.is_(None))
        .order_by(inbox.id)
    )
    found: dict[int, WaitingDevice] = {}
    for row in rows:
        one = found.setdefault(row.device_id, WaitingDevice(row.serial, [], []))
        one.occurrences.append(_occurrence(row))
        one.seen.append((row.id, row.version, row.ends_at is not None and row.ends_at <= now))
    return list(found.values())


def settle(tx: Connection, seen: Sequence[tuple[int, int, bool]], now: datetime) -> None:
    """Note what the intake has taken, in the transaction of its readings; news that came meanwhile goes on waiting."""
    for over in (False, True):
        rows = [{"row_id": row_id, "seen": version} for row_id, version, ended in seen if ended is over]
        if rows:
            values = {"waiting_since": None, "taken_at": now} | ({"over_at": now} if over else {})
            same = and_(event_inbox.c.id == bindparam("row_id"), event_inbox.c.version == bindparam("seen"))
            tx.execute(update(event_inbox).where(same).values(**values), rows)


def _occurrence(row: Any) -> Occurrence:
    return Occurrence(
        severity=row.severity,
        starts_ms=to_ms(row.starts_at),
        heard_ms=to_ms(row.heard_at),
        ends_ms=None if row.ends_at is None else to_ms(row.ends_at),
        fresh=row.taken_at is None,
        waiting=row.waiting_since is not None,
    )
