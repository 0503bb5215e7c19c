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
from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.kinds import Severity, Stage
from registry.queries.overview import WrongNow
from registry.queries.wall import WRONG_ROWS, AlertAlone, UnitWork, WallState, wall_state

KEPT = timedelta(seconds=1.5)
_MOST_KEPT = 64


class WrongRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what is wrong: a case, or an alert without one.

    Of a case ``kind`` and ``stage`` are known, and ``due_at``: until when the site has to be secured, else the work be
    done. Of an alert ``rule_key``, and ``mark``: ``alone``, ``waits`` (for company) or ``expected`` (by a permit).
    ``known_at``: when the city learned of it; ``bus``: the line of the cabinet ``what`` that it is about.
    """

    case_id: int | None = None
    alert_id: int | None = None
    kind: str = ""
    rule_key: str = ""
    mark: str = ""
    severity: Severity
    stage: Stage | None = None
    opened_at: datetime
    known_at: datetime
    due_at: datetime | None = None
    overdue: bool = False
    asset_id: int | None
    what: str
    bus: str = ""
    road: str
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
        state=msgspec.structs.replace(state, wrong=[], alone=[], units=[_called(each) for each in state.units]),
        wrong=_worst_first(state, public),
    )
    return msgspec.json.encode(told)


def _worst_first(state: WallState, public: bool) -> list[WrongRow]:
    """Cases and alerts without one together; what is mended, suspended or expected stands last."""
    rows = [(_is_quiet(each), _row(each, public)) for each in state.wrong]
    rows += [(each.expected, _alert_row(each)) for each in state.alone]
    rows.sort(key=lambda one: (one[0], -one[1].severity, not one[1].overdue, one[1].opened_at))
    return [row for _, row in rows[:WRONG_ROWS]]


def _is_quiet(each: WrongNow) -> bool:
    return each.stage not in RUNNING_STAGES and each.alerts_firing == 0


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
        known_at=each.opened_at,
        due_at=each.secure_due_at or each.deadline_at,
        overdue=each.overdue,
        asset_id=each.asset_id,
        what=what,
        road=each.road,
        alerts=each.alerts_firing,
        point=each.point,
        value=each.value,
        unit=each.unit,
    )


def _alert_row(each: AlertAlone) -> WrongRow:
    return WrongRow(
        alert_id=each.alert_id,
        rule_key=each.rule_key,
        mark="expected" if each.expected else "waits" if each.waits else "alone",
        severity=each.severity,
        opened_at=each.fired_at,
        known_at=each.recorded_at,
        asset_id=each.asset_id,
        what=each.asset_name if each.asset_id is not None else each.cabinet_id,
        bus="" if each.asset_id is not None else each.bus,
        road=each.road,
        alerts=1,
        point=each.point,
        value=each.value,
        unit=each.unit,
    )
