"""Campaigns, consultations and tasks from above: their state, and what people in the street record."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Any

from flask import url_for
from msgspec import Meta

from dashboards.api.answering import page, page_out_of
from dashboards.api.operation import Answer, Body, Id, Listing, NoQuery, Note, Operation, Paged
from dashboards.api.request import Call
from registry.domain.campaigns import CampaignResult
from registry.domain.errors import NotFound
from registry.domain.mandates import MandateMove, MandateState
from registry.queries import campaigns as campaign_queries
from registry.queries import consultations as consultation_queries
from registry.queries import mandates as mandate_queries
from registry.queries.campaigns import CampaignItemRow, CampaignRow, CampaignView
from registry.queries.consultations import ConsultationRow, ConsultationView
from registry.queries.mandates import MandateListRow, MandateRow, MandateView
from registry.services import campaigns, mandates

Value = Annotated[float, Meta(ge=-1e9, le=1e9)]


class ItemQuery(Paged, frozen=True, kw_only=True):
    """Which assets of a campaign, the newest first."""

    result: CampaignResult | None = None


class ItemBody(Body, frozen=True, kw_only=True):
    """What was done at one asset; the photos are ones of that asset. A result of *case* opens or joins one."""

    result: CampaignResult
    note: Note = ""
    before_photo_id: Id | None = None
    after_photo_id: Id | None = None
    before_value: Value | None = None
    after_value: Value | None = None


class MandateQuery(Paged, frozen=True, kw_only=True):
    """Which tasks, in the order of their lists."""

    list_id: Id | None = None
    state: MandateState | None = None
    unit_id: Id | None = None
    late: bool = False


class MandateStepBody(Body, frozen=True, kw_only=True):
    """One step of a task; *report*, *send_back* and *reopen* need a note."""

    move: MandateMove
    note: Note = ""
    photo_ids: Annotated[tuple[Id, ...], Meta(max_length=9)] = ()


def api_campaigns(call: Call[Paged, None]) -> Answer:
    """Every campaign."""
    rows = campaign_queries.list_campaigns(call.engine, today=_today(call), scope=call.by.area_code)
    return page_out_of(rows, call.query, lambda row: (row.id,))


def api_campaign(call: Call[NoQuery, None], campaign_id: int) -> Answer:
    """One campaign with its daily board."""
    found = campaign_queries.campaign_view(call.engine, campaign_id, today=_today(call))
    if found is None:
        raise NotFound("campaign", campaign_id)
    return Answer(value=found, version=found.campaign.version)


def api_campaign_items(call: Call[ItemQuery, None], campaign_id: int) -> Answer:
    """What was done, asset by asset."""
    query = call.query
    if campaign_queries.campaign_row(call.engine, campaign_id, today=_today(call)) is None:
        raise NotFound("campaign", campaign_id)
    return page(
        campaign_queries.list_items(call.engine, campaign_id, result=query.result, after=query.after, limit=query.limit)
    )


def api_record_item(call: Call[NoQuery, ItemBody], campaign_id: int, asset_id: int) -> Answer:
    """Keep what was done at one asset."""
    sent = call.body
    new = campaigns.NewItem(
        asset_id=asset_id,
        result=sent.result,
        note=sent.note,
        before_photo_id=sent.before_photo_id,
        after_photo_id=sent.after_photo_id,
        before_value=sent.before_value,
        after_value=sent.after_value,
    )
    campaigns.record_item(call.engine, campaign_id, new, by=call.by, now=call.now, zone=call.where.zone)
    found = campaign_queries.item_of(call.engine, campaign_id, asset_id)
    if found is None:
        raise NotFound("item", asset_id)
    return Answer(value=found)


def api_consultations(call: Call[Paged, None]) -> Answer:
    """Consultations."""
    query = call.query
    return page(
        consultation_queries.list_consultations(
            call.engine, today=_today(call), scope=call.by.area_code, after=query.after, limit=query.limit
        )
    )


def api_consultation(call: Call[NoQuery, None], consultation_id: int) -> Answer:
    """One consultation."""
    found = consultation_queries.consultation_view(call.engine, consultation_id, today=_today(call))
    if found is None:
        raise NotFound("consultation", consultation_id)
    return Answer(value=found, version=found.row.version)


def api_mandate_lists(call: Call[Paged, None]) -> Answer:
    """The lists from above."""
    rows = mandate_queries.mandate_lists(call.engine, today=_today(call))
    return page_out_of(rows, call.query, lambda row: (row.id,))


def api_mandates(call: Call[MandateQuery, None]) -> Answer:
    """Tasks from above."""
    query = call.query
    return page(
        mandate_queries.list_mandates(
            call.engine,
            today=_today(call),
            list_id=query.list_id,
            state=query.state,
            unit_id=query.unit_id,
            late=query.late,
            after=query.after,
            limit=query.limit,
        )
    )


def api_mandate(call: Call[NoQuery, None], mandate_id: int) -> Answer:
    """One task from above."""
    return _mandate(call, mandate_id)


def api_move_mandate(call: Call[NoQuery, MandateStepBody], mandate_id: int) -> Answer:
    """Carry out one step of a task."""
    sent, found = call.body, _view(call, mandate_id)
    mandates.move_mandate(
        call.engine,
        mandate_id,
        sent.move,
        by=call.by,
        now=call.now,
        note=sent.note,
        photo_ids=sent.photo_ids,
        version=call.version(found.row.version),
    )
    return _mandate(call, mandate_id)


def _view(call: Call[Any, Any], mandate_id: int) -> MandateView:
    found = mandate_queries.mandate_view(call.engine, mandate_id, today=_today(call))
    if found is None:
        raise NotFound("task", mandate_id)
    return found


def _mandate(call: Call[Any, Any], mandate_id: int) -> Answer:
    found = _view(call, mandate_id)
    return Answer(value=found, version=found.row.version, location=url_for("api_mandate", mandate_id=mandate_id))


def _today(call: Call[Any, Any]) -> date:
    return call.now.astimezone(call.where.zone).date()


_get = partial(Operation, group="cases", method="GET")
OPERATIONS = (
    _get(
        path="/campaigns",
        endpoint="api_campaigns",
        run=api_campaigns,
        zh="专项整治",
        en="Campaigns and how far each is",
        query=Paged,
        replies={200: Listing[CampaignRow]},
    ),
    _get(
        path="/campaigns/{campaign_id}",
        endpoint="api_campaign",
        run=api_campaign,
        zh="一个专项及其每日进度",
        en="One campaign: its daily board, units and measures",
        replies={200: CampaignView},
    ),
    _get(
        path="/campaigns/{campaign_id}/items",
        endpoint="api_campaign_items",
        run=api_campaign_items,
        zh="专项逐个登记",
        en="What was done in a campaign, asset by asset",
        query=ItemQuery,
        replies={200: Listing[CampaignItemRow]},
    ),
    Operation(
        group="cases",
        method="PUT",
        path="/campaigns/{campaign_id}/items/{asset_id}",
        endpoint="api_record_item",
        run=api_record_item,
        zh="登记一个部件的整治结果",
        en="Record what was done at one asset of a campaign",
        body=ItemBody,
        replies={200: CampaignItemRow},
    ),
    _get(
        path="/consultations",
        endpoint="api_consultations",
        run=api_consultations,
        zh="会商",
        en="Consultations, the newest first",
        query=Paged,
        replies={200: Listing[ConsultationRow]},
    ),
    _get(
        path="/consultations/{consultation_id}",
        endpoint="api_consultation",
        run=api_consultation,
        zh="一次会商",
        en="One consultation with its decisions and cases",
        replies={200: ConsultationView},
    ),
    _get(
        path="/mandate-lists",
        endpoint="api_mandate_lists",
        run=api_mandate_lists,
        zh="上级交办清单",
        en="Lists of tasks from above, and how much of each is struck off",
        query=Paged,
        replies={200: Listing[MandateListRow]},
    ),
    _get(
        path="/mandates",
        endpoint="api_mandates",
        run=api_mandates,
        zh="上级交办任务",
        en="Tasks from above, in the order of their lists",
        query=MandateQuery,
        replies={200: Listing[MandateRow]},
    ),
    _get(
        path="/mandates/{mandate_id}",
        endpoint="api_mandate",
        run=api_mandate,
        zh="一项交办任务",
        en="One task from above with its story",
        replies={200: MandateView},
    ),
    Operation(
        group="cases",
        method="POST",
        path="/mandates/{mandate_id}/moves",
        endpoint="api_move_mandate",
        run=api_move_mandate,
        zh="办理交办任务",
        en="Report a task as done, send it back, strike it off, open it again",
        body=MandateStepBody,
        replies={200: MandateView},
        if_match=True,
    ),
)
