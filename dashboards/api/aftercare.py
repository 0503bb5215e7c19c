"""What goes beyond single cases, by the API: rechecks, inspections, repeats, typical cases."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, Id, Listing, NoQuery, Operation, Paged, Query
from dashboards.api.request import Call
from registry.domain.aftercare import quarter_of, read_quarter
from registry.domain.kinds import InspectionResult, InspectionState, RecheckState
from registry.domain.supervision import MAX_TEXT
from registry.queries.aftercare import (
    InspectionFile,
    InspectionRow,
    RecheckRow,
    RepeatRow,
    TypicalRow,
    digest,
    inspection_file,
    list_inspections,
    list_rechecks,
    list_repeats,
    one_recheck,
    one_repeat,
)
from registry.services import inspections, rechecks, repeats

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Said = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class RecheckQuery(Paged, frozen=True, kw_only=True):
    """Which rechecks, the newest first."""

    state: RecheckState | None = None


class RecheckBody(Body, frozen=True, kw_only=True):
    """How a mended thing looks now; ``photo_ids`` are photos of its asset. Broken again needs a note."""

    stable: bool
    note: Text = ""
    photo_ids: Annotated[list[Id], Meta(max_length=9)] = msgspec.field(default_factory=list)


class InspectionQuery(Paged, frozen=True, kw_only=True):
    """Which inspections, the newest first."""

    state: InspectionState | None = None
    unit_id: Id | None = None


class InspectionResultBody(Body, frozen=True, kw_only=True):
    """What was found at one asset of the list; *wrong* needs a note and opens a case there."""

    asset_id: Id
    result: InspectionResult
    note: Text = ""


class RepeatQuery(Paged, frozen=True, kw_only=True):
    """Which repeats: without a cause (open), with a measure under way (answered), done; empty: all."""

    state: Annotated[str, Meta(pattern="^(open|answered|done)?$")] = ""


class RepeatCauseBody(Body, frozen=True, kw_only=True):
    """Why it came back, and what is done about that."""

    version: Annotated[int, Meta(ge=1)]
    cause: Said
    measure: Said
    unit_id: Id | None = None
    measure_by: datetime | None = None


class TypicalQuery(Query, frozen=True, kw_only=True):
    """Of which quarter; empty: this one."""

    quarter: Annotated[str, Meta(pattern="^([0-9]{4}Q[1-4])?$")] = ""


class TypicalDigest(msgspec.Struct, frozen=True, kw_only=True):
    """The typical cases of a quarter."""

    quarter: str
    items: list[TypicalRow]


def api_rechecks(call: Call[RecheckQuery, None]) -> Answer:
    """Rechecks."""
    query = call.query
    return page(
        list_rechecks(call.engine, state=query.state, scope=call.by.area_code, after=query.after, limit=query.limit)
    )


def api_do_recheck(call: Call[NoQuery, RecheckBody], recheck_id: int) -> Answer:
    """Say how it looks."""
    sent = call.body
    rechecks.do_recheck(
        call.engine,
        recheck_id,
        stable=sent.stable,
        by=call.by,
        now=call.now,
        note=sent.note,
        photo_ids=sent.photo_ids,
        zone=call.where.zone,
    )
    return Answer(value=one_recheck(call.engine, recheck_id))


def api_inspections(call: Call[InspectionQuery, None]) -> Answer:
    """Inspections."""
    query = call.query
    found = list_inspections(
        call.engine,
        state=query.state,
        unit_id=query.unit_id,
        scope=call.by.area_code,
        after=query.after,
        limit=query.limit,
    )
    return page(found)


def api_inspection(call: Call[NoQuery, None], inspection_id: int) -> Answer:
    """One inspection with its list."""
    return Answer(value=inspection_file(call.engine, inspection_id))


def api_look_at_asset(call: Call[NoQuery, InspectionResultBody], inspection_id: int) -> Answer:
    """A result for one asset."""
    sent = call.body
    inspections.look_at(
        call.engine,
        inspection_id,
        sent.asset_id,
        sent.result,
        by=call.by,
        now=call.now,
        note=sent.note,
        zone=call.where.zone,
    )
    return Answer(value=inspection_file(call.engine, inspection_id))


def api_repeats(call: Call[RepeatQuery, None]) -> Answer:
    """Repeats."""
    query = call.query
    found = list_repeats(
        call.engine,
        now=call.now,
        state=query.state,
        scope=call.by.area_code,
        after=query.after,
        limit=query.limit,
    )
    return page(found)


def api_answer_repeat(call: Call[NoQuery, RepeatCauseBody], case_id: int) -> Answer:
    """Name cause and measure."""
    sent = call.body
    repeats.answer_repeat(
        call.engine,
        case_id,
        cause=sent.cause,
        measure=sent.measure,
        unit_id=sent.unit_id,
        measure_by=sent.measure_by,
        by=call.by,
        expected_version=sent.version,
        now=call.now,
    )
    return Answer(value=one_repeat(call.engine, case_id, now=call.now))


def api_typical_cases(call: Call[TypicalQuery, None]) -> Answer:
    """The digest of a quarter."""
    quarter = read_quarter(call.query.quarter or quarter_of(call.now.astimezone(call.where.zone).date()))
    return Answer(value=TypicalDigest(quarter=quarter, items=digest(call.engine, quarter, scope=call.by.area_code)))


_row = partial(Operation, group="cases")
OPERATIONS = (
    _row(
        method="GET",
        path="/rechecks",
        endpoint="api_rechecks",
        run=api_rechecks,
        zh="回头看列表",
        en="Looks at closed cases, the newest first",
        query=RecheckQuery,
        replies={200: Listing[RecheckRow]},
    ),
    _row(
        method="POST",
        path="/rechecks/{recheck_id}",
        endpoint="api_do_recheck",
        run=api_do_recheck,
        zh="提交回头看结果",
        en="Say how it looks; broken again opens the case again",
        body=RecheckBody,
        replies={200: RecheckRow},
    ),
    _row(
        method="GET",
        path="/inspections",
        endpoint="api_inspections",
        run=api_inspections,
        zh="举一反三列表",
        en="Inspections of what is alike, the newest first",
        query=InspectionQuery,
        replies={200: Listing[InspectionRow]},
    ),
    _row(
        method="GET",
        path="/inspections/{inspection_id}",
        endpoint="api_inspection",
        run=api_inspection,
        zh="一份排查清单",
        en="One inspection with its list",
        replies={200: InspectionFile},
    ),
    _row(
        method="POST",
        path="/inspections/{inspection_id}/results",
        endpoint="api_look_at_asset",
        run=api_look_at_asset,
        zh="提交排查结果",
        en="What was found at one asset of the list",
        body=InspectionResultBody,
        replies={200: InspectionFile},
    ),
    _row(
        method="GET",
        path="/repeats",
        endpoint="api_repeats",
        run=api_repeats,
        zh="反复发生案件列表",
        en="Cases that came back soon after closing",
        query=RepeatQuery,
        replies={200: Listing[RepeatRow]},
    ),
    _row(
        method="POST",
        path="/repeats/{case_id}",
        endpoint="api_answer_repeat",
        run=api_answer_repeat,
        zh="填写根因和措施",
        en="Name the root cause and the measure against it",
        body=RepeatCauseBody,
        replies={200: RepeatRow},
    ),
    _row(
        method="GET",
        path="/typical-cases",
        endpoint="api_typical_cases",
        run=api_typical_cases,
        zh="典型案例",
        en="The typical cases of a quarter",
        query=TypicalQuery,
        replies={200: TypicalDigest},
    ),
)
