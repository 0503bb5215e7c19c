"""Notices for programs: who was told of what, which channels work, and sending a trial."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page
from dashboards.api.operation import Answer, Body, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from dashboards.site import lang, site
from registry.domain.kinds import NoticeKind, NoticeState
from registry.queries.notice_ways import ChannelView, list_channels
from registry.queries.notices import NoticeFilter, NoticeRow, list_notices, notices_of_alert
from registry.services.channels import send_trial
from registry.services.notice_place import place_of


class NoticeQuery(Paged, frozen=True, kw_only=True):
    """Which notices, the newest first."""

    state: NoticeState | None = None
    kind: NoticeKind | None = None
    contact_id: Id | None = None
    alert_id: Id | None = None
    group_id: Id | None = None
    case_id: Id | None = None


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """Who was told of one alert, in the order in which it was decided."""

    items: list[NoticeRow]


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """The ways out, without their addresses."""

    items: list[ChannelView]


class TrialOrder(Body, frozen=True, kw_only=True):
    """Where a trial goes: what stands for ``{to}`` in the channel's address."""

    to: Annotated[str, Meta(max_length=200)] = ""


class TrialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the receiver took it, and what it said if not."""

    well: bool
    problem: str


def api_notices(call: Call[NoticeQuery, None]) -> Answer:
    """Notices, the newest first."""
    asked = call.query
    wanted = NoticeFilter(
        state=asked.state,
        kind=asked.kind,
        contact_id=asked.contact_id,
        alert_id=asked.alert_id,
        group_id=asked.group_id,
        case_id=asked.case_id,
    )
    return page(list_notices(call.engine, wanted, scope=call.by.area_code, after=asked.after, limit=asked.limit))


def api_alert_notices(call: Call[NoQuery, None], alert_id: int) -> Answer:
    """Who was told of an alert."""
    return Answer(value=Notices(items=notices_of_alert(call.engine, alert_id)))


def api_channels(call: Call[NoQuery, None]) -> Answer:
    """Every channel and whether it works."""
    return Answer(value=Channels(items=list_channels(call.engine)))


def api_try_channel(call: Call[NoQuery, TrialOrder], channel_id: int) -> Answer:
    """Send a trial and wait for the answer."""
    where = site()
    answer = send_trial(
        call.engine,
        channel_id,
        to=call.body.to,
        language=lang(),
        place=place_of(where.city, where.zone),
        by=call.by,
        now=call.now,
    )
    return Answer(value=TrialAnswer(well=answer.well, problem=answer.problem))


_row = partial(Operation, group="figures")
OPERATIONS = (
    _row(
        method="GET",
        path="/notices",
        endpoint="api_notices",
        run=api_notices,
        zh="通知记录，最新的在前",
        en="Who was told of what, the newest first",
        query=NoticeQuery,
        replies={200: Listing[NoticeRow]},
    ),
    _row(
        method="GET",
        path="/alerts/{alert_id}/notices",
        endpoint="api_alert_notices",
        run=api_alert_notices,
        zh="某告警告知了谁",
        en="Who was told of one alert, with its group",
        replies={200: Notices},
    ),
    _row(
        method="GET",
        path="/channels",
        endpoint="api_channels",
        run=api_channels,
        zh="通知渠道及其状态",
        en="The ways out and whether they work",
        replies={200: Channels},
    ),
    _row(
        method="POST",
        path="/channels/{channel_id}/trial",
        endpoint="api_try_channel",
        run=api_try_channel,
        zh="发送测试并返回对方的答复",
        en="Send a trial and tell the receiver's own answer",
        body=TrialOrder,
        replies={200: TrialAnswer},
    ),
)
