"""What is marked across the charts of a board: alerts, cases and permits of the span, the newest of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select

from registry.domain.boards import Annotation, Chosen, Counted
from registry.domain.kinds import AlertState
from registry.queries.board_things import Plan, plan_of
from registry.queries.board_values import Asked, Said, To, Word
from registry.storage.database import reading
from registry.storage.tables import alert, asset, permit, rule
from registry.storage.tables import case as case_file
from registry.storage.times import to_ms

MOST_MARKS = 200
"""Of each sort: a chart with more of them is all marks."""

_NARROWED_BY: Mapping[Counted, tuple[str, ...]] = {
    Counted.ALERTS: ("area", "family", "class", "asset", "device", "cabinet", "kind"),
    Counted.CASES: ("area", "asset", "kind", "unit"),
    Counted.PERMITS: ("area", "family", "class", "asset"),
}


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One mark; ``to_ms`` None: it goes on."""

    of: Annotation
    from_ms: int
    to_ms: int | None
    text: Said
    severity: int | None
    to: To


def marks(wanted: Iterable[Annotation], asked: Asked) -> tuple[list[Mark], bool]:
    """The marks in order of time, and whether some were left out."""
    found: list[Mark] = []
    more = False
    with reading(asked.engine) as tx:
        for each in dict.fromkeys(wanted):
            some = _MARKS[each](tx, asked)
            more = more or len(some) > MOST_MARKS
            found += some[:MOST_MARKS]
    return sorted(found, key=lambda mark: mark.from_ms), more


def _plan(what: Counted, asked: Asked) -> Plan:
    where: dict[str, Chosen] = {name: f"${name}" for name in _NARROWED_BY[what]}
    return plan_of(what, where, asked, by=None)


def _alerts(tx: Connection, asked: Asked) -> list[Mark]:
    plan = _plan(Counted.ALERTS, asked)
    newest = (
        select(alert.c.fired_at, alert.c.id)
        .select_from(plan.tables)
        .where(alert.c.fired_at < asked.until, *plan.conditions)
        .order_by(alert.c.fired_at.desc(), alert.c.id.desc())
        .limit(MOST_MARKS + 1)
    )
    # each along an index of its own: what goes on still, whenever it fired, and what fired in the span
    found: set[tuple[Any, int]] = set()
    for way in (alert.c.state == AlertState.FIRING.value, alert.c.fired_at >= asked.since):
        found.update((row.fired_at, row.id) for row in tx.execute(newest.where(way)))
    ids = [alert_id for _, alert_id in sorted(found, reverse=True)[: MOST_MARKS + 1]]
    tables = alert.outerjoin(asset, asset.c.id == alert.c.asset_id).outerjoin(
        rule, and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version)
    )
    query = select(
        *(alert.c.id, alert.c.fired_at, alert.c.cleared_at, alert.c.severity, alert.c.peak_severity),
        *(alert.c.cabinet_id, asset.c.name.label("asset_name"), rule.c.case_kind),
    )
    query = query.select_from(tables).where(alert.c.id.in_(ids))
    return [
        Mark(
            of=Annotation.ALERTS,
            from_ms=to_ms(row.fired_at),
            to_ms=None if row.cleared_at is None else to_ms(row.cleared_at),
            text=_beside(row.case_kind, row.asset_name or row.cabinet_id),
            severity=max(row.severity, row.peak_severity),
            to=To("alert", {"alert_id": row.id}),
        )
        for row in tx.execute(query.order_by(alert.c.fired_at.desc()))
    ]


def _cases(tx: Connection, asked: Asked) -> list[Mark]:
    plan = _plan(Counted.CASES, asked)
    name = select(asset.c.name).where(asset.c.id == case_file.c.asset_id).correlate(case_file).scalar_subquery()
    query = (
        select(
            *(case_file.c.id, case_file.c.number, case_file.c.kind, case_file.c.place, case_file.c.severity),
            *(case_file.c.opened_at, case_file.c.ended_at, name.label("asset_name")),
        )
        .select_from(plan.tables)
        .where(case_file.c.opened_at >= asked.since, case_file.c.opened_at < asked.until, *plan.conditions)
        .order_by(case_file.c.opened_at.desc(), case_file.c.id.desc())
        .limit(MOST_MARKS + 1)
    )
    return [
        Mark(
            of=Annotation.CASES,
            from_ms=to_ms(row.opened_at),
            to_ms=None if row.ended_at is None else to_ms(row.ended_at),
            text=(row.number, *_beside(row.kind, row.asset_name or row.place)),
            severity=row.severity,
            to=To("case", {"case_id": row.id}),
        )
        for row in tx.execute(query)
    ]


def _permits(tx: Connection, asked: Asked) -> list[Mark]:
    plan = _plan(Counted.PERMITS, asked)
    name = select(asset.c.name).where(asset.c.id == permit.c.asset_id).correlate(permit).scalar_subquery()
    query = (
        select(permit.c.id, permit.c.started_at, permit.c.ended_at, name.label("asset_name"))
        .select_from(plan.tables)
        .where(permit.c.started_at >= asked.since, permit.c.started_at < asked.until, *plan.conditions)
        .order_by(permit.c.started_at.desc(), permit.c.id.desc())
        .limit(MOST_MARKS + 1)
    )
    return [
        Mark(
            of=Annotation.PERMITS,
            from_ms=to_ms(row.started_at),
            to_ms=None if row.ended_at is None else to_ms(row.ended_at),
            text=(Word("board.permit_mark"), row.asset_name or ""),
            severity=None,
            to=To("permit", {"permit_id": row.id}),
        )
        for row in tx.execute(query)
    ]


def _beside(kind: str | None, name: str | None) -> tuple[str | Word, ...]:
    return ((Word(f"kind.{kind}"),) if kind else ()) + (name or "–",)


_MARKS: Mapping[Annotation, Any] = {
    Annotation.ALERTS: _alerts,
    Annotation.CASES: _cases,
    Annotation.PERMITS: _permits,
}
