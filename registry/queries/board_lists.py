"""Lists for a panel: rows that lead to the thing itself. Ids are found first, the rest for those only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, func, or_, select

from registry.domain.boards import Counted, Listed, ListSource, Order
from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.kinds import AssetState
from registry.queries.asset_filters import unusual
from registry.queries.board_counts import some_cabinets
from registry.queries.board_things import Plan, device_state, plan_of
from registry.queries.board_values import Asked, Column, Table, To, Word
from registry.queries.overview import worst_cases
from registry.storage.database import reading
from registry.storage.open_cases import IS_RUNNING
from registry.storage.tables import alert, asset, device, latest, point, rule, unit
from registry.storage.tables import case as case_file
from registry.storage.times import to_ms


def listed(source: ListSource, asked: Asked) -> Table:
    """The rows of a list. Raises ``InvalidInput``."""
    return _LISTS[source.what](source, asked)


def _column(key: str, kind: str = "text", unit_: str = "") -> Column:
    return Column(key=key, name=Word(f"board.column.{key}"), kind=kind, unit=unit_)


def _plan(source: ListSource, asked: Asked) -> Plan:
    return plan_of(Counted(source.what.value), source.where, asked, by=None)


def _in_span(plan: Plan, asked: Asked) -> list[Any]:
    span = [] if plan.moment is None else [plan.moment >= asked.since, plan.moment < asked.until]
    return [*span, *plan.conditions]


def _cases(source: ListSource, asked: Asked) -> Table:
    columns = [_column("number", "link"), _column("severity", "severity"), _column("kind"), _column("asset")]
    columns += [_column("stage", "stage"), _column("deadline_at", "time")]
    columns += [_column("unit"), _column("opened_at", "time")]
    found = _case_ids(source, asked)
    with reading(asked.engine) as tx:
        tables = case_file.outerjoin(asset, asset.c.id == case_file.c.asset_id)
        tables = tables.outerjoin(unit, unit.c.id == case_file.c.unit_id)
        beside = select(
            *(case_file.c.id, case_file.c.number, case_file.c.severity, case_file.c.kind, case_file.c.stage),
            *(case_file.c.deadline_at, case_file.c.opened_at),
            *(unit.c.name.label("unit_name"), unit.c.name_en.label("unit_name_en")),
            func.coalesce(asset.c.name, case_file.c.place).label("asset_name"),
        ).select_from(tables)
        rows = {row.id: row for row in tx.execute(beside.where(case_file.c.id.in_(found[: source.limit])))}
    kept = [rows[each] for each in found[: source.limit]]
    return Table(
        columns=columns,
        rows=[
            [
                *(row.number, row.severity, Word(f"kind.{row.kind}"), row.asset_name or "", row.stage),
                *(to_ms(row.deadline_at), asked.named(row.unit_name or "", row.unit_name_en), to_ms(row.opened_at)),
            ]
            for row in kept
        ],
        to=[To("case", {"case_id": row.id}) for row in kept],
        more=len(found) > source.limit,
    )


def _case_ids(source: ListSource, asked: Asked) -> list[int]:
    areas = asked.words(source.where.get("area", ()))
    within = areas[0] if areas else asked.scope
    narrowed = {name for name, given in source.where.items() if asked.words(given)} - {"area"}
    all_open = source.where.get("open") is True and narrowed == {"open"}
    if source.order is Order.WORST and all_open and len(areas) < 2 and within.startswith(asked.scope):
        # what is wrong now, as the overview has it: along an index of its own
        return worst_cases(asked.engine, now=asked.now, limit=source.limit + 1, scope=within)
    plan = _plan(source, asked)
    conditions = _in_span(plan, asked)
    late = or_(
        case_file.c.overdue_at.is_not(None),
        and_(case_file.c.stage.in_(sorted(RUNNING_STAGES)), case_file.c.deadline_at <= asked.now),
    )
    order: tuple[Any, ...] = (case_file.c.id.desc(),)
    if source.order is Order.WORST:
        running, punctual = case((IS_RUNNING, 0), else_=1), case((late, 0), else_=1)
        order = (running, case_file.c.severity.desc(), punctual, case_file.c.opened_at, case_file.c.id)
    elif source.order is Order.LATE:
        order = (case_file.c.deadline_at, case_file.c.id)
        conditions.append(IS_RUNNING)
    query = select(case_file.c.id).select_from(plan.tables).where(*conditions).order_by(*order)
    with reading(asked.engine) as tx:
        return list(tx.execute(query.limit(source.limit + 1)).scalars())


def _alerts(source: ListSource, asked: Asked) -> Table:
    plan = _plan(source, asked)
    order = {
        Order.WORST: (alert.c.severity.desc(), alert.c.fired_at.desc(), alert.c.id.desc()),
        Order.NEWEST: (alert.c.fired_at.desc(), alert.c.id.desc()),
        Order.LATE: (alert.c.fired_at, alert.c.id),
    }[source.order]
    ids = select(alert.c.id).select_from(plan.tables).where(*_in_span(plan, asked)).order_by(*order)
    tables = (
        alert.outerjoin(asset, asset.c.id == alert.c.asset_id)
        .outerjoin(point, point.c.id == alert.c.point_id)
        .outerjoin(rule, and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version))
    )
    beside = select(
        *(alert.c.id, alert.c.severity, alert.c.state, alert.c.fired_at, alert.c.rule_key, alert.c.cabinet_id),
        *(asset.c.name.label("asset_name"), asset.c.road, point.c.name.label("point"), rule.c.case_kind),
    ).select_from(tables)
    with reading(asked.engine) as tx:
        found = list(tx.execute(ids.limit(source.limit + 1)).scalars())
        rows = {row.id: row for row in tx.execute(beside.where(alert.c.id.in_(found[: source.limit])))}
    kept = [rows[each] for each in found[: source.limit]]
    columns = [_column("asset", "link"), _column("severity", "severity"), _column("kind"), _column("road")]
    columns += [_column("point"), _column("state"), _column("fired_at", "time")]
    return Table(
        columns=columns,
        rows=[
            [
                *(row.asset_name or row.cabinet_id, row.severity, _kind(row.case_kind), row.road or ""),
                *(Word(f"point.{row.point}"), Word(f"alert_state.{row.state}"), to_ms(row.fired_at)),
            ]
            for row in kept
        ],
        to=[To("alert", {"alert_id": row.id}) for row in kept],
        more=len(found) > source.limit,
    )


def _kind(case_kind: str | None) -> str | Word:
    return Word(f"kind.{case_kind}") if case_kind else ""


def _assets(source: ListSource, asked: Asked) -> Table:
    plan = _plan(source, asked)
    intact, abandoned = AssetState.INTACT.value, AssetState.ABANDONED.value
    states = asset.c.state.in_(plan.states) if plan.states else asset.c.state != abandoned
    # those that are not intact have an index; nobody reads a list of a million intact ones on a board
    wanted = (states,) if intact in plan.states else (unusual(), states)
    query = (
        select(asset.c.id, asset.c.code, asset.c.name, asset.c.road, asset.c.state, asset.c.updated_at)
        .where(*wanted, asset.c.merged_into_id.is_(None), *plan.conditions)
        .order_by(asset.c.id.desc())
        .limit(source.limit + 1)
    )
    with reading(asked.engine) as tx:
        found = tx.execute(query).all()
    kept = found[: source.limit]
    columns = [_column("asset", "link"), _column("code"), _column("road"), _column("state")]
    return Table(
        columns=[*columns, _column("updated_at", "time")],
        rows=[[row.name, row.code, row.road, Word(f"state.{row.state}"), to_ms(row.updated_at)] for row in kept],
        to=[To("asset", {"asset_id": row.id}) for row in kept],
        more=len(found) > source.limit,
    )


def _devices(source: ListSource, asked: Asked) -> Table:
    plan = _plan(source, asked)
    tables = device.outerjoin(asset, asset.c.id == device.c.asset_id)
    heard = select(func.max(latest.c.received_at)).join(point, point.c.id == latest.c.point_id)
    heard_at = heard.where(point.c.device_id == device.c.id).scalar_subquery().label("heard_at")
    query = (
        select(
            *(device.c.id, device.c.serial, device.c.cabinet_id, asset.c.name.label("asset_name"), asset.c.road),
            device_state().label("state"),
            heard_at,
        )
        .select_from(tables)
        .where(*plan.conditions)
        .limit(source.limit + 1)
    )
    if source.order is Order.LATE:
        # one that was never heard is silent the longest; databases differ in where they put it
        query = query.order_by(heard_at.asc().nulls_first(), device.c.id)
    else:
        query = query.order_by(device.c.id.desc())
    with reading(asked.engine) as tx:
        found = tx.execute(query).all()
    kept = found[: source.limit]
    columns = [_column("device", "link"), _column("asset"), _column("road"), _column("cabinet"), _column("state")]
    return Table(
        columns=[*columns, _column("heard_at", "time")],
        rows=[
            [
                *(row.serial, row.asset_name or "", row.road or "", row.cabinet_id),
                *(Word(f"board.state.{row.state}"), None if row.heard_at is None else to_ms(row.heard_at)),
            ]
            for row in kept
        ],
        to=[To("device", {"device_id": row.id}) for row in kept],
        more=len(found) > source.limit,
    )


def _cabinets(source: ListSource, asked: Asked) -> Table:
    found = some_cabinets(source.where, asked)
    if source.order is not Order.NEWEST:
        found = sorted(found, key=lambda each: (each.online, -each.oldest_unsent_s, -each.devices_silent, each.name))
    kept = found[: source.limit]
    columns = [_column("cabinet", "link"), _column("state"), _column("state_at", "time")]
    columns += [_column("oldest_unsent", "number", "s"), _column("queued", "number")]
    columns += [_column("devices", "number"), _column("silent", "number")]
    return Table(
        columns=columns,
        rows=[
            [
                *(each.name, Word(f"board.state.{'online' if each.online else 'offline'}")),
                None if each.state_at is None else to_ms(each.state_at),
                *(round(each.oldest_unsent_s), each.queued, each.devices, each.devices_silent),
            ]
            for each in kept
        ],
        to=[To("cabinet", {"cabinet": each.id}) for each in kept],
        more=len(found) > source.limit,
    )


_LISTS = {
    Listed.CASES: _cases,
    Listed.ALERTS: _alerts,
    Listed.ASSETS: _assets,
    Listed.DEVICES: _devices,
    Listed.CABINETS: _cabinets,
}
