"""Alerts that wait for company: gathered into groups, or given cases of their own when their time is up.

Everything is decided from stored rows, so it does not matter how often, how late or by how many it is done. Each
transaction takes its turn, looks again and writes one batch; what a killed process left undone the next round does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, and_, exists, func, not_, or_, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.grouping import Gatherable, Gathering, company_came, gather, is_over, passed_by
from registry.domain.kinds import AlertEventKind, AlertState, GroupState, Severity
from registry.domain.rules import GroupPolicy, Rule
from registry.services import group_writing as writing_groups
from registry.services.alert_cases import open_case
from registry.services.alert_events import take_turn
from registry.services.group_people import acknowledge_group, name_cause, put_back, take_out
from registry.services.rules import rules_in_force
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, alert_group, asset
from registry.storage.times import to_ms

__all__ = ["Decided", "acknowledge_group", "decide_groups", "name_cause", "put_back", "take_out"]

BATCH = 100
CASES_AT_ONCE = 25
"""Alerts a transaction, and cases a transaction: a critical alert that comes meanwhile waits for no more than these."""


class Decided(NamedTuple):
    """What one round did: groups made, alerts that joined one, cases opened or joined, groups that ended."""

    groups: int
    joined: int
    cases: int
    ended: int


def decide_groups(engine: Engine, *, now: datetime, zone: tzinfo = CHINA_TIME, batch: int = BATCH) -> Decided:
    """One round: gather what waits into groups, open the cases that are due, end the groups that are over."""
    with reading(engine) as tx:
        waiting = _waiting(tx)
        open_groups = tx.execute(select(alert_group).where(alert_group.c.state == GroupState.OPEN.value)).all()
        rules = {rule.key: rule for rule in rules_in_force(tx)} if waiting or open_groups else {}
    groups = joined = 0
    for key in sorted({row.rule_key for row in waiting if row.group_id is None}):
        rule = rules.get(key)
        if rule is not None and rule.grouping is not None:
            since, until = _span([row.fired_at for row in waiting if row.rule_key == key], rule.grouping)
            made, took = _gather(engine, rule, rule.grouping, since, until, now=now, batch=batch)
            groups, joined = groups + made, joined + took
    cases = _open_due(engine, rules, now=now, zone=zone) if waiting else 0
    ended = sum(_end(engine, group, rules.get(group.rule_key), now=now) for group in open_groups)
    return Decided(groups, joined, cases, ended)


def _waiting(tx: Connection) -> Sequence[Any]:
    columns = (alert.c.rule_key, alert.c.fired_at, alert.c.group_id)
    return tx.execute(select(*columns).where(alert.c.case_due_at.is_not(None))).all()


def _span(fired: Sequence[datetime], policy: GroupPolicy) -> tuple[datetime, datetime]:
    """Whatever may have a say in who is gathered with these: two steps from them, in both directions."""
    reach = timedelta(seconds=2 * policy.within_s)
    return min(fired) - reach, max(fired) + reach


def _gather(
    engine: Engine, rule: Rule, policy: GroupPolicy, since: datetime, until: datetime, *, now: datetime, batch: int
) -> tuple[int, int]:
    """New groups, and how many alerts joined any."""
    with reading(engine) as tx:
        rows = tx.execute(_candidates(rule.key, policy).where(alert.c.fired_at.between(since, until))).all()
    alerts = [Gatherable(row.id, to_ms(row.fired_at), row.lon, row.lat, row.group_id) for row in rows]
    made = joined = 0
    for found in gather(alerts, policy):
        new, took = _carry_out(engine, rule, found, now=now, batch=batch)
        made, joined = made + new, joined + took
    return made, joined


def _candidates(rule_key: str, policy: GroupPolicy) -> Select[Any]:
    """Alerts that are in an open group or may join one: not urgent, not expected, not taken out by a person."""
    taken_out = exists().where(
        alert_event.c.alert_id == alert.c.id,
        alert_event.c.kind == AlertEventKind.GROUPED.value,
        alert_event.c.by_user_id.is_not(None),
    )
    tables = alert.join(asset, asset.c.id == alert.c.asset_id).outerjoin(
        alert_group, alert_group.c.id == alert.c.group_id
    )
    urgent = or_(alert.c.severity >= int(policy.alone_from), alert.c.peak_severity >= int(policy.alone_from))
    free = and_(alert.c.group_id.is_(None), not_(urgent), alert.c.permit_id.is_(None), not_(taken_out))
    return (
        select(alert.c.id, alert.c.fired_at, alert.c.group_id, asset.c.lon, asset.c.lat)
        .select_from(tables)
        .where(alert.c.rule_key == rule_key, or_(alert_group.c.state == GroupState.OPEN.value, free))
    )


def _carry_out(engine: Engine, rule: Rule, found: Gathering, *, now: datetime, batch: int) -> tuple[int, int]:
    """Write one gathering, in batches; leaves off where somebody else was quicker, and looks again next round."""
    group_id = found.groups[0] if found.groups else None
    made = joined = 0
    if len(found.groups) > 1:
        with writing(engine) as tx:
            take_turn(tx)
            group_id = writing_groups.unite(tx, found.groups, now=now)
        if group_id is None:
            return 0, 0
    for start in range(0, len(found.joined), batch):
        some = found.joined[start : start + batch]
        with writing(engine) as tx:
            take_turn(tx)
            free = writing_groups.still_free(tx, some)
            if group_id is None:
                if len(free) < len(some):
                    break
                group_id = writing_groups.begin(tx, rule, now=now)
                made += 1
            elif not writing_groups.is_open(tx, group_id):
                break
            joined += writing_groups.join(tx, rule, group_id, free, now=now)
    return made, joined


def _open_due(engine: Engine, rules: dict[str, Rule], *, now: datetime, zone: tzinfo) -> int:
    """Cases for what waited long enough: one for each group, one for each alert that is alone."""
    waiting = (
        select(alert.c.id, alert.c.group_id, alert.c.case_due_at, alert_group.c.recorded_at, alert_group.c.case_id)
        .outerjoin(alert_group, alert_group.c.id == alert.c.group_id)
        .where(alert.c.case_due_at.is_not(None))
    )
    with reading(engine) as tx:
        rows = tx.execute(waiting).all()
    alone = sorted(row.id for row in rows if row.group_id is None and row.case_due_at <= now)
    due = {
        row.group_id
        for row in rows
        if row.group_id is not None
        and (row.case_due_at <= now or (row.case_id is None and company_came(row.recorded_at, now=now)))
    }
    opened = 0
    for group_id in sorted(due):
        with writing(engine) as tx:
            take_turn(tx)
            opened += writing_groups.open_case_of(tx, group_id, rules, now=now, zone=zone)
    for start in range(0, len(alone), CASES_AT_ONCE):
        with writing(engine) as tx:
            take_turn(tx)
            opened += _open_own(tx, rules, alone[start : start + CASES_AT_ONCE], now=now, zone=zone)
    return opened


def _open_own(tx: Connection, rules: dict[str, Rule], ids: Sequence[int], *, now: datetime, zone: tzinfo) -> int:
    still = and_(alert.c.id.in_(ids), alert.c.case_due_at <= now, alert.c.group_id.is_(None))
    calm: list[int] = []
    opened = 0
    for row in tx.execute(select(alert).where(still).order_by(alert.c.id)).all():
        rule = rules.get(row.rule_key)
        policy = rule.grouping if rule is not None else None
        if rule is None or passed_by(row.fired_at, row.cleared_at, policy or GroupPolicy()):
            calm.append(row.id)
            continue
        severity = Severity(row.severity)
        case_id = open_case(tx, rule, row.id, row.asset_id, severity=severity, level=row.value, now=now, zone=zone)
        opened += case_id is not None
    if calm:
        tx.execute(update(alert).where(alert.c.id.in_(calm)).values(case_due_at=None))
    return opened


def _end(engine: Engine, group: Any, rule: Rule | None, *, now: datetime) -> bool:
    policy = rule.grouping if rule is not None and rule.grouping is not None else GroupPolicy()
    if not is_over(group.last_at, policy, live=0, now=now):
        return False
    live = select(func.count()).where(alert.c.group_id == group.id, alert.c.state == AlertState.FIRING.value)
    with reading(engine) as tx:
        if tx.scalar(live):
            return False
    with writing(engine) as tx:
        take_turn(tx)
        if tx.scalar(live) or not writing_groups.is_open(tx, group.id):
            return False
        writing_groups.end(tx, group.id, now=now)
    return True
