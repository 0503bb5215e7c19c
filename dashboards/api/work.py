"""What is to be done: cases and their moves, and the alerts behind them."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, DoneAt, Id, Listing, NoQuery, Note, Operation, Paged
from dashboards.api.request import Call
from registry.domain.done_at import told_late
from registry.domain.errors import NotFound
from registry.domain.kinds import AlertState, Stage
from registry.domain.moves import MoveName
from registry.queries.alerts import AlertDetail, AlertRow, alert_detail, list_alerts
from registry.queries.case_views import CaseFile, CaseRow
from registry.queries.cases import case_file, list_cases
from registry.queries.standard import standard_of
from registry.services.case_naming import name_asset
from registry.services.cases import decide_request, move_case

CaseKindKey = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,39}$", description="A kind of case, see /standard")]
Moment = Annotated[datetime, Meta(tz=True)]


class CaseQuery(Paged, frozen=True, kw_only=True):
    """Which cases, the newest first. ``q``: the beginning of the number, or of the asset's code, name or road.

    ``running``: neither handed back nor suspended nor ended; ``due_after`` and ``due_by`` are about the deadline of
    those.
    """

    stage: Stage | None = None
    open_only: bool = False
    running: bool = False
    severity: Annotated[int, Meta(ge=1, le=3)] | None = None
    due_after: Moment | None = None
    due_by: Moment | None = None
    opened_since: Moment | None = None
    ended_since: Moment | None = None
    kind: CaseKindKey | None = None
    assignee_id: Id | None = None
    asset_id: Id | None = None
    overdue: bool | None = None
    q: Annotated[str, Meta(max_length=120)] | None = None


class AlertQuery(Paged, frozen=True, kw_only=True):
    """Which alerts, the newest first."""

    state: AlertState | None = None
    severity: Annotated[int, Meta(ge=1, le=3)] | None = None
    case_kind: CaseKindKey | None = None
    asset_id: Id | None = None


class CaseMove(Body, frozen=True, kw_only=True):
    """One move; what it needs beside a note depends on the move."""

    move: MoveName
    note: Note = ""
    assignee_id: Id | None = None
    unit_id: Id | None = None
    photo_ids: Annotated[list[Id], Meta(max_length=9)] = msgspec.field(default_factory=list)
    until: Annotated[datetime, Meta(tz=True)] | None = None
    into_id: Id | None = None
    passed: bool | None = None
    quantity: Annotated[float, Meta(gt=0, lt=1e6)] | None = None
    cause: Annotated[str, Meta(max_length=80)] = ""
    done_at: DoneAt = None


class AssetName(Body, frozen=True, kw_only=True):
    """Which asset a case of a place is about."""

    asset_id: Id


class RequestDecision(Body, frozen=True, kw_only=True):
    """What somebody decides about an extension, a suspension or an appeal; a refusal needs a note."""

    granted: bool
    note: Note = ""


def api_cases(call: Call[CaseQuery, None]) -> Answer:
    """Cases, the newest first."""
    if call.query.kind is not None:
        standard_of(call.engine).line(call.query.kind)
    return page(list_cases(call.engine, **_asked(call)))


def api_case(call: Call[NoQuery, None], case_id: int) -> Answer:
    """One case with its story."""
    return _case(call, case_id)


def api_move_case(call: Call[NoQuery, CaseMove], case_id: int) -> Answer:
    """Carry out one move."""
    order = call.body
    move_case(
        call.engine,
        case_id=case_id,
        move=order.move,
        by=call.by,
        expected_version=call.version(_file(call, case_id).version),
        now=call.now,
        note=order.note,
        assignee_id=order.assignee_id,
        unit_id=order.unit_id,
        photo_ids=order.photo_ids,
        until=order.until,
        into_id=order.into_id,
        passed=order.passed,
        quantity=order.quantity,
        cause=order.cause,
        detail=told_late(order.done_at, now=call.now),
        zone=call.where.zone,
    )
    return _case(call, case_id)


def api_name_asset(call: Call[NoQuery, AssetName], case_id: int) -> Answer:
    """Tie a case of a place to an asset near by."""
    version = call.version(_file(call, case_id).version)
    name_asset(call.engine, case_id, call.body.asset_id, by=call.by, expected_version=version, now=call.now)
    return _case(call, case_id)


def api_decide_request(call: Call[NoQuery, RequestDecision], case_id: int, request_id: int) -> Answer:
    """Decide the next step of what was asked for a case."""
    decide_request(
        call.engine,
        case_id=case_id,
        request_id=request_id,
        granted=call.body.granted,
        by=call.by,
        expected_version=call.version(_file(call, case_id).version),
        now=call.now,
        note=call.body.note,
        zone=call.where.zone,
    )
    return _case(call, case_id)


def api_alerts(call: Call[AlertQuery, None]) -> Answer:
    """Alerts, the newest first."""
    if call.query.case_kind is not None:
        standard_of(call.engine).line(call.query.case_kind)
    return page(list_alerts(call.engine, **_asked(call)))


def api_alert(call: Call[NoQuery, None], alert_id: int) -> Answer:
    """One alert with the condition that fired it."""
    found = alert_detail(call.engine, alert_id)
    if found is None:
        raise NotFound("alert", alert_id)
    return Answer(value=found)


def _asked(call: Call[Any, Any]) -> dict[str, Any]:
    asked = msgspec.structs.asdict(call.query)
    return asked | ({"scope": call.by.area_code} if call.by.area_code else {})


def _file(call: Call[Any, Any], case_id: int) -> CaseFile:
    found = case_file(call.engine, case_id)
    if found is None:
        raise NotFound("case", case_id)
    return found


def _case(call: Call[Any, Any], case_id: int) -> Answer:
    found = _file(call, case_id)
    return Answer(value=found, version=found.version, location=url_for("api_case", case_id=case_id))


_row = partial(Operation, group="cases")
OPERATIONS = (
    _row(
        method="GET",
        path="/cases",
        endpoint="api_cases",
        run=api_cases,
        zh="案件列表",
        en="Cases, the newest first",
        query=CaseQuery,
        replies={200: Listing[CaseRow]},
    ),
    _row(
        method="GET",
        path="/cases/{case_id}",
        endpoint="api_case",
        run=api_case,
        zh="案件详情",
        en="One case with its story",
        replies={200: CaseFile},
    ),
    _row(
        method="POST",
        path="/cases/{case_id}/moves",
        endpoint="api_move_case",
        run=api_move_case,
        zh="案件流转",
        en="Carry out one move of a case",
        body=CaseMove,
        replies={200: CaseFile},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/cases/{case_id}/asset",
        endpoint="api_name_asset",
        run=api_name_asset,
        zh="指认案件的部件",
        en="Name the asset that a case of a place is about",
        body=AssetName,
        replies={200: CaseFile},
        if_match=True,
    ),
    _row(
        method="POST",
        path="/cases/{case_id}/requests/{request_id}",
        endpoint="api_decide_request",
        run=api_decide_request,
        zh="审批延期、挂账、申诉",
        en="Decide an extension, a suspension or an appeal",
        body=RequestDecision,
        replies={200: CaseFile},
        if_match=True,
    ),
    _row(
        method="GET",
        path="/alerts",
        endpoint="api_alerts",
        run=api_alerts,
        zh="告警列表",
        en="Alerts, the newest first",
        query=AlertQuery,
        replies={200: Listing[AlertRow]},
    ),
    _row(
        method="GET",
        path="/alerts/{alert_id}",
        endpoint="api_alert",
        run=api_alert,
        zh="告警详情",
        en="One alert with the condition that fired it",
        replies={200: AlertDetail},
    ),
)
