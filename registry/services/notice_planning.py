"""Planning notices: from what happened to alerts (the outbox ``alert_event``) to rows that say whom to tell.

What happened to cases is planned in the same round (``notice_cases``): each person's limit is counted over both.

A round first only reads; if there is anything to do, it is worked out again and written in one transaction, with
``planned_at`` on every event that was decided. Keys say what a notice is about, to whom and which step, so that a round
that was killed, or done twice, plans nothing twice.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from registry.domain.kinds import AlertEventKind, AlertState, GroupState, NoticeKind, NoticeState, Severity
from registry.domain.notices import due_steps
from registry.notices.texts import Place
from registry.services.notice_cases import MOST_EVENTS as MOST_CASE_EVENTS
from registry.services.notice_cases import plan_case_events
from registry.services.notice_digests import Digest, due_digests, write_digests
from registry.services.notice_directory import Directory, load_directory
from registry.services.notice_drafts import Draft, Drafting
from registry.services.notice_facts import AlertSubject, GroupSubject, alert_subjects, group_subjects
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, alert_group, case_event, notice

MOST_EVENTS = 500
"""Events that one round plans; the next follows at once while there are more."""

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ALARMS = (NoticeKind.ALARM.value, NoticeKind.ESCALATION.value)
_ON_ITS_WAY = (NoticeState.SENT.value, NoticeState.WAITING.value, NoticeState.SENDING.value)

# What an event is told as: the middle of a notice's key, and the sentence of the text.
_TOLD_AS: dict[str, tuple[str, str]] = {
    AlertEventKind.FIRED: ("fired", ""),
    AlertEventKind.OVERRUN: ("overrun", "overrun"),
    AlertEventKind.STEP_UP: ("step_up", "step_up"),
    AlertEventKind.FLAPPING: ("flapping", "flapping"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a round did: events decided, notices written (of whatever state), digests made, muted ones let go."""

    events: int = 0
    notices: int = 0
    digests: int = 0
    unmuted: int = 0
    more: bool = False


@dataclass(slots=True, kw_only=True)
class _Round:
    """What one round found to do."""

    drafting: Drafting
    events: list[int] = field(default_factory=list)
    case_events: list[int] = field(default_factory=list)
    unmuted: list[Draft] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.events or self.case_events or self.drafting.drafts or self.unmuted or self.digests)


def plan_notices(engine: Engine, *, place: Place, now: datetime) -> Planned:
    """One round of planning. Raises ``StoreDown``."""
    with reading(engine) as tx:
        if _work_out(tx, place, now).empty:
            return Planned()
    with writing(engine) as tx:
        found = _work_out(tx, place, now)
        written = _insert(tx, found.drafting.drafts)
        for each in found.unmuted:
            _let_go(tx, each)
        digests = write_digests(tx, found.digests, now=now)
        if found.events:
            tx.execute(update(alert_event).where(alert_event.c.id.in_(found.events)).values(planned_at=now))
        if found.case_events:
            tx.execute(update(case_event).where(case_event.c.id.in_(found.case_events)).values(planned_at=now))
    return Planned(
        events=len(found.events) + len(found.case_events),
        notices=written,
        digests=digests,
        unmuted=len(found.unmuted),
        more=len(found.events) >= MOST_EVENTS or len(found.case_events) >= MOST_CASE_EVENTS,
    )


def _work_out(tx: Connection, place: Place, now: datetime) -> _Round:
    directory = load_directory(tx, zone=place.zone, now=now)
    found = _Round(drafting=Drafting(tx, directory, place, now))
    _plan_events(tx, found)
    _plan_steps(tx, found, directory, now)
    _plan_group_ends(tx, found.drafting)
    found.case_events = plan_case_events(tx, found.drafting, directory, place)
    found.unmuted = _unmuted(tx, found.drafting)
    found.digests = due_digests(tx, directory, place=place, now=now)
    return found


def _plan_events(tx: Connection, found: _Round) -> None:
    """Decide every event that nobody has decided yet, in their order.

    Those of an alert that waits for company are left until it has it, or stands alone; what is critical waits for
    nobody.
    """
    waits = and_(
        alert.c.case_due_at.is_not(None), alert.c.group_id.is_(None), alert_event.c.severity < int(Severity.CRITICAL)
    )
    query = (
        select(alert_event)
        .join_from(alert_event, alert, alert.c.id == alert_event.c.alert_id)
        .where(alert_event.c.planned_at.is_(None), ~waits)
        .order_by(alert_event.c.id)
        .limit(MOST_EVENTS)
    )
    events = tx.execute(query).all()
    if not events:
        return
    found.events = [event.id for event in events]
    alerts = alert_subjects(tx, {event.alert_id for event in events})
    expected = _expected(tx, [event.alert_id for event in events if event.kind in _TOLD_AS])
    grouped = {event.alert_id: _group_of(event, alerts) for event in events if event.kind == AlertEventKind.GROUPED}
    groups = group_subjects(tx, {group_id for group_id in grouped.values() if group_id is not None})
    told = _told(tx, notice.c.alert_id, [event.alert_id for event in events if event.kind == AlertEventKind.CLEARED])
    for event in events:
        subject = alerts[event.alert_id]
        if event.kind in _TOLD_AS:
            if _stands_alone(event, subject) and event.id > expected.get(event.alert_id, 0):
                _draft_alarm(found.drafting, event, subject)
        elif event.kind == AlertEventKind.GROUPED:
            group = groups.get(grouped[event.alert_id] or 0)
            if group is not None:
                found.drafting.first_step(group, part="fired")
        elif event.kind == AlertEventKind.CLEARED:
            found.drafting.all_clear(subject, told.get(event.alert_id, []))


def _draft_alarm(drafting: Drafting, event: Row[Any], subject: AlertSubject) -> None:
    part, why = _TOLD_AS[event.kind]
    if event.kind == AlertEventKind.STEP_UP:
        part = f"{part}{event.severity}"
    elif event.kind in (AlertEventKind.FLAPPING, AlertEventKind.OVERRUN):
        part = f"{part}{event.id}"
    drafting.first_step(subject, part=part, why=why, severity=event.severity)


def _stands_alone(event: Row[Any], subject: AlertSubject) -> bool:
    """Whether it is told by itself: members of a group are told by the group, except when one becomes critical."""
    return subject.group_id is None or event.severity >= Severity.CRITICAL


def _group_of(event: Row[Any], alerts: dict[int, AlertSubject]) -> int | None:
    named = event.detail.get("group_id")
    return int(named) if named is not None else alerts[event.alert_id].group_id


def _expected(tx: Connection, alert_ids: Sequence[int]) -> dict[int, int]:
    """Of alerts that a permit covers: up to which event nobody is told of them (that before its overrun)."""
    if not alert_ids:
        return {}
    kinds = (AlertEventKind.EXPECTED.value, AlertEventKind.OVERRUN.value)
    query = (
        select(alert_event.c.alert_id, alert_event.c.kind, func.min(alert_event.c.id).label("first"))
        .where(alert_event.c.alert_id.in_(set(alert_ids)), alert_event.c.kind.in_(kinds))
        .group_by(alert_event.c.alert_id, alert_event.c.kind)
    )
    first = {(row.alert_id, row.kind): row.first for row in tx.execute(query)}
    never = sys.maxsize
    return {
        alert_id: first.get((alert_id, AlertEventKind.OVERRUN.value), never + 1) - 1
        for alert_id, kind in first
        if kind == AlertEventKind.EXPECTED
    }


def _told(tx: Connection, column: Any, ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Alarms that were told or are on their way, by what they are about; those in a digest too."""
    if not ids:
        return {}
    query = select(notice).where(
        column.in_(ids),
        notice.c.kind.in_(_ALARMS),
        or_(notice.c.state.in_(_ON_ITS_WAY), notice.c.digest_id.is_not(None)),
    )
    found: dict[int, list[Row[Any]]] = {}
    for row in tx.execute(query.order_by(notice.c.id)):
        found.setdefault(row._mapping[column.name], []).append(row)
    return found


def _plan_steps(tx: Connection, found: _Round, directory: Directory, now: datetime) -> None:
    """Steps whose time has come for alerts and groups that go on and that nobody has acknowledged."""
    several = [each.id for each in directory.routes if each.enabled and len(each.steps) > 1]
    if not several:
        return
    on_alerts = (
        _chains(notice.c.alert_id, several)
        .join(alert, alert.c.id == notice.c.alert_id)
        .where(alert.c.state == AlertState.FIRING, alert.c.acknowledged_at.is_(None))
    )
    member = select(alert.c.id).where(
        alert.c.group_id == notice.c.group_id, alert.c.state == AlertState.FIRING, alert.c.acknowledged_at.is_(None)
    )
    on_groups = _chains(notice.c.group_id, several).where(member.exists())
    for query, load in ((on_alerts, alert_subjects), (on_groups, group_subjects)):
        due = _due(tx.execute(query).all(), directory, now)
        subjects: Any = load(tx, {about_id for about_id, _, _, _ in due})
        for about_id, route_id, number, since in due:
            subject, route = subjects[about_id], directory.route(route_id)
            if route is not None and not directory.silenced(subject.mute):
                minutes = int((now - since).total_seconds() // 60)
                found.drafting.later_step(subject, route, number, minutes=minutes)


def _chains(column: Any, routes: Sequence[int]) -> Any:
    """How far each alert (or group) has come on each route that has several steps, and since when."""
    return (
        select(
            column.label("about_id"),
            notice.c.route_id,
            func.max(notice.c.step).label("last"),
            func.min(notice.c.created_at).label("since"),
        )
        .select_from(notice)
        .where(
            column.is_not(None),
            notice.c.route_id.in_(routes),
            notice.c.kind.in_(_ALARMS),
            # what is muted has told nobody: its steps are counted from when the silence ends
            notice.c.state != NoticeState.MUTED,
        )
        .group_by(column, notice.c.route_id)
    )


def _due(rows: Iterable[Row[Any]], directory: Directory, now: datetime) -> list[tuple[int, int, int, datetime]]:
    due = []
    for row in rows:
        route = directory.route(row.route_id)
        if route is not None:
            numbers = due_steps(route.steps, last=row.last, since=row.since, now=now)
            due += [(row.about_id, row.route_id, number, row.since) for number in numbers]
    return due


def _plan_group_ends(tx: Connection, drafting: Drafting) -> None:
    """The all-clear of groups that are over, to those who were told of them."""
    done = notice.alias("done")
    answered = select(done.c.id).where(
        done.c.group_id == notice.c.group_id,
        done.c.contact_id == notice.c.contact_id,
        done.c.kind == NoticeKind.ALL_CLEAR,
    )
    query = (
        select(notice.c.group_id)
        .distinct()
        .join_from(alert_group, notice, notice.c.group_id == alert_group.c.id)
        .where(
            alert_group.c.state == GroupState.ENDED,
            notice.c.kind.in_(_ALARMS),
            or_(notice.c.state.in_(_ON_ITS_WAY), notice.c.digest_id.is_not(None)),
            ~answered.exists(),
        )
    )
    ended = list(tx.scalars(query))
    told = _told(tx, notice.c.group_id, ended)
    for group_id, subject in group_subjects(tx, ended).items():
        drafting.all_clear(subject, told.get(group_id, []))


def _unmuted(tx: Connection, drafting: Drafting) -> list[Draft]:
    """Muted notices of what still goes on while no silence mutes it any more: somebody has to hear of it now."""
    live = and_(alert.c.state == AlertState.FIRING, alert.c.acknowledged_at.is_(None))
    on_alerts = (
        select(notice).join_from(alert, notice, notice.c.alert_id == alert.c.id).where(live, notice.c.state == "muted")
    )
    on_groups = (
        select(notice)
        .join_from(alert_group, notice, notice.c.group_id == alert_group.c.id)
        .where(alert_group.c.state == GroupState.OPEN, notice.c.state == NoticeState.MUTED)
    )
    rows = [*tx.execute(on_alerts), *tx.execute(on_groups)]
    if not rows:
        return []
    subjects: dict[tuple[str, int], AlertSubject | GroupSubject] = {
        ("alert", key): each for key, each in alert_subjects(tx, {r.alert_id for r in rows if r.alert_id}).items()
    }
    groups = group_subjects(tx, {row.group_id for row in rows if row.group_id})
    subjects |= {("group", key): each for key, each in groups.items()}
    return drafting.unmuted(
        (row, subjects["alert", row.alert_id] if row.alert_id else subjects["group", row.group_id]) for row in rows
    )


def _insert(tx: Connection, drafts: Sequence[Draft]) -> int:
    if not drafts:
        return 0
    statement = _INSERTS[tx.dialect.name](notice).on_conflict_do_nothing(index_elements=["key"])
    tx.execute(statement, [draft.row for draft in drafts])
    return len(drafts)


def _let_go(tx: Connection, draft: Draft) -> None:
    # the steps that follow are counted from now: while it was muted nobody could have acknowledged it
    tx.execute(update(notice).where(notice.c.id == draft.row["id"]).values(**draft.row))
