"""What is wrong now, worst first, and the counters above it: a few statements along indexes, however old the city."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, func, or_, select, true

from registry.domain.deadlines import RUNNING_STAGES, is_overdue
from registry.domain.external_events import EXTERNAL_PROFILE
from registry.domain.kinds import ENDED_STAGES, AlertState, RuleKind, Severity, Source, Stage
from registry.domain.levels import in_point_unit
from registry.queries.asset_filters import digits_begin
from registry.storage.database import reading
from registry.storage.open_cases import IS_OPEN, IS_RUNNING
from registry.storage.tables import alert, asset, cabinet, dead_letter, device, latest, point, rule, user
from registry.storage.tables import case as case_file

DAY = timedelta(days=1)

CABINET_FRESH = timedelta(seconds=35)
"""A cabinet tells its state every 10 s: three missed and it counts as away, whatever its last word was."""

_SETTLED = (Stage.HANDED_BACK, Stage.VERIFIED, Stage.SUSPENDED)


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The city's counters. ``cases_by_stage`` has every open stage, also those with none."""

    alerts_critical: int
    alerts_alarm: int
    alerts_notice: int
    cases_open: int
    cases_overdue: int
    cases_waiting_dispatch: int
    cases_by_stage: dict[str, int]
    assets: int
    devices: int
    devices_silent: int
    cabinets_online: int
    cabinets: int
    dead_letters_24h: int
    cases_closed_24h: int


class WrongNow(msgspec.Struct, frozen=True, kw_only=True):
    """One open case as a row of the overview.

    ``point``, ``value`` (the latest, less the point's baseline), ``unit`` and ``peak`` are those of its worst live
    alert; all None when no alert is live, or when the alert is that nothing is heard. ``secure_due_at``: until when the
    site (现场) has to be secured, None when it is or needs not be.
    """

    case_id: int
    number: str
    kind: str
    source: Source
    severity: Severity
    stage: Stage
    opened_at: datetime
    deadline_at: datetime
    secure_due_at: datetime | None
    overdue: bool
    assignee_name: str | None
    asset_id: int | None
    asset_name: str
    asset_code: str
    road: str
    lon: float
    lat: float
    alerts_firing: int
    point: str | None
    value: float | None
    unit: str | None
    peak: float | None


def overview(engine: Engine, *, now: datetime, scope: str = "") -> Overview:
    """The counters of this moment, of what lies within the area ``scope``; cabinets and letters are the city's."""
    with reading(engine) as tx:
        counts = dict(tx.execute(_counters(now, scope)).mappings().one())
        by_stage, counts["cases_overdue"] = _open_cases(tx, now, scope)
    return Overview(
        **counts,
        cases_by_stage=by_stage,
        cases_waiting_dispatch=by_stage[Stage.FILED],
        cases_open=sum(by_stage.values()),
    )


def wrong_now(engine: Engine, *, now: datetime, limit: int = 50, scope: str = "") -> list[WrongNow]:
    """The open cases within the area ``scope``, worst first: severity, then overdue, then age.

    What is mended and only waits for a signature, or is suspended, comes after everything that still needs somebody,
    unless an alert is live on it.
    """
    with reading(engine) as tx:
        ids = _worst_ids(tx, now, limit, scope)
        rows = {row.id: row for row in tx.execute(_beside(ids))} if ids else {}
    return [_wrong(rows[case_id], now) for case_id in ids]


def worst_cases(engine: Engine, *, now: datetime, limit: int, scope: str = "") -> list[int]:
    """The ids of the same cases in the same order."""
    with reading(engine) as tx:
        return _worst_ids(tx, now, limit, scope)


def _count(table: Any, *conditions: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(table).where(*conditions).scalar_subquery()


def _within(column: ColumnElement[Any], scope: str) -> tuple[ColumnElement[bool], ...]:
    """That the asset of ``column`` lies within the area; nothing to fulfil for the whole city."""
    if not scope:
        return ()
    return (select(asset.c.id).where(asset.c.id == column, digits_begin(asset.c.area_code, scope)).exists(),)


def _case_within(scope: str) -> tuple[ColumnElement[bool], ...]:
    """That what a case is about lies within the area: its asset, or the place where none stands."""
    if not scope:
        return ()
    return (digits_begin(case_file.c.lies_in, scope),)


def _counters(now: datetime, scope: str) -> Select[Any]:
    of_alert, of_case = _within(alert.c.asset_id, scope), _case_within(scope)
    alerts = {
        f"alerts_{name}": _count(alert, alert.c.state == AlertState.FIRING, alert.c.severity == severity, *of_alert)
        for name, severity in (("critical", 3), ("alarm", 2), ("notice", 1))
    }
    silence = select(rule.c.key).where(rule.c.kind == RuleKind.NO_DATA)
    others = {
        "assets": _count(asset, *((digits_begin(asset.c.area_code, scope),) if scope else ())),
        "devices": _count(
            device,
            device.c.removed_at.is_(None),
            device.c.profile != EXTERNAL_PROFILE,
            *_within(device.c.asset_id, scope),
        ),
        "devices_silent": select(func.count(alert.c.device_id.distinct()))
        .where(alert.c.state == AlertState.FIRING, alert.c.rule_key.in_(silence), *of_alert)
        .scalar_subquery(),
        "cabinets": _count(cabinet),
        "cabinets_online": _count(cabinet, cabinet.c.online == true(), cabinet.c.state_at > now - CABINET_FRESH),
        "dead_letters_24h": _count(dead_letter, dead_letter.c.at > now - DAY),
        "cases_closed_24h": _count(
            case_file, case_file.c.ended_at > now - DAY, case_file.c.stage == Stage.CLOSED, *of_case
        ),
    }
    return select(*(column.label(name) for name, column in (alerts | others).items()))


def _open_cases(tx: Connection, now: datetime, scope: str) -> tuple[dict[str, int], int]:
    """How many open cases there are in each stage, and how many of them are late."""
    open_stages = [stage for stage in Stage if stage not in ENDED_STAGES]
    counted: dict[str, int] = dict.fromkeys((stage.value for stage in open_stages), 0)
    if scope:
        # one look at each open case of the area, for everything; each severity is a stretch of the index
        of_any = case_file.c.severity.in_([int(severity) for severity in Severity])
        late = func.coalesce(func.sum(case((_overdue(now), 1), else_=0)), 0)
        query = select(case_file.c.stage, func.count(), late).where(IS_OPEN, of_any, *_case_within(scope))
        rows = tx.execute(query.group_by(case_file.c.stage)).all()
        return counted | {stage: many for stage, many, _ in rows}, sum(many for _, _, many in rows)
    # in the indexes alone
    marked = _count(case_file, IS_OPEN, case_file.c.overdue_at.is_not(None))
    # each severity is a stretch of the index
    of_any = case_file.c.severity.in_([int(severity) for severity in Severity])
    due = (case_file.c.overdue_at.is_(None), case_file.c.deadline_at <= now)
    unmarked = _count(case_file, IS_RUNNING, of_any, *due)
    stages = {stage.value: _count(case_file, case_file.c.stage == stage) for stage in open_stages}
    named = (column.label(name) for name, column in {**stages, "marked": marked, "unmarked": unmarked}.items())
    found = dict(tx.execute(select(*named)).mappings().one())
    late_now = int(found.pop("marked")) + int(found.pop("unmarked"))
    return {str(name): int(many) for name, many in found.items()}, late_now


def _overdue(now: datetime) -> ColumnElement[bool]:
    running = case_file.c.stage.in_(sorted(RUNNING_STAGES))
    return or_(case_file.c.overdue_at.is_not(None), and_(running, case_file.c.deadline_at <= now))


def _worst_ids(tx: Connection, now: datetime, limit: int, scope: str) -> list[int]:
    """Which cases, the worst first: along the index of each severity, and no further than the page needs."""
    # in the very words of the index of an area's cases
    within = (IS_OPEN, *_case_within(scope)) if scope else ()
    live = select(alert.c.case_id).where(alert.c.state == AlertState.FIRING, alert.c.case_id.is_not(None))
    # mended, or suspended, and an alert says otherwise: few
    unquiet = tx.execute(
        _sorted_by(now).where(case_file.c.stage.in_(_SETTLED), case_file.c.id.in_(live), *within)
    ).all()
    found: list[Any] = []
    for severity in sorted(Severity, reverse=True):
        running = _sorted_by(now).where(IS_RUNNING, case_file.c.severity == int(severity), *within)
        rows = [*tx.execute(running.limit(limit)), *(row for row in unquiet if row.severity == severity)]
        found += sorted(rows, key=lambda row: (row.punctual, row.opened_at, row.id))
        if len(found) >= limit:
            break
    else:
        quiet = _sorted_by(now).where(case_file.c.stage.in_(_SETTLED), case_file.c.id.not_in(live), *within)
        found += tx.execute(quiet.limit(limit - len(found)))
    return [row.id for row in found[:limit]]


def _sorted_by(now: datetime) -> Select[Any]:
    """Cases by severity, then those that are late, then by age."""
    punctual = case((_overdue(now), 0), else_=1).label("punctual")
    columns = (case_file.c.id, case_file.c.severity, punctual, case_file.c.opened_at)
    return select(*columns).order_by(case_file.c.severity.desc(), punctual, case_file.c.opened_at, case_file.c.id)


def _beside(ids: list[int]) -> Select[Any]:
    """What is shown of those cases: the joins and look-ups are done for them only."""
    mine = and_(alert.c.case_id == case_file.c.id, alert.c.state == AlertState.FIRING)
    firing = select(func.count()).select_from(alert).where(mine).correlate(case_file).scalar_subquery()
    worst_alert = (
        select(alert.c.id)
        .where(mine)
        .order_by(alert.c.severity.desc(), alert.c.id.desc())
        .limit(1)
        .correlate(case_file)
        .scalar_subquery()
    )
    of_rule = and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version)
    joined = (
        case_file.outerjoin(asset, asset.c.id == case_file.c.asset_id)
        .outerjoin(user, user.c.id == case_file.c.assignee_id)
        .outerjoin(alert, alert.c.id == worst_alert)
        .outerjoin(point, point.c.id == alert.c.point_id)
        .outerjoin(latest, latest.c.point_id == alert.c.point_id)
        .outerjoin(rule, of_rule)
    )
    return (
        select(
            *(column for column in case_file.c if column.name not in ("lon", "lat")),
            user.c.name.label("assignee_name"),
            func.coalesce(asset.c.name, case_file.c.place).label("asset_name"),
            func.coalesce(asset.c.code, "").label("asset_code"),
            func.coalesce(asset.c.road, "").label("road"),
            func.coalesce(asset.c.lon, case_file.c.lon).label("lon"),
            func.coalesce(asset.c.lat, case_file.c.lat).label("lat"),
            firing.label("alerts_firing"),
            alert.c.peak,
            point.c.name.label("point"),
            point.c.unit,
            point.c.baseline,
            point.c.full_scale,
            latest.c.value,
            rule.c.kind.label("rule_kind"),
            rule.c.condition,
        )
        .select_from(joined)
        .where(case_file.c.id.in_(ids))
    )


def _wrong(row: Any, now: datetime) -> WrongNow:
    measured = row.point is not None and row.rule_kind != RuleKind.NO_DATA
    value = None if row.value is None else row.value - row.baseline
    return WrongNow(
        case_id=row.id,
        number=row.number,
        kind=row.kind,
        source=Source(row.source),
        severity=Severity(row.severity),
        stage=Stage(row.stage),
        opened_at=row.opened_at,
        deadline_at=row.deadline_at,
        secure_due_at=None if row.secured_at else row.secure_due_at,
        overdue=is_overdue(Stage(row.stage), row.deadline_at, row.overdue_at, now=now),
        assignee_name=row.assignee_name,
        asset_id=row.asset_id,
        asset_name=row.asset_name,
        asset_code=row.asset_code,
        road=row.road,
        lon=row.lon,
        lat=row.lat,
        alerts_firing=row.alerts_firing,
        point=row.point if measured else None,
        value=value if measured else None,
        unit=row.unit if measured else None,
        peak=in_point_unit(row.peak, row.condition, row.full_scale) if measured else None,
    )
