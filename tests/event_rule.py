"""The rule for what other platforms tell, for cities whose rules do not have it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from registry.storage.tables import rule

KEY = "external_event"


def have_event_rule(tx: Connection, now: datetime) -> None:
    """Make sure that there is one."""
    if tx.execute(select(rule.c.key).where(rule.c.key == KEY)).first() is None:
        told = {
            "kind": "event",
            "point": "event",
            "severity": 1,
            "case_kind": "reported",
            "condition": {"type": "event"},
        }
        tx.execute(
            insert(rule).values(key=KEY, version=1, **told, condition={"type": "event"}, enabled=True, created_at=now)
        )
