"""Dispatching: who should get a case and why, the queues and who has how much, the dispatch table, absences."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dashboards.api.answering import page, page_out_of
from dashboards.api.duties import ClassCode, Made, Written
from dashboards.api.operation import MOST_BULK, Answer, AreaPrefix, Body, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.dispatch_table import Applies, Whom
from registry.domain.errors import NotFound
from registry.domain.kinds import Family
from registry.queries import dispatching, queues
from registry.queries.dispatching import AbsenceView, DispatchLineView, ProposalView
from registry.queries.people import list_units
from registry.queries.queues import PersonLoad, QueueRow, UnitLoad
from registry.services import absences, dispatch_lines

KindKey = Annotated[str, Meta(max_length=40, description="A kind of case; empty: any")]


class LineQuery(Paged, frozen=True, kw_only=True):
    """Which lines of the dispatch table."""

    area_code: AreaPrefix = ""


class LineBody(Body, frozen=True, kw_only=True):
    """A line of the dispatch table; empty fields mean any, no ``unit_id`` the unit that the records name."""

    applies: Applies = Applies.ALWAYS
    kind: KindKey = ""
    family: Family | None = None
    scheme: Annotated[str, Meta(max_length=30)] = ""
    class_code: ClassCode = ""
    area_code: AreaPrefix = ""
    grade: Annotated[str, Meta(max_length=20)] = ""
    unit_id: Id | None = None
    whom: Whom = Whom.BEST
    automatic: bool = False


class LineBodies(Body, frozen=True, kw_only=True):
    """Lines to write: all of them, or none and the first that is wrong."""

    items: Annotated[list[LineBody], Meta(min_length=1, max_length=MOST_BULK)]


class QueueQuery(Paged, frozen=True, kw_only=True):
    """Whose cases of the unit."""

    assignee_id: Id | None = None


class AbsenceQuery(Paged, frozen=True, kw_only=True):
    """Of which unit, from which day on (today)."""

    unit_id: Id | None = None
    since: date | None = None


class AbsenceBody(Body, frozen=True, kw_only=True):
    """Days on which somebody is away, both included; no ``last_on``: until further notice."""

    user_id: Id
    first_on: date
    last_on: date | None = None
    note: Annotated[str, Meta(max_length=120)] = ""


def api_proposal(call: Call[NoQuery, None], case_id: int) -> Answer:
    """Who should get a case, and why."""
    return Answer(value=dispatching.proposal(call.engine, case_id, now=call.now, zone=call.where.zone))


def api_workload(call: Call[Paged, None]) -> Answer:
    """What each unit has in hand."""
    found = queues.workload(call.engine, now=call.now, zone=call.where.zone, scope=call.by.area_code)
    return page_out_of(found, call.query, lambda row: (row.unit_id,))


def api_waiting(call: Call[Paged, None]) -> Answer:
    """What waits to be dispatched, due first at the top."""
    asked = call.query
    scope, zone = call.by.area_code, call.where.zone
    return page(
        queues.desk_queue(call.engine, scope=scope, now=call.now, zone=zone, after=asked.after, limit=asked.limit)
    )


def api_unit_queue(call: Call[QueueQuery, None], unit_id: int) -> Answer:
    """What a unit has in hand, due first at the top."""
    _check_unit(call, unit_id)
    asked = msgspec.structs.asdict(call.query)
    return page(
        queues.unit_queue(call.engine, unit_id, **asked, scope=call.by.area_code, now=call.now, zone=call.where.zone)
    )


def api_unit_people(call: Call[Paged, None], unit_id: int) -> Answer:
    """The crew of a unit, with what each has in hand."""
    _check_unit(call, unit_id)
    found = queues.people_of(call.engine, unit_id, now=call.now, zone=call.where.zone)
    return page_out_of(found, call.query, lambda row: (row.user_id,))


def api_dispatch_lines(call: Call[LineQuery, None]) -> Answer:
    """The dispatch table, as far as it holds in the sender's area."""
    found = dispatching.dispatch_lines(call.engine, scope=call.query.area_code or call.by.area_code)
    return page_out_of(found, call.query, lambda row: (row.id,))


def api_set_dispatch_line(call: Call[NoQuery, LineBody]) -> Answer:
    """Write a line of the dispatch table."""
    made = dispatch_lines.set_line(call.engine, _line(call.body), by=call.by, now=call.now)
    return Answer(value=Made(id=made), status=201)


def api_set_dispatch_lines(call: Call[NoQuery, LineBodies]) -> Answer:
    """Write many lines in one transaction."""
    lines = [_line(one) for one in call.body.items]
    return Answer(value=Written(written=dispatch_lines.set_lines(call.engine, lines, by=call.by, now=call.now)))


def api_remove_dispatch_line(call: Call[NoQuery, None], line_id: int) -> Answer:
    """Take a line out of the dispatch table."""
    dispatch_lines.remove_line(call.engine, line_id, by=call.by, now=call.now)
    return Answer(status=204)


def api_absences(call: Call[AbsenceQuery, None]) -> Answer:
    """Who is away."""
    asked = call.query
    since = asked.since or call.now.astimezone(call.where.zone).date()
    found = dispatching.absences(call.engine, since=since, unit_id=asked.unit_id, scope=call.by.area_code)
    return page_out_of(found, asked, lambda row: (row.id,))


def api_add_absence(call: Call[NoQuery, AbsenceBody]) -> Answer:
    """Somebody is away for some days."""
    away = call.body
    made = absences.add_absence(
        call.engine, away.user_id, away.first_on, away.last_on, note=away.note, by=call.by, now=call.now
    )
    return Answer(value=Made(id=made), status=201)


def api_remove_absence(call: Call[NoQuery, None], absence_id: int) -> Answer:
    """They are back, or were never away."""
    absences.remove_absence(call.engine, absence_id, by=call.by, now=call.now)
    return Answer(status=204)


def _line(sent: LineBody) -> dispatch_lines.NewLine:
    given = {name: getattr(sent, name) for name in sent.__struct_fields__}
    return dispatch_lines.NewLine(**given | {"family": str(given["family"] or "")})


def _check_unit(call: Call[Any, Any], unit_id: int) -> None:
    if all(each.id != unit_id for each in list_units(call.engine)):
        raise NotFound("unit", unit_id)


_row = partial(Operation, group="cases")
OPERATIONS = (
    _row(
        method="GET",
        path="/cases/{case_id}/proposal",
        endpoint="api_proposal",
        run=api_proposal,
        zh="派遣建议与理由",
        en="Who should get a case, with every reason and everybody who was considered",
        replies={200: ProposalView},
    ),
    _row(
        method="GET",
        path="/queues",
        endpoint="api_workload",
        run=api_workload,
        zh="各单位工作量",
        en="What each unit has in hand, due today and overdue",
        query=Paged,
        replies={200: Listing[UnitLoad]},
    ),
    _row(
        method="GET",
        path="/queues/waiting",
        endpoint="api_waiting",
        run=api_waiting,
        zh="待派遣案件",
        en="What waits to be dispatched, due first at the top",
        query=Paged,
        replies={200: Listing[QueueRow]},
    ),
    _row(
        method="GET",
        path="/queues/{unit_id}",
        endpoint="api_unit_queue",
        run=api_unit_queue,
        zh="单位待处置案件",
        en="What a unit has in hand, due first at the top",
        query=QueueQuery,
        replies={200: Listing[QueueRow]},
    ),
    _row(
        method="GET",
        path="/queues/{unit_id}/people",
        endpoint="api_unit_people",
        run=api_unit_people,
        zh="单位人员工作量",
        en="The crew of a unit: what each has in hand, who is away, on shift, and seen when",
        query=Paged,
        replies={200: Listing[PersonLoad]},
    ),
    _row(
        method="GET",
        path="/dispatch-lines",
        endpoint="api_dispatch_lines",
        run=api_dispatch_lines,
        zh="派遣规则",
        en="The dispatch table",
        query=LineQuery,
        replies={200: Listing[DispatchLineView]},
    ),
    _row(
        method="POST",
        path="/dispatch-lines",
        endpoint="api_set_dispatch_line",
        run=api_set_dispatch_line,
        zh="写入派遣规则",
        en="Write a line of the dispatch table; one for the same case, thing, area and grade is replaced",
        body=LineBody,
        replies={201: Made},
        errors=(404,),
    ),
    _row(
        method="POST",
        path="/dispatch-lines/bulk",
        endpoint="api_set_dispatch_lines",
        run=api_set_dispatch_lines,
        zh="批量写入派遣规则",
        en="Write up to 1,000 lines of the dispatch table: all of them, or none",
        body=LineBodies,
        replies={200: Written},
    ),
    _row(
        method="DELETE",
        path="/dispatch-lines/{line_id}",
        endpoint="api_remove_dispatch_line",
        run=api_remove_dispatch_line,
        zh="删除派遣规则",
        en="Take a line out of the dispatch table",
        replies={204: None},
    ),
    _row(
        method="GET",
        path="/absences",
        endpoint="api_absences",
        run=api_absences,
        zh="请假名单",
        en="Who is away from a day on",
        query=AbsenceQuery,
        replies={200: Listing[AbsenceView]},
    ),
    _row(
        method="POST",
        path="/absences",
        endpoint="api_add_absence",
        run=api_add_absence,
        zh="登记请假",
        en="Write down that somebody is away for some days",
        body=AbsenceBody,
        replies={201: Made},
        errors=(404,),
    ),
    _row(
        method="DELETE",
        path="/absences/{absence_id}",
        endpoint="api_remove_absence",
        run=api_remove_absence,
        zh="销假",
        en="They are back, or were never away",
        replies={204: None},
    ),
)
