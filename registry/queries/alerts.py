"""Reading alerts: the list, and one alert with the rule's condition as it was when it fired."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, and_, select

from registry.domain.kinds import AlertState, RuleKind, Severity, Stage
from registry.domain.levels import in_point_unit
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import alert, asset, case, device, latest, point, rule


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list. ``value`` (when it fired) and ``peak`` are in ``unit``, as the rule takes it."""

    id: int
    rule_key: str
    rule_version: int
    severity: Severity
    state: AlertState
    case_id: int | None
    case_number: str | None
    case_kind: str | None
    asset_id: int
    asset_name: str
    asset_code: str
    road: str
    point_id: int
    point: str
    unit: str
    began_at: datetime
    fired_at: datetime
    cleared_at: datetime | None
    value: float | None
    peak: float | None


class AlertDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One alert with the condition that fired it.

    ``value``, ``peak`` and ``cleared_value`` are levels in the terms of ``condition`` (a share where the rule looks at
    shares of full scale); ``latest_value`` is in ``unit``.
    """

    id: int
    rule_key: str
    rule_version: int
    rule_kind: RuleKind
    condition: dict[str, Any]
    severity: Severity
    state: AlertState
    case_id: int | None
    case_number: str | None
    case_kind: str | None
    case_stage: Stage | None
    asset_id: int
    asset_name: str
    asset_code: str
    road: str
    device_id: int
    serial: str
    cabinet_id: str
    point_id: int
    point: str
    unit: str
    baseline: float
    full_scale: float | None
    began_at: datetime
    fired_at: datetime
    trigger_received_at: datetime | None
    recorded_at: datetime
    cleared_at: datetime | None
    value: float | None
    peak: float | None
    cleared_value: float | None
    latest_value: float | None
    latest_at: datetime | None


def list_alerts(
    engine: Engine,
    *,
    state: str | None = None,
    severity: int | None = None,
    case_kind: str | None = None,
    asset_id: int | None = None,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[AlertRow]:
    """Alerts, the newest recorded first, within the area ``scope``. Raises ``InvalidInput`` for a place in no list."""
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(alert.c.state == AlertState(state))
    if severity is not None:
        conditions.append(alert.c.severity == int(severity))
    if case_kind is not None:
        conditions.append(case.c.kind == case_kind)
    if asset_id is not None:
        conditions.append(alert.c.asset_id == asset_id)
    if scope:
        conditions.append(digits_begin(asset.c.area_code, scope))
    if after is not None:
        conditions.append(alert.c.id < decode_id(after))
    statement = _joined().where(*conditions).order_by(alert.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [_row(row) for row in tx.execute(statement)]
    return page_of(rows, limit, lambda row: (row.id,))


def alert_detail(engine: Engine, alert_id: int) -> AlertDetail | None:
    """One alert, or None."""
    with reading(engine) as tx:
        row = tx.execute(_joined().where(alert.c.id == alert_id)).one_or_none()
    if row is None:
        return None
    return as_view(row._mapping, AlertDetail, rule_kind=row.rule_kind or RuleKind.LIMIT, condition=row.condition or {})


def alerts_of(case_id: ColumnElement[int] | int) -> Select[Any]:
    """The statement for the alerts of one case, newest first; read its rows with ``alert_row``."""
    return _joined().where(alert.c.case_id == case_id).order_by(alert.c.id.desc())


def alert_row(row: Any) -> AlertRow:
    """A row of ``alerts_of`` as a line of the list."""
    return _row(row)


def _joined() -> Select[Any]:
    tables = (
        alert.join(asset, asset.c.id == alert.c.asset_id)
        .join(device, device.c.id == alert.c.device_id)
        .join(point, point.c.id == alert.c.point_id)
        .outerjoin(case, case.c.id == alert.c.case_id)
        .outerjoin(latest, latest.c.point_id == alert.c.point_id)
        .outerjoin(rule, and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version))
    )
    return select(
        alert,
        asset.c.name.label("asset_name"),
        asset.c.code.label("asset_code"),
        asset.c.road,
        case.c.number.label("case_number"),
        case.c.kind.label("case_kind"),
        case.c.stage.label("case_stage"),
        device.c.serial,
        device.c.cabinet_id,
        point.c.name.label("point"),
        point.c.unit,
        point.c.baseline,
        point.c.full_scale,
        rule.c.kind.label("rule_kind"),
        rule.c.condition,
        latest.c.value.label("latest_value"),
        latest.c.measured_at.label("latest_at"),
    ).select_from(tables)


def _row(row: Any) -> AlertRow:
    levels = {name: in_point_unit(row._mapping[name], row.condition, row.full_scale) for name in ("value", "peak")}
    return as_view(row._mapping, AlertRow, **levels)
