"""That somebody stood at a thing: the plate they scanned last, remembered in their session for a while."""

from __future__ import annotations

from datetime import timedelta

from flask import session

from dashboards.site import now
from registry.domain.tokens import Finding
from registry.services.tags import Scan

HOLDS_FOR = timedelta(minutes=30)
_KEY = "scanned"


def remember(found: Scan) -> None:
    """Keep a scan that led to an asset."""
    session[_KEY] = {
        "token": found.token,
        "asset_id": found.asset_id,
        "finding": found.finding.value,
        "at": now().timestamp(),
    }


def has_scanned() -> bool:
    """Whether the visitor has scanned any plate since they signed in."""
    return _KEY in session


def recent_scan(asset_id: int) -> Scan | None:
    """The visitor's scan of that asset's plate, if it was their last one and not long ago."""
    kept = session.get(_KEY)
    if not kept or kept["asset_id"] != asset_id or now().timestamp() - kept["at"] > HOLDS_FOR.total_seconds():
        return None
    return Scan(finding=Finding(kept["finding"]), token=kept["token"], asset_id=asset_id, distance_m=None, problem="")
