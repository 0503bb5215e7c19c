"""Planning notices of cases: from the outbox ``case_event`` to who is told, by which way and when.

Whose the case is hears of it directly: the person by their own contacts, else whoever of the unit is on duty for the
place, else the unit's own chat. That something is late goes to the routes as well, as alerts do; said again, it goes to
the route's next step, which is somebody higher. What is no longer true when it is planned is told to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from registry.domain.case_standard import Standard
from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.kinds import CaseEventKind, ChannelKind, Severity, SupervisionState
from registry.domain.notices import CASE_WATCHED, About, Matter
from registry.notices.case_texts import CaseFacts, of_case
from registry.notices.texts import Place
from registry.services.notice_directory import Directory, Known
from registry.services.notice_drafts import Drafting
from registry.services.standard import standard_in_force
from registry.storage.tables import asset, case, case_event, supervision_item, unit, user

MOST_EVENTS = 500
"""Events that one round plans; the next follows at once while there are more."""

_MATTERS = {
    CaseEventKind.WARNED: Matter.CASE_WARNED,
    CaseEventKind.SECURE_WARNED: Matter.CASE_WARNED,
    CaseEventKind.LATE: Matter.CASE_LATE,
    CaseEventKind.SECURE_LATE: Matter.CASE_LATE,
    CaseEventKind.ITEM_LATE: Matter.SUPERVISION_LATE,
}
_WATCHES = frozenset({CaseEventKind.WARNED, CaseEventKind.LATE, CaseEventKind.SECURE_WARNED, CaseEventKind.SECURE_LATE})
_SECURING = frozenset({CaseEventKind.SECURE_WARNED, CaseEventKind.SECURE_LATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSubject:
    """One event as the planner sees it; ``true``: it is still so."""

    event_id: int
    kind: CaseEventKind
    level: int
    note: str
    user_id: int | None
    unit_id: int | None
    facts: CaseFacts
    family: str
    true: bool


def plan_case_events(tx: Connection, drafting: Drafting, directory: Directory, place: Place) -> list[int]:
    """Draft what nobody has decided yet, in its order; the ids of the events that are decided now."""
    query = select(case_event).where(case_event.c.planned_at.is_(None)).order_by(case_event.c.id).limit(MOST_EVENTS)
    events = tx.execute(query).all()
    if not events:
        return []
    for subject in _subjects(tx, events):
        if subject.true:
            _plan(subject, drafting, directory, place)
    return [event.id for event in events]


def case_facts(tx: Connection, ids: Collection[int]) -> dict[int, CaseFacts]:
    """What is said of cases, by their ids: for programs, which are given the facts beside the words."""
    if not ids:
        return {}
    standard = standard_in_force(tx)
    return {row.case_id: _facts(row, None, standard) for row in tx.execute(_cases().where(case.c.id.in_(sorted(ids))))}


def _plan(subject: CaseSubject, drafting: Drafting, directory: Directory, place: Place) -> None:
    facts, kind = subject.facts, subject.kind
    matter = _MATTERS.get(kind)
    about = About(
        rule_key="" if matter is None else matter.value,
        severity=facts.severity,
        area_code=facts.area_code,
        unit_id=subject.unit_id,
    )

    def tell(people: Iterable[Known], **way: Any) -> None:
        for known in people:
            if known.kind is not ChannelKind.ALERTMANAGER:
                language = known.listener.language
                text = of_case(facts, kind, language, place, level=subject.level, note=subject.note)
                drafting.of_case(subject.event_id, facts, known, text, **way)

    tell(_concerned(subject, directory), digest=facts.severity < Severity.ALARM)
    if matter is not None:
        for route in directory.takes(about, named=matter in CASE_WATCHED):
            number = min(max(subject.level, 1), len(route.steps)) - 1
            tell(directory.told_by(route.steps[number], about, subject.family), route=route, step=number)


def _concerned(subject: CaseSubject, directory: Directory) -> list[Known]:
    """Whose it is; an answer is for whoever ordered it, and nobody of a unit."""
    found = directory.of_person(subject.user_id)
    if found or subject.unit_id is None or subject.kind is CaseEventKind.ITEM_ANSWERED:
        return found
    return directory.of_unit(subject.unit_id, subject.family, subject.facts.area_code)


def _subjects(tx: Connection, events: Iterable[Row[Any]]) -> list[CaseSubject]:
    events = list(events)
    cases = _by_id(tx, _cases(), case.c.id, {each.case_id for each in events if each.case_id is not None})
    items = _by_id(tx, _items(), supervision_item.c.id, {each.item_id for each in events if each.item_id is not None})
    standard = standard_in_force(tx)
    return [_subject(each, cases.get(each.case_id), items.get(each.item_id), standard) for each in events]


def _by_id(tx: Connection, query: Any, column: Any, ids: Collection[int]) -> Mapping[Any, Row[Any]]:
    return {row[0]: row for row in tx.execute(query.where(column.in_(sorted(ids))))} if ids else {}


def _cases() -> Any:
    return select(
        case.c.id.label("case_id"),
        case,
        func.coalesce(asset.c.name, case.c.place).label("where"),
        func.coalesce(asset.c.road, "").label("road"),
        func.coalesce(case.c.unit_id, asset.c.maintainer_unit_id).label("answers"),
        asset.c.family,
        unit.c.name.label("unit_name"),
        user.c.name.label("assignee_name"),
    ).select_from(
        case.outerjoin(asset, asset.c.id == case.c.asset_id)
        .outerjoin(unit, unit.c.id == case.c.unit_id)
        .outerjoin(user, user.c.id == case.c.assignee_id)
    )


def _items() -> Any:
    return select(supervision_item.c.id.label("item_id"), supervision_item)


def _subject(event: Row[Any], of_case: Row[Any] | None, item: Row[Any] | None, standard: Standard) -> CaseSubject:
    kind = CaseEventKind(event.kind)
    return CaseSubject(
        event_id=event.id,
        kind=kind,
        level=event.level,
        note=event.note,
        user_id=event.user_id,
        unit_id=event.unit_id if event.unit_id is not None or of_case is None else of_case.answers,
        facts=_facts(of_case, item, standard),
        family="" if of_case is None else of_case.family or "",
        true=_is_true(event, kind, of_case, item),
    )


def _is_true(event: Row[Any], kind: CaseEventKind, of_case: Row[Any] | None, item: Row[Any] | None) -> bool:
    """Whether it is still so: planned late, a case may have gone on meanwhile."""
    if item is not None:
        return kind is not CaseEventKind.ITEM_LATE or item.state == SupervisionState.OPEN
    if of_case is None:
        return False
    if kind is CaseEventKind.ASSIGNED:
        return (of_case.assignee_id, of_case.unit_id) == (event.user_id, event.unit_id)
    if kind in _WATCHES:
        return of_case.stage in RUNNING_STAGES and not (kind in _SECURING and of_case.secured_at is not None)
    return True


def _facts(of_case: Row[Any] | None, item: Row[Any] | None, standard: Standard) -> CaseFacts:
    of_item: dict[str, Any] = {}
    if item is not None:
        of_item = {"item_id": item.item_id, "problem": item.problem, "demand": item.demand}
        of_item |= {"item_due_at": item.deadline_at}
    if of_case is None:
        place = {} if item is None else {"where": item.place, "area_code": item.area_code}
        return CaseFacts(severity=int(Severity.ALARM), **of_item, **place)
    line = standard.lines.get(of_case.kind)
    return CaseFacts(
        severity=of_case.severity,
        case_id=of_case.case_id,
        number=of_case.number,
        kind=of_case.kind,
        kind_zh="" if line is None else line.name_zh,
        kind_en="" if line is None else line.name_en,
        where=of_case.where or "",
        road=of_case.road,
        area_code=of_case.lies_in or "",
        unit=of_case.unit_name or "",
        assignee=of_case.assignee_name or "",
        sent=of_case.first_dispatched_at is not None,
        desk_due_at=of_case.desk_due_at,
        deadline_at=of_case.deadline_at,
        secure_due_at=None if of_case.secured_at is not None else of_case.secure_due_at,
        **of_item,
    )
