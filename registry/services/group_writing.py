"""Writing groups: begun, joined, found to be one, given their case, ended. In the caller's transaction and turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, exists, func, insert, not_, select, update

from registry.domain.case_moves import MoveOrder
from registry.domain.errors import Conflict, InvalidMove
from registry.domain.geo import Box
from registry.domain.grouping import circle_around, company_came, dealt_with, passed_by, smallest_area
from registry.domain.kinds import AlertEventKind, GroupState, Severity, Source
from registry.domain.moves import EventName, MoveName
from registry.domain.people import SYSTEM
from registry.domain.rules import GroupPolicy, Rule
from registry.services import case_opening, feed
from registry.services.alert_events import write_event, write_events
from registry.services.cases import move_in
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import alert, alert_group, asset, case, entry

GROWN = 1.5
"""A group's case tells again how many members there are when they are that many times more."""


def still_free(tx: Connection, ids: Sequence[int]) -> list[tuple[int, int]]:
    """(id, severity) of those of the alerts that are in no group yet."""
    free = select(alert.c.id, alert.c.severity).where(alert.c.id.in_(ids), alert.c.group_id.is_(None))
    return [(row.id, row.severity) for row in tx.execute(free.order_by(alert.c.id))]


def is_open(tx: Connection, group_id: int) -> bool:
    """Whether the group takes members."""
    return tx.scalar(select(alert_group.c.state).where(alert_group.c.id == group_id)) == GroupState.OPEN


def begin(tx: Connection, rule: Rule, *, now: datetime) -> int:
    """A new group without members, to be joined in the same transaction."""
    row = {
        "rule_key": rule.key,
        "state": GroupState.OPEN.value,
        "began_at": now,
        "last_at": now,
        "members": 0,
        "severity": int(rule.severity),
        "recorded_at": now,
    }
    return int(tx.execute(insert(alert_group).values(row).returning(alert_group.c.id)).scalar_one())


def join(tx: Connection, rule: Rule, group_id: int, free: Sequence[tuple[int, int]], *, now: datetime) -> int:
    """These alerts belong to the group from now on, and to its case if it has one; answers how many."""
    if not free:
        return 0
    ids = [alert_id for alert_id, _ in free]
    tx.execute(update(alert).where(alert.c.id.in_(ids)).values(group_id=group_id))
    told = {"group_id": group_id}
    write_events(tx, free, AlertEventKind.GROUPED, at=now, now=now, detail=told)
    refresh(tx, group_id)
    case_id = _open_case(tx, group_id)
    if case_id is not None:
        _take_into(tx, case_id, alert.c.id.in_(ids))
        _tell_case(tx, group_id, case_id, now=now)
    elif not _wants_case(rule):
        tx.execute(update(alert).where(alert.c.id.in_(ids)).values(case_due_at=None))
    publish_group(tx, group_id, now=now)
    return len(free)


def unite(tx: Connection, groups: Sequence[int], *, now: datetime) -> int | None:
    """Groups that turned out to be one: the oldest takes the members of the others, which end. None: all ended.

    Of several cases the one of the oldest group goes on; those that nobody has touched yet are withdrawn for it.
    """
    rows = tx.execute(
        select(alert_group)
        .where(alert_group.c.id.in_(groups), alert_group.c.state == GroupState.OPEN.value)
        .order_by(alert_group.c.began_at, alert_group.c.id)
    ).all()
    if len(rows) < 2:
        return rows[0].id if rows else None
    kept, others = rows[0], rows[1:]
    ids = [row.id for row in others]
    moved = tx.execute(update(alert).where(alert.c.group_id.in_(ids)).values(group_id=kept.id).returning(alert.c.id))
    members = [row.id for row in moved]
    over = {"state": GroupState.ENDED.value, "ended_at": now, "members": 0}
    tx.execute(update(alert_group).where(alert_group.c.id.in_(ids)).values(over))
    cause = next((row.cause for row in rows if row.cause), "")
    tx.execute(update(alert_group).where(alert_group.c.id == kept.id).values(cause=cause))
    refresh(tx, kept.id)
    cases = [case_id for row in rows if (case_id := _open_case(tx, row.id)) is not None]
    if cases:
        tx.execute(update(alert_group).where(alert_group.c.id == kept.id).values(case_id=cases[0]))
        for case_id in dict.fromkeys(cases[1:]):
            _give_up(tx, case_id, cases[0], kept.id, now=now)
        _take_into(tx, cases[0], alert.c.id.in_(members))
        _tell_case(tx, kept.id, cases[0], now=now)
    publish_group(tx, kept.id, now=now)
    return int(kept.id)


def open_case_of(tx: Connection, group_id: int, rules: Mapping[str, Rule], *, now: datetime, zone: tzinfo) -> int:
    """The one case of a group that has settled or of which a member's time is up: 1, or 0.

    The one that a lonely member got before; or the one that people closed before they could know of members that were
    there already and still are: it goes on; or else a new one on the asset nearest the middle. None when the rule wants
    none, when there is one, or when all that count were over before their time or are told too late: there when people
    closed the group's case, and over. That case then keeps them.
    """
    group = tx.execute(select(alert_group).where(alert_group.c.id == group_id)).one()
    rule = rules.get(group.rule_key)
    members = alert.c.group_id == group_id
    # after its case was closed, what joins waits its own time: it may be the tail of what is over
    settled = group.case_id is None and company_came(group.recorded_at, now=now)
    due = (members, alert.c.case_due_at.is_not(None) if settled else alert.c.case_due_at <= now)
    case_id = _open_case(tx, group_id)
    if case_id is not None:
        _take_into(tx, case_id, members)
        return 0
    if rule is None or rule.case_kind is None or not _wants_case(rule):
        tx.execute(update(alert).where(members).values(case_due_at=None))
        return 0
    policy = rule.grouping or GroupPolicy()
    rows = tx.execute(select(alert.c.fired_at, alert.c.cleared_at).where(*due)).all()
    closed_at = tx.scalar(select(case.c.ended_at).where(case.c.id == group.case_id))
    if all(
        passed_by(row.fired_at, row.cleared_at, policy) or dealt_with(row.fired_at, row.cleared_at, closed_at)
        for row in rows
    ):
        if closed_at is not None:
            theirs = (*due, alert.c.fired_at <= closed_at, alert.c.case_id.is_(None))
            tx.execute(update(alert).where(*theirs).values(case_id=group.case_id))
        tx.execute(update(alert).where(*due).values(case_due_at=None))
        return 0
    if _adopt(tx, group, rule.case_kind, now=now):
        return 1
    if closed_at is not None and _go_on(tx, group, closed_at, rows, now=now, zone=zone):
        return 1
    middle = _nearest(tx, group)
    severity = Severity(group.severity)
    told = {"group_id": group_id, "members": group.members, "rule_key": group.rule_key}
    opened = case_opening.open_or_attach(
        tx, asset_id=middle.asset_id, kind=rule.case_kind, severity=severity, source=Source.SENSOR, now=now, zone=zone
    )
    tx.execute(update(alert_group).where(alert_group.c.id == group_id).values(case_id=opened.case_id))
    _take_into(tx, opened.case_id, members)
    case_opening.write_event(tx, opened.case_id, EventName.GROUPED, now=now, detail=told)
    of_case = {"case_id": opened.case_id, "opened": opened.opened, "group_id": group_id}
    write_event(tx, middle.id, AlertEventKind.CASE, at=now, severity=severity, detail=of_case, now=now)
    publish_group(tx, group_id, now=now)
    return 1


def _adopt(tx: Connection, group: Any, kind: str, *, now: datetime) -> bool:
    """The case that a lonely first member got is the group's while somebody still has to go: it was the same trouble.

    Others like it are withdrawn for it where nobody has touched them.
    """
    others_alert = alert.alias("others_alert")
    of_others = exists().where(
        others_alert.c.case_id == alert.c.case_id, func.coalesce(others_alert.c.group_id, 0) != group.id
    )
    members = alert.c.group_id == group.id
    theirs = select(alert.c.case_id).where(members, alert.c.case_id.is_not(None), not_(of_others))
    found = case_opening.to_be_worked_on(tx, kind, theirs)
    if not found:
        return False
    tx.execute(update(alert_group).where(alert_group.c.id == group.id).values(case_id=found[0]))
    for case_id in found[1:]:
        _give_up(tx, case_id, found[0], group.id, now=now, with_alerts=True)
    _take_into(tx, found[0], members)
    _tell_case(tx, group.id, found[0], now=now)
    publish_group(tx, group.id, now=now)
    return True


def _go_on(
    tx: Connection, group: Any, closed_at: datetime, told: Sequence[Any], *, now: datetime, zone: tzinfo
) -> bool:
    """Reopen the closed case for members told late that were there when people closed it, and are not over.

    ``told``: when each of them fired and cleared. Not where a member came after it: that is news; nor where the case
    can't go on: it was merged, or another is open.
    """
    if any(row.fired_at > closed_at for row in told):
        return False
    late, live = len(told), sum(row.cleared_at is None for row in told)
    note = f"断线恢复后补报 {late} 条告警，{live} 条未恢复 / {late} alerts told late, {live} of them still live"
    order = MoveOrder(move=MoveName.REOPEN, note=note, detail={"group_id": group.id})
    try:
        move_in(tx, case_id=group.case_id, order=order, by=SYSTEM, now=now, zone=zone)
    except (Conflict, InvalidMove):
        return False
    _take_into(tx, group.case_id, alert.c.group_id == group.id)
    _tell_case(tx, group.id, group.case_id, now=now)
    publish_group(tx, group.id, now=now)
    return True


def end(tx: Connection, group_id: int, *, now: datetime) -> None:
    """The group takes no more members; its case is told, and stays with people."""
    over = {"state": GroupState.ENDED.value, "ended_at": now}
    ended = update(alert_group).where(alert_group.c.id == group_id).values(over)
    row = tx.execute(ended.returning(alert_group.c.members, alert_group.c.rule_key)).one()
    case_id = _open_case(tx, group_id)
    if case_id is not None:
        told = {"group_id": group_id, "members": row.members, "rule_key": row.rule_key, "ended": True}
        case_opening.write_event(tx, case_id, EventName.GROUPED, now=now, detail=told)
    publish_group(tx, group_id, now=now)


def refresh(tx: Connection, group_id: int) -> int:
    """What the group's row says of its members, counted anew; answers how many there are."""
    tables = alert.join(asset, asset.c.id == alert.c.asset_id)
    row = tx.execute(
        select(
            func.count().label("members"),
            func.min(alert.c.fired_at).label("began_at"),
            func.max(alert.c.fired_at).label("last_at"),
            func.max(alert.c.severity).label("severity"),
            func.min(asset.c.lon).label("west"),
            func.min(asset.c.lat).label("south"),
            func.max(asset.c.lon).label("east"),
            func.max(asset.c.lat).label("north"),
            func.min(asset.c.area_code).label("first"),
            func.max(asset.c.area_code).label("last"),
        )
        .select_from(tables)
        .where(alert.c.group_id == group_id)
    ).one()
    changed: dict[str, Any] = {"members": row.members}
    if row.members:
        circle = circle_around(Box(row.west, row.south, row.east, row.north))
        changed |= circle._asdict()
        changed |= {"began_at": row.began_at, "last_at": row.last_at, "severity": row.severity}
        changed["area_code"] = smallest_area(row.first, row.last)
    tx.execute(update(alert_group).where(alert_group.c.id == group_id).values(changed))
    return int(row.members)


def publish_group(tx: Connection, group_id: int, **more: Any) -> None:
    """Tell the live pages how the group stands; ``now`` is the moment."""
    now = more.pop("now")
    row = tx.execute(select(alert_group).where(alert_group.c.id == group_id)).one()
    body = {
        "group_id": group_id,
        "rule_key": row.rule_key,
        "state": row.state,
        "members": row.members,
        "severity": row.severity,
        "case_id": row.case_id,
        "cause": row.cause,
        "area_code": row.area_code,
    }
    feed.publish(tx, feed.FeedKind.GROUP_CHANGED, body | more, now=now)


def _wants_case(rule: Rule) -> bool:
    return rule.case_kind is not None and (rule.grouping is None or rule.grouping.one_case)


def _open_case(tx: Connection, group_id: int) -> int | None:
    """The group's case, unless people have ended it: what joins after that is news, and opens another."""
    joined = select(case.c.id).join(alert_group, alert_group.c.case_id == case.c.id)
    return tx.scalar(joined.where(alert_group.c.id == group_id, IS_OPEN))


def _take_into(tx: Connection, case_id: int, *which: Any) -> None:
    """Members without a case of their own belong to the group's; none of them waits any more."""
    tx.execute(update(alert).where(*which).values(case_due_at=None))
    tx.execute(update(alert).where(*which, alert.c.case_id.is_(None)).values(case_id=case_id))


def _tell_case(tx: Connection, group_id: int, case_id: int, *, now: datetime) -> None:
    """The case of a group is as severe as its worst member, and hears when the group has grown a good deal."""
    group = tx.execute(select(alert_group).where(alert_group.c.id == group_id)).one()
    case_opening.raise_severity(tx, case_id, Severity(group.severity), now=now)
    last = select(entry.c.detail).where(entry.c.case_id == case_id, entry.c.move == EventName.GROUPED.value)
    said = tx.scalar(last.order_by(entry.c.id.desc()).limit(1)) or {}
    if group.members >= GROWN * said.get("members", 0):
        told = {"group_id": group_id, "members": group.members, "rule_key": group.rule_key}
        case_opening.write_event(tx, case_id, EventName.GROUPED, now=now, detail=told)


def _give_up(
    tx: Connection, case_id: int, for_case_id: int, group_id: int, *, now: datetime, with_alerts: bool = False
) -> None:
    told = {"group_id": group_id, "instead_id": for_case_id}
    if case_opening.withdraw(tx, case_id, detail=told, now=now, with_alerts=with_alerts):
        tx.execute(update(alert).where(alert.c.case_id == case_id).values(case_id=for_case_id))
    else:
        case_opening.write_event(tx, case_id, EventName.GROUPED, now=now, detail=told)


def _nearest(tx: Connection, group: Any) -> Any:
    """The member whose asset lies nearest the middle of the group: its alert's id, and the asset's."""
    east = (asset.c.lon - group.lon) * math.cos(math.radians(group.lat))
    north = asset.c.lat - group.lat
    tables = alert.join(asset, asset.c.id == alert.c.asset_id)
    found = select(alert.c.id, alert.c.asset_id).select_from(tables).where(alert.c.group_id == group.id)
    return tx.execute(found.order_by(east * east + north * north, asset.c.id, alert.c.id).limit(1)).one()
