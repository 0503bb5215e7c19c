"""Reading alerts: the list, and one alert with its rule as it was when it fired, and its timeline."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, and_, func, literal, or_, select, tuple_

from registry.domain.kinds import AlertEventKind, AlertState, GroupState, RuleKind, Severity, Stage
from registry.domain.levels import in_point_unit
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode, decode_id, page_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import alert, alert_event, alert_group, asset, case, device, latest, point, rule, user
from registry.storage.times import from_ms, to_ms


class AlertOrder(StrEnum):
    """How a list of alerts is sorted."""

    NEWEST = "newest"
    WORST = "worst"


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list. ``value`` (when it fired) and ``peak`` are in ``unit``; ``level`` and ``peak_level`` are the
    same in the terms of the rule's condition (a share where it looks at shares of full scale).

    ``asset_id`` and ``point_id`` are None, and their words empty, where a whole cabinet or bus is silent. Until
    ``case_due_at`` it waits for company before it opens a case. ``suspect_since``: its sensor is not to be trusted.
    """

    id: int
    rule_key: str
    rule_version: int
    rule_name_zh: str
    rule_name_en: str
    rule_kind: RuleKind
    condition: dict[str, Any]
    ladder: list[dict[str, Any]]
    severity: Severity
    peak_severity: Severity
    state: AlertState
    case_id: int | None
    case_number: str | None
    case_kind: str | None
    case_due_at: datetime | None
    group_id: int | None
    permit_id: int | None
    asset_id: int | None
    asset_name: str
    asset_code: str
    road: str
    cabinet_id: str
    bus: str
    point_id: int | None
    point: str
    unit: str
    full_scale: float | None
    flapping_since: datetime | None
    fires: int
    acknowledged_at: datetime | None
    acknowledged_by_name: str | None
    suspect_since: datetime | None
    began_at: datetime
    fired_at: datetime
    cleared_at: datetime | None
    value: float | None
    peak: float | None
    level: float | None
    peak_level: float | None

    @property
    def step(self) -> dict[str, Any]:
        """The numbers of the step that it stands on: of the ladder, or the condition's own."""
        reached = [step for step in self.ladder if step["severity"] <= self.peak_severity]
        return reached[-1] if reached else self.condition


class AlertDetail(AlertRow, frozen=True, kw_only=True):
    """One alert with the condition that fired it.

    ``value``, ``peak`` and ``cleared_value`` are levels in the terms of ``condition`` (a share where the rule looks at
    shares of full scale); ``latest_value`` is in ``unit``. ``memory`` is what the rule remembered when it fired, as
    JSON.
    """

    case_stage: Stage | None
    device_id: int | None
    serial: str
    baseline: float
    trigger_received_at: datetime | None
    recorded_at: datetime
    cleared_value: float | None
    latest_value: float | None
    latest_at: datetime | None
    suspect_why: str
    memory: str


class AlertEventRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an alert's timeline; ``at`` is event time, ``level`` in the terms of the rule's condition."""

    id: int
    at: datetime
    recorded_at: datetime
    kind: AlertEventKind
    severity: Severity
    level: float | None
    by_name: str | None
    detail: dict[str, Any]


def list_alerts(
    engine: Engine,
    *,
    state: str | None = None,
    severity: int | None = None,
    case_kind: str | None = None,
    asset_id: int | None = None,
    rule_key: str | None = None,
    group_id: int | None = None,
    members: bool = True,
    scope: str = "",
    order: AlertOrder = AlertOrder.NEWEST,
    after: str | None = None,
    limit: int = 50,
) -> Page[AlertRow]:
    """Alerts within the area ``scope``, the newest recorded or the worst first.

    ``members`` False leaves out what belongs to a group that is still open: the group speaks for them. Raises
    ``InvalidInput`` for a place in no list.
    """
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(alert.c.state == AlertState(state))
    if severity is not None:
        conditions.append(alert.c.severity == int(severity))
    if case_kind is not None:
        conditions.append(case.c.kind == case_kind)
    if asset_id is not None:
        conditions.append(alert.c.asset_id == asset_id)
    if rule_key is not None:
        conditions.append(alert.c.rule_key == rule_key)
    if group_id is not None:
        conditions.append(alert.c.group_id == group_id)
    if not members:
        conditions.append(or_(alert.c.group_id.is_(None), alert.c.group_id.not_in(_open_groups())))
    if scope:
        conditions.append(digits_begin(asset.c.area_code, scope))
    columns = (alert.c.severity, alert.c.fired_at, alert.c.id) if order is AlertOrder.WORST else (alert.c.id,)
    if after is not None:
        conditions.append(_beyond(after, order))
    statement = _joined().where(*conditions).order_by(*(column.desc() for column in columns))
    with reading(engine) as tx:
        rows = [_row(row) for row in tx.execute(statement.limit(check_limit(limit) + 1))]
    if order is AlertOrder.WORST:
        return page_of(rows, limit, lambda row: (int(row.severity), to_ms(row.fired_at), row.id))
    return page_of(rows, limit, lambda row: (row.id,))


def alert_detail(engine: Engine, alert_id: int) -> AlertDetail | None:
    """One alert, or None."""
    with reading(engine) as tx:
        row = tx.execute(_joined().where(alert.c.id == alert_id)).one_or_none()
    return None if row is None else as_view(row._mapping, AlertDetail, **_shown(row))


def alert_timeline(engine: Engine, alert_id: int) -> list[AlertEventRow]:
    """All that happened to one alert, in the order in which the city learned of it."""
    joined = alert_event.outerjoin(user, user.c.id == alert_event.c.by_user_id)
    query = select(alert_event, user.c.name.label("by_name")).select_from(joined)
    with reading(engine) as tx:
        return all_views(tx, query.where(alert_event.c.alert_id == alert_id).order_by(alert_event.c.id), AlertEventRow)


def count_waiting(engine: Engine, *, scope: str = "") -> int:
    """How many live alerts in no group wait for company before they open a case."""
    waits = (alert.c.case_due_at.is_not(None), alert.c.group_id.is_(None), alert.c.state == AlertState.FIRING)
    query = select(func.count()).select_from(alert).where(*waits)
    if scope:
        query = query.join(asset, asset.c.id == alert.c.asset_id).where(digits_begin(asset.c.area_code, scope))
    with reading(engine) as tx:
        return int(tx.execute(query).scalar_one())


def alerts_of(case_id: ColumnElement[int] | int) -> Select[Any]:
    """The statement for the alerts of one case, newest first; read its rows with ``alert_row``."""
    return _joined().where(alert.c.case_id == case_id).order_by(alert.c.id.desc())


def alert_row(row: Any) -> AlertRow:
    """A row of ``alerts_of`` as a line of the list."""
    return _row(row)


def _beyond(after: str, order: AlertOrder) -> ColumnElement[bool]:
    if order is AlertOrder.NEWEST:
        return alert.c.id < decode_id(after)
    severity, fired_ms, alert_id = decode(after, int, int, int)
    place = tuple_(severity, literal(from_ms(int(fired_ms)), alert.c.fired_at.type), alert_id)
    return tuple_(alert.c.severity, alert.c.fired_at, alert.c.id) < place


def _open_groups() -> Select[Any]:
    return select(alert_group.c.id).where(alert_group.c.state == GroupState.OPEN)


def _joined() -> Select[Any]:
    tables = (
        alert.outerjoin(asset, asset.c.id == alert.c.asset_id)
        .outerjoin(device, device.c.id == alert.c.device_id)
        .outerjoin(point, point.c.id == alert.c.point_id)
        .outerjoin(case, case.c.id == alert.c.case_id)
        .outerjoin(latest, latest.c.point_id == alert.c.point_id)
        .outerjoin(rule, and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version))
        .outerjoin(user, user.c.id == alert.c.acknowledged_by)
    )
    empty = func.coalesce
    return select(
        alert,
        empty(asset.c.name, "").label("asset_name"),
        empty(asset.c.code, "").label("asset_code"),
        empty(asset.c.road, "").label("road"),
        case.c.number.label("case_number"),
        case.c.kind.label("case_kind"),
        case.c.stage.label("case_stage"),
        empty(device.c.serial, "").label("serial"),
        empty(device.c.cabinet_id, "").label("device_cabinet"),
        device.c.suspect_since,
        empty(device.c.suspect_why, "").label("suspect_why"),
        empty(point.c.name, "").label("point"),
        empty(point.c.unit, "").label("unit"),
        empty(point.c.baseline, 0.0).label("baseline"),
        point.c.full_scale,
        empty(rule.c.kind, RuleKind.LIMIT.value).label("rule_kind"),
        empty(rule.c.name_zh, "").label("rule_name_zh"),
        empty(rule.c.name_en, "").label("rule_name_en"),
        rule.c.condition.label("rule_condition"),
        rule.c.ladder.label("rule_ladder"),
        latest.c.value.label("latest_value"),
        latest.c.measured_at.label("latest_at"),
        user.c.name.label("acknowledged_by_name"),
    ).select_from(tables)


def _shown(row: Any) -> dict[str, Any]:
    """What of a row is said otherwise than it is stored."""
    found = row._mapping
    return {
        "condition": found["rule_condition"] or {},
        "ladder": found["rule_ladder"] or [],
        "level": found["value"],
        "peak_level": found["peak"],
        "cabinet_id": found["cabinet_id"] or found["device_cabinet"],
        # rows of the release before ladders have no worst severity
        "peak_severity": found["peak_severity"] or found["severity"],
    }


def _row(row: Any) -> AlertRow:
    found = row._mapping
    levels = {name: in_point_unit(found[name], found["rule_condition"], row.full_scale) for name in ("value", "peak")}
    return as_view(found, AlertRow, **levels, **_shown(row))
