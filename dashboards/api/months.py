"""Month ends for programs: bulletins, the cases behind a figure, closing, correcting, approving, publishing."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.kinds import CorrectionKind, FigureSort
from registry.domain.month_counts import Count
from registry.domain.schemes import Scheme
from registry.queries import months as queries
from registry.queries.bulletin import Bulletin, bulletin
from registry.queries.months import CorrectionRow, MonthCaseRow, MonthRow
from registry.queries.score_schemes import ScoreSchemeRow, find_scheme, list_schemes
from registry.services import months as services
from registry.services.month_closing import ask_to_close
from registry.services.score_schemes import MOST_NOTE, save_scheme

Key = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}$", description="A month of the city's calendar: 2026-11")]
Version = Annotated[int, Meta(ge=0, description="The version you looked at; another one is a conflict")]
Reason = Annotated[str, Meta(min_length=1, max_length=services.MOST_REASON)]


class Months(msgspec.Struct, frozen=True, kw_only=True):
    """Months that were closed or asked for, the newest first."""

    items: list[MonthRow]


class Corrections(msgspec.Struct, frozen=True, kw_only=True):
    """What was put right in a month, the newest first."""

    items: list[CorrectionRow]


class ScoreSchemes(msgspec.Struct, frozen=True, kw_only=True):
    """The version in force of every scheme."""

    items: list[ScoreSchemeRow]


class CloseBody(Body, frozen=True, kw_only=True):
    """Which month; ``scheme``: what it is scored with, as the month before if it is not said."""

    month: Key
    scheme: str | None = None


class VersionBody(Body, frozen=True, kw_only=True):
    """What you looked at."""

    version: Version


class CorrectionBody(Body, frozen=True, kw_only=True):
    """Which case, how and why. ``unit_id``: whose it is, for the kind *unit*."""

    case_id: int
    kind: CorrectionKind
    reason: Reason
    version: Version
    unit_id: int | None = None


class SchemeBody(Body, frozen=True, kw_only=True):
    """The next version of a scheme. ``version``: the one it was made from, 0 for a new key."""

    scheme: Scheme
    version: Version
    note: Annotated[str, Meta(max_length=MOST_NOTE)] = ""


class MonthCasesQuery(Paged, frozen=True, kw_only=True):
    """Which figure: its count, of whom (``sort`` and ``subject``)."""

    count: Count | None = None
    sort: FigureSort = FigureSort.CITY
    subject: Annotated[str, Meta(max_length=40)] = ""


def api_months(call: Call[NoQuery, None]) -> Answer:
    """All months."""
    return Answer(value=Months(items=queries.list_months(call.engine)))


def api_close_month(call: Call[NoQuery, CloseBody]) -> Answer:
    """Ask the worker to close a month."""
    body = call.body
    ask_to_close(call.engine, body.month, scheme=body.scheme, by=call.by, now=call.now, zone=call.where.zone)
    return Answer(value=queries.find_month(call.engine, body.month), status=202)


def api_month(call: Call[NoQuery, None], month: str) -> Answer:
    """The bulletin as it stands."""
    return Answer(value=bulletin(call.engine, month))


def api_month_cases(call: Call[MonthCasesQuery, None], month: str) -> Answer:
    """The cases behind a figure."""
    wish = call.query
    queries.find_month(call.engine, month)
    found = queries.month_cases(
        call.engine,
        month,
        count=wish.count,
        sort=wish.sort,
        subject=wish.subject,
        limit=wish.limit,
        after=wish.after or "",
        within=call.by.area_code,
    )
    return page(found)


def api_month_corrections(call: Call[NoQuery, None], month: str) -> Answer:
    """The trail."""
    queries.find_month(call.engine, month)
    return Answer(value=Corrections(items=queries.corrections(call.engine, month)))


def api_correct_month(call: Call[NoQuery, CorrectionBody], month: str) -> Answer:
    """Put a case of it right."""
    body = call.body
    services.correct_case(
        call.engine,
        month,
        body.case_id,
        body.kind,
        reason=body.reason,
        unit_id=body.unit_id,
        expected_version=body.version,
        by=call.by,
        now=call.now,
        zone=call.where.zone,
    )
    return _row_of(call, month)


def api_approve_month(call: Call[NoQuery, VersionBody], month: str) -> Answer:
    """Approve it."""
    services.approve_month(call.engine, month, expected_version=call.body.version, by=call.by, now=call.now)
    return _row_of(call, month)


def api_publish_month(call: Call[NoQuery, VersionBody], month: str) -> Answer:
    """Publish it."""
    services.publish_month(call.engine, month, expected_version=call.body.version, by=call.by, now=call.now)
    return _row_of(call, month)


def api_score_schemes(call: Call[NoQuery, None]) -> Answer:
    """All schemes."""
    return Answer(value=ScoreSchemes(items=list_schemes(call.engine)))


def api_save_score_scheme(call: Call[NoQuery, SchemeBody]) -> Answer:
    """Keep a version."""
    body = call.body
    save_scheme(call.engine, body.scheme, expected_version=body.version, note=body.note, by=call.by, now=call.now)
    return Answer(value=find_scheme(call.engine, body.scheme.key))


def _row_of(call: Call[Any, Any], month: str) -> Answer:
    return Answer(value=queries.find_month(call.engine, month))


_row = partial(Operation, group="months")
OPERATIONS = (
    _row(
        method="GET",
        path="/months",
        endpoint="api_months",
        run=api_months,
        zh="月度考核列表",
        en="Months that were closed, the newest first",
        replies={200: Months},
    ),
    _row(
        method="POST",
        path="/months",
        endpoint="api_close_month",
        run=api_close_month,
        zh="月度结账",
        en="Let the worker count and freeze a month",
        body=CloseBody,
        replies={202: MonthRow},
        errors=(409,),
    ),
    _row(
        method="GET",
        path="/months/{month}",
        endpoint="api_month",
        run=api_month,
        zh="月度通报",
        en="The bulletin of a month: totals, indicators with both sides of their formulas, rankings",
        replies={200: Bulletin},
    ),
    _row(
        method="GET",
        path="/months/{month}/cases",
        endpoint="api_month_cases",
        run=api_month_cases,
        zh="指标背后的案件",
        en="The cases that make a figure up",
        query=MonthCasesQuery,
        replies={200: Listing[MonthCaseRow]},
    ),
    _row(
        method="GET",
        path="/months/{month}/corrections",
        endpoint="api_month_corrections",
        run=api_month_corrections,
        zh="月度更正记录",
        en="What was put right in a month, by whom and why",
        replies={200: Corrections},
    ),
    _row(
        method="POST",
        path="/months/{month}/corrections",
        endpoint="api_correct_month",
        run=api_correct_month,
        zh="更正一件案件",
        en="Put one case of a closed month right: a further revision, to be approved anew",
        body=CorrectionBody,
        replies={200: MonthRow},
        errors=(409,),
    ),
    _row(
        method="POST",
        path="/months/{month}/approve",
        endpoint="api_approve_month",
        run=api_approve_month,
        zh="审批月度通报",
        en="Approve a closed month; who asked for the closing can't",
        body=VersionBody,
        replies={200: MonthRow},
        errors=(409,),
    ),
    _row(
        method="POST",
        path="/months/{month}/publish",
        endpoint="api_publish_month",
        run=api_publish_month,
        zh="发布月度通报",
        en="Let everybody read an approved month",
        body=VersionBody,
        replies={200: MonthRow},
        errors=(409,),
    ),
    _row(
        method="GET",
        path="/score-schemes",
        endpoint="api_score_schemes",
        run=api_score_schemes,
        zh="考核办法",
        en="Schemes of scores: the version in force of each",
        replies={200: ScoreSchemes},
    ),
    _row(
        method="POST",
        path="/score-schemes",
        endpoint="api_save_score_scheme",
        run=api_save_score_scheme,
        zh="保存考核办法",
        en="Keep a scheme as a new version, or a new scheme",
        body=SchemeBody,
        replies={200: ScoreSchemeRow},
        errors=(409,),
    ),
)
