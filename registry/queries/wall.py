"""What the wall shows: one answer with every figure of it, a few statements along indexes however old the city is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, time, timedelta, tzinfo
from statistics import median
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Select, and_, func, select, type_coerce

from registry.domain.kinds import AlertState, RuleKind, Severity, Stage
from registry.queries.asset_filters import digits_begin
from registry.queries.city_figures import worker_until
from registry.queries.mobile_resources import MobileTally, mobile_tallies
from registry.queries.overview import Overview, WrongNow, overview, wrong_now
from registry.queries.queues import workload
from registry.queries.seasons import seasons_in_force
from registry.storage.database import reading
from registry.storage.open_cases import IS_OPEN, IS_RUNNING
from registry.storage.tables import alert, asset, device, latest, point, rule
from registry.storage.tables import case as case_file
from registry.storage.times import to_ms

WRONG_ROWS = 12
MOST_UNITS = 8
SOON = timedelta(hours=4)
WEEKS_BACK = 8

_HOUR_MS = 3_600_000
_KEPT_DAYS = 64


class StageCount(msgspec.Struct, frozen=True, kw_only=True):
    """Open cases in a stage, and how many of them are late."""

    stage: Stage
    open: int
    late: int


class AlertAlone(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is firing without an open case: its rule raises none, nothing of the register has it, it waits for
    company (``waits``), a permit covers it (``expected``), or people closed its case.

    ``value`` is the latest, less the point's baseline; None with ``point`` and ``unit`` where nothing is heard.
    ``asset_id`` None: it is about the whole cabinet, or about ``bus`` of it.
    """

    alert_id: int
    rule_key: str
    severity: Severity
    fired_at: datetime
    recorded_at: datetime
    waits: bool
    expected: bool
    asset_id: int | None
    asset_name: str
    road: str
    cabinet_id: str
    bus: str
    point: str | None
    value: float | None
    unit: str | None


class UnitWork(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit has in hand (派遣 and 处置中), of it due today and late."""

    unit_id: int
    name: str
    open: int
    due_today: int
    late: int


class SeasonNow(msgspec.Struct, frozen=True, kw_only=True):
    """A season in force."""

    key: str
    name_zh: str
    name_en: str


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Cases opened in each hour since local midnight ``from_ms``, and what is usual on such a day of the week.

    ``usual`` is the median of the last eight; None where none of them knows a case (a city that has just begun).
    ``today`` ends with the hour that runs.
    """

    from_ms: int
    today: list[int]
    usual: list[float] | None


class WallState(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure of the wall. ``running``: cases by severity that still need somebody, worst first: 3, 2, 1.

    ``due_soon``: of them, those that become late within four hours. ``alone``: the worst alerts without a case.
    ``worker_until``: when the worker's lease ends; once that is over, nobody judges what time alone brings about.
    """

    at: datetime
    counters: Overview
    running: dict[int, int]
    due_soon: int
    stages: list[StageCount]
    wrong: list[WrongNow]
    alone: list[AlertAlone]
    worker_until: datetime | None
    units: list[UnitWork]
    units_more: int
    seasons: list[SeasonNow]
    trend: Trend
    mobile: list[MobileTally]


def wall_state(engine: Engine, *, now: datetime, zone: tzinfo, scope: str = "") -> WallState:
    """The wall as of ``now``, of what lies within the area ``scope``."""
    counters = overview(engine, now=now, scope=scope)
    running, due_soon, late = _open_cases(engine, now, scope)
    loads = [load for load in workload(engine, now=now, zone=zone, scope=scope) if load.open_cases]
    return WallState(
        at=now,
        counters=counters,
        running=running,
        due_soon=due_soon,
        stages=[
            StageCount(stage=Stage(stage), open=count, late=late.get(stage, 0))
            for stage, count in counters.cases_by_stage.items()
        ],
        wrong=wrong_now(engine, now=now, limit=WRONG_ROWS, scope=scope),
        alone=alerts_alone(engine, limit=WRONG_ROWS, scope=scope),
        worker_until=worker_until(engine),
        units=[
            UnitWork(
                unit_id=load.unit_id,
                name=load.unit_name,
                open=load.open_cases,
                due_today=load.due_today,
                late=load.overdue,
            )
            for load in loads[:MOST_UNITS]
        ],
        units_more=max(0, len(loads) - MOST_UNITS),
        seasons=[
            SeasonNow(key=each.key, name_zh=each.name_zh, name_en=each.name_en)
            for each in seasons_in_force(engine, now, zone=zone)
        ],
        trend=trend(engine, now=now, zone=zone, scope=scope),
        mobile=mobile_tallies(engine, now=now, scope=scope),
    )


def alerts_alone(engine: Engine, *, limit: int, scope: str = "") -> list[AlertAlone]:
    """Live alerts without an open case within the area ``scope``, the worst first; expected ones come last."""
    with reading(engine) as tx:
        return [_alone(row) for row in tx.execute(_without_case(scope).limit(limit))]


def _without_case(scope: str) -> Select[Any]:
    has_case = select(case_file.c.id).where(case_file.c.id == alert.c.case_id, IS_OPEN).exists()
    of_rule = and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version)
    tables = (
        alert.outerjoin(asset, asset.c.id == alert.c.asset_id)
        .outerjoin(device, device.c.id == alert.c.device_id)
        .outerjoin(point, point.c.id == alert.c.point_id)
        .outerjoin(latest, latest.c.point_id == alert.c.point_id)
        .outerjoin(rule, of_rule)
    )
    # one that overran its permit had a case
    covered = and_(alert.c.permit_id.is_not(None), alert.c.case_id.is_(None)).label("covered")
    query = select(
        *(alert.c[name] for name in ("id", "rule_key", "severity", "fired_at", "recorded_at", "case_due_at", "bus")),
        alert.c.asset_id,
        alert.c.cabinet_id,
        device.c.cabinet_id.label("device_cabinet"),
        func.coalesce(asset.c.name, "").label("asset_name"),
        func.coalesce(asset.c.road, "").label("road"),
        point.c.name.label("point"),
        point.c.unit,
        point.c.baseline,
        latest.c.value,
        rule.c.kind.label("rule_kind"),
        covered,
    )
    within = (digits_begin(asset.c.area_code, scope),) if scope else ()
    return (
        query.select_from(tables)
        .where(alert.c.state == AlertState.FIRING, ~has_case, *within)
        .order_by(covered, alert.c.severity.desc(), alert.c.fired_at, alert.c.id)
    )


def _alone(row: Any) -> AlertAlone:
    measured = row.point is not None and row.rule_kind != RuleKind.NO_DATA
    return AlertAlone(
        alert_id=row.id,
        rule_key=row.rule_key,
        severity=Severity(row.severity),
        fired_at=row.fired_at,
        recorded_at=row.recorded_at,
        waits=row.case_due_at is not None,
        expected=bool(row.covered),
        asset_id=row.asset_id,
        asset_name=row.asset_name,
        road=row.road,
        cabinet_id=row.cabinet_id or row.device_cabinet or "",
        bus=row.bus,
        point=row.point if measured else None,
        value=row.value - row.baseline if measured and row.value is not None else None,
        unit=row.unit if measured else None,
    )


def trend(engine: Engine, *, now: datetime, zone: tzinfo, scope: str = "") -> Trend:
    """Cases opened today hour by hour beside what is usual; the usual is counted once a day in each process."""
    midnight = _midnight(now, zone, 0)
    with reading(engine) as tx:
        today = _by_hour(tx, midnight, midnight + timedelta(days=1), scope)
    hours = min(24, (to_ms(now) - to_ms(midnight)) // _HOUR_MS + 1)
    return Trend(from_ms=to_ms(midnight), today=today[:hours], usual=_USUAL.of(engine, now, zone, scope))


class _Usual:
    """What is usual on a day, kept: it changes at midnight, and costs a look at eight days."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, int], list[float]] = OrderedDict()

    def of(self, engine: Engine, now: datetime, zone: tzinfo, scope: str) -> list[float] | None:
        key = (str(engine.url), scope, to_ms(_midnight(now, zone, 0)))
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        found = _usual(engine, now, zone, scope)
        if found is None:
            return None
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _KEPT_DAYS:
                self._kept.popitem(last=False)
        return found


_USUAL = _Usual()


def _usual(engine: Engine, now: datetime, zone: tzinfo, scope: str) -> list[float] | None:
    """The median of the same day in the last eight weeks, hour by hour; weeks before the first case don't count."""
    with reading(engine) as tx:
        first = tx.scalar(select(func.min(case_file.c.opened_at)))
        days = [
            _by_hour(tx, begins, begins + timedelta(days=1), scope)
            for begins in (_midnight(now, zone, weeks) for weeks in range(1, WEEKS_BACK + 1))
            if first is not None and begins + timedelta(days=1) > first
        ]
    return [float(median(hour)) for hour in zip(*days, strict=True)] if days else None


def _midnight(now: datetime, zone: tzinfo, weeks_back: int) -> datetime:
    day = now.astimezone(zone).date() - timedelta(weeks=weeks_back)
    return datetime.combine(day, time(), zone)


def _by_hour(tx: Connection, begins: datetime, ends: datetime, scope: str) -> list[int]:
    hour = ((type_coerce(case_file.c.opened_at, BigInteger) - to_ms(begins)) // _HOUR_MS).label("hour")
    query = select(hour, func.count()).where(case_file.c.opened_at >= begins, case_file.c.opened_at < ends)
    counts = {int(at): int(many) for at, many in tx.execute(query.where(*_within(scope)).group_by(hour))}
    return [counts.get(at, 0) for at in range(24)]


def _open_cases(engine: Engine, now: datetime, scope: str) -> tuple[dict[int, int], int, dict[str, int]]:
    """Cases that need somebody by severity, how many of them are due soon, and late ones by stage."""
    of_any = case_file.c.severity.in_([int(severity) for severity in Severity])
    within = _within(scope)
    unmarked = (IS_RUNNING, of_any, case_file.c.overdue_at.is_(None))
    with reading(engine) as tx:
        severities = _counted(tx, case_file.c.severity, IS_RUNNING, of_any, *within)
        soon = tx.scalar(
            select(func.count()).where(
                *unmarked, case_file.c.deadline_at > now, case_file.c.deadline_at <= now + SOON, *within
            )
        )
        marked = _counted(tx, case_file.c.stage, IS_OPEN, case_file.c.overdue_at.is_not(None), *within)
        passed = _counted(tx, case_file.c.stage, *unmarked, case_file.c.deadline_at <= now, *within)
    late = {stage: marked.get(stage, 0) + passed.get(stage, 0) for stage in marked.keys() | passed.keys()}
    return {level: severities.get(level, 0) for level in (3, 2, 1)}, int(soon or 0), late


def _counted(tx: Connection, column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> dict[Any, int]:
    rows: Sequence[Any] = tx.execute(select(column, func.count()).where(*conditions).group_by(column)).all()
    return {key: int(many) for key, many in rows}


def _within(scope: str) -> tuple[ColumnElement[bool], ...]:
    return (digits_begin(case_file.c.lies_in, scope),) if scope else ()
