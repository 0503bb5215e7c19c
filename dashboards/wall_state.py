"""The wall's figures as JSON: for staff, and for a screen that nobody signed in to.

One answer serves every screen of the same part of the city for a moment: fifty of them cost what one does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dashboards.site import Site, unit_called
from registry.domain.kinds import Severity, Stage
from registry.queries.overview import WrongNow
from registry.queries.wall import UnitWork, WallState, wall_state

KEPT = timedelta(seconds=1.5)
_MOST_KEPT = 64


class WrongRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what is wrong. ``due_at``: until when the site has to be secured, else the work be done."""

    case_id: int
    kind: str
    severity: Severity
    stage: Stage
    opened_at: datetime
    due_at: datetime
    overdue: bool
    asset_id: int | None
    what: str
    road: str
    lon: float
    lat: float
    alerts: int
    point: str | None
    value: float | None
    unit: str | None


class WallScreen(msgspec.Struct, frozen=True, kw_only=True):
    """What a wall is told. ``feed_id``: where the live stream stood; ``version``: which scripts the server now has."""

    at: datetime
    feed_id: int
    version: str
    state: WallState
    wrong: list[WrongRow]


class WallStates:
    """The latest answers, by the part of the city that they are of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: OrderedDict[str, threading.Lock] = OrderedDict()
        self._kept: dict[str, tuple[int, WallState]] = {}

    def of(self, where: Site, scope: str, now: datetime) -> tuple[int, WallState]:
        """The feed's place and the figures, no older than ``KEPT``. Raises ``StoreDown``."""
        with self._lock:
            one = self._locks.setdefault(scope, threading.Lock())
            self._locks.move_to_end(scope)
            while len(self._locks) > _MOST_KEPT:
                self._kept.pop(self._locks.popitem(last=False)[0], None)
        with one:
            kept = self._kept.get(scope)
            if kept is None or not timedelta(0) <= now - kept[1].at <= KEPT:
                feed_id = where.hub.newest_id()
                state = wall_state(where.engine, now=now, zone=where.zone, scope=scope)
                kept = self._kept[scope] = (feed_id, state)
        return kept


def wall_json(feed_id: int, state: WallState, *, version: str, public: bool) -> bytes:
    """The figures. ``public``: without anything that names a person or was written by one."""
    told = WallScreen(
        at=state.at,
        feed_id=feed_id,
        version=version,
        state=msgspec.structs.replace(state, wrong=[], units=[_called(each) for each in state.units]),
        wrong=[_row(each, public) for each in state.wrong],
    )
    return msgspec.json.encode(told)


def _called(each: UnitWork) -> UnitWork:
    return msgspec.structs.replace(each, name=unit_called(each.name))


def bare_item(body: dict[str, Any]) -> dict[str, Any]:
    """Of what happened, only what a screen needs to find it on its map."""
    return {name: body[name] for name in ("asset_id", "case_id", "severity", "change") if name in body}


def _row(each: WrongNow, public: bool) -> WrongRow:
    # where no asset stands, the place is in the words of whoever told of it
    what = "" if public and each.asset_id is None else each.asset_name
    return WrongRow(
        case_id=each.case_id,
        kind=each.kind,
        severity=each.severity,
        stage=each.stage,
        opened_at=each.opened_at,
        due_at=each.secure_due_at or each.deadline_at,
        overdue=each.overdue,
        asset_id=each.asset_id,
        what=what,
        road=each.road,
        lon=each.lon,
        lat=each.lat,
        alerts=each.alerts_firing,
        point=each.point,
        value=each.value,
        unit=each.unit,
    )
