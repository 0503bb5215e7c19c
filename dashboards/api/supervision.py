"""Supervision by the API: the ledger, its items and what is done to them, notices and their papers."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated

from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.kinds import SupervisionState
from registry.domain.supervision import MAX_TEXT, ItemMove
from registry.queries.supervision import (
    SupervisedRow,
    SupervisedStory,
    SupervisionNoticeRow,
    SupervisionNoticeStory,
    SupervisionTallies,
    item_story,
    list_items,
    list_notices,
    notice_story,
    tallies,
)
from registry.services import supervision, supervision_notices
from registry.services.supervising import add_item

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Said = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class SupervisedQuery(Paged, frozen=True, kw_only=True):
    """Which items, the newest first. ``unnoticed``: only those that are on no notice."""

    state: SupervisionState | None = None
    late: bool = False
    unit_id: Id | None = None
    case_id: Id | None = None
    unnoticed: bool = False
    q: Annotated[str, Meta(max_length=80)] = ""


class SupervisedBody(Body, frozen=True, kw_only=True):
    """Something to be put under supervision: a case, an asset, or a place in words."""

    problem: Said
    deadline_at: datetime
    demand: Text = ""
    unit_id: Id | None = None
    case_id: Id | None = None
    asset_id: Id | None = None
    area_code: Annotated[str, Meta(max_length=20)] = ""
    place: Annotated[str, Meta(max_length=200)] = ""


class SupervisedMoveBody(Body, frozen=True, kw_only=True):
    """One step of an item; ``version`` is the one that was looked at."""

    move: ItemMove
    version: Annotated[int, Meta(ge=1)]
    note: Text = ""
    deadline_at: datetime | None = None


class SupervisionNoticeQuery(Paged, frozen=True, kw_only=True):
    """Which notices, the newest first."""

    year: Annotated[int, Meta(ge=1900, le=9999)] | None = None
    unit_id: Id | None = None


class SupervisionNoticeBody(Body, frozen=True, kw_only=True):
    """A notice to a unit about items of its own that are open and on no notice."""

    unit_id: Id
    item_ids: Annotated[list[Id], Meta(min_length=1, max_length=200)]
    title: Annotated[str, Meta(min_length=1, max_length=120)]
    demand: Said
    issuer: Annotated[str, Meta(min_length=1, max_length=120)]
    reply_by: datetime


class WithdrawNoticeBody(Body, frozen=True, kw_only=True):
    """Why a notice is withdrawn."""

    why: Said


def api_supervised_items(call: Call[SupervisedQuery, None]) -> Answer:
    """Items of the ledger."""
    query = call.query
    found = list_items(
        call.engine,
        now=call.now,
        state=query.state,
        late=query.late,
        unit_id=query.unit_id,
        case_id=query.case_id,
        unnoticed=query.unnoticed,
        q=query.q,
        scope=call.by.area_code,
        after=query.after,
        limit=query.limit,
    )
    return page(found)


def api_supervised_item(call: Call[NoQuery, None], supervised_id: int) -> Answer:
    """One item with its story."""
    return Answer(value=item_story(call.engine, supervised_id, now=call.now))


def api_add_supervised(call: Call[NoQuery, SupervisedBody]) -> Answer:
    """Put something under supervision."""
    sent = call.body
    new = supervision.NewItem(
        problem=sent.problem,
        deadline_at=sent.deadline_at,
        demand=sent.demand,
        unit_id=sent.unit_id,
        case_id=sent.case_id,
        asset_id=sent.asset_id,
        area_code=sent.area_code,
        place=sent.place,
    )
    item_id = add_item(call.engine, new, by=call.by, now=call.now, zone=call.where.zone)
    address = url_for("api_supervised_item", supervised_id=item_id)
    return Answer(value=item_story(call.engine, item_id, now=call.now), status=201, location=address)


def api_move_supervised(call: Call[NoQuery, SupervisedMoveBody], supervised_id: int) -> Answer:
    """One step of an item."""
    sent = call.body
    supervision.move_supervised(
        call.engine,
        supervised_id,
        sent.move,
        by=call.by,
        expected_version=sent.version,
        now=call.now,
        note=sent.note,
        deadline_at=sent.deadline_at,
    )
    return Answer(value=item_story(call.engine, supervised_id, now=call.now))


def api_supervision_tallies(call: Call[NoQuery, None]) -> Answer:
    """The rates since the beginning and of the year."""
    return Answer(value=tallies(call.engine, now=call.now, scope=call.by.area_code, zone=call.where.zone))


def api_supervision_notices(call: Call[SupervisionNoticeQuery, None]) -> Answer:
    """Notices."""
    query = call.query
    return page(list_notices(call.engine, year=query.year, unit_id=query.unit_id, after=query.after, limit=query.limit))


def api_supervision_notice(call: Call[NoQuery, None], supervision_notice_id: int) -> Answer:
    """One notice with its items."""
    return Answer(value=notice_story(call.engine, supervision_notice_id, now=call.now))


def api_issue_supervision_notice(call: Call[NoQuery, SupervisionNoticeBody]) -> Answer:
    """Number a notice and send it out."""
    sent = call.body
    new = supervision_notices.NewNotice(
        unit_id=sent.unit_id,
        item_ids=sent.item_ids,
        title=sent.title,
        demand=sent.demand,
        issuer=sent.issuer,
        reply_by=sent.reply_by,
    )
    issued = supervision_notices.issue_notice(call.engine, new, by=call.by, now=call.now, zone=call.where.zone)
    address = url_for("api_supervision_notice", supervision_notice_id=issued.id)
    return Answer(value=notice_story(call.engine, issued.id, now=call.now), status=201, location=address)


def api_withdraw_supervision_notice(call: Call[NoQuery, WithdrawNoticeBody], supervision_notice_id: int) -> Answer:
    """Withdraw a notice."""
    supervision_notices.withdraw_notice(call.engine, supervision_notice_id, call.body.why, by=call.by, now=call.now)
    return Answer(value=notice_story(call.engine, supervision_notice_id, now=call.now))


_row = partial(Operation, group="cases")
OPERATIONS = (
    _row(
        method="GET",
        path="/supervision/items",
        endpoint="api_supervised_items",
        run=api_supervised_items,
        zh="督办台账",
        en="Items of the ledger of supervision, the newest first",
        query=SupervisedQuery,
        replies={200: Listing[SupervisedRow]},
    ),
    _row(
        method="POST",
        path="/supervision/items",
        endpoint="api_add_supervised",
        run=api_add_supervised,
        zh="新增督办事项",
        en="Put a case, an asset or a place under supervision",
        body=SupervisedBody,
        replies={201: SupervisedStory},
    ),
    _row(
        method="GET",
        path="/supervision/items/{supervised_id}",
        endpoint="api_supervised_item",
        run=api_supervised_item,
        zh="一项督办及其经过",
        en="One supervised item with its timeline and evidence",
        replies={200: SupervisedStory},
    ),
    _row(
        method="POST",
        path="/supervision/items/{supervised_id}/moves",
        endpoint="api_move_supervised",
        run=api_move_supervised,
        zh="反馈、退回、延期、销号等",
        en="Answer, send back, extend, strike off … an item",
        body=SupervisedMoveBody,
        replies={200: SupervisedStory},
    ),
    _row(
        method="GET",
        path="/supervision/tallies",
        endpoint="api_supervision_tallies",
        run=api_supervision_tallies,
        zh="累计和当年销号率",
        en="How many items were struck off, since the beginning and of the year",
        replies={200: SupervisionTallies},
    ),
    _row(
        method="GET",
        path="/supervision/notices",
        endpoint="api_supervision_notices",
        run=api_supervision_notices,
        zh="督查通知单列表",
        en="Numbered supervision notices, the newest first",
        query=SupervisionNoticeQuery,
        replies={200: Listing[SupervisionNoticeRow]},
    ),
    _row(
        method="POST",
        path="/supervision/notices",
        endpoint="api_issue_supervision_notice",
        run=api_issue_supervision_notice,
        zh="签发督查通知单",
        en="Number a notice to a unit about its open items",
        body=SupervisionNoticeBody,
        replies={201: SupervisionNoticeStory},
    ),
    _row(
        method="GET",
        path="/supervision/notices/{supervision_notice_id}",
        endpoint="api_supervision_notice",
        run=api_supervision_notice,
        zh="一份督查通知单",
        en="One notice with its items",
        replies={200: SupervisionNoticeStory},
    ),
    _row(
        method="POST",
        path="/supervision/notices/{supervision_notice_id}/withdraw",
        endpoint="api_withdraw_supervision_notice",
        run=api_withdraw_supervision_notice,
        zh="撤回督查通知单",
        en="Withdraw a notice; its number stays used",
        body=WithdrawNoticeBody,
        replies={200: SupervisionNoticeStory},
    ),
)
