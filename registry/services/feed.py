"""Telling the live pages what just happened, in the transaction of the thing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert

from registry.storage.tables import feed


class FeedKind(StrEnum):
    """What the live pages listen for."""

    ALERT_FIRED = "alert_fired"
    ALERT_CLEARED = "alert_cleared"
    ALERT_CHANGED = "alert_changed"
    GROUP_CHANGED = "group_changed"
    CASE_OPENED = "case_opened"
    CASE_MOVED = "case_moved"
    CASE_OVERDUE = "case_overdue"
    SUPERVISION_REMINDED = "supervision_reminded"
    RECHECK_DUE = "recheck_due"
    CABINET_ONLINE = "cabinet_online"
    CABINET_OFFLINE = "cabinet_offline"


def publish(tx: Connection, kind: str, body: Mapping[str, Any], *, now: datetime) -> None:
    """Append one row to the feed. ``body`` must be plain JSON: ids and what a list row needs; no contacts, no tokens.

    Raises ``ValueError`` for a kind that no page knows.
    """
    publish_all(tx, kind, [body], now=now)


def publish_all(tx: Connection, kind: str, bodies: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """``publish`` for many rows of one kind in one statement."""
    if bodies:
        word = FeedKind(kind).value
        tx.execute(insert(feed), [{"at": now, "kind": word, "body": dict(body)} for body in bodies])
