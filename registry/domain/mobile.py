"""Mobile resources (移动资源): vehicles, recorders and handsets that tell where they are, and when one is on line."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class MobileKind(StrEnum):
    """What it is. A handset is a city-management phone (城管通)."""

    VEHICLE = "vehicle"
    RECORDER = "recorder"
    HANDSET = "handset"
    OTHER = "other"


FOR_ALL = frozenset({MobileKind.VEHICLE})
"""Kinds whose places may be shown where nobody signed in: the others are worn by a person, or may be."""

ONLINE_WITHIN = timedelta(minutes=10)
"""Who told where they are within this time is on line; devices report every 10 s to 5 min."""

FUTURE_ALLOWED = timedelta(minutes=5)
"""A report from further ahead has a wrong clock: kept, it would hold up every true one after it."""


def is_online(placed_at: datetime | None, now: datetime) -> bool:
    """Whether a resource that last told its place at ``placed_at`` counts as on line."""
    return placed_at is not None and placed_at > now - ONLINE_WITHIN


def tidy_number(text: str) -> str:
    """A plate or serial as it is compared: upper case, without blanks and the dot that plates show (粤A·12345)."""
    return "".join(text.split()).replace("·", "").replace("•", "").upper()
